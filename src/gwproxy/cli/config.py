"""`gwproxy config path | edit`: where config.toml is, and an edit of it that cannot go wrong.

The editor is given a copy. Only what `serve` would read takes its place, so that a running gateway,
which looks at the file, never sees half an edit.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import typer

from gwproxy import paths
from gwproxy.cli.options import JsonFlag, QuietFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.voice import Group
from gwproxy.errors import ConfigError, GwproxyError, UsageError
from gwproxy.profiles.redaction import redact

_VARIABLES: Final = ("VISUAL", "EDITOR")
_USUAL: Final = ("notepad",) if sys.platform == "win32" else ("nano", "vim", "vi")

_START: Final = """\
# What gwproxy does, on this machine. A gateway that runs takes a change over by itself.
# Keys do not belong here: gwproxy profile key NAME
"""

_LINE: Final = re.compile(r"at line (\d+)")

config_app: Final = typer.Typer(
    cls=Group,
    help="Where config.toml is, and to edit it.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    app.add_typer(config_app, name="config")


@config_app.command("path")
def path(context: typer.Context, json: JsonFlag = False, quiet: QuietFlag = False) -> None:
    """Print where config.toml is, or would be."""
    output = output_of(context)
    file = paths.config_file()
    exists = file.exists()

    def human() -> None:
        output.line(str(file))
        if not exists:
            output.talk("it is not there yet; gwproxy init makes it")

    output.result({"path": str(file), "exists": exists}, human)


@config_app.command("edit")
def edit(context: typer.Context, quiet: QuietFlag = False) -> None:
    """Edit config.toml; what is not right is not taken over."""
    from gwproxy.profiles import store

    output = output_of(context)
    editor = _editor(output)
    before = store.text()
    copy = _copy_of(before)
    try:
        text = _right_text(output, editor, copy, before)
        config = None if text is None else store.replace(text, before)
    except BaseException:  # an edit is somebody's work, whatever ends the command
        with contextlib.suppress(OSError):
            if copy.read_bytes() == (before or _START).encode():
                copy.unlink()
        if copy.exists():
            output.warn(f"{paths.config_file()} is as it was; your edit is in {copy}")
        raise
    copy.unlink(missing_ok=True)
    if config is None:
        output.talk("nothing was changed")
        if len(editor) == 1:
            output.talk("an editor that opens a window needs its flag to wait, such as")
            output.talk("  EDITOR='code --wait' gwproxy config edit")
        return
    output.line(f"changed {paths.config_file()}")
    for remark in config.remarks:
        output.warn(remark)


def _copy_of(text: str) -> Path:
    """A private file beside config.toml. Raises ConfigError."""
    folder = paths.ensure_private_dir(paths.config_file().parent)
    try:
        descriptor, name = tempfile.mkstemp(prefix="config-edit-", suffix=".toml", dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write((text or _START).encode())
    except OSError as error:
        raise ConfigError(
            f"cannot write into {folder}", why=error.strerror or str(error)
        ) from error
    return Path(name)


def _right_text(output: Output, editor: Sequence[str], copy: Path, before: str) -> str | None:
    """What `serve` would read, edited until it is right; None where nothing was changed. Raises
    GwproxyError."""
    from gwproxy.profiles import store

    while True:
        _run(editor, copy)
        text = ""
        try:
            text = copy.read_bytes().decode()
            if text in (before, before or _START):
                return None
            store.parse(text, paths.config_file())
        except UnicodeDecodeError:
            trouble = ConfigError("this is not UTF-8 text", hint="save it as UTF-8")
        except OSError as error:
            raise ConfigError("the edit is gone", why=error.strerror or str(error)) from error
        except ConfigError as error:
            trouble = error
        else:
            return text
        output.fail(trouble)
        _show_line(output, trouble, text)
        if output.ask("Edit it again? [Y/n]", flag="", optional=True).lower() in ("n", "no"):
            raise ConfigError("the edit is not taken over", hint="gwproxy config edit")


def _show_line(output: Output, trouble: ConfigError, text: str) -> None:
    """The line where a reader of TOML stopped; what looks like a key is masked."""
    found = _LINE.search(trouble.why)
    lines = text.split("\n")
    if found and int(found[1]) <= len(lines):
        output.talk(f"  {found[1]} | {redact(lines[int(found[1]) - 1].rstrip())}")


def _editor(output: Output) -> list[str]:
    """The command line of the person's editor. Raises UsageError."""
    file = paths.config_file()
    if not output.can_ask():
        raise UsageError(
            "there is no terminal for an editor",
            why=f"the file is {file}",
            hint="gwproxy profile set NAME KEY=VALUE\ngwproxy config path",
        )
    for variable in _VARIABLES:
        if words := _words(os.environ.get(variable, "")):
            return words
    for program in _USUAL:
        if found := shutil.which(program):
            return [found]
    raise UsageError(
        "no editor is known here",
        why=f"neither {' nor '.join(_VARIABLES)} names one, and {', '.join(_USUAL)} are not here",
        hint=f"EDITOR=PROGRAM gwproxy config edit\nor change {file} by yourself",
    )


def _words(text: str) -> list[str]:
    """A command line as its words; a path with spaces that is there is one word."""
    if shutil.which(text):
        return [text]
    windows = sys.platform == "win32"  # where a backslash means itself
    try:
        words = [word.strip('"') for word in shlex.split(text, posix=not windows)]
    except ValueError as error:
        raise UsageError(f"EDITOR is not well formed: {text}", why=str(error)) from None
    return [shutil.which(words[0]) or words[0], *words[1:]] if words else []


def _run(editor: Sequence[str], file: Path) -> None:
    """Raises GwproxyError."""
    try:
        # stdout is for data, and an editor draws: on the terminal that stderr is.
        done = subprocess.run([*editor, str(file)], stdout=sys.stderr, check=False)
    except OSError as error:
        raise GwproxyError(
            f"cannot run the editor {editor[0]}",
            why=error.strerror or str(error),
            hint="EDITOR=PROGRAM gwproxy config edit",
        ) from error
    if done.returncode != 0:
        raise GwproxyError(
            "the editor said that it failed", why=f"{editor[0]} ended with {done.returncode}"
        )

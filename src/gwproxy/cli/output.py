"""The only module that writes to the terminal: stdout is data, stderr is talk.

One `Output` is made per command line and handed to commands as `context.obj`
(`output_of(context)`). It knows whether `--json`, `--quiet` and colour are on, prints results
and tables, asks questions (on a terminal only) and renders errors in three lines:

    error: what happened
    why: the cause, in the upstream's own words
    hint: the exact next command

With `--json` stdout carries exactly one envelope, also when the command failed before it began;
`failed` is a command that did its work and found trouble:

    {"version": 1, "command": "profile list", "status": "ok", "data": …, "error": null}
    {"version": 1, "command": "test", "status": "failed", "data": …, "error": null}
    {"version": 1, "command": "profile show", "status": "error", "data": null,
     "error": {"what": …, "why": …, "hint": …, "exit_code": 3}}

With `--csv` it is the rows of the result, as `Sheet` lays them out; errors are the three lines.

It must not know what the results mean. rich is imported only to draw a table on a terminal.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TextIO

from gwproxy.cli import streams
from gwproxy.cli.drawing import Table, aligned, draw, hanging
from gwproxy.cli.sheet import Sheet
from gwproxy.errors import GwproxyError, UsageError
from gwproxy.plain import harmless, json_text
from gwproxy.profiles.suggest import did_you_mean

if TYPE_CHECKING:
    import typer

ENVELOPE_VERSION: Final = 1
"""Raised only when a reader of the envelope would have to change."""

_RED: Final = "\x1b[1;31m"
_RED_TEXT: Final = "\x1b[31m"
_YELLOW: Final = "\x1b[1;33m"
_GREEN: Final = "\x1b[32m"
_CYAN: Final = "\x1b[36m"
_DIM: Final = "\x1b[2m"
_PLAIN: Final = "\x1b[0m"

LEVELS: Final = {"ok": _GREEN, "note": _YELLOW, "failed": _RED}
"""What a finding can be."""

_PAINT: Final = re.compile(r"\x1b\[[0-9;]*m")
_COMMAND: Final = re.compile(
    # Behind a label, or by itself in a list of ways out: a sentence may begin with our name too.
    r"(?:\s*(?:hint|next|then|undo|→):? +|\s+)(?:gwproxy |read -rs |\w+=\S+ )"
)
"""What stays whole on a narrow terminal, as it is to be copied."""

_BLANK: Final = re.compile(r" *")
_LABELLED: Final = re.compile(r" *\S+ {2,}")
_MOST_INDENT: Final = 3
"""Two thirds of a line are for words."""

_LEVEL_WIDTH: Final = max(map(len, LEVELS)) + 2


class Output:
    """Where one command writes. `stdout` and `stderr` are looked up at each call."""

    def __init__(
        self,
        *,
        command: str = "",
        json_mode: bool = False,
        csv_mode: bool = False,
        quiet: bool = False,
        debug: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.command = command
        self.json_mode = json_mode
        self.csv_mode = csv_mode and not json_mode
        self.quiet = quiet
        self.debug = debug
        self.hints = True
        """Whether `next`, and what is only to be known, say what to do: a command that runs others
        says so itself."""
        self._environ = os.environ if environ is None else environ

    # -- data -------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        """One line of data on stdout, or several; words are not torn at the edge of a terminal."""
        self.document(self._within(sys.stdout, harmless(text)))

    def document(self, text: str) -> None:
        """A text that is made here, or a file's as it stands there, on stdout."""
        print(text, file=sys.stdout)  # noqa: T201 -- the one place that prints

    def json(self, value: object) -> None:
        """`value` as JSON on stdout, in the letters that it has."""
        text = json_text(value, indent=2)
        self.document(text if streams.takes(text) else json.dumps(value, indent=2))

    def result(
        self,
        data: object,
        human: Callable[[], None],
        *,
        failed: bool = False,
        sheet: Sheet | None = None,
    ) -> None:
        """The result of a command: `data` in the envelope with --json, `sheet` with --csv, else
        whatever `human` prints. `data` is made of dicts, lists, strings, numbers, booleans and
        None. `failed` says that the command did its work and found that not all is well."""
        if self.json_mode:
            self._envelope("failed" if failed else "ok", data=data, error=None)
        elif self.csv_mode and sheet is not None:
            if text := sheet.text():
                self.document(text)
        else:
            human()

    def done(self, data: object, words: str) -> None:
        """What was changed: `data` in the envelope with --json, else `words` to the person."""
        self.result(data, lambda: self.talk(words))

    def table(self, table: Table) -> None:
        """A table on stdout: drawn by rich on a terminal, aligned plain columns elsewhere."""
        if not table.rows:
            if table.empty:
                self.talk(table.empty)
            return
        table = table.harmless()
        if self.draws_on(sys.stdout):
            draw(table, sys.stdout, colour=self.is_fancy(sys.stdout))
            return
        right = [name in table.right for name in table.columns]
        for row in aligned((table.columns, *table.rows), right):
            self.line(row)

    def pairs(self, pairs: Sequence[tuple[str, str]]) -> None:
        """`name   value` lines on stdout, aligned."""
        for row in aligned(pairs):
            self.line(row)

    def item(self, text: str, indent: int) -> None:
        """One item of a list on stdout; on a terminal it goes on below its own words."""
        self.line(self._wrapped(text, indent))

    def diff(self, text: str) -> None:
        """A difference on stdout; what comes is green and what goes is red on a terminal."""
        self.document(self._diff(harmless(text), sys.stdout))

    def finding(self, level: str, text: str, hints: Sequence[str] = ()) -> None:
        """What was looked at, how it is (one of LEVELS), and what to do about it."""
        shown = self._wrapped(f"{level:<{_LEVEL_WIDTH}}{text}", _LEVEL_WIDTH)
        self.document(self._paint(level, LEVELS[level], sys.stdout) + shown.removeprefix(level))
        for hint in hints if self.hints or level == "failed" else ():
            way = self._within(sys.stdout, f"{' ' * _LEVEL_WIDTH}→ {harmless(hint.strip())}")
            self.document(self._paint(way, _CYAN, sys.stdout))

    @property
    def for_program(self) -> bool:
        """Whether stdout is read by a program, so that nothing may come before the result."""
        return self.json_mode or self.csv_mode

    # -- talk -------------------------------------------------------------------------------

    def talk(self, text: str) -> None:
        """A remark to the person, on stderr; --quiet silences it."""
        if not self.quiet:
            self._say(harmless(text))

    def next(self, *commands: str) -> None:
        """What to type now, one command on each line: each is to be pasted as it stands."""
        for number, command in enumerate(commands if self.hints else ()):
            self.talk(f"{'then' if number else 'next'}: {command}")

    def talk_diff(self, text: str) -> None:
        """A difference on stderr, for a person about to be asked; --quiet silences it."""
        if not self.quiet:
            self._say(self._diff(harmless(text), sys.stderr))

    def warn(self, text: str) -> None:
        """Something the person should know even with --quiet, on stderr."""
        self._say(harmless(text), self._paint("warning:", _YELLOW, sys.stderr))

    def fail(self, error: GwproxyError) -> None:
        """The three lines, or the envelope with --json. The caller exits with
        `error.exit_code`."""
        if self.json_mode:
            parts = {"what": error.what, "why": error.why, "hint": error.hint}
            self._envelope("error", data=None, error=parts | {"exit_code": error.exit_code})
            return
        self._say(harmless(error.what), self._paint("error:", _RED, sys.stderr))
        if error.why:
            self._say(harmless(error.why), self._paint("why:", _DIM, sys.stderr))
        if error.hint:
            # A hint may go on over several lines, one way out on each.
            hint = harmless(error.hint).replace("\n", "\n  ")
            self._say(hint, self._paint("hint:", _DIM, sys.stderr))

    # -- questions --------------------------------------------------------------------------

    def can_ask(self) -> bool:
        """Whether a person is there to answer: stdin and stderr are a terminal."""
        return sys.stdin.isatty() and sys.stderr.isatty() and not self.for_program

    def ask(self, question: str, *, flag: str, default: str = "", optional: bool = False) -> str:
        """An answer typed on the terminal; an empty one is `default`, or asked for again.

        Raises UsageError naming `flag` when nobody is there to answer. Ctrl-D raises EOFError.
        """
        self._need_person(question, flag)
        suffix = f" [{default}]" if default else ""
        while True:
            sys.stderr.write(f"{self._within(sys.stderr, question + suffix)}: ")
            sys.stderr.flush()
            line = sys.stdin.readline()
            if not line:
                raise EOFError
            answer = line.strip() or default
            if answer or optional:
                return answer

    def ask_until(
        self,
        question: str,
        read: Callable[[str], str],
        flag: str,
        *,
        default: str = "",
        optional: bool = False,
    ) -> str:
        """What `read` makes of an answer; asked again, with its reason, for as long as it raises
        UsageError."""
        while True:
            try:
                answer = self.ask(question, flag=flag, default=default, optional=optional)
                return read(answer)
            except UsageError as error:
                if not self.can_ask():
                    raise
                self.talk(f"{error.what}: {error.why}")

    def choose(self, question: str, choices: Mapping[str, str], flag: str) -> str:
        """One of `choices` (what each is stands beside it), by arrow keys where the terminal has a
        menu, else typed as its number or its name; asked again for anything else. Raises UsageError
        naming `flag` without a terminal."""
        self._need_person(question, flag)
        if self.draws_on(sys.stderr):
            from gwproxy.cli import menu

            colour = self.is_fancy(sys.stderr)
            if chosen := menu.choose(question, choices, sys.stderr, colour=colour):
                return chosen
        width = max(map(len, choices))
        for number, (name, meaning) in enumerate(choices.items(), 1):
            self._say(harmless(f"  {number}  {name:<{width}}  {meaning}"))

        def read(text: str) -> str:
            if text.isdecimal() and 0 < int(text) <= len(choices):
                return list(choices)[int(text) - 1]
            if text not in choices:
                raise UsageError(f"{text!r} is none of these", why=did_you_mean(text, choices))
            return text

        return self.ask_until(question, read, flag)

    def ask_secret(self, question: str, *, flag: str) -> str:
        """Like `ask`, but what is typed stays invisible."""
        self._need_person(question, flag)
        import getpass

        while True:
            answer = getpass.getpass(f"{question}: ", stream=sys.stderr).strip()
            if answer:
                return answer

    def confirm(self, question: str, *, flag: str) -> bool:
        """Yes or no; no is the default. Raises UsageError naming `flag` without a terminal."""
        self._need_person(question, flag)
        answer = self.ask(f"{question} [y/N]", flag=flag, optional=True)
        return answer.lower() in ("y", "yes")

    # -- how --------------------------------------------------------------------------------

    def is_fancy(self, stream: TextIO) -> bool:
        """Whether colour is welcome on `stream` (https://no-color.org)."""
        return self.draws_on(stream) and not self._environ.get("NO_COLOR")

    def draws_on(self, stream: TextIO) -> bool:
        """Whether somebody looks at `stream`, on a terminal of known width."""
        return stream.isatty() and self._environ.get("TERM") != "dumb"

    def columns(self) -> int | None:
        """The width of the terminal that stdout is; None where it is none."""
        return shutil.get_terminal_size().columns if self.draws_on(sys.stdout) else None

    def _need_person(self, question: str, flag: str) -> None:
        if not self.can_ask():
            raise UsageError(
                f"this needs {flag}",
                why=f"there is no terminal to ask on ({question.rstrip('?: ')})",
                hint=f"add {flag}; see gwproxy {self.command} --help".replace("  ", " "),
            )

    def _paint(self, text: str, colour: str, stream: TextIO) -> str:
        return f"{colour}{text}{_PLAIN}" if self.is_fancy(stream) else text

    def _diff(self, text: str, stream: TextIO) -> str:
        """Only a line feed ends a line: what stands in a file may hold other separators."""
        colours = {"+": _GREEN, "-": _RED_TEXT, "@": _CYAN}
        lines = text.split("\n")
        # The two names at its head are neither added nor removed.
        return "\n".join(
            self._paint(line, colours[line[0]], stream)
            if number > 1 and line[:1] in colours
            else line
            for number, line in enumerate(lines)
        )

    def _wrapped(self, text: str, indent: int) -> str:
        columns, text = self.columns(), harmless(text)
        return text if columns is None else hanging(text, indent, columns)

    def _say(self, text: str, label: str = "") -> None:
        """`text` behind a coloured `label`; words are not torn at the edge of a terminal."""
        if label:
            text = f"{label} {text}"
        with contextlib.suppress(OSError):  # nobody is left to tell
            print(self._within(sys.stderr, text), file=sys.stderr)  # noqa: T201

    def _within(self, stream: TextIO, text: str) -> str:
        """`text` wrapped between words where `stream` is a terminal; commands stay whole, as they
        are to be copied."""
        if not self.draws_on(stream):
            return text
        columns = shutil.get_terminal_size().columns
        return "\n".join(
            line
            if len(_PAINT.sub("", line)) <= columns or _COMMAND.match(_PAINT.sub("", line))
            else hanging(line, _indent_of(line, columns), columns)
            for line in text.split("\n")
        )

    def _envelope(self, status: str, *, data: object, error: object) -> None:
        envelope = {
            "version": ENVELOPE_VERSION,
            "command": self.command,
            "status": status,
            "data": data,
            "error": error,
        }
        self.json(envelope)


def _indent_of(line: str, columns: int) -> int:
    """Where a line goes on: below its own words, behind a label in a column of labels."""
    for pattern in (_LABELLED, _BLANK):
        if (found := pattern.match(line)) and found.end() <= columns // _MOST_INDENT:
            return found.end()
    return 0


def output_of(context: typer.Context) -> Output:
    """The Output of the running command."""
    output = context.obj
    assert isinstance(output, Output), "commands are started by gwproxy.cli.app.run"
    return output

"""`gwproxy config`: where config.toml is, and an edit that is taken over only when it is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwproxy.profiles import store
from support.cli import InProcess, Ran, gwproxy_on_terminal

RIGHT = '# mine\n[profiles.up]\nopenai_url = "http://127.0.0.1:1/v1"\nmodel = "m"\nkey = "none"\n'
BROKEN = RIGHT + "model == 3\n"


class Editor:
    """An editor that, each time it is opened, saves the next of `texts`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.program = folder / "my editor"
        self.program.write_text(
            f"#!/bin/sh\nfor last; do :; done\ncp \"$last\" '{folder}/shown'\n"
            f"next=$(ls '{folder}/texts' | head -n 1)\n"
            f'[ -z "$next" ] && exit\ncd \'{folder}/texts\' && cat $next > "$last" && rm $next\n'
        )
        self.program.chmod(0o755)
        (folder / "texts").mkdir()

    def saves(self, *texts: str) -> None:
        for number, text in enumerate(texts):
            (self._folder / "texts" / str(number)).write_text(text)

    def edit(self, *answers: str, **environ: str) -> Ran:
        editor = environ or {"EDITOR": f"'{self.program}' --wait"}
        clean = {"VISUAL": "", "EDITOR": ""}
        return gwproxy_on_terminal("config", "edit", answers=answers, environ=clean | editor)

    @property
    def was_shown(self) -> str:
        return (self._folder / "shown").read_text()


@pytest.fixture
def editor(tmp_path: Path, gwproxy_home: Path) -> Editor:
    pytest.importorskip("pty")
    return Editor(tmp_path)


def left(home: Path) -> list[Path]:
    return list(home.glob("config-edit-*"))


def test_where_it_is(command: InProcess, gwproxy_home: Path) -> None:
    file = gwproxy_home / "config.toml"
    ran = command("config", "path")
    assert (ran.code, ran.stdout) == (0, f"{file}\n")
    assert "not there yet" in ran.stderr
    gwproxy_home.mkdir()
    file.write_text("")
    assert command("config", "path", "--json").envelope["data"] == {
        "path": str(file),
        "exists": True,
    }


def test_an_edit_is_taken_over_as_it_was_typed(editor: Editor, gwproxy_home: Path) -> None:
    editor.saves(RIGHT + '[serve]\nprot = "x"\n')
    ran = editor.edit(VISUAL=f"'{editor.program}'", EDITOR="false")
    assert (ran.code, ran.stdout) == (0, f"changed {gwproxy_home / 'config.toml'}\n")
    assert "warning: serve.prot is not a setting; did you mean port?" in ran.stderr
    assert "gwproxy profile key NAME" in editor.was_shown  # of a file that was not there
    assert (gwproxy_home / "config.toml").read_text().startswith("# mine\n")
    assert not left(gwproxy_home)


def test_a_broken_edit_is_told_with_its_place_and_offered_again(
    editor: Editor, gwproxy_home: Path
) -> None:
    editor.saves(BROKEN, RIGHT.replace('"none"', "7"), RIGHT)
    ran = editor.edit("", "y")
    assert ran.code == 0, ran
    assert "is not valid TOML" in ran.stderr
    assert "(at line 6, column 8)\n" in ran.stderr
    assert "  6 | model == 3\n" in ran.stderr
    assert "profiles.up.key" in ran.stderr
    assert store.load().default == "up"


def test_a_broken_edit_that_is_given_up_is_kept_and_nothing_else_changes(
    editor: Editor, gwproxy_home: Path
) -> None:
    gwproxy_home.mkdir()
    (gwproxy_home / "config.toml").write_text(RIGHT)
    editor.saves(BROKEN)
    ran = editor.edit("n")
    assert ran.code == 3, ran
    assert editor.was_shown == RIGHT == (gwproxy_home / "config.toml").read_text()
    (kept,) = left(gwproxy_home)
    assert f"your edit is in {kept}" in " ".join(ran.stderr.split())
    assert kept.read_text() == BROKEN
    assert kept.stat().st_mode & 0o077 == 0


def test_a_broken_file_can_be_mended(editor: Editor, gwproxy_home: Path) -> None:
    gwproxy_home.mkdir()
    (gwproxy_home / "config.toml").write_text(BROKEN)
    editor.saves(RIGHT)
    assert editor.edit().code == 0
    assert editor.was_shown == BROKEN
    assert (gwproxy_home / "config.toml").read_text() == RIGHT


def test_what_changed_meanwhile_is_not_lost(editor: Editor, gwproxy_home: Path) -> None:
    gwproxy_home.mkdir()
    file = gwproxy_home / "config.toml"
    file.write_text(RIGHT)
    editor.program.write_text(f"#!/bin/sh\necho '# other' > '{file}'\necho '# my' > \"$1\"\n")
    ran = editor.edit(EDITOR=f"'{editor.program}'")
    assert (ran.code, file.read_text()) == (3, "# other\n")
    assert left(gwproxy_home)[0].read_text() == "# my\n"
    assert "was changed while you edited it" in " ".join(ran.stderr.split())


def test_nothing_changed_and_an_editor_that_fails(editor: Editor, gwproxy_home: Path) -> None:
    ran = editor.edit(EDITOR=f"'{editor.program}'")
    assert (ran.code, ran.stdout) == (0, "")
    assert "nothing was changed\n" in ran.stderr
    assert "EDITOR='code --wait' gwproxy config edit" in ran.stderr
    ran = editor.edit(EDITOR="false")
    assert (ran.code, "the editor said that it failed" in ran.stderr) == (1, True)
    ran = editor.edit(EDITOR="no-such-editor --here")
    assert (ran.code, "cannot run the editor no-such-editor" in ran.stderr) == (1, True)
    assert not (gwproxy_home / "config.toml").exists()
    assert not left(gwproxy_home)


def test_without_a_terminal_or_an_editor(
    command: InProcess, editor: Editor, gwproxy_home: Path, tmp_path: Path
) -> None:
    ran = command("config", "edit")
    assert ran.code == 2
    assert f"the file is {gwproxy_home / 'config.toml'}\n" in ran.stderr
    ran = editor.edit(PATH=str(tmp_path / "texts"))
    assert ran.code == 2
    assert "no editor is known here" in ran.stderr
    assert "hint: EDITOR=PROGRAM gwproxy config edit\n" in ran.stderr


def test_a_pasted_key_is_masked(editor: Editor) -> None:
    editor.saves("key = sk-kimi-0123456789abcdef0123456789\n")
    ran = editor.edit("n")
    assert "  1 | key = " in ran.stderr
    assert "0123456789abcdef" not in ran.stderr

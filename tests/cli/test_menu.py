"""The list to choose from by arrow keys: what the keys do, and what a terminal shows of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence

import pytest

from gwproxy.cli.menu import BACK, DOWN, END, ENTER, HOME, UP, Menu
from support.cli import TIMEOUT_S, environment

NAMES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")
MEANINGS = {name: f"the meaning of {name}, which is rather long for a line" for name in NAMES[:5]}

ARROW_DOWN, ARROW_UP = "\x1b[B", "\x1bOA"


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        ([ENTER], "one"),
        ([DOWN, DOWN, ENTER], "three"),
        ([UP, ENTER], "eleven"),
        ([END, DOWN, ENTER], "one"),
        ([END, UP, HOME, DOWN, ENTER], "two"),
        (["4", ENTER], "four"),
        (["1", "1", ENTER], "eleven"),
        (["1", "1", BACK, ENTER], "one"),
        ([*"thr", ENTER], "three"),
        ([*"thr", DOWN, ENTER], "four"),
        ([*"thx", ENTER, ENTER], "three"),  # where it stood when the name went astray
        (["0", ENTER, DOWN, ENTER], "two"),
        (["", "é", BACK, ENTER], "one"),
    ],
)
def test_keys(keys: Sequence[str], chosen: str) -> None:
    menu = Menu(NAMES)
    *before, last = [menu.press(key) for key in keys]
    assert (last, set(before) | {None}) == (chosen, {None})


def test_what_is_none_of_them_is_told_until_the_next_key() -> None:
    menu = Menu(NAMES)
    for key in [*"thre3", ENTER]:
        assert menu.press(key) is None
    assert menu.trouble == "'thre3' is none of these: did you mean three?"
    menu.press(DOWN)
    assert menu.trouble == ""


def test_no_line_is_wider_than_the_terminal_and_no_word_is_torn() -> None:
    menu = Menu(tuple(MEANINGS), at=1)
    words = {word for name, meaning in MEANINGS.items() for word in (name, *meaning.split())}
    for columns in range(35, 90):
        *lines, last = menu.lines("Number", MEANINGS, columns)
        shown = "\n".join(lines)
        assert max(map(len, shown.split("\n"))) < columns
        assert set(shown.split()) - words == {">", "1", "2", "3", "4", "5"}
        assert "> 2  two " in shown
        assert last == "Number (arrows or number, Enter): "


PROGRAM = """
import sys
from gwproxy.cli.menu import choose
meanings = {meanings}
print("before", file=sys.stderr)
try:
    chosen = choose("Number", meanings, sys.stderr, colour=False)
except BaseException as error:
    chosen = type(error).__name__
print(chosen, flush=True)
print("then", repr(sys.stdin.readline()), file=sys.stderr)
"""


class Terminal:
    """A terminal of so many columns: what stands on it after what a program wrote."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._lines = [""]
        self._row = self._column = 0

    def show(self, text: str) -> list[str]:
        for piece in re.findall(r"\x1b\[\d*[A-Za-z]|[^\x1b]", text):
            if piece == "\r":
                self._column = 0
            elif piece == "\n":
                self._down()
            elif piece == "\x1b[J":
                del self._lines[self._row + 1 :]
                self._lines[self._row] = self._lines[self._row][: self._column]
            elif piece.startswith("\x1b"):
                self._row -= int(piece[2:-1])
            else:
                if self._column == self._columns:
                    self._down()
                    self._column = 0
                line = self._lines[self._row].ljust(self._column)
                self._lines[self._row] = line[: self._column] + piece + line[self._column + 1 :]
                self._column += 1
        return [line.rstrip() for line in self._lines]

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self._lines):
            self._lines.append("")


def on_terminal(
    keys: str, *, columns: int = 80, rows: int = 40, many: int = 1, after: bytes = b": "
) -> tuple[str, list[str]]:
    """What the menu chose, and the screen at the end. The keys are typed at once, as they are by
    whoever pastes."""
    pty = pytest.importorskip("pty")
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    meanings = {
        f"{name}{'' if n == 0 else n}": m for n in range(many) for name, m in MEANINGS.items()
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(meanings=meanings)],
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
        env=environment(),
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # Linux says EIO when the other side has closed
            break
        if not chunk:
            break
        shown += chunk
        if keys and shown.endswith(after):
            os.write(ours, keys.encode())
            keys = ""
    stdout, _ = process.communicate(timeout=TIMEOUT_S)
    os.close(ours)
    return stdout.decode().strip(), Terminal(columns).show(shown.decode())


@pytest.mark.parametrize("columns", [38, 60, 80, 200])
def test_the_list_gives_way_to_what_was_chosen(columns: int) -> None:
    chosen, screen = on_terminal(f"{ARROW_DOWN * 3}{ARROW_UP}\rnext\n", columns=columns)
    assert chosen == "three"
    at = screen.index("before")
    # What was typed for the next question is still there for it.
    assert [line for line in screen[at + 1 :] if line] == ["Number: three", "then 'next\\n'"]


def test_a_typo_and_the_ends_of_input() -> None:
    chosen, screen = on_terminal("fivve\rfive\r\n")
    assert (chosen, "Number: five" in screen) == ("five", True)
    assert on_terminal("\x04\n")[0] == "EOFError"


def test_a_list_that_does_not_fit_is_none() -> None:
    assert on_terminal("\r\n", rows=6, after=b"\r\n")[0] == "None"
    assert on_terminal("\r\n", rows=40, many=8, after=b"\r\n")[0] == "None"

"""A list to choose from by arrow keys; a number or a name may be typed all the same.

`Menu` is what the keys do, without a terminal. `choose` draws it and reads them, where a terminal
can do both; what cannot is asked in plain lines by `output.choose`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TextIO

from gwproxy.cli import streams
from gwproxy.cli.drawing import hanging
from gwproxy.plain import harmless
from gwproxy.profiles.suggest import did_you_mean

UP, DOWN, HOME, END = "up", "down", "home", "end"
ENTER, BACK = "enter", "back"

_SEQUENCES: Final = {
    **{f"{lead}A": UP for lead in "[O"},
    **{f"{lead}B": DOWN for lead in "[O"},
    **{f"{lead}H": HOME for lead in "[O"},
    **{f"{lead}F": END for lead in "[O"},
}
"""What follows ESC (ECMA-48; `O` where the terminal is in application mode)."""
_SCAN_CODES: Final = {"H": UP, "P": DOWN, "G": HOME, "O": END}
"""What follows 0 or 0xE0 on Windows."""
_LETTERS: Final = {"\r": ENTER, "\n": ENTER, "\x7f": BACK, "\x08": BACK}
_END_OF_INPUT: Final = ("\x04", "\x1a")
_ESCAPE_S: Final = 0.1
"""How long the rest of a key may be on its way."""

_BOLD: Final = "\x1b[1;36m"
_PLAIN: Final = "\x1b[0m"
_MOST_TYPED: Final = 30


@dataclass(slots=True)
class Menu:
    """Where one stands in a list. What is typed leads to the number, or to the first name that
    begins so."""

    names: tuple[str, ...]
    at: int = 0
    typed: str = ""
    trouble: str = ""

    def press(self, key: str) -> str | None:
        """What is chosen with this key, if anything is."""
        self.trouble = ""
        steps = {UP: self.at - 1, DOWN: self.at + 1, HOME: 0, END: -1}
        if key in steps:
            self.at, self.typed = steps[key] % len(self.names), ""
        elif key == BACK:
            self._type(self.typed[:-1])
        elif key == ENTER:
            if self._meant() is not None:
                return self.names[self.at]
            self.trouble = f"{self.typed!r} is none of these: " + did_you_mean(
                self.typed, self.names
            )
            self.typed = ""
        elif key.isprintable() and len(key) == 1 and len(self.typed) < _MOST_TYPED:
            self._type(self.typed + key)
        return None

    def lines(self, question: str, meanings: Mapping[str, str], columns: int) -> list[str]:
        """What is shown, wrapped between words; the question last, where the cursor stays."""
        width = max(map(len, self.names))
        lines = []
        for number, name in enumerate(self.names):
            here = ">" if number == self.at else " "
            text = f"{here} {number + 1}  {name:<{width}}  {meanings[name]}"
            lines.append(hanging(harmless(text), width + 7, columns - 1))
        if self.trouble:
            lines.append(hanging(harmless(self.trouble), 0, columns - 1))
        return [*lines, f"{question} (arrows or number, Enter): {self.typed}"]

    def _type(self, text: str) -> None:
        self.typed = text
        if (meant := self._meant()) is not None:
            self.at = meant

    def _meant(self) -> int | None:
        if not self.typed:
            return self.at
        if self.typed.isdecimal():
            number = int(self.typed) - 1
            return number if number in range(len(self.names)) else None
        found = (i for i, name in enumerate(self.names) if name.startswith(self.typed))
        return next(found, None)


def choose(
    question: str, meanings: Mapping[str, str], stream: TextIO, *, colour: bool
) -> str | None:
    """The one that a person chose; None where `stream` and stdin are no terminal for a menu.

    Ctrl-C raises KeyboardInterrupt, Ctrl-D EOFError.
    """
    menu = Menu(tuple(meanings))
    columns, rows = _size(stream)
    drawn = menu.lines(question, meanings, columns)
    if sum(_height(line, columns) for line in drawn) + 1 >= rows:
        return None  # what has scrolled away cannot be drawn again
    with _keys(stream) as read:
        if read is None:
            return None
        above = 0
        while True:
            drawn = menu.lines(question, meanings, columns)
            stream.write(_back(above) + _painted(drawn, menu.at, colour))
            stream.flush()
            above = sum(_height(line, columns) for line in drawn) - 1
            chosen = menu.press(read())
            if chosen is not None:
                stream.write(f"{_back(above)}{question}: {chosen}\n")
                stream.flush()
                return chosen


def _size(stream: TextIO) -> tuple[int, int]:
    """Columns and rows of this terminal, which stdout may not be."""
    with contextlib.suppress(OSError, ValueError):
        columns, rows = os.get_terminal_size(stream.fileno())
        if columns and rows:  # a terminal of 0 by 0 does not know
            return columns, rows
    return shutil.get_terminal_size()


def _height(text: str, columns: int) -> int:
    return sum(max(1, -(-len(line) // columns)) for line in text.split("\n"))


def _back(above: int) -> str:
    """To the first column, `above` rows higher, and nothing below."""
    return f"\r\x1b[{above}A\x1b[J" if above else "\r\x1b[J"


def _painted(lines: list[str], at: int, colour: bool) -> str:
    if colour:
        lines = [f"{_BOLD}{line}{_PLAIN}" if n == at else line for n, line in enumerate(lines)]
    return "\n".join(lines)


if sys.platform == "win32":
    import msvcrt

    @contextlib.contextmanager
    def _keys(stream: TextIO) -> Iterator[Callable[[], str] | None]:
        """What reads a key; None where the console draws no menu."""
        yield _key if streams.obeys(stream) else None

    def _key() -> str:
        letter = msvcrt.getwch()
        if letter in "\x00\xe0":
            return _SCAN_CODES.get(msvcrt.getwch(), "")
        if letter == "\x03":
            raise KeyboardInterrupt
        return _meaning(letter)

else:
    import codecs
    import select
    import termios
    import tty

    @contextlib.contextmanager
    def _keys(stream: TextIO) -> Iterator[Callable[[], str] | None]:
        """What reads a key; None where the terminal gives only whole lines."""
        try:
            descriptor = sys.stdin.fileno()
            before = termios.tcgetattr(descriptor)
            # Not flushed: what somebody has typed ahead is meant.
            tty.setcbreak(descriptor, termios.TCSADRAIN)
        except (OSError, ValueError, termios.error):
            yield None
            return
        try:
            yield lambda: _key(descriptor)
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    def _key(descriptor: int) -> str:
        """One key, and not a byte more: what follows may be the answer to the next question."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        letter = ""
        while not letter:
            byte = os.read(descriptor, 1)
            if not byte:
                raise EOFError
            letter = decoder.decode(byte)
        if letter != "\x1b":
            return _meaning(letter)
        rest = ""
        while len(rest) < 8 and select.select([descriptor], [], [], _ESCAPE_S)[0]:
            rest += os.read(descriptor, 1).decode("ascii", "replace")
            if (rest[-1:].isalpha() and rest != "O") or rest[-1:] == "~":
                break
        return _SEQUENCES.get(rest, "")


def _meaning(letter: str) -> str:
    if letter in _END_OF_INPUT:
        raise EOFError
    return _LETTERS.get(letter, letter)

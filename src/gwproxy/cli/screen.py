"""A terminal whose last line stays: what is written goes above it.

    with Screen.over(sys.stderr) as screen:
        screen.show("2 running")      # the footer
        print("a line", file=sys.stderr)

For as long as the block runs stdout and stderr, where they are terminals, are this screen; so what
anybody says, whichever thread it is in, stands above the footer and nothing is lost. A line and the
footer below it are one write: nothing flickers.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self, TextIO, cast

_ERASE = "\r\x1b[K"


class Screen:
    """Stands in for `stream`, a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()
        self._begun = ""  # of a line that has no end yet
        self._footer = ""

    @classmethod
    @contextmanager
    def over(cls, stream: TextIO) -> Iterator[Self]:
        """A screen in the place of stdout and stderr; it leaves nothing of itself behind."""
        screen = cls(stream)
        before = sys.stdout, sys.stderr
        if sys.stdout.isatty():
            sys.stdout = cast(TextIO, screen)
        if sys.stderr.isatty():
            sys.stderr = cast(TextIO, screen)
        try:
            yield screen
        finally:
            sys.stdout, sys.stderr = before
            with contextlib.suppress(OSError, ValueError):
                screen.close()

    @property
    def columns(self) -> int:
        """How wide it is at this moment."""
        return columns_of(self._stream)

    def write(self, text: str) -> int:
        """Whole lines at once, above the footer; the rest waits for its end."""
        with self._lock:
            whole, newline, self._begun = (self._begun + text).rpartition("\n")
            if newline:
                erased = _ERASE if self._footer else ""
                self._stream.write(f"{erased}{whole}\n{self._footer}")
                self._stream.flush()
        return len(text)

    def show(self, footer: str) -> None:
        """`footer` is one line, shorter than the terminal is wide; "" takes it away."""
        with self._lock:
            if footer != self._footer:
                # What was longer is erased behind what is written over it.
                self._stream.write(f"\r{footer}\x1b[K" if footer else _ERASE)
                self._stream.flush()
                self._footer = footer

    def close(self) -> None:
        """Take the footer away, and write what waits."""
        self.show("")
        with self._lock:
            self._stream.write(self._begun)
            self._stream.flush()
            self._begun = ""

    def flush(self) -> None:
        """Nothing waits but what is no line yet."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def columns_of(stream: TextIO) -> int:
    """The width of the terminal that `stream` is."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    with contextlib.suppress(OSError, ValueError):
        if columns := os.get_terminal_size(stream.fileno()).columns:
            return columns
    return 80

"""stderr behind a thread; on a terminal with a last line that stays, above which the others go.

    with Screen.over(sys.stderr) as screen:
        screen.show("2 running")      # the footer
        print("a line", file=sys.stderr)

For as long as the block runs stderr is this screen, and so is stdout where both are terminals; what
anybody says, whichever thread it is in, stands above the footer. A line and the footer below it are
one write: nothing flickers. A thread of its own writes: a terminal that a person stops (Ctrl-S, or
a selection in a console of Windows), a pipe that nobody reads and a slow disk stop nobody who says
something. A gateway whose log nobody read answered nobody after 270 lines, and did not end.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self, TextIO, cast

_ERASE: Final = "\r\x1b[K"

_MOST_WAITING: Final = 10_000
"""Lines that wait for a terminal that is stopped, or a pipe that nobody reads: a day of work."""

_GATHERS_S: Final = 0.05
"""How long a line waits for others: to wake the thread for each of a burst costs 0.15 ms, a third
of what a small exchange takes, and no person sees the difference."""

_LEAVES_WITHIN_S: Final = 2.0
"""At the end; who has stopped the terminal is not to keep the process."""


class Screen:
    """Stands in for `stream`; only a terminal may have a footer."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._changed = threading.Condition()
        self._begun = ""  # of a line that has no end yet
        self._waiting: deque[str] = deque()
        self._left_out = 0
        self._footer = ""
        self._drawn = ""  # the footer that stands there
        self._writes = False
        self._closing = threading.Event()
        self._error: ValueError | None = None
        self._thread = threading.Thread(target=self._work, name="gwproxy-screen", daemon=True)
        self._thread.start()

    @classmethod
    @contextmanager
    def over(cls, stream: TextIO) -> Iterator[Self]:
        """A screen in the place of stderr, which `stream` is, and of a stdout that is the same
        terminal; it leaves nothing of itself behind, where it could write all."""
        screen = cls(stream)
        before = sys.stdout, sys.stderr
        if stream.isatty() and sys.stdout.isatty():
            sys.stdout = cast(TextIO, screen)
        sys.stderr = cast(TextIO, screen)
        try:
            yield screen
        finally:
            if screen.close():  # else Python would wait at its end for a stream that is stuck
                sys.stdout, sys.stderr = before

    @property
    def columns(self) -> int:
        """How wide it is at this moment."""
        return columns_of(self._stream)

    def write(self, text: str) -> int:
        """Have whole lines written above the footer; the rest waits for its end. Raises ValueError
        once the stream is closed."""
        with self._changed:
            if self._error is not None:
                raise self._error
            whole, newline, self._begun = (self._begun + text).rpartition("\n")
            if newline:
                self._waiting.append(f"{whole}\n")
                if len(self._waiting) > _MOST_WAITING:
                    self._waiting.popleft()
                    self._left_out += 1
                self._changed.notify_all()
        return len(text)

    def show(self, footer: str) -> None:
        """`footer` is one line, shorter than the terminal is wide; "" takes it away."""
        with self._changed:
            self._footer = footer
            self._changed.notify_all()

    def settle(self, within_s: float) -> None:
        """Return when all that was said stands there, or after `within_s`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._has_work() and not self._writes, within_s)

    def close(self) -> bool:
        """Take the footer away, write what waits, and end; whether it came to that."""
        with self._changed:
            self._footer = ""
            if self._begun:
                self._waiting.append(self._begun)
                self._begun = ""
            self._closing.set()
            self._changed.notify_all()
        self._thread.join(_LEAVES_WITHIN_S)
        return not self._thread.is_alive()

    def flush(self) -> None:
        """The thread does."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    # --- the thread --------------------------------------------------------------------------

    def _work(self) -> None:
        while (text := self._next()) is not None:
            try:
                self._stream.write(text)
                self._stream.flush()
            except OSError:  # a full disk may have room again
                with self._changed:
                    self._left_out += text.count("\n")
            except ValueError as closed:
                self._error = closed
            with self._changed:
                self._writes = False
                self._changed.notify_all()
            if self._error is not None:
                return

    def _next(self) -> str | None:
        """All that is to be written now; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_work() or self._closing.is_set())
        self._closing.wait(_GATHERS_S)
        with self._changed:
            if not self._has_work():
                return None
            lines = "".join(self._waiting)
            if self._left_out:
                lines = f"({self._left_out} lines before this one are lost)\n{lines}"
            drawn, self._drawn = self._drawn, self._footer
            self._waiting.clear()
            self._left_out, self._writes = 0, True
        if lines:
            return f"{_ERASE if drawn else ''}{lines}{self._drawn}"
        # What was longer is erased behind what is written over it.
        return f"\r{self._drawn}\x1b[K" if self._drawn else _ERASE

    def _has_work(self) -> bool:
        return bool(self._waiting) or self._footer != self._drawn


def columns_of(stream: TextIO) -> int:
    """The width of the terminal that `stream` is."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    with contextlib.suppress(OSError, ValueError):
        if columns := os.get_terminal_size(stream.fileno()).columns:
            return columns
    return 80

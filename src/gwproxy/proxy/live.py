"""Values that follow a file: config.toml and the local token, in force without a restart.

Looked at when a request comes, by the file's stamp, and read again only when that changed; of many
requests within a moment (`Limits.file_look_s`) one looks for all. A broken edit is reported once
and the last good value stays in force.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from gwproxy.errors import ConfigError, GwproxyError
from gwproxy.proxy.worker import words_of

T = TypeVar("T")

Stamp = tuple[int, int, int] | None


class Live(Generic[T]):
    """`load` gives the value; `report` hears of what it raises, once an edit, and
    `welcome`, after an edit that is good, of the value before (None where a broken edit was
    reported in between) and of the new one. Who asks within `look_s` after another, by `clock`, is
    given what was found then.

    The first `load` is the caller's affair: its errors stop the start.
    """

    def __init__(
        self,
        path: Path,
        load: Callable[[], T],
        report: Callable[[GwproxyError], None],
        welcome: Callable[[T | None, T], None] | None = None,
        *,
        look_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trouble: GwproxyError | None = None
        """What is wrong with the file now, while an older value is in force."""
        self._look_s = look_s
        self._clock = clock
        self._looked_s = -math.inf
        self._welcome = welcome
        self._path = str(path)
        self._load = load
        self._report = report
        self._stamp = _stamp(self._path)
        self._emptied: Stamp = None
        self._value = load()

    @property
    def last_good(self) -> T:
        """The value in force, without a look at the file: for other threads."""
        return self._value

    def get(self) -> T:
        """The value in force."""
        now_s = self._clock()
        if now_s - self._looked_s < self._look_s:
            return self._value
        self._looked_s = now_s
        stamp = _stamp(self._path)
        # No file and an empty one are no edits: some editors take it away, or truncate it, for the
        # moment of saving.
        if stamp is not None and stamp != self._stamp and stamp[1]:
            # Before reading: what is written meanwhile must be noticed next time.
            self._stamp = stamp
            before = self._value if self.trouble is None else None
            try:
                self._value = self._load()
            except Exception as error:  # noqa: BLE001 -- an edit that nobody foresaw is a broken one
                self.trouble = self._as_broken_edit(error)
                self._report(self.trouble)
            else:
                self.trouble = None
                if self._welcome is not None:
                    self._welcome(before, self._value)
        return self._value

    def written(self) -> None:
        """Have the next `get` look at the file, which we ourselves have just changed."""
        self._looked_s = -math.inf

    def look(self) -> T:
        """The same, for who looks every few seconds: a file that is still empty is told of."""
        self.written()
        stamp, before = _stamp(self._path), self._emptied
        self._emptied = stamp if stamp is not None and not stamp[1] else None
        if self._emptied is not None and self._emptied == before != self._stamp:
            self._stamp = before
            self.trouble = ConfigError(f"{self._path} is empty", why="that is hardly meant")
            self._report(self.trouble)
        return self.get()

    def _as_broken_edit(self, error: Exception) -> GwproxyError:
        if isinstance(error, GwproxyError):
            return error
        return ConfigError(f"{self._path} cannot be used", why=words_of(error))


def _stamp(path: str) -> Stamp:
    try:
        status = os.stat(path)  # noqa: PTH116 -- for every request, and half the time of Path.stat
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino

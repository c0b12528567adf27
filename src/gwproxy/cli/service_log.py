"""The file with what a gateway in the background says, under launchd and after `serve --detach`.
Nobody else bounds it; so whoever writes into it drops the older half where it has grown too large.

systemd has a journal of its own (journald.conf(5), SystemMaxUse), and a file that a person has
redirected stderr to is theirs.
"""

from __future__ import annotations

import collections
import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO, cast

from gwproxy import paths

MOST_BYTES: Final = 10 * 1024 * 1024
"""Some 50,000 exchanges."""

_SHOWN: Final = 200
_POLL_S: Final = 0.3


def bounded(stream: TextIO) -> TextIO:
    """`stream`, which keeps itself within bounds where it is our file."""
    with contextlib.suppress(OSError, ValueError):
        here, ours = os.fstat(stream.fileno()), paths.service_log().stat()
        if os.path.samestat(here, ours):
            return cast(TextIO, _Bounded(stream))
    return stream


class _Bounded:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def flush(self) -> None:
        self._stream.flush()
        with contextlib.suppress(OSError, ValueError):
            descriptor = self._stream.fileno()
            if os.fstat(descriptor).st_size > MOST_BYTES:
                _drop_older_half(descriptor, paths.service_log())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _drop_older_half(descriptor: int, path: Path) -> None:
    """Keep the newer half, in place: launchd, too, has the file open."""
    with path.open("rb") as file:
        file.seek(-MOST_BYTES // 2, os.SEEK_END)
        file.readline()
        rest = file.read()
    empty(descriptor)
    os.write(descriptor, rest)


def empty(file: int | Path) -> None:
    """Take all that is in `file` away. Raises OSError."""
    os.truncate(file, 0)
    if isinstance(file, int):
        os.lseek(file, 0, os.SEEK_SET)  # where it was not opened to append


def follow(file: Path, *, go_on: bool) -> Iterator[str]:
    """The end of a log; with `go_on` then what comes, without an end. Raises OSError."""
    with file.open(encoding="utf-8", errors="replace") as log:
        yield from collections.deque(log, _SHOWN)
        while go_on:
            if log.tell() > os.fstat(log.fileno()).st_size:
                log.seek(0)  # the older half has gone
            if line := log.readline():
                yield line
            else:
                time.sleep(_POLL_S)

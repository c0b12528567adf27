"""Whole exchanges, kept where a person asked for that, and read again by `gwproxy replay`.

Off unless config.toml says `capture = true` under [serve], or `serve --capture`: they hold what
people and their tools write. One file for each exchange, 0600, the oldest of them deleted; keys
that we know, and what looks like one, are masked before anything is written. Keeping one never
stops or fails the exchange.
"""

from __future__ import annotations

import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from gwproxy import paths
from gwproxy.profiles.redaction import redact
from gwproxy.proxy.records.storage import Stock
from gwproxy.proxy.worker import Worker
from gwproxy.translate.wire import jsonio

MOST_KEPT: Final = 100
"""A day of looking for a fault; more is a diary."""

MOST_KEPT_BYTES: Final = 256 * 1024 * 1024

LONGEST_KEPT_S: Final = 30 * 24 * 3600
"""They hold people's words: whoever has not looked for a month will not."""

LARGEST_BYTES: Final = 16 * 1024 * 1024
"""Of one exchange, all its bodies together. Only pictures get there."""

_MOST_WAITING: Final = 8
"""Exchanges that wait for the disk, each of them whole in memory."""

_MOST_TIMES: Final = 20_000
"""Pieces of one answer whose times are kept; whatever comes after belongs to the last of them."""

_VERSION: Final = 1

# What changes how a request is answered. Never a credential, never a cookie.
_HEADERS: Final = (
    "user-agent",
    "anthropic-version",
    "anthropic-beta",
    "openai-beta",
    "x-gwproxy-strict",
)

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")


# --- while an exchange runs ----------------------------------------------------------------------


@dataclass(slots=True)
class _Copy:
    """Bytes as they came; `times` are, for each piece, milliseconds since the exchange began and
    how many bytes it had. What comes within one millisecond is one piece."""

    data: bytearray = field(default_factory=bytearray)
    times: list[tuple[int, int]] = field(default_factory=list)

    def add(self, piece: bytes, now_s: float) -> None:
        if not piece:
            return
        self.data += piece
        now_ms = round(now_s * 1000)
        last_ms, size = self.times[-1] if self.times else (-1, 0)
        if now_ms == last_ms or len(self.times) >= _MOST_TIMES:
            self.times[-1] = (last_ms, size + len(piece))
        else:
            self.times.append((now_ms, len(piece)))


@dataclass(slots=True)
class _Try:
    """One request upstream; `status` is 0 where no answer came."""

    profile: str
    url: str
    body: bytes
    status: int = 0
    answer: _Copy = field(default_factory=_Copy)


class Tape:
    """Copies of what passes in one exchange. `cut` when it was too large to be held whole;
    `elapsed` gives seconds since the exchange began."""

    def __init__(
        self,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
        elapsed: Callable[[], float],
    ) -> None:
        self._elapsed = elapsed
        self._left_bytes = LARGEST_BYTES
        self.cut = False
        self._path = f"{path}?{urlencode(query)}" if query else path
        self._headers = {name: headers[name] for name in _HEADERS if name in headers}
        self._body = self._piece(body)
        self._tries: list[_Try] = []
        self._answer = _Copy()

    def sent(self, profile: str, url: str, body: bytes) -> None:
        """A request goes upstream."""
        self._tries.append(_Try(profile, url, self._piece(body)))

    def received_head(self, status: int) -> None:
        self._tries[-1].status = status

    def received(self, chunk: bytes) -> None:
        """A part of the upstream's answer to the last request."""
        self._tries[-1].answer.add(self._piece(chunk), self._elapsed())

    def answered(self, chunk: bytes) -> None:
        """A part of the client's answer."""
        self._answer.add(self._piece(chunk), self._elapsed())

    def _piece(self, data: bytes) -> bytes:
        held = data[: self._left_bytes]
        self._left_bytes -= len(held)
        self.cut |= len(held) < len(data)
        return held

    def written(self, facts: Mapping[str, Any], secrets: Iterable[str]) -> bytes:
        """The content of the file. `facts` are those of the log."""
        known = tuple(secrets)

        def text(data: bytes | bytearray) -> str:
            return redact(data.decode(errors="replace"), known)

        value = {
            "version": _VERSION,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            # An upstream's words may be among them.
            "exchange": jsonio.loads(text(jsonio.dumps(dict(facts)))),
            "cut": self.cut,
            "request": {
                "path": self._path,
                "headers": {name: redact(said, known) for name, said in self._headers.items()},
                "body": text(self._body),
            },
            "upstream": [
                {
                    "profile": one.profile,
                    "url": one.url,
                    "body": text(one.body),
                    "status": one.status or None,
                    "answer": text(one.answer.data),
                    "times": one.answer.times,
                }
                for one in self._tries
            ],
            "answer": text(self._answer.data),
            "answer_times": self._answer.times,
        }
        return jsonio.dumps(value)


class Captures:
    """Keeps tapes in `folder`; with None none is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "gwproxy-captures")
        self._waiting = threading.Semaphore(_MOST_WAITING)
        self.for_this_run: bool | None = None
        """What a person has switched to while the server runs; None where nobody has."""
        self.worker = Worker(
            "exchanges cannot be captured", "answers go on", "exchanges are captured again"
        )

    @property
    def exists(self) -> bool:
        """Whether there is a place for them at all."""
        return self._folder is not None

    def are_wanted(self, configured: bool) -> bool:
        """Whether exchanges are to be captured, where config.toml says `configured`."""
        return self.exists and (configured if self.for_this_run is None else self.for_this_run)

    def read(self, request_id: str) -> Captured | None:
        """What was captured of that exchange, as soon as it is written. Not for the loop."""
        file = self._file(request_id)
        return None if file is None else self._thread.submit(_read, file).result()

    def has(self, request_id: str) -> bool:
        """Whether that exchange was captured, as soon as it is written. Not for the loop."""
        file = self._file(request_id)
        return file is not None and self._thread.submit(file.is_file).result()

    def _file(self, request_id: str) -> Path | None:
        known = self._folder is not None and _ID.fullmatch(request_id)
        return self._folder / f"{request_id}.json" if self._folder and known else None

    def keep(self, tape: Tape, facts: Mapping[str, Any], secrets: Iterable[str]) -> None:
        """Write `tape`, sooner or later. Never waits, never raises."""
        if self._folder is None:
            return
        if not self._waiting.acquire(blocking=False):
            self.worker.lose("the disk is too slow", str(facts["request_id"]))
            return
        self._thread.submit(self._write, self._folder, tape, facts, tuple(secrets))

    def _write(
        self, folder: Path, tape: Tape, facts: Mapping[str, Any], secrets: tuple[str, ...]
    ) -> None:
        try:
            with self.worker.piece_of_work():
                content = tape.written(facts, secrets)
                paths.write_private_file(folder / f"{facts['request_id']}.json", content)
                _delete_oldest(folder, time.time())
        finally:
            self._waiting.release()

    def prune(self) -> None:
        """Delete what is too old or too much, sooner or later. Never waits, never raises."""
        if self._folder is not None and self._folder.exists():
            self._thread.submit(self._prune, self._folder)

    def _prune(self, folder: Path) -> None:
        with self.worker.piece_of_work():
            _delete_oldest(folder, time.time())

    def close(self) -> None:
        """Write what waits. Not for the loop."""
        self._thread.shutdown()


# --- afterwards ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Captured:
    """One captured exchange. `facts` are what the log said of it; `content` is the whole file."""

    request_id: str
    time: str
    cut: bool
    facts: Mapping[str, Any]
    content: Mapping[str, Any]

    @property
    def dialect(self) -> str:
        """The client's."""
        return str(self.facts["client_dialect"])

    @property
    def query(self) -> str:
        """With its question mark, or ""."""
        _, mark, query = self.content["request"]["path"].partition("?")
        return f"{mark}{query}"

    @property
    def headers(self) -> Mapping[str, str]:
        return dict(self.content["request"]["headers"])

    @property
    def body(self) -> bytes:
        """What the client sent, but for masked keys."""
        return str(self.content["request"]["body"]).encode()

    @property
    def answer(self) -> str:
        """What the client got."""
        return str(self.content["answer"])


def listed(folder: Path) -> list[Captured]:
    """All that are there and can be read, the newest first."""
    read = (_read(file) for file in reversed(_files(folder)))
    return [captured for captured in read if captured is not None]


def find(folder: Path, wanted: str) -> list[Captured]:
    """Those whose id begins with `wanted`, with or without its `req_`; `last` is the newest."""
    files = _files(folder)
    if wanted == "last":
        chosen = files[-1:]
    elif _ID.fullmatch(wanted):
        start = f"req_{wanted.removeprefix('req_')}"
        chosen = [file for file in files if file.name.startswith(start)]
    else:
        chosen = []
    return [captured for captured in map(_read, chosen) if captured is not None]


def delete(folder: Path, before_s: float = math.inf) -> int:
    """Delete those that were written before `before_s`; how many there were."""
    files = [file for file, status in _stamped(folder) if status.st_mtime < before_s]
    for file in files:
        file.unlink(missing_ok=True)
    return len(files)


def stock(folder: Path, before_s: float = math.inf) -> Stock:
    """What there is that was written before `before_s`."""
    found = [status for _, status in _stamped(folder) if status.st_mtime < before_s]
    oldest_s = found[0].st_mtime if found else None
    return Stock(len(found), sum(status.st_size for status in found), oldest_s)


def _files(folder: Path) -> list[Path]:
    """The oldest first."""
    return [file for file, _ in _stamped(folder)]


def _stamped(folder: Path) -> list[tuple[Path, os.stat_result]]:
    stamped = []
    for file in folder.glob("req_*.json"):
        try:
            stamped.append((file, file.stat()))
        except FileNotFoundError:
            continue
    return sorted(stamped, key=lambda one: (one[1].st_mtime_ns, one[0]))


def _delete_oldest(folder: Path, now_s: float) -> None:
    left_bytes = MOST_KEPT_BYTES
    for number, (file, status) in enumerate(reversed(_stamped(folder))):
        left_bytes -= status.st_size
        over = number >= MOST_KEPT or left_bytes < 0
        # The newest stays, whatever its size: it is the one that somebody waits for.
        if (number and over) or now_s - status.st_mtime > LONGEST_KEPT_S:
            file.unlink(missing_ok=True)


def _read(file: Path) -> Captured | None:
    try:
        value = jsonio.loads(file.read_bytes())
        return Captured(
            str(value["exchange"]["request_id"]),
            str(value["time"]),
            bool(value["cut"]),
            value["exchange"],
            value,
        )
    except (OSError, jsonio.NotJson, KeyError, TypeError):
        return None

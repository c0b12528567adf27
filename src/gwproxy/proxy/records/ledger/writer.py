"""From exchanges to the file: a bounded queue and the one thread that writes.

Nothing here may stop or fail an exchange. `add` is called on the event loop and never waits.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gwproxy.proxy.records.ledger.database import LedgerFile
from gwproxy.proxy.records.ledger.entry import Entry
from gwproxy.proxy.records.ledger.latest import Latest, latest
from gwproxy.proxy.records.ledger.listing import LedgerChoice, listed
from gwproxy.proxy.records.ledger.report import Grouping, Line, Period, report
from gwproxy.proxy.records.storage import StorageTrouble, Unstorable
from gwproxy.proxy.worker import Worker

_LOGGER: Final = logging.getLogger("gwproxy")

MOST_WAITING: Final = 10_000
"""Rows that wait for the disk; some ten megabytes, and a day of heavy use."""

_BATCH: Final = 500
_GATHER_S: Final = 0.3
"""How long rows are gathered into one transaction: what a killed process may lose."""

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
"""Between two tries at a disk that is full: room comes back when a person makes it."""

_FLUSH_S: Final = 2.0
"""At the end of the server; a disk that takes longer must not keep anybody waiting."""

_RECENT: Final = 1000
"""Exchanges that are answered from memory: who asks for usage asks for the last few."""


@dataclass(frozen=True, slots=True)
class LedgerState:
    """How recording goes. `trouble` is "" when all is well; `waiting` rows are not on disk yet,
    `lost` ones never will be. Why, the worker's state says."""

    path: str
    trouble: str
    waiting: int
    lost: int


class Ledger:
    """Records into `path`; with None it remembers the latest exchanges and writes nothing.
    `pause_s` is the first pause after a failure."""

    def __init__(self, path: Path | None, *, pause_s: float = _FIRST_PAUSE_S) -> None:
        self._path = path
        self._first_pause_s = pause_s
        self._recent: OrderedDict[str, Entry] = OrderedDict()
        self._waiting: deque[Entry] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._given_up = False
        self.worker = Worker(
            "usage cannot be recorded", "answers go on", "the usage ledger is written again"
        )

    # --- for the event loop ------------------------------------------------------------------

    def add(self, entry: Entry, *, keep: bool = True) -> None:
        """Record one exchange, sooner or later; only remember it for a while where it is none to
        `keep`. Never waits, never raises."""
        with self._changed:
            self._remember(entry)
            if self._path is None or self._given_up or not keep:
                return
            if len(self._waiting) >= MOST_WAITING:
                self.worker.lose("the ledger is full of waiting rows", entry.request_id)
                return
            self._waiting.append(entry)
            self._changed.notify()
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(
                    target=self._write_until_stopped, name="gwproxy-ledger", daemon=True
                )
                self._thread.start()

    def find(self, request_id: str) -> Entry | None:
        """The exchange of that id, ours or the upstream's. Reads the disk: not for the loop."""
        with self._changed:
            recent = self._recent.get(request_id)
        if recent is not None or self._path is None:
            return recent
        try:
            database = LedgerFile.read(self._path)
            if database is None:
                return None
            with contextlib.closing(database):
                return database.find(request_id)
        except StorageTrouble:
            return None  # the writer has told of it already

    def listed(self, choice: LedgerChoice) -> list[Entry]:
        """The exchanges of `choice`, the newest first, also those that are not on disk (yet). Reads
        the disk: not for the loop."""
        with self._changed:
            recent = {entry.request_id: entry for entry in self._recent.values()}
        found = {entry.request_id: entry for entry in filter(choice.fits, recent.values())}
        if self._path is not None:
            with contextlib.suppress(StorageTrouble):  # the writer has told of it already
                found = {entry.request_id: entry for entry in listed(self._path, choice)} | found
        newest = sorted(found.values(), key=lambda entry: entry.started_ms, reverse=True)
        return newest[: choice.most]

    def sums(self, by: Grouping, period: Period) -> list[Line]:
        """As `ledger.report`, of what is on disk. Not for the loop."""
        if self._path is None:
            return []
        try:
            return report(self._path, by, period)
        except StorageTrouble:
            return []  # the writer has told of it already

    def latest(self, before_s: float, most: int) -> Latest:
        """What the file has of before (since 1970), as `ledger.latest`. Not for the loop."""
        if self._path is None:
            return Latest()
        try:
            return latest(self._path, before_s, most)
        except StorageTrouble:
            return Latest()  # the writer tells of it

    @property
    def state(self) -> LedgerState:
        """How recording goes now."""
        with self._changed:
            path = str(self._path) if self._path else ""
            worker = self.worker.state
            return LedgerState(path, worker.trouble, len(self._waiting), worker.failed)

    def close(self, patience_s: float = _FLUSH_S) -> None:
        """Write what waits, within `patience_s`, and end the thread. Not for the loop."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(patience_s)
            state = self.state
            if state.waiting:
                _LOGGER.warning(
                    "%d exchanges could not be recorded: %s", state.waiting, state.trouble
                )

    def _remember(self, entry: Entry) -> None:
        for key in (entry.request_id, entry.upstream_request_id):
            if key:
                self._recent[key] = entry
        while len(self._recent) > _RECENT:
            self._recent.popitem(last=False)

    # --- the thread --------------------------------------------------------------------------

    def _write_until_stopped(self) -> None:
        assert self._path is not None
        database: LedgerFile | None = None
        pause_s = self._first_pause_s
        while batch := self._next_batch():
            if database is not None and database.is_gone:
                database.close()
                database = None
                _LOGGER.warning("%s was taken away; a new ledger is begun", self._path)
            try:
                database = database or LedgerFile.open(self._path, _tell_of_damage)
                self._write(database, batch)
            except Exception as error:  # noqa: BLE001 -- a thread that ends takes every row with it
                if database is not None:
                    database.close()
                    database = None
                self._suffer(error)
                if self._paused_until_stopped(pause_s):
                    break
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
                continue
            pause_s = self._first_pause_s
        if database is not None:
            database.close()

    def _next_batch(self) -> list[Entry]:
        """What is to be written next, still in the queue; empty when all is done."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            if not self._stopping and len(self._waiting) < _BATCH:
                self._changed.wait_for(
                    lambda: self._stopping or len(self._waiting) >= _BATCH, _GATHER_S
                )
            return list(itertools.islice(self._waiting, _BATCH))

    def _write(self, database: LedgerFile, batch: list[Entry]) -> None:
        """Raises what is wrong with the file. A row that it cannot hold is left out and told."""
        try:
            database.insert(batch)
        except Exception as error:
            if _is_of_the_file(error):
                raise
            # Whatever it is, a row is to blame; each alone shows which.
        else:
            self._take_out(len(batch))
            return
        for entry in batch:
            try:
                database.insert([entry])
            except Exception as error:
                if _is_of_the_file(error):
                    raise
                self.worker.lose(error, entry.request_id)
            self._take_out(1)

    def _take_out(self, count: int) -> None:
        """The file has taken, or will never take, the first rows of the queue."""
        self.worker.recover()
        with self._changed:
            for _ in range(count):
                self._waiting.popleft()

    def _suffer(self, error: Exception) -> None:
        self.worker.suffer(error)
        if isinstance(error, StorageTrouble) and error.newer:
            # It will be no other tomorrow; what it cannot hold must not fill the memory.
            with self._changed:
                self._given_up = self._stopping = True
                count = len(self._waiting)
                self._waiting.clear()
            self.worker.lose(error, count=count)

    def _paused_until_stopped(self, pause_s: float) -> bool:
        """Wait; whether there is no time for another try."""
        with self._changed:
            if self._stopping:
                return True
            self._changed.wait_for(lambda: self._stopping, pause_s)
            return False


def _is_of_the_file(error: Exception) -> bool:
    """Whether any other row would have failed as well."""
    return isinstance(error, StorageTrouble) and not isinstance(error, Unstorable)


def _tell_of_damage(trouble: StorageTrouble, aside: Path) -> None:
    _LOGGER.warning(
        "the usage ledger was damaged (%s): it is kept as %s, and a new one begun", trouble, aside
    )

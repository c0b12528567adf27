"""What happens to the exchanges of a gateway, told to whoever keeps or watches it.

There is one bookkeeping: the record of each exchange, which says how far it has come. Those who
keep it (log, status, captures, ledger) hear of its end, each without harm to the others. Those who
watch hear that something has changed and look at the record when they are ready: however slow they
are, they hold one record for each exchange and no more, and nothing is done for them while nobody
watches. One event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Final

from gwproxy.proxy.record import ExchangeRecord
from gwproxy.proxy.worker import Worker

Sink = Callable[[ExchangeRecord], None]

MOST_WATCHERS: Final = 16
"""Pages and terminals of one person."""

_MOST_PENDING: Final = 1000
"""Exchanges that a watcher has not looked at; who is further behind is dropped."""

_GATHER_S: Final = 0.1
"""How long changes are gathered: a person sees no sooner, and a burst costs one look."""


class Dropped(Exception):
    """Raised to a watcher that was too slow, and to all when the gateway stops."""


class Watcher:
    """The changes that one page or terminal has not looked at; made by `Feed.watch`."""

    __slots__ = ("_dropped", "_feed", "_pending", "_wake")

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._pending: dict[str, ExchangeRecord] = {}
        self._wake = asyncio.Event()
        self._dropped = False

    def notice(self, record: ExchangeRecord) -> None:
        """Remember that the exchange has changed."""
        if len(self._pending) >= _MOST_PENDING:
            self.drop()
        elif not self._dropped:
            self._pending[record.request_id] = record
            self._wake.set()

    def drop(self) -> None:
        """End it: its `changes` raise Dropped from now on."""
        self._dropped = True
        self._pending.clear()
        self._wake.set()

    async def changes(self, patience_s: float) -> list[ExchangeRecord]:
        """The exchanges that have changed since the last call; those that stream are among them
        each time. Empty after `patience_s` without any. Raises Dropped."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._wake.wait()
                await asyncio.sleep(_GATHER_S)
        if self._dropped:
            raise Dropped
        self._wake.clear()
        changed, self._pending = self._pending, {}
        for record in self._feed.running():
            if record.phase == "streaming":
                changed.setdefault(record.request_id, record)
        return list(changed.values())


class Feed:
    """The exchanges that run, their sinks and watchers. `recording` guards what the sinks do."""

    def __init__(self, recording: Worker) -> None:
        self._recording = recording
        self._running: dict[str, ExchangeRecord] = {}
        self._sinks: tuple[Sink, ...] = ()
        self._watchers: list[Watcher] = []
        self.is_closed = False
        """Whether nobody is told anything any more."""

    def keep_with(self, *sinks: Sink) -> None:
        """Set the sinks: each of them, in this order, gets every exchange that has ended."""
        self._sinks = sinks

    def began(self, record: ExchangeRecord) -> None:
        """Add an exchange that has begun."""
        self._running[record.request_id] = record

    def changed(self, record: ExchangeRecord) -> None:
        """Tell the watchers that the exchange has come further, or goes another way."""
        if self._watchers and record.is_exchange:
            for watcher in self._watchers:
                watcher.notice(record)

    def ended(self, record: ExchangeRecord) -> None:
        """Give the exchange, which has ended, to the sinks and the watchers."""
        record.phase = "over"
        self._running.pop(record.request_id, None)
        for sink in self._sinks:
            with self._recording.piece_of_work():
                sink(record)
        self.changed(record)

    def running(self) -> list[ExchangeRecord]:
        """The exchanges that have not ended, the oldest first."""
        return [record for record in self._running.values() if record.is_exchange]

    @contextlib.contextmanager
    def watch(self) -> Iterator[Watcher]:
        """A watcher for as long as the block runs. Who comes when there are too many takes the
        place of the one that has watched for longest."""
        watcher = Watcher(self)
        if len(self._watchers) >= MOST_WATCHERS:
            self._watchers.pop(0).drop()
        self._watchers.append(watcher)
        try:
            yield watcher
        finally:
            with contextlib.suppress(ValueError):
                self._watchers.remove(watcher)

    def close(self) -> None:
        """Drop all watchers, for good."""
        self.is_closed = True
        for watcher in self._watchers:
            watcher.drop()

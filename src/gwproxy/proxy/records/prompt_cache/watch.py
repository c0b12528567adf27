"""The last turns of the sessions that run, within bounds, and who is told when a cache broke.

What an exchange pays for it: a look into a dictionary and a few references. Bodies are compared
only when a turn has read less from the cache than there was to be read, and then in a thread, after
the client has its answer. One event loop.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final

from gwproxy.proxy.record import ExchangeRecord
from gwproxy.proxy.records.prompt_cache.turn import (
    LEAST_TOKENS,
    MOST_BYTES,
    CacheAlarm,
    CachedTurn,
    ChangedBy,
    Put,
)
from gwproxy.proxy.records.prompt_cache.verdict import CacheVerdict, verdict
from gwproxy.proxy.worker import Worker

LARGEST_BYTES: Final = MOST_BYTES // 2
"""Of one turn. Only pictures get there, and it would take the place of all others."""

_MOST_STRANDS: Final = 1000
_MOST_TURNS: Final = 6
"""Of one strand: a tool asks for titles and summaries beside the conversation."""

_OPENING_BYTES: Final = 128
"""By which a conversation is told that its client does not name: no more than what comes before
its first words. Which of those that begin so is continued, their turns say (`verdict`)."""

_MOST_AT_ONCE: Final = 4
"""Comparisons; who comes then is not looked at, rather than hold the bodies of all."""

_MOST_STANDING: Final = 10
"""For `gwproxy status`, as of errors."""

Tell = Callable[[ExchangeRecord, CacheAlarm, bool], None]
"""Hears of an alarm, and whether it is the first of its session and cause."""


@dataclass(slots=True)
class _Strand:
    """A conversation and what its tool asks beside it."""

    turns: list[CachedTurn] = field(default_factory=list)
    told: set[ChangedBy] = field(default_factory=set)
    comparing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One turn after the other: what is found of one says what the next was to read."""


class CacheWatch:
    """The last turns of each session, and the alarms about them; `look` is a sink of the feed."""

    def __init__(self) -> None:
        self._strands: OrderedDict[Hashable, _Strand] = OrderedDict()
        self._size = 0
        self._comparing: set[asyncio.Task[None]] = set()
        self._standing: OrderedDict[Hashable, dict[str, Any]] = OrderedDict()
        self._tell: Tell = lambda record, alarm, is_first: None
        self.worker = Worker(
            "prompt caches cannot be watched", "answers go on", "prompt caches are watched again"
        )

    def tell_with(self, tell: Tell) -> None:
        """Set who hears of alarms."""
        self._tell = tell

    @property
    def size(self) -> int:
        """The bytes of bodies that are held."""
        return self._size

    @property
    def standing(self) -> list[dict[str, Any]]:
        """The last alarm of each session that had one since the start, the latest last."""
        return list(self._standing.values())

    def look(self, record: ExchangeRecord) -> None:
        """Compare an exchange that has ended with the turns before it, in a task. Never waits."""
        put, record.put = record.put, None
        usage = record.usage
        read = usage.cache_read
        if put is None or read is None or record.outcome.error_kind:
            return
        key = _key(record, put)
        strand = self._strands.get(key)
        expected = read + (usage.cache_write or 0)
        if strand is None and expected < LEAST_TOKENS:
            return
        turn = _turn(record, put, read, expected)
        if turn.size > LARGEST_BYTES:
            return
        if strand is None:
            strand = self._strands[key] = _Strand()
        if any(turn.may_continue(one) and turn.lacks(one) for one in strand.turns):
            self._compare(record, key, strand, turn)
        elif key in self._standing and any(turn.seems_to_follow(one) for one in strand.turns):
            self._standing[key]["over"] = True
        self._keep(key, strand, turn)

    def _keep(self, key: Hashable, strand: _Strand, turn: CachedTurn) -> None:
        """Remember `turn`, forget those that it follows, and those that are too much."""
        for one in strand.turns.copy():
            if turn.seems_to_follow(one) or len(strand.turns) == _MOST_TURNS:
                strand.turns.remove(one)
                self._size -= one.size
        strand.turns.append(turn)
        self._size += turn.size
        self._strands.move_to_end(key)
        while self._strands and (self._size > MOST_BYTES or len(self._strands) > _MOST_STRANDS):
            _, oldest = self._strands.popitem(last=False)
            self._size -= sum(one.size for one in oldest.turns)

    def _forget(self, key: Hashable, strand: _Strand, turn: CachedTurn) -> None:
        """Let go of `turn`, whose place another one has taken."""
        if self._strands.get(key) is strand and turn in strand.turns:
            strand.turns.remove(turn)
            self._size -= turn.size

    def _compare(
        self, record: ExchangeRecord, key: Hashable, strand: _Strand, turn: CachedTurn
    ) -> None:
        if len(self._comparing) >= _MOST_AT_ONCE:
            return
        earlier = strand.turns[::-1]

        async def compare() -> None:
            async with strand.comparing:
                with self.worker.piece_of_work():
                    found = await asyncio.to_thread(verdict, earlier, turn)
                    if found.before is not None:
                        self._forget(key, strand, found.before)
                    if found.alarm is not None:
                        self._raise(record, key, strand, turn, found)

        task = asyncio.get_running_loop().create_task(compare())
        self._comparing.add(task)
        task.add_done_callback(self._comparing.discard)

    def _raise(
        self,
        record: ExchangeRecord,
        key: Hashable,
        strand: _Strand,
        turn: CachedTurn,
        found: CacheVerdict,
    ) -> None:
        before, alarm = found
        assert before is not None and alarm is not None
        # Of an upstream that does not tell what it writes, this is all that is known of it.
        turn.expected = max(turn.expected, min(before.expected, turn.total))
        is_first = alarm.changed_by not in strand.told
        strand.told.add(alarm.changed_by)
        at = int(record.started_ms / 1000 + record.duration_s)
        known = self._standing.pop(key, {"over": True})
        if known["over"]:
            known = {"since": at, "turns": 0, "lost_tokens": 0}
        self._standing[key] = {
            "at": at,
            "since": known["since"],
            "request_id": record.request_id,
            "client": record.client,
            "session": record.session or None,
            "profile": record.profile,
            "changed_by": alarm.changed_by,
            "words": alarm.words,
            "turns": known["turns"] + 1,
            "lost_tokens": known["lost_tokens"] + alarm.lost_tokens,
            "over": False,
        }
        while len(self._standing) > _MOST_STANDING:
            self._standing.popitem(last=False)
        self._tell(record, alarm, is_first)

    async def settle(self) -> None:
        """Return when all is told that is being compared."""
        while self._comparing:
            await asyncio.wait(self._comparing)


def _key(record: ExchangeRecord, put: Put) -> Hashable:
    """The conversation as its client names it, else as it begins."""
    name: Hashable = (record.session, put.strand)
    if not record.session:
        name = hash(put.came[:_OPENING_BYTES])
    return name, record.client, record.client_dialect, record.model_asked


def _turn(record: ExchangeRecord, put: Put, read: int, expected: int) -> CachedTurn:
    start_s, sent_s = record.started_s, record.sent_s or 0.0
    heard_s = sent_s if record.heard_s is None else record.heard_s
    return CachedTurn(
        record.request_id,
        record.upstream_request_id,
        record.client,
        record.client_dialect,
        record.chosen,
        record.profile,
        record.host,
        record.upstream_dialect,
        record.model_used,
        put,
        start_s + sent_s,
        start_s + heard_s,
        max(1, expected + (record.usage.fresh or 0)),
        read,
        expected - read,
        expected,
    )

"""What one running simulator remembers: its requests, the faults to come, prompts it has seen."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gwproxy.simulator.conversation import Conversation
from gwproxy.simulator.faults import Fault
from gwproxy.simulator.figures import PlayedFigures, PromptCache
from gwproxy.simulator.manners import DEMO, Manners
from gwproxy.simulator.play import converse
from gwproxy.simulator.routes import GENERATING, PlayedKind

# More than any test sends; a request is kept with its body.
DEFAULT_KEPT_REQUESTS = 1000


@dataclass(frozen=True, slots=True)
class PlayedSettings:
    """What one simulated provider is made of; `key` is the one it demands, if any."""

    manners: Manners = DEMO
    conversation: Conversation = converse
    key: str | None = field(default=None, repr=False)
    kept_requests: int = DEFAULT_KEPT_REQUESTS


class PlayedOutcome(StrEnum):
    RUNNING = "running"
    ANSWERED = "answered"
    REFUSED = "refused"
    BROKEN = "broken by a fault"
    CLIENT_GONE = "client gone"


@dataclass(slots=True)
class Recorded:
    """One request as it arrived, and what became of it.

    `headers` keep their order and spelling; `body` is the parsed JSON, or None. `figures` is
    set once the simulated model has begun to work, which is when a real one begins to bill.
    """

    request_id: str
    method: str
    path: str
    query: str
    headers: list[tuple[str, str]] = field(repr=False)
    raw: bytes = field(default=b"", repr=False)
    body: Any = field(default=None, repr=False)
    kind: PlayedKind | None = None
    status: int | None = None
    streamed: bool = False
    figures: PlayedFigures | None = None
    outcome: PlayedOutcome = PlayedOutcome.RUNNING

    def header(self, name: str) -> str | None:
        """The header's value, whatever its spelling; several are joined by commas."""
        found = [value for key, value in self.headers if key.lower() == name]
        return ", ".join(found) if found else None

    @property
    def client_went_away(self) -> bool:
        return self.outcome is PlayedOutcome.CLIENT_GONE

    def close(self, outcome: PlayedOutcome) -> None:
        """Sets the outcome; only the first one counts."""
        if self.outcome is PlayedOutcome.RUNNING:
            self.outcome = outcome


@dataclass(frozen=True, slots=True)
class _Plan:
    faults: tuple[Fault, ...]
    kinds: frozenset[PlayedKind]


class Memory:
    """What a simulator keeps from request to request. One event loop, no locks."""

    def __init__(self, settings: PlayedSettings) -> None:
        self.settings = settings
        self.requests: deque[Recorded] = deque(maxlen=settings.kept_requests)
        self.prompts = PromptCache()
        self.closing = asyncio.Event()
        self._arrived = 0
        self._answered = 0
        self._plans: list[_Plan] = []
        self._changed = asyncio.Condition()

    def next_answer_number(self) -> int:
        self._answered += 1
        return self._answered

    @property
    def billed(self) -> int:
        """How many requests the simulated model began to work on."""
        return self._answered

    def next_request_id(self) -> str:
        self._arrived += 1
        return f"req_{self._arrived:024d}"

    def plan(self, faults: Iterable[Fault], times: int, kinds: Iterable[PlayedKind]) -> None:
        """Plans these faults, together, for each of the next `times` requests of these kinds."""
        self._plans += [_Plan(tuple(faults), frozenset(kinds))] * times

    def due_faults(self, kind: PlayedKind) -> tuple[Fault, ...]:
        """The faults planned for the request that has just come, taken off the list."""
        for index, plan in enumerate(self._plans):
            if kind in plan.kinds:
                return self._plans.pop(index).faults
        return ()

    @property
    def planned(self) -> int:
        """How many planned faults have not been met yet."""
        return len(self._plans)

    def generations(self) -> list[Recorded]:
        """The requests for an answer, without model lists and token counts."""
        return [recorded for recorded in self.requests if recorded.kind in GENERATING]

    async def note_change(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def wait_until_settled(self) -> None:
        """Returns when no request is in progress."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: all(r.outcome is not PlayedOutcome.RUNNING for r in self.requests)
            )

    async def wait_for_requests(self, count: int) -> None:
        """Returns when at least `count` generating requests have come."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.generations()) >= count)

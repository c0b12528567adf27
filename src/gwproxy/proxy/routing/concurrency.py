"""How many requests a profile's account takes at once, and who is next.

Accounts of the lowest tier allow one request at a time and answer a second one with a 429. Who
waits is served in turns: every client that waits gets one turn before any gets its second, so
that one tool with twenty subagents does not keep another one waiting for all of them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from types import TracebackType
from typing import Self

from gwproxy.profiles.profile import Profile


class Concurrency:
    """The concurrency limits of all profiles. One event loop."""

    def __init__(self) -> None:
        self._limits: dict[str, _Limit] = {}

    async def enter(self, profile: Profile, client: str) -> Slot:
        """A slot of `profile`, as soon as there is one; give it back by `leave`."""
        limit = self._limits.get(profile.name)
        if limit is None:
            if profile.max_concurrent is None:
                return Slot(None)
            limit = self._limits[profile.name] = _Limit()
        # The limit may have been edited since the last request.
        limit.most = profile.max_concurrent
        await limit.enter(client)
        return Slot(limit)

    def waiting(self, profile: Profile) -> int:
        """How many requests stand in the queue."""
        limit = self._limits.get(profile.name)
        return 0 if limit is None else limit.waiting


class Slot:
    """One request's slot. `leave` may be called twice; a context leaves at its end."""

    __slots__ = ("_limit",)

    def __init__(self, limit: _Limit | None) -> None:
        self._limit = limit

    def leave(self) -> None:
        limit, self._limit = self._limit, None
        if limit is not None:
            limit.leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.leave()


class _Limit:
    def __init__(self) -> None:
        self.most: int | None = None
        self._inside = 0
        # Clients in the order of their next turn, each with its own requests in order.
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._queues.values()))

    @property
    def _has_room(self) -> bool:
        return self.most is None or self._inside < self.most

    async def enter(self, client: str) -> None:
        if self._has_room and not self._queues:
            self._inside += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(client, deque()).append(turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()  # its turn had come, and nobody is there to take it
            else:
                self._forget(client, turn)
            raise

    def leave(self) -> None:
        self._inside -= 1
        self._admit()

    def _admit(self) -> None:
        while self._queues and self._has_room:
            client, turns = self._queues.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._queues[client] = turns  # behind everybody else
            if not turn.done():
                self._inside += 1
                turn.set_result(None)

    def _forget(self, client: str, turn: asyncio.Future[None]) -> None:
        turns = self._queues.get(client)
        if turns is not None and turn in turns:
            turns.remove(turn)
            if not turns:
                del self._queues[client]

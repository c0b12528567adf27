"""Which hosts count tokens themselves, as far as this process has seen.

Where nobody knows, a host is asked once, with one word whose size we know: some answer every path
with 200, and some count in another unit.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias
from weakref import WeakValueDictionary

from gwproxy.translate.bridge import CODECS
from gwproxy.translate.hub import Dialect
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import tokens
from gwproxy.translate.wire import jsonio

NO_ROUTE: Final = frozenset({404, 405, 501})
"""Of a host that has no such route."""

_WORD: Final = "Hello"
_TIMES: Final = 3
"""How far a count may be from our estimate: tokenizers differ by less, other units by more."""

_MOST: Final = 256
"""Models of hosts that are remembered."""

Counter: TypeAlias = tuple[str, str]
"""An address that may count, and the model that it counts for."""


def one_word(model: str) -> bytes:
    """The shortest `count_tokens` body."""
    return jsonio.dumps({"model": model, "messages": [{"role": "user", "content": _WORD}]})


def plausible(counted: object) -> bool:
    """Whether `counted` is what a tokenizer may say of `one_word`."""
    parse = CODECS[Dialect.ANTHROPIC].parse_countable
    assert parse is not None
    estimated = tokens.estimate(parse(one_word("m"), Losses()))
    return type(counted) is int and estimated <= counted * _TIMES <= estimated * _TIMES**2


class _Asking:
    """One question for all who wait for its answer; `done` counts those that were answered."""

    __slots__ = ("__weakref__", "done", "lock", "outcome")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.done = 0
        self.outcome: bool | None = None


class Counters:
    """What the hosts have shown: kept in memory, the longest unused forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[Counter, bool] = OrderedDict()
        self._asking: WeakValueDictionary[Counter, _Asking] = WeakValueDictionary()

    async def has(self, counter: Counter, ask: Callable[[], Awaitable[bool | None]]) -> bool:
        """Whether the count of `counter` can be had and believed. `ask` finds out; what it answers
        is remembered, but None, which has taught nothing. Whoever comes meanwhile waits for it."""
        known = self._known.get(counter)
        if known is not None:
            self._known.move_to_end(counter)
            return known
        asking = self._asking.setdefault(counter, _Asking())
        before = asking.done
        async with asking.lock:
            # Whoever was to find out may have gone away before there was an answer.
            if asking.done == before:
                asking.outcome = await ask()
                asking.done += 1
                if asking.outcome is not None:
                    self.learn(counter, counts=asking.outcome)
        return asking.outcome is True

    def learn(self, counter: Counter, *, counts: bool) -> None:
        """Remember whether `counter` counts."""
        self._known[counter] = counts
        self._known.move_to_end(counter)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

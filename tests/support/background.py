"""Simulated providers and gateways in a thread of their own, for commands that run to their end.

    provider = background.provider(KIMI_CODE, key="…")     # support.background.Background
    command("test", "kimi")

Everything is closed when the test ends.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import pytest

from gwproxy.proxy.serving import Options, running
from gwproxy.proxy.serving import RunningGateway as Gateway
from gwproxy.simulator import DEMO, Manners, RunningSimulator, serve

T = TypeVar("T")

_PATIENCE_S = 30.0


def until(look: Callable[[], T]) -> T:
    """What `look` finds, as soon as it finds anything in what another thread does."""
    waited = threading.Event()
    for _ in range(1000):
        if found := look():
            return found
        waited.wait(0.01)
    raise AssertionError("nothing was found")


class Background:
    """An event loop in a thread, and what runs in it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._stack = AsyncExitStack()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, done in the thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    def provider(self, manners: Manners = DEMO, *, key: str | None = None) -> RunningSimulator:
        """A simulated provider. Plan its faults before a command runs, never during it."""

        async def start() -> RunningSimulator:
            return await self._stack.enter_async_context(await serve(manners, key=key))

        return self.do(start())

    def gateway(self, options: Options) -> Gateway:
        """A gateway; `Options()` alone takes its configuration from GWPROXY_HOME."""

        async def start() -> Gateway:
            return await self._stack.enter_async_context(running(options))

        return self.do(start())

    def stop(self) -> None:
        """End what runs, so that everything is recorded."""
        self.do(self._stack.aclose())

    def close(self) -> None:
        try:
            self.do(self._stack.aclose())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_PATIENCE_S)
            self._loop.close()


@pytest.fixture
def background() -> Iterator[Background]:
    background = Background()
    yield background
    background.close()

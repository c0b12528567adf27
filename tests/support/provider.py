"""A simulated provider on a free loopback port, for any test: real sockets, recorded requests.

    from support.provider import StartProvider, start_provider  # in a conftest

    async def test_something(start_provider: StartProvider) -> None:
        provider = await start_provider(KIMI_CODE, key="sk-kimi-test")
        … provider.anthropic_url, provider.generations, provider.will(…)

What was started is closed when the test ends, and a fault that was planned and never met fails
the test: it would have proved nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

import pytest

from gwproxy.simulator import DEMO, Manners, PlayedKind, Recorded, RunningSimulator, serve
from gwproxy.simulator.conversation import Conversation, DialectName, PlayedQuestion
from gwproxy.simulator.play import DIALECTS, converse

StartProvider: TypeAlias = Callable[..., Awaitable[RunningSimulator]]

_DIALECT_OF: Final[Mapping[PlayedKind | None, DialectName]] = {
    PlayedKind.MESSAGES: "anthropic",
    PlayedKind.CHAT: "chat",
    PlayedKind.RESPONSES: "responses",
}


def seen(recorded: Recorded) -> PlayedQuestion:
    """A request for an answer, in the simulator's neutral form."""
    return DIALECTS[_DIALECT_OF[recorded.kind]].view(recorded.body)


def record(provider: RunningSimulator, preset: str = "custom", **more: Any) -> dict[str, Any]:
    """A profile for it, as config.toml has one."""
    urls = {"anthropic_url": provider.anthropic_url, "openai_url": provider.openai_url}
    model = {"model": "demo-1"} if preset == "custom" else {}
    return {"preset": preset, **model, **urls, **more}


@pytest.fixture
async def start_provider() -> AsyncIterator[StartProvider]:
    """A function that starts a provider with these manners, words and key."""
    running: list[RunningSimulator] = []

    async def start(
        manners: Manners = DEMO, conversation: Conversation = converse, key: str | None = None
    ) -> RunningSimulator:
        provider = await serve(manners, conversation=conversation, key=key)
        running.append(provider)
        return provider

    yield start
    for provider in running:
        await provider.close()
    assert all(provider.planned == 0 for provider in running), "a planned fault was never met"


@pytest.fixture
async def provider(start_provider: StartProvider) -> RunningSimulator:
    """The demo provider: every dialect, streams, no key."""
    return await start_provider()

"""Claude Code's `/context`: some 25 token counts at once, each of another part of its prompt.

Every one is answered, none is billed, and none holds up another. The bodies are as it sends them:
model, messages and tools, `tools` often empty.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest

from gwproxy.simulator import PlayedKind
from support.gateway import KEY, StartGateway, TestGateway
from support.provider import StartProvider
from support.upstreams import EVERY_UPSTREAM

BURST: Final = 25


def part(number: int) -> dict[str, Any]:
    """The body that asks how many tokens one part of the prompt has; later ones have more."""
    tool = {"name": f"tool_{number}", "description": "does", "input_schema": {"type": "object"}}
    return {
        "model": "claude-sonnet-4-6",
        "messages": [{"role": "user", "content": "word " * 40 * (number + 1)}],
        "tools": [tool] if number % 2 else [],
    }


async def count(gateway: TestGateway, body: dict[str, Any]) -> int:
    async with gateway.post("/v1/messages/count_tokens?beta=true", body) as response:
        assert response.status == 200
        return int((await response.json())["input_tokens"])


@pytest.mark.parametrize("upstream", EVERY_UPSTREAM)
async def test_every_count_of_a_burst_is_answered_and_none_is_billed(
    start_gateway: StartGateway, start_provider: StartProvider, upstream: str
) -> None:
    kind = EVERY_UPSTREAM[upstream]
    provider = await start_provider(kind.manners, key=KEY)
    gateway = await start_gateway({"p": kind.record(provider)})
    counts = await asyncio.gather(*(count(gateway, part(number)) for number in range(BURST)))
    assert counts == sorted(counts)
    assert counts[0] >= 40
    assert provider.billed == 0
    assert all(each.kind is PlayedKind.COUNT_TOKENS for each in provider.requests)

"""Every client dialect, streamed and whole, through every provider's manners: the same talk.

The client is the strict one of the simulator; the provider is billed exactly once a turn.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gwproxy.simulator import (
    CLAUDE_GATEWAY,
    DEMO,
    KIMI_CODE,
    KIMI_K25,
    STRONGWALL,
    Manners,
    Running,
    Streaming,
    strictly,
)
from gwproxy.simulator.caller import talk
from gwproxy.simulator.conversation import DialectName
from support.gateway import KEY, TOKEN, StartGateway
from support.provider import StartProvider

DIALECTS: tuple[DialectName, ...] = ("anthropic", "chat", "responses")

# manners of the provider, preset of the profile, and what the profile says besides
PROVIDERS: dict[str, tuple[Manners, str, dict[str, Any]]] = {
    "strongwall": (STRONGWALL, "strongwall", {}),
    "kimi-k25": (KIMI_K25, "kimi-k25", {}),
    "kimi-k25 strict": (strictly(KIMI_K25), "kimi-k25", {}),
    "kimi-code": (KIMI_CODE, "kimi-code", {}),
    "kimi-code strict": (strictly(KIMI_CODE), "kimi-code", {}),
    "claude-gateway": (CLAUDE_GATEWAY, "claude-gateway", {}),
    "chat only": (replace(DEMO, dialects=frozenset({"chat"})), "custom", {"model": "demo-1"}),
    "responses only": (
        replace(DEMO, dialects=frozenset({"responses"})),
        "custom",
        {"model": "demo-1", "dialects": ["responses"]},
    ),
    "anthropic only": (
        replace(DEMO, dialects=frozenset({"anthropic"}), answer_model="renamed"),
        "custom",
        {"model": "demo-1"},
    ),
    "answers whole": (
        replace(DEMO, streaming=Streaming.ANSWERS_WHOLE),
        "custom",
        {"model": "demo-1", "dialects": ["anthropic", "chat", "responses"]},
    ),
    "always streams": (
        replace(DEMO, streaming=Streaming.ALWAYS_STREAMS),
        "custom",
        {"model": "demo-1", "dialects": ["anthropic", "chat", "responses"]},
    ),
    "refuses whole": (
        replace(DEMO, streaming=Streaming.REFUSES_WHOLE),
        "custom",
        {"model": "demo-1", "dialects": ["anthropic", "chat", "responses"], "stream": "always"},
    ),
    "refuses streams": (
        replace(DEMO, streaming=Streaming.REFUSES_STREAMS),
        "custom",
        {"model": "demo-1", "dialects": ["anthropic", "chat", "responses"], "stream": "never"},
    ),
}


def record(provider: Running, preset: str, more: dict[str, Any]) -> dict[str, Any]:
    urls = {}
    if "anthropic" in provider.manners.dialects:
        urls["anthropic_url"] = provider.anthropic_url
    if provider.manners.dialects & {"chat", "responses"}:
        urls["openai_url"] = provider.openai_url
    return {"preset": preset, **urls, **more}


CASES = [
    (name, dialect, streamed)
    for name in PROVIDERS
    for dialect in DIALECTS
    for streamed in (True, False)
    # A Chat upstream that streams unasked tells no usage, and this client wants it.
    if (name, dialect, streamed) != ("always streams", "chat", False)
]


@pytest.mark.parametrize(("name", "dialect", "streamed"), CASES)
async def test_the_same_talk(
    start_gateway: StartGateway,
    start_provider: StartProvider,
    name: str,
    dialect: DialectName,
    streamed: bool,
) -> None:
    manners, preset, more = PROVIDERS[name]
    provider = await start_provider(manners, key=KEY)
    gateway = await start_gateway({"p": record(provider, preset, more)})
    spoken = await talk(
        gateway.url, dialect, model="claude-sonnet-4-6", token=TOKEN, streamed=streamed
    )
    # One upstream request for each turn, and nothing else: every one of them is billed.
    assert len(provider.requests) == 2
    assert provider.billed == 2
    for turn in (spoken.calling, spoken.reporting):
        assert turn.headers["x-gwproxy-route"].startswith("p; ")
        assert turn.headers["x-gwproxy-request-id"].startswith("req_")
    assert gateway.keys_asked == ["p"]
    for request in provider.requests:
        sent = request.raw + repr(request.headers).encode()
        assert TOKEN.encode() not in sent

"""Every client dialect, streamed and whole, through every provider's manners: the same talk.

The client is the strict one of the simulator; the provider is billed exactly once a turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from gwproxy.simulator import DEMO, KIMI_CODE, KIMI_K25, STRONGWALL
from gwproxy.simulator.caller import talk
from gwproxy.simulator.conversation import DialectName
from support.gateway import KEY, TOKEN, StartGateway
from support.provider import StartProvider
from support.upstreams import EVERY_UPSTREAM, Upstream

DIALECTS: tuple[DialectName, ...] = ("anthropic", "chat", "responses")

PROVIDERS: Mapping[str, Upstream] = {
    **EVERY_UPSTREAM,
    # As above, without the strict rules: nothing may depend on being refused.
    "strongwall": Upstream(STRONGWALL, "strongwall"),
    "kimi-k25-lenient": Upstream(KIMI_K25, "kimi-k25"),
    "kimi-code": Upstream(KIMI_CODE, "kimi-code"),
    "renames-its-model": Upstream(
        replace(DEMO, dialects=frozenset({"anthropic"}), answer_model="renamed"),
        "custom",
        {"model": "demo-1"},
    ),
}

CASES = [
    (name, dialect, streamed)
    for name in PROVIDERS
    for dialect in DIALECTS
    for streamed in (True, False)
    # A Chat upstream that streams unasked tells no usage, and this client wants it.
    if (name, dialect, streamed) != ("always-streams", "chat", False)
]


@pytest.mark.parametrize(("name", "dialect", "streamed"), CASES)
async def test_the_same_talk(
    start_gateway: StartGateway,
    start_provider: StartProvider,
    name: str,
    dialect: DialectName,
    streamed: bool,
) -> None:
    upstream = PROVIDERS[name]
    provider = await start_provider(upstream.manners, key=KEY)
    gateway = await start_gateway({"p": upstream.record(provider)})
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

"""Long sessions of real shape against every preset, with the provider at its strictest.

Ten turns of thinking, parallel calls, an interrupted call, an image, a tool search and a
compaction: no agent ever sees a refusal, the provider sees none that needs no healing, and what
was sent once is sent again byte for byte, which is what prompt caches live on.
"""

from __future__ import annotations

import itertools
import json
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
    Recorded,
    Rule,
    RunningSimulator,
    strictly,
)
from support.gateway import KEY, StartGateway
from support.provider import StartProvider
from support.sessions import AGENTS, converse, hold_session

# Its route takes adaptive thinking with an effort (anomalyco/opencode), and few efforts.
K3 = replace(
    strictly(KIMI_CODE),
    models=("k3",),
    rules=frozenset(Rule) - {Rule.THINKING_TYPE, Rule.SIGNATURES},
)
PROVIDERS: dict[str, tuple[Manners, str, dict[str, Any]]] = {
    "strongwall": (strictly(STRONGWALL), "strongwall", {}),
    "kimi-k25": (strictly(KIMI_K25), "kimi-k25", {}),
    "kimi-k25 chat": (strictly(KIMI_K25), "kimi-k25", {"dialects": ["chat"]}),
    "kimi-code": (strictly(KIMI_CODE), "kimi-code", {}),
    "kimi-code k3": (K3, "kimi-code", {"model": "k3"}),
    "claude-gateway": (CLAUDE_GATEWAY, "claude-gateway", {}),
    "custom": (replace(DEMO, dialects=frozenset({"chat"})), "custom", {"model": "demo-1"}),
}


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("name", PROVIDERS)
async def test_ten_turns(
    start_gateway: StartGateway, start_provider: StartProvider, name: str, agent: str
) -> None:
    manners, preset, more = PROVIDERS[name]
    provider = await start_provider(manners, converse, key=KEY)
    gateway = await start_gateway({"p": record(provider, preset, more)})
    await hold_session(gateway, AGENTS[agent]())
    assert [refusal(one) for one in provider.generations if one.status != 200] == []
    assert provider.billed == len(provider.generations)
    assert_prefixes(provider)


def record(provider: RunningSimulator, preset: str, more: dict[str, Any]) -> dict[str, Any]:
    urls = {}
    if "anthropic" in provider.manners.dialects:
        urls["anthropic_url"] = provider.anthropic_url
    if provider.manners.dialects & {"chat", "responses"}:
        urls["openai_url"] = provider.openai_url
    return {"preset": preset, **urls, **more}


def refusal(recorded: Recorded) -> tuple[int | None, Any]:
    return recorded.status, recorded.body


def assert_prefixes(provider: RunningSimulator) -> None:
    """Every history begins with the one sent before it, but for the compaction."""
    sent = [history(one) for one in provider.generations if one.status == 200]
    breaks = [
        number
        for number, (earlier, later) in enumerate(itertools.pairwise(sent))
        if later[: len(earlier)] != earlier
    ]
    assert len(breaks) == 1, [(sent[number], sent[number + 1]) for number in breaks]
    assert len(sent[breaks[0] + 1]) < len(sent[breaks[0]])


def history(recorded: Recorded) -> list[str]:
    """The messages as they were written, without the marks that move along with the end."""
    listed = recorded.body.get("messages") or recorded.body["input"]
    return [json.dumps(_unmarked(message)) for message in listed]


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _unmarked(v) for k, v in value.items() if k != "cache_control"}
    return [_unmarked(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("manners", [KIMI_K25, KIMI_CODE, STRONGWALL], ids=lambda one: one.name)
async def test_a_profile_that_knows_nothing_learns_it_all(
    start_gateway: StartGateway,
    start_provider: StartProvider,
    caplog: pytest.LogCaptureFixture,
    manners: Manners,
    agent: str,
) -> None:
    provider = await start_provider(strictly(manners), converse, key=KEY)
    more = {"model": "kimi-k2.5"}
    gateway = await start_gateway({"p": record(provider, "custom", more)})
    one = AGENTS[agent]()
    one.patience = 4  # one more complaint is heard with each
    await hold_session(gateway, one)
    refused = [number for number, it in enumerate(provider.generations) if it.status != 200]
    # What is in this one history, such as a call that was interrupted, teaches nothing of the host.
    of_history = sum("the history is out of order" in one for one in caplog.messages)
    assert len(refused) - of_history <= 10
    # What was learned is not forgotten: in the second half all else is well.
    late = [number for number in refused if number > len(provider.generations) / 2]
    assert len(late) <= of_history
    assert provider.billed == len(provider.generations) - len(refused)

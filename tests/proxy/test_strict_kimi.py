"""Long sessions of real shape against every preset, with the provider at its strictest.

Ten turns of thinking, parallel calls, an interrupted call, an image, a tool search and a
compaction: no agent ever sees a refusal, the provider sees none that needs no healing, and what
was sent once is sent again byte for byte, which is what prompt caches live on.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any, Final

import pytest

from gwproxy.simulator import (
    CLAUDE_GATEWAY,
    DEMO,
    KIMI_CODE,
    KIMI_K25,
    STRONGWALL,
    Answer,
    Asked,
    Manners,
    Recorded,
    Rule,
    Running,
    call,
    strictly,
)
from gwproxy.simulator.caller import TONGUES, Heard
from gwproxy.simulator.caller.heard import unframed
from gwproxy.simulator.conversation import fresh_results, last_question
from support.agents import (
    Agent,
    ClaudeCode,
    Codex,
    ForgetfulCodex,
    OpenClaw,
    OpenCode,
    Sanitizing,
)
from support.gateway import KEY, StartGateway, TestGateway
from support.provider import StartProvider

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
AGENTS: dict[str, type[Agent]] = {
    "claude-code": ClaudeCode,
    "opencode": OpenCode,
    "openclaw": OpenClaw,
    "codex": Codex,
    "sanitizing": Sanitizing,
    "forgetful codex": ForgetfulCodex,
}

# What the person says; the simulated model does what the words name.
SAID: Final = (
    "good morning",
    "one file, please",
    "two files in parallel",
    "one more file",
    "INTERRUPTED",
    "never mind, two files in parallel",
    "a picture",
    "a search",
    "COMPACT one file, please",
    "thank you",
)


def converse(asked: Asked) -> Answer:
    """The simulated model."""
    if fresh_results(asked.entries):
        return Answer("I have read it.", thinking="Now I know what it says.")
    said = last_question(asked.entries)
    thinking = f"They say: {said[:20]}"
    if "parallel" in said:
        calls = (call("Read", path="a.py"), call("Read", path="b.py"))
        return Answer("Both.", thinking=thinking, calls=calls)
    if "picture" in said:
        return Answer(thinking=thinking, calls=(call("Screenshot", path="x"),))
    if "search" in said:
        return Answer(thinking=thinking, calls=(call("ToolSearch", path="tickets"),))
    if "file" in said:
        return Answer(thinking=thinking, calls=(call("Read", path="a.py"),))
    return Answer("You are welcome.", thinking=thinking)


async def ask(gateway: TestGateway, agent: Agent, *, streamed: bool) -> Heard:
    tongue = TONGUES[agent.dialect]
    path = tongue.path
    for _ in range(1 + agent.patience):
        async with gateway.post(path, agent.body(streamed), headers=agent.headers) as response:
            body = await response.read()
        if response.status == 200:
            break
    assert response.status == 200, body
    heard = tongue.streamed(unframed(body)) if streamed else tongue.whole(json.loads(body))
    agent.heard(heard)
    return heard


async def hold_session(gateway: TestGateway, agent: Agent) -> None:
    for number, said in enumerate(SAID):
        if said == "INTERRUPTED":
            agent.say("one file that never comes")
            assert (await ask(gateway, agent, streamed=True)).calls
            continue
        if said.startswith("COMPACT"):
            agent.compact()
        agent.say(said)
        heard = await ask(gateway, agent, streamed=number % 2 == 0)
        while heard.calls:
            agent.give(heard.calls, image="picture" in said)
            heard = await ask(gateway, agent, streamed=number % 3 == 0)
        assert heard.text


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


def record(provider: Running, preset: str, more: dict[str, Any]) -> dict[str, Any]:
    urls = {}
    if "anthropic" in provider.manners.dialects:
        urls["anthropic_url"] = provider.anthropic_url
    if provider.manners.dialects & {"chat", "responses"}:
        urls["openai_url"] = provider.openai_url
    return {"preset": preset, **urls, **more}


def refusal(recorded: Recorded) -> tuple[int | None, Any]:
    return recorded.status, recorded.body


def assert_prefixes(provider: Running) -> None:
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

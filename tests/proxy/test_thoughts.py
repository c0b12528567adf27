"""The memory of reasoning: bounded, apart for each profile, and of use through the gateway."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.proxy.records.thoughts import ThoughtMemory
from gwproxy.simulator import DEMO, PlayedAnswer, Rule, RunningSimulator, call, scenario
from gwproxy.translate.hub import Reasoning, Seal
from support.gateway import StartGateway, TestGateway
from support.provider import StartProvider

THOUGHT = "The directory must be listed first."


def test_profiles_do_not_share_thoughts() -> None:
    memory = ThoughtMemory()
    memory.of("a")["k"] = (Reasoning("x"),)
    assert memory.of("a")["k"] == (Reasoning("x"),)
    assert "k" not in memory.of("b")
    assert (len(memory.of("a")), list(memory.of("b"))) == (1, [])
    assert (bool(memory.of("a")), bool(memory.of("b"))) == (True, False)


def test_the_least_recently_used_goes_first() -> None:
    memory = ThoughtMemory(most_entries=2)
    view = memory.of("p")
    view["a"] = view["b"] = (Reasoning("x"),)
    assert view["a"]
    view["c"] = (Reasoning("x"),)
    assert sorted(view) == ["a", "c"]


def test_thoughts_of_any_length_fit_into_the_memory_together() -> None:
    memory = ThoughtMemory(most_characters=100)
    view = memory.of("p")
    view["a"] = (Reasoning("x" * 60),)
    view["b"] = (Reasoning("", Seal("f", "signature", "y" * 50)),)
    assert list(view) == ["b"]
    view["c"] = (Reasoning("x" * 101),)
    assert list(view) == []
    view["d"] = (Reasoning("x" * 100),)
    assert list(view) == ["d"]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 60), st.booleans())))
def test_the_size_is_always_that_of_what_is_there(steps: list[tuple[str, int, bool]]) -> None:
    memory = ThoughtMemory(most_entries=3, most_characters=100)
    view = memory.of("p")
    for key, size, drops in steps:
        if drops:
            view.pop(key, None)
        else:
            view[key] = (Reasoning("x" * size),)
        assert len(view) <= 3
        assert sum(len(thoughts[0].text) for thoughts in view.values()) <= 100
    # Nothing is counted that is gone: there is room for all of it again.
    for key in list(view):
        del view[key]
    view["all"] = (Reasoning("x" * 100),)
    assert "all" in view


# --- through the gateway ---------------------------------------------------------------------

STRICT = replace(DEMO, dialects=frozenset({"anthropic"}), rules=frozenset({Rule.REASONING_REPLAY}))
TALK = scenario(
    PlayedAnswer(thinking=THOUGHT, calls=(call("ls", path="."), call("ls", path=".."))), "done"
)
TOOL: dict[str, Any] = {"type": "object", "properties": {"path": {"type": "string"}}}


async def ask(gateway: TestGateway, body: dict[str, Any], profile: str = "up") -> dict[str, Any]:
    async with gateway.post(f"/profiles/{profile}/v1/chat/completions", body) as response:
        answer: dict[str, Any] = json.loads(await response.read())
        assert response.status == 200, answer
    return answer


def first() -> dict[str, Any]:
    function = {"name": "ls", "parameters": TOOL}
    return {
        "model": "m",
        "messages": [{"role": "user", "content": "look around"}],
        "tools": [{"type": "function", "function": function}],
    }


def following(answer: dict[str, Any]) -> dict[str, Any]:
    """The next request of a client that loses reasoning."""
    calls = answer["choices"][0]["message"]["tool_calls"]
    turn = {"role": "assistant", "content": None, "tool_calls": calls}
    results = [{"role": "tool", "tool_call_id": one["id"], "content": "a b"} for one in calls]
    body = first()
    return {**body, "messages": [*body["messages"], turn, *results]}


def with_words(body: dict[str, Any], field: str) -> dict[str, Any]:
    """The same request of a client that keeps the words alone."""
    body["messages"][1][field] = THOUGHT
    return body


def thoughts_sent(provider: RunningSimulator) -> list[str]:
    blocks = [
        block
        for message in provider.generations[-1].body["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
    ]
    return [block["thinking"] for block in blocks if block["type"] == "thinking"]


@pytest.mark.parametrize("stream", ["auto", "always"])
async def test_lost_reasoning_comes_back_in_its_own_words(
    start_gateway: StartGateway, start_provider: StartProvider, stream: str
) -> None:
    provider = await start_provider(STRICT, TALK)
    up = {
        "preset": "custom",
        "model": "demo-1",
        "anthropic_url": provider.anthropic_url,
        "stream": stream,
    }
    gateway = await start_gateway({"up": up})
    answer = await ask(gateway, first())
    await ask(gateway, following(answer))
    assert thoughts_sent(provider) == [THOUGHT]
    assert [one.status for one in provider.generations] == [200, 200]


SIGNING = replace(STRICT, rules=frozenset({Rule.REASONING_REPLAY, Rule.SIGNATURES}))


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_bare_words_go_back_as_their_maker_signed_them(
    start_gateway: StartGateway, start_provider: StartProvider, field: str
) -> None:
    provider = await start_provider(SIGNING, TALK)
    up = {"preset": "custom", "model": "demo-1", "anthropic_url": provider.anthropic_url}
    gateway = await start_gateway({"up": up})
    await ask(gateway, with_words(following(await ask(gateway, first())), field))
    assert thoughts_sent(provider) == [THOUGHT]
    assert [one.status for one in provider.generations] == [200, 200]


async def test_words_that_nobody_remembers_are_left_out_and_the_loop_goes_on_without_thinking(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider(SIGNING, TALK)
    up = {"preset": "custom", "model": "demo-1", "anthropic_url": provider.anthropic_url}
    gateway = await start_gateway({"up": up, "other": up})
    lost = with_words(following(await ask(gateway, first())), "reasoning_content")
    lost["reasoning_effort"] = "medium"
    for _ in range(2):
        await ask(gateway, lost, profile="other")
        assert thoughts_sent(provider) == []
        assert provider.generations[-1].body["thinking"] == {"type": "disabled"}
    # That it checks signatures is no fault of the one request.
    assert [one.status for one in provider.generations] == [200, 400, 200, 200]


async def test_without_memory_a_placeholder_is_the_last_resort(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider(STRICT, TALK)
    up = {"preset": "custom", "model": "demo-1", "anthropic_url": provider.anthropic_url}
    gateway = await start_gateway({"up": up, "other": up})
    answer = await ask(gateway, first())
    # Another profile may lead to another model: it gets none of these thoughts.
    await ask(gateway, following(answer), profile="other")
    assert thoughts_sent(provider) == [" "]
    assert [one.status for one in provider.generations] == [200, 400, 200]
    # Genuine thoughts stay better than the placeholder that is known now.
    await ask(gateway, following(await ask(gateway, first(), "other")), profile="other")
    assert thoughts_sent(provider) == [THOUGHT]


async def test_an_upstream_that_wants_no_reasoning_gets_none(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider(replace(STRICT, rules=frozenset()), TALK)
    up = {
        "preset": "custom",
        "model": "demo-1",
        "anthropic_url": provider.anthropic_url,
        "quirks": {"reasoning_in": "none"},
    }
    gateway = await start_gateway({"up": up})
    await ask(gateway, following(await ask(gateway, first())))
    assert thoughts_sent(provider) == []

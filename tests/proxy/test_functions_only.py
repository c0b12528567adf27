"""A Responses host that takes functions only, learned from its refusals, one kind at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gwproxy.simulator import PlayedRefusal, Rule, RunningSimulator
from support import responses_grammar
from support.gateway import StartGateway, TestGateway
from support.provider import StartProvider
from support.upstreams import RESPONSES_ONLY

GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/s"}
PATCH = {"type": "custom", "name": "apply_patch", "description": "patch", "format": GRAMMAR}
SPAWN = {"type": "function", "name": "spawn", "parameters": {"type": "object", "properties": {}}}
SPACE = {"type": "namespace", "name": "agents", "description": "", "tools": [SPAWN]}
ADDED = {"type": "additional_tools", "role": "developer", "tools": [SPACE]}
MORE = {"prompt_cache_key": "k", "client_metadata": {"a": "b"}, "store": False, "novelty": 1}


@pytest.fixture
async def host(start_provider: StartProvider) -> RunningSimulator:
    return await start_provider(
        replace(RESPONSES_ONLY.manners, rules=frozenset({Rule.FUNCTION_TOOLS}))
    )


@pytest.fixture
async def gateway(start_gateway: StartGateway, host: RunningSimulator) -> TestGateway:
    return await start_gateway({"up": RESPONSES_ONLY.record(host)})


async def post(gateway: TestGateway, *items: Any, **more: Any) -> tuple[dict[str, Any], str]:
    """The response object, and what was lost."""
    body = {"model": "demo-1", "input": list(items), **MORE, **more}
    async with gateway.post("/v1/responses", body) as response:
        raw = await response.read()
        assert response.status == 200, raw
        told = responses_grammar.check(raw) if more.get("stream") else json.loads(raw)
        return told, response.headers.get("x-gwproxy-loss", "")


def user(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_session_of_two_turns(
    gateway: TestGateway, host: RunningSimulator, stream: bool
) -> None:
    tools = {"tools": [PATCH, SPACE], "tool_choice": {"type": "custom", "name": "apply_patch"}}
    first, lost = await post(gateway, user("go"), stream=stream, **tools)
    assert {"heal:custom_tools=false", "heal:namespaces=false"} <= set(lost.split(", "))
    assert [one.status for one in host.generations] == [400, 400, 200]
    call = next(item for item in first["output"] if item["type"] == "custom_tool_call")
    assert call["name"] == "apply_patch"
    assert isinstance(call["input"], str)
    sent = host.generations[-1].body
    assert {name: sent[name] for name in MORE} == MORE
    assert sent["tool_choice"] == {"type": "function", "name": "apply_patch"}
    # The second turn is taken at once, with the call that the model made.
    output = {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "done"}
    second, lost = await post(
        gateway, user("go"), *first["output"], output, stream=stream, tools=[PATCH, SPACE]
    )
    assert second["output"]
    assert "heal" not in lost
    assert [one.status for one in host.generations] == [400, 400, 200, 200]
    said = [one for one in host.generations[-1].body["input"] if one["type"] == "function_call"]
    assert [(one["call_id"], one["name"]) for one in said] == [(call["call_id"], "apply_patch")]
    assert json.loads(said[0]["arguments"])["input"] == call["input"]


async def test_tools_of_the_input_go_where_tools_go(
    gateway: TestGateway, host: RunningSimulator
) -> None:
    choice = {"type": "function", "name": "spawn"}
    answer, lost = await post(gateway, ADDED, user("go"), tools=[], tool_choice=choice)
    assert {"heal:added_tools=false", "heal:namespaces=false"} <= set(lost.split(", "))
    call = next(item for item in answer["output"] if item["type"] == "function_call")
    assert (call["name"], call["namespace"]) == ("spawn", "agents")
    assert [tool["name"] for tool in host.generations[-1].body["tools"]] == ["agents__spawn"]


@pytest.mark.parametrize(
    "refusal",
    [
        "invalid request body: Invalid 'input': value did not match any expected variant",
        'input[1]: unknown item type "agent_message"; expected one of: message, reasoning',
    ],
)
async def test_what_agents_say_is_said_in_messages(
    gateway: TestGateway, host: RunningSimulator, refusal: str
) -> None:
    """openai/codex#33551, lidge-jun/opencodex#4454"""
    host.will(PlayedRefusal(422, refusal))
    part = {"type": "encrypted_content", "encrypted_content": "List."}
    agent = {"type": "agent_message", "author": "/a", "recipient": "/b", "content": [part]}
    for healed in (True, False):
        _, lost = await post(gateway, user("go"), agent)
        assert ("heal:agent_items=false" in lost.split(", ")) is healed
    first, second, third = (one.body["input"] for one in host.generations)
    assert first[1] == agent
    assert second == third == [user("go"), user("[message of the agent /a]\nList.")]


async def test_a_host_that_takes_them_gets_them_as_they_are(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    host = await start_provider(RESPONSES_ONLY.manners)
    gateway = await start_gateway({"up": RESPONSES_ONLY.record(host)})
    _, lost = await post(gateway, ADDED, user("go"), tools=[PATCH, SPACE])
    assert lost == ""
    assert host.generations[-1].body["tools"] == [PATCH, SPACE]
    assert host.generations[-1].body["input"][0] == ADDED

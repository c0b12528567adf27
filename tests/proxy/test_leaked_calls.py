"""Calls that a provider left in its text reach a client as calls, if its profile says so."""

from __future__ import annotations

import pytest

from gwproxy.simulator import Disorder, PlayedAnswer, call, scenario
from support.anthropic_sdk import accumulated, bare, whole
from support.gateway import StartGateway, messages
from support.provider import StartProvider

TALK = scenario(
    PlayedAnswer(text="I look.", calls=(call("ls", path="."), call("ls", path=".."))), "done"
)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("wanted", [False, True])
async def test_markup_becomes_calls_on_request(
    start_gateway: StartGateway, start_provider: StartProvider, streamed: bool, wanted: bool
) -> None:
    provider = await start_provider(conversation=TALK)
    record = {
        "preset": "custom",
        "openai_url": provider.openai_url,
        "model": "demo-1",
        "dialects": ["chat"],
        "quirks": {"leaked_tools": wanted},
    }
    gateway = await start_gateway({"up": record})
    provider.will(Disorder.LEAKED_CALLS)
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    body = messages(tools=[{"name": "ls", "input_schema": schema}], stream=streamed)
    async with gateway.post("/v1/messages", body) as response:
        answer = await response.read()
    message = bare(accumulated(answer) if streamed else whole(answer))
    content, stop = message["content"], message["stop_reason"]
    calls = [block["input"] for block in content if block["type"] == "tool_use"]
    assert calls == ([{"path": "."}, {"path": ".."}] if wanted else [])
    assert content[0]["text"].startswith("I look.")
    assert ("<|" in content[0]["text"]) is not wanted
    assert stop == ("tool_use" if wanted else "end_turn")

"""The acceptance tests of the Open Responses specification, on every kind of provider.

What each sends and checks is that of the specification's own suite; every answer must have all
members of its response object, and every stream event its shape.

https://www.openresponses.org/compliance
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from gwproxy.simulator import RunningSimulator, in_prompt
from real_clients.tasks import PNG
from support import responses_grammar
from support.gateway import StartGateway, TestGateway
from support.provider import StartProvider
from support.upstreams import UPSTREAMS

MODEL = "gpt-any"
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a location",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "The city"}},
        "required": ["location"],
    },
}


@pytest.fixture(params=list(UPSTREAMS))
def upstream(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def provider(start_provider: StartProvider, upstream: str) -> RunningSimulator:
    return await start_provider(UPSTREAMS[upstream].manners)


@pytest.fixture
async def gateway(
    start_gateway: StartGateway, provider: RunningSimulator, upstream: str, tmp_path: Path
) -> TestGateway:
    options = {"responses": tmp_path / "responses.db"}
    return await start_gateway({"p": UPSTREAMS[upstream].record(provider)}, options=options)


def user(*content: dict[str, Any] | str) -> dict[str, Any]:
    parts = [{"type": "input_text", "text": c} if isinstance(c, str) else c for c in content]
    return {"type": "message", "role": "user", "content": parts}


async def ask(gateway: TestGateway, **body: Any) -> dict[str, Any]:
    """The response, whole or streamed, after every check of its shape."""
    async with gateway.post("/v1/responses", {"model": MODEL, **body}) as answer:
        data = await answer.read()
        assert answer.status == 200, data
    if body.get("stream"):
        response = responses_grammar.check(data)
    else:
        response = json.loads(data)
        responses_grammar.check_response(response)
    assert response["model"] == MODEL
    assert response["output"]
    assert response["status"] == "completed"
    return response


def only_call(response: dict[str, Any]) -> dict[str, Any]:
    (call,) = [item for item in response["output"] if item["type"] == "function_call"]
    assert 1 <= len(call["call_id"]) <= 64
    assert json.loads(call["arguments"]).keys() == {"location"}
    return dict(call)


async def test_basic_response(gateway: TestGateway) -> None:
    await ask(gateway, input=[user("Say hello in exactly 3 words.")])


async def test_streaming_response(gateway: TestGateway) -> None:
    await ask(gateway, input=[user("Count from 1 to 5.")], stream=True)


async def test_system_prompt(gateway: TestGateway) -> None:
    system = {"type": "message", "role": "system", "content": "You are a pirate."}
    await ask(gateway, input=[system, user("Say hello.")])


async def test_tool_calling(gateway: TestGateway) -> None:
    response = await ask(gateway, input=[user("What's the weather in Paris?")], tools=[WEATHER])
    assert only_call(response)["name"] == "get_weather"


async def test_function_call_round_trip(gateway: TestGateway) -> None:
    first = await ask(
        gateway,
        input=[user("What's the weather in Paris?")],
        tools=[WEATHER],
        tool_choice={"type": "function", "name": "get_weather"},
    )
    call = only_call(first)
    result = {
        "type": "function_call_output",
        "call_id": call["call_id"],
        "output": '{"degrees": 21}',
    }
    second = await ask(gateway, previous_response_id=first["id"], input=[result], tools=[WEATHER])
    assert second["previous_response_id"] == first["id"]
    assert [item for item in second["output"] if item["type"] == "message"]


async def test_image_input(gateway: TestGateway, provider: RunningSimulator) -> None:
    data = base64.b64encode(PNG).decode()
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{data}"}
    await ask(gateway, input=[user("What do you see?", image)])
    assert data.encode() in provider.generations[-1].raw


async def test_multi_turn(gateway: TestGateway) -> None:
    assistant = {"type": "message", "role": "assistant", "content": "Hello Alice!"}
    await ask(gateway, input=[user("My name is Alice."), assistant, user("What is my name?")])


async def test_previous_response_id(gateway: TestGateway) -> None:
    first = await ask(gateway, input="My name is Alice.")
    second = await ask(gateway, previous_response_id=first["id"], input="What is my name?")
    assert second["previous_response_id"] == first["id"]


# A page that says "hi".
PDF = "JVBERi0xLjQKMSAwIG9iajw8L1R5cGUvQ2F0YWxvZz4+ZW5kb2JqCnRyYWlsZXI8PC9Sb290IDEgMCBSPj4KJSVFT0Y="
FILE = {
    "type": "input_file",
    "filename": "hi.pdf",
    "file_data": f"data:application/pdf;base64,{PDF}",
}


async def test_file_input(gateway: TestGateway, provider: RunningSimulator, upstream: str) -> None:
    """Where the upstream is not known to refuse documents; elsewhere a refusal that names the file,
    for an answer would be about nothing."""
    body = {"model": MODEL, "input": [user("Summarize this.", FILE)]}
    async with gateway.post("/v1/responses", body) as answer:
        data = await answer.json()
        if upstream in ("responses-only", "chat-only"):
            assert answer.status == 200
            responses_grammar.check_response(data)
            assert PDF.encode() in provider.generations[-1].raw
        else:
            assert answer.status == 400, data
            assert "document" in data["error"]["message"] or "file" in data["error"]["message"]
            assert data["error"]["param"] == "input"
            assert provider.billed == 0


@pytest.mark.parametrize("tool", ["web_search", "file_search"])
async def test_a_hosted_tool_alone_is_refused_by_name(
    gateway: TestGateway, provider: RunningSimulator, upstream: str, tool: str
) -> None:
    if upstream == "responses-only":
        pytest.skip("whoever has hosted tools is asked for them")
    body = {
        "model": MODEL,
        "input": [user("What is new?")],
        "tools": [{"type": tool}],
        "tool_choice": {"type": tool},
    }
    async with gateway.post("/v1/responses", body) as answer:
        data = await answer.json()
        assert answer.status == 400, data
        assert tool in data["error"]["message"]
    assert provider.billed == 0


async def test_a_hosted_tool_among_others_is_a_loss(
    gateway: TestGateway, provider: RunningSimulator, upstream: str
) -> None:
    if upstream == "responses-only":
        pytest.skip("whoever has hosted tools is asked for them")
    body = {
        "model": MODEL,
        "input": [user("What's the weather in Paris?")],
        "tools": [WEATHER, {"type": "web_search"}],
    }
    async with gateway.post("/v1/responses", body) as answer:
        assert answer.status == 200, await answer.text()
        assert "web_search" in answer.headers["x-gwproxy-loss"]
        responses_grammar.check_response(await answer.json())


async def test_a_limit_makes_the_response_incomplete(gateway: TestGateway) -> None:
    """With the item that was cut as the last one: the grammar holds both to it. The story is longer
    than the least that models are allowed which think before they tell it."""
    story = in_prompt([{"text": "Once upon a time. " * 20_000}])
    body = {"model": MODEL, "input": story, "max_output_tokens": 16, "stream": True}
    async with gateway.post("/v1/responses", body) as answer:
        response = responses_grammar.check(await answer.read())
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}

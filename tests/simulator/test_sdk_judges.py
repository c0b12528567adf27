"""The official SDKs judge the simulator: their accumulated streams equal its whole answers.

Two providers with the same past give the same ids and figures, so whole answers and streams are
compared complete, member by member.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import anthropic
import openai
import pytest

from gwproxy.simulator import (
    CLAUDE_GATEWAY,
    DEMO,
    KIMI_CODE,
    KIMI_K25,
    Manners,
    PlayedRefusal,
    RunningSimulator,
    Streaming,
)
from simulator.asking import CITY_SCHEMA, TWO_CITIES
from support.provider import StartProvider

Ask: TypeAlias = Callable[[RunningSimulator, list[Any], bool], Awaitable[Any]]

STREAMING = replace(KIMI_K25, chat_disorders=frozenset())
EVERY_DIALECT = [DEMO, STREAMING]
MESSAGES = [*EVERY_DIALECT, KIMI_CODE, CLAUDE_GATEWAY]
CHAT = [*EVERY_DIALECT, CLAUDE_GATEWAY]


def claude(provider: RunningSimulator) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(api_key="k", base_url=provider.anthropic_url, max_retries=0)


def gpt(provider: RunningSimulator) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key="k", base_url=provider.openai_url, max_retries=0)


def bare(value: Any) -> Any:
    """An SDK's value without what its stream helpers add: nulls, parsed copies, call indexes."""
    if hasattr(value, "to_dict"):
        return bare(value.to_dict())
    if isinstance(value, dict):
        kept = {key: bare(member) for key, member in value.items() if member is not None}
        for added in ("parsed", "parsed_arguments", "parsed_output"):
            kept.pop(added, None)
        if "function" in kept:
            kept.pop("index", None)
        return kept
    return [bare(member) for member in value] if isinstance(value, list) else value


def name_of(manners: Manners) -> str:
    return manners.name


async def judged(ask: Ask, sides: Sequence[RunningSimulator], history: list[Any]) -> Any:
    """The whole answer of one, to which the SDK has put together the stream of the other."""
    whole_side, stream_side = sides
    whole = await ask(whole_side, history, False)
    streamed = await ask(stream_side, history, True)
    assert bare(streamed) == bare(whole)
    return whole


async def message(provider: RunningSimulator, history: list[Any], streamed: bool) -> Any:
    request: dict[str, Any] = {
        "model": provider.manners.models[0],
        "max_tokens": 4000,
        "messages": history,
        "tools": [{"name": "get_weather", "input_schema": CITY_SCHEMA}],
    }
    async with claude(provider) as client:
        if not streamed:
            return await client.messages.create(**request)
        async with client.messages.stream(**request) as stream:
            return await stream.get_final_message()


@pytest.mark.parametrize("manners", MESSAGES, ids=name_of)
async def test_anthropic_streams_accumulate_to_the_whole_message(
    start_provider: StartProvider, manners: Manners
) -> None:
    sides = [await start_provider(manners) for _ in range(2)]
    history: list[Any] = [{"role": "user", "content": TWO_CITIES}]

    whole = await judged(message, sides, history)
    assert whole.stop_reason == "tool_use"
    assert [b.type for b in whole.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert [b.input for b in whole.content[2:]] == [{"city": "Paris"}, {"city": "Tokyo"}]

    results = [
        {"type": "tool_result", "tool_use_id": b.id, "content": f"sunny in {b.input['city']}"}
        for b in whole.content[2:]
    ]
    history += [
        {"role": "assistant", "content": [b.to_dict() for b in whole.content]},
        {"role": "user", "content": results},
    ]
    whole = await judged(message, sides, history)
    assert whole.stop_reason == "end_turn"
    assert "sunny in Paris" in whole.content[-1].text
    assert "sunny in Tokyo" in whole.content[-1].text


async def completion(provider: RunningSimulator, history: list[Any], streamed: bool) -> Any:
    function = {"name": "get_weather", "parameters": CITY_SCHEMA}
    request: dict[str, Any] = {
        "model": provider.manners.models[0],
        "messages": history,
        "tools": [{"type": "function", "function": function}],
    }
    async with gpt(provider) as client:
        if not streamed:
            return await client.chat.completions.create(**request)
        request["stream_options"] = {"include_usage": True}
        async with client.chat.completions.stream(**request) as stream:
            return await stream.get_final_completion()


@pytest.mark.parametrize("manners", CHAT, ids=name_of)
async def test_chat_streams_accumulate_to_the_whole_completion(
    start_provider: StartProvider, manners: Manners
) -> None:
    sides = [await start_provider(manners) for _ in range(2)]
    history: list[Any] = [{"role": "user", "content": TWO_CITIES}]

    whole = await judged(completion, sides, history)
    said = whole.choices[0].message
    assert whole.choices[0].finish_reason == "tool_calls"
    assert said.reasoning_content
    assert [c.function.arguments for c in said.tool_calls] == [
        '{"city":"Paris"}',
        '{"city":"Tokyo"}',
    ]

    history.append(said.to_dict())
    history += [
        {"role": "tool", "tool_call_id": call.id, "content": f"rain, {call.function.arguments}"}
        for call in said.tool_calls
    ]
    whole = await judged(completion, sides, history)
    assert whole.choices[0].finish_reason == "stop"
    assert 'rain, {"city":"Tokyo"}' in whole.choices[0].message.content


async def response(provider: RunningSimulator, history: list[Any], streamed: bool) -> Any:
    request: dict[str, Any] = {
        "model": provider.manners.models[0],
        "input": history,
        "tools": [{"type": "function", "name": "get_weather", "parameters": CITY_SCHEMA}],
        "reasoning": {"summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
    }
    async with gpt(provider) as client:
        if not streamed:
            return await client.responses.create(**request)
        async with client.responses.stream(**request) as stream:
            return await stream.get_final_response()


@pytest.mark.parametrize("manners", EVERY_DIALECT, ids=name_of)
async def test_responses_streams_accumulate_to_the_whole_response(
    start_provider: StartProvider, manners: Manners
) -> None:
    sides = [await start_provider(manners) for _ in range(2)]
    history: list[Any] = [{"role": "user", "content": TWO_CITIES}]

    whole = await judged(response, sides, history)
    kinds = [item.type for item in whole.output]
    assert kinds == ["reasoning", "message", "function_call", "function_call"]

    history += [item.to_dict() for item in whole.output]
    history += [
        {"type": "function_call_output", "call_id": item.call_id, "output": "fog"}
        for item in whole.output[2:]
    ]
    whole = await judged(response, sides, history)
    assert whole.output_text == "The tool says: fog | fog"


@pytest.mark.parametrize(
    ("status", "anthropic_error", "openai_error"),
    [
        (400, anthropic.BadRequestError, openai.BadRequestError),
        (401, anthropic.AuthenticationError, openai.AuthenticationError),
        (403, anthropic.PermissionDeniedError, openai.PermissionDeniedError),
        (404, anthropic.NotFoundError, openai.NotFoundError),
        (429, anthropic.RateLimitError, openai.RateLimitError),
        (500, anthropic.InternalServerError, openai.InternalServerError),
    ],
)
async def test_refusals_become_the_sdks_own_exceptions(
    provider: RunningSimulator,
    status: int,
    anthropic_error: type[Exception],
    openai_error: type[Exception],
) -> None:
    provider.will(PlayedRefusal(status, "not today", headers={"retry-after": "7"}), times=2)
    with pytest.raises(anthropic_error, match="not today") as raised:
        await message(provider, [{"role": "user", "content": "hi"}], streamed=False)
    assert getattr(raised.value, "response").headers["retry-after"] == "7"  # noqa: B009
    with pytest.raises(openai_error, match="not today"):
        await completion(provider, [{"role": "user", "content": "hi"}], streamed=False)


async def test_models_and_counts_through_the_sdks(provider: RunningSimulator) -> None:
    history: list[Any] = [{"role": "user", "content": "Hello there."}]
    async with claude(provider) as client:
        listed = [model.id async for model in client.models.list()]
        counted = await client.messages.count_tokens(model="demo-1", messages=history)
        said = await client.messages.create(model="demo-1", max_tokens=999, messages=history)
    assert listed == ["demo-1"]
    assert counted.input_tokens == said.usage.input_tokens
    async with gpt(provider) as other:
        assert [model.id async for model in other.models.list()] == ["demo-1"]
        assert (await other.models.retrieve("demo-1")).id == "demo-1"
    assert provider.billed == 1


async def test_a_provider_that_only_streams_streams(start_provider: StartProvider) -> None:
    provider = await start_provider(replace(DEMO, streaming=Streaming.ALWAYS_STREAMS))
    async with claude(provider) as client:
        raw = await client.messages.with_raw_response.create(
            model="demo-1", max_tokens=99, messages=[{"role": "user", "content": "hi"}]
        )
    assert raw.headers["content-type"].startswith("text/event-stream")

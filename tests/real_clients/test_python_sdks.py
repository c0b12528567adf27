"""The official Python SDKs through the gateway, against every kind of provider.

They need nothing but the test extra, so they always run. The same conversation, with parallel
tool calls, is held twice, once in whole answers and once streamed: what the SDK's accumulator
makes of the streams must be what the whole answers say.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import anthropic
import openai
import pydantic
import pytest

from gwproxy.simulator import PlayedRefusal, toolbox
from gwproxy.simulator.conversation import DialectName, PlayedAnswer, PlayedQuestion
from real_clients.weather import CALLS, MODEL, PROMPT, SCHEMA, TEXTS, TOOL, sunny
from support.gateway import KEY, TOKEN, StartGateway, TestGateway
from support.provider import StartProvider
from support.responses_sdk import bare
from support.upstreams import CHAT_ONLY, EVERY_UPSTREAM


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer: as the SDK's object says it, and what a program reads off it."""

    whole: dict[str, Any]
    text: str
    calls: list[dict[str, Any]]


Talk: TypeAlias = Callable[[TestGateway, bool], Awaitable[list[Turn]]]


async def talk_messages(gateway: TestGateway, streamed: bool) -> list[Turn]:
    messages: list[Any] = [{"role": "user", "content": PROMPT}]
    tools: Any = [{"name": TOOL, "description": "the weather", "input_schema": SCHEMA}]
    turns: list[Turn] = []
    async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key=TOKEN) as client:
        while len(turns) <= len(CALLS):
            asked: Any = {"model": MODEL, "max_tokens": 4000, "messages": messages, "tools": tools}
            if streamed:
                async with client.messages.stream(**asked) as events:
                    answer: Any = await events.get_final_message()
            else:
                answer = await client.messages.create(**asked)
            calls = [block for block in answer.content if block.type == "tool_use"]
            texts = [block.text for block in answer.content if block.type == "text"]
            turns.append(Turn(answer.to_dict(), "".join(texts), [call.input for call in calls]))
            if answer.stop_reason != "tool_use":
                break
            results = [
                {"type": "tool_result", "tool_use_id": call.id, "content": sunny(call.input)}
                for call in calls
            ]
            messages += [
                {"role": "assistant", "content": answer.content},
                {"role": "user", "content": results},
            ]
    return turns


async def talk_chat(gateway: TestGateway, streamed: bool) -> list[Turn]:
    messages: list[Any] = [{"role": "user", "content": PROMPT}]
    function = {"name": TOOL, "description": "the weather", "parameters": SCHEMA}
    tools: Any = [{"type": "function", "function": function}]
    turns: list[Turn] = []
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=TOKEN) as client:
        while len(turns) <= len(CALLS):
            asked: Any = {"model": MODEL, "messages": messages, "tools": tools}
            if streamed:
                asked["stream_options"] = {"include_usage": True}
                async with client.chat.completions.stream(**asked) as events:
                    answer: Any = await events.get_final_completion()
            else:
                answer = await client.chat.completions.create(**asked)
            choice = answer.choices[0]
            calls = choice.message.tool_calls or []
            arguments = [json.loads(call.function.arguments) for call in calls]
            turns.append(Turn(answer.to_dict(), choice.message.content or "", arguments))
            if choice.finish_reason != "tool_calls":
                break
            messages.append(bare(choice.message.to_dict()))
            messages += [
                {"role": "tool", "tool_call_id": call.id, "content": sunny(given)}
                for call, given in zip(calls, arguments, strict=True)
            ]
    return turns


async def talk_responses(gateway: TestGateway, streamed: bool) -> list[Turn]:
    items: list[Any] = [{"role": "user", "content": PROMPT}]
    tools: Any = [
        {"type": "function", "name": TOOL, "description": "the weather", "parameters": SCHEMA}
    ]
    turns: list[Turn] = []
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=TOKEN) as client:
        while len(turns) <= len(CALLS):
            asked: Any = {
                "model": MODEL,
                "input": items,
                "tools": tools,
                "store": False,
                "include": ["reasoning.encrypted_content"],
            }
            if streamed:
                async with client.responses.stream(**asked) as events:
                    answer: Any = await events.get_final_response()
            else:
                answer = await client.responses.create(**asked)
            calls = [item for item in answer.output if item.type == "function_call"]
            arguments = [json.loads(call.arguments) for call in calls]
            turns.append(Turn(answer.to_dict(), answer.output_text, arguments))
            if not calls:
                break
            items += [bare(item.to_dict()) for item in answer.output]
            items += [
                {"type": "function_call_output", "call_id": call.call_id, "output": sunny(given)}
                for call, given in zip(calls, arguments, strict=True)
            ]
    return turns


TALKS: Final[dict[DialectName, Talk]] = {
    "anthropic": talk_messages,
    "chat": talk_chat,
    "responses": talk_responses,
}


VARYING: Final = frozenset(
    {
        # Two runs of one conversation need not have these in common.
        *("id", "call_id", "created", "created_at", "completed_at"),
        *("signature", "encrypted_content"),
        # The accumulator of Chat streams leaves it in tool calls.
        "index",
        # What a provider echoes of the request, and which zeros it tells, is its own affair where
        # the answer passes through, and the gateway's where a stream had to be made.
        *("tools", "cache_write_tokens"),
    }
)


def comparable(value: Any) -> Any:
    """`bare`, without what varies, and with arguments as the JSON that they are."""
    if isinstance(value, list):
        return [comparable(member) for member in value]
    if not isinstance(value, dict):
        return value
    members = {name: value for name, value in bare(value).items() if name not in VARYING}
    if members.get("type") == "reasoning":
        members.pop("status", None)  # providers may leave it out
    return {
        name: json.loads(member) if name == "arguments" else comparable(member)
        for name, member in members.items()
    }


@pytest.mark.parametrize("dialect", TALKS)
@pytest.mark.parametrize("upstream", EVERY_UPSTREAM)
async def test_streams_add_up_to_whole_answers(
    start_gateway: StartGateway,
    start_provider: StartProvider,
    upstream: str,
    dialect: DialectName,
) -> None:
    kind = EVERY_UPSTREAM[upstream]
    heard = {}
    for streamed in (False, True):
        provider = await start_provider(kind.manners, key=KEY)
        gateway = await start_gateway({"p": kind.record(provider)})
        turns = await TALKS[dialect](gateway, streamed)
        assert [turn.calls for turn in turns] == CALLS
        assert tuple(turn.text for turn in turns) == TEXTS
        assert all(turn.whole["model"] == MODEL for turn in turns)
        assert len(provider.requests) == provider.billed == len(CALLS)
        heard[streamed] = turns
    for whole, streamed_turn in zip(heard[False], heard[True], strict=True):
        expected, found = comparable(whole.whole), comparable(streamed_turn.whole)
        if (upstream, dialect) == ("always-streams", "chat"):
            # Who does not ask for a stream cannot ask for its usage, and gets a stream without it.
            del found["usage"]
        assert found == expected


class Title(pydantic.BaseModel):
    title: str


def fencing(asked: PlayedQuestion) -> PlayedAnswer:
    """What a model says that keeps to a format only where its host makes it."""
    answer = json.dumps(toolbox.instance(Title.model_json_schema()))
    return PlayedAnswer(answer if asked.answer_schema else f"Here it is:\n```json\n{answer}\n```")


async def parse_messages(gateway: TestGateway, streamed: bool) -> object:
    asked: Any = {"model": MODEL, "max_tokens": 4000, "messages": [HELLO], "output_format": Title}
    async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key=TOKEN) as client:
        if not streamed:
            return (await client.messages.parse(**asked)).parsed_output
        async with client.messages.stream(**asked) as events:
            return (await events.get_final_message()).parsed_output


async def parse_chat(gateway: TestGateway, streamed: bool) -> object:
    asked: Any = {"model": MODEL, "messages": [HELLO], "response_format": Title}
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=TOKEN) as client:
        if not streamed:
            return (await client.chat.completions.parse(**asked)).choices[0].message.parsed
        async with client.chat.completions.stream(**asked) as events:
            return (await events.get_final_completion()).choices[0].message.parsed


async def parse_responses(gateway: TestGateway, streamed: bool) -> object:
    asked: Any = {"model": MODEL, "input": [HELLO], "text_format": Title}
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=TOKEN) as client:
        if not streamed:
            return (await client.responses.parse(**asked)).output_parsed
        async with client.responses.stream(**asked) as events:
            return (await events.get_final_response()).output_parsed


HELLO: Final = {"role": "user", "content": "Find a title."}
PARSES: Final[dict[DialectName, Callable[[TestGateway, bool], Awaitable[object]]]] = {
    "anthropic": parse_messages,
    "chat": parse_chat,
    "responses": parse_responses,
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", PARSES)
@pytest.mark.parametrize("upstream", EVERY_UPSTREAM)
async def test_structured_answers_are_parsed(
    start_gateway: StartGateway,
    start_provider: StartProvider,
    upstream: str,
    dialect: DialectName,
    streamed: bool,
) -> None:
    """The helpers of the SDKs fail for a fence."""
    kind = EVERY_UPSTREAM[upstream]
    provider = await start_provider(kind.manners, fencing, key=KEY)
    gateway = await start_gateway({"p": kind.record(provider)})
    wanted = Title(**toolbox.instance(Title.model_json_schema()))
    assert await PARSES[dialect](gateway, streamed) == wanted
    assert len(provider.requests) == provider.billed == 1


async def test_models_and_counts(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider(CHAT_ONLY.manners, key=KEY)
    gateway = await start_gateway({"p": CHAT_ONLY.record(provider)})
    async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key=TOKEN) as client:
        assert [model.id async for model in client.models.list()] == ["demo-1"]
        assert (await client.models.retrieve("demo-1")).id == "demo-1"
        counted = [
            await client.messages.count_tokens(
                model=MODEL, messages=[{"role": "user", "content": "word " * words}]
            )
            for words in (100, 1000)
        ]
        assert counted[1].input_tokens > counted[0].input_tokens >= 100
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=TOKEN) as other:
        assert [model.id async for model in other.models.list()] == ["demo-1"]
        assert (await other.models.retrieve("demo-1")).id == "demo-1"
    assert provider.billed == 0


async def ask_messages(gateway: TestGateway, key: str) -> object:
    async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key=key, max_retries=0) as client:
        return await client.messages.create(
            model=MODEL, max_tokens=100, messages=[{"role": "user", "content": "hi"}]
        )


async def ask_chat(gateway: TestGateway, key: str) -> object:
    async with openai.AsyncOpenAI(
        base_url=f"{gateway.url}/v1", api_key=key, max_retries=0
    ) as client:
        return await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "hi"}]
        )


async def ask_responses(gateway: TestGateway, key: str) -> object:
    async with openai.AsyncOpenAI(
        base_url=f"{gateway.url}/v1", api_key=key, max_retries=0
    ) as client:
        return await client.responses.create(model=MODEL, input="hi")


ASKS: Final[dict[DialectName, Callable[[TestGateway, str], Awaitable[object]]]] = {
    "anthropic": ask_messages,
    "chat": ask_chat,
    "responses": ask_responses,
}


@pytest.mark.parametrize("dialect", ASKS)
async def test_a_wrong_token_is_the_sdks_own_error(
    start_gateway: StartGateway, start_provider: StartProvider, dialect: DialectName
) -> None:
    provider = await start_provider(CHAT_ONLY.manners, key=KEY)
    gateway = await start_gateway({"p": CHAT_ONLY.record(provider)})
    error = anthropic if dialect == "anthropic" else openai
    with pytest.raises(error.AuthenticationError, match="gwproxy token"):
        await ASKS[dialect](gateway, "not-the-token")
    assert provider.requests == []


@pytest.mark.parametrize("dialect", ASKS)
@pytest.mark.parametrize("upstream", ["chat-only", "anthropic-only", "responses-only"])
async def test_an_overload_is_the_sdks_own_error(
    start_gateway: StartGateway,
    start_provider: StartProvider,
    dialect: DialectName,
    upstream: str,
) -> None:
    kind = EVERY_UPSTREAM[upstream]
    provider = await start_provider(kind.manners, key=KEY)
    gateway = await start_gateway({"p": kind.record(provider)})
    provider.will(PlayedRefusal(429, "Too many requests of yours", headers={"retry-after": "7"}))
    error = anthropic if dialect == "anthropic" else openai
    with pytest.raises(error.RateLimitError, match="Too many requests of yours") as raised:
        await ASKS[dialect](gateway, TOKEN)
    assert raised.value.response.headers["retry-after"] == "7"

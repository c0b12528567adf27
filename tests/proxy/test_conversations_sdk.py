"""A program that keeps no history: the official OpenAI SDK by `previous_response_id`, everywhere.

The provider plays a script and decides by the history it is shown which step comes next, so a
conversation that ends as it should was put together whole each time.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias

import openai
import pytest
from pydantic import BaseModel

from gwproxy.simulator import RunningSimulator, in_prompt
from gwproxy.simulator.conversation import PlayedResult, PlayedThought
from gwproxy.simulator.script import THINKING
from real_clients.weather import CALLS, MODEL, PROMPT, SCHEMA, TEXTS, TOOL, sunny
from support.gateway import KEY, TOKEN, StartGateway
from support.provider import StartProvider, seen
from support.responses_sdk import bare
from support.upstreams import CHAT_ONLY, CLAUDE, EVERY_UPSTREAM, Upstream

TOOLS: Any = [{"type": "function", "name": TOOL, "description": "weather", "parameters": SCHEMA}]

StartClient: TypeAlias = Callable[
    [Upstream], Awaitable[tuple[openai.AsyncOpenAI, RunningSimulator]]
]


@pytest.fixture
async def start_client(
    start_gateway: StartGateway, start_provider: StartProvider, tmp_path: Path
) -> AsyncIterator[StartClient]:
    """The SDK in front of a gateway that keeps conversations, and the provider behind it."""
    clients = []

    async def start(kind: Upstream) -> tuple[openai.AsyncOpenAI, RunningSimulator]:
        provider = await start_provider(kind.manners, key=KEY)
        options = {"responses": tmp_path / "responses.db"}
        gateway = await start_gateway({"p": kind.record(provider)}, options=options)
        clients.append(
            openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=TOKEN, max_retries=0)
        )
        return clients[-1], provider

    yield start
    for client in clients:
        await client.close()


async def ask(client: openai.AsyncOpenAI, streamed: bool, **asked: Any) -> Any:
    if not streamed:
        return await client.responses.create(**asked)
    async with client.responses.stream(**asked) as events:
        return await events.get_final_response()


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("upstream", EVERY_UPSTREAM)
async def test_a_conversation_by_previous_response_id(
    start_client: StartClient,
    upstream: str,
    streamed: bool,
) -> None:
    kind = EVERY_UPSTREAM[upstream]
    client, provider = await start_client(kind)
    answers: list[Any] = []
    always: dict[str, Any] = {"model": MODEL, "tools": TOOLS, "reasoning": {"effort": "medium"}}
    asked: dict[str, Any] = {"input": PROMPT}
    while len(answers) <= len(CALLS):
        answer = await ask(client, streamed, **always, **asked)
        answers.append(answer)
        calls = [item for item in answer.output if item.type == "function_call"]
        if not calls:
            break
        results = [
            {
                "type": "function_call_output",
                "call_id": call.call_id,
                "output": sunny(json.loads(call.arguments)),
            }
            for call in calls
        ]
        asked = {"input": results, "previous_response_id": answer.id}
    assert tuple(answer.output_text for answer in answers) == TEXTS
    assert [answer.store for answer in answers] == [True] * len(CALLS)
    ids = [answer.id for answer in answers]
    assert [answer.previous_response_id for answer in answers] == [None, *ids[:-1]]
    assert len(provider.requests) == provider.billed == len(CALLS)
    last = seen(provider.generations[-1])
    assert sum(isinstance(entry, PlayedResult) for entry in last.entries) == 3
    if kind.manners.thinks and kind is not CLAUDE:  # which takes none back in Chat
        thoughts = [entry.text for entry in last.entries if isinstance(entry, PlayedThought)]
        # Whoever is not known to keep nothing is not asked to seal them, until his first answer
        # says that it was not stored.
        unknown = kind.preset == "custom" and "responses" in kind.settings.get("dialects", ())
        assert thoughts == [THINKING.format(step=step) for step in (0, 1)][unknown:]
    for recorded in provider.generations:
        body = recorded.body
        assert not body.get("store"), "nobody else keeps it"
        assert "previous_response_id" not in body


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("upstream", EVERY_UPSTREAM)
async def test_what_was_kept_is_what_was_answered(
    start_client: StartClient,
    upstream: str,
    streamed: bool,
) -> None:
    kind = EVERY_UPSTREAM[upstream]
    client, provider = await start_client(kind)
    answer = await ask(client, streamed, model=MODEL, input="hello")
    kept = await client.responses.retrieve(answer.id)
    assert bare(kept.to_dict()) == bare(answer.to_dict())
    async with client.responses.stream(response_id=answer.id, starting_after=0) as events:
        replayed: Any = await events.get_final_response()
    assert bare(replayed.to_dict()) == bare(answer.to_dict())
    assert provider.billed == 1


class Weather(BaseModel):
    city: str
    degrees: int
    sky: Literal["clear", "cloudy"]


@pytest.mark.parametrize("upstream", EVERY_UPSTREAM)
async def test_parsed_answers(
    start_client: StartClient,
    upstream: str,
) -> None:
    kind = EVERY_UPSTREAM[upstream]
    client, _ = await start_client(kind)
    paris = Weather(city="Paris", degrees=21, sky="clear")
    prompt = in_prompt([{"text": paris.model_dump_json()}])
    first = await client.responses.parse(model=MODEL, input=prompt, text_format=Weather)
    assert first.output_parsed == paris
    rome = Weather(city="Rome", degrees=30, sky="cloudy")
    prompt = in_prompt([{"text": rome.model_dump_json()}])
    async with client.responses.stream(
        model=MODEL, input=prompt, text_format=Weather, previous_response_id=first.id
    ) as events:
        second = await events.get_final_response()
    assert second.output_parsed == rome
    assert second.previous_response_id == first.id


async def test_the_errors_are_the_sdks_own(start_client: StartClient) -> None:
    client, _ = await start_client(CHAT_ONLY)
    answer = await client.responses.create(model=MODEL, input="hello")
    with pytest.raises(openai.BadRequestError, match="Cannot cancel a synchronous response"):
        await client.responses.cancel(answer.id)
    await client.responses.delete(answer.id)
    for gone in (client.responses.retrieve, client.responses.delete, client.responses.cancel):
        with pytest.raises(openai.NotFoundError, match=f"Response with id '{answer.id}' not found"):
            await gone(answer.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.input_items.list(answer.id)
    with pytest.raises(openai.BadRequestError) as raised:
        await client.responses.create(model=MODEL, input="x", previous_response_id=answer.id)
    assert raised.value.code == "previous_response_not_found"
    assert raised.value.param == "previous_response_id"


async def test_input_is_listed_and_counted(start_client: StartClient) -> None:
    client, provider = await start_client(CHAT_ONLY)
    first = await client.responses.create(model=MODEL, input="first words")
    second = await client.responses.create(
        model=MODEL, input="second words", previous_response_id=first.id
    )
    # A page of one, so that the SDK has to ask for every item.
    items: Any = [
        item async for item in client.responses.input_items.list(second.id, limit=1, order="asc")
    ]
    assert [item.content[0].text for item in items] == [
        "first words",
        first.output_text,
        "second words",
    ]
    assert [item.role for item in items] == ["user", "assistant", "user"]
    backwards: Any = [item async for item in client.responses.input_items.list(second.id, limit=2)]
    assert [item.id for item in backwards] == [item.id for item in reversed(items)]
    short = await client.responses.input_tokens.count(model=MODEL, input="second words")
    whole = await client.responses.input_tokens.count(
        model=MODEL, input="second words", previous_response_id=first.id
    )
    assert 0 < short.input_tokens < whole.input_tokens
    assert provider.billed == 2

"""Compaction of a client's conversation over real sockets: at a full window, by any provider."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest

from gwproxy.simulator import PlayedRefusal
from support import responses_grammar
from support.gateway import QUICK, TOKEN, StartGateway, TestGateway
from support.provider import StartProvider, seen
from support.scripted import ScriptedUpstream, StartScripted, Visit, chat_answer, chat_stream
from support.upstreams import (
    ANTHROPIC_ONLY,
    CHAT_ONLY,
    CLAUDE,
    EVERY_UPSTREAM,
    RESPONSES_ONLY,
    Upstream,
)

TRIGGER = {"type": "compaction_trigger"}
TOOL = {"type": "function", "name": "run", "parameters": {"type": "object"}, "strict": False}


def user(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def steps(count: int, size: int = 10) -> list[dict[str, Any]]:
    items = [user("fix the bug")]
    for number in range(count):
        call = {"type": "function_call", "call_id": f"c{number}", "name": "run", "arguments": "{}"}
        output = f"output {number} " + "x" * size
        items += [call, {"type": "function_call_output", "call_id": f"c{number}", "output": output}]
    return items


async def post(
    gateway: TestGateway, items: list[Any], *, path: str = "/v1/responses", **more: Any
) -> tuple[int, Any, Any]:
    """Status, the response object or the error, and the headers."""
    body = {"model": "m", "input": items, "store": False, "tools": [TOOL], **more}
    async with gateway.post(path, body) as response:
        raw = await response.read()
        if more.get("stream") and response.status == 200:
            return 200, responses_grammar.check(raw), response.headers
        return response.status, json.loads(raw), response.headers


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", EVERY_UPSTREAM)
async def test_every_provider_compacts_and_the_conversation_goes_on(
    start_gateway: StartGateway, start_provider: StartProvider, name: str, stream: bool
) -> None:
    """The simulated providers are as strict as those that they stand for."""
    upstream: Upstream = EVERY_UPSTREAM[name]
    provider = await start_provider(upstream.manners)
    other = await start_provider(CHAT_ONLY.manners)
    quirk = {"quirks": {"compaction": False}}
    gateway = await start_gateway(
        {"up": {**upstream.record(provider), **quirk}, "other": CHAT_ONLY.record(other)}
    )
    status, told, headers = await post(gateway, [*steps(2), TRIGGER], stream=stream)
    assert status == 200, told
    (item,) = told["output"]
    assert (item["type"], told["status"]) == ("compaction", "completed")
    assert "emu:compaction" in headers["x-gwproxy-loss"]
    (asked,) = provider.generations
    assert (asked.status, seen(asked).tools) == (200, ())
    async with gateway.get(f"/v1/usage/{headers['x-gwproxy-request-id']}") as response:
        assert (await response.json())["output_tokens"] == told["usage"]["output_tokens"] > 0
    for pinned in ("", "/profiles/other"):
        path = f"{pinned}/v1/responses"
        status, told, _ = await post(gateway, [user("hi"), item, user("on")], path=path)
        assert status == 200, told
    for each in (provider, other):
        assert b"Summary of the earlier conversation: " in each.generations[-1].raw


def full_at(window: int, seen: list[int], words: Callable[[int], str], status: int = 400) -> Any:
    """A provider whose window holds so many tokens, of four bytes; with room for its answer."""

    async def script(visit: Visit) -> None:
        size = len(visit.body) // 4
        seen.append(size)
        if size + 500 > window:
            error = json.dumps({"error": {"message": words(size), "type": "invalid_request_error"}})
            await visit.answer(error.encode(), status=status)
        elif visit.json.get("stream"):
            await visit.open_stream()
            await visit.chunk(chat_stream("SUMMARY-77"))
            await visit.end_stream()
        else:
            await visit.answer(chat_answer("SUMMARY-77"))

    return script


def with_figures(size: int) -> str:
    return f"This model's maximum context length is 4000 tokens, however you requested {size}."


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("words", [with_figures, lambda _: "Input token length too long"])
@pytest.mark.parametrize("status", [400, 413, 500, 200])
@pytest.mark.parametrize("known", [True, False])
async def test_at_a_full_window_the_oldest_outputs_go_until_it_fits(
    start_gateway: StartGateway,
    start_scripted: StartScripted,
    words: Callable[[int], str],
    stream: bool,
    status: int,
    known: bool,
) -> None:
    """Nobody is billed for a refusal. Where the window is known there is none."""
    sizes: list[int] = []
    upstream = await start_scripted(full_at(4000, sizes, words, status))
    record = {"openai_url": upstream.url, "model": "m", "dialects": ["chat"]}
    gateway = await start_gateway({"up": record | ({"context_window": 4000} if known else {})})
    code, told, headers = await post(gateway, [*steps(16, 900), TRIGGER], stream=stream)
    assert code == 200, told
    assert [item["type"] for item in told["output"]] == ["compaction"]
    assert sizes[-1] <= 4000
    assert len(sizes) <= (2 if known else 4)
    last = upstream.visits[-1].body
    assert (b"output 0 " in last, b"output 15 " in last) == (False, True)
    assert b"fix the bug" in last
    assert "drop:messages.oldest_outputs" in headers["x-gwproxy-loss"]


async def test_a_host_that_refuses_late_is_asked_again_behind_the_open_stream(
    start_gateway: StartGateway, start_scripted: StartScripted
) -> None:
    sizes: list[int] = []
    says = full_at(4000, sizes, with_figures)

    async def script(visit: Visit) -> None:
        if not sizes:
            await visit.go_on.wait()
        await says(visit)

    upstream = await start_scripted(script)
    record = {"openai_url": upstream.url, "model": "m", "dialects": ["chat"]}
    gateway = await start_gateway({"up": record}, limits=replace(QUICK, early_status_s=0.0))
    body = {"model": "m", "input": [*steps(16, 900), TRIGGER], "store": False, "stream": True}
    async with gateway.post("/v1/responses", body) as response:
        first = await response.content.readany()
        (await upstream.visit()).go_on.set()
        told = responses_grammar.check(first + await response.read())
    assert [item["type"] for item in told["output"]] == ["compaction"]
    assert len(sizes) == 2


@pytest.mark.parametrize("stream", [True, False])
async def test_what_never_fits_is_told_as_a_full_window_within_bounds(
    start_gateway: StartGateway, start_scripted: StartScripted, stream: bool
) -> None:
    sizes: list[int] = []
    upstream = await start_scripted(full_at(0, sizes, lambda _: "Input token length too long"))
    record = {"openai_url": upstream.url, "model": "m", "dialects": ["chat"]}
    gateway = await start_gateway({"up": record})
    status, told, _ = await post(gateway, [*steps(16, 900), TRIGGER], stream=stream)
    assert (status, told["error"]["code"]) == (400, "context_length_exceeded")
    assert len(sizes) <= 5
    assert sizes == sorted(sizes, reverse=True)
    # An ordinary turn is not made shorter: its client is to compact.
    status, told, _ = await post(gateway, steps(16, 900), stream=stream)
    assert (status, told["error"]["code"]) == (400, "context_length_exceeded")
    assert upstream.visits[-1].json["tools"]


# --- the route of its own, and providers that know the order -------------------------------------


async def knows(visit: Visit) -> None:
    """A Responses provider with compaction of its own."""
    item = {"type": "compaction", "id": "cmp_9", "encrypted_content": "gAAAA-theirs"}
    usage = {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11}
    answer = {"id": "r", "created_at": 1, "output": [item], "usage": usage, "of_its_own": 1.50}
    if visit.line.startswith("POST /v1/responses/compact "):
        answer["object"] = "response.compaction"
    else:
        answer |= {"object": "response", "model": "m", "status": "completed", "error": None}
    await visit.answer(json.dumps(answer, indent=1).encode())


async def test_a_provider_that_compacts_gets_both_orders_and_its_answers_pass(
    start_gateway: StartGateway, start_scripted: StartScripted, tmp_path: Path
) -> None:
    upstream = await start_scripted(knows)
    record = {"openai_url": upstream.url, "model": "m", "dialects": ["responses"]}
    gateway = await start_gateway({"up": record}, options={"ledger": tmp_path / "usage.db"})
    status, told, headers = await post(gateway, steps(1), path="/v1/responses/compact")
    assert (status, told["object"], told["of_its_own"]) == (200, "response.compaction", 1.5)
    async with gateway.get(f"/v1/usage/{headers['x-gwproxy-request-id']}") as response:
        assert (await response.json())["input_tokens"] == 9
    status, told, _ = await post(gateway, [*steps(1), TRIGGER])
    assert (status, told["output"][0]["id"]) == (200, "cmp_9")
    assert [visit.line.split()[1] for visit in upstream.visits] == [
        *("/v1/responses/compact", "/v1/responses")
    ]
    assert upstream.visits[1].json["input"][-1] == TRIGGER


async def test_a_provider_without_the_route_or_the_order_has_its_model_write_the_summary(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    """And is not asked otherwise a second time."""
    host = await start_provider(RESPONSES_ONLY.manners)
    gateway = await start_gateway({"up": RESPONSES_ONLY.record(host)})
    host.will(
        PlayedRefusal(400, 'input[5]: unknown item type "compaction_trigger"; expected: message')
    )
    for healed in (True, False):
        status, told, headers = await post(gateway, steps(2), path="/v1/responses/compact")
        assert (status, told["object"]) == (200, "response.compaction")
        assert [item["type"] for item in told["output"]] == ["message", "compaction"]
        assert ("heal:compaction=false" in headers["x-gwproxy-loss"]) is healed
    assert [one.status for one in host.generations] == [400, 200, 200]
    assert host.billed == 2


async def test_an_order_that_is_refused_without_a_reason_is_carried_out_here(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    """Each time: for all that was said, it may have been something else."""
    host = await start_provider(RESPONSES_ONLY.manners)
    gateway = await start_gateway({"up": RESPONSES_ONLY.record(host)})
    for _ in range(2):
        host.will(PlayedRefusal(400, "Bad Request"))
        status, told, _ = await post(gateway, [*steps(1), TRIGGER])
        assert (status, [item["type"] for item in told["output"]]) == (200, ["compaction"])
    assert [one.status for one in host.generations] == [400, 200, 400, 200]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("mode", ["auto", "always", "never"])
async def test_a_provider_that_does_not_heed_the_order_is_given_it_once(
    start_gateway: StartGateway, start_provider: StartProvider, stream: bool, mode: str
) -> None:
    """Codex asks again by itself after such an error; it would not after an answer without the
    item (openai/codex#22809)."""
    host = await start_provider(RESPONSES_ONLY.manners)
    gateway = await start_gateway({"up": {**RESPONSES_ONLY.record(host), "stream": mode}})
    body = {"model": "m", "input": [*steps(1), TRIGGER], "store": False, "stream": stream}
    async with gateway.post("/v1/responses", body) as response:
        raw = await response.read()
        assert b"; ask again" in raw
        assert b"response.completed" not in raw
        assert response.status == 502 or (stream and b"response.failed" in raw)
    status, told, _ = await post(gateway, [*steps(1), TRIGGER], stream=stream)
    assert (status, [item["type"] for item in told["output"]]) == (200, ["compaction"])
    assert [len(one.body.get("tools", ())) for one in host.generations] == [0, 0]
    assert [one.body["input"][-1] == TRIGGER for one in host.generations] == [True, False]


@pytest.mark.parametrize("upstream", [CHAT_ONLY, ANTHROPIC_ONLY, CLAUDE])
async def test_the_official_sdk_compacts_and_goes_on(
    start_gateway: StartGateway, start_provider: StartProvider, upstream: Upstream
) -> None:
    provider = await start_provider(upstream.manners)
    gateway = await start_gateway({"up": upstream.record(provider)})
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=TOKEN) as sdk:
        short = await sdk.responses.compact(model="m", input=steps(2), instructions="You are.")  # type: ignore[arg-type]
        assert [item.type for item in short.output] == ["message", "compaction"]
        assert short.usage.output_tokens > 0
        given = [item.model_dump(exclude_none=True, warnings=False) for item in short.output]
        again = await sdk.responses.create(model="m", input=[*given, user("on")])  # type: ignore[list-item]
    assert again.output_text


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"{}", "model"), (b"{", "JSON"), (b'{"model":"m","input":5}', "input")],
)
async def test_a_body_that_is_none_is_refused(
    start_gateway: StartGateway, start_scripted: StartScripted, body: bytes, words: str
) -> None:
    upstream: ScriptedUpstream = await start_scripted(knows)
    gateway = await start_gateway(
        {"up": {"openai_url": upstream.url, "model": "m", "dialects": ["chat"]}}
    )
    async with gateway.post("/v1/responses/compact", body) as response:
        assert response.status == 400
        assert words in (await response.json())["error"]["message"]
    assert not upstream.visits

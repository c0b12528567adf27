"""Embeddings and the completions of old: the upstream's own, for whoever has an OpenAI base."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest

from support.gateway import KEY, TOKEN, StartGateway, TestGateway
from support.scripted import ScriptedUpstream, StartScripted, Visit

VECTOR = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -1.0]}],
    "model": "embed-3",
    "usage": {"prompt_tokens": 7, "total_tokens": 7},
    "of_its_own": {"n": 1.50},
}
WORDS = {"id": "c", "object": "text_completion", "created": 1, "model": "old", "choices": []}
PIECES = [
    {**WORDS, "choices": [{"text": word, "index": 0, "logprobs": None, "finish_reason": end}]}
    for word, end in (("Hel", None), ("lo", None), ("", "stop"))
]
STREAM = b"".join(b"data: %b\n\n" % json.dumps(piece).encode() for piece in PIECES)


async def old(visit: Visit) -> None:
    if visit.json["model"] == "nobody":
        error = {"error": {"message": "no such model", "type": "invalid_request_error"}}
        await visit.answer(json.dumps(error).encode(), status=404)
    elif visit.json.get("stream"):
        await visit.open_stream()
        await visit.chunk(STREAM[:100])
        await visit.chunk(STREAM[100:] + b"data: [DONE]\n\n")
        await visit.end_stream()
    else:
        await visit.answer(json.dumps(VECTOR, indent=1).encode(), extra="x-request-id: far-1\r\n")


@pytest.fixture
async def upstream(start_scripted: StartScripted) -> ScriptedUpstream:
    return await start_scripted(old)


@pytest.fixture
async def gateway(start_gateway: StartGateway, upstream: ScriptedUpstream) -> TestGateway:
    return await start_gateway(
        {
            "p": {"openai_url": upstream.url, "model": "chats-1"},
            "claude": {"anthropic_url": upstream.url, "model": "claude-7"},
        }
    )


def asked(model: str, **more: Any) -> bytes:
    return json.dumps({"model": model, "input": "caf\u00e9", **more}, indent=1).encode()


@pytest.mark.parametrize(
    ("path", "model"),
    [("/v1/embeddings", "embed-3"), ("/profiles/p/v1/embeddings", "embed-3")],
)
async def test_embeddings_are_passed_on_byte_by_byte(
    gateway: TestGateway, upstream: ScriptedUpstream, path: str, model: str
) -> None:
    body = asked(model, dimensions=2)
    async with gateway.post(path, body) as response:
        assert response.status == 200
        assert await response.read() == json.dumps(VECTOR, indent=1).encode()
        assert response.headers["x-gwproxy-route"] == "p; chat; embed-3"
        request_id = response.headers["x-gwproxy-request-id"]
    (visit,) = upstream.visits
    assert visit.line.startswith("POST /v1/embeddings ")
    assert (visit.body, visit.headers["authorization"]) == (body, f"Bearer {KEY}")
    async with gateway.get(f"/v1/usage/{request_id}") as response:
        assert (await response.json())["input_tokens"] == 7


async def test_a_profile_named_before_the_model_is_not_sent_on(
    gateway: TestGateway, upstream: ScriptedUpstream
) -> None:
    async with gateway.post("/v1/embeddings", asked("p/embed-3")) as response:
        assert response.status == 200
    assert upstream.visits[0].body == asked("embed-3")


async def test_the_official_sdk_reads_all_of_it(gateway: TestGateway) -> None:
    def ask() -> tuple[list[float], str]:
        with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=TOKEN, max_retries=0) as sdk:
            vector = sdk.embeddings.create(model="e", input="x", encoding_format="float")
            stream = sdk.completions.create(model="old", prompt="x", stream=True)
            words = "".join(piece.choices[0].text for piece in stream)
            with pytest.raises(openai.NotFoundError, match="no such model"):
                sdk.embeddings.create(model="nobody", input="x")
            return vector.data[0].embedding, words

    assert await asyncio.to_thread(ask) == ([0.25, -1.0], "Hello")


@pytest.mark.parametrize("path", ["/profiles/claude/v1/embeddings", "/profiles/claude/completions"])
async def test_where_there_is_no_openai_base_it_is_said(
    gateway: TestGateway, upstream: ScriptedUpstream, path: str
) -> None:
    async with gateway.post(path, asked("embed-3")) as response:
        assert (response.status, response.headers["x-should-retry"]) == (404, "false")
        error = (await response.json())["error"]
    assert (error["code"], "claude has no OpenAI address" in error["message"]) == (
        "unknown_url",
        True,
    )
    assert not upstream.visits

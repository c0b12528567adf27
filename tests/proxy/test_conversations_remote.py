"""Responses that the upstream itself keeps: answers in the background, and other programs' own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from support.gateway import KEY, TOKEN, StartGateway
from support.raw import connected
from support.responses_wire import completed, created
from support.scripted import ScriptedUpstream, StartScripted, Visit

RESPONSES = "/v1/responses"
QUEUED = {"id": "resp_far", "object": "response", "model": "m", "output": [], "status": "queued"}
STREAM = created() + completed()


async def far(visit: Visit) -> None:
    """An upstream that answers in the background, one poll later."""
    method, target, _ = visit.line.split(" ")
    path, _, query = target.partition("?")
    body: dict[str, Any] = QUEUED
    match method, path.removeprefix(RESPONSES):
        case "GET", "/resp_far" if "stream=true" in query:
            await visit.open_stream()
            await visit.chunk(STREAM[:100])
            await visit.chunk(STREAM[100:])
            await visit.end_stream()
            return
        case "GET", "/resp_cut":
            await visit.open_stream()
            await visit.chunk(STREAM[:100])
            await visit.end_stream()
            return
        case "GET", "/resp_far":
            body = {**QUEUED, "status": "completed"}
        case "POST", "/resp_far/cancel":
            body = {**QUEUED, "status": "cancelled"}
        case "DELETE", "/resp_far":
            body = {"id": "resp_far", "object": "response.deleted", "deleted": True}
        case "GET", "/resp_far/input_items":
            body = {"object": "list", "data": [], "has_more": False}
        case "GET", "/resp_busy":
            error = json.dumps({"error": {"message": "slow down", "type": "rate_limit_error"}})
            await visit.answer(error.encode(), status=429, extra="retry-after: 7\r\n")
            return
        case _, "/resp_odd":
            await visit.answer(b"Method Not Allowed", status=405, content_type="text/plain")
            return
        case _, path if path:
            await visit.answer(b'{"error":{"message":"what?"}}', status=404)
            return
    await visit.answer(json.dumps(body).encode(), extra="x-request-id: far-1\r\n")


@pytest.fixture
async def upstream(start_scripted: StartScripted) -> ScriptedUpstream:
    return await start_scripted(far)


@pytest.fixture
def record(upstream: ScriptedUpstream) -> dict[str, Any]:
    return {"openai_url": upstream.url, "model": "m", "dialects": ["responses"]}


@pytest.mark.parametrize("prefix", ["", "/profiles/p"])
@pytest.mark.parametrize("keeps", [True, False])
async def test_an_answer_in_the_background_can_be_fetched(
    start_gateway: StartGateway,
    upstream: ScriptedUpstream,
    record: dict[str, Any],
    tmp_path: Path,
    prefix: str,
    keeps: bool,
) -> None:
    options = {"responses": tmp_path / "responses.db"} if keeps else {}
    gateway = await start_gateway({"p": record}, options=options, store_responses=keeps)
    base_url = f"{gateway.url}{prefix}/v1"
    async with openai.AsyncOpenAI(base_url=base_url, api_key=TOKEN, max_retries=0) as client:
        queued = await client.responses.create(model="m", input="a", background=True)
        assert queued.status == "queued"
        found = await client.responses.retrieve(queued.id, include=["reasoning.encrypted_content"])
        assert found.status == "completed"
        events = await client.responses.retrieve(queued.id, stream=True, starting_after=3)
        assert [event.type async for event in events] == ["response.created", "response.completed"]
        assert (await client.responses.cancel(queued.id)).status == "cancelled"
        assert [item async for item in client.responses.input_items.list(queued.id, limit=5)] == []
        await client.responses.delete(queued.id)
    asked = [visit.line.removesuffix(" HTTP/1.1") for visit in upstream.visits]
    assert asked == [
        "POST /v1/responses",
        "GET /v1/responses/resp_far?include%5B%5D=reasoning.encrypted_content",
        "GET /v1/responses/resp_far?starting_after=3&stream=true",
        "POST /v1/responses/resp_far/cancel",
        "GET /v1/responses/resp_far/input_items?limit=5",
        "DELETE /v1/responses/resp_far",
    ]
    for visit in upstream.visits:
        assert visit.headers["authorization"] == f"Bearer {KEY}"


async def test_its_answer_bears_the_route_and_no_token_goes_on(
    start_gateway: StartGateway, upstream: ScriptedUpstream, record: dict[str, Any]
) -> None:
    gateway = await start_gateway({"p": record})
    async with gateway.get(f"{RESPONSES}/resp_far?api_key={TOKEN}&limit=1") as response:
        assert response.status == 200
        assert response.headers["x-gwproxy-route"] == "p; responses; m"
        assert response.headers["x-gwproxy-upstream-request-id"] == "far-1"
    (visit,) = upstream.visits
    assert TOKEN.encode() not in visit.head


async def test_what_the_upstream_says_of_it_is_told(
    start_gateway: StartGateway, record: dict[str, Any]
) -> None:
    gateway = await start_gateway({"p": record})
    async with gateway.get(f"{RESPONSES}/resp_busy") as response:
        assert response.status == 429
        assert response.headers["retry-after"] == "7"
        assert (await response.json())["error"]["message"] == "slow down"


async def test_a_stream_that_is_cut_does_not_end_well(
    start_gateway: StartGateway, record: dict[str, Any]
) -> None:
    gateway = await start_gateway({"p": record})
    async with gateway.get(f"{RESPONSES}/resp_cut") as response:
        data = await response.read()
    assert STREAM[:100] not in data  # half an event, which no client can read
    assert data.startswith(b"event: error\n")
    assert b"response.failed" in data


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("name", ["..", ".", "%2e%2e", ".%2e", "../input_items", "...", "..%2fx"])
async def test_dots_in_place_of_an_id_go_nowhere(
    start_gateway: StartGateway,
    upstream: ScriptedUpstream,
    record: dict[str, Any],
    name: str,
    method: str,
) -> None:
    gateway = await start_gateway({"p": record})
    head = f"Host: localhost\r\nx-api-key: {TOKEN}\r\n\r\n"
    async with connected(gateway.server.port) as client:
        await client.send(f"{method} {RESPONSES}/{name} HTTP/1.1\r\n{head}".encode())
        assert (await client.answer()).status in (404, 405)
    assert not upstream.visits


@pytest.mark.parametrize("name", ["resp_none", "resp_odd", "..%2Fmodels", "%00"])
async def test_what_nobody_knows_is_the_official_error(
    start_gateway: StartGateway, upstream: ScriptedUpstream, record: dict[str, Any], name: str
) -> None:
    gateway = await start_gateway({"p": record})
    async with gateway.get(f"{RESPONSES}/{name}") as response:
        assert response.status == 404
        assert "not found" in (await response.json())["error"]["message"]
    assert len(upstream.visits) == name.startswith("resp_")


async def test_an_upstream_of_another_dialect_is_not_asked(
    start_gateway: StartGateway, upstream: ScriptedUpstream, record: dict[str, Any]
) -> None:
    gateway = await start_gateway({"p": {**record, "dialects": ["chat"]}})
    async with gateway.get(f"{RESPONSES}/resp_far") as response:
        assert response.status == 404
    assert upstream.visits == []

"""A Responses upstream that keeps its responses itself, and one that shows that it does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gwproxy.proxy.exchange.healing import Healed, Healing
from gwproxy.proxy.record import ExchangeOutcome
from support.gateway import StartGateway, TestGateway
from support.responses_wire import frame
from support.scripted import ScriptedUpstream, StartScripted, Visit

RESPONSES = "/v1/responses"
# What of a response none but the upstream knows: member order, blanks, figures.
ANSWER = (
    '{ "id":"resp_far%d" ,"object":"response","n":1.10, "status":"completed","model":"m"%s,\n'
    '"output":[{"type":"message","id":"msg_%d","role":"assistant","content":[{"type":"output_text",'
    '"text":"so %d","annotations":[]}]}] }'
)
NOT_FOUND = (404, "Previous response with id 'resp_far1' not found.")
UNSUPPORTED = (400, "Unsupported parameter: 'previous_response_id' is not supported.")


class Host:
    """`says` stands in its answers; `refusal` is what it says to `previous_response_id`."""

    def __init__(self, says: str = "", refusal: tuple[int, str] | None = None) -> None:
        self.says = says
        self.refusal = refusal
        self.answers = 0

    async def __call__(self, visit: Visit) -> None:
        if not visit.line.startswith("POST /v1/responses "):
            status = 404 if self.refusal else 200
            await visit.answer(b'{"id":"resp_far1", "of":"theirs"}', status=status)
        elif self.refusal and visit.json.get("previous_response_id"):
            status, message = self.refusal
            error = {"error": {"message": message, "type": "invalid_request_error"}}
            await visit.answer(
                json.dumps(error).encode(), status=status, extra="x-request-id: no\r\n"
            )
        elif visit.json.get("stream"):
            await visit.open_stream("x-request-id: far-1\r\n")
            await visit.chunk(self.stream())
            await visit.end_stream()
        else:
            await visit.answer(self.answer(), extra="x-request-id: far-1\r\n")

    def answer(self) -> bytes:
        self.answers += 1
        return (ANSWER % (self.answers, self.says, self.answers, self.answers)).encode()

    def stream(self) -> bytes:
        whole = json.loads(self.answer())
        begun = {**whole, "status": "in_progress", "output": []}
        return frame("response.created", response=begun) + frame(
            "response.completed", response=whole
        )


Begin = Callable[..., Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "responses.db"


@pytest.fixture
def begin(start_gateway: StartGateway, start_scripted: StartScripted, file: Path) -> Begin:
    async def begun(host: Host, **quirks: Any) -> tuple[TestGateway, ScriptedUpstream]:
        upstream = await start_scripted(host)
        record = {"openai_url": upstream.url, "model": "m", "dialects": ["responses"]}
        gateway = await start_gateway(
            {"p": record | {"quirks": quirks}}, options={"responses": file}
        )
        return gateway, upstream

    return begun


async def post(gateway: TestGateway, body: Any, status: int = 200) -> tuple[bytes, dict[str, str]]:
    async with gateway.post(RESPONSES, body) as response:
        raw = await response.read()
        assert response.status == status, raw
        return raw, {name.lower(): value for name, value in response.headers.items()}


@pytest.mark.parametrize("says", ["", ',"store":true'])
@pytest.mark.parametrize("stream", [False, True])
async def test_who_keeps_responses_gets_and_gives_bytes_as_they_are(
    begin: Begin, says: str, stream: bool
) -> None:
    gateway, upstream = await begin(Host(says))
    again = Host(says)
    wish = ' "stream":true,' if stream else ""
    for body in (
        f'{{"model": "m" ,{wish} "input":  "a", "temperature":1.0}}'.encode(),
        f'{{"model": "m" ,{wish} "input":"b" ,"previous_response_id":"resp_far1"}}'.encode(),
    ):
        raw, _ = await post(gateway, body)
        assert raw == (again.stream() if stream else again.answer())
        assert upstream.visits[-1].body == body
    assert len(upstream.visits) == 2


async def test_its_responses_are_its_own_to_read_and_to_delete(begin: Begin) -> None:
    gateway, upstream = await begin(Host())
    await post(gateway, {"model": "m", "input": "a"})
    for method in ("GET", "DELETE", "GET"):
        async with gateway.get(f"{RESPONSES}/resp_far1", method=method) as response:
            assert await response.json() == {"id": "resp_far1", "of": "theirs"}
    assert [visit.line.split()[0] for visit in upstream.visits] == ["POST", "GET", "DELETE", "GET"]


@pytest.mark.parametrize("refusal", [NOT_FOUND, UNSUPPORTED])
@pytest.mark.parametrize("stream", [False, True])
async def test_what_it_shows_not_to_keep_is_remembered_here(
    begin: Begin, refusal: tuple[int, str], stream: bool
) -> None:
    gateway, upstream = await begin(Host(refusal=refusal))
    first, _ = await post(gateway, {"model": "m", "input": "a", "stream": stream})
    assert b"resp_far1" in first
    second = {"model": "m", "input": "b", "previous_response_id": "resp_far1", "stream": stream}
    raw, headers = await post(gateway, second)
    assert b'"previous_response_id":"resp_far1"' in raw
    assert b'"store":true' in raw
    assert "heal:keeps_responses=false" in headers["x-gwproxy-loss"]
    refused, sent = upstream.visits[-2].json, upstream.visits[-1].json
    assert refused == second
    assert [text_of(item) for item in sent["input"]] == ["a", "so 1", "b"]
    assert (sent["store"], "previous_response_id" in sent) == (False, False)
    # It is not asked for what it has not kept: neither for this conversation, nor, once it has said
    # that it keeps none, for any.
    await post(gateway, {**second, "input": "c", "previous_response_id": "resp_far2"})
    assert len(upstream.visits) == 4
    assert [text_of(item) for item in upstream.visits[-1].json["input"]] == [
        "a", "so 1", "b", "so 2", "c",
    ]  # fmt: skip
    async with gateway.get(f"{RESPONSES}/resp_far2") as response:
        assert (await response.json())["store"] is True
    learned = refusal is UNSUPPORTED
    # What neither remembers is the official error, without a question.
    count = len(upstream.visits)
    unknown = await post(
        gateway,
        {**second, "previous_response_id": "resp_other"},
        status=400 if learned else refusal[0],
    )
    assert (b"previous_response_not_found" in unknown[0]) is learned
    assert len(upstream.visits) == count + (not learned)
    again = await post(gateway, {"model": "m", "input": "z", "stream": stream})
    assert (b'"store":true' in again[0]) is learned
    assert ("store" in upstream.visits[-1].json) is learned


def text_of(item: dict[str, Any]) -> str:
    content = item["content"]
    return content if isinstance(content, str) else str(content[0]["text"])


async def test_one_who_says_that_nothing_was_stored_is_believed(begin: Begin) -> None:
    gateway, upstream = await begin(Host(',"store":false'))
    raw, _ = await post(gateway, {"model": "m", "input": "a"})
    assert json.loads(raw)["store"] is True  # here
    await post(gateway, {"model": "m", "input": "b", "previous_response_id": "resp_far1"})
    assert [text_of(item) for item in upstream.visits[-1].json["input"]] == ["a", "so 1", "b"]
    assert len(upstream.visits) == 2


def bytes_of(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""


async def test_who_is_said_to_keep_all_is_left_alone_with_it(begin: Begin, file: Path) -> None:
    gateway, upstream = await begin(Host(refusal=NOT_FOUND), **{"keeps_responses": True})
    await post(gateway, {"model": "m", "input": "a"})
    second = {"model": "m", "input": "b", "previous_response_id": "resp_far1"}
    raw, _ = await post(gateway, second, status=404)
    assert NOT_FOUND[1] in raw.decode()
    assert upstream.visits[-1].json == second
    assert b"so 1" not in bytes_of(file)


async def test_a_conversation_from_elsewhere_is_made_whole_and_then_its_own(
    start_gateway: StartGateway, start_scripted: StartScripted, file: Path
) -> None:
    other, upstream = await start_scripted(Host(refusal=UNSUPPORTED)), await start_scripted(Host())
    records = {
        name: {"openai_url": host.url, "model": "m", "dialects": ["responses"]}
        for name, host in (("other", other), ("p", upstream))
    }
    gateway = await start_gateway(records, options={"responses": file}, default="other")
    raw, _ = await post(gateway, {"model": "m", "input": "a"})
    body = {"model": "p/m", "input": "b", "previous_response_id": json.loads(raw)["id"]}
    await post(gateway, body)
    sent = upstream.visits[-1].json
    assert [text_of(item) for item in sent["input"]] == ["a", "so 1", "b"]
    assert not {"store", "include", "previous_response_id"} & sent.keys()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_relayed_answer_bears_the_upstreams_id_and_usage_knows_both(
    begin: Begin, stream: bool
) -> None:
    gateway, _ = await begin(Host())
    _, headers = await post(gateway, {"model": "m", "input": "a", "stream": stream})
    assert headers["x-request-id"] == headers["x-gwproxy-upstream-request-id"] == "far-1"
    for request_id in ("far-1", headers["x-gwproxy-request-id"]):
        async with gateway.get(f"/v1/usage/{request_id}") as response:
            assert response.status == 200
            assert (await response.json())["model"] == "m"


async def test_so_does_a_refusal(begin: Begin) -> None:
    gateway, _ = await begin(Host(refusal=(400, "this will not do")))
    body = {"model": "m", "input": "a", "previous_response_id": "resp_other"}
    _, headers = await post(gateway, body, status=400)
    assert headers["x-request-id"] == "no"
    assert headers["x-gwproxy-request-id"].startswith("req_")


async def test_who_has_the_whole_answer_and_hangs_up_has_not_gone_away(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the answer taught is still being written down then."""
    learning = asyncio.Event()

    async def for_ever(self: Healing, healed: Healed) -> None:
        learning.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Healing, "learn", for_ever)
    gateway, _ = await begin(Host(',"store":false'))
    feed = gateway.server.gateway._services.feed
    async with asyncio.timeout(10):
        async with gateway.post(RESPONSES, {"model": "m", "input": "a", "stream": True}) as answer:
            assert b"response.completed" in await answer.content.read()
        await learning.wait()
        with feed.watch() as watcher:
            await gateway.session.close()
            (ended,) = await watcher.changes(60)
    assert (ended.phase, ended.outcome) == ("over", ExchangeOutcome(200))

"""Streams as clients see them: status, silence, pings, endings. Raw providers, short limits."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from gwproxy.proxy.exchange.question import Question
from gwproxy.proxy.limits import Limits
from gwproxy.translate.hub import Failure
from support.gateway import QUICK, StartGateway, TestGateway, chat, messages
from support.scripted import (
    Script,
    ScriptedUpstream,
    StartScripted,
    Visit,
    chat_answer,
    chat_chunk,
    chat_stream,
    frames,
)

IMPATIENT = replace(QUICK, early_status_s=0.05, ping_gap_s=0.1)

Start = Callable[..., Awaitable[tuple[TestGateway, ScriptedUpstream]]]


@pytest.fixture
async def start(start_gateway: StartGateway, start_scripted: StartScripted) -> Start:
    """A gateway in front of a Chat provider that follows a script."""

    async def both(
        script: Script, *, limits: Limits = QUICK, **record: Any
    ) -> tuple[TestGateway, ScriptedUpstream]:
        upstream = await start_scripted(script)
        profile = {"openai_url": upstream.url, "model": "up-model", **record}
        return await start_gateway({"up": profile}, limits=limits), upstream

    return both


def events(text: str) -> list[tuple[str, Any]]:
    """(name, data) of every event; comments are ("", None)."""
    found: list[tuple[str, Any]] = []
    for block in text.split("\n\n")[:-1]:
        name, data = "", None
        for line in block.split("\n"):
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = value if value == "[DONE]" else json.loads(value)
        found.append((name, data))
    return found


def names(text: str) -> list[str]:
    """The events' names, without pings."""
    return [name for name, _ in events(text) if name not in ("", "ping")]


async def ask(
    gateway: TestGateway, path: str = "/v1/messages", **more: Any
) -> tuple[aiohttp.ClientResponse, str]:
    body = messages(stream=True) if path.endswith("messages") else chat(stream=True)
    async with gateway.post(path, body | more) as response:
        return response, await response.text()


async def streaming(visit: Visit) -> None:
    await visit.open_stream("x-request-id: up-1\r\n")
    await visit.chunk(chat_stream("Hel", "lo"))
    await visit.end_stream()


async def test_a_translated_stream(start: Start) -> None:
    gateway, upstream = await start(streaming)
    response, text = await ask(gateway)
    assert response.status == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["x-gwproxy-route"] == "up; chat; up-model"
    assert response.headers["x-gwproxy-upstream-request-id"] == "up-1"
    assert response.headers["request-id"] == response.headers["x-gwproxy-request-id"]
    assert names(text) == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    start_event = events(text)[0][1]["message"]
    assert start_event["model"] == "m"
    assert start_event["usage"]["input_tokens"] > 0
    assert len(upstream.visits) == 1


async def test_the_same_dialect_passes_byte_for_byte(start: Start) -> None:
    odd = b": hi\r\n\r\nid: 7\ndata:  " + frames(chat_chunk({"content": "x", "unknown": 1}))[6:]
    body = odd + chat_stream("Hel", "lo")

    async def script(visit: Visit) -> None:
        await visit.open_stream()
        for piece in (body[:40], body[40:301], body[301:]):
            await visit.chunk(piece)
        await visit.end_stream()

    gateway, _ = await start(script)
    _, text = await ask(gateway, "/v1/chat/completions")
    assert text.encode() == body.replace(b'"model": "up-model"', b'"model": "m"')


async def test_one_write_for_each_read(start: Start) -> None:
    """Fifty events that came in one piece leave in one piece: one HTTP chunk and one packet."""

    async def script(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(chat_stream(*("word " for _ in range(50))))
        await visit.end_stream()

    gateway, _ = await start(script)
    async with gateway.post("/v1/messages", messages(stream=True)) as response:
        pieces = [piece async for piece, end in response.content.iter_chunks() if end]
    assert len(pieces) == 1


@pytest.mark.parametrize("status", [400, 402, 403, 404, 413, 429, 500, 503])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/responses"])
async def test_fast_refusals_keep_their_status_and_words(
    start: Start, path: str, status: int
) -> None:
    error = {"error": {"message": "these very words", "type": "some_error"}}

    async def script(visit: Visit) -> None:
        await visit.answer(
            json.dumps(error).encode(),
            status=status,
            extra="retry-after: 7\r\nx-ratelimit-remaining-requests: 0\r\nset-cookie: a=b\r\n",
        )

    gateway, upstream = await start(script)
    body = {"input": "hi"} | chat(stream=True) if "responses" in path else None
    async with gateway.post(path, body or messages(stream=True)) as response:
        value = await response.json()
    overload = status == 503 and path == "/v1/messages"
    assert response.status == (529 if overload else status)
    assert "these very words" in value["error"]["message"]
    assert response.headers["retry-after"] == "7"
    assert response.headers["x-ratelimit-remaining-requests"] == "0"
    assert "set-cookie" not in response.headers
    assert len(upstream.visits) == 1


KEY_PATHS = ("/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/embeddings")


async def test_a_refused_key_stops_the_client_and_says_what_to_do(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """Never by a 401, whoever relays whom: a tool would show its own login in place of the words
    (`real_clients/test_refusals.py`)."""

    async def script(visit: Visit) -> None:
        await visit.answer(
            b'{"error":{"message":"Invalid Authentication"}}',
            status=401,
            extra="x-should-retry: true\r\n",
        )

    gateway, upstream = await start(script)
    for path in KEY_PATHS:
        async with gateway.post(path, chat() | {"input": "hi", "max_tokens": 9}) as response:
            message = (await response.json())["error"]["message"]
        assert (response.status, response.headers["x-gwproxy-upstream-status"]) == (400, "401")
        assert response.headers["x-should-retry"] == "false"
        assert message.startswith("Invalid Authentication (")
        assert "gwproxy profile key up" in message
    assert caplog.text.count("the provider said 401") == len(KEY_PATHS)
    # The key may have been rotated since, so it is asked for again.
    assert gateway.keys_asked == ["up"] * len(KEY_PATHS)
    assert len(upstream.visits) == len(KEY_PATHS)


async def test_an_error_in_place_of_the_first_event_is_a_status(start: Start) -> None:
    async def script(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(frames({"error": {"message": "overloaded", "type": "server_error"}}))
        await visit.end_stream()

    gateway, _ = await start(script)
    response, text = await ask(gateway)
    assert response.status >= 500
    assert "overloaded" in json.loads(text)["error"]["message"]


async def test_silence_before_the_head_is_bridged_by_pings(start: Start) -> None:
    async def script(visit: Visit) -> None:
        await visit.go_on.wait()
        await streaming(visit)

    gateway, upstream = await start(script, limits=IMPATIENT)
    async with gateway.post("/v1/messages", messages(stream=True)) as response:
        text = ""
        assert response.status == 200
        while text.count("event: ping") < 3:
            text += (await response.content.readany()).decode()
        upstream.visits[0].go_on.set()
        text += (await response.content.read()).decode()
    found = names(text)
    assert found[0] == "message_start"
    assert found.count("message_start") == 1
    assert found[-1] == "message_stop"
    assert len(upstream.visits) == 1


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
async def test_silence_between_events_is_bridged_by_pings(start: Start, path: str) -> None:
    first, second = chat_stream("Hel", "lo").split(b"\n\n", 1)

    async def script(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(first + b"\n\n")
        await visit.go_on.wait()
        await visit.chunk(second)
        await visit.end_stream()

    gateway, upstream = await start(script, limits=IMPATIENT)
    body = messages(stream=True) if path.endswith("messages") else chat(stream=True)
    async with gateway.post(path, body) as response:
        text = ""
        while text.count("ping\n") < 3:
            text += (await response.content.readany()).decode()
        upstream.visits[0].go_on.set()
        text += (await response.content.read()).decode()
    last = events(text)[-1]
    assert last in [("message_stop", {"type": "message_stop"}), ("", "[DONE]")]
    assert len(upstream.visits) == 1


async def test_a_ping_never_comes_inside_an_event(start: Start) -> None:
    whole = chat_stream("Hello")
    middle = whole.index(b"Hello") + 2

    async def script(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(whole[:middle])
        await visit.go_on.wait()
        await visit.chunk(whole[middle:])
        await visit.end_stream()

    gateway, upstream = await start(script, limits=replace(IMPATIENT, ping_gap_s=0.02))
    async with gateway.post("/v1/chat/completions", chat(stream=True)) as response:
        text = (await response.content.readany()).decode()
        asyncio.get_running_loop().call_later(
            0.2, upstream.visits[0].go_on.set
        )  # ten pings would fit in here
        text += (await response.content.read()).decode()
    assert ": ping" in text
    relayed = text.replace(": ping\n\n", "").encode()
    assert relayed == whole.replace(b'"model": "up-model"', b'"model": "m"')


async def test_a_client_that_wants_no_stream_is_sent_no_pings(start: Start) -> None:
    async def script(visit: Visit) -> None:
        await asyncio.sleep(0.3)
        await visit.answer(chat_answer("slow"))

    gateway, _ = await start(script, limits=IMPATIENT)
    async with gateway.post("/v1/messages", messages()) as response:
        value = await response.json()
    assert value["content"][0]["text"] == "slow"


@pytest.mark.parametrize("mode", ["auto", "never"])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/responses"])
async def test_json_in_answer_to_a_stream_becomes_a_stream(
    start: Start, path: str, mode: str
) -> None:
    """Claude Code would ask twice, OpenCode for ever, and Codex fail."""

    async def script(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
        body = b" \n " + chat_answer("whole text")  # blanks keep a connection alive elsewhere
        await visit.send(b"content-length: %d\r\n\r\n%b" % (len(body), body))

    gateway, upstream = await start(script, stream=mode)
    body = messages(stream=True) | {"input": "hi"}
    async with gateway.post(path, body) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        text = await response.text()
    assert "whole text" in text
    assert {
        "/v1/messages": "event: message_stop",
        "/v1/chat/completions": '"finish_reason":"stop"',
        "/v1/responses": "event: response.completed",
    }[path] in text
    assert bool(upstream.visits[0].json.get("stream")) is (mode == "auto")
    assert len(upstream.visits) == 1


@pytest.mark.parametrize("mode", ["auto", "always"])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/responses"])
async def test_a_stream_in_answer_to_a_whole_request_becomes_one_body(
    start: Start, path: str, mode: str
) -> None:
    gateway, upstream = await start(streaming, stream=mode)
    async with gateway.post(path, messages() | {"input": "hi"}) as response:
        assert response.headers["content-type"] == "application/json"
        assert "Hello" in await response.text()
    assert len(upstream.visits) == 1


async def test_minutes_of_silence_of_an_upstream_that_cannot_stream(start: Start) -> None:
    """The ten minutes of a queue, played with short limits: one request, pings, then the text."""

    async def script(visit: Visit) -> None:
        await visit.go_on.wait()
        await visit.answer(chat_answer("at last"))

    gateway, upstream = await start(script, limits=IMPATIENT, stream="never")
    async with gateway.post("/v1/messages", messages(stream=True)) as response:
        text = ""
        while text.count("event: ping") < 5:
            text += (await response.content.readany()).decode()
        upstream.visits[0].go_on.set()
        text += (await response.content.read()).decode()
    assert "at last" in text
    assert names(text)[-1] == "message_stop"
    assert len(upstream.visits) == 1


async def first_half(visit: Visit) -> None:
    await visit.open_stream()
    await visit.chunk(frames(chat_chunk({"role": "assistant", "content": "half"})))
    await visit.go_on.wait()


async def half_then_fin(visit: Visit) -> None:
    await first_half(visit)
    visit.close()


async def half_then_rst(visit: Visit) -> None:
    await first_half(visit)
    visit.reset()


async def half_then_end(visit: Visit) -> None:
    await first_half(visit)
    await visit.end_stream()


async def half_then_garbage(visit: Visit) -> None:
    await first_half(visit)
    await visit.send(b"not a chunk size\r\n")
    visit.close()


async def half_an_event(visit: Visit) -> None:
    await first_half(visit)
    await visit.chunk(b'data: {"choices":[{"de')
    visit.close()


async def half_then_silence(visit: Visit) -> None:
    await first_half(visit)
    await visit.wait_until_gone()


async def half_then_error(visit: Visit) -> None:
    await first_half(visit)
    await visit.chunk(frames({"error": {"message": "no more", "type": "server_error"}}))
    await visit.end_stream()


BREAKS = [
    half_then_fin,
    half_then_rst,
    half_then_end,
    half_then_garbage,
    half_an_event,
    half_then_silence,
    half_then_error,
]


FINISHED = {
    "/v1/messages": ("message_stop", '"stop_reason":"'),
    "/v1/chat/completions": ("[DONE]", '"finish_reason":"', '"finish_reason": "'),
    "/v1/responses": ("response.completed", "response.incomplete"),
}


@pytest.mark.parametrize("path", FINISHED)
@pytest.mark.parametrize("script", BREAKS)
async def test_a_broken_stream_never_looks_finished(
    start: Start, script: Script, path: str
) -> None:
    gateway, upstream = await start(script, first_byte_timeout_s=60, idle_timeout_s=0.2)
    async with gateway.post(path, messages(stream=True) | {"input": "hi"}) as response:
        assert response.status == 200
        text = ""
        while "half" not in text:
            text += (await response.content.readany()).decode()
        upstream.visits[0].go_on.set()
        text += (await response.content.read()).decode()
    assert '"error":' in text
    assert not [word for word in FINISHED[path] if word in text], text
    assert len(upstream.visits) == 1


async def test_an_answer_that_broke_before_anything_was_sent_is_a_status(start: Start) -> None:
    async def script(visit: Visit) -> None:
        error = {"error": {"message": "no more", "type": "server_error"}}
        await visit.open_stream()
        await visit.chunk(frames(chat_chunk({"role": "assistant", "content": "half"}), error))
        await visit.end_stream()

    gateway, _ = await start(script)
    response, text = await ask(gateway)
    assert response.status == 500
    assert "no more" in json.loads(text)["error"]["message"]


async def no_head(visit: Visit) -> None:
    visit.close()


async def no_head_reset(visit: Visit) -> None:
    visit.reset()


async def half_a_head(visit: Visit) -> None:
    await visit.send(b"HTTP/1.1 200 OK\r\ncontent-ty")
    visit.close()


async def not_http(visit: Visit) -> None:
    await visit.send(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
    visit.close()


async def short_body(visit: Visit) -> None:
    await visit.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + chat_answer("x")[:50])
    visit.close()


async def silence(visit: Visit) -> None:
    await visit.wait_until_gone()


async def head_then_silence(visit: Visit) -> None:
    await visit.open_stream()
    await visit.wait_until_gone()


async def empty_body(visit: Visit) -> None:
    await visit.answer(b"")


async def html(visit: Visit) -> None:
    await visit.answer(b"<html><title>Sign in</title></html>", content_type="text/html")


async def wrong_shape(visit: Visit) -> None:
    await visit.answer(b'{"hello":"world"}')


NO_ANSWER = [
    (no_head, 502),
    (no_head_reset, 502),
    (half_a_head, 502),
    (not_http, 502),
    (short_body, 502),
    (silence, 504),
    (head_then_silence, 504),
    (empty_body, 502),
    (html, 502),
    (wrong_shape, 502),
]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize(("script", "status"), NO_ANSWER)
async def test_no_answer_is_an_honest_error(
    start: Start, script: Script, status: int, path: str, streamed: bool
) -> None:
    gateway, upstream = await start(script, first_byte_timeout_s=0.3, idle_timeout_s=0.2)
    async with gateway.post(path, messages(stream=streamed) | {"input": "hi"}) as response:
        value = await response.json()
    assert response.status == status, value
    assert value["error"]["message"]
    # Whether the work was done is unknown: asking again is the client's decision.
    assert len(upstream.visits) == 1


async def test_trouble_after_the_first_ping_is_an_error_event(start: Start) -> None:
    async def script(visit: Visit) -> None:
        await visit.go_on.wait()
        await visit.answer(b'{"error":{"message":"too late"}}', status=429)

    gateway, upstream = await start(script, limits=IMPATIENT)
    async with gateway.post("/v1/messages", messages(stream=True)) as response:
        assert response.status == 200
        text = (await response.content.readany()).decode()
        upstream.visits[0].go_on.set()
        text += (await response.content.read()).decode()
    name, data = events(text)[-1]
    assert name == "error"
    assert data["error"]["type"] == "rate_limit_error"
    assert "too late" in data["error"]["message"]
    assert "message_stop" not in text
    assert len(upstream.visits) == 1


async def test_reading_stops_at_the_last_event(start: Start) -> None:
    async def script(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(chat_stream("done") + frames({"choices": "after the end"}))
        await visit.wait_until_gone()  # never ends the body

    gateway, upstream = await start(script)
    _, text = await ask(gateway)
    assert names(text)[-1] == "message_stop"
    assert len(upstream.visits) == 1
    async with asyncio.timeout(5):
        await upstream.visits[0].gone.wait()


@pytest.mark.parametrize("ending", ["silence", "reset"])
async def test_a_relayed_stream_ends_at_its_last_event_too(start: Start, ending: str) -> None:
    """The upstream has said that it was done: what its connection does then is no error."""
    body = chat_stream("done")

    async def script(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(body)
        await visit.go_on.wait()
        if ending == "reset":
            visit.reset()
        else:
            await visit.wait_until_gone()

    gateway, upstream = await start(script)
    async with gateway.post("/v1/chat/completions", chat(stream=True)) as response:
        text = await response.content.readany()
        upstream.visits[0].go_on.set()
        text += await response.content.read()
    assert text == body.replace(b'"model": "up-model"', b'"model": "m"')


@pytest.mark.parametrize("size", [200_000, 700_000, 5_000_000])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
async def test_long_events_arrive_whole(start: Start, path: str, size: int) -> None:
    async def script(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(chat_stream("x" * size))
        await visit.end_stream()

    gateway, _ = await start(script)
    _, text = await ask(gateway, path)
    assert "x" * size in text


async def test_an_endless_event_is_given_up(start: Start) -> None:
    async def script(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(frames(chat_chunk({"content": "begun"})) + b'data: {"a":"')
        with pytest.raises(ConnectionError):
            while True:
                await visit.chunk(b"x" * 1_000_000)

    gateway, upstream = await start(script)
    _, text = await ask(gateway)
    assert names(text)[-1] == "error"
    assert len(upstream.visits) == 1


async def test_an_endless_answer_is_given_up(start: Start) -> None:
    async def script(visit: Visit) -> None:
        await visit.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        await visit.chunk(b'{"a":"')
        with pytest.raises(ConnectionError):
            while True:
                await visit.chunk(b"x" * 100_000)

    gateway, _ = await start(script, limits=replace(QUICK, whole_answer_bytes=1_000_000))
    for streamed in (True, False):
        async with gateway.post("/v1/messages", messages(stream=streamed)) as response:
            assert response.status == 502
            assert "1000000 bytes" in (await response.json())["error"]["message"]


async def test_a_client_that_does_not_read_holds_the_upstream_back(start: Start) -> None:
    sent = 0

    async def script(visit: Visit) -> None:
        nonlocal sent
        await visit.open_stream()
        chunk = frames(*(chat_chunk({"content": "y" * 1000}) for _ in range(100)))
        with pytest.raises(ConnectionError):
            while True:
                await visit.chunk(chunk)
                sent += len(chunk)

    gateway, _ = await start(script)
    async with gateway.post("/v1/messages", messages(stream=True)) as response:
        await response.content.read(10)
        before = -1
        while before != sent:  # until the upstream cannot send any more
            before = sent
            await asyncio.sleep(0.3)
    assert sent < 64_000_000


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
async def test_a_client_that_reads_on_after_a_pause_gets_all(start: Start, path: str) -> None:
    sent = 0
    words = [f"{number:07}" + "y" * 993 for number in range(20_000)]

    async def script(visit: Visit) -> None:
        nonlocal sent
        await visit.open_stream()
        for first in range(0, len(words), 10):
            chunks = (chat_chunk({"content": word}) for word in words[first : first + 10])
            await visit.chunk(frames(*chunks))
            sent = first + 10
        await visit.chunk(frames(chat_chunk({}, "stop")) + b"data: [DONE]\n\n")
        await visit.end_stream()

    gateway, _ = await start(script)
    async with gateway.post(path, messages(stream=True)) as response:
        text = await response.content.read(10)
        before = -1
        while before != sent:  # until the upstream is held back, or has sent it all
            before = sent
            await asyncio.sleep(0.3)
        text += await response.content.read()
    assert re.findall(rb'"(\d{7})y{993}"', text) == [word[:7].encode() for word in words]
    assert b"error" not in text


async def test_two_hundred_streams_at_once_none_mixed(start: Start) -> None:
    everybody = asyncio.Barrier(200)

    async def script(visit: Visit) -> None:
        word = visit.json["messages"][0]["content"]
        await visit.open_stream()
        await visit.chunk(frames(chat_chunk({"role": "assistant", "content": f"<{word}>"})))
        await everybody.wait()  # passes only when all of them run at the same time
        for _ in range(5):
            await visit.chunk(frames(chat_chunk({"content": f"<{word}>"})))
        await visit.chunk(frames(chat_chunk({}, "stop")) + b"data: [DONE]\n\n")
        await visit.end_stream()

    gateway, upstream = await start(script)

    async def one(number: int) -> None:
        path = ("/v1/messages", "/v1/chat/completions")[number % 2]
        turn = {"messages": [{"role": "user", "content": f"w{number}"}]}
        _, text = await ask(gateway, path, **turn)
        assert text.count(f"<w{number}>") == 6
        assert text.count("<w") == 6

    await asyncio.gather(*(one(number) for number in range(200)))
    assert len(upstream.visits) == 200


async def test_a_failure_that_the_client_was_told_is_kept_though_it_hangs_up_at_once(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it teaches is still being written down then."""
    learning = asyncio.Event()

    async def for_ever(self: Question, failure: Failure) -> None:
        learning.set()
        await asyncio.Event().wait()

    async def script(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(frames(chat_chunk({"content": "so far"})))
        await visit.go_on.wait()
        await visit.chunk(frames({"error": {"message": "on fire"}}))
        await visit.end_stream()

    monkeypatch.setattr(Question, "taught_by", for_ever)
    gateway, upstream = await start(script)
    async with asyncio.timeout(10):
        async with gateway.post("/v1/messages", messages(stream=True)) as response:
            await response.content.readuntil(b"so far")
            upstream.visits[0].go_on.set()
            assert b"on fire" in await response.read()
        await learning.wait()
        with gateway.server.gateway._services.feed.watch() as watcher:
            await gateway.session.close()
            (ended,) = await watcher.changes(60)
    assert (ended.phase, ended.outcome.error) == ("over", "on fire")

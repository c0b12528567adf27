"""Mistakes of our own, and corners of HTTP that few clients visit."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from gwproxy.profiles import learned
from gwproxy.profiles.credentials import FoundKey
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.store import ServeSettings
from gwproxy.proxy.exchange.healing import Healing
from gwproxy.proxy.log import LOGGER
from gwproxy.proxy.queries.calibration import Calibration
from gwproxy.proxy.queries.status import News
from gwproxy.proxy.records.captures import Captures, listed
from gwproxy.proxy.records.ledger import Ledger, check
from gwproxy.translate.streams import StreamBridge
from support.gateway import KEY, QUICK, TOKEN, Start, chat, messages
from support.raw import connected
from support.scripted import (
    Visit,
    chat_answer,
    chat_chunk,
    frames,
    stream,
    whole,
)


@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
async def test_a_mistake_of_ours_is_json_and_its_traceback_is_in_the_log(
    start: Start, path: str, streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def find(profile: Profile) -> FoundKey:
        raise RuntimeError(f"a bug that knows the key {KEY}")

    gateway, upstream = await start(whole, find_key=find)
    async with gateway.post(path, messages(stream=streamed)) as response:
        assert response.status == 500
        assert response.headers["x-should-retry"] == "false"
        text = await response.text()
        assert "a mistake of its own" in json.loads(text)["error"]["message"]
        assert "bug" not in text
    assert "a bug that knows" in caplog.text
    assert not upstream.visits


@pytest.mark.parametrize("opened", [False, True], ids=["before", "after the first ping"])
async def test_a_mistake_in_a_stream_never_looks_like_its_end(
    start: Start, opened: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(visit: Visit) -> None:
        await visit.open_stream()
        await visit.go_on.wait()
        await visit.chunk(frames(chat_chunk({"content": "x"})))
        await visit.wait_until_gone()

    def stumble(self: StreamBridge, chunk: bytes) -> bytes:
        raise KeyError("a reader's bug")

    monkeypatch.setattr(StreamBridge, "feed", stumble)
    limits = replace(QUICK, early_status_s=0.02 if opened else 60)
    gateway, upstream = await start(script, limits=limits)
    if not opened:
        asyncio.get_running_loop().call_later(0.1, lambda: upstream.visits[0].go_on.set())
    async with gateway.post("/v1/messages", messages(stream=True)) as response:
        assert response.status == (200 if opened else 500)
        if opened:
            await response.content.readuntil(b"ping")
            upstream.visits[0].go_on.set()
        text = await response.text()
    assert "a mistake of its own" in text
    assert "message_stop" not in text


AFTERWARDS: dict[str, tuple[object, str]] = {
    "the log": (LOGGER, "log"),
    "the news": (News, "add"),
    "the capture": (Captures, "keep"),
    "the ledger": (Ledger, "add"),
    "the estimates": (Calibration, "learn"),
    "the lesson": (Healing, "learn"),
    "the file of lessons": (learned, "add"),
}


@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("which", AFTERWARDS)
async def test_a_mistake_after_the_answer_neither_breaks_it_nor_is_silent(
    start: Start,
    which: str,
    streamed: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    gwproxy_home: Path,
) -> None:
    async def script(visit: Visit) -> None:
        if "temperature" in visit.json:
            words = {"error": {"message": "invalid temperature: only 1 is allowed"}}
            await visit.answer(json.dumps(words).encode(), status=400)
            return
        await (stream if streamed else whole)(visit)

    def stumble(*args: object, **named: object) -> None:
        raise ZeroDivisionError("nobody foresaw it")

    where, name = AFTERWARDS[which]
    monkeypatch.setattr(where, name, stumble)
    kept = {"ledger": gwproxy_home / "usage.db", "captures": gwproxy_home / "captures"}
    gateway, _ = await start(
        script, serve=ServeSettings(capture=True), options={**kept, "learns": True}
    )
    for _ in range(2):
        body = messages(stream=streamed, temperature=0.3)
        async with gateway.post("/v1/messages", body) as response:
            text = await response.text()
            assert (response.status, "error" in text) == (200, False)
            assert not streamed or text.rstrip().endswith('data: {"type":"message_stop"}')
    services = gateway.server.gateway._services
    await gateway.server.gateway.drain(5.0)
    services.ledger.close()
    services.captures.close()
    assert "nobody foresaw it" in caplog.text
    troubled = [one.state for one in services.workers if one.state.failed]
    assert [one.last_failure for one in troubled] == ["ZeroDivisionError: nobody foresaw it"]
    # What stands beside it was done all the same.
    rows = check(kept["ledger"]) if which != "the ledger" else 2
    assert (rows, len(listed(kept["captures"]))) == (2, 0 if which == "the capture" else 2)
    assert len(learned.load()) == (0 if "lesson" in which else 1)


@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "whole"])
async def test_a_mistake_in_mending_does_not_hide_the_refusal(
    start: Start, streamed: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(visit: Visit) -> None:
        await visit.answer(b'{"error": {"message": "invalid temperature: only 1"}}', status=400)

    def stumble(*args: object, **named: object) -> None:
        raise ZeroDivisionError("nobody foresaw it")

    monkeypatch.setattr(Healing, "remedies", stumble)
    gateway, upstream = await start(script)
    body = messages(stream=streamed, temperature=0.3)
    async with gateway.post("/v1/messages", body) as response:
        assert response.status == 400
        assert "only 1" in (await response.json())["error"]["message"]
    assert "nobody foresaw it" in caplog.text
    assert len(upstream.visits) == 1


async def test_a_mistake_in_a_ping_is_told_and_the_answer_comes(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stumbled = asyncio.Event()

    async def script(visit: Visit) -> None:
        await stumbled.wait()
        await stream(visit)

    def stumble(self: StreamBridge) -> bytes:
        stumbled.set()
        raise ZeroDivisionError("nobody foresaw it")

    monkeypatch.setattr(StreamBridge, "ping", stumble)
    gateway, _ = await start(script, limits=replace(QUICK, early_status_s=0.02))
    async with gateway.post("/v1/messages", messages(stream=True)) as response:
        assert "message_stop" in await response.text()
    assert caplog.text.count("an open stream cannot be kept alive") == 1


async def test_an_old_client_of_http_1_0(start: Start) -> None:
    gateway, _ = await start(stream)
    body = json.dumps(messages(stream=True)).encode()
    async with connected(gateway.server.port) as client:
        await client.send(
            b"POST /v1/messages HTTP/1.0\r\nHost: localhost\r\nx-api-key: %b\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (TOKEN.encode(), len(body), body)
        )
        answer = await client.rest()  # no chunks: the end of the connection ends the body
    head, _, text = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert text.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


async def test_requests_sent_ahead_are_answered_in_order(start: Start) -> None:
    async def script(visit: Visit) -> None:
        await visit.answer(chat_answer(visit.json["messages"][0]["content"]))

    gateway, _ = await start(script)
    ahead = b""
    for number in range(5):
        body = json.dumps(chat(f"<{number}>")).encode()
        ahead += b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        ahead += b"x-api-key: %b\r\nContent-Length: %d\r\n\r\n" % (TOKEN.encode(), len(body))
        ahead += body
    async with connected(gateway.server.port) as client:
        await client.send(ahead)
        for number in range(5):
            answer = await client.answer()
            assert answer.json["choices"][0]["message"]["content"] == f"<{number}>"


@pytest.mark.parametrize("garbage", [b"not a size\r\n", b"-5\r\n", b"ffffffffffffffffff\r\n"])
async def test_a_body_that_breaks_in_the_middle(start: Start, garbage: bytes) -> None:
    gateway, upstream = await start(whole, limits=replace(QUICK, body_grace_s=1))
    async with connected(gateway.server.port) as client:
        await client.send(
            b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nx-api-key: %b\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"
            b'"mod\r\n' % TOKEN.encode()
        )
        await asyncio.sleep(0.05)  # the head and the first chunk are taken by now
        await client.send(garbage)
        answer = await client.rest()
    assert b" 200 " not in answer.split(b"\r\n", 1)[0]
    assert not upstream.visits

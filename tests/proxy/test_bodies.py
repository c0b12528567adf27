"""Request bodies: large, packed, endless, dripping, hostile."""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from gwproxy.profiles.store import ServeSettings
from support.gateway import QUICK, TOKEN, StartGateway, TestGateway, chat, messages
from support.raw import connected
from support.scripted import ScriptedUpstream

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIB = 1024 * 1024


@pytest.mark.parametrize("size", [2 * MIB, 20 * MIB])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_large_requests_arrive_whole(
    gateway: TestGateway, upstream: ScriptedUpstream, path: str, size: int
) -> None:
    text = "0123456789abcdef" * (size // 16)
    body = messages(text) if path.endswith("messages") else chat(text)
    async with gateway.post(path, body) as response:
        assert response.status == 200, await response.text()
    (visit,) = upstream.visits
    assert visit.json["messages"][0]["content"] == text
    assert visit.json["model"] == "up-model"


async def test_what_is_too_large_is_refused_in_the_clients_dialect(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    gateway = await start_gateway(
        {"up": {"openai_url": upstream.url, "model": "m"}}, serve=ServeSettings(max_body_bytes=MIB)
    )
    async with gateway.post("/v1/messages", messages("x" * 2 * MIB)) as response:
        assert response.status == 413
        assert (await response.json())["error"]["type"] == "request_too_large"
    async with gateway.post("/v1/chat/completions", chat("x" * 2 * MIB)) as response:
        assert response.status == 413
        assert "serve.max_body_bytes" in (await response.json())["error"]["message"]
    assert not upstream.visits


def head(*lines: str, path: str = "/v1/chat/completions") -> bytes:
    own = ("Host: localhost", f"x-api-key: {TOKEN}", *lines)
    return "\r\n".join((f"POST {path} HTTP/1.1", *own, "", "")).encode()


async def test_a_monstrous_length_is_refused_before_a_byte_of_it(gateway: TestGateway) -> None:
    async with connected(gateway.server.port) as client:
        await client.send(head("Content-Length: 10995116277760"))
        assert (await client.answer()).status == 413


async def test_an_endless_chunked_body_ends_at_the_limit(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    gateway = await start_gateway(
        {"up": {"openai_url": upstream.url, "model": "m"}}, serve=ServeSettings(max_body_bytes=MIB)
    )

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    url = f"{gateway.url}/v1/chat/completions"
    try:
        async with gateway.session.post(
            url, data=endless(), headers={"x-api-key": TOKEN}
        ) as response:
            assert response.status == 413
    except ConnectionError:
        pass  # it may also be cut: the client never stops to listen
    assert not upstream.visits


async def test_a_dripping_body_is_given_up(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    limits = replace(QUICK, body_grace_s=0.2, body_bytes_per_s=1024 * MIB)
    gateway = await start_gateway({"up": {"openai_url": upstream.url, "model": "m"}}, limits=limits)
    async with connected(gateway.server.port) as client:
        await client.send(head("Content-Length: 1000"))
        answer = asyncio.create_task(client.answer())
        while not answer.done():
            await client.send(b" ")
            await asyncio.wait([answer], timeout=0.05)
        assert answer.result().status == 408
    assert not upstream.visits


async def test_expect_100_continue(gateway: TestGateway) -> None:
    body = json.dumps(chat()).encode()
    async with connected(gateway.server.port) as client:
        await client.send(head("Expect: 100-continue", f"Content-Length: {len(body)}"))
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(body)
        assert (await client.answer()).status == 200


async def test_no_invitation_before_the_guards(gateway: TestGateway) -> None:
    async with connected(gateway.server.port) as client:
        await client.send(
            b"POST /v1/messages HTTP/1.1\r\nHost: evil.example\r\n"
            b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        )
        assert (await client.answer()).status == 403


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("Deflate", raw_deflate),
        ("zstd", zstd.compress),
        ("gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
        ("zstd", lambda data: zstd.compress(data[:9]) + zstd.compress(data[9:])),
    ],
)
async def test_packed_bodies(
    gateway: TestGateway, upstream: ScriptedUpstream, encoding: str, pack: Any
) -> None:
    body = pack(json.dumps(chat("packed")).encode())
    headers = {"content-encoding": encoding}
    async with gateway.post("/v1/chat/completions", body, headers=headers) as response:
        assert response.status == 200
    (visit,) = upstream.visits
    assert visit.json["messages"][0]["content"] == "packed"
    assert "content-encoding" not in visit.headers


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("br", b"x", 415),
        ("gzip, gzip", b"x", 415),
        ("gzip", b"not gzip", 400),
        ("gzip", gzip.compress(json.dumps(chat()).encode())[:-9], 400),
        ("gzip", gzip.compress(json.dumps(chat()).encode()) + b"x", 400),
        ("gzip", gzip.compress(b"") * 40000 + gzip.compress(json.dumps(chat()).encode()), 400),
        ("gzip", gzip.compress(bytes(MIB - 9)) * 2, 413),
        ("gzip", gzip.compress(bytes(64 * MIB), 1), 413),
        ("deflate", zlib.compress(bytes(64 * MIB), 1), 413),
        ("zstd", b"not zstd", 400),
        ("zstd", zstd.compress(json.dumps(chat()).encode())[:-9], 400),
        ("zstd", zstd.compress(bytes(64 * MIB), 1), 413),
    ],
    ids=[
        "unknown",
        "twice",
        "not gzip",
        "cut",
        "garbage behind",
        "too many pieces",
        "too large together",
        "gzip bomb",
        "deflate bomb",
        "not zstd",
        "cut zstd",
        "zstd bomb",
    ],
)
async def test_packed_bodies_that_are_refused(
    start_gateway: StartGateway,
    upstream: ScriptedUpstream,
    encoding: str,
    body: bytes,
    status: int,
) -> None:
    gateway = await start_gateway(
        {"up": {"openai_url": upstream.url, "model": "m"}}, serve=ServeSettings(max_body_bytes=MIB)
    )
    headers = {"content-encoding": encoding}
    async with gateway.post("/v1/chat/completions", body, headers=headers) as response:
        assert response.status == status
        assert "error" in await response.json()
    assert not upstream.visits


HOSTILE = {
    "empty": b"",
    "not json": b"hello",
    "an array": b"[]",
    "a number": b"1",
    "null": b"null",
    "two values": b"{}{}",
    "deep": b'{"messages":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "deep and open": b"[" * 100_000,
    "digits": b'{"max_tokens":' + b"9" * 5000 + b',"messages":[]}',
    "nan": b'{"temperature":NaN,"messages":[]}',
    "infinity": b'{"temperature":1e999,"messages":[{"role":"user","content":"x"}],"model":"m"}',
    "bad utf-8": b'{"model":"m","messages":[{"role":"user","content":"\xff\xfe"}]}',
    "wrong types": b'{"model":7,"stream":"yes","messages":{"a":1}}',
    "messages null": b'{"model":"m","messages":null}',
    "nul": b'{"model":"m\x00","messages":[]}',
    "keys twice": b'{"model":"m","model":1,"messages":1,"messages":"x"}',
}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_json_is_a_400(
    gateway: TestGateway, upstream: ScriptedUpstream, path: str, name: str
) -> None:
    async with gateway.post(path, HOSTILE[name]) as response:
        text = await response.text()
        # The same dialect on both sides is relayed without being understood.
        relayed = path == "/v1/chat/completions" and response.status == 200
        assert relayed or response.status == 400, text
        if not relayed:
            assert json.loads(text)["error"]["message"]
            assert response.headers["x-should-retry"] == "false"
    assert len(upstream.visits) == relayed


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        (b"", None, "the body is empty; it must be a JSON object"),
        (b'{"model":', None, "not valid JSON: Input data was truncated"),
        (b"[]", None, "expected object, got array"),
        (b'{"model":7}', "model", "model: expected string, got integer"),
        (b'{"model":"m","stream":"yes"}', "stream", "stream: expected boolean or null, got string"),
    ],
)
async def test_what_cannot_be_read_is_said_in_json_words(
    gateway: TestGateway, body: bytes, param: str | None, words: str
) -> None:
    async with gateway.post("/v1/chat/completions", body) as response:
        error = (await response.json())["error"]
    assert (error["param"], error["message"]) == (param, words)


async def test_a_lone_surrogate_is_no_reason_to_refuse(
    gateway: TestGateway, upstream: ScriptedUpstream
) -> None:
    body = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a\\ud83d b"}]}'
    async with gateway.post("/v1/messages", body) as response:
        assert response.status == 200, await response.text()
    assert upstream.visits[0].json["messages"][0]["content"] == "a\ufffd b"

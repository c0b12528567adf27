"""Towards the provider: connections, headers, keys, redirects, certificates, packed answers."""

from __future__ import annotations

import asyncio
import datetime
import gzip
import ipaddress
import json
import socket
import ssl
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gwproxy import __version__
from gwproxy.errors import KeyringError
from gwproxy.profiles.credentials import FoundKey
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.redaction import MASK
from gwproxy.profiles.secret import Secret, Source
from support.gateway import KEY, TOKEN, StartGateway, TestGateway, messages
from support.scripted import (
    Script,
    ScriptedUpstream,
    StartScripted,
    Visit,
    chat_answer,
    chat_stream,
    stream,
    whole,
)

Start = Callable[..., Awaitable[tuple[TestGateway, ScriptedUpstream]]]

PATHS = ("/v1/messages", "/v1/chat/completions", "/v1/responses")


@pytest.fixture
async def start(start_gateway: StartGateway, start_scripted: StartScripted) -> Start:
    async def both(
        script: Script, *, gateway: dict[str, Any] | None = None, **record: Any
    ) -> tuple[TestGateway, ScriptedUpstream]:
        upstream = await start_scripted(script)
        profile = {"openai_url": upstream.url, "model": "up-model", **record}
        return await start_gateway({"up": profile}, **(gateway or {})), upstream

    return both


async def ask(
    gateway: TestGateway,
    path: str = "/v1/messages",
    *,
    streamed: bool = False,
    headers: dict[str, str] | None = None,
) -> tuple[int, str]:
    body = messages(stream=streamed) | {"input": "hi"}
    async with gateway.post(path, body, headers=headers) as response:
        return response.status, await response.text()


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
async def test_connections_are_used_again(start: Start, streamed: bool) -> None:
    gateway, upstream = await start(stream if streamed else whole)
    for number in range(10):
        status, _ = await ask(gateway, PATHS[number % 3], streamed=streamed)
        assert status == 200
    assert len(upstream.visits) == 10
    assert upstream.connections == 1


async def test_a_stream_whose_body_ends_late_still_gives_its_connection_back(start: Start) -> None:
    async def script(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(chat_stream("hello"))
        await asyncio.sleep(0.05)  # the last event is out; its body is not over yet
        await visit.end_stream()

    gateway, upstream = await start(script)
    for _ in range(3):
        assert (await ask(gateway, streamed=True))[0] == 200
        await asyncio.sleep(0.1)  # the client need not wait for that end, but this test does
    assert upstream.connections == 1


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_an_idle_connection_that_died_is_no_trouble(start: Start, how: str) -> None:
    async def script(visit: Visit) -> None:
        await whole(visit)
        getattr(visit, how)()

    gateway, upstream = await start(script)
    for _ in range(3):
        assert (await ask(gateway))[0] == 200
        await asyncio.sleep(0.05)  # the end of the connection is here before the next request
    assert len(upstream.visits) == 3


async def test_a_connection_that_dies_on_reuse_costs_one_clean_error(start: Start) -> None:
    async def script(visit: Visit) -> None:
        if len(upstream.visits) == 2:
            visit.close()  # after it has taken the request: perhaps the work was begun
            return
        await whole(visit)

    gateway, upstream = await start(script)
    assert (await ask(gateway))[0] == 200
    status, text = await ask(gateway)
    assert status == 502
    assert "without an answer" in json.loads(text)["error"]["message"]
    assert (await ask(gateway))[0] == 200
    assert len(upstream.visits) == 3


async def test_nobody_there_is_said_and_healed_when_somebody_comes(
    start_gateway: StartGateway, start_scripted: StartScripted
) -> None:
    held = socket.socket()  # ours, so that nobody else can come there; not listening yet
    held.bind(("127.0.0.1", 0))
    port = held.getsockname()[1]
    gateway = await start_gateway({"up": {"openai_url": f"http://127.0.0.1:{port}", "model": "m"}})
    for path in PATHS:
        for streamed in (True, False):
            status, text = await ask(gateway, path, streamed=streamed)
            assert status == 502
            message = json.loads(text)["error"]["message"]
            assert message == f"cannot reach 127.0.0.1:{port}: connection refused"
    upstream = ScriptedUpstream(whole)
    upstream._server = await asyncio.start_server(upstream._serve, sock=held)
    assert (await ask(gateway))[0] == 200
    await upstream.close()


async def test_a_connection_that_was_never_made_is_tried_once_more(
    start_gateway: StartGateway,
) -> None:
    """The TLS handshake breaks: nothing was sent, so nothing can be billed twice."""
    connections = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    gateway = await start_gateway({"up": {"openai_url": f"https://127.0.0.1:{port}", "model": "m"}})
    status, text = await ask(gateway)
    server.close()
    assert status == 502
    assert "cannot reach" in json.loads(text)["error"]["message"]
    assert connections == 2


async def test_a_name_that_nobody_has(start_gateway: StartGateway) -> None:
    gateway = await start_gateway({"up": {"openai_url": "https://nobody.invalid", "model": "m"}})
    status, text = await ask(gateway)
    assert status == 502
    message = json.loads(text)["error"]["message"]
    assert message.startswith("cannot reach nobody.invalid: ")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed_and_not_passed_on(start: Start, status: int) -> None:
    async def trap(visit: Visit) -> None:
        await visit.answer(b"{}")

    async def script(visit: Visit) -> None:
        await visit.answer(b"", status=status, extra=f"location: {elsewhere.url}/v1/steal\r\n")

    elsewhere = ScriptedUpstream(trap)
    await elsewhere.start()
    gateway, upstream = await start(script)
    async with gateway.post("/v1/messages", messages()) as response:
        assert response.status == 502
        assert "location" not in response.headers
        assert "redirect" in (await response.json())["error"]["message"]
    await elsewhere.close()
    assert not elsewhere.visits
    assert len(upstream.visits) == 1


async def test_what_the_provider_sees_of_the_client(start: Start) -> None:
    gateway, upstream = await start(whole, headers={"X-Title": "mine"})
    await ask(
        gateway,
        headers={
            "User-Agent": "claude-cli/2.1.330 (external, cli)",
            "anthropic-beta": "x",
            "anthropic-version": "2026-10-21",
            "Cookie": "session=1",
            "X-Forwarded-For": "10.0.0.1",
            "Authorization": f"Bearer {TOKEN}",
        },
    )
    (visit,) = upstream.visits
    assert visit.line == "POST /v1/chat/completions HTTP/1.1"
    assert visit.headers == {
        "host": f"127.0.0.1:{upstream.port}",
        "content-type": "application/json",
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "claude-cli/2.1.330 (external, cli)",
        "x-title": "mine",
        "authorization": f"Bearer {KEY}",
        "content-length": visit.headers["content-length"],
    }
    assert TOKEN.encode() not in visit.head + visit.body


async def test_a_client_without_a_name_travels_under_ours(start: Start) -> None:
    gateway, upstream = await start(whole)
    async with gateway.session.post(
        gateway.url + "/v1/messages",
        json=messages(),
        headers={"x-api-key": TOKEN},
        skip_auto_headers=["User-Agent"],
    ) as response:
        assert response.status == 200
    assert upstream.visits[0].headers["user-agent"] == f"gwproxy/{__version__}"


async def test_hostile_answer_headers_stop_here(start: Start) -> None:
    padding = "content-security-policy: " + "x" * 12_000 + "\r\n"
    evil = (
        "set-cookie: a=b\r\naccess-control-allow-origin: *\r\nalt-svc: h3=x\r\n"
        "refresh: 0;url=https://evil.example\r\nstrict-transport-security: max-age=1\r\n"
        "x-gwproxy-route: forged\r\nconnection: keep-alive, x-secret\r\nserver: nginx\r\n"
        "retry-after: 1\x0bx\r\nrequest-id: up-7\r\n"
    )

    async def script(visit: Visit) -> None:
        await visit.answer(chat_answer("hello"), extra=padding + evil)

    gateway, _ = await start(script)
    async with gateway.post("/v1/messages", messages()) as response:
        assert response.status == 200
        assert {name.lower() for name in response.headers} == {
            "content-type",
            "content-length",
            "date",
            "server",
            "request-id",
            "x-gwproxy-request-id",
            "x-gwproxy-route",
            "x-gwproxy-upstream-request-id",
        }
        assert response.headers["server"] == "gwproxy"
        assert response.headers["x-gwproxy-route"] == "up; chat; up-model"


async def test_a_cookie_of_the_provider_never_comes_back_to_it(start: Start) -> None:
    async def script(visit: Visit) -> None:
        await visit.answer(chat_answer("hello"), extra="set-cookie: session=1; path=/\r\n")

    gateway, upstream = await start(script)
    await ask(gateway)
    await ask(gateway)
    assert [visit.headers.get("cookie") for visit in upstream.visits] == [None, None]


@pytest.mark.parametrize("echo", [KEY, rf"\u{ord(KEY[0]):04x}{KEY[1:]}"], ids=["plain", "escaped"])
@pytest.mark.parametrize("pieces", [1, 1000], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("status", [200, 400])
async def test_a_provider_that_echoes_the_key_does_not_give_it_away(
    start: Start,
    status: int,
    streamed: bool,
    pieces: int,
    echo: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    error = json.dumps({"error": {"message": f"bad key {KEY}", "type": "x"}}).encode()
    answer, events = chat_answer(f"your key is {KEY}"), chat_stream(f"your key is {KEY}")

    async def script(visit: Visit) -> None:
        body = error if status == 400 else events if streamed else answer
        body = body.replace(KEY.encode(), echo.encode())
        kind = "text/event-stream" if body.startswith(b"data:") else "application/json"
        await visit.send(
            f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\nrequest-id: {KEY}\r\n"
            f"content-length: {len(body)}\r\n\r\n".encode()
        )
        size = -(-len(body) // pieces)
        for at in range(0, len(body), size):
            await visit.send(body[at : at + size])
            await asyncio.sleep(0)  # the gateway, in the same loop, reads it

    gateway, _ = await start(script)
    for path in PATHS:
        async with gateway.post(path, messages(stream=streamed) | {"input": "x"}) as response:
            text = await response.text() + str(response.headers)
        assert KEY not in text
        assert echo not in text
        assert MASK in text
    assert KEY not in caplog.text


async def test_the_key_is_asked_for_once_by_many(start: Start) -> None:
    gateway, upstream = await start(whole)
    await asyncio.gather(*(ask(gateway) for _ in range(25)))
    assert gateway.keys_asked == ["up"]
    assert len(upstream.visits) == 25


async def test_a_key_that_cannot_be_had_is_said_with_the_way_out(start: Start) -> None:
    gateway, upstream = await start(whole, gateway={"key": None})
    for path in PATHS:
        for streamed in (True, False):
            async with gateway.post(path, messages(stream=streamed) | {"input": "x"}) as response:
                assert response.status == 503
                assert response.headers["x-should-retry"] == "false"
                message = (await response.json())["error"]["message"]
                assert "there is no key for the profile up" in message
                assert "gwproxy profile key up" in message
    assert not upstream.visits


async def test_a_locked_keyring_is_asked_again_the_next_time(start: Start) -> None:
    answers: list[FoundKey | KeyringError] = [
        KeyringError("the keyring is locked", hint="unlock it"),
        FoundKey(Secret(KEY), Source("keyring")),
    ]

    def find(profile: Profile) -> FoundKey:
        answer = answers.pop(0)
        if isinstance(answer, KeyringError):
            raise answer
        return answer

    gateway, _ = await start(whole, gateway={"find_key": find})
    status, text = await ask(gateway)
    assert status == 503
    assert "the keyring is locked" in text
    assert (await ask(gateway))[0] == 200


async def test_an_upstream_without_a_key_is_sent_none(start: Start) -> None:
    gateway, upstream = await start(
        whole, gateway={"find_key": lambda profile: FoundKey(None, Source("none"))}
    )
    assert (await ask(gateway))[0] == 200
    assert "authorization" not in upstream.visits[0].headers


def packed(encoding: str, data: bytes) -> bytes:
    return gzip.compress(data) if encoding == "gzip" else zlib.compress(data)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("path", PATHS)
async def test_answers_that_are_packed_all_the_same(
    start: Start, path: str, streamed: bool, encoding: str
) -> None:
    async def script(visit: Visit) -> None:
        body = chat_stream("Hello") if streamed else chat_answer("Hello")
        kind = "text/event-stream" if streamed else "application/json"
        extra = f"content-encoding: {encoding}\r\n"
        await visit.answer(packed(encoding, body), content_type=kind, extra=extra)

    gateway, _ = await start(script)
    async with gateway.post(path, messages(stream=streamed) | {"input": "x"}) as response:
        assert response.status == 200
        assert "content-encoding" not in response.headers
        assert "Hello" in await response.text()


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
async def test_a_packed_bomb_costs_no_memory(start: Start, streamed: bool) -> None:
    bomb = b'{"a":"' + bytes(120_000_000)

    packer = zlib.compressobj(1, wbits=31)
    body = packer.compress(bomb) + packer.flush()
    del bomb

    async def script(visit: Visit) -> None:
        with pytest.raises(ConnectionError):
            await visit.answer(body, extra="content-encoding: gzip\r\n")
            await visit.wait_until_gone()
            raise ConnectionError

    gateway, _ = await start(script)
    tracemalloc.start()
    try:
        status, _ = await ask(gateway, streamed=streamed)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert status == 502
    assert peak < 100_000_000


HOSTILE_ANSWERS = {
    "deep": b'{"choices":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "digits": b'{"choices":[{"index":' + b"9" * 5000 + b"}]}",
    "nan": b'{"usage":NaN}',
    "bad utf-8": b'{"id":"\xff\xfe"}',
    "array": b"[1,2,3]",
    "number": b"17",
    "null": b"null",
    "wrong types": b'{"id":7,"choices":{"a":1},"usage":[]}',
    "choices of wrong types": b'{"choices":[7]}',
    "cut": b'{"choices":[{"message":{"content":"x',
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", HOSTILE_ANSWERS)
async def test_hostile_answers_are_a_502(
    start: Start, name: str, streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(visit: Visit) -> None:
        await visit.answer(HOSTILE_ANSWERS[name])

    gateway, _ = await start(script)
    for path in PATHS:
        status, text = await ask(gateway, path, streamed=streamed)
        assert status == 502, (path, text)
        assert json.loads(text)["error"]["message"]
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("name", HOSTILE_ANSWERS)
async def test_hostile_events_are_an_error(
    start: Start, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(b"data: " + HOSTILE_ANSWERS[name] + b"\n\n")
        await visit.end_stream()

    gateway, _ = await start(script)
    for path in ("/v1/messages", "/v1/responses"):
        status, text = await ask(gateway, path, streamed=True)
        assert status == 502 or (status == 200 and '"error":' in text), text
        assert not [word for word in ("message_stop", "response.completed") if word in text]
    assert "Traceback" not in caplog.text


@pytest.fixture
async def self_signed(tmp_path: Path) -> AsyncIterator[int]:
    """The port of a TLS server whose certificate nobody trusts; it fails when it is asked."""
    pytest.importorskip("cryptography")
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(make_certificate())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(65536))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield int(server.sockets[0].getsockname()[1])
    server.close()
    assert not any(seen), "the request was sent over a connection that could not be trusted"


def make_certificate() -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


async def test_a_bad_certificate_is_named_and_nothing_is_sent(
    start_gateway: StartGateway, self_signed: int
) -> None:
    url = f"https://127.0.0.1:{self_signed}"
    gateway = await start_gateway({"up": {"openai_url": url, "model": "m"}})
    for streamed in (True, False):
        async with gateway.post("/v1/messages", messages(stream=streamed)) as response:
            assert response.status == 502
            assert response.headers["x-should-retry"] == "false"
            message = (await response.json())["error"]["message"]
            assert "certificate" in message
            assert "self" in message


async def test_a_plain_server_behind_https_is_said(
    start: Start, start_gateway: StartGateway
) -> None:
    plain, _ = await start(whole)
    url = f"https://127.0.0.1:{plain.server.port}"
    gateway = await start_gateway({"up": {"openai_url": url, "model": "m"}})
    status, text = await ask(gateway)
    assert status == 502
    assert "TLS" in json.loads(text)["error"]["message"]


async def test_environment_proxies_are_not_for_this_machine(
    start_gateway: StartGateway, start_scripted: StartScripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_me(visit: Visit) -> None:
        await visit.answer(b"{}", status=500)

    proxy = await start_scripted(not_me)
    upstream = await start_scripted(whole)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    gateway = await start_gateway({"up": {"openai_url": upstream.url, "model": "m"}})
    assert (await ask(gateway))[0] == 200
    assert not proxy.visits


async def test_environment_proxies_serve_the_rest(
    start_gateway: StartGateway, start_scripted: StartScripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(visit: Visit) -> None:
        await visit.answer(b"", status=407)

    proxy = await start_scripted(refuse)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    gateway = await start_gateway({"up": {"openai_url": "https://far.example", "model": "m"}})
    status, text = await ask(gateway)
    assert status == 502
    assert "the proxy refused (407)" in text
    assert proxy.visits[0].line == "CONNECT far.example:443 HTTP/1.1"
    assert KEY not in proxy.visits[0].head.decode()


@pytest.mark.parametrize(
    ("proxy", "why"),
    [
        ("socks5://me:s3cret@proxy.example:1080", "socks5:// is not spoken here"),
        ("http://me:s3cret@[::1", "it is no address"),
        ("http://me:s3cret@proxy.example:99999", "it is no address"),
        ("://me:s3cret", "it is no address"),
    ],
)
async def test_a_proxy_that_cannot_be_used_is_told_without_its_password(
    start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch, proxy: str, why: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    gateway = await start_gateway({"up": {"openai_url": "https://far.example", "model": "m"}})
    status, text = await ask(gateway)
    assert status == 503
    assert why in text
    assert "HTTPS_PROXY" in text
    assert "s3cret" not in text


@pytest.mark.parametrize("status", [0, 99, 600, 999])
async def test_a_status_that_is_none_is_a_broken_answer(start: Start, status: int) -> None:
    async def odd(visit: Visit) -> None:
        visit.writer.write(b"HTTP/1.1 %03d X\r\ncontent-length: 2\r\n\r\n{}" % status)
        await visit.writer.drain()

    gateway, _ = await start(odd)
    found, text = await ask(gateway)
    assert found == 502
    assert "127.0.0.1" in text


async def test_a_chat_request_relayed_word_for_word(start: Start) -> None:
    gateway, upstream = await start(whole)
    body = b'{ "stream" : false , "model":"m",\n "messages":[],"n": 1.10, "x":{"model":"m"} }'
    async with gateway.post("/v1/chat/completions", body) as response:
        assert response.status == 200
        assert await response.read() == chat_answer("hello").replace(b"up-model", b"m")
    assert upstream.visits[0].body == body.replace(b'"model":"m",\n', b'"model":"up-model",\n')

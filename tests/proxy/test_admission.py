"""Who gets in, over real sockets: rebinding, web pages, tokens, smuggling, slow heads."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace

import pytest

from gwproxy.proxy.inbound.endpoints import GENERATING, OPEN, Endpoint
from support.gateway import KEY, QUICK, TOKEN, StartGateway, TestGateway, chat, messages
from support.raw import connected, said
from support.scripted import ScriptedUpstream

UPSTREAM_PATHS = ("/v1/messages", "/v1/chat/completions", "/v1/responses")


def request(
    path: str = "/v1/chat/completions",
    *,
    host: str | None = "127.0.0.1",
    extra: str = "",
    body: bytes | None = None,
    method: str = "POST",
    token: bool = True,
) -> bytes:
    body = json.dumps(chat()).encode() if body is None else body
    head = f"{method} {path} HTTP/1.1\r\n"
    if host is not None:
        head += f"Host: {host}\r\n"
    if token:
        head += f"Authorization: Bearer {TOKEN}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n{extra}\r\n".encode("latin-1") + body


async def answered(gateway: TestGateway, data: bytes) -> tuple[int, dict[str, str], bytes]:
    async with connected(gateway.server.port) as client:
        await client.send(data)
        answer = await client.answer()
        return answer.status, answer.headers, answer.body


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
@pytest.mark.parametrize("with_port", [True, False])
async def test_own_names_are_served(gateway: TestGateway, host: str, with_port: bool) -> None:
    name = f"{host}:{gateway.server.port}" if with_port else host
    status, _, body = await answered(gateway, request(host=name))
    assert status == 200, body


@pytest.mark.parametrize(
    "host", ["evil.example", "", ":80", "127.0.0.1.evil.example", "192.168.0.2", "localhost:1"]
)
@pytest.mark.parametrize("path", [*UPSTREAM_PATHS, "/v1/models", "/healthz", "/", "/nowhere"])
async def test_a_rebound_name_gets_nothing_even_with_the_token(
    gateway: TestGateway, upstream: ScriptedUpstream, host: str, path: str
) -> None:
    status, headers, body = await answered(gateway, request(path, host=host))
    assert status == 403
    assert "error" in json.loads(body)
    assert not [name for name in headers if name.startswith("access-control-")]
    assert not upstream.visits


async def test_no_host_and_two_hosts_and_an_absolute_target(
    gateway: TestGateway, upstream: ScriptedUpstream
) -> None:
    port = gateway.server.port
    for data in (
        request(host=None),
        request(host="localhost", extra="Host: evil.example\r\n"),
        request(host="localhost", extra="host: localhost\r\n"),
        request("http://evil.example/v1/chat/completions", host="evil.example"),
        request(f"http://127.0.0.1:{port}/v1/chat/completions", host="127.0.0.1"),
        request("evil.example:443", method="CONNECT", host="evil.example"),
        request("*", method="OPTIONS"),
    ):
        status, _, body = await answered(gateway, data)
        assert 400 <= status < 500, data
        assert "error" in json.loads(body)
    assert not upstream.visits


@pytest.mark.parametrize(
    "header",
    [
        "Origin: https://evil.example",
        "Origin: null",
        "Origin: http://127.0.0.1:4979",
        "Origin: http://localhost",
        "Origin: chrome-extension://abc",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/healthz"])
async def test_web_pages_are_refused(
    gateway: TestGateway, upstream: ScriptedUpstream, header: str, path: str
) -> None:
    for method, extra in (
        ("POST", ""),
        ("POST", "Content-Type: text/plain\r\n"),
        ("OPTIONS", "Access-Control-Request-Method: POST\r\n"),
    ):
        data = request(path, method=method, extra=f"{header}\r\n{extra}")
        status, headers, _ = await answered(gateway, data)
        assert status == 403
        assert not [name for name in headers if name.startswith("access-control-")]
    assert not upstream.visits


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": f"Bearer {KEY}"},
        {"x-api-key": ""},
        {"Cookie": f"token={TOKEN}; x-api-key={TOKEN}"},
        {"x-goog-api-key": TOKEN},
    ],
)
@pytest.mark.parametrize("prefix", ["", "/v1", "/profiles/up/v1", "/profiles/nobody/v1"])
async def test_without_the_token_nothing_is_given_away(
    gateway: TestGateway, upstream: ScriptedUpstream, headers: dict[str, str], prefix: str
) -> None:
    unguarded = {*OPEN, Endpoint.NOT_OFFERED, Endpoint.ANSWER}
    if not prefix:
        unguarded.add(Endpoint.UI)  # without /v1 that is the inspector, which has its own guard
    guarded = [endpoint.value for endpoint in Endpoint if endpoint not in unguarded]
    for path in (*GENERATING, *guarded, "/models/up-model", "/messages/batches", "/nowhere"):
        url = f"{gateway.url}{prefix}{path}"
        async with gateway.session.post(url, json=messages(), headers=headers) as response:
            text = await response.text()
            assert response.status == 401, path
            assert response.headers["x-should-retry"] == "false"
            assert "up-model" not in text
            assert "error" in json.loads(text)
    assert not upstream.visits


@pytest.mark.parametrize("query", [f"?token={TOKEN}", f"?api_key={TOKEN}", f"?key={TOKEN}"])
async def test_a_token_in_the_url_opens_nothing_and_is_not_logged(
    gateway: TestGateway, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    url = f"{gateway.url}/v1/chat/completions{query}"
    async with gateway.session.post(url, json=chat()) as response:
        assert response.status == 401
    assert caplog.records
    assert TOKEN not in caplog.text


async def test_refusals_speak_the_callers_dialect(gateway: TestGateway) -> None:
    async def refused(path: str, headers: dict[str, str]) -> dict[str, object]:
        async with gateway.session.post(gateway.url + path, headers=headers) as response:
            value = await response.json()
            assert isinstance(value, dict)
            return value

    assert (await refused("/v1/messages", {}))["type"] == "error"
    assert "type" not in await refused("/v1/chat/completions", {"anthropic-version": "x"})
    assert (await refused("/nowhere", {"anthropic-version": "2023-06-01"}))["type"] == "error"
    assert "type" not in await refused("/nowhere", {})


async def test_signs_of_life_do_not_fill_the_log(
    gateway: TestGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "gwproxy")
    for path in ("/healthz", "/", "/v1/models"):
        async with gateway.get(path) as answer:
            assert answer.status == 200
    assert ["/v1/models" in line for line in caplog.messages] == [True]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "path", ["/healthz", "/", "/api/hello", "/profiles/nobody/api/hello", "/v1/api/hello"]
)
async def test_probes_need_no_token(gateway: TestGateway, method: str, path: str) -> None:
    async with gateway.session.request(method, gateway.url + path) as response:
        assert response.status == 200
        body = await response.read()
    if method == "HEAD" or path.endswith("hello"):
        assert body == b""
    else:
        assert set(json.loads(body)) == {"name", "status", "version"}


WELL_FRAMED = ["Transfer-Encoding: chunked\r\n", "Transfer-Encoding:\tchunked\r\n"]
AMBIGUOUS = [
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "Transfer-Encoding: identity\r\n",
    "Transfer-Encoding: chunked, identity\r\n",
    "Transfer-Encoding: xchunked\r\n",
    "Transfer-Encoding : chunked\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "Transfer_Encoding: chunked\r\nContent-Length: 0\r\n",
    "Content-Length: 0\r\nContent-Length: 44\r\n",
    "Content-Length: 0, 44\r\n",
    "Content-Length: +44\r\n",
    "Content-Length: -1\r\n",
    "Content-Length: 0x2c\r\n",
    "Content-Length: 4_4\r\n",
    "Content-Length:\r\n",
    " Content-Length: 44\r\n",
    "X: a\r\n Content-Length: 44\r\n",
    "X: a\x00b\r\n",
    "X: a\rContent-Length: 44\r\n",
    "X: a\nContent-Length: 44\r\n",
    "X y: a\r\n",
]


async def said_to_two(gateway: TestGateway, framing: str) -> list[int]:
    """The statuses of all answers to a request, the end of a body in chunks, and another request.

    What comes last is no request at all, so that the gateway closes whatever it made of the rest.
    """
    outer = f"POST /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n{framing}\r\n".encode("latin-1")
    hidden = request(body=json.dumps(chat("HIDDEN")).encode())
    async with connected(gateway.server.port) as client:
        await client.send(outer + b"0\r\n\r\n" + hidden)
        statuses = [(await client.answer()).status]
        while True:
            with contextlib.suppress(ConnectionError):
                await client.send(b"no request\r\n\r\n")
            try:
                statuses.append((await client.answer()).status)
            except (asyncio.IncompleteReadError, ConnectionError):
                return statuses


@pytest.mark.parametrize("framing", AMBIGUOUS, ids=range(len(AMBIGUOUS)))
async def test_a_request_hidden_in_another_never_runs(
    gateway: TestGateway, upstream: ScriptedUpstream, framing: str
) -> None:
    assert 200 not in await said_to_two(gateway, framing)
    assert not upstream.visits


@pytest.mark.parametrize("framing", WELL_FRAMED, ids=range(len(WELL_FRAMED)))
async def test_requests_that_follow_each_other_properly_both_run(
    gateway: TestGateway, upstream: ScriptedUpstream, framing: str
) -> None:
    assert 200 in await said_to_two(gateway, framing)
    assert b"HIDDEN" in (await upstream.visit()).body


async def test_what_is_not_http_gets_json_and_an_end(gateway: TestGateway) -> None:
    for data in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # a TLS ClientHello
        b"HELO gateway\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nbroken header\r\n\r\n",
    ):
        text = await said(gateway.server.port, data)
        head, _, body = text.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 400"), data
        assert b"content-type: application/json" in head.lower()
        assert json.loads(body)["error"]["message"].startswith("gwproxy: this is not HTTP")


async def test_large_heads_of_real_clients_pass(gateway: TestGateway) -> None:
    headers = {"anthropic-beta": ",".join(f"beta-{n}" for n in range(2000))}
    headers |= {f"x-claude-{n}": "v" for n in range(150)}
    async with gateway.post("/v1/messages", messages(), headers=headers) as response:
        assert response.status == 200
    monstrous = {"x-padding": "x" * 100_000}
    async with gateway.post("/v1/messages", messages(), headers=monstrous) as response:
        assert response.status == 400
        assert "error" in await response.json()


async def test_dripping_heads_are_reaped_and_others_served(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    gateway = await start_gateway(
        {"up": {"openai_url": upstream.url, "model": "m"}}, limits=replace(QUICK, head_s=0.3)
    )
    async with asyncio.TaskGroup() as group:
        drips = [group.create_task(drip(gateway.server.port)) for _ in range(50)]
        async with gateway.post("/v1/chat/completions", chat()) as response:
            assert response.status == 200
    assert all(drop.result() for drop in drips)


async def drip(port: int) -> bool:
    """Send a head byte by byte; whether the gateway closed the connection before its end."""
    async with connected(port) as client:
        closed = asyncio.create_task(client.closed())
        for byte in b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n" * 1000:
            if closed.done():
                return closed.result()
            try:
                await client.send(bytes([byte]))
            except ConnectionError:
                return await closed
            await asyncio.wait([closed], timeout=0.02)
    return False


async def test_an_idle_connection_may_wait_for_its_next_request(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    gateway = await start_gateway(
        {"up": {"openai_url": upstream.url, "model": "m"}}, limits=replace(QUICK, head_s=0.1)
    )
    async with connected(gateway.server.port) as client:
        for _ in range(2):
            await client.send(request())
            assert (await client.answer()).status == 200
            await asyncio.sleep(0.3)  # longer than a head may take; nothing was begun


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/messages", "POST"),
        ("OPTIONS", "/v1/chat/completions", "POST"),
        ("POST", "/v1/models", "GET, HEAD"),
        ("PUT", "/v1/responses/resp_1", "GET, DELETE"),
    ],
)
async def test_a_wrong_method_is_told_the_right_one(
    gateway: TestGateway, method: str, path: str, allowed: str
) -> None:
    async with gateway.get(path, method=method) as response:
        assert (response.status, response.headers["allow"]) == (405, allowed)


_UPGRADE = "Connection: Upgrade\r\nUpgrade: {}\r\n"


@pytest.mark.parametrize("offer", ["websocket", "WebSocket", "h2c, websocket"])
async def test_whoever_wants_a_websocket_is_sent_back_to_http_at_once(
    gateway: TestGateway, upstream: ScriptedUpstream, offer: str
) -> None:
    dial = _UPGRADE.format(offer)
    async with connected(gateway.server.port) as client:
        await client.send(request("/v1/responses", method="GET", extra=dial, body=b""))
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (426, "upgrade")
        assert answer.headers["upgrade"]
        assert b"HTTP POST" in answer.body
        await client.send(request("/healthz", method="GET", body=b""))
        assert (await client.answer()).status == 200
    status, _, _ = await answered(
        gateway,
        request("/v1/responses", method="GET", extra=f"{dial}Origin: https://evil.example\r\n"),
    )
    assert status == 403
    assert not upstream.visits


@pytest.mark.parametrize("offer", ["h2c", "TLS/1.0", "websocket"])
async def test_an_offer_to_upgrade_does_not_keep_a_question_from_its_answer(
    gateway: TestGateway, upstream: ScriptedUpstream, offer: str
) -> None:
    extra = _UPGRADE.format(offer)
    status, _, _ = await answered(gateway, request("/v1/chat/completions", extra=extra))
    assert (status, len(upstream.visits)) == (200, 1)


async def test_many_routes_without_a_version_or_with_two(
    gateway: TestGateway, upstream: ScriptedUpstream
) -> None:
    paths = [
        f"{profile}{version}{path}"
        for profile in ("", "/profiles/up")
        for version in ("", "/v1", "/v1/v1")
        for path in ("/chat/completions", "/messages", "/messages?beta=true")
    ]
    for count, path in enumerate(paths, 1):
        body = messages() if "messages" in path else chat()
        async with gateway.post(path, body) as response:
            assert response.status == 200, path
        assert len(upstream.visits) == count
        assert upstream.visits[-1].line == "POST /v1/chat/completions HTTP/1.1"

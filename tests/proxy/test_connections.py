"""Connections to upstreams in the running gateway: whose they are, and what stays of them."""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from gwproxy.profiles.record import make_profile
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.upstream import pool
from gwproxy.proxy.upstream.client import Upstream
from gwproxy.proxy.upstream.request import UpstreamRequest
from gwproxy.proxy.upstream.surroundings import Surroundings, way_to
from support.gateway import QUICK, StartGateway, TestGateway, chat
from support.scripted import StartScripted, Visit, chat_answer, chat_stream

PATH = "/v1/chat/completions"


@pytest.fixture
async def client() -> AsyncIterator[Upstream]:
    client = Upstream(QUICK)
    yield client
    await client.close()


async def answer(visit: Visit, text: str, *, streamed: bool, more: bytes = b"") -> None:
    """A complete answer in one packet, and `more` behind it."""
    body, kind, framed = chat_answer(text), "application/json", b""
    if streamed:
        body, kind = chat_stream(text), "text/event-stream"
        framed = b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    framed = framed or b"content-length: %d\r\n\r\n%b" % (len(body), body)
    await visit.send(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n".encode() + framed + more)


def surplus() -> bytes:
    body = chat_answer("SURPLUS")
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


async def ask(gateway: TestGateway, *, streamed: bool = False) -> str:
    async with gateway.post(PATH, chat(stream=streamed)) as response:
        return await response.text()


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("when", ["with it", "later"])
async def test_what_is_said_beyond_an_answer_answers_nobody(
    start_gateway: StartGateway, start_scripted: StartScripted, when: str, streamed: bool
) -> None:
    async def script(visit: Visit) -> None:
        if visit is not upstream.visits[0]:
            await answer(visit, "own", streamed=False)
            return
        together = when == "with it"
        await answer(visit, "first", streamed=streamed, more=surplus() if together else b"")
        if not together:
            await visit.go_on.wait()
            await visit.send(surplus())
        await visit.wait_until_gone()

    upstream = await start_scripted(script)
    gateway = await start_gateway({"up": {"openai_url": upstream.url, "model": "up-model"}})
    assert "first" in await ask(gateway, streamed=streamed)
    upstream.visits[0].go_on.set()
    async with asyncio.timeout(10):
        await upstream.visits[0].gone.wait()
    text = await ask(gateway)
    assert json.loads(text)["choices"][0]["message"]["content"] == "own"
    assert len(upstream.visits) == 2


@pytest.mark.parametrize(
    "owners", [(("a", "key-1"), ("b", "key-1")), (("a", "key-1"), ("a", "key-2"))]
)
async def test_connections_are_used_again_by_their_own_profile_and_key(
    start_scripted: StartScripted, client: Upstream, owners: tuple[tuple[str, str], ...]
) -> None:
    async def script(visit: Visit) -> None:
        await answer(visit, "hello", streamed=False)

    upstream = await start_scripted(script)
    for name, key in owners * 3:
        profile = make_profile(name, {"openai_url": upstream.url, "model": "m"})
        marks = {"x-profile": name, "x-key": key}
        got = await client.send(
            UpstreamRequest(profile, upstream.url + PATH, marks, b"{}", {}, key, False)
        )
        assert b"hello" in await got.read_whole(1 << 20)
        got.close()
    users = {(v.connection, v.headers["x-profile"], v.headers["x-key"]) for v in upstream.visits}
    assert len(users) == upstream.connections == 2


def readers() -> int:
    gc.collect()
    return sum(isinstance(it, aiohttp.StreamReader) for it in gc.get_objects())


@pytest.mark.parametrize("how", ["answered", "reset", "client left"])
async def test_nothing_stays_of_a_streamed_answer(
    start_gateway: StartGateway, start_scripted: StartScripted, how: str
) -> None:
    async def script(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(chat_stream("hello")[:-20])
        if how == "client left":
            await visit.wait_until_gone()
            return
        await visit.go_on.wait()
        if how == "reset":
            visit.reset()
            return
        await visit.chunk(chat_stream("hello")[-20:])
        await visit.end_stream()
        visit.close()

    async def once(number: int) -> None:
        async with gateway.post(PATH, chat(stream=True)) as response:
            await response.content.readany()
            visit = await upstream.visit(number)
            if how == "client left":
                response.close()
                await asyncio.wait_for(visit.gone.wait(), 10)
                return
            visit.go_on.set()
            await response.read()

    upstream = await start_scripted(script)
    gateway = await start_gateway({"up": {"openai_url": upstream.url, "model": "up-model"}})
    await once(1)
    before = readers()
    for number in range(2, 22):
        await once(number)
    async with asyncio.timeout(10):
        while readers() > before + 4:  # noqa: ASYNC110 -- the last are still on their way out
            await asyncio.sleep(0.05)


# --- connections that are dead but young ---------------------------------------------------------


async def asked(client: Upstream, url: str, body: bytes = b"{}") -> bytes:
    profile = make_profile("up", {"openai_url": url, "model": "m"})
    got = await client.send(UpstreamRequest(profile, url + PATH, {}, body, {}, "key", False))
    try:
        return await got.read_whole(1 << 20)
    finally:
        got.close()


async def hello(visit: Visit) -> None:
    await answer(visit, "hello", streamed=False)


def die(visit: Visit, how: str) -> None:
    """End the connection at once, in the kernel, before any event loop hears of it."""
    raw = visit.writer.get_extra_info("socket")
    if how == "408":
        raw._sock.send(b"HTTP/1.1 408 X\r\ncontent-length: 0\r\n\r\n")
    elif how == "FIN":
        raw.shutdown(socket.SHUT_WR)
    else:
        visit.reset()
        raw._sock.close()  # asyncio does it in its next turn


@pytest.mark.parametrize("size", [2, 3 << 20], ids=["small", "large"])
@pytest.mark.parametrize("how", ["FIN", "RST", "408"])
@pytest.mark.parametrize("when", ["before the pool chooses", "before the head is written"])
async def test_a_connection_that_just_died_costs_nobody_a_request(
    start_scripted: StartScripted,
    client: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
    how: str,
    size: int,
) -> None:
    upstream = await start_scripted(hello)
    owner: object = client._session.connector
    name = "_get"
    if when == "before the head is written":
        owner, name = pool._Connection, "set_response_params"
    original = getattr(owner, name)
    body = b" " * size
    assert b"hello" in await asked(client, upstream.url, body)

    def too_late(*args: Any, **named: Any) -> Any:
        if len(upstream.visits) == upstream.connections == 1:
            die(upstream.visits[0], how)
            monkeypatch.setattr(owner, name, original)
        return original(*args, **named)

    monkeypatch.setattr(owner, name, too_late)
    assert b"hello" in await asked(client, upstream.url, body)
    assert [visit.connection for visit in upstream.visits] == [1, 2]
    assert b"hello" in await asked(client, upstream.url, body)
    assert upstream.connections == 2


async def test_what_was_never_sent_is_asked_once_more_and_then_told(
    start_scripted: StartScripted, client: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream = await start_scripted(hello)
    tries = 0

    def lost(connection: object) -> bool:
        nonlocal tries
        tries += 1
        return False

    monkeypatch.setattr(pool._Connection, "is_connected", lost)
    with pytest.raises(Failed, match="closed the connection") as caught:
        await asked(client, upstream.url)
    assert caught.value.nothing_sent  # another profile may have it
    assert (tries, upstream.visits) == (2, [])


async def test_what_may_have_arrived_is_never_sent_again(
    start_scripted: StartScripted, client: Upstream
) -> None:
    async def script(visit: Visit) -> None:
        if len(upstream.visits) > 1:
            visit.reset()
            return
        await hello(visit)

    upstream = await start_scripted(script)
    await asked(client, upstream.url)
    with pytest.raises(Failed) as caught:
        await asked(client, upstream.url)
    assert not caught.value.nothing_sent
    assert len(upstream.visits) == 2


class Machine:
    """A machine that can be sent to sleep and moved to another network."""

    def __init__(self) -> None:
        self.awake_s = 0.0
        self.slept_s = 0.0
        self.way: str | None = "10.0.0.1"

    def surroundings(self) -> Surroundings:
        return Surroundings(
            lambda: 1_800_000_000 + self.awake_s + self.slept_s,
            lambda: self.awake_s,
            lambda peer: self.way,
        )


@pytest.mark.parametrize(
    ("slept_s", "way", "new"),
    [
        (0, "10.0.0.1", False),
        (1, "10.0.0.1", False),  # clocks are set right now and then
        (3600, "10.0.0.1", True),
        (-3600, "10.0.0.1", True),
        (0, "10.8.0.2", True),  # a VPN
        (0, "", True),  # no network: the connecting says so, and nothing was sent
        (0, None, False),  # nobody knows
    ],
)
async def test_after_a_sleep_or_on_another_way_a_connection_is_a_new_one(
    start_scripted: StartScripted, slept_s: float, way: str | None, new: bool
) -> None:
    upstream = await start_scripted(hello)
    machine = Machine()
    client = Upstream(QUICK, machine.surroundings())
    for _ in range(2):
        await asked(client, upstream.url)
    assert upstream.connections == 1
    machine.slept_s, machine.way = slept_s, way
    machine.awake_s += 5
    for _ in range(2):
        await asked(client, upstream.url)
    assert upstream.connections == (2 if new else 1)
    await client.close()


@pytest.mark.parametrize(
    ("said", "idle_s", "new"),
    [
        ("timeout=5", 3.9, False),
        ("timeout=5", 4.1, True),  # by the time that the request is there it may be too late
        ("max=100, Timeout = 5", 4.1, True),
        ("timeout=1", 0.5, True),
        ("max=100", 10, False),
        ("timeout=soon", 10, False),
    ],
)
async def test_a_connection_is_given_up_before_its_host_does(
    start_scripted: StartScripted, said: str, idle_s: float, new: bool
) -> None:
    async def script(visit: Visit) -> None:
        await visit.answer(chat_answer("hello"), extra=f"Keep-Alive: {said}\r\n")

    upstream = await start_scripted(script)
    machine = Machine()
    client = Upstream(QUICK, machine.surroundings())
    await asked(client, upstream.url)
    machine.awake_s += idle_s
    await asked(client, upstream.url)
    assert upstream.connections == (2 if new else 1)
    await client.close()


async def test_every_connection_from_before_the_sleep_goes(start_scripted: StartScripted) -> None:
    async def together(visit: Visit) -> None:
        await upstream.visit(3 if len(upstream.visits) <= 3 else 6)
        await hello(visit)

    upstream = await start_scripted(together)
    machine = Machine()
    client = Upstream(QUICK, machine.surroundings())
    await asyncio.gather(*(asked(client, upstream.url) for _ in range(3)))
    machine.slept_s = 60
    await asyncio.gather(*(asked(client, upstream.url) for _ in range(3)))
    assert [visit.connection for visit in upstream.visits] == [1, 2, 3, 4, 5, 6]
    await client.close()


def test_the_way_to_an_address_is_known_without_sending() -> None:
    assert way_to(("127.0.0.1", 9)) == "127.0.0.1"
    assert way_to("/run/a.socket") is None
    assert way_to(("not an address", 9)) == ""


def test_out_of_descriptors_a_connection_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*how: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(socket, "socket", none_left)
    assert way_to(("127.0.0.1", 9)) is None

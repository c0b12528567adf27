"""Connections to upstreams in the running gateway: whose they are, and what stays of them."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from gwproxy.profiles.record import make_profile
from gwproxy.proxy.upstream import Call, Upstream
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
        got = await client.send(Call(profile, upstream.url + PATH, marks, b"{}", {}, key, False))
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

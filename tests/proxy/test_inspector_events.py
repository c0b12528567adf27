"""The event stream of the inspector's page: what it tells, to whom, and for how long."""

from __future__ import annotations

import asyncio

import pytest

from gwproxy.profiles.secret import Secret
from gwproxy.proxy import feed
from gwproxy.proxy.inspector.files import HEADERS
from gwproxy.proxy.queries import exchanges
from gwproxy.proxy.record import ExchangeRecord
from support.gateway import KEY, TOKEN, Start, TestGateway, chat, messages
from support.inspector import Page, events
from support.scripted import Visit, stream


@pytest.fixture
async def inside(gateway: TestGateway) -> Page:
    return await Page.let_in(gateway)


async def test_a_page_sees_an_exchange_while_it_runs(start: Start) -> None:
    async def script(visit: Visit) -> None:
        await visit.go_on.wait()
        await stream(visit)

    gateway, upstream = await start(script)
    page = await Page.let_in(gateway)
    async with asyncio.timeout(20), page.follow() as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert {name: response.headers[name] for name in HEADERS} == HEADERS
        seen = events(response)
        name, told = await anext(seen)
        assert (name, told["running"]) == ("state", 0)
        asking = asyncio.ensure_future(ask(gateway, upstream.url))
        while name != "exchange" or told["phase"] != "waiting":
            name, told = await anext(seen)
        (await upstream.visit()).go_on.set()
        while told.get("state") != "done":
            name, told = await anext(seen)
        await asking
        one = await page.get(f"/ui/api/exchanges/{told['request_id']}")
        assert one.json["exchange"] == told
        while name != "state":
            name, told = await anext(seen)


async def ask(gateway: TestGateway, text: str) -> None:
    async with gateway.post("/v1/messages", messages(text, stream=True)) as response:
        await response.read()


async def test_no_key_and_no_token_is_in_an_event(start: Start) -> None:
    async def script(visit: Visit) -> None:
        await visit.answer(f'{{"error": {{"message": "{KEY} {TOKEN}"}}}}'.encode(), status=400)

    gateway, _ = await start(script)
    page = await Page.let_in(gateway)
    async with asyncio.timeout(20), page.follow() as response:
        heard = b""
        odd = {"user-agent": f"tool-{TOKEN}", "x-session-id": KEY}
        body = {**chat("hi"), "model": f"up/{TOKEN}"}
        async with gateway.post("/v1/chat/completions", body, headers=odd) as answer:
            assert answer.status == 400
        while b'"state":"failed"' not in heard:
            heard += await response.content.readany()
    assert b"[masked]" in heard
    assert KEY.encode() not in heard and TOKEN.encode() not in heard


async def test_whose_secret_is_one_no_more_is_dropped(
    inside: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = inside.gateway
    async with asyncio.timeout(20), inside.follow() as response:
        seen = events(response)
        await anext(seen)
        monkeypatch.setattr(
            gateway.server.gateway._token, "_value", Secret("its-successor-0123456")
        )
        gateway.server.gateway._services.feed.began(
            record := ExchangeRecord("req_1", is_exchange=True)
        )
        gateway.server.gateway._services.feed.changed(record)
        assert [name async for name, _ in seen] == ["dropped"]
    async with inside.follow() as response:
        assert response.status == 401


async def test_a_page_that_looks_is_in_use(inside: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing happens for a day, and it is still let in."""
    monkeypatch.setattr(exchanges, "_SIGN_OF_LIFE_S", 0.05)
    grants = inside.gateway.server.gateway._inspector.grants
    now_s = grants._clock()
    async with asyncio.timeout(20), inside.follow() as response:
        for hours in (0, 8, 16, 24):
            monkeypatch.setattr(grants, "_clock", lambda passed=hours: now_s + passed * 3600)
            for _ in range(2):  # one may have been on its way
                while await response.content.readline() != b":\n":
                    pass
    assert (await inside.get("/ui/api/profiles")).status == 200


async def test_a_slow_page_is_dropped(inside: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_MOST_PENDING", 10)
    told = inside.gateway.server.gateway._services.feed
    async with asyncio.timeout(20), inside.follow() as response:
        seen = events(response)
        await anext(seen)
        for number in range(11):
            told.changed(ExchangeRecord(f"req_{number}", is_exchange=True))
        assert [name async for name, _ in seen][-1] == "dropped"


async def test_an_open_page_does_not_keep_the_gateway_from_stopping(
    inside: Page, caplog: pytest.LogCaptureFixture
) -> None:
    async with asyncio.timeout(20), inside.follow() as response:
        seen = events(response)
        await anext(seen)
        await inside.gateway.server.gateway.drain(15.0)
        assert [name async for name, _ in seen] == ["dropped"]
    assert "did not end in time" not in caplog.text


async def test_a_page_that_goes_is_watched_for_no_longer(inside: Page) -> None:
    told = inside.gateway.server.gateway._services.feed
    async with inside.follow() as response:
        await anext(events(response))
        assert len(told._watchers) == 1
        response.close()
    async with asyncio.timeout(20):
        while told._watchers:  # noqa: ASYNC110 -- nobody tells of it
            await asyncio.sleep(0.01)


async def test_only_so_many_pages_follow_at_a_time(inside: Page) -> None:
    async with asyncio.timeout(20), inside.follow() as first:
        seen = events(first)
        await anext(seen)
        others = [await inside.follow() for _ in range(feed.MOST_WATCHERS)]
        assert [name async for name, _ in seen] == ["dropped"]
        for other in others:
            other.close()

"""The feed: whoever watches the exchanges sees each as it goes, and costs nobody anything."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from gwproxy.proxy import feed
from gwproxy.proxy.feed import Dropped, Feed
from gwproxy.proxy.record import ExchangeRecord
from gwproxy.proxy.records.ledger import writer
from gwproxy.proxy.worker import Worker
from support.gateway import KEY, TOKEN, Start, TestGateway, messages
from support.inspector import events
from support.scripted import Visit, stream, whole


def an_exchange(name: str) -> ExchangeRecord:
    return ExchangeRecord(f"req_{name}", is_exchange=True)


@pytest.fixture
def quiet() -> Feed:
    return Feed(Worker("it cannot be kept", "", ""))


async def test_a_watcher_sees_each_exchange_once_however_often_it_changed(quiet: Feed) -> None:
    record = an_exchange("1")
    with quiet.watch() as watcher:
        quiet.began(record)
        for phase in ("queued", "waiting"):
            record.phase = phase
            quiet.changed(record)
        assert await watcher.changes(1.0) == [record]
        quiet.ended(record)
        assert await watcher.changes(1.0) == [record]
    assert record.phase == "over"
    assert quiet.running() == []


async def test_a_watcher_that_never_looks_is_dropped_and_holds_nothing(
    quiet: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_MOST_PENDING", 10)
    with quiet.watch() as watcher:
        for number in range(11):
            quiet.changed(an_exchange(str(number)))
        with pytest.raises(Dropped):
            await watcher.changes(1.0)
        assert watcher._pending == {}


async def test_the_newest_watchers_are_those_that_stay(quiet: Feed) -> None:
    with quiet.watch() as first:
        others = [quiet.watch() for _ in range(feed.MOST_WATCHERS)]
        watching = [other.__enter__() for other in others]
        quiet.changed(an_exchange("1"))
        with pytest.raises(Dropped):
            await first.changes(1.0)
        assert len(await watching[-1].changes(1.0)) == 1


async def test_one_who_keeps_and_fails_harms_no_other(quiet: Feed) -> None:
    kept: list[ExchangeRecord] = []

    def fails(record: ExchangeRecord) -> None:
        raise ZeroDivisionError

    quiet.keep_with(fails, kept.append)
    quiet.ended(an_exchange("1"))
    assert [one.request_id for one in kept] == ["req_1"]


# --- over the wire -------------------------------------------------------------------------------


async def listed(gateway: TestGateway, query: str = "") -> list[dict[str, Any]]:
    async with gateway.get(f"/v1/exchanges{query}") as response:
        assert response.status == 200
        found: list[dict[str, Any]] = (await response.json())["exchanges"]
        return found


async def test_an_exchange_is_seen_from_its_start_to_its_end(start: Start) -> None:
    async def script(visit: Visit) -> None:
        await visit.go_on.wait()
        await stream(visit)

    gateway, upstream = await start(script)
    async with asyncio.timeout(10), gateway.get("/v1/events") as response:
        seen = events(response)
        name, told = await anext(seen)
        assert (name, told["running"], told["today"]["exchanges"]) == ("state", 0, 0)

        async def ask() -> str:
            async with gateway.post("/v1/messages", messages(stream=True)) as answer:
                await answer.read()
                return answer.headers["x-gwproxy-request-id"]

        asking = asyncio.create_task(ask())
        phases = []
        async for name, told in seen:
            if name == "exchange":
                phases.append(told["phase"])
                if told["phase"] == "waiting":
                    upstream.visits[0].go_on.set()
                if told["state"] != "running":
                    break
        assert told["request_id"] == await asking
        assert phases[-1] == "over"
        assert "waiting" in phases
    assert told["state"] == "done"
    assert (told["profile"], told["model_used"], told["stream"]) == ("up", "up-model", True)
    assert told["host"] == f"127.0.0.1:{upstream.port}"
    parts = told["queued_ms"] + told["own_ms"] + told["wait_ms"] + told["stream_ms"]
    assert abs(parts - told["duration_ms"]) <= 3, "each is rounded"


async def test_the_list_has_what_runs_and_what_ended_and_what_was_refused(
    start: Start, gwproxy_home: Path
) -> None:
    async def script(visit: Visit) -> None:
        if "later" in visit.body.decode():
            await visit.wait_until_gone()
        else:
            await whole(visit)

    gateway, upstream = await start(script, options={"ledger": gwproxy_home / "usage.db"})
    async with gateway.post(
        "/v1/messages", messages(seed=1), headers={"x-claude-code-session-id": "s-1"}
    ) as response:
        await response.read()
    async with gateway.post("/v1/messages", b"{", headers={"user-agent": "odd/1"}) as response:
        assert response.status == 400
    later = asyncio.create_task(post_and_hang(gateway))
    await upstream.visit(2)
    running, refused, done = await listed(gateway)
    assert (running["state"], running["phase"]) == ("running", "waiting")
    assert (refused["state"], refused["status"], refused["client"]) == ("failed", 400, "odd/1")
    assert (done["state"], done["session"], done["losses"]) == ("done", "s-1", ["drop:seed"])
    assert done["losses_said"] == ["seed was left out"]
    assert done["losses_why"] == ["the provider's format has no such setting"]
    assert await listed(gateway, "?errors=1") == [refused]
    assert await listed(gateway, "?profile=nobody") == []
    assert [one["request_id"] for one in await listed(gateway, "?session=s-1")] == [
        done["request_id"]
    ]
    assert len(await listed(gateway, "?limit=1")) == 1
    async with gateway.get(f"/v1/exchanges/{done['request_id']}") as response:
        assert (await response.json())["exchange"] == done
    async with gateway.get("/v1/exchanges/req_nothing") as response:
        assert response.status == 404
    async with gateway.get("/v1/exchanges?limit=many") as response:
        assert response.status == 400
    later.cancel()


async def post_and_hang(gateway: TestGateway) -> None:
    async with gateway.post("/v1/messages", messages("later")) as response:
        await response.read()


@pytest.mark.parametrize("path", ["/v1/exchanges", "/v1/exchanges/req_1", "/v1/events"])
async def test_who_has_no_token_sees_nothing(gateway: TestGateway, path: str) -> None:
    async with gateway.get(path, headers={"x-api-key": "wrong"}) as response:
        assert response.status == 401
        assert TOKEN not in await response.text()


async def test_a_key_that_an_upstream_repeats_is_not_shown(start: Start) -> None:
    async def script(visit: Visit) -> None:
        words = {"error": {"message": f"the key {KEY} may not do that"}}
        await visit.answer(json.dumps(words).encode(), status=403)

    gateway, _ = await start(script)
    async with gateway.post("/v1/messages", messages()) as response:
        await response.read()
    (failed,) = await listed(gateway)
    assert "may not do that" in failed["error"]
    assert KEY not in json.dumps(failed)


async def test_who_watches_does_not_keep_the_gateway_from_stopping(gateway: TestGateway) -> None:
    async with asyncio.timeout(5), gateway.get("/v1/events") as response:
        seen = events(response)
        await anext(seen)
        await gateway.server.gateway.drain(60.0)
        names = [name async for name, _ in seen]
    assert names[-1] == "dropped"


async def test_who_sits_before_the_gateway_is_told_anew_after_it_was_dropped(start: Start) -> None:
    gateway, _ = await start(whole)
    async with asyncio.timeout(10), aclosing(gateway.server.gateway.news()) as told:
        assert (await anext(told))[0] == "state"
        gateway.server.gateway._services.feed._watchers[0].drop()
        assert await anext(told) == ("dropped", {})
        assert (await anext(told))[0] == "state"
        gateway.server.gateway._services.feed.close()
        assert [event async for event in told] == [("dropped", {})]


async def test_the_sums_of_today_come_as_soon_as_the_row_is_on_disk(
    start: Start, gwproxy_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where whoever looks came after the end, and nothing else happens."""
    monkeypatch.setattr(writer, "_GATHER_S", 1.0)
    gateway, _ = await start(whole, options={"ledger": gwproxy_home / "usage.db"})
    async with gateway.post("/v1/messages", messages()) as response:
        await response.read()
    sums = []
    async with asyncio.timeout(20), gateway.get("/v1/events") as response:
        async for name, told in events(response):
            if name == "state":
                sums.append(told["today"]["exchanges"])
                if sums[-1]:
                    break
    assert sums[-1] == 1

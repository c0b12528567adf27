"""Failing over: no request is lost before its first byte, and none is billed twice."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Any

import pytest

from gwproxy.simulator import (
    DEMO,
    Delivery,
    Ending,
    Fault,
    PlayedRefusal,
    RunningSimulator,
    html_page,
)
from support.gateway import QUICK, StartGateway, TestGateway, chat, messages
from support.provider import StartProvider


def record(provider: RunningSimulator | None, *fallback: str, **more: Any) -> dict[str, Any]:
    """A profile for a provider; None is one at whose address nobody listens."""
    url = provider.openai_url if provider else "http://127.0.0.1:1/v1"
    base = {"openai_url": url, "dialects": ["chat"], "model": "demo-1"}
    return {**base, **({"fallback": list(fallback)} if fallback else {}), **more}


async def ask(
    gateway: TestGateway, *, stream: bool = False, path: str = "/v1/messages"
) -> tuple[int, str, bytes]:
    """Status, the profile that answered, and the body."""
    body = messages("hi", stream=stream) if "messages" in path else chat("hi", stream=stream)
    async with gateway.post(path, body) as response:
        route = response.headers.get("x-gwproxy-route", "")
        return response.status, route.partition(";")[0], await response.read()


BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@BOTH
async def test_nobody_listens_there(
    start_gateway: StartGateway, start_provider: StartProvider, stream: bool
) -> None:
    second = await start_provider(DEMO)
    gateway = await start_gateway({"one": record(None, "two"), "two": record(second)})
    status, profile, body = await ask(gateway, stream=stream)
    assert (status, profile) == (200, "two")
    assert b"end_turn" in body
    assert second.billed == 1


@BOTH
@pytest.mark.parametrize("status", [429, 503, 529])
async def test_a_complete_refusal_goes_to_the_next(
    start_gateway: StartGateway, start_provider: StartProvider, stream: bool, status: int
) -> None:
    first, second = await start_provider(DEMO), await start_provider(DEMO)
    first.will(PlayedRefusal(status, "no time", headers={"retry-after": "7"}))
    gateway = await start_gateway({"one": record(first, "two"), "two": record(second)})
    assert (await ask(gateway, stream=stream))[:2] == (200, "two")
    # For as long as it asked for, the first one is not asked at all.
    assert (await ask(gateway, stream=stream))[:2] == (200, "two")
    assert (first.billed, len(first.generations), second.billed) == (0, 1, 2)


@BOTH
@pytest.mark.parametrize(
    "fault",
    [
        PlayedRefusal(400, "bad"),
        PlayedRefusal(401, "who"),
        PlayedRefusal(402, "money"),
        PlayedRefusal(403, "no"),
        PlayedRefusal(404, "where"),
        PlayedRefusal(500, "oh"),
        PlayedRefusal(502, "oh"),
        html_page(524),
        Delivery(then=Ending.RESET),
        Delivery(then=Ending.CUT),
        Delivery(then=Ending.CUT_INSIDE),
        Delivery(then=Ending.ERROR_EVENT),
    ],
    ids=lambda fault: f"{getattr(fault, 'status', '')}{getattr(fault, 'then', '') or ''}",
)
async def test_what_may_have_been_billed_stays_where_it_was(
    start_gateway: StartGateway, start_provider: StartProvider, stream: bool, fault: Fault
) -> None:
    first, second = await start_provider(DEMO), await start_provider(DEMO)
    first.will(fault)
    gateway = await start_gateway({"one": record(first, "two"), "two": record(second)})
    status, _, body = await ask(gateway, stream=stream)
    assert status != 200 or b"error" in body
    assert len(first.generations) == 1
    assert second.generations == []


async def test_a_fallback_does_not_fail_back(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    first, second = await start_provider(DEMO), await start_provider(DEMO)
    first.will(PlayedRefusal(503, "first"))
    second.will(PlayedRefusal(529, "second"))
    gateway = await start_gateway({"one": record(first, "two"), "two": record(second, "one")})
    status, profile, body = await ask(gateway, path="/v1/chat/completions")
    assert (status, profile) == (529, "two")
    assert b"second" in body
    assert (len(first.generations), len(second.generations)) == (1, 1)


async def test_a_profile_is_no_fallback_of_its_own(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider(DEMO)
    provider.will(PlayedRefusal(503, "no time"))
    gateway = await start_gateway({"one": record(provider, "one")})
    assert (await ask(gateway, path="/v1/chat/completions"))[0] == 503
    assert len(provider.generations) == 1


async def test_when_all_cool_down_it_says_for_how_long(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    first, second = await start_provider(DEMO), await start_provider(DEMO)
    first.will(PlayedRefusal(429, "one", headers={"retry-after": "40"}))
    second.will(PlayedRefusal(429, "two", headers={"retry-after": "20"}))
    gateway = await start_gateway({"one": record(first, "two"), "two": record(second)})
    assert (await ask(gateway, path="/v1/chat/completions"))[0] == 429
    async with gateway.post("/v1/chat/completions", chat("hi")) as response:
        assert response.status == 503
        assert 18 <= int(response.headers["retry-after"]) <= 20
        assert "one and two cannot take requests" in await response.text()
    async with gateway.get("/v1/status") as response:
        told = {one["name"]: one for one in (await response.json())["profiles"]}
    assert 38 <= told["one"]["cooling_s"] <= 40
    assert (len(first.generations), len(second.generations)) == (1, 1)


async def test_without_an_alternative_the_past_counts_for_nothing(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider(DEMO)
    provider.will(PlayedRefusal(429, "slow down", headers={"retry-after": "40"}))
    gateway = await start_gateway({"one": record(provider)})
    assert (await ask(gateway))[0] == 429
    assert (await ask(gateway))[0] == 200


async def test_a_fallback_without_credit_is_left_out(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    first, second = await start_provider(DEMO), await start_provider(DEMO)
    gateway = await start_gateway({"one": record(first, "two"), "two": record(second)})
    second.will(PlayedRefusal(402, "No credit"))
    async with gateway.post("/profiles/two/v1/messages", messages("hi")) as response:
        assert response.status == 402
    first.will(PlayedRefusal(503, "no time"), times=2)
    for _ in range(2):
        assert (await ask(gateway))[0] in (503, 529)
    assert (len(first.generations), len(second.generations)) == (2, 1)


async def test_a_pinned_profile_has_its_fallback_too(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    second = await start_provider(DEMO)
    gateway = await start_gateway(
        {"two": record(second), "one": record(None, "two")}, default="two"
    )
    status, profile, _ = await ask(gateway, path="/profiles/one/v1/messages")
    assert (status, profile) == (200, "two")


async def test_an_opened_stream_stays(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    """The client has a status and a ping by now: the refusal is told in the stream."""
    first, second = await start_provider(DEMO), await start_provider(DEMO)
    first.will(PlayedRefusal(503, "too late"), Delivery(head_after_s=0.3))
    gateway = await start_gateway(
        {"one": record(first, "two"), "two": record(second)},
        limits=replace(QUICK, early_status_s=0.05),
    )
    status, _, body = await ask(gateway, stream=True)
    assert (status, b"too late" in body) == (200, True)
    assert second.generations == []


async def test_many_at_once_while_one_of_two_is_down(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    first, second = await start_provider(DEMO), await start_provider(DEMO)
    gateway = await start_gateway({"one": record(first, "two"), "two": record(second)})
    first.will(PlayedRefusal(503, "no time"), times=3)
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(ask(gateway, stream=n % 2 == 0)) for n in range(40)]
    answers = [each.result() for each in asked]
    assert {status for status, _, _ in answers} == {200}
    assert first.billed + second.billed == 40


# --- narrow accounts ------------------------------------------------------------------------------


async def test_one_at_a_time(start_gateway: StartGateway, start_provider: StartProvider) -> None:
    provider = await start_provider(DEMO)
    provider.will(Delivery(then=Ending.SILENCE))
    gateway = await start_gateway({"one": record(provider, max_concurrent=1)})
    held = asyncio.create_task(ask(gateway))
    await provider.arrival(1)
    waiting = [asyncio.create_task(ask(gateway)) for _ in range(3)]
    await _until_waiting(gateway, 3)
    assert len(provider.generations) == 1
    held.cancel()  # the client goes away, and with it its place
    answers = await asyncio.gather(*waiting)
    assert [status for status, _, _ in answers] == [200, 200, 200]
    assert provider.billed == 4


async def test_who_waits_is_kept_alive(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider(DEMO)
    provider.will(Delivery(then=Ending.SILENCE))
    gateway = await start_gateway(
        {"one": record(provider, max_concurrent=1)}, limits=replace(QUICK, early_status_s=0.05)
    )
    held = asyncio.create_task(ask(gateway))
    await provider.arrival(1)
    async with gateway.post("/v1/messages", messages("hi", stream=True)) as response:
        assert b"ping" in await response.content.readany()
        held.cancel()
        assert b"message_stop" in await response.read()


async def _until_waiting(gateway: TestGateway, count: int) -> None:
    async with asyncio.timeout(10):
        while True:
            async with gateway.get("/v1/status") as response:
                (profile,) = (await response.json())["profiles"]
            if profile["waiting"] == count:
                return
            await asyncio.sleep(0.02)


async def test_an_answer_leaves_its_place(start_gateway: StartGateway) -> None:
    """A provider that cannot be reached holds nobody's place either."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/v1"
        gateway = await start_gateway(
            {"one": {"openai_url": url, "model": "m", "max_concurrent": 1}}
        )
        for _ in range(3):
            assert (await ask(gateway))[0] == 502

"""Lessons age: tried anew by new sessions, now and then, and kept by those that began with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from gwproxy.profiles import learned
from gwproxy.profiles.learned import Lesson
from gwproxy.proxy.exchange import prepared
from gwproxy.proxy.exchange.ageing import is_due
from gwproxy.proxy.limits import Limits
from gwproxy.simulator import PlayedRefusal, RunningSimulator
from support.gateway import StartGateway, TestGateway, messages

TODAY = date(2026, 11, 29)
LESSON = Lesson("up", "demo-1", "omit", ("service_tier",), "2026-11-29", "service_tier is refused")
REFUSED = PlayedRefusal(400, "service_tier: Extra inputs are not permitted")


@pytest.mark.parametrize(
    ("trials", "days", "due"),
    [(0, 0, False), (0, 1, True), (1, 6, False), (1, 7, True), (2, 29, False), (9, 30, True)],
)
def test_a_lesson_rests_for_a_day_then_a_week_then_a_month(
    trials: int, days: int, due: bool
) -> None:
    last = (TODAY - timedelta(days)).isoformat()
    assert is_due(replace(LESSON, day="2026-01-01", tried=last, trials=trials), TODAY) is due
    assert is_due(replace(LESSON, day=last), TODAY) is (days >= 1)


def test_a_day_that_is_none_is_never_due() -> None:
    assert not is_due(replace(LESSON, day="soon"), TODAY)


def teach(days_ago: int) -> None:
    learned.add([replace(LESSON, day=(date.today() - timedelta(days_ago)).isoformat())])


async def start(start_gateway: StartGateway, provider: RunningSimulator) -> TestGateway:
    urls = {"anthropic_url": provider.anthropic_url, "openai_url": provider.openai_url}
    record = {"preset": "custom", "model": "demo-1", **urls}
    return await start_gateway({"up": record}, options={"learns": True})


async def ask(
    gateway: TestGateway, provider: RunningSimulator, session: str, turn: int = 1
) -> bool:
    """Whether the member reached the upstream in the end."""
    body: dict[str, Any] = messages(service_tier="auto")
    if turn > 1:
        said = [{"role": "assistant", "content": "Hi"}, {"role": "user", "content": "Go on"}]
        body["messages"] = [*body["messages"], *said]
    headers = {"x-claude-code-session-id": session} if session else {}
    async with gateway.post("/v1/messages", body, headers=headers) as response:
        assert response.status == 200
    return "service_tier" in provider.generations[-1].body


async def test_a_new_session_finds_out_and_an_old_one_keeps_its_bytes(
    start_gateway: StartGateway, provider: RunningSimulator, gwproxy_home: Path
) -> None:
    gateway = await start(start_gateway, provider)
    teach(0)
    assert not await ask(gateway, provider, "old")
    teach(2)
    assert not await ask(gateway, provider, "old", turn=2)
    assert not await ask(gateway, provider, "", turn=1)  # nobody knows whose it is
    assert not await ask(gateway, provider, "resumed", turn=2)
    assert await ask(gateway, provider, "new")
    assert learned.load() == ()
    assert await ask(gateway, provider, "new", turn=2)
    assert not await ask(gateway, provider, "old", turn=2)
    assert [one.status for one in provider.generations] == [200] * 7


async def test_what_is_refused_still_is_asked_again_as_before_and_rests(
    start_gateway: StartGateway, provider: RunningSimulator, gwproxy_home: Path
) -> None:
    gateway = await start(start_gateway, provider)
    teach(2)
    provider.will(REFUSED)
    assert not await ask(gateway, provider, "one")
    assert [one.status for one in provider.generations] == [400, 200]
    (lesson,) = learned.load()
    assert (lesson.tried, lesson.trials) == (date.today().isoformat(), 1)
    assert not await ask(gateway, provider, "two")
    assert [one.status for one in provider.generations] == [400, 200, 200]


async def test_a_client_that_leaves_before_it_is_asked_leaves_the_lesson_to_the_next(
    start_gateway: StartGateway,
    provider: RunningSimulator,
    gwproxy_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = await start(start_gateway, provider)
    teach(2)
    calls, tried, gone = 0, asyncio.Event(), asyncio.Event()

    async def slow(work: Callable[[], object], body: bytes, limits: Limits) -> object:
        nonlocal calls
        calls += 1
        if calls == 3:  # two for the request as it was taught
            tried.set()
            try:
                await asyncio.Event().wait()
            finally:
                gone.set()
        return work()

    monkeypatch.setattr(prepared, "off_the_loop", slow)
    asking = asyncio.create_task(ask(gateway, provider, "one"))
    async with asyncio.timeout(10):
        await tried.wait()
        asking.cancel()
        await gone.wait()
    assert await ask(gateway, provider, "two")

"""Which profiles are passed over, for how long, and who may enter a narrow lane next."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gwproxy.profiles.profile import Profile
from gwproxy.proxy.routing.concurrency import Concurrency
from gwproxy.proxy.routing.health import ProfileHealth

UP = Profile("up", "custom", "m")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def standing(clock: Clock) -> ProfileHealth:
    return ProfileHealth(clock)


def test_five_failures_in_half_a_minute_are_an_outage(
    standing: ProfileHealth, clock: Clock
) -> None:
    for _ in range(4):
        standing.unreached(UP)
        clock.now += 7
    assert standing.cooling_s(UP) == 0
    standing.unreached(UP)
    assert standing.cooling_s(UP) == 15
    clock.now += 14
    assert standing.cooling_s(UP) == 1
    clock.now += 1
    assert standing.cooling_s(UP) == 0
    standing.unreached(UP)  # the five of this window are too far apart
    assert standing.cooling_s(UP) == 0


def test_failures_far_apart_are_none(standing: ProfileHealth, clock: Clock) -> None:
    for _ in range(20):
        standing.unreached(UP)
        clock.now += 8
    assert standing.cooling_s(UP) == 0


def test_an_answer_clears_the_past(standing: ProfileHealth) -> None:
    for _ in range(5):
        standing.unreached(UP)
    standing.answered(UP)
    assert standing.cooling_s(UP) == 0
    standing.unreached(UP)
    assert standing.cooling_s(UP) == 0


@pytest.mark.parametrize(
    ("asked", "waits"), [(None, 5), (2.0, 2), (0.0, 0), (30.0, 30), (3600.0, 60)]
)
def test_a_refusal_says_how_long(
    standing: ProfileHealth, asked: float | None, waits: float
) -> None:
    standing.refused(UP, asked)
    assert standing.cooling_s(UP) == waits


def test_a_longer_wait_is_not_shortened(standing: ProfileHealth) -> None:
    standing.refused(UP, 30)
    standing.refused(UP, 1)
    assert standing.cooling_s(UP) == 30


def test_no_fallback_to_a_refused_key_until_something_changes(
    standing: ProfileHealth, clock: Clock
) -> None:
    assert standing.serves_as_fallback(UP)
    standing.denied(UP)
    assert not standing.serves_as_fallback(UP)
    assert standing.cooling_s(UP) == 0, "asked for by name, it is asked"
    assert standing.serves_as_fallback(replace(UP, model="other")), "it was edited"
    clock.now += 300
    assert standing.serves_as_fallback(UP)


# --- lanes ---------------------------------------------------------------------------------------

NARROW = replace(UP, max_concurrent=1)


async def turns(lanes: Concurrency, clients: str, profile: Profile = NARROW) -> str:
    """In which order `clients` (a letter each) that all wait at once get their turn."""
    order = []
    first = await lanes.enter(profile, "holder")

    async def one(client: str) -> None:
        with await lanes.enter(profile, client):
            order.append(client)
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(one(client)) for client in clients]
    await asyncio.sleep(0)
    assert lanes.waiting(profile) == len(clients)
    first.leave()
    await asyncio.gather(*tasks)
    assert lanes.waiting(profile) == 0
    return "".join(order)


async def test_clients_take_turns() -> None:
    assert await turns(Concurrency(), "aaaab") == "abaaa"
    assert await turns(Concurrency(), "aaabbc") == "abcaba"


async def test_no_more_than_allowed_at_once() -> None:
    lanes, wide = Concurrency(), replace(UP, max_concurrent=3)
    inside = most = 0

    async def one() -> None:
        nonlocal inside, most
        with await lanes.enter(wide, "a"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(one() for _ in range(50)))
    assert (inside, most) == (0, 3)


async def test_without_a_limit_nobody_waits() -> None:
    lanes = Concurrency()
    places = [await lanes.enter(UP, "a") for _ in range(100)]
    for place in places:
        place.leave()
    assert lanes.waiting(UP) == 0


async def test_who_leaves_the_queue_holds_nobody_up() -> None:
    lanes = Concurrency()
    first = await lanes.enter(NARROW, "a")
    gone = asyncio.create_task(lanes.enter(NARROW, "b"))
    waits = asyncio.create_task(lanes.enter(NARROW, "c"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert lanes.waiting(NARROW) == 1
    first.leave()
    (await waits).leave()

    # Cancelled in the very moment in which its turn came: the turn goes on to the next.
    first = await lanes.enter(NARROW, "a")
    unlucky = asyncio.create_task(lanes.enter(NARROW, "b"))
    waits = asyncio.create_task(lanes.enter(NARROW, "c"))
    await asyncio.sleep(0)
    first.leave()
    unlucky.cancel()
    await asyncio.gather(unlucky, return_exceptions=True)
    async with asyncio.timeout(5):
        (await waits).leave()


async def test_a_place_is_given_back_once() -> None:
    lanes = Concurrency()
    first = await lanes.enter(NARROW, "a")
    first.leave()
    first.leave()
    second = await lanes.enter(NARROW, "a")
    third = asyncio.create_task(lanes.enter(NARROW, "a"))
    await asyncio.sleep(0)
    assert lanes.waiting(NARROW) == 1
    second.leave()
    (await third).leave()


async def test_an_edit_of_the_limit_takes_effect() -> None:
    lanes = Concurrency()
    first = await lanes.enter(NARROW, "a")
    waits = asyncio.create_task(lanes.enter(NARROW, "b"))
    await asyncio.sleep(0)
    second = await lanes.enter(replace(UP, max_concurrent=None), "c")
    async with asyncio.timeout(5):
        third = await waits
    for place in (first, second, third):
        place.leave()

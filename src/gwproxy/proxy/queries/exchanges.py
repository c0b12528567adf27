"""The exchanges of this gateway, for those who look: `GET /v1/exchanges`, one of them by its id,
and `GET /v1/events`, where each change is an event as long as somebody reads.

What an exchange looks like is `records.ledger.shape`. There is no prompt in it; words of an
upstream are, without our keys.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from aiohttp import web
from msgspec import structs

from gwproxy.profiles.redaction import redact
from gwproxy.proxy import failures
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.feed import Dropped, Watcher
from gwproxy.proxy.inbound import answers
from gwproxy.proxy.incoming import Incoming
from gwproxy.proxy.record import ExchangeRecord
from gwproxy.proxy.records.ledger import Entry, LedgerChoice, Line, Period, shape
from gwproxy.proxy.routing.route import Routes
from gwproxy.proxy.services import Services
from gwproxy.translate.wire import jsonio

MOST_LISTED: Final = 1000

_TICK_S: Final = 0.5
"""How often a person sees that an answer grows."""

_SIGN_OF_LIFE_S: Final = 15.0

_READS_WITHIN_S: Final = 10.0
"""Who has not read for that long is dropped: the bytes would pile up here."""

InForce = Callable[[], Routes]


async def answer(incoming: Incoming) -> web.Response:
    """The newest exchanges of the query, or the one of the path. Raises Failed."""
    services, routes = incoming.services, incoming.routes
    if request_id := incoming.address.request_id:
        return incoming.answer({"exchange": await one(services, routes, request_id)})
    choice = choice_of(incoming.request.query)
    return incoming.answer({"exchanges": await several(services, routes, choice)})


async def one(services: Services, routes: Routes, request_id: str) -> dict[str, Any]:
    """The exchange of that id, running or ended. Raises Failed (404)."""
    for record in services.feed.running():
        if record.request_id == request_id:
            return as_it_is(services, routes, record)
    entry = await asyncio.to_thread(services.ledger.find, request_id)
    if entry is None:
        raise Failed(failures.unknown_request(request_id))
    return shape(entry)


async def several(services: Services, routes: Routes, choice: LedgerChoice) -> list[dict[str, Any]]:
    """The exchanges of `choice`, running and ended, the newest first."""
    running = [(Entry.of(one, None), one) for one in services.feed.running()]
    entries = await asyncio.to_thread(services.ledger.listed, choice)
    ended = {entry.request_id for entry in entries}
    told = [
        as_it_is(services, routes, record)
        for entry, record in reversed(running)
        if choice.fits(entry) and entry.request_id not in ended
    ]
    return [*told, *map(shape, entries)][: choice.most]


def choice_of(query: Mapping[str, str]) -> LedgerChoice:
    """What the query asks for. Raises Failed for a figure that is none."""
    return LedgerChoice(
        most=max(1, min(_whole(query, "limit", 100), MOST_LISTED)),
        only_errors=query.get("errors", "") in ("1", "true"),
        profile=query.get("profile", ""),
        client=query.get("client", ""),
        session=query.get("session", ""),
        request_id=query.get("id", ""),
        since_ms=_whole(query, "since_ms", 0),
        before_ms=_whole(query, "before_ms", 0) or None,
    )


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    said = query.get(name, str(default))
    if not said.isascii() or not said.isdigit() or len(said) > 15:
        raise Failed(failures.bad_query(name, said))
    return int(said)


def as_it_is(services: Services, routes: Routes, record: ExchangeRecord) -> dict[str, Any]:
    """An exchange as far as it has come."""
    entry = Entry.of(record, routes.prices_of(record.profile))
    if record.phase != "over":
        duration_ms = round(record.elapsed_s() * 1000)
        remarks = redact(entry.remarks, services.keys.ever_seen())
        entry = structs.replace(entry, duration_ms=duration_ms, remarks=remarks)
    return shape(entry, record.phase)


async def follow(incoming: Incoming, in_force: InForce) -> web.StreamResponse:
    """A stream of events for who has the local token."""
    head = {**incoming.head(), "cache-control": "no-store"}
    return await stream(incoming.services, in_force, incoming.request, head)


async def stream(
    services: Services,
    in_force: InForce,
    request: web.BaseRequest,
    head: Mapping[str, str],
    shown: Callable[[bytes], bytes] = bytes,
) -> web.StreamResponse:
    """A stream of events until the client goes, is too slow, or the gateway stops. `shown` is what
    of an event may be seen; it raises Dropped where none is to be any more."""
    response = web.StreamResponse(headers={**head, "content-type": answers.EVENT_STREAM})

    async def send(data: bytes) -> None:
        if data:
            async with asyncio.timeout(_READS_WITHIN_S):
                await response.write(shown(data))

    with services.feed.watch() as watcher:
        await response.prepare(request)
        try:
            async for several in news(services, in_force, watcher):
                events = b"".join(_event(name, told) for name, told in several)
                await send(events or b":\n\n")
        except (Dropped, TimeoutError):
            await _last_word(response)
    return response


async def news(
    services: Services, in_force: InForce, watcher: Watcher
) -> AsyncIterator[list[tuple[str, dict[str, Any]]]]:
    """The events that come together, without an end; none at all is a sign of life. Raises
    Dropped."""

    def told(records: Iterable[ExchangeRecord]) -> list[tuple[str, dict[str, Any]]]:
        routes = in_force()
        return [("exchange", as_it_is(services, routes, one)) for one in records]

    if running := told(services.feed.running()):
        yield running
    tells_state, has_ended = True, False
    quiet_s = 0.0
    while True:
        is_behind = False
        if tells_state:
            # Before the sums are read: what is written in between is in them, or is waited for.
            is_behind = services.ledger.state.waiting > 0
            yield [("state", await state(services))]
        # What has just ended is on disk at the next look, or at one of the next.
        tells_state = has_ended or is_behind
        patience_s = _TICK_S if tells_state or services.feed.running() else _SIGN_OF_LIFE_S
        changed = await watcher.changes(patience_s)
        has_ended = any(one.phase == "over" for one in changed)
        quiet_s = 0.0 if changed else quiet_s + patience_s
        if changed or quiet_s >= _SIGN_OF_LIFE_S:
            quiet_s = 0.0
            yield told(changed)


async def watched(
    services: Services, in_force: InForce
) -> AsyncGenerator[tuple[str, dict[str, Any]]]:
    """The same for who is in this process, one by one, until the gateway stops."""
    while not services.feed.is_closed:
        with services.feed.watch() as watcher, contextlib.suppress(Dropped):
            async for several in news(services, in_force, watcher):
                for event in several:
                    yield event
        yield "dropped", {}


async def state(services: Services) -> dict[str, Any]:
    """How many run, and the sums of today."""
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    period = Period(since_ms=round(midnight.timestamp() * 1000))
    lines = await asyncio.to_thread(services.ledger.sums, "day", period)
    return {
        "running": len(services.feed.running()),
        "now_ms": round(time.time() * 1000),
        "today": {
            "exchanges": sum(line.exchanges for line in lines),
            "failed": sum(line.failed for line in lines),
            "input_tokens": sum(line.input_total for line in lines),
            "cached_tokens": sum(line.cache_read for line in lines),
            "output_tokens": sum(line.output for line in lines),
            "cost": [
                {"unit": line.cost_unit, "micro": line.cost_micro} for line in lines if _cost(line)
            ],
        },
    }


def _cost(line: Line) -> bool:
    return bool(line.cost_unit) and line.cost_micro is not None


def _event(name: str, told: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), jsonio.dumps(told))


async def _last_word(response: web.StreamResponse) -> None:
    try:
        async with asyncio.timeout(1.0):
            await response.write(_event("dropped", {}))
            await response.write_eof()
    except TimeoutError:
        response.force_close()

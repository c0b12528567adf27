"""Which profile gets a request, when the first cannot take it.

Only where a profile names a `fallback`, only before the client has a byte, and only where the
profile before did not begin to work: nothing reached it, or it answered a complete 429, 503 or
529. Anything else is told to the client, who alone knows whether to pay for a second try.
"""

from __future__ import annotations

import math
from typing import Final

from aiohttp import web

from gwproxy.proxy import failures
from gwproxy.proxy.exchange.ageing import session_named
from gwproxy.proxy.exchange.exchange import Exchange, PassedOver
from gwproxy.proxy.exchange.question import Question
from gwproxy.proxy.failures import Failed, rejected
from gwproxy.proxy.incoming import Incoming
from gwproxy.proxy.log import LOGGER
from gwproxy.proxy.records.captures import Tape
from gwproxy.proxy.routing.health import ProfileHealth
from gwproxy.proxy.routing.route import Route
from gwproxy.proxy.upstream import headers
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Rejected
from gwproxy.translate.wire.jsonio import NotJson

_LONGEST_SESSION: Final = 64


async def answer(incoming: Incoming) -> web.StreamResponse:
    """The answer of a model. Raises Failed for refusals that need no route; ConnectionError and
    CancelledError when the client has gone."""
    return await exchange(incoming, await incoming.body())


async def exchange(incoming: Incoming, body: bytes) -> web.StreamResponse:
    """The answer of a model to a request whose body is `body`; raises the same."""
    services, record, request = incoming.services, incoming.record, incoming.request
    if services.captures.are_wanted(incoming.routes.config.serve.capture):
        query = headers.forwarded_query(request.query.items(), incoming.dialect, faithful=True)
        record.tape = Tape(record.path, query, request.headers, body, record.elapsed_s)
    asked = incoming.asks(body)
    record.session = jsonio.mend(session_named(request.headers)[:_LONGEST_SESSION])
    route = incoming.routes.find(incoming.address.profile, asked.model, incoming.dialect)
    record.follow(route)
    services.feed.changed(record)
    fallbacks = incoming.routes.fallbacks(route, asked.model, incoming.dialect)
    ways = _open(services.health, route, fallbacks)
    passed: list[str] = []
    while True:
        way = ways.pop(0)
        try:
            question = await Question.put(incoming, way, asked, body)
        except (Rejected, NotJson) as error:
            raise Failed(rejected(error, way.profile.name)) from None
        answered = await Exchange(question, elsewhere=bool(ways)).run()
        if not isinstance(answered, PassedOver):
            return answered
        passed.append(f"{way.profile.name} {answered.why}")
        record.remarks = [f"passed over: {', '.join(passed)}"]
        LOGGER.info("%s: %s, trying %s", record.request_id, passed[-1], ways[0].profile.name)


def _open(health: ProfileHealth, route: Route, fallbacks: list[Route]) -> list[Route]:
    """The ways that are worth a try now, in order. Raises Failed when all of them cool down.

    Where there is no alternative the past counts for nothing: the upstream itself says no better.
    """
    usable = [way for way in fallbacks if health.serves_as_fallback(way.profile)]
    if not usable:
        return [route]
    ways = [route, *usable]
    found = [way for way in ways if health.cooling_s(way.profile) == 0]
    if not found:
        wait_s = min(health.cooling_s(way.profile) for way in ways)
        names = [way.profile.name for way in ways]
        raise Failed(failures.all_cooling(names, math.ceil(wait_s)))
    return found

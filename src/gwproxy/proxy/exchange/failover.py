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
from gwproxy.proxy.failures import Failed, rejected
from gwproxy.proxy.inbound import body as inbound
from gwproxy.proxy.log import LOGGER
from gwproxy.proxy.record import ExchangeRecord
from gwproxy.proxy.records.captures import Tape
from gwproxy.proxy.routing.health import ProfileHealth
from gwproxy.proxy.routing.route import Route, Routes
from gwproxy.proxy.services import Services
from gwproxy.proxy.upstream import headers
from gwproxy.translate.bridge import request_head
from gwproxy.translate.hub import Dialect
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Rejected

_LONGEST_SESSION: Final = 64


async def exchange(
    services: Services,
    routes: Routes,
    pinned: str,
    request: web.BaseRequest,
    client: Dialect,
    record: ExchangeRecord,
    body: bytes | None = None,
) -> web.StreamResponse:
    """The answer to a request of `client`'s dialect; `body` is what is asked in place of what came.
    Raises Failed for refusals that need no route; ConnectionError and CancelledError when the
    client has gone."""
    if body is None:
        most_bytes = routes.config.serve.max_body_bytes
        body = await inbound.read_body(request, most_bytes, services.limits)
    if services.captures.are_wanted(routes.config.serve.capture):
        query = headers.forwarded_query(request.query.items(), client, faithful=True)
        record.tape = Tape(record.path, query, request.headers, body, record.elapsed_s)
    try:
        asked = request_head(body)
    except Rejected as error:
        raise Failed(rejected(error)) from None
    record.model_asked, record.streamed = asked.model, asked.stream
    record.session = jsonio.mend(session_named(request.headers)[:_LONGEST_SESSION])
    route = routes.find(pinned, asked.model, client)
    record.follow(route)
    services.feed.changed(record)
    ways = _open(services.health, route, routes.fallbacks(route, asked.model, client))
    passed: list[str] = []
    while True:
        way = ways.pop(0)
        attempt = Exchange(services, routes, request, client, record, elsewhere=bool(ways))
        answered = await attempt.run(way, asked, body)
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

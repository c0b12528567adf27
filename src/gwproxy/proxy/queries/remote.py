"""Responses that are not kept here but by an upstream of this very dialect.

An answer in the background is made and kept there (`conversations.turn` lets its request through
as it came), and so is whatever another program made: who asks for it by id is answered by the
upstream.

https://platform.openai.com/docs/guides/background
"""

from __future__ import annotations

import re
from typing import Final, cast

from aiohttp import web
from multidict import MultiDict

from gwproxy.proxy.exchange.prepared import bridge_to
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.inbound.endpoints import Address, Endpoint
from gwproxy.proxy.incoming import Incoming
from gwproxy.proxy.queries import passthrough
from gwproxy.proxy.records.conversations.kept import Kept
from gwproxy.proxy.routing.route import Route
from gwproxy.proxy.upstream.request import Method, UpstreamRequest, request_to
from gwproxy.translate.bridge import CODECS, RequestHead
from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import known_to_refuse

# Dots alone would be another path: `DELETE /v1/responses/..` is `DELETE /v1/`.
_RESPONSE_ID: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")
# Servers without a memory have no such route, or none for this method.
UNKNOWN: Final = (404, 405, 501)

# https://platform.openai.com/docs/api-reference/responses/get, …/input-items; a token goes nowhere.
_QUERY: Final = frozenset(
    {
        "after",
        "before",
        "include",
        "include[]",
        "include_obfuscation",
        "limit",
        "order",
        "starting_after",
        "stream",
    }
)


def may_keep(incoming: Incoming, kept: Kept) -> bool:
    """Whether what is `kept` here is the copy of what the profile's upstream keeps itself."""
    route = _route(incoming)
    quirks = incoming.services.healing.informed(route).quirks
    return (
        kept.maker == route.profile.name
        and not incoming.services.conversations.owns(kept.id)
        and route.dialect == Dialect.RESPONSES
        and not quirks.rebuild
        and not known_to_refuse(quirks.keeps_responses)
    )


def _route(incoming: Incoming) -> Route:
    """That of the profile itself: no model is named, and no rule counts. Raises Failed."""
    profile = incoming.routes.profile(incoming.address.profile)
    return incoming.routes.find(profile.name, "", Dialect.RESPONSES)


async def ask(incoming: Incoming) -> web.StreamResponse | None:
    """The answer of the profile's upstream, sent already when it is a stream; None where it knows
    no such response, or keeps none. Raises Failed."""
    services, route = incoming.services, _route(incoming)
    # Of the vendors' routes this dialect's alone gives an answer again (product.md §5).
    if route.dialect != Dialect.RESPONSES or route.quirks.rebuild:
        return None
    if not _RESPONSE_ID.fullmatch(incoming.address.response_id):
        return None
    key = await services.keys.get(route.profile)
    call = _call(route, incoming.address, incoming.request, key)
    answer = await services.upstream.send(call)
    try:
        if answer.status in UNKNOWN:
            return None
        incoming.record.follow(route)
        if not answer.ok:
            body = await answer.read_error(services.limits.error_body_bytes)
            failure = CODECS[route.dialect].parse_failure(answer.status, answer.headers, body)
            raise Failed(services.keys.judged(route.profile, failure))
        # The name that the client once asked for is not known any more: the answer has ours.
        asked = RequestHead(route.model, stream=True)
        bridge = bridge_to(route, incoming, asked, streams=True)
        return await passthrough.relay(incoming, bridge, route, answer)
    finally:
        answer.close()


def _call(
    route: Route, address: Address, request: web.BaseRequest, key: str | None
) -> UpstreamRequest:
    tail = address.endpoint.value.removeprefix(Endpoint.RESPONSE.value)
    return request_to(
        route,
        b"",
        key,
        client=request.headers,
        faithful=True,
        streams=request.query.get("stream", "").lower() == "true",
        url=f"{route.url}/{address.response_id}{tail}",
        query=MultiDict((name, value) for name, value in request.query.items() if name in _QUERY),
        method=cast(Method, request.method),
    )

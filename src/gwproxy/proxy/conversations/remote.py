"""Responses that are not kept here but by an upstream of this very dialect.

An answer in the background is made and kept there (`turn.py` lets its request through as it came),
and so is whatever another program made: who asks for it by id is answered by the upstream.

https://platform.openai.com/docs/guides/background
"""

from __future__ import annotations

import re
import time
from typing import Final, Literal, cast

from aiohttp import web
from multidict import MultiDict

from gwproxy.proxy import answers, headers
from gwproxy.proxy.endpoints import Address, Endpoint
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.log import Record
from gwproxy.proxy.outlet import Outlet
from gwproxy.proxy.route import Route, Routes
from gwproxy.proxy.services import Services
from gwproxy.proxy.upstream import Answer, Call
from gwproxy.translate.bridge import Bridge, RequestHead
from gwproxy.translate.hub import Dialect
from gwproxy.translate.responses import failure

_RESPONSE_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
# Servers without a memory have no such route, or none for this method.
_UNKNOWN: Final = (404, 405, 501)

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


async def ask(
    services: Services,
    routes: Routes,
    address: Address,
    request: web.BaseRequest,
    record: Record,
) -> web.StreamResponse | None:
    """The answer of the profile's upstream, sent already when it is a stream; None where it knows
    no such response, or keeps none. Raises Failed."""
    profile = routes.profile(address.profile)
    route = routes.find(profile.name, "", Dialect.RESPONSES)
    # Of the vendors' routes this dialect's alone gives an answer again (product.md §5).
    if route.dialect != Dialect.RESPONSES or route.quirks.rebuild:
        return None
    if not _RESPONSE_ID.fullmatch(address.response_id):
        return None
    call = _call(route, address, request, await services.keys.get(profile))
    answer = await services.upstream.send(call)
    try:
        if answer.status in _UNKNOWN:
            return None
        record.follow(route)
        if not answer.ok:
            body = await answer.read_error(services.limits.error_body_bytes)
            raise Failed(failure.parse(answer.status, answer.headers, body))
        return await _relay(services, route, answer, request, record)
    finally:
        answer.close()


def _call(route: Route, address: Address, request: web.BaseRequest, key: str | None) -> Call:
    tail = address.endpoint.value.removeprefix(Endpoint.RESPONSE.value)
    streams = request.query.get("stream", "").lower() == "true"
    return Call(
        route.profile,
        f"{route.url}/{address.response_id}{tail}",
        headers.towards_upstream(request.headers, route, faithful=True, streams=streams, key=key),
        b"",
        MultiDict((name, value) for name, value in request.query.items() if name in _QUERY),
        key,
        streams,
        method=cast(Literal["POST", "GET", "DELETE"], request.method),
    )


async def _relay(
    services: Services, route: Route, answer: Answer, request: web.BaseRequest, record: Record
) -> web.StreamResponse:
    content_type = headers.printable(answer.headers.get("content-type", answers.JSON))
    head = answers.head(Dialect.RESPONSES, record.request_id, content_type)
    head |= headers.towards_client(answer.headers)
    head["x-gwproxy-route"] = headers.printable(route.header)
    record.status = answer.status
    if not content_type.startswith("text/event-stream"):
        body = await answer.read_whole(services.limits.whole_answer_bytes)
        return answers.whole(body, head, answer.status)
    stream = _bridge(route, record).stream()
    outlet = Outlet(request, stream.ping, lambda: head, services.limits)
    try:
        while chunk := await answer.read():
            if out := stream.feed(chunk):
                await outlet.write(out)
        last = stream.finish()
    except Failed as failed:
        last = stream.fail(failed.failure)
    finally:
        outlet.close()
    if stream.failure is not None:
        record.fail(stream.failure)
    await outlet.finish(last)
    return outlet.response or web.Response()


def _bridge(route: Route, record: Record) -> Bridge:
    """The name that the client once asked for is not known any more: the answer has ours."""
    return Bridge(
        Dialect.RESPONSES,
        Dialect.RESPONSES,
        route.quirks,
        asked=RequestHead(route.model, stream=True),
        model=route.model,
        streams=True,
        new_id=answers.new_id,
        created=int(time.time()),
        request_id=record.request_id,
    )

"""OpenAI's routes beside its answers: embeddings and the completions of old, passed on as they are.

Nothing of them is translated: a profile without an OpenAI base has none of them. The model goes up
as it was asked for, since a profile's own is one that chats; a route, or the name of a profile
before it, counts.

https://platform.openai.com/docs/api-reference/embeddings, …/completions
"""

from __future__ import annotations

import time
from collections.abc import Container

from aiohttp import web

from gwproxy.proxy.failures import Failed, rejected
from gwproxy.proxy.inbound import answers
from gwproxy.proxy.inbound import body as inbound
from gwproxy.proxy.inbound.client_stream import ClientStream
from gwproxy.proxy.inbound.endpoints import Address
from gwproxy.proxy.record import ExchangeOutcome, ExchangeRecord
from gwproxy.proxy.routing.route import Route, Routes
from gwproxy.proxy.services import Services
from gwproxy.proxy.upstream import headers
from gwproxy.proxy.upstream.client import UpstreamAnswer, UpstreamRequest
from gwproxy.translate.bridge import Bridge, RequestHead, request_head
from gwproxy.translate.relay import replace_model
from gwproxy.translate.wire.fields import Rejected
from gwproxy.translate.wire.jsonio import NotJson


async def answer(
    services: Services,
    routes: Routes,
    address: Address,
    request: web.BaseRequest,
    record: ExchangeRecord,
) -> web.StreamResponse:
    """The upstream's own answer, sent already when it is a stream. Raises Failed."""
    body = await inbound.read_body(request, routes.config.serve.max_body_bytes, services.limits)
    try:
        asked = request_head(body)
        route = routes.as_asked(address.profile, asked.model, address.endpoint.name.lower())
        sent = body if route.model == asked.model else replace_model(body, route.model)
    except (Rejected, NotJson) as error:
        raise Failed(rejected(error)) from None
    record.model_asked, record.streamed = asked.model, asked.stream
    record.follow(route)
    record.generating = True
    bridge = bridge_to(route, asked, record)
    told = await passed_on(services, bridge, route, route.url, sent, request, record)
    assert told is not None
    return told


async def passed_on(
    services: Services,
    bridge: Bridge,
    route: Route,
    url: str,
    body: bytes,
    request: web.BaseRequest,
    record: ExchangeRecord,
    *,
    unless: Container[int] = (),
) -> web.StreamResponse | None:
    """The upstream's own answer, sent already when it is a stream; None where its status is one of
    `unless`. Raises Failed."""
    key = await services.keys.get(route.profile)
    streams = record.streamed
    sending = headers.towards_upstream(
        request.headers, route, faithful=True, streams=streams, key=key
    )
    call = UpstreamRequest(route.profile, url, sending, body, {}, key, streams)
    record.tally = bridge.tally
    with await services.concurrency.enter(route.profile, record.client):
        found = await services.upstream.send(call)
        try:
            if found.status in unless:
                return None
            record.upstream_request_id = headers.upstream_request_id(found.headers)
            if not found.ok:
                said = await found.read_error(services.limits.error_body_bytes)
                failure = bridge.error(found.status, found.headers, said).failure
                raise Failed(services.keys.judged(route.profile, failure))
            return await relay(services, bridge, route, found, request, record)
        finally:
            found.close()


def bridge_to(route: Route, asked: RequestHead, record: ExchangeRecord) -> Bridge:
    """A bridge between equals, for an answer that is passed on."""
    return Bridge(
        route.dialect,
        route.dialect,
        route.quirks,
        asked=asked,
        model=route.model,
        streams=asked.stream,
        new_id=answers.new_id,
        created=int(time.time()),
        request_id=record.request_id,
    )


async def relay(
    services: Services,
    bridge: Bridge,
    route: Route,
    answer: UpstreamAnswer,
    request: web.BaseRequest,
    record: ExchangeRecord,
) -> web.StreamResponse:
    """The client's answer: the bytes of `answer`, of a stream event by event. Raises Failed."""
    content_type = headers.printable(answer.headers.get("content-type", answers.JSON))
    head = answers.head(route.dialect, record.request_id, content_type)
    head |= headers.towards_client(answer.headers, route.dialect)
    head["x-gwproxy-route"] = headers.printable(route.header)
    if not content_type.startswith("text/event-stream"):
        body = await answer.read_whole(services.limits.whole_answer_bytes)
        bridge.reply(body)  # for the usage that it tells, whatever else it is
        return answers.whole(body, head, answer.status)
    stream = bridge.stream()
    outlet = ClientStream(request, stream.ping, lambda: head, services.limits)
    try:
        while chunk := await answer.read():
            if out := stream.feed(chunk):
                await outlet.write(out)
        last = stream.finish()
    except Failed as failed:
        last = stream.fail(failed.failure)
    finally:
        outlet.close()
    await outlet.finish(last)
    record.end(ExchangeOutcome.of(200, stream.failure))
    return outlet.response or web.Response()

"""OpenAI's routes beside its answers: embeddings and the completions of old, passed on as they are.

Nothing of them is translated: a profile without an OpenAI base has none of them. The model goes up
as it was asked for, since a profile's own is one that chats; a route, or the name of a profile
before it, counts.

https://platform.openai.com/docs/api-reference/embeddings, …/completions
"""

from __future__ import annotations

from collections.abc import Container

from aiohttp import web

from gwproxy.proxy.exchange.prepared import bridge_to
from gwproxy.proxy.failures import Failed, rejected
from gwproxy.proxy.inbound import answers
from gwproxy.proxy.inbound.client_stream import ClientStream
from gwproxy.proxy.incoming import Incoming
from gwproxy.proxy.record import ExchangeOutcome
from gwproxy.proxy.routing.route import Route
from gwproxy.proxy.upstream import headers
from gwproxy.proxy.upstream.client import UpstreamAnswer
from gwproxy.proxy.upstream.request import request_to
from gwproxy.translate.bridge import Bridge
from gwproxy.translate.relay import replace_model
from gwproxy.translate.wire.fields import Rejected
from gwproxy.translate.wire.jsonio import NotJson


async def answer(incoming: Incoming) -> web.StreamResponse:
    """The upstream's own answer, sent already when it is a stream. Raises Failed."""
    body = await incoming.body()
    asked, address = incoming.asks(body), incoming.address
    try:
        route = incoming.routes.as_asked(
            address.profile, asked.model, address.endpoint.name.lower()
        )
        sent = body if route.model == asked.model else replace_model(body, route.model)
    except (Rejected, NotJson) as error:
        raise Failed(rejected(error)) from None
    incoming.record.follow(route)
    incoming.record.generating = True
    bridge = bridge_to(route, incoming, asked, asked.stream)
    told = await passed_on(incoming, bridge, route, route.url, sent)
    assert told is not None
    return told


async def passed_on(
    incoming: Incoming,
    bridge: Bridge,
    route: Route,
    url: str,
    body: bytes,
    *,
    unless: Container[int] = (),
) -> web.StreamResponse | None:
    """The upstream's own answer, sent already when it is a stream; None where its status is one of
    `unless`. Raises Failed."""
    services, record = incoming.services, incoming.record
    key = await services.keys.get(route.profile)
    streams = record.streamed
    call = request_to(
        route, body, key, client=incoming.request.headers, faithful=True, streams=streams, url=url
    )
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
            return await relay(incoming, bridge, route, found)
        finally:
            found.close()


async def relay(
    incoming: Incoming, bridge: Bridge, route: Route, answer: UpstreamAnswer
) -> web.StreamResponse:
    """The client's answer: the bytes of `answer`, of a stream event by event. Raises Failed."""
    content_type = headers.printable(answer.headers.get("content-type", answers.JSON))
    head = incoming.head(content_type, route)
    head |= headers.towards_client(answer.headers, route.dialect)
    if not content_type.startswith("text/event-stream"):
        body = await answer.read_whole(incoming.services.limits.whole_answer_bytes)
        bridge.reply(body)  # for the usage that it tells, whatever else it is
        return answers.whole(body, head, answer.status)
    stream = bridge.stream()
    limits = incoming.services.limits
    outlet = ClientStream(incoming.request, stream.ping, lambda: head, limits)
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
    incoming.record.end(ExchangeOutcome.of(200, stream.failure))
    return outlet.response or web.Response()

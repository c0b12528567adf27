"""`POST /v1/responses/compact`: a conversation made short, outside of its turns.

Passed on where the upstream may have the route. Where it has not it is the order that stands at the
end of an input (`translate.responses.compaction`), which goes the way of every request for an
answer, and the answer to that is put into the form of this route.

https://platform.openai.com/docs/api-reference/responses/compact
"""

from __future__ import annotations

from typing import cast

from aiohttp import web

from gwproxy.proxy.exchange import failover
from gwproxy.proxy.exchange.prepared import bridge_to
from gwproxy.proxy.failures import Failed, rejected
from gwproxy.proxy.incoming import Incoming
from gwproxy.proxy.queries import passthrough
from gwproxy.proxy.queries.remote import UNKNOWN
from gwproxy.translate.bridge import RequestHead, request_head
from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import known_to_refuse
from gwproxy.translate.responses import compaction
from gwproxy.translate.wire.fields import Rejected
from gwproxy.translate.wire.jsonio import NotJson


async def answer(incoming: Incoming) -> web.StreamResponse:
    """The compacted conversation. Raises Failed; ConnectionError and CancelledError when the client
    has gone."""
    body = await incoming.body()
    try:
        asked = RequestHead(request_head(body).model)
        order = compaction.as_request(body)
        told = await _passed_on(incoming, asked, body)
    except (Rejected, NotJson) as error:
        raise Failed(rejected(error)) from None
    if told is not None:
        return told
    told = await failover.exchange(incoming, order)
    if told.status == 200:
        whole = cast(web.Response, told)
        whole.body = compaction.as_compacted(cast(bytes, whole.body), body)
    return told


async def _passed_on(
    incoming: Incoming, asked: RequestHead, body: bytes
) -> web.StreamResponse | None:
    """The upstream's own answer; None where it has no such route."""
    route, record = incoming.route(asked), incoming.record
    quirks = route.quirks
    if route.dialect != Dialect.RESPONSES or quirks.rebuild or known_to_refuse(quirks.compaction):
        return None
    record.model_asked = asked.model
    record.follow(route)
    record.generating = True
    bridge = bridge_to(route, incoming, asked, streams=False)
    sent = bridge.request(body)
    url = f"{route.url}/compact"
    return await passthrough.passed_on(incoming, bridge, route, url, sent, unless=UNKNOWN)

"""A client's request as it goes to one upstream, whole: what it leans on is there, it is translated
and has its key.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from gwproxy.proxy.failures import Failed
from gwproxy.proxy.inbound import answers
from gwproxy.proxy.incoming import Incoming
from gwproxy.proxy.records.conversations.turn import ConversationTurn, Setting
from gwproxy.proxy.routing.route import Route
from gwproxy.proxy.threads import off_the_loop
from gwproxy.proxy.upstream import headers
from gwproxy.proxy.upstream.request import NO_QUERY, UpstreamRequest, request_to
from gwproxy.translate.bridge import NO_IMAGES, Bridge, RequestHead, rejection
from gwproxy.translate.hub import Dialect


@dataclass(frozen=True, slots=True)
class Prepared:
    """`body` is the client's, with the earlier responses that its `turn` of a conversation leans on
    (of the Responses dialect alone); `bridge` has translated it, `call` is what goes out."""

    route: Route
    turn: ConversationTurn | None
    body: bytes
    bridge: Bridge
    call: UpstreamRequest


class Preparer:
    """Prepares one request for one profile, again and again as its route's quirks change. `factor`
    is what estimates of tokens are multiplied by."""

    def __init__(self, incoming: Incoming, asked: RequestHead, body: bytes, profile: str) -> None:
        self.factor = incoming.services.calibration.factor(profile)
        self._incoming = incoming
        self._asked = asked
        self._body = body

    async def turn(self, route: Route) -> ConversationTurn | None:
        """What it has to do with earlier ones; None in a dialect that has no memory. Raises Failed
        and Rejected."""
        if self._incoming.dialect != Dialect.RESPONSES:  # alone it has one (product.md §5)
            return None
        # One whose requests are rebuilt has no memory, or what asks for it is not passed on.
        native = route.dialect == Dialect.RESPONSES and not route.quirks.rebuild
        return await begin_turn(self._incoming, route, self._body, native=native)

    async def prepared(
        self, route: Route, turn: ConversationTurn | None, most_tokens: int | None = None
    ) -> Prepared:
        """The request for `route`. Raises Failed, Rejected and NotJson."""
        body = self._body if turn is None else turn.body
        streams = route.streams(self._asked.stream)
        bridge = bridge_to(route, self._incoming, self._asked, streams, self.factor, recalls=True)
        outgoing = await self.translated(bridge, body, most_tokens)
        losses = bridge.tally.losses
        if len(losses) and self._incoming.is_strict:
            lost = ", ".join(losses)
            raise Failed(rejection("", f"x-gwproxy-strict: this could not be carried: {lost}"))
        request, faithful, query = self._incoming.request, bridge.relays, NO_QUERY
        if request.query_string:
            pairs = request.query.items()
            query = headers.forwarded_query(pairs, route.dialect, faithful=faithful)
        call = request_to(
            route,
            outgoing,
            await self._incoming.services.keys.get(route.profile),
            client=request.headers,
            faithful=faithful,
            streams=streams,
            query=query,
        )
        return Prepared(route, turn, body, bridge, call)

    async def translated(self, bridge: Bridge, body: bytes, most_tokens: int | None) -> bytes:
        """The body for the upstream; a history that is to be summarised has at most so many tokens.
        Raises Rejected and NotJson."""
        limits, images = self._incoming.services.limits, NO_IMAGES
        addresses = await off_the_loop(lambda: bridge.image_addresses(body), body, limits)
        if addresses:
            images = await self._incoming.services.images.fetch(addresses)
        return await off_the_loop(lambda: bridge.request(body, images, most_tokens), body, limits)


def bridge_to(
    route: Route,
    incoming: Incoming,
    asked: RequestHead,
    streams: bool,
    factor: float = 1.0,
    *,
    recalls: bool = False,
) -> Bridge:
    """What translates between the client and the upstream of `route`, which `streams` or not and
    has its estimates multiplied by `factor`. `recalls` is whether thoughts are put back that the
    client has lost."""
    return Bridge(
        incoming.dialect,
        route.dialect,
        route.quirks,
        asked=asked,
        model=route.model,
        streams=streams,
        new_id=answers.new_id,
        created=int(time.time()),
        request_id=incoming.record.request_id,
        input_factor=factor,
        thoughts=incoming.services.thoughts.of(route.profile.name) if recalls else None,
    )


async def begin_turn(
    incoming: Incoming, route: Route, body: bytes, *, native: bool
) -> ConversationTurn:
    """What a request of the Responses dialect has to do with earlier ones; `native` where the
    upstream may know what we do not. Raises Failed and Rejected."""
    conversations = incoming.services.conversations
    setting = Setting(
        conversations,
        keeps=incoming.routes.config.store_responses and conversations.exists,
        maker=route.profile.name,
        native=native,
        remembers=route.quirks.keeps_responses,
        limits=incoming.services.limits,
        new_id=answers.new_id,
    )
    return await ConversationTurn.begin(setting, body)

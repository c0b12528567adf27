"""`count_tokens` and `input_tokens`: always answered, never billed.

The upstream's own endpoint is asked first where it has one, as the profile says or as one word has
shown (`counters`); any trouble there, and every other profile, gets the local estimate, corrected
by what the upstream has counted so far. Claude Code sends about 25 of these at once for `/context`.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web
from msgspec import Struct

from gwproxy.proxy.exchange.prepared import begin_turn, bridge_to
from gwproxy.proxy.failures import Failed, rejected
from gwproxy.proxy.inbound import answers
from gwproxy.proxy.incoming import Incoming
from gwproxy.proxy.queries.counters import NO_ROUTE, one_word, plausible
from gwproxy.proxy.routing.route import Route
from gwproxy.proxy.threads import off_the_loop
from gwproxy.proxy.upstream.request import request_to
from gwproxy.translate.bridge import Bridge, RequestHead
from gwproxy.translate.passes import tokens
from gwproxy.translate.registry import FACTS
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Rejected
from gwproxy.translate.wire.jsonio import NotJson

_LARGEST_COUNT_BYTES: Final = 64 * 1024
"""An answer is a few dozen bytes."""


class _Counted(Struct):
    input_tokens: int


_read_count = jsonio.decoder(_Counted)


async def count(incoming: Incoming) -> web.Response:
    """The answer to a `count_tokens` request. Raises Failed for what is not JSON at all."""
    body = await incoming.body()
    asked = incoming.asks(body)
    route = incoming.route(asked)
    bridge = _bridge(incoming, route, asked)
    counted = await _Upstream(incoming, route, bridge).count(body)
    head = incoming.head(route=route)
    if counted is None:
        counted = await _estimated(incoming, bridge, body)
        head["x-gwproxy-loss"] = "synth:count"
    return answers.whole(jsonio.dumps({"input_tokens": counted}), head)


async def count_input(incoming: Incoming) -> web.Response:
    """The answer to an `input_tokens` request of the Responses dialect, out of an estimate: of its
    providers none is known to have the route. Raises Failed."""
    body = await incoming.body()
    asked = incoming.asks(body)
    route = incoming.route(asked)
    bridge = _bridge(incoming, route, asked)
    try:
        turn = await begin_turn(incoming, route, body, native=False)
    except (NotJson, Rejected) as error:
        raise Failed(rejected(error)) from None
    head = incoming.head(route=route) | {"x-gwproxy-loss": "synth:count"}
    counted = await _estimated(incoming, bridge, turn.body)
    told = {"object": "response.input_tokens", "input_tokens": counted}
    return answers.whole(jsonio.dumps(told), head)


def _bridge(incoming: Incoming, route: Route, asked: RequestHead) -> Bridge:
    incoming.record.follow(route)
    factor = incoming.services.calibration.factor(route.profile.name)
    return bridge_to(route, incoming, asked, streams=False, factor=factor)


async def _estimated(incoming: Incoming, bridge: Bridge, body: bytes) -> int:
    return await off_the_loop(lambda: _estimate(bridge, body), body, incoming.services.limits)


def _estimate(bridge: Bridge, body: bytes) -> int:
    try:
        return bridge.estimate(body)
    except Rejected:
        # A block that we do not know has a size all the same.
        return max(1, round(len(body) / tokens.BYTES_PER_TOKEN))


class _Upstream(Struct, frozen=True):
    """The upstream's own endpoint, asked with the headers of one request."""

    incoming: Incoming
    route: Route
    bridge: Bridge

    async def count(self, body: bytes) -> int | None:
        """The upstream's own count; None when it cannot be had or is not to be believed."""
        wanted, url = self.route.quirks.count_tokens, self.route.profile.url("count_tokens")
        if wanted == "local" or url is None or not FACTS[self.route.dialect].counted:
            return None
        counters, counter = self.incoming.services.counters, (url, self.route.model)
        if wanted == "auto" and not await counters.has(counter, lambda: self._counts(url)):
            return None
        try:
            counting = await off_the_loop(
                lambda: self.bridge.count_request(body), body, self.incoming.services.limits
            )
            status, counted = await self._ask(url, counting)
        except (Failed, Rejected, NotJson, TimeoutError):
            return None
        if wanted == "auto" and status in NO_ROUTE:
            counters.learn(counter, counts=False)
        return counted

    async def _counts(self, url: str) -> bool | None:
        """Whether the endpoint is there and counts as a tokenizer does; None where one try does
        not show it: a key, a limit or a fault says nothing about the route."""
        try:
            status, counted = await self._ask(url, one_word(self.route.model))
        except NotJson:
            return False
        except (Failed, TimeoutError):
            return None
        return plausible(counted) if status == 200 else False if status in NO_ROUTE else None

    async def _ask(self, url: str, outgoing: bytes) -> tuple[int, int | None]:
        """The status, and the count of an answer that is one. Raises Failed, NotJson and
        TimeoutError."""
        services, route = self.incoming.services, self.route
        async with asyncio.timeout(services.limits.count_s):
            key = await services.keys.get(route.profile)
            call = request_to(
                route,
                outgoing,
                key,
                client=self.incoming.request.headers,
                faithful=self.bridge.relays,
                url=url,
            )
            answer = await services.upstream.send(call)
            try:
                if not answer.ok:
                    return answer.status, None
                body = await answer.read_whole(_LARGEST_COUNT_BYTES)
                return answer.status, _read_count(body).input_tokens
            finally:
                answer.close()

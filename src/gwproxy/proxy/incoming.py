"""A client's request that was let in, and all that it takes to answer it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import web

from gwproxy.proxy.failures import Failed, rejected
from gwproxy.proxy.inbound import answers
from gwproxy.proxy.inbound.body import read_body
from gwproxy.proxy.inbound.endpoints import Address
from gwproxy.proxy.record import ExchangeRecord
from gwproxy.proxy.routing.route import Route, Routes
from gwproxy.proxy.services import Services
from gwproxy.proxy.upstream import headers
from gwproxy.translate.bridge import RequestHead, request_head
from gwproxy.translate.hub import Dialect
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Rejected


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request, what it is for, and the routes in force when it came. `dialect` is its client's;
    what becomes known of it goes into `record`."""

    services: Services
    routes: Routes
    request: web.BaseRequest
    address: Address
    dialect: Dialect
    record: ExchangeRecord

    @property
    def is_strict(self) -> bool:
        """Whether it is to be refused rather than changed."""
        return self.request.headers.get("x-gwproxy-strict") == "1"

    async def body(self) -> bytes:
        """The whole body, unpacked. Raises Failed."""
        most_bytes = self.routes.config.serve.max_body_bytes
        return await read_body(self.request, most_bytes, self.services.limits)

    def asks(self, body: bytes) -> RequestHead:
        """The model of `body` and its wish for a stream, which the record then has, too. Raises
        Failed."""
        try:
            asked = request_head(body)
        except Rejected as error:
            raise Failed(rejected(error)) from None
        self.record.model_asked, self.record.streamed = asked.model, asked.stream
        return asked

    def route(self, asked: RequestHead) -> Route:
        """The route of what is `asked`, with what its upstream has taught. Raises Failed."""
        found = self.routes.find(self.address.profile, asked.model, self.dialect)
        return self.services.healing.informed(found)

    def head(self, content_type: str = answers.JSON, route: Route | None = None) -> dict[str, str]:
        """The headers of its answer, which came by `route`."""
        head = answers.head(self.dialect, self.record.request_id, content_type)
        if route is not None:
            head["x-gwproxy-route"] = headers.printable(route.header)
        return head

    def answer(self, value: object) -> web.Response:
        """An answer of our own, `value` as JSON."""
        return answers.whole(jsonio.dumps(value), self.head())


EndpointHandler: TypeAlias = Callable[[Incoming], Awaitable[web.StreamResponse]]
"""Gives the answer to one kind of request; a stream is sent already when it comes back. Raises
Failed, and ConnectionError or CancelledError when the client has gone."""

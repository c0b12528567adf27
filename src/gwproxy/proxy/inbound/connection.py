"""Our variant of aiohttp's server connection: slow heads end, and bad ones get JSON.

aiohttp waits for the rest of a request head for ever; 200 dripping sockets would stay. And it
answers what it cannot parse in plain text, with a traceback in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from gwproxy.proxy import failures
from gwproxy.proxy.limits import Limits
from gwproxy.proxy.log import LOGGER
from gwproxy.translate.bridge import render_failure
from gwproxy.translate.hub import Dialect

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Connection(web.RequestHandler):
    """One client connection. The handler says when an exchange begins and ends."""

    __slots__ = ("_busy", "_head_s", "_head_timer")

    def __init__(self, manager: web.Server, *, head_s: float, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self._head_s = head_s
        self._head_timer: asyncio.TimerHandle | None = None
        self._busy = False

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # A head that is whole waits among the messages; nearly all come in one piece.
        if self._head_timer is None and not self._busy and not self._messages:
            self._head_timer = self._loop.call_later(self._head_s, self.force_close)

    def begin_exchange(self) -> None:
        """Stop the clock of the head, which is complete: its body has limits of its own."""
        self._busy = True
        self._drop_timer()

    def end_exchange(self) -> None:
        """Let the clock of the next head run once it begins."""
        self._busy = False

    def connection_lost(self, exc: BaseException | None) -> None:
        self._drop_timer()
        super().connection_lost(exc)

    def _drop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what could not be parsed as HTTP. Nothing is known of the caller; the
        Anthropic envelope is one that both families of SDKs can read."""
        # Only the first line: the next ones quote the request, which may hold a token.
        words = (message or "malformed").splitlines()[0].rstrip(":")
        LOGGER.debug("a request could not be read: %s", words)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun; only the connection can be closed")
        failure = failures.internal()
        if status < 500:
            failure = failures.malformed_body(f"this is not HTTP: {words}")
        answer = render_failure(Dialect.ANTHROPIC, failure, "")
        response = web.Response(
            status=answer.status,
            body=answer.body,
            headers={"content-type": "application/json", "server": "gwproxy"},
        )
        response.force_close()
        return response


class Server(web.Server):
    """Makes a Connection for each client: every default of aiohttp that would break this product is
    set by name."""

    def __init__(self, handler: Handler, limits: Limits) -> None:
        super().__init__(
            handler,
            # False: a client that leaves would let its upstream call run on, and be billed.
            handler_cancellation=True,
        )
        self._limits = limits

    def __call__(self) -> web.RequestHandler:
        limits = self._limits
        return Connection(
            self,
            head_s=limits.head_s,
            loop=asyncio.get_running_loop(),
            # 3630 s by default.
            keepalive_timeout=limits.keepalive_s,
            lingering_time=limits.linger_s,
            # The default one logs the URL with its query, in which people put tokens.
            access_log=None,
            logger=LOGGER,
            max_line_size=limits.request_line_bytes,
            max_field_size=limits.header_bytes,
            max_headers=limits.headers,
            # Request bodies are unpacked by ourselves, with a limit (CVE-2025-69223).
            auto_decompress=False,
        )

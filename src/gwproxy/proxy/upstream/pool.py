"""Our variant of aiohttp's pool: one answer for each request, connections of one owner each, and
none that is known to be dead before a byte is sent.

aiohttp 3.14 reads what an upstream says beyond its answer as the answer to the next request; keys
its pool by the address, so that this request can be another profile's; and tells the reader of an
answer nothing where its C parser closes the connection at a malformed chunk, so that it waits for
ever (3.14.5). What we rely on beyond its documentation, and what tests/proxy/test_pool.py guards:

- `TCPConnector._factory` makes the connections;
- `ResponseHandler` hears of each request by `set_response_params`, gets all bytes by
  `data_received`, and gives the head of each answer, 1xx too, to its own `feed_data`;
- its `_parser` is a new one for each request; once an answer has ended, `feed_eof` of that returns
  something, or raises, where more has begun;
- a body's `_buffer` holds what was not read yet, piece by piece, and `_http_chunk_splits` where its
  chunks end, which only `readchunk` asks;
- it counts silence by `_reschedule_timeout` and `_drop_timeout`, ends it by `_on_read_timeout`, and
  keeps its timer in `_read_timeout_handle`;
- the pool asks `is_connected` of a connection before it uses it again, and closes it after a no;
- `ClientRequest.write_bytes` sends the head together with the first of the body, and what the
  connection was given by `set_exception` is raised to whoever waits for the answer;
- `ClientRequest.connection_key` decides which connections a request may use.
"""

from __future__ import annotations

import asyncio
import functools
import math
import re
import select
import sys
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final

import aiohttp
from aiohttp.client_middlewares import ClientHandlerType, ClientMiddlewareType
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.streams import EmptyStreamReader

from gwproxy.proxy.limits import Limits
from gwproxy.proxy.log import LOGGER
from gwproxy.proxy.upstream.surroundings import Surroundings

_STEADY_S: Final = 1.0
"""How long the way to a host is taken for the same: to ask the kernel takes 20 µs, which a burst of
requests would feel, and no person changes networks between two of them."""


_EARLIER_S: Final = 1.0
"""How long before a host hangs up a connection is given up: a request is on its way for that long
at the most."""

_TIMEOUT: Final = re.compile(r"\btimeout\s*=\s*(\d{1,6})", re.ASCII | re.IGNORECASE)


class NeverSent(aiohttp.ServerDisconnectedError):
    """The connection was lost before the first byte of the request was written."""


class _Connection(ResponseHandler):
    """One connection to an upstream."""

    def __init__(self, loop: asyncio.AbstractEventLoop, surroundings: Surroundings) -> None:
        super().__init__(loop)
        self._answer: aiohttp.StreamReader | None = None  # its body, from the head on
        self._used_before = False
        self._surroundings = surroundings
        self._sleeps = surroundings.sleeps
        self._peer: Any = None
        self._way: str | None = None
        self._heard_s = 0.0
        self._patience_s = math.inf
        self._way_known_s = 0.0
        self._silent_until_s = math.inf
        self._waits: Callable[[], object] = _nothing

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._peer = transport.get_extra_info("peername")
        self._waits = _look_at(transport)
        self._way = self._surroundings.way_to(self._peer)
        self._way_known_s = self._surroundings.awake()

    def set_response_params(self, **how: Any) -> None:
        self._used_before = self._answered
        self._answer = None
        self._sleeps = self._surroundings.sleeps
        super().set_response_params(**how)

    def is_connected(self) -> bool:
        """Whether a request may be sent on it, as far as that can be known before."""
        if not super().is_connected():
            return False
        # A new one has just shown that it lives, and with TLS there is something to read on it.
        dead = self._why_dead() if self._answered or self._used_before else ""
        if dead:
            LOGGER.debug("a connection to an upstream is not used again: %s", dead)
        return not dead

    def _why_dead(self) -> str:
        if self._surroundings.sleeps != self._sleeps:
            return "the machine has slept"
        if self._surroundings.awake() - self._heard_s > self._patience_s - _EARLIER_S:
            return "its host is about to hang up, as it has said"
        if self._is_elsewhere():
            return "the way to it is another one now"
        # Its end, or something that nobody asked for; the loop has not come to read it yet.
        return "something waits on it" if self._waits() else ""

    def feed_data(self, data: Any, size: int = 0) -> None:
        if self._answer is not None:
            self._close_at_surplus()
            return
        message, body = data
        if message.code == 101 or not 100 <= message.code < 200:
            self._answer = body
            self._patience_s = _patience_of(message.headers)
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        if data and self._answered:
            # Known of HAProxy: a 408 before it closes a connection that was idle for too long.
            self._close_at_surplus()
            return
        super().data_received(data)
        self._heard_s = self._surroundings.awake()
        if self._answer is not None:
            _join(self._answer)
        if self._answered and self._more_has_begun():
            self._close_at_surplus()

    def _is_elsewhere(self) -> bool:
        now_s = self._surroundings.awake()
        if now_s - self._way_known_s < _STEADY_S:
            return False
        self._way_known_s = now_s
        way = self._surroundings.way_to(self._peer)
        return None not in (way, self._way) and way != self._way

    @property
    def _answered(self) -> bool:
        return self._answer is not None and self._answer.is_eof()

    def _more_has_begun(self) -> bool:
        """Whether a part of something else came with the end of the answer."""
        if self._parser is None:
            return False
        try:
            return self._parser.feed_eof() is not None
        except Exception:  # noqa: BLE001 -- whatever the parser says of it, it is there
            return True

    def _close_at_surplus(self) -> None:
        """The answer itself is here, and stays with its reader."""
        if self.transport is None:
            return
        LOGGER.debug("an upstream said more than its answer; its connection is not used again")
        self.force_close()
        self.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self._read_timeout_handle is not None:
            self._read_timeout_handle.cancel()
            self._read_timeout_handle = None
        answer, self._answer = self._answer, None
        if answer is not None and not answer.is_eof() and answer.exception() is None:
            answer.set_exception(aiohttp.ClientPayloadError("the connection ended"))

    # aiohttp takes a new timer for each piece that comes. Here one waits as long as the connection
    # lives, and looks when it is due whether anything has come meanwhile.

    def _reschedule_timeout(self) -> None:
        patience_s = self._read_timeout
        if not patience_s:
            self._drop_timeout()
            return
        self._silent_until_s = until_s = self._loop.time() + patience_s
        timer = self._read_timeout_handle
        if timer is not None and timer.when() > until_s:
            timer.cancel()
            timer = None
        if timer is None:
            self._read_timeout_handle = self._loop.call_at(until_s, self._on_read_timeout)

    def _drop_timeout(self) -> None:
        self._silent_until_s = math.inf

    def _on_read_timeout(self) -> None:
        self._read_timeout_handle = None
        if self._silent_until_s <= self._loop.time():
            super()._on_read_timeout()
        elif self._silent_until_s < math.inf:
            self._read_timeout_handle = self._loop.call_at(
                self._silent_until_s, self._on_read_timeout
            )

    def resume_reading(self, *how: Any, **named: Any) -> None:
        # aiohttp does it after each piece that is read of an answer, paused or not, and runs its
        # parser for it. A read of a stream has hundreds of pieces.
        if self._reading_paused:
            super().resume_reading(*how, **named)


def _patience_of(headers: Mapping[str, str]) -> float:
    """How long a host says that it keeps an idle connection: `Keep-Alive: timeout=5` is what Node's
    servers say by default (https://nodejs.org/api/http.html#serverkeepalivetimeout)."""
    said = _TIMEOUT.search(headers.get("keep-alive", ""))
    return float(said[1]) if said else math.inf


def _nothing() -> bool:
    return False


def _look_at(transport: asyncio.BaseTransport) -> Callable[[], object]:
    """What looks, as long as `transport` is open, whether there is anything to be read from it:
    bytes, an end, or an error."""
    plain = transport.get_extra_info("socket")
    if plain is None or plain.fileno() < 0:
        return _nothing
    if sys.platform == "win32":

        def look() -> object:
            return select.select([plain.fileno()], [], [], 0)[0]

    else:  # `select` itself stops at descriptor 1023.
        poll = select.poll()
        poll.register(plain.fileno(), select.POLLIN)
        look = functools.partial(poll.poll, 0)
    return look


def _join(body: aiohttp.StreamReader) -> None:
    """Make one piece of what waits in `body`. A burst has a chunk for each event, and aiohttp takes
    each out on its own: a fifth of what it cost to relay it."""
    if isinstance(body, EmptyStreamReader):
        return
    waiting = body._buffer
    if len(waiting) < 2 or body._buffer_offset:
        return
    whole = b"".join(waiting)
    waiting.clear()
    waiting.append(whole)
    if body._http_chunk_splits:
        body._http_chunk_splits.clear()


def _connection(loop: asyncio.AbstractEventLoop, surroundings: Surroundings) -> ResponseHandler:
    return _Connection(loop, surroundings)


class PooledRequest(aiohttp.ClientRequest):
    """A request that uses the connections of its owner, and no others. `lost` says that none of it
    was written, for its connection had ended."""

    owner: Hashable = None
    lost = False

    async def write_bytes(self, writer: Any, conn: Any, content_length: int | None = None) -> None:
        # The head waits in `writer` for the body; what is written, perhaps, has reached the host.
        protocol = conn.protocol
        if protocol is not None and not protocol.is_connected():
            self.lost = True
            protocol.set_exception(NeverSent())
            return
        await super().write_bytes(writer, conn, content_length)

    @property
    def connection_key(self) -> ConnectionKey:
        key = super().connection_key
        # The one part that is nothing but compared, and that we have no other use for.
        return key._replace(proxy_headers_hash=self.owner)  # type: ignore[arg-type]


def owned_by(owner: Hashable) -> ClientMiddlewareType:
    """What makes a request `owner`'s; for a session whose `request_class` is `PooledRequest`."""

    async def own(
        request: aiohttp.ClientRequest, send: ClientHandlerType
    ) -> aiohttp.ClientResponse:
        assert isinstance(request, PooledRequest)
        request.owner = owner
        try:
            return await send(request)
        except aiohttp.ClientConnectionError:
            # Whatever came first of the connection's end and our own word.
            if request.lost:
                raise NeverSent from None
            raise

    return own


def connector(limits: Limits, surroundings: Surroundings) -> aiohttp.TCPConnector:
    """The pool of all connections to upstreams. Made inside the running loop."""
    pool = aiohttp.TCPConnector(
        limit=0,  # 100 by default: the 101st stream waits for another to end
        keepalive_timeout=limits.pool_keepalive_s,
        ttl_dns_cache=limits.dns_cache_s,
    )
    pool._factory = functools.partial(
        _connection, loop=asyncio.get_running_loop(), surroundings=surroundings
    )
    return pool

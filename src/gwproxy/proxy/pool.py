"""Our variant of aiohttp's upstream connection: its end ends the reading of its answer, and what is
not paused is not resumed. tests/proxy/test_pool.py guards the inside of aiohttp that it rests on.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from gwproxy.proxy.limits import Limits


class _Connection(ResponseHandler):
    """One connection to an upstream."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._answer: aiohttp.StreamReader | None = None  # its body, from the head on

    def set_response_params(self, **how: Any) -> None:
        self._answer = None
        super().set_response_params(**how)

    def feed_data(self, data: Any, size: int = 0) -> None:
        message, body = data
        if message.code == 101 or not 100 <= message.code < 200:
            self._answer = body
        super().feed_data(data, size)

    def connection_lost(self, exc: BaseException | None) -> None:
        # aiohttp's C parser closes the connection at a malformed chunk and tells the reader
        # nothing: it waits for ever, and not even the read timeout is left (seen with 3.14.5).
        super().connection_lost(exc)
        answer, self._answer = self._answer, None
        if answer is not None and not answer.is_eof() and answer.exception() is None:
            answer.set_exception(aiohttp.ClientPayloadError("the connection ended"))

    def resume_reading(self, *how: Any, **named: Any) -> None:
        # aiohttp does it after each piece that is read of an answer, paused or not, and runs its
        # parser for it. A read of a stream has hundreds of pieces.
        if self._reading_paused:
            super().resume_reading(*how, **named)


def _connection(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return _Connection(loop)


def connector(limits: Limits) -> aiohttp.TCPConnector:
    """The pool of all connections to upstreams. Made inside the running loop."""
    pool = aiohttp.TCPConnector(
        limit=0,  # 100 by default: the 101st stream waits for another to end
        keepalive_timeout=limits.pool_keepalive_s,
        ttl_dns_cache=limits.dns_cache_s,
    )
    pool._factory = functools.partial(_connection, loop=asyncio.get_running_loop())
    return pool

"""Our variant of aiohttp's upstream connection: what is not paused is not resumed.

aiohttp 3.14 resumes a connection after each piece that is read of an answer, paused or not, and
runs its parser for it. A read of a stream has hundreds of pieces.
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

    def resume_reading(self, *how: Any, **named: Any) -> None:
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
    # No public way leads there. Where the names change, its own connections do the same, slower.
    if hasattr(pool, "_factory") and hasattr(_Connection, "_reading_paused"):
        pool._factory = functools.partial(_connection, loop=asyncio.get_running_loop())
    return pool

"""Our variant of aiohttp's connection, byte by byte: these fail where a later aiohttp differs."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from gwproxy.proxy import pool
from gwproxy.proxy.limits import Limits


class Transport(asyncio.Transport):
    """Knows whether it was closed, and how often it was told to read on."""

    def __init__(self) -> None:
        super().__init__()
        self.resumed = 0
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None:
        self.resumed += 1


async def opened() -> tuple[Any, Transport]:
    """A connection on which a request has been sent."""
    async with pool.connector(Limits()) as connector:
        connection, transport = connector._factory(), Transport()
    connection.connection_made(transport)
    connection.set_response_params()
    return connection, transport


async def answer_of(connection: Any) -> tuple[int, bytes]:
    """The answer that whoever sent the request is given."""
    async with asyncio.timeout(5):
        while True:
            message, body = await connection.read()
            if message.code >= 200:
                return message.code, await body.read()


async def test_only_a_paused_connection_is_resumed() -> None:
    connection, transport = await opened()
    connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx")
    for _ in range(3):
        connection.resume_reading()
    assert transport.resumed == 0
    connection.pause_reading()
    for _ in range(3):
        connection.resume_reading()
    assert transport.resumed == 1


async def test_a_malformed_chunk_ends_the_reading_of_its_answer() -> None:
    connection, transport = await opened()
    connection.data_received(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
    connection.data_received(b"no size\r\n")
    assert transport.closed
    connection.connection_lost(None)
    with pytest.raises(aiohttp.ClientPayloadError):
        await answer_of(connection)

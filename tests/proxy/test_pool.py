"""Connections to upstreams: what is not paused is not resumed, and what is paused is."""

from __future__ import annotations

import asyncio

from gwproxy.proxy import pool
from gwproxy.proxy.limits import Limits


class Transport(asyncio.Transport):
    """Counts how often it is told to read on."""

    def __init__(self) -> None:
        super().__init__()
        self.resumed = 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None:
        self.resumed += 1


async def test_only_a_paused_connection_is_resumed() -> None:
    async with pool.connector(Limits()) as connector:
        connection, transport = connector._factory(), Transport()
        connection.connection_made(transport)
        connection.set_response_params()
        connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx")
        for _ in range(3):
            connection.resume_reading()
        assert transport.resumed == 0
        connection.pause_reading()
        for _ in range(3):
            connection.resume_reading()
        assert transport.resumed == 1

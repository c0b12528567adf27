"""Our variant of aiohttp's connection, byte by byte: these fail where a later aiohttp differs."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from gwproxy.proxy.limits import Limits
from gwproxy.proxy.upstream import pool
from gwproxy.proxy.upstream.surroundings import Surroundings

WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst"
ANSWERS = {
    "whole": WHOLE,
    "chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\n",
    "refused": b"HTTP/1.1 429 X\r\ncontent-length: 5\r\n\r\nfirst",
    "empty": b"HTTP/1.1 204 X\r\n\r\n",
    "after a hint": b"HTTP/1.1 103 X\r\nlink: </a>\r\n\r\n" + WHOLE,
}
MORE = {
    "an answer": b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond",
    "a hint": b"HTTP/1.1 103 X\r\n\r\n",
    "the beginning of one": b"HTTP/1.1 2",
}


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
    async with pool.connector(Limits(), Surroundings()) as connector:
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


@pytest.mark.parametrize("answer", ANSWERS)
async def test_a_connection_serves_one_request_after_another(answer: str) -> None:
    said = ANSWERS[answer]
    connection, transport = await opened()
    for cut in range(1, len(said)):
        connection.data_received(said[:cut])
        connection.data_received(said[cut:])
        status, body = await answer_of(connection)
        assert (str(status) in said.decode(), body) == (True, b"" if status == 204 else b"first")
        assert not connection.should_close
        assert not transport.closed
        connection.set_response_params()


@pytest.mark.parametrize("more", MORE)
@pytest.mark.parametrize("answer", ANSWERS)
async def test_what_comes_beyond_an_answer_closes_the_connection(answer: str, more: str) -> None:
    """Wherever it is cut: with the answer, with its end, in part with its end, or behind it."""
    said = ANSWERS[answer] + MORE[more]
    for cut in range(len(said)):
        connection, transport = await opened()
        for piece in filter(None, (said[:cut], said[cut:])):
            connection.data_received(piece)
        assert transport.closed, said[:cut]
        connection.connection_lost(None)
        _, body = await answer_of(connection)
        assert body == (b"" if answer == "empty" else b"first")
        assert not len(connection), "nothing lies there for another request"


@pytest.mark.parametrize("more", [b"\r\n", b"junk", b"\0"])
async def test_a_connection_that_waits_for_nothing_is_closed_by_anything(more: bytes) -> None:
    connection, transport = await opened()
    connection.data_received(WHOLE)
    connection.data_received(more)
    assert transport.closed
    assert await answer_of(connection) == (200, b"first")


async def test_a_malformed_chunk_ends_the_reading_of_its_answer() -> None:
    connection, transport = await opened()
    connection.data_received(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
    connection.data_received(b"no size\r\n")
    assert transport.closed
    connection.connection_lost(None)
    with pytest.raises(aiohttp.ClientPayloadError):
        await answer_of(connection)


@pytest.mark.parametrize("many", [500, 40_000])
async def test_the_chunks_of_a_burst_are_read_in_one_step(many: int) -> None:
    """And none is lost where so many come that aiohttp stops reading for a while."""
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    connection, _ = await opened()
    connection.data_received(head + b"2\r\nab\r\n" * many + b"0\r\n\r\n")
    _, body = await connection.read()
    assert body._http_chunk_splits is not None
    assert len(body._buffer) == 1
    async with asyncio.timeout(5):
        assert await body.read() == b"ab" * many


# --- silence -------------------------------------------------------------------------------------


def timers_of(connection: Any) -> list[asyncio.TimerHandle]:
    """Those that the loop holds for it, and that nobody has cancelled."""
    held: list[asyncio.TimerHandle] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return [
        one
        for one in held
        if not one.cancelled() and getattr(one._callback, "__self__", None) is connection  # type: ignore[attr-defined]
    ]


async def test_a_connection_has_one_timer_however_much_comes_on_it() -> None:
    connection, _ = await opened()
    for _ in range(3):
        connection.set_response_params(read_timeout=600)
        connection.start_timeout()
        for byte in WHOLE:
            connection.data_received(bytes([byte]))
        assert await answer_of(connection) == (200, b"first")
    assert len(timers_of(connection)) == 1
    connection.connection_lost(None)
    assert timers_of(connection) == []


async def test_the_end_of_silence_moves_with_what_comes_and_with_the_patience(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection, _ = await opened()
    now_s = 1000.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now_s)
    connection.set_response_params(read_timeout=60)
    connection.start_timeout()
    now_s += 59
    connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx")
    (timer,) = timers_of(connection)
    assert timer.when() == 1060
    now_s += 2
    timer.cancel()
    connection._on_read_timeout()
    assert connection.exception() is None, "something came two seconds ago"
    (timer,) = timers_of(connection)
    assert timer.when() == 1119
    connection.read_timeout = 10
    connection.data_received(b"y")
    (timer,) = timers_of(connection)
    assert timer.when() == 1071
    now_s += 10
    timer.cancel()
    connection._on_read_timeout()
    assert isinstance(connection.exception(), aiohttp.SocketTimeoutError)
    assert timers_of(connection) == []


async def test_nobody_is_silent_on_a_connection_that_waits_for_nothing() -> None:
    connection, transport = await opened()
    connection.set_response_params(read_timeout=60)
    connection.start_timeout()
    connection.data_received(WHOLE)
    (timer,) = timers_of(connection)
    timer.cancel()
    connection._on_read_timeout()
    assert connection.exception() is None
    assert timers_of(connection) == []
    assert not transport.closed

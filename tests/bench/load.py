"""The load of the benches: connections that ask again as soon as they are answered."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

TOKEN: Final = "bench-token-0123456789"
_STAMP: Final = re.compile(rb"@(\d{16})")


@dataclass
class Times:
    """Milliseconds: from a request to its first word, and from the provider to us for each word."""

    first: list[float] = field(default_factory=list)
    each: list[float] = field(default_factory=list)


class Load(asyncio.Protocol):
    """One connection that asks until `take` has nothing more."""

    def __init__(self, ending: bytes, take: Callable[[], bytes], times: Times | None) -> None:
        self._ending = ending
        self._take = take
        self._times = times
        self._tail = b""
        self._asked_s = 0.0
        self._waits = True  # for the first word
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        self._tail = b""
        if request := self._take():
            self._asked_s, self._waits = time.monotonic(), True
            self._transport.write(request)
        else:
            self._transport.close()
            self.over.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._times is not None:
            self._note(data, self._times)
        self._tail = (self._tail + data)[-65536:]
        if self._tail.startswith(b"HTTP/1.1 ") and not self._tail.startswith(b"HTTP/1.1 200"):
            raise SystemExit(self._tail.decode())
        if self._tail.endswith(b"0\r\n\r\n") or self._is_whole():
            if self._ending not in self._tail:
                raise SystemExit(f"not the expected answer: {self._tail[-300:]!r}")
            self._next()

    def _note(self, data: bytes, times: Times) -> None:
        now_s = time.monotonic()
        for stamp in _STAMP.finditer(data):
            times.each.append(now_s * 1000 - int(stamp[1]) / 1000)
            if self._waits:
                self._waits = False
                times.first.append((now_s - self._asked_s) * 1000)

    def _is_whole(self) -> bool:
        head, separator, body = self._tail.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return bool(separator and length) and len(body) == int(length)


async def drive(
    port: int,
    path: str,
    bodies: Iterator[bytes],
    ending: bytes,
    connections: int,
    times: Times | None = None,
) -> None:
    """Ask for all of `bodies`, in their order, over so many connections."""

    def take() -> bytes:
        body = next(bodies, b"")
        return body and _posted(path, body)

    loop = asyncio.get_running_loop()
    loads = []
    for _ in range(connections):
        _, load = await loop.create_connection(lambda: Load(ending, take, times), "127.0.0.1", port)
        loads.append(load)
    await asyncio.gather(*(load.over for load in loads))


def _posted(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {TOKEN}\r\n"
    head += f"User-Agent: bench/1\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body

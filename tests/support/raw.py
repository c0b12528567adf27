"""A client on a raw socket, for requests that no HTTP library would send."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

_PATIENCE_S: Final = 30.0


@dataclass
class RawAnswer:
    """One parsed HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class RawClient:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: bytes = field(default=b"")

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, bodiless: bool = False) -> RawAnswer:
        """The next answer, `bodiless` where it is one to HEAD; fails when there is none."""
        async with asyncio.timeout(_PATIENCE_S):
            return await self._answer(bodiless)

    async def _answer(self, bodiless: bool) -> RawAnswer:
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head[:-4].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if bodiless:
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = await self._chunked()
        else:
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return RawAnswer(int(lines[0].split(" ")[1]), headers, body)

    async def _chunked(self) -> bytes:
        parts = []
        while True:
            size = int((await self.reader.readline()).strip(), 16)
            parts.append(await self.reader.readexactly(size))
            await self.reader.readline()
            if size == 0:
                return b"".join(parts)

    async def rest(self) -> bytes:
        """Everything until the gateway closes; fails when it does not."""
        async with asyncio.timeout(_PATIENCE_S):
            return await self.reader.read()

    async def closed(self) -> bool:
        """Whether the gateway has closed the connection, also by a reset."""
        try:
            return await self.rest() == b""
        except ConnectionError:
            return True


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[RawClient]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()


async def said(port: int, request: bytes) -> bytes:
    """All that the gateway says to `request` until it closes the connection."""
    async with connected(port) as client:
        await client.send(request)
        try:
            return await client.rest()
        except ConnectionError:
            return b""


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

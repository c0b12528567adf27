"""Puts a reply on the wire, in good order or as a `Delivery` has it go wrong."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import struct
import zlib
from dataclasses import replace

from aiohttp import web

from gwproxy.simulator.faults import Delivery, Ending
from gwproxy.simulator.memory import Memory, PlayedOutcome, Recorded
from gwproxy.simulator.play import PlayedReply

# zlib: gzip framing around deflate.
GZIP_WINDOW_BITS = 31


async def deliver(
    request: web.Request, reply: PlayedReply, delivery: Delivery, memory: Memory, recorded: Recorded
) -> web.StreamResponse:
    """The response, after it was sent; one that a fault cuts off does not return, it ends with its
    connection."""
    await _pause(delivery.head_after_s, memory)
    if delivery.then is Ending.ERROR_EVENT and not reply.streamed:
        # A whole answer's form of it: 200, and the error envelope as its body.
        frames = reply.broken_off(delivery, 0)
        delivery = replace(delivery, then=None)
    else:
        frames = reply.frames
    recorded.status, recorded.streamed = reply.status, reply.streamed
    wire = _Wire(request, reply, frames, delivery)
    await wire.response.prepare(request)
    for sent, frame in enumerate(frames):
        if delivery.then and sent >= delivery.after_events:
            break
        await _pause(delivery.gap_s, memory)
        await wire.send(frame)
    else:
        sent = len(frames)
    if delivery.then:
        if delivery.then is not Ending.SILENCE:
            # Silence breaks nothing by itself: the client decides how it ends.
            recorded.close(PlayedOutcome.BROKEN)
        await _end(wire, frames[sent : sent + 1], reply.broken_off(delivery, sent), memory)
    await wire.finish()
    recorded.close(PlayedOutcome.ANSWERED if reply.status < 400 else PlayedOutcome.REFUSED)
    return wire.response


async def _end(
    wire: _Wire, following: tuple[bytes, ...], failure: tuple[bytes, ...], memory: Memory
) -> None:
    match wire.delivery.then:
        case Ending.CUT:
            await wire.cut(memory)
        case Ending.CUT_INSIDE:
            for frame in following:
                await wire.send(frame[: max(1, len(frame) // 2)])
            await wire.cut(memory)
        case Ending.RESET:
            await wire.reset(memory)
        case Ending.SILENCE:
            await _pause(math.inf, memory)
        case Ending.ERROR_EVENT:
            for frame in failure:
                await wire.send(frame)


async def _pause(seconds: float, memory: Memory) -> None:
    """Waits; the simulator's own end cuts every wait short."""
    if seconds > 0:
        limit = None if math.isinf(seconds) else seconds
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(memory.closing.wait(), limit)


class _Wire:
    """One response being written: splits, compresses, breaks."""

    def __init__(
        self,
        request: web.Request,
        reply: PlayedReply,
        frames: tuple[bytes, ...],
        delivery: Delivery,
    ) -> None:
        self._request = request
        self.delivery = delivery
        headers = {"content-type": reply.content_type} | dict(reply.headers)
        if reply.streamed:
            headers["cache-control"] = "no-cache"
        if delivery.gzip:
            headers["content-encoding"] = "gzip"
        self.response = web.StreamResponse(status=reply.status, headers=headers)
        if not reply.streamed and not delivery.gzip:
            self.response.content_length = sum(map(len, frames))
        self._deflate = zlib.compressobj(wbits=GZIP_WINDOW_BITS) if delivery.gzip else None

    async def send(self, data: bytes) -> None:
        if self._deflate is not None:
            data = self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        size = self.delivery.split_bytes or len(data) or 1
        for start in range(0, len(data), size):
            await self.response.write(data[start : start + size])
            # Lets the transport send each piece by itself.
            await asyncio.sleep(0)

    async def finish(self) -> None:
        tail = self._deflate.flush() if self._deflate is not None else b""
        if tail:
            await self.response.write(tail)
        await self.response.write_eof()

    async def cut(self, memory: Memory) -> None:
        """Closes the connection after what was sent; the handler is cancelled with it."""
        transport = self._request.transport
        if transport is not None:
            transport.close()
        await _pause(math.inf, memory)

    async def reset(self, memory: Memory) -> None:
        """Sends RST: with a linger time of zero the kernel drops the connection."""
        transport = self._request.transport
        if transport is not None:
            connection = transport.get_extra_info("socket")
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        await _pause(math.inf, memory)

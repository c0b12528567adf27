"""Reading a request body: bounded in size, time and in what it unpacks to.

Content-Encoding is undone here and not by the HTTP library, so that every refusal is an answer in
the client's dialect. Must not know what a body means.
"""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import Callable
from typing import Final, Protocol

from aiohttp import web
from aiohttp.http import HttpVersion11

from gwproxy.proxy import failures
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.limits import Limits

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_GZIP_BITS: Final = 31
_ZLIB_BITS: Final = 15
_RAW_BITS: Final = -15
# Each frame copies all that follows it: a second of this, and a body of tiny ones is refused.
_MOST_COPIED_BYTES: Final = 4 * 1024**3


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


async def read_body(request: web.BaseRequest, most_bytes: int, limits: Limits) -> bytes:
    """The whole body, unpacked. Raises Failed (408, 413, 415, 400)."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    unpack = _unpacker(encoding)
    if (request.content_length or 0) > most_bytes:
        raise Failed(failures.too_large(most_bytes))
    await _welcome_body(request)
    body = await _read_raw(request, most_bytes, limits)
    if unpack is None:
        return body
    # In a thread: 64 MiB take a quarter of a second to unpack.
    return await asyncio.to_thread(_unpacked, body, unpack, most_bytes)


async def _read_raw(request: web.BaseRequest, most_bytes: int, limits: Limits) -> bytes:
    loop = asyncio.get_running_loop()
    content = request.content
    if content.is_eof():  # it came with its head
        return _within(content.read_nowait(-1), most_bytes)
    started = loop.time()
    parts: list[bytes] = []
    size = 0
    while not content.at_eof():
        patience_s = limits.body_grace_s + size / limits.body_bytes_per_s
        try:
            async with asyncio.timeout_at(started + patience_s):
                chunk = await content.readany()
        except TimeoutError:
            raise Failed(failures.slow_body(patience_s)) from None
        except web.RequestPayloadError as error:
            raise Failed(failures.malformed_body(f"the body is broken: {error}")) from None
        size += len(chunk)
        if size > most_bytes:
            raise Failed(failures.too_large(most_bytes))
        parts.append(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _within(body: bytes, most_bytes: int) -> bytes:
    if len(body) > most_bytes:
        raise Failed(failures.too_large(most_bytes))
    return body


async def _welcome_body(request: web.BaseRequest) -> None:
    """Answer `Expect: 100-continue` (curl sends it with bodies over 1 MiB)."""
    expectation = request.headers.get("expect", "").lower()
    if expectation == "100-continue" and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun


def _unpacker(encoding: str) -> Callable[[bytes], _Decompressor] | None:
    """What makes a decompressor for a body that begins with the given bytes; None for none."""
    match encoding:
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return lambda _: zlib.decompressobj(_GZIP_BITS)
        case "deflate":
            # RFC 9110 §8.4.1.2 means zlib, but bare deflate is widely sent.
            return lambda head: zlib.decompressobj(
                _ZLIB_BITS if head[:1] and head[0] & 0x0F == 8 else _RAW_BITS
            )
        case "zstd":
            return lambda _: zstd.ZstdDecompressor()
    raise Failed(failures.unknown_encoding(encoding[:40], "gzip, deflate, zstd"))


def _unpacked(body: bytes, unpack: Callable[[bytes], _Decompressor], most_bytes: int) -> bytes:
    """All members of a gzip body, all frames of a zstd one (RFC 1952 §2.2, RFC 8878 §3)."""
    parts: list[bytes] = []
    size = 0
    copied = 0
    while True:
        decompressor = unpack(body[:1])
        try:
            data = decompressor.decompress(body, most_bytes - size + 1)
        except Exception as error:  # noqa: BLE001 -- zlib.error, ZstdError: one class per library
            raise Failed(failures.malformed_body(f"the body does not unpack: {error}")) from None
        size += len(data)
        if size > most_bytes:
            raise Failed(failures.too_large(most_bytes))
        parts.append(data)
        if not decompressor.eof:
            raise Failed(failures.malformed_body("the packed body is cut off"))
        body = decompressor.unused_data
        if not body:
            return b"".join(parts)
        copied += len(body)
        if copied > _MOST_COPIED_BYTES:
            raise Failed(failures.malformed_body("the packed body is in too many pieces"))

"""The client's stream, as packets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from gwproxy.proxy.inbound.client_stream import ClientStream
from gwproxy.proxy.limits import Limits


@pytest.mark.parametrize("pieces", [1, 2, 3])
async def test_the_head_leaves_with_the_first_bytes(
    pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    packets: list[bytes] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        transport: Any = request.transport
        write = transport.write

        def record(data: bytes) -> None:
            packets.append(bytes(data))
            write(data)

        def record_lines(lines: Iterable[bytes]) -> None:
            record(b"".join(lines))

        monkeypatch.setattr(transport, "write", record)
        monkeypatch.setattr(transport, "writelines", record_lines)
        outlet = ClientStream(request, lambda: b"", dict, Limits())
        for _ in range(pieces - 1):
            await outlet.write(b"data: x\n\n")
        await outlet.finish(b"data: end\n\n")
        assert outlet.response is not None
        return outlet.response

    async with (
        RawTestServer(answer) as server,
        aiohttp.ClientSession() as session,
        session.get(server.make_url("/")) as response,
    ):
        assert await response.text() == "data: x\n\n" * (pieces - 1) + "data: end\n\n"
    assert len(packets) == pieces
    assert packets[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"data: " in packets[0]

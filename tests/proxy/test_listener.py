"""The machine has no room for another connection."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Iterator

import pytest

from support.gateway import StartGateway, TestGateway

if sys.platform == "win32":
    pytest.skip("files are not counted there", allow_module_level=True)

import resource


@contextlib.contextmanager
def no_more_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    filling = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (filling[0] + 8, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                filling.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in filling:
            os.close(descriptor)


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> TestGateway:
    return await start_gateway({"p": {"openai_url": "http://127.0.0.1:9", "model": "m"}})


async def test_it_is_told_once_and_the_waiting_are_served_afterwards(
    gateway: TestGateway, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    waiting = [socket.socket() for _ in range(5)]
    with contextlib.ExitStack() as stack:
        for client in waiting:
            stack.callback(client.close)
            client.setblocking(False)
        with no_more_files():
            for client in waiting:
                await loop.sock_connect(client, ("127.0.0.1", gateway.server.port))
            async with asyncio.timeout(10):
                while "no room" not in caplog.text:  # noqa: ASYNC110 -- the log says when
                    await asyncio.sleep(0.01)
        async with asyncio.timeout(10):
            for client in waiting:
                await loop.sock_sendall(client, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert (await loop.sock_recv(client, 4096)).startswith(b"HTTP/1.1 200 ")
    told = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.name for record in told] == ["gwproxy"]

"""Which variables of a web proxy take a tool's requests to loopback away from the gateway, and that
a list in NO_PROXY brings them back: what `clients.web_proxy` says of each tool.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlsplit

import pytest

from gwproxy.clients import web_proxy
from real_clients.coding_tools import CLAUDE_CODE, CODEX, OPENCLAW, OPENCODE, CodingTool
from real_clients.installed import needs
from real_clients.stage import SetStage
from support.upstreams import CHAT_ONLY

pytestmark = pytest.mark.clients

TOOLS = (CLAUDE_CODE, OPENCODE, OPENCLAW, CODEX)


class WebProxy:
    """Passes on what it is asked for, and remembers the hosts."""

    def __init__(self) -> None:
        self.hosts: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
            head = await reader.readuntil(b"\r\n\r\n")
            line, _, rest = head.partition(b"\r\n")
            method, address, version = line.decode().split(" ")
            parts = urlsplit(f"//{address}" if method == "CONNECT" else address)
            self.hosts.append(parts.netloc)
            there = await asyncio.open_connection(parts.hostname, parts.port or 80)
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                path = parts.path + (f"?{parts.query}" if parts.query else "")
                # One request for each connection, or the next would go the same way unseen.
                lines = [each for each in rest.split(b"\r\n") if b"onnection:" not in each[:17]]
                asked = b"\r\n".join([f"{method} {path} {version}".encode(), b"Connection: close"])
                there[1].write(asked + b"\r\n" + b"\r\n".join(lines))
            try:
                await asyncio.gather(_pipe(reader, there[1]), _pipe(there[0], writer))
            finally:
                await _closed(there[1])
        await _closed(writer)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


@contextlib.asynccontextmanager
async def web_proxy_on_loopback() -> AsyncIterator[tuple[str, WebProxy]]:
    proxy = WebProxy()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", proxy
    finally:
        server.close()


async def takes_the_proxy(
    set_stage: SetStage, tool: CodingTool, name: str, more: Mapping[str, str]
) -> bool:
    """Whether a run with this variable asks the web proxy for the gateway."""
    stage = await set_stage(CHAT_ONLY)
    if stage.network:
        pytest.skip("this machine lets nobody leave the network")
    stage.set_up(tool.name)
    async with web_proxy_on_loopback() as (url, proxy):
        variables = {**tool.environment, name: url, **more}
        ran = await stage.run(tool.command("hello", stage.home), variables)
    assert stage.provider.generations, ran
    return urlsplit(stage.gateway.url).netloc in proxy.hosts


@needs("claude", "opencode", "openclaw", "codex")
@pytest.mark.parametrize("name", web_proxy.VARIABLES)
@pytest.mark.parametrize("tool", TOOLS, ids=[tool.name for tool in TOOLS])
async def test_the_variables_that_take_a_tool_away(
    set_stage: SetStage, tool: CodingTool, name: str
) -> None:
    taken = await takes_the_proxy(set_stage, tool, name, {})
    assert taken == (name in web_proxy.TAKEN_BY[tool.name])


@needs("opencode", "openclaw", "codex")
@pytest.mark.parametrize("tool", TOOLS[1:], ids=[tool.name for tool in TOOLS[1:]])
async def test_the_list_of_hosts_brings_it_back(set_stage: SetStage, tool: CodingTool) -> None:
    name = web_proxy.TAKEN_BY[tool.name][0]
    spared = dict.fromkeys(web_proxy.NO_PROXY, "127.0.0.1")
    assert not await takes_the_proxy(set_stage, tool, name, spared)

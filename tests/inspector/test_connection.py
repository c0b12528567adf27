"""The page when the gateway goes and comes back."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from types import MappingProxyType
from typing import Any

import aiohttp
import pytest

from gwproxy.profiles.secret import Secret
from gwproxy.profiles.store import Config
from gwproxy.proxy.serving import Options, running
from support.browser import Tab
from support.gateway import QUICK, TOKEN, TestGateway, chat
from support.looking import LIVE, asked, opened, rows, says

pytestmark = pytest.mark.browser

SEEN = """{
  Object.defineProperty(document, "hidden", { value: %s, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
OFFLINE: dict[str, Any] = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}


async def test_a_lost_connection_is_said_and_made_again_with_what_was_missed(
    tab: Tab, gateway: TestGateway
) -> None:
    await asked(gateway, chat())
    await opened(tab, gateway)
    await tab.until(rows(1))
    await tab.call("Network.emulateNetworkConditions", offline=True, **OFFLINE)
    # That holds for what is asked from now on; this one lets it go.
    gateway.server.gateway._services.feed.close()
    await tab.until(says("#lost", "The gateway does not answer"))
    await tab.until(says("#link", "Not connected"))
    await tab.size(800, 600)
    assert await tab.evaluate("document.querySelector('.dot').offsetWidth") == 8
    assert await tab.evaluate("document.querySelector('.top').offsetHeight") < 60, "one line"
    assert await tab.evaluate(rows(1)), "what was there stays"
    await asked(gateway, chat())
    await tab.call("Network.emulateNetworkConditions", offline=False, **OFFLINE)
    await tab.click("#lost button")
    await tab.until(rows(2))
    await tab.until(LIVE)
    assert await tab.evaluate("document.querySelector('#lost').hidden")
    await tab.until(says("#live", "Connected again"))
    tab.console.clear()  # the browser tells of each request that failed


async def test_a_tab_that_nobody_sees_gives_its_connection_back(
    tab: Tab, gateway: TestGateway
) -> None:
    """A browser has six connections for a host: seven forgotten tabs would lock the eighth out."""
    await opened(tab, gateway)
    await tab.evaluate(
        """{
          const later = window.setTimeout;
          window.setTimeout = (act, ms) => later(act, ms === 60_000 ? 1 : ms);
        }"""
    )
    await tab.evaluate(SEEN % "true")
    watchers = gateway.server.gateway._services.feed._watchers
    for _ in range(1000):
        if not watchers:
            break
        await asyncio.sleep(0.02)
    assert not watchers
    await asked(gateway, chat())
    assert await tab.evaluate(rows(0))
    await tab.evaluate(SEEN % "false")
    await tab.until(rows(1))
    assert len(watchers) == 1


async def test_a_gateway_that_was_started_again_wants_a_new_link(tab: Tab) -> None:
    def options(port: int) -> Options:
        config = Config(profiles=MappingProxyType({}))
        return Options(
            port=port, limits=QUICK, load=lambda: config, read_token=lambda: Secret(TOKEN)
        )

    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(AsyncExitStack())
        server = await first.enter_async_context(running(options(0)))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        gateway = TestGateway(server, session, [])
        await opened(tab, gateway)
        await first.aclose()
        await tab.until(says("#lost", "The gateway does not answer"))
        gateway.server = await stack.enter_async_context(running(options(server.port)))
        await tab.click("#lost button")
        await tab.until(says("main", "gwproxy ui"))
        await tab.until(says("main", "was started again"))
        assert await tab.evaluate("sessionStorage.length") == 0
        await opened(tab, gateway)
        await tab.until(says("main", "Nothing has come through yet"))
        tab.console.clear()

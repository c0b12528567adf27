"""`gwproxy ui` and a real browser: the file that it writes leads in, once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gwproxy import paths
from support.browser import Tab
from support.cli import gwproxy
from support.gateway import TOKEN, TestGateway, chat
from support.looking import LIVE, asked, says

pytestmark = pytest.mark.browser


async def test_the_file_of_the_command_leads_a_browser_in_once(
    tab: Tab, gateway: TestGateway, gwproxy_home: Path
) -> None:
    await asked(gateway, chat())
    paths.write_private_file(
        paths.config_file(), f"[serve]\nport = {gateway.server.port}\n".encode()
    )
    ran = await asyncio.to_thread(gwproxy, "ui", "--no-browser", environ={"GWPROXY_TOKEN": TOKEN})
    assert ran.code == 0, ran
    file = Path(ran.stdout.rstrip("\n")).as_uri()
    await tab.go(file)
    await tab.until(LIVE)
    assert await tab.evaluate("location.href") == f"{gateway.url}/ui/#/"
    assert await tab.evaluate("document.referrer") == ""
    await tab.evaluate("sessionStorage.clear()")
    await tab.go("about:blank")
    await tab.go(file)
    await tab.until(says("main", "That link was not taken"))
    tab.console.clear()  # the browser tells of the 403

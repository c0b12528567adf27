"""Looking at the inspector in a real browser, over a real gateway.

await opened(tab, gateway)
await tab.until(rows(1))
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from support.browser import Tab
from support.gateway import TestGateway
from support.inspector import Page

LIVE: Final = "document.querySelector('#link').innerText === 'Live'"


async def link(gateway: TestGateway) -> str:
    """The address with a fresh code, as `gwproxy ui` makes it."""
    return f"{gateway.url}/ui/#code={await Page(gateway).code()}"


async def opened(tab: Tab, gateway: TestGateway) -> None:
    """Opens the page, until it follows the gateway."""
    tab.home = gateway.url
    await tab.go(await link(gateway))
    await tab.until(LIVE)


async def asked(gateway: TestGateway, body: dict[str, Any], **headers: str) -> str:
    """One exchange, by its path as the body looks, whatever comes of it; its id."""
    path = "/v1/messages" if "max_tokens" in body else "/v1/chat/completions"
    async with gateway.post(path, body, headers=headers) as response:
        await response.read()
        return response.headers["x-gwproxy-request-id"]


def rows(number: int) -> str:
    """True of the page when its list has so many rows."""
    return f"document.querySelectorAll('.exchanges tbody tr').length === {number}"


def row_of(request_id: str) -> str:
    return f"tr[data-id={json.dumps(request_id)}]"


def says(selector: str, words: str) -> str:
    """True of the page when these words are to be read in the first element that fits."""
    place = f"document.querySelector({json.dumps(selector)})"
    return f"Boolean({place}?.innerText.includes({json.dumps(words)}))"


def kept(tmp_path: Path, **more: Any) -> dict[str, Any]:
    """Options of a gateway that keeps its accounts, and captures where they are asked for."""
    return {"ledger": tmp_path / "usage.db", "captures": tmp_path / "captures", **more}

"""A real browser for tests: Chromium without a window, driven over its own debugging protocol.

    from support.browser import chromium, tab_of  # in a conftest

    async with tab_of(chromium) as tab:
        await tab.go("http://127.0.0.1:…/")
        await tab.until("document.querySelector('h1').textContent === 'Hello'")

The drivers that there are (Selenium, Playwright) would speak this same protocol for us, beside a
program of their own that has to fit the browser's version; the little that we need of it is here.
One browser for all tests, a fresh profile of it (a browser context) for each. Every wait is
bounded; what it waited for is in the failure.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

PATIENCE_S: Final = 20.0
"""For one thing that is waited for; the machine may be busy with the other tests."""

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

# Without a sandbox of its own: it opens our own pages only, and as root it would not start with
# one. It looks for nothing on the network.
_FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--no-proxy-server",
    "--password-store=basic",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)

_KEYS: Final = {"Enter": ("\r", 13), "Escape": ("", 27), "Tab": ("", 9)}


@dataclass
class Tab:
    """One page, with what it said on its console and what it asked of the network. With a `home`
    it may ask nobody else."""

    _socket: aiohttp.ClientWebSocketResponse
    _session: str = ""
    _context: str = ""
    home: str = ""
    console: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    _answers: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """What the browser answers to this command of its protocol."""
        number = next(self._numbers)
        answer = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        await self._socket.send_json(message)
        async with asyncio.timeout(PATIENCE_S):
            said: dict[str, Any] = await answer
        assert "error" not in said, f"{method}: {said['error']}"
        result: dict[str, Any] = said["result"]
        return result

    async def open(self) -> None:
        """Makes the page, in a profile of its own."""
        context = (await self.call("Target.createBrowserContext"))["browserContextId"]
        self._context = context
        target = await self.call("Target.createTarget", url="about:blank", browserContextId=context)
        attached = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            await self.call(f"{domain}.enable")
        await self.call(
            "Browser.grantPermissions",
            browserContextId=context,
            permissions=["clipboardReadWrite", "clipboardSanitizedWrite"],
        )
        await self.size(1280, 800)
        await self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    async def close(self) -> None:
        """Ends the page, with all that it has open."""
        self._session = ""
        await self.call("Target.disposeBrowserContext", browserContextId=self._context)

    async def listen(self) -> None:
        """Takes in what the browser says, until it goes."""
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            else:
                self._heard(said["method"], said["params"])

    def _heard(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            thrown = details.get("exception", {}).get("description", "")
            self.console.append(f"{details['text']} {thrown}")
        elif method == "Runtime.consoleAPICalled":
            words = " ".join(str(one.get("value", "")) for one in params["args"])
            self.console.append(f"{params['type']}: {words}")
        elif method == "Log.entryAdded":
            entry = params["entry"]
            if entry["level"] in ("error", "warning"):
                self.console.append(f"{entry['level']}: {entry['text']} {entry.get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"])

    # --- looking ---------------------------------------------------------------------------------

    async def go(self, url: str) -> None:
        await self.call("Page.navigate", url=url)

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; a promise is waited for."""
        said = await self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    async def until(self, condition: str) -> Any:
        """The expression's value as soon as that is true of the page."""
        value = None
        last = ""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                value = await self.evaluate(condition)
                last = repr(value)
            except AssertionError as error:
                last = str(error)  # between two pages there is nothing to ask
            if value:
                return value
            await asyncio.sleep(0.03)
        words = await self.evaluate("document.body.innerText")
        pytest.fail(f"never true: {condition}\nlast: {last}\nconsole: {self.console}\n{words}")

    async def text(self, selector: str) -> str:
        """What a person reads in the first element that fits."""
        found = await self.until(f"document.querySelector({selector!r})?.innerText ?? null")
        return str(found)

    async def texts(self, selector: str) -> list[str]:
        """The same of all of them, at this moment."""
        found = await self.evaluate(
            f"[...document.querySelectorAll({selector!r})].map((one) => one.innerText)"
        )
        return [str(one) for one in found]

    async def tree(self) -> list[tuple[str, str]]:
        """The roles and names that a screen reader is told of, in order."""
        nodes = (await self.call("Accessibility.getFullAXTree"))["nodes"]
        return [
            (str(node["role"]["value"]), str(node.get("name", {}).get("value", "")))
            for node in nodes
            if not node["ignored"] and "role" in node
        ]

    # --- acting ----------------------------------------------------------------------------------

    async def click(self, selector: str) -> None:
        """A press of the mouse in the middle of the first element that fits, once it is where it
        was a frame before: what comes late moves the rest of a page."""
        middle = await self.until(
            f"""new Promise((tell) => {{
              const middle = () => {{
                const found = document.querySelector({selector!r});
                if (!found) return null;
                found.scrollIntoView({{ block: "center" }});
                const box = found.getBoundingClientRect();
                return {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }};
              }};
              const before = middle();
              requestAnimationFrame(() => requestAnimationFrame(() => {{
                const now = middle();
                tell(before && now && before.x === now.x && before.y === now.y ? now : null);
              }}));
            }})"""
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **middle
            )

    async def key(self, name: str) -> None:
        """One key, as from a keyboard."""
        text, code = _KEYS.get(name, (name, ord(name[0].upper())))
        down: dict[str, Any] = {"key": name, "windowsVirtualKeyCode": code}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **down)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **down)

    async def write(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def size(self, width: int, height: int) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def prefer(self, scheme: str, motion: str = "no-preference") -> None:
        """The system's choice of light or dark, and of motion."""
        await self.call(
            "Emulation.setEmulatedMedia",
            features=[
                {"name": "prefers-color-scheme", "value": scheme},
                {"name": "prefers-reduced-motion", "value": motion},
            ],
        )

    async def screenshot(self, path: Path, *, whole: bool = False) -> None:
        said = await self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(said["data"]))


def found() -> str | None:
    """The Chromium of this machine."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The debugging address of a browser that runs for all the tests."""
    program = found()
    if program is None:
        pytest.skip("there is no Chromium here (Debian: apt-get install chromium)")
    folder = tmp_path_factory.mktemp("chromium")
    with (folder / "stderr").open("wb") as talk:
        process = subprocess.Popen(
            [program, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=talk,
            start_new_session=True,
        )
    try:
        yield _address(process, folder / "stderr")
    finally:
        # Its own group: a browser is many processes.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)


def _address(process: subprocess.Popen[bytes], talk: Path) -> str:
    deadline = time.monotonic() + 3 * PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        words = talk.read_text(errors="replace")
        if address := re.search(r"DevTools listening on (ws://\S+)\n", words):
            return address[1]
        time.sleep(0.05)
    pytest.fail(f"Chromium did not start: {talk.read_text(errors='replace')[-2000:]}")


@contextlib.asynccontextmanager
async def tab_of(chromium: str) -> AsyncIterator[Tab]:
    """A page of a profile of its own. At the end its console must be empty, and with a `home` it
    must have asked nobody else."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(chromium, max_msg_size=0) as socket,
    ):
        page = Tab(socket)
        listening = asyncio.create_task(page.listen())
        await page.open()
        yield page
        await page.close()
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
    assert not page.console, page.console
    asked = [request["url"] for request in page.requests]
    assert all(url.startswith(f"{page.home}/") for url in asked if page.home), asked

"""A page of the inspector without a browser: what it sends, and what others could send.

page = Page(gateway)
await page.enter()
answer = await page.get("/ui/api/profiles")
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from support.gateway import TestGateway
from support.raw import RawAnswer, connected

SAME_ORIGIN: Final = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Any]]:
    """The name and the data of each event, until the stream ends."""
    name = ""
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


@dataclass
class Page:
    """A client that says no more than it is told to, so that every header can be a wrong one."""

    gateway: TestGateway
    secret: str = ""
    seen: list[RawAnswer] = field(default_factory=list)
    """Every answer that it has got."""

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.gateway.server.port}"

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    async def code(self) -> str:
        """A fresh one-time code, as `gwproxy ui` asks for it."""
        async with self.gateway.post("/v1/ui", {}) as response:
            assert response.status == 200
            told = await response.json()
        assert told == {"code": told["code"], "url": f"{self.origin}/ui/"}
        return str(told["code"])

    @classmethod
    async def let_in(cls, gateway: TestGateway) -> Page:
        """One that has swapped a code for the secret."""
        page = cls(gateway)
        await page.enter()
        return page

    async def enter(self) -> RawAnswer:
        """Swap a code for the secret, which it then shows."""
        answer = await self.swap(await self.code())
        self.secret = answer.json["secret"]
        return answer

    async def swap(self, code: str) -> RawAnswer:
        return await self.post("/ui/api/enter", {"code": code})

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> RawAnswer:
        """As the page's own script asks."""
        return await self.ask("GET", path, {**SAME_ORIGIN, **self._mine(), **(headers or {})})

    async def post(
        self, path: str, body: Any, headers: Mapping[str, str] | None = None
    ) -> RawAnswer:
        head = {"Origin": self.origin, **SAME_ORIGIN, **self._mine(), **(headers or {})}
        return await self.ask("POST", path, head, json.dumps(body).encode())

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> RawAnswer:
        """The answer to just these headers; a `Host` of theirs goes before the right one, and ""
        leaves a header out."""
        head = {"Host": self.host, "Content-Length": str(len(body)), **headers}
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in head.items() if v)]
        async with connected(self.gateway.server.port) as client:
            await client.send("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)
            answer = await client.answer(bodiless=method == "HEAD")
        self.seen.append(answer)
        return answer

    def follow(self, **headers: str) -> aiohttp.client._RequestContextManager:
        """The event stream, as the page's own script asks for it."""
        head = {**SAME_ORIGIN, **self._mine(), **headers}
        return self.gateway.session.get(f"{self.origin}/ui/api/events", headers=head)

    def _mine(self) -> dict[str, str]:
        return {"x-gwproxy-page": self.secret}

"""The door of the inspector: who asks, from where, and what a path means.

First the guard: a request must be sent to loopback with our port, and by no page but our own. Then
the static files, for anybody. What is behind `/ui/api/` wants the page's secret, which is had for a
one-time code and which nothing else here is. Every answer bears the same headers, refusals too, and
a second wall takes out of it what looks like a key or is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from gwproxy.profiles.redaction import redact
from gwproxy.profiles.secret import Secret
from gwproxy.proxy import failures
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.feed import Dropped
from gwproxy.proxy.inbound import guard
from gwproxy.proxy.inbound.answers import JSON
from gwproxy.proxy.inbound.endpoints import INSPECTOR
from gwproxy.proxy.inspector.asking import PageRefused, members_of, only
from gwproxy.proxy.inspector.files import DOCUMENT, FILES, HEADERS, Files
from gwproxy.proxy.inspector.grant import Grants, NotAdmitted, TooManyTries
from gwproxy.proxy.inspector.views import Views
from gwproxy.proxy.limits import Limits
from gwproxy.proxy.log import LOGGER
from gwproxy.translate.wire import jsonio

_API: Final = f"{INSPECTOR}/api/"


@dataclass(frozen=True, slots=True)
class Site:
    """Where the page is: its address, and the Host values that its requests may have."""

    url: str
    hosts: frozenset[str]

    @classmethod
    def at(cls, host: str, port: int) -> Site:
        """That of a server which listens there."""
        name = f"[{host}]" if ":" in host else host
        return cls(f"http://{name}:{port}{DOCUMENT}", guard.page_hosts(name, port))


class Inspector:
    """`site` is None where other machines can reach the server: then there is no page. `token` is
    the local one in force, `secrets` all that must not be shown besides."""

    def __init__(
        self,
        site: Site | None,
        views: Views,
        token: Callable[[], Secret],
        secrets: Callable[[], Iterable[str]],
        limits: Limits,
    ) -> None:
        self._site = site
        self._views = views
        self._token = token
        self._secrets = secrets
        self._limits = limits
        self._files = Files()
        self.grants = Grants()

    def link(self) -> dict[str, str]:
        """A one-time code, and where the page is: for whoever has the local token. Raises Failed
        where there is no page."""
        if self._site is None:
            raise Failed(failures.no_inspector())
        self._follow_token()
        return {"code": self.grants.code(), "url": self._site.url}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to a request below `/ui`, whatever happens."""
        path = request.raw_path.partition("?")[0]
        allowed: tuple[str, ...] = ()
        try:
            return await self._answer(request, path)
        except PageRefused as refused:
            status, words, allowed = refused.status, str(refused), refused.allowed
        except Failed as failed:
            status, words = failed.failure.status or 500, failed.failure.message
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001 -- the last line of defence: JSON here, a traceback there
            LOGGER.exception("the inspector failed")
            status, words = 500, failures.internal().message
        LOGGER.debug("the inspector refused a request: %d %s", status, words)
        response = _told({"error": words}, status, tuple(self._secrets()))
        if allowed:
            response.headers["allow"] = ", ".join(allowed)  # RFC 9110, 15.5.6
        return response

    async def _answer(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        if self._site is None:
            raise Failed(failures.no_inspector())
        opens = path in (INSPECTOR, DOCUMENT)
        refused = guard.unwelcome_at_the_page(request.headers, self._site.hosts, opens=opens)
        if refused is not None:
            raise Failed(refused)
        if not path.startswith(_API):
            return self._file(request, path)
        if path == f"{_API}enter":
            only(request, "POST")
            self._follow_token()
            return _told(await self._enter(request))
        if not self._admits(request):
            raise PageRefused(401, "this page is not let in (any more): gwproxy ui opens it again")
        if path == f"{_API}events":
            only(request, "GET")
            return await self._views.follow(request, HEADERS, self._wall(request))
        value = await self._views.answer(request, path.removeprefix(_API))
        # In a thread: a capture has up to 16 MB.
        return await asyncio.to_thread(_told, value, 200, tuple(self._secrets()))

    def _file(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        only(request, "GET", "HEAD")
        if path == INSPECTOR:
            return web.Response(status=308, headers={**HEADERS, "location": DOCUMENT})
        if path not in FILES:
            raise PageRefused(404, "there is nothing here")
        content, content_type = self._files.get(path)
        return web.Response(body=content, headers={**HEADERS, "content-type": content_type})

    async def _enter(self, request: web.BaseRequest) -> dict[str, str]:
        asked = await members_of(request, self._limits, code=str)
        try:
            return {"secret": self.grants.enter(asked["code"])}
        except NotAdmitted:
            raise PageRefused(
                403, "this link was used, or is older than a minute: gwproxy ui makes a new one"
            ) from None
        except TooManyTries:
            raise PageRefused(429, "there were too many wrong codes; wait a minute") from None

    def _admits(self, request: web.BaseRequest) -> bool:
        self._follow_token()
        return self.grants.admits(request.headers.get(guard.PAGE_HEADER, ""))

    def _wall(self, request: web.BaseRequest) -> Callable[[bytes], bytes]:
        """What may be seen of the events that `request` asks for. Whose secret is one no more is
        dropped; as long as the page looks, it is in use."""

        def shown(data: bytes) -> bytes:
            if not self._admits(request):
                raise Dropped
            return redact(data.decode(), self._secrets()).encode()

        return shown

    def _follow_token(self) -> None:
        self.grants.follow(self._token().reveal())


def _told(value: Mapping[str, Any], status: int = 200, secrets: Iterable[str] = ()) -> web.Response:
    """`value` as JSON, without `secrets`."""
    text = jsonio.dumps(value)
    body = redact(text.decode(), secrets).encode() if secrets else text
    return web.Response(status=status, body=body, headers={**HEADERS, "content-type": JSON})

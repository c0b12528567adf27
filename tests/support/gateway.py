"""A gateway on a free loopback port, in the test's own process and with limits to taste.

    gateway = await start_gateway({"up": {"openai_url": upstream.url, "model": "up-model"}})
    async with gateway.post("/v1/messages", {...}) as response: …

Configuration, token and keys are values of the test; no file, keyring or variable is read.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import aiohttp
import pytest

from gwproxy.errors import CredentialError
from gwproxy.profiles.credentials import FoundKey
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.record import make_profile
from gwproxy.profiles.secret import Secret, Source
from gwproxy.profiles.store import Config, RouteRule, ServeSettings
from gwproxy.proxy.limits import Limits
from gwproxy.proxy.serving import Options, RunningGateway, running
from support.scripted import Script, ScriptedUpstream, StartScripted, whole

TOKEN: Final = "local-token-for-tests-0123456789"
KEY: Final = "upstream-key-for-tests-0123456789"

QUICK: Final = replace(Limits(), retry_delay_s=0.01, linger_s=0.2, drain_s=2.0, file_look_s=0)
"""The real limits, without waits that a test would only sit out."""


@dataclass
class TestGateway:
    """A running gateway and a client for it."""

    __test__ = False

    server: RunningGateway
    session: aiohttp.ClientSession
    keys_asked: list[str]

    @property
    def url(self) -> str:
        return self.server.url

    def post(
        self, path: str, body: Any, *, headers: Mapping[str, str] | None = None
    ) -> aiohttp.client._RequestContextManager:
        """POST with the token; `body` is sent as JSON unless it is bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.session.post(
            self.url + path,
            data=aiohttp.payload.BytesIOPayload(_reader(data)),
            headers={"x-api-key": TOKEN, **(headers or {})},
            allow_redirects=False,
        )

    def get(
        self, path: str, *, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> aiohttp.client._RequestContextManager:
        return self.session.request(
            method, self.url + path, headers={"x-api-key": TOKEN, **(headers or {})}
        )


def _reader(data: bytes) -> Any:
    import io

    return io.BytesIO(data)


StartGateway: TypeAlias = Callable[..., Awaitable[TestGateway]]


@pytest.fixture
async def start_gateway() -> AsyncIterator[StartGateway]:
    """A function that starts a gateway for profile records (as in config.toml)."""
    async with AsyncExitStack() as stack:

        async def start(
            records: Mapping[str, Mapping[str, Any]],
            *,
            default: str = "",
            routes: tuple[RouteRule, ...] = (),
            store_responses: bool = True,
            limits: Limits = QUICK,
            serve: ServeSettings | None = None,
            key: str | None = KEY,
            find_key: Callable[[Profile], FoundKey] | None = None,
            options: Mapping[str, Any] | None = None,
        ) -> TestGateway:
            profiles = {name: make_profile(name, record) for name, record in records.items()}
            config = Config(
                profiles=MappingProxyType(profiles),
                default=default or next(iter(profiles), ""),
                routes=routes,
                store_responses=store_responses,
                serve=serve or ServeSettings(),
            )
            asked: list[str] = []

            def find(profile: Profile) -> FoundKey:
                asked.append(profile.name)
                if key is None:
                    raise CredentialError(
                        f"there is no key for the profile {profile.name}",
                        hint=f"gwproxy profile key {profile.name}",
                    )
                return FoundKey(Secret(key), Source("keyring"))

            server = await stack.enter_async_context(
                running(
                    Options(
                        port=0,
                        limits=limits,
                        load=lambda: config,
                        read_token=lambda: Secret(TOKEN),
                        find_key=find_key or find,
                        **(options or {}),
                    )
                )
            )
            session = await stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0),
                    auto_decompress=False,
                    timeout=aiohttp.ClientTimeout(total=60),
                )
            )
            return TestGateway(server, session, asked)

        yield start


def messages(text: str = "hi", *, stream: bool = False, **more: Any) -> dict[str, Any]:
    """A small Messages request."""
    turn = {"role": "user", "content": text}
    return {"model": "m", "max_tokens": 64, "messages": [turn], "stream": stream, **more}


def chat(text: str = "hi", *, stream: bool = False, **more: Any) -> dict[str, Any]:
    """A small Chat request."""
    turn = {"role": "user", "content": text}
    return {"model": "m", "messages": [turn], "stream": stream, **more}


Start: TypeAlias = Callable[..., Awaitable[tuple[TestGateway, ScriptedUpstream]]]


@pytest.fixture
async def start(start_gateway: StartGateway, start_scripted: StartScripted) -> Start:
    """Starts a gateway in front of an upstream of Chat that plays `script`."""

    async def both(script: Script, **settings: Any) -> tuple[TestGateway, ScriptedUpstream]:
        upstream = await start_scripted(script)
        profile = {"openai_url": upstream.url, "model": "up-model"}
        return await start_gateway({"up": profile}, **settings), upstream

    return both


@pytest.fixture
async def upstream(start_scripted: StartScripted) -> ScriptedUpstream:
    return await start_scripted(whole)


@pytest.fixture
async def gateway(start_gateway: StartGateway, upstream: ScriptedUpstream) -> TestGateway:
    return await start_gateway({"up": {"openai_url": upstream.url, "model": "up-model"}})

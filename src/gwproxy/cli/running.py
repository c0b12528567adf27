"""Where the running gateway is, for the commands that talk to it.

A server leaves word of its address when it starts; that word may be stale, so it is believed
only when a gwproxy answers there. Else the address is what config.toml says.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from gwproxy import paths
from gwproxy.errors import ConfigError

if TYPE_CHECKING:
    from gwproxy.profiles.store import Config, ServeSettings


_MOST_SERVERS: Final = 32
"""Words of servers that were killed stay; each is asked whether it is there."""


def urls_left() -> list[str]:
    """The addresses that servers have said they are at, the last to start first; none of one that
    stopped in order."""
    words = []
    for file in paths.server_files():
        with contextlib.suppress(OSError, ValueError):
            word = json.loads(file.read_bytes())
            if isinstance(word, dict) and str(word.get("url", "")).startswith("http://"):
                words.append((word.get("started") or 0, file.stat().st_mtime_ns, str(word["url"])))
    return [url for _, _, url in sorted(words, reverse=True)[:_MOST_SERVERS]]


def configured_url(config: Config) -> str:
    """The address at which config.toml has the gateway listen, as a client asks for it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.serve.host, config.serve.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{config.serve.port}"


async def find_gateway(config: Config) -> tuple[str, dict[str, Any]]:
    """The gateway's base URL, and what it says of its health; nothing when none answers."""
    from gwproxy.proxy import holder

    url, health = await _announced()
    if health:
        return url, health
    url = configured_url(config)
    return url, await holder.health(url)


async def gateway_url(config: Config) -> str:
    """Where a gateway answers; "" where none does."""
    url, health = await find_gateway(config)
    return url if health.get("name") == "gwproxy" else ""


async def _announced() -> tuple[str, dict[str, Any]]:
    from gwproxy.proxy import holder

    for url in urls_left():
        health = await holder.health(url)
        if health.get("name") == "gwproxy":
            return url, health
    return "", {}


def config_or_none() -> Config:
    """config.toml; an empty one where it is broken while a gateway runs, which goes on with what
    it has and must be found. Raises ConfigError."""
    from gwproxy.profiles import store

    try:
        return store.load()
    except ConfigError:
        _, health = asyncio.run(_announced())
        if not health:
            raise
        return store.Config()


def settings_in_use(config: Config) -> ServeSettings:
    """`[serve]` of config.toml, with the address of a gateway that runs elsewhere: after `gwproxy
    serve --port 5000` a client that is sent to the configured port would find nobody."""
    if not {*urls_left()} - {configured_url(config)}:
        return config.serve
    url, health = asyncio.run(_announced())
    if not health:
        return config.serve
    address = urlsplit(url)
    return replace(config.serve, host=address.hostname or "", port=address.port or 0)


def runs_at(url: str) -> bool:
    """Whether the gateway that was started with these settings answers at the host of `url`."""
    from gwproxy.proxy import holder

    there = urlsplit(url).netloc
    said = next((left for left in urls_left() if urlsplit(left).netloc == there), None)
    return said is not None and asyncio.run(holder.health(said)).get("name") == "gwproxy"

"""Where the running gateway is, for the commands that talk to it.

A server leaves word of its address when it starts; that word may be stale, so it is believed
only when a gwproxy answers there. Else the address is what config.toml says.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gwproxy import paths
from gwproxy.errors import ConfigError

if TYPE_CHECKING:
    from gwproxy.profiles.store import Config, ServeSettings


def word_left() -> dict[str, Any]:
    """What the last server to start said of itself; nothing when it stopped in order."""
    try:
        word = json.loads(paths.server_file().read_bytes())
    except (OSError, ValueError):
        return {}
    return word if isinstance(word, dict) else {}


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


async def _announced() -> tuple[str, dict[str, Any]]:
    from gwproxy.proxy import holder

    url = str(word_left().get("url", ""))
    health = await holder.health(url) if url.startswith("http://") else {}
    return url, health if health.get("name") == "gwproxy" else {}


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
    if word_left().get("url") in (None, configured_url(config)):
        return config.serve
    url, health = asyncio.run(_announced())
    if not health:
        return config.serve
    address = urlsplit(url)
    return replace(config.serve, host=address.hostname or "", port=address.port or 0)


def runs_at(url: str) -> bool:
    """Whether the gateway that was started with these settings answers at the host of `url`."""
    if urlsplit(str(word_left().get("url", ""))).netloc != urlsplit(url).netloc:
        return False
    _, health = asyncio.run(_announced())
    return bool(health)

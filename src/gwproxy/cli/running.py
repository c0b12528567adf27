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

    announced = str(word_left().get("url", ""))
    if announced.startswith("http://"):
        health = await holder.health(announced)
        if health.get("name") == "gwproxy":
            return announced, health
    url = configured_url(config)
    return url, await holder.health(url)


def settings_in_use(config: Config) -> ServeSettings:
    """`[serve]` of config.toml, with the address of a gateway that runs elsewhere: after `gwproxy
    serve --port 5000` a client that is sent to the configured port would find nobody."""
    if word_left().get("url") in (None, configured_url(config)):
        return config.serve
    url, health = asyncio.run(find_gateway(config))
    if not health or url == configured_url(config):
        return config.serve
    address = urlsplit(url)
    return replace(config.serve, host=address.hostname or "", port=address.port or 0)

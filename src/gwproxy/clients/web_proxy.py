"""A web proxy between a tool and the gateway on loopback: whether one is in the way, and the list
of hosts (`NO_PROXY`) that keeps it out.

Pure. Libraries read these variables in either spelling, and a list in one may hide the other: what
is written is written in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from gwproxy.profiles.endpoints import is_loopback

VARIABLES: Final = (
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
)

NO_PROXY: Final = ("NO_PROXY", "no_proxy")

# Those that curl, and most libraries, take for an address that begins with http: (curl(1)).
_FOR_HTTP: Final = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")

TAKEN_BY: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "claude-code": VARIABLES,  # 2.1.330 and 2.1.332
        "opencode": ("HTTP_PROXY", "http_proxy"),  # 1.18.33
        "openclaw": ("HTTP_PROXY", "http_proxy"),  # 2026.9.6
        "codex": ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"),  # 0.169.0
    }
)
"""Of which variables each tool takes a web proxy for an address on loopback, by its own name: as
seen, and held to by `tests/real_clients/test_web_proxies.py`."""

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def with_loopback(*lists: str) -> str:
    """All hosts of some `NO_PROXY` lists, and those of this machine, each once."""
    hosts = [each for text in lists for each in _hosts(text)]
    return ",".join(dict.fromkeys((*hosts, *_LOOPBACK)))


def exempts(host: str, *lists: str) -> bool:
    """Whether one of these `NO_PROXY` lists keeps requests to a loopback host off a web proxy."""
    wanted = {host, "*", "localhost" if host == "localhost" else "127.0.0.1"}
    return any(not wanted.isdisjoint(_hosts(text)) for text in lists)


def warning(base: str, environ: Mapping[str, str], tool: str = "") -> str | None:
    """A web proxy from the environment that would swallow requests of `tool`, or of most programs,
    to a loopback address."""
    host = urlsplit(base).hostname or ""
    if not is_loopback(host):
        return None
    found = next((name for name in TAKEN_BY.get(tool, _FOR_HTTP) if environ.get(name)), None)
    if found is None or exempts(host, *(environ.get(name, "") for name in NO_PROXY)):
        return None
    return f"{found} is set: add {host} to NO_PROXY, or the tool asks the proxy for it"


def _hosts(text: str) -> list[str]:
    return [host for part in text.split(",") if (host := part.strip())]

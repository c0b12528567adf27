"""The files of the page, and the headers that every answer of the inspector bears.

A path is looked up in a table, so no path leads to another file. They are read once: a page whose
parts are of two versions, after an upgrade under a running server, is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gwproxy.proxy.inbound.endpoints import INSPECTOR

FOLDER: Final = Path(__file__).with_name("page")

DOCUMENT: Final = f"{INSPECTOR}/"

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_NAMES: Final = (
    *("app.css", "views.css", "icon.svg", "app.js", "bars.js", "dom.js", "events.js"),
    *("exchange.js", "exchanges.js", "json.js", "panes.js", "profiles.js", "session.js"),
    *("store.js", "tree.js", "usage.js", "words.js"),
)

FILES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        path: (name, _TYPES[Path(name).suffix])
        for path, name in [
            (DOCUMENT, "index.html"),
            *((f"{DOCUMENT}{name}", name) for name in _NAMES),
        ]
    }
)
"""What each path has: the file in `FOLDER`, and its type."""

# 'self' is this host with this port. Nothing inline, nothing from elsewhere, no form, no frame; and
# no text becomes markup, whatever a script tries (https://www.w3.org/TR/trusted-types/).
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)

HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "server": "gwproxy",
        "cache-control": "no-store",
        "content-security-policy": _POLICY,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }
)


class Files:
    """The files of `FOLDER`, once somebody wants to see one."""

    def __init__(self) -> None:
        self._read: dict[str, bytes] = {}

    def get(self, path: str) -> tuple[bytes, str]:
        """What is at `path`, which stands in `FILES`, and its type. Raises OSError where the
        installation lacks one."""
        if not self._read:
            self._read = {where: (FOLDER / name).read_bytes() for where, (name, _) in FILES.items()}
        return self._read[path], FILES[path][1]

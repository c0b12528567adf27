"""Which endpoint a path means, whatever its prefix. Pure.

People put `/v1` where a client adds its own, and leave it out where the client does not; both
work. `/profiles/NAME` before it pins one profile. Paths are compared as they came, undecoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

from gwproxy.translate.hub import Dialect

_PROFILES: Final = "/profiles/"
_VERSION: Final = "/v1"


class Endpoint(StrEnum):
    MESSAGES = "/messages"
    COUNT_TOKENS = "/messages/count_tokens"
    CHAT = "/chat/completions"
    RESPONSES = "/responses"
    MODELS = "/models"
    USAGE = "/usage"
    STATUS = "/status"
    STOP = "/stop"
    HEALTH = "/healthz"
    HELLO = "/api/hello"  # Claude Code warms its connection up with it
    ROOT = "/"
    NOT_OFFERED = ""


GENERATING: Final = {
    Endpoint.MESSAGES: Dialect.ANTHROPIC,
    Endpoint.CHAT: Dialect.CHAT,
    Endpoint.RESPONSES: Dialect.RESPONSES,
}

OPEN: Final = frozenset({Endpoint.HEALTH, Endpoint.HELLO, Endpoint.ROOT})
"""Answered without a token; they say nothing but that we are here."""

_POSTED: Final = frozenset({*GENERATING, Endpoint.COUNT_TOKENS, Endpoint.STOP})

_KNOWN: Final = {
    endpoint.value: endpoint for endpoint in Endpoint if endpoint is not Endpoint.NOT_OFFERED
}

# https://docs.anthropic.com/en/api: what the vendor has and a gateway for other providers has not
_VENDOR_ONLY: Final = (
    "/messages/batches",
    "/complete",
    "/files",
    "/skills",
    "/organizations",
    "/experimental",
)


@dataclass(frozen=True, slots=True)
class Address:
    """`profile` is the one pinned by the path, or ""; `model` the id after `/models/`,
    `request_id` the one after `/usage/`."""

    endpoint: Endpoint
    profile: str = ""
    model: str = ""
    request_id: str = ""

    @property
    def allowed(self) -> tuple[str, ...]:
        """The methods of the endpoint."""
        return ("POST",) if self.endpoint in _POSTED else ("GET", "HEAD")

    @property
    def dialect(self) -> Dialect | None:
        """The dialect of whoever calls this endpoint; None where any may."""
        if self.endpoint is Endpoint.COUNT_TOKENS or self.endpoint is Endpoint.NOT_OFFERED:
            return Dialect.ANTHROPIC
        return GENERATING.get(self.endpoint)


def address_of(path: str) -> Address | None:
    """The address that `path` means; None when there is nothing there.

    `path` has no query. A whole URL in its place (`GET http://…`) means nothing.
    """
    profile = ""
    if path.startswith(_PROFILES):
        profile, slash, rest = path.removeprefix(_PROFILES).partition("/")
        path = slash + rest or "/"
        if not profile:
            return None
    while path.startswith(f"{_VERSION}/"):
        path = path.removeprefix(_VERSION)
    if len(path) > 1:
        path = path.rstrip("/")
    if path == _VERSION:
        path = "/"
    endpoint = _KNOWN.get(path)
    if endpoint is not None and endpoint is not Endpoint.USAGE:
        return Address(endpoint, profile)
    if path.startswith("/models/"):
        return Address(Endpoint.MODELS, profile, unquote(path.removeprefix("/models/")))
    if path.startswith("/usage/"):
        return Address(Endpoint.USAGE, profile, request_id=path.removeprefix("/usage/"))
    if any(path == known or path.startswith(f"{known}/") for known in _VENDOR_ONLY):
        return Address(Endpoint.NOT_OFFERED, profile)
    return None

"""Which endpoint a path means, whatever its prefix. Pure.

People put `/v1` where a client adds its own, leave it out where the client does not, and end an
address with a slash to which the client adds one; all of it works. `/profiles/NAME` before it pins
one profile. Paths are compared as they came, undecoded.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote

from gwproxy.translate.dialect_facts import Dialect
from gwproxy.translate.registry import FACTS

_PROFILES: Final = "/profiles/"
_VERSION: Final = "/v1"
INSPECTOR: Final = "/ui"
"""The page's own paths; nothing before it, unlike all others."""


class Endpoint(StrEnum):
    """What there is to be asked, by its path behind the version."""

    ANSWER = "(a dialect's own)"  # of a model
    COUNT_TOKENS = "/messages/count_tokens"
    RESPONSE = "/responses/{id}"
    INPUT_ITEMS = "/responses/{id}/input_items"
    CANCEL = "/responses/{id}/cancel"
    INPUT_TOKENS = "/responses/input_tokens"
    COMPACT = "/responses/compact"
    EMBEDDINGS = "/embeddings"
    COMPLETIONS = "/completions"
    MODELS = "/models"
    USAGE = "/usage"
    EXCHANGES = "/exchanges"
    EVENTS = "/events"
    STATUS = "/status"
    STOP = "/stop"
    UI = "/ui"  # a link to the inspector, which itself is no endpoint (`is_of_inspector`)
    HEALTH = "/healthz"
    HELLO = "/api/hello"  # Claude Code warms its connection up with it
    ROOT = "/"
    NOT_OFFERED = ""


GENERATING: Final[Mapping[str, Dialect]] = MappingProxyType(
    {facts.path.removeprefix(_VERSION): facts.name for facts in FACTS.values()}
)
"""Where a model answers, and in which dialect."""

KEPT: Final = frozenset({Endpoint.RESPONSE, Endpoint.INPUT_ITEMS, Endpoint.CANCEL})
"""About a response that was kept."""

PASSED_ON: Final = frozenset({Endpoint.EMBEDDINGS, Endpoint.COMPLETIONS})
"""OpenAI's, and never translated."""

OPEN: Final = frozenset({Endpoint.HEALTH, Endpoint.HELLO, Endpoint.ROOT})
"""Answered without a token; they say nothing but that we are here."""

LOOKS: Final = tuple(
    f"{_VERSION}{one}"
    for one in (Endpoint.STATUS, Endpoint.EXCHANGES, Endpoint.EVENTS, Endpoint.UI)
)
"""How the paths begin by which a person looks at the gateway itself."""

_POSTED: Final = frozenset(
    {
        Endpoint.ANSWER,
        Endpoint.COUNT_TOKENS,
        Endpoint.INPUT_TOKENS,
        Endpoint.COMPACT,
        Endpoint.CANCEL,
        Endpoint.STOP,
        Endpoint.UI,
        *PASSED_ON,
    }
)

_KNOWN: Final = {
    endpoint.value: endpoint
    for endpoint in {*Endpoint} - KEPT - {Endpoint.NOT_OFFERED, Endpoint.ANSWER}
}

_KEPT_BY_TAIL: Final = {
    endpoint.value.removeprefix("/responses/{id}").removeprefix("/"): endpoint for endpoint in KEPT
}

# https://docs.anthropic.com/en/api: what the vendor has and a gateway for other providers has not.
# OpenAI has files and skills, too: of those only the caller's headers say who is meant.
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
    """What a path means. `profile` is the one that it pins, or ""; `answers` the dialect in which a
    model answers there; `model` the id after `/models/`, `request_id` the one after `/usage/` or
    `/exchanges/`, `response_id` the one after `/responses/`."""

    endpoint: Endpoint
    profile: str = ""
    answers: Dialect | None = None
    model: str = ""
    request_id: str = ""
    response_id: str = ""

    @property
    def asks_a_model(self) -> bool:
        """Whether an upstream's model works on the answer, and may want money for it."""
        return (
            self.answers is not None
            or self.endpoint in PASSED_ON
            or self.endpoint is Endpoint.COMPACT
        )

    @property
    def allowed(self) -> tuple[str, ...]:
        """The methods of the endpoint."""
        if self.endpoint is Endpoint.RESPONSE:
            return ("GET", "DELETE")
        return ("POST",) if self.endpoint in _POSTED else ("GET", "HEAD")

    @property
    def dialect(self) -> Dialect | None:
        """The dialect of whoever calls this endpoint; None where any may. Two vendors have routes
        that no other dialect has (product.md §5)."""
        if self.endpoint is Endpoint.COUNT_TOKENS:
            return Dialect.ANTHROPIC
        if self.endpoint in KEPT or self.endpoint in (Endpoint.INPUT_TOKENS, Endpoint.COMPACT):
            return Dialect.RESPONSES
        return Dialect.CHAT if self.endpoint in PASSED_ON else self.answers


def is_of_inspector(path: str) -> bool:
    """Whether `path` is the inspector's to answer. Its page spells each in one way only."""
    return path == INSPECTOR or path.startswith(f"{INSPECTOR}/")


@functools.lru_cache(128)  # tools have a few addresses, and ask there for the whole day
def address_of(path: str) -> Address | None:
    """The address that `path` means; None when there is nothing there.

    `path` has no query. A whole URL in its place (`GET http://…`) means nothing.
    """
    profile = ""
    path = _slashed_once(path)
    if path.startswith(_PROFILES):
        profile, slash, rest = path.removeprefix(_PROFILES).partition("/")
        path = _slashed_once(slash + rest or "/")
        if not profile:
            return None
    while path.startswith(f"{_VERSION}/"):
        path = _slashed_once(path.removeprefix(_VERSION))
    if len(path) > 1:
        path = path.rstrip("/")
    if path == _VERSION:
        path = "/"
    if path in GENERATING:
        return Address(Endpoint.ANSWER, profile, GENERATING[path])
    endpoint = _KNOWN.get(path)
    if endpoint is not None and endpoint is not Endpoint.USAGE:
        return Address(endpoint, profile)
    if (one := _address_of_one(profile, path)) is not None:
        return one
    if any(path == known or path.startswith(f"{known}/") for known in _VENDOR_ONLY):
        return Address(Endpoint.NOT_OFFERED, profile)
    return None


def _slashed_once(path: str) -> str:
    return "/" + path.lstrip("/") if path.startswith("//") else path


def _address_of_one(profile: str, path: str) -> Address | None:
    """One of several of a kind, by its id."""
    _, kind, name, *_ = *path.split("/", 2), "", ""
    if kind == "responses" and name:
        return _address_of_response(profile, name)
    if kind == "models" and name:
        return Address(Endpoint.MODELS, profile, model=unquote(name))
    if kind == "usage" and name:
        return Address(Endpoint.USAGE, profile, request_id=name)
    if kind == "exchanges" and name:
        return Address(Endpoint.EXCHANGES, profile, request_id=name)
    return None


def _address_of_response(profile: str, path: str) -> Address | None:
    response_id, _, tail = path.partition("/")
    endpoint = _KEPT_BY_TAIL.get(tail)
    if endpoint is None:
        return None
    return Address(endpoint, profile, response_id=unquote(response_id))

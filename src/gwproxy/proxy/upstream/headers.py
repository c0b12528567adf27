"""Which headers go through, in both directions. Pure; two allow-lists and nothing else.

Towards the upstream: what the dialect needs, the client's own User-Agent, the profile's headers
and its key. The local token, cookies and whatever else a client sends stay here. Towards the
client: request ids, `retry-after` and rate limits. Set-Cookie, CORS, redirects and hop-by-hop
headers of an upstream never get through.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

from gwproxy import __version__
from gwproxy.proxy.routing.route import Route
from gwproxy.translate.dialect_facts import BEARER, X_API_KEY, Dialect, DialectFacts
from gwproxy.translate.omittable import BETA_HEADER, betas
from gwproxy.translate.registry import FACTS

_ALWAYS: Final = ("idempotency-key",)

_RETURNED: Final = (
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "openai-processing-ms",
    "openai-version",
)
_RETURNED_PREFIXES: Final = ("x-ratelimit-", "anthropic-ratelimit-")

# Claude Code reads these as the quota of the user's own subscription.
_KEPT_BACK_PREFIX: Final = "anthropic-ratelimit-unified-"

# `x-trace-id` is Moonshot's.
_REQUEST_IDS: Final = ("request-id", "x-request-id", "x-trace-id")

_PRINTABLE: Final = re.compile(r"[ -~]{1,1000}")


def towards_upstream(
    client: Mapping[str, str],
    route: Route,
    *,
    faithful: bool,
    streams: bool,
    key: str | None,
) -> dict[str, str]:
    """The headers of the request to `route`. `client` are the client's own; `faithful` says that
    both sides speak the same dialect and the body goes up as it came, but for edits."""
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream" if streams else "application/json",
        # Compressed events arrive late or cannot be read (farion1231/cc-switch v3.12.3).
        "accept-encoding": "identity",
        # Never another client's name: that has cost users their accounts (badlogic/pi-mono#5009).
        "user-agent": client.get("user-agent") or f"gwproxy/{__version__}",
    }
    facts = FACTS[route.dialect]
    if facts.version is not None:
        version, default = facts.version
        asked = client.get(version) if faithful and _is_claude(route) else None
        headers[version] = asked or default
    headers |= _relayed(client, facts, faithful=faithful)
    if BETA_HEADER in headers:
        kept = betas(headers[BETA_HEADER], route.quirks.omit)
        headers[BETA_HEADER] = kept
        if not kept:
            del headers[BETA_HEADER]
    for name, value in route.profile.headers.items():
        headers[name.lower()] = value
    if key is not None:
        headers.update(_credential(route, key))
    return headers


def _relayed(client: Mapping[str, str], facts: DialectFacts, *, faithful: bool) -> dict[str, str]:
    """The client's headers for its own upstream; of those in several lines (betas are), all."""
    beginnings = (*_ALWAYS, *facts.relayed) if faithful else _ALWAYS
    settled = facts.version[0] if facts.version is not None else ""
    kept_here = (settled, *facts.not_relayed)
    relayed: dict[str, str] = {}
    for name, value in client.items():
        lower = name.lower()
        if lower.startswith(beginnings) and lower not in kept_here:
            relayed[lower] = f"{relayed[lower]}, {value}" if lower in relayed else value
    return relayed


def _is_claude(route: Route) -> bool:
    """Whether it is real Claude, which checks its signatures, and keeps to the version that a
    client asks for."""
    return route.quirks.signed_thinking


def _credential(route: Route, key: str) -> dict[str, str]:
    style = route.profile.auth_for(route.dialect)
    if style == BEARER:
        return {"authorization": f"Bearer {key}"}
    return {X_API_KEY if style == X_API_KEY else style.lower(): key}


def towards_client(
    upstream: Mapping[str, str], relayed_to: Dialect | None = None
) -> dict[str, str]:
    """What an upstream's answer headers say to the client, of those that it may see. To a client of
    its own dialect, whom it answers itself (`relayed_to`), its id takes the place of ours."""
    passed = {}
    for name, value in upstream.items():
        lower = name.lower()
        if _passes(lower) and _PRINTABLE.fullmatch(value) and not _endless(lower, value):
            passed[lower] = value
    request_id = upstream_request_id(upstream)
    if request_id:
        passed["x-gwproxy-upstream-request-id"] = request_id
        if relayed_to is not None:
            passed[request_id_header(relayed_to)] = request_id
    return passed


def _endless(name: str, value: str) -> bool:
    """Whether a client would wait for ever, or break: `retry-after: inf` was seen."""
    if not name.startswith("retry-after"):
        return False
    try:
        return not math.isfinite(float(value))
    except ValueError:
        return False  # a date


def _passes(name: str) -> bool:
    if name.startswith(_RETURNED_PREFIXES):
        return not name.startswith(_KEPT_BACK_PREFIX)
    return name in _RETURNED


def upstream_request_id(upstream: Mapping[str, str]) -> str:
    """The upstream's own name for the exchange, or ""."""
    for name in _REQUEST_IDS:
        value = upstream.get(name)
        if value and _PRINTABLE.fullmatch(value):
            return value
    return ""


def request_id_header(client: Dialect) -> str:
    """The header in which the vendor's SDK looks for the id of an exchange."""
    return FACTS[client].request_id


def asks_for_websocket(client: Mapping[str, str]) -> bool:
    """Whether a request wants to go on as a WebSocket. Every other offer to upgrade may be passed
    over (RFC 9110, 7.8): JDK and Ktor make one, for HTTP/2, with each POST."""
    offers = (offer.strip().lower() for offer in client.get("upgrade", "").split(","))
    return "websocket" in offers


def printable(text: str) -> str:
    """`text` as a header value: a model's name may hold anything."""
    if _PRINTABLE.fullmatch(text):
        return text
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:1000]


def forwarded_query(
    pairs: Iterable[tuple[str, str]], upstream: Dialect, *, faithful: bool
) -> dict[str, str]:
    """What remains of the client's query. Claude Code's `?beta=true` goes to its own API; a token
    that somebody put into the URL goes nowhere."""
    kept = FACTS[upstream].query
    return dict(pair for pair in pairs if faithful and kept is not None and pair[0] == kept[0])

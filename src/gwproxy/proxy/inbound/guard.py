"""Who may speak to the gateway at all. Pure checks on request headers.

A web page can reach a port on this machine in two ways: by rebinding a name of its own to
127.0.0.1 (CVE-2024-28224 in Ollama, CVE-2025-66414 in the MCP SDKs), which the Host check stops,
and by sending requests across origins (CVE-2025-49596, CVE-2025-52882), which the Origin and
Sec-Fetch-Site checks and the token stop. There are no CORS headers, and no answer to a preflight.
Other users' processes are stopped by the token alone, so there is always one.

The one exception is the inspector's own page (`unwelcome_at_the_page`): it comes from here, so its
requests may bear an Origin, if that is the very address that they are sent to. "Origin equals Host"
alone would prove nothing (a rebound name has both), so the Host must be one of this machine's.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from gwproxy.proxy import failures
from gwproxy.translate.hub import Failure

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")

PAGE_HEADER: Final = "x-gwproxy-page"
"""Where the inspector's page shows its secret. Another site's page could not send it unasked."""

_WELCOME_SITES: Final = frozenset({"none", "same-origin"})

_HTTP_PORT: Final = 80


class Headers(Protocol):
    """What `aiohttp` gives: a case-insensitive multi-mapping."""

    def get(self, key: str) -> str | None: ...

    def getall(self, key: str, default: list[str]) -> list[str]: ...


def host_values(declared: Iterable[str], port: int) -> frozenset[str]:
    """The values that the Host header may have: known names, with the bound port or without."""
    names = [*LOOPBACK_NAMES, *(name.strip().lower() for name in declared)]
    return frozenset(value for name in names for value in (name, f"{name}:{port}"))


def page_hosts(bound: str, port: int) -> frozenset[str]:
    """The values that the Host header of the inspector's page may have: loopback alone, and the
    port as a browser writes it. `bound` is the address that is listened on."""
    tail = "" if port == _HTTP_PORT else f":{port}"
    return frozenset(f"{name}{tail}" for name in (*LOOPBACK_NAMES, bound))


def unwelcome(headers: Headers, hosts: frozenset[str]) -> Failure | None:
    """Why the request is refused whatever token it bears, or None."""
    if _host_in(headers, hosts) is None:
        return failures.forbidden(
            "the Host header is not a name of this gateway; "
            "serve.allowed_hosts in config.toml can add one"
        )
    if headers.get("Origin") is not None:
        return failures.forbidden("requests from web pages are refused (Origin)")
    return _unwelcome_site(headers)


def unwelcome_at_the_page(
    headers: Headers, hosts: frozenset[str], *, opens: bool
) -> Failure | None:
    """Why a request to the inspector is refused whatever secret it bears, or None. `hosts` are its
    `page_hosts`; it `opens` where it asks for the document itself, to which a link from anywhere
    may lead: there is nothing in it."""
    host = _host_in(headers, hosts)
    if host is None:
        return failures.forbidden("the Host header is not an address of the inspector")
    origins = headers.getall("Origin", [])
    if origins and origins != [f"http://{host}"]:
        return failures.forbidden("requests from other pages are refused (Origin)")
    if opens and _is_a_link(headers):
        return None
    return _unwelcome_site(headers)


def _host_in(headers: Headers, hosts: frozenset[str]) -> str | None:
    """The request's one host, if it is among `hosts`."""
    named = headers.getall("Host", [])
    host = named[0].lower() if len(named) == 1 else ""
    return host if host in hosts else None


def _unwelcome_site(headers: Headers) -> Failure | None:
    site = headers.get("Sec-Fetch-Site")
    if site is not None and site.lower() not in _WELCOME_SITES:
        return failures.forbidden("requests from other sites are refused (Sec-Fetch-Site)")
    return None


def _is_a_link(headers: Headers) -> bool:
    """Whether the browser goes there in a tab of its own: no frame, no script, no image."""
    mode, kind = headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest")
    return mode == "navigate" and kind == "document"


def presents(headers: Headers, token: str) -> bool:
    """Whether one of the headers that clients put their key into bears `token`.

    Compared in constant time, and all of them: a key helper of Claude Code sends two.
    """
    expected = token.encode()
    found = False
    for presented in _presented(headers):
        given = presented.encode("utf-8", "surrogateescape")
        found |= hmac.compare_digest(given, expected)
    return found


def _presented(headers: Headers) -> Iterable[str]:
    scheme, _, credential = (headers.get("Authorization") or "").partition(" ")
    if scheme.lower() == "bearer":
        yield credential.strip()
    for name in ("x-api-key", "anthropic-auth-token"):
        value = headers.get(name)
        if value is not None:
            yield value.strip()


def looks_anthropic(headers: Headers | Mapping[str, str]) -> bool:
    """Whether the caller of a route that says nothing of it speaks the Anthropic dialect."""
    return headers.get("anthropic-version") is not None or headers.get("x-api-key") is not None

"""Base URLs: what people paste in, and the addresses that follow from it.

Pure. Providers print their base with and without `/v1`, and people paste whole endpoints; all
of it means the same here. A base is what stands in the provider's own documentation: for
Anthropic clients without a version segment (`/v1/messages` is added), for OpenAI clients with
one (`/chat/completions`, `/responses` and `/models` are added).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

_ANTHROPIC_ENDPOINTS: Final = ("/v1/messages/count_tokens", "/v1/messages", "/v1/models", "/v1")
_OPENAI_ENDPOINTS: Final = ("/chat/completions", "/responses", "/models")

_VERSION_SEGMENT: Final = re.compile(r"v\d+[a-z0-9]*")
"""`v1`, and what others use in its place: `v4` (Zhipu), `v1beta` (Google), `v3` (Volcengine)."""


_USUAL_PORTS: Final = {"https": "443", "http": "80"}


class BadUrl(ValueError):
    """A URL that cannot be a base; the text says what is wrong with it and what would do."""


def anthropic_base(text: str) -> str:
    """The base to which `/v1/messages` is added. Raises BadUrl."""
    base = _checked(text)
    for endpoint in _OPENAI_ENDPOINTS[:2]:
        if base.endswith(endpoint):
            raise BadUrl(f"{endpoint} is an OpenAI endpoint; this one belongs into openai_url")
    for endpoint in _ANTHROPIC_ENDPOINTS:
        if base.endswith(endpoint):
            return base.removesuffix(endpoint).rstrip("/")
    if base.endswith("/messages"):
        raise BadUrl("a Messages endpoint ends in /v1/messages; give the base before that")
    return base


def openai_base(text: str) -> str:
    """The base to which `/chat/completions` is added: with its version segment.

    `/v1` is added when no segment of the path is a version, unless a whole endpoint was given:
    that one is taken at its word (Perplexity has `https://api.perplexity.ai/chat/completions`).
    Raises BadUrl.
    """
    base = _checked(text)
    if base.endswith(("/messages", "/count_tokens")):
        raise BadUrl("/messages is an Anthropic endpoint; this one belongs into anthropic_url")
    for endpoint in _OPENAI_ENDPOINTS:
        if base.endswith(endpoint):
            return base.removesuffix(endpoint).rstrip("/")
    if any(_VERSION_SEGMENT.fullmatch(part) for part in urlsplit(base).path.split("/")):
        return base
    return f"{base}/v1"


def host_of(base: str) -> str:
    """The host name of a base URL, lower case, without the port."""
    return urlsplit(base).hostname or ""


def authority_of(base: str) -> str:
    """The host name of a base URL with its port, unless that is the one its scheme implies."""
    parts = urlsplit(base)
    usual = f":{_USUAL_PORTS.get(parts.scheme, '')}"
    return parts.netloc.lower().removesuffix(usual)


def is_loopback(host: str) -> bool:
    """Whether traffic to `host` stays on this machine: `localhost`, 127.0.0.0/8, `::1`."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 §6.3
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _checked(text: str) -> str:
    """`text` as scheme://host[:port]/path, without a trailing slash."""
    text = text.strip()
    if not text.isprintable() or " " in text:
        raise BadUrl("a URL has no spaces and no control characters")
    if "://" not in text:
        raise BadUrl(f"{text!r} has no scheme; write https://{text.lstrip('/')}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BadUrl(str(error)) from None
    _refuse_what_a_base_cannot_have(parts)
    host = (parts.hostname or "").lower()
    if ":" in host:
        host = f"[{host}]"
    address = host if port is None else f"{host}:{port}"
    return f"{parts.scheme}://{address}{parts.path.rstrip('/')}"


def _refuse_what_a_base_cannot_have(parts: SplitResult) -> None:
    if parts.scheme not in ("https", "http"):
        raise BadUrl(f"{parts.scheme}:// is not spoken here; only https:// (http:// on loopback)")
    if not parts.hostname:
        raise BadUrl("there is no host in it")
    if parts.username is not None or parts.password is not None:
        raise BadUrl("a user name or password in a URL ends up in logs; keep the key apart from it")
    if parts.query or parts.fragment:
        raise BadUrl("a base has no ?query and no #fragment")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise BadUrl(
            f"http:// to {parts.hostname} would send your key and your code in the clear; "
            "use https:// (http:// is for this machine only)"
        )

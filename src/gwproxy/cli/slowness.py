"""Where the time of an exchange went, and what took so long, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gwproxy.cli.figures import short_span
from gwproxy.plain import one_line

SLOW_MS: Final = 10_000
"""An answer that took longer has a reason that a person wants to know."""


def parts_of(exchange: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The time of each stretch, in the order in which they came."""
    if exchange["queued_ms"]:
        yield "waiting for a place", exchange["queued_ms"]
    if exchange["own_ms"] is not None:
        yield "gwproxy itself", exchange["own_ms"]
    if exchange["wait_ms"] is not None:
        yield "until the first byte", exchange["wait_ms"]
    if exchange["stream_ms"] is not None:
        yield "the answer itself", exchange["stream_ms"]


def why_slow(exchange: Mapping[str, Any]) -> str:
    """`most of it, 58.0 s, waiting for api.moonshot.ai to begin`: the longest stretch in words; ""
    where nothing is known of it."""
    words = {
        "waiting for a place": "waiting for a place, as others of that profile ran",
        "gwproxy itself": "gwproxy's own work",
        "until the first byte": f"waiting for {exchange['host'] or 'the provider'} to begin",
        "the answer itself": f"while it came{_pace(exchange)}",
    }
    parts = list(parts_of(exchange))
    if not parts:
        return ""
    name, spent = max(parts, key=lambda part: part[1])
    return one_line(f"most of it, {short_span(spent)}, {words[name]}")


def _pace(exchange: Mapping[str, Any]) -> str:
    out, spent = exchange["output_tokens"], exchange["stream_ms"]
    if not out or not spent:
        return ""
    return f" ({out * 1000 / spent:.3g} tokens a second)"

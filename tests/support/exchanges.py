"""Exchanges as an upstream and a client left them, and how each is seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

from gwproxy.profiles.prices import Prices
from gwproxy.proxy.record import ExchangeOutcome, ExchangeRecord
from gwproxy.proxy.records.ledger import Entry, shape
from gwproxy.translate.expected import Tally
from gwproxy.translate.hub import Failure, FailureKind, Usage

AT_MS = 1_764_417_601_000
"""2025-11-29 12:00:01 UTC."""


def tally(usage: Usage | None = None, losses: Iterable[str] = ()) -> Tally:
    """What a bridge has counted and lost."""
    made = Tally()
    made.usage = usage or made.usage
    made.losses = cast(Any, dict.fromkeys(losses))
    return made


USAGE = Usage(fresh=310, cache_read=12000, output=340)
LOSSES = ("drop:top_k", "drop:metadata", "clamp:max_tokens=1")

ANSWERED = ExchangeRecord(
    "req_0123456789abcdef01234567",
    client="claude-cli/2.1.330",
    started_ms=AT_MS,
    phase="over",
    path="/v1/messages",
    profile="kimi",
    host="api.moonshot.ai",
    client_dialect="anthropic",
    upstream_dialect="chat",
    model_asked="claude-sonnet-4-6",
    model_used="kimi-k2.5",
    outcome=ExchangeOutcome(200),
    tally=tally(USAGE, LOSSES),
    sent_s=0.004,
    heard_s=0.5,
    first_byte_s=0.51,
    duration_s=1.25,
)

OVERLOADED = Failure(
    FailureKind.OVERLOADED,
    "The engine is currently overloaded, please try again later or ask elsewhere for it",
    529,
    upstream_status=503,
)
REFUSED = replace(ANSWERED, tally=None, outcome=ExchangeOutcome.of(529, OVERLOADED))

CUT = ExchangeOutcome.of(200, Failure(FailureKind.UPSTREAM, "it cut its answer off", 502))

PRICES = Prices("USD", input=600_000, output=2_500_000, cache_read=150_000)

LONG = replace(
    ANSWERED,
    request_id="req_89abcdef0123456701234567",
    client="codex_cli_rs/0.141.0",
    profile="openrouter-free",
    host="openrouter.ai",
    model_asked="gpt-5.5-codex-high",
    model_used="z-ai/glm-5.2-air-preview:free",
    tally=tally(Usage(fresh=182_345, output=12_345)),
    first_byte_s=62.1,
    duration_s=724.3,
    remarks=["asked again, since it takes no tool choice: tool_choice left out"],
)


def seen(record: ExchangeRecord, prices: Prices | None = PRICES, **more: Any) -> dict[str, Any]:
    """Its shape, with `more` members."""
    return shape(Entry.of(record, prices), record.phase) | more

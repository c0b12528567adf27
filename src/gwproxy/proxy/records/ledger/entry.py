"""One exchange as a row of the ledger. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Self

from msgspec import Struct

from gwproxy.profiles.prices import Prices
from gwproxy.proxy.record import CLIENT_GONE, ExchangeOutcome, ExchangeRecord
from gwproxy.proxy.records.prices import cost_of


class Entry(Struct, frozen=True, kw_only=True):
    """Times are milliseconds, `started_ms` since 1970. Tokens are disjoint on the input side, None
    where the upstream did not say; `cache_write_1h` is a part of `cache_write`, `reasoning` of
    `output`. `cost_micro` is None where a price is not known, which is not zero."""

    request_id: str
    upstream_request_id: str
    started_ms: int
    profile: str
    client: str
    client_dialect: str
    upstream_dialect: str
    model_asked: str
    model_used: str
    streamed: bool
    status: int
    error_kind: str
    first_byte_ms: int | None
    duration_ms: int
    fresh: int | None
    cache_read: int | None
    cache_write: int | None
    cache_write_1h: int | None
    output: int | None
    reasoning: int | None
    cost_micro: int | None
    cost_unit: str
    losses: int
    upstream_status: int | None = None
    """What the provider itself refused with."""
    error: str = ""
    """What went wrong, in whoever's words, cut short."""
    lost: str = ""
    """The codes of the `losses`, as in `x-gwproxy-loss`, one a line and not without bound."""
    session: str = ""
    host: str = ""
    path: str = ""
    queued_ms: int | None = None
    sent_ms: int | None = None
    heard_ms: int | None = None
    """Since the start, as `first_byte_ms` is; `queued_ms` is how long it waited for a slot."""
    remarks: str = ""
    """What was done with it, in words; a line each."""
    cache_alarm: str = ""
    """`CacheAlarm` as JSON, which is known a moment after the rest."""

    @property
    def failed(self) -> bool:
        """Whether it went wrong (`ExchangeOutcome.failed`)."""
        return ExchangeOutcome(self.status, error_kind=self.error_kind).failed

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(self.lost.splitlines())

    @classmethod
    def of(cls, record: ExchangeRecord, prices: Prices | None) -> Self:
        """The row of an exchange: of a finished one, or as far as it has come."""
        usage, losses, outcome = record.usage, record.losses, record.outcome
        # One may refuse when the answer has begun; a client may go before anybody is asked.
        at_it = record.sent_s is not None and outcome.upstream_status is None
        answered = at_it and outcome.status in (200, CLIENT_GONE)
        return cls(
            request_id=record.request_id,
            upstream_request_id=record.upstream_request_id,
            started_ms=record.started_ms,
            profile=record.profile,
            client=record.client,
            client_dialect=record.client_dialect,
            upstream_dialect=record.upstream_dialect,
            model_asked=record.model_asked[:_LONGEST_NAME],
            model_used=record.model_used,
            streamed=record.streamed,
            status=outcome.status,
            error_kind=outcome.error_kind,
            first_byte_ms=_milliseconds(record.first_byte_s),
            duration_ms=round(record.duration_s * 1000),
            fresh=usage.fresh,
            cache_read=usage.cache_read,
            cache_write=usage.cache_write,
            cache_write_1h=usage.cache_write_1h,
            output=usage.output,
            reasoning=usage.reasoning,
            cost_micro=cost_of(usage, prices, answered=answered),
            cost_unit=prices.unit if prices else "",
            losses=len(losses),
            upstream_status=outcome.upstream_status,
            error=outcome.error,
            lost=_together(losses),
            session=record.session,
            host=record.host,
            path=record.path,
            queued_ms=None if record.sent_s is None else _milliseconds(record.queued_s),
            sent_ms=_milliseconds(record.sent_s),
            heard_ms=_milliseconds(record.heard_s),
            remarks="\n".join(record.remarks)[:_MOST_WORDS],
            cache_alarm=record.cache_alarm.text() if record.cache_alarm else "",
        )

    def usage_answer(self) -> dict[str, Any]:
        """The body of `GET /v1/usage/{request_id}`; what is not known is null."""
        long_lived = self.cache_write_1h or 0
        return {
            "input_tokens": self.fresh,
            "output_tokens": self.output,
            "cache_read_input_tokens": self.cache_read or 0,
            "cache_creation": {
                "ephemeral_5m_input_tokens": (self.cache_write or 0) - long_lived,
                "ephemeral_1h_input_tokens": long_lived,
            },
            "cost_micro": self.cost_micro,
            "model": self.model_used,
        }


FAILED: Final = f"(status != {CLIENT_GONE} AND (error_kind != '' OR status >= 400))"
"""`Entry.failed` of a row in the file."""

COLUMNS: Final = Entry.__struct_fields__

_MOST_WORDS: Final = 2000

_LONGEST_NAME: Final = 200
"""A client may ask for a model of any name; the ledger is not the place to keep a megabyte."""

_MOST_LOST: Final = 1000
"""Letters, as of the header."""


def _together(losses: Iterable[str]) -> str:
    """As many of them as fit: a client may name a member of any length."""
    kept, size = [], 0
    for loss in losses:
        size += len(loss) + 1
        if size > _MOST_LOST:
            kept.append("more")
            break
        kept.append(loss.replace("\n", " "))
    return "\n".join(kept)


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)

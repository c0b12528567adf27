"""One exchange as it is shown: by `gwproxy log`, in the inspector and on its event stream."""

from __future__ import annotations

from typing import Any, Final, Literal

from gwproxy.proxy.record import CLIENT_GONE, Phase
from gwproxy.proxy.records.ledger.entry import Entry
from gwproxy.translate.loss_words import in_words, reason
from gwproxy.translate.wire import jsonio

State = Literal["running", "done", "failed", "gone"]

_AS_IT_IS: Final = (
    *("request_id", "started_ms", "client_dialect", "upstream_dialect", "model_asked"),
    *("model_used", "status", "cost_micro", "upstream_status", "duration_ms"),
)
_OR_NULL: Final = (
    *("client", "session", "path", "profile", "host", "upstream_request_id", "cost_unit"),
    *("error", "error_kind"),
)


def shape(entry: Entry, phase: Phase = "over") -> dict[str, Any]:
    """The members of one exchange, times in milliseconds; what is not known is null."""
    losses = list(entry.codes)
    inputs = (entry.fresh, entry.cache_read, entry.cache_write)
    known = [tokens for tokens in inputs if tokens is not None]
    sent, heard, first = entry.sent_ms, entry.heard_ms, entry.first_byte_ms
    return {
        **{name: getattr(entry, name) for name in _AS_IT_IS},
        **{name: getattr(entry, name) or None for name in _OR_NULL},
        "state": _state(entry, phase),
        "phase": phase,
        "stream": entry.streamed,
        "input_tokens": sum(known) if known else None,
        "cached_tokens": entry.cache_read,
        "cache_write_tokens": entry.cache_write,
        "output_tokens": entry.output,
        "reasoning_tokens": entry.reasoning,
        "queued_ms": entry.queued_ms,
        "own_ms": None if sent is None else max(0, sent - (entry.queued_ms or 0)),
        "wait_ms": None if sent is None or heard is None else heard - sent,
        "first_byte_ms": first,
        "stream_ms": None if heard is None else max(0, entry.duration_ms - heard),
        "losses": losses,
        "losses_said": [in_words(code) for code in losses],
        "losses_why": [reason(code) or None for code in losses],
        "changes": [line for line in entry.remarks.split("\n") if line],
        "cache_alarm": jsonio.loads(entry.cache_alarm) if entry.cache_alarm else None,
    }


def _state(entry: Entry, phase: Phase) -> State:
    if phase != "over":
        return "running"
    if entry.status == CLIENT_GONE:
        return "gone"
    return "failed" if entry.failed else "done"

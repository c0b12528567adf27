"""Status, stop reason and usage of a Responses answer, from and to the hub.

This dialect counts inclusively (`input_tokens` hold the cached ones), the hub disjointly.

https://platform.openai.com/docs/api-reference/responses/object
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import structs

from gwproxy.translate.errors import complaints
from gwproxy.translate.events import unreadable
from gwproxy.translate.hub import UNTOLD, Failure, Stop, StopReason, Usage
from gwproxy.translate.responses.frames import WireResponse
from gwproxy.translate.wire.fields import count_of

# The statuses of an answer that is done, to its end or to a limit, and of one that is not.
FINISHED: Final = frozenset({"completed", "incomplete"})
PENDING: Final = frozenset({"queued", "in_progress"})
_STOPS: Final[Mapping[str, StopReason]] = {
    "content_filter": StopReason.REFUSAL,
    "steered": StopReason.END,
}
_INCOMPLETE: Final[Mapping[StopReason, str]] = {
    StopReason.MAX_TOKENS: "max_output_tokens",
    StopReason.CONTEXT_FULL: "max_output_tokens",
    StopReason.PAUSE: "max_output_tokens",
    StopReason.REFUSAL: "content_filter",
}


def trouble_of(response: WireResponse, *, ended: bool) -> Failure | None:
    """The failure in a response object, None where there is none. One that has `ended` (a whole
    body, or a stream's last event) fails too if it is not done."""
    status = response.status
    if response.error or status == "failed":  # {} and "" are no error
        return complaints.failure_of(response.error or {"message": "the response failed"})
    if status == "cancelled" or (ended and status is not None and status not in FINISHED):
        return unreadable(f"a response that is {status}")
    return None


def stop_of(response: WireResponse, *, calls: bool, refused: bool) -> Stop:
    """The hub's stop reason: by `status`, and for a completed answer by its items."""
    if response.status == "incomplete":
        details = response.incomplete_details
        reason = None if details is None else details.reason
        return Stop(_STOPS.get(reason or "", StopReason.MAX_TOKENS), reason)
    if calls:
        return Stop(StopReason.TOOL_USE, response.status)
    return Stop(StopReason.REFUSAL if refused else StopReason.END, response.status)


def incomplete_reason(stop: Stop, *, refused: bool) -> str | None:
    """The reason in `incomplete_details`; None for a complete answer. A model that declined in its
    own words (`refused`) has completed its answer; one that was cut off by a filter has not."""
    declined = stop.explanation is None and stop.raw != "content_filter"
    if refused and declined and stop.reason is StopReason.REFUSAL:
        return None
    return _INCOMPLETE.get(stop.reason)


def usage_of(wire: Any) -> Usage:
    """The hub's usage, in disjoint counts. Cached tokens are part of the input here; an upstream
    whose figures contradict that counts them disjointly."""
    if not isinstance(wire, dict):
        return UNTOLD
    inputs = wire.get("input_tokens_details")
    outputs = wire.get("output_tokens_details")
    total = _count(wire, "input_tokens")
    read = _count(inputs, "cached_tokens")
    written = _count(inputs, "cache_write_tokens")
    by_ttl = inputs.get("cache_write_tokens_details") if isinstance(inputs, dict) else None
    fresh = total
    if total is not None and total >= (read or 0) + (written or 0):
        fresh = total - (read or 0) - (written or 0)
    return Usage(
        fresh=fresh,
        cache_read=read,
        cache_write=written,
        cache_write_1h=_count(by_ttl, "ttl_12h_tokens"),
        output=_count(wire, "output_tokens"),
        reasoning=_count(outputs, "reasoning_tokens"),
    )


def searches_of(tool_usage: Any) -> int | None:
    """The number of web searches, None where the upstream does not count them."""
    searching = tool_usage.get("web_search") if isinstance(tool_usage, dict) else None
    return _count(searching, "num_requests")


def _count(holder: Any, name: str) -> int | None:
    return count_of(holder.get(name)) if isinstance(holder, dict) else None


def usage_object(usage: Usage, input_estimate: int) -> dict[str, Any] | None:
    """The `usage` member, or None where no figure is known (unknown is not zero). Codex needs every
    detail to be a number."""
    if structs.replace(usage, searches=None) == UNTOLD:
        return None
    total = input_estimate if usage.input_total is None else usage.input_total
    output = usage.output or 0
    written = usage.cache_write or 0
    inputs: dict[str, Any] = {
        "cached_tokens": usage.cache_read or 0,
        "cache_write_tokens": written,
    }
    if usage.cache_write_1h is not None:
        inputs["cache_write_tokens_details"] = {
            "ttl_30m_tokens": max(0, written - usage.cache_write_1h),
            "ttl_12h_tokens": usage.cache_write_1h,
        }
    return {
        "input_tokens": total,
        "input_tokens_details": inputs,
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": total + output,
    }

"""Stop reasons and usage of a Messages answer, from and to the hub.

This dialect counts disjointly, as the hub does: `input_tokens` are those that came from no cache.

https://docs.claude.com/en/api/handling-stop-reasons
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Raw, Struct

from gwproxy.translate.hub import Block, Call, Reasoning, Refusal, Stop, StopReason, Text, Usage
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.lenient import lenient
from gwproxy.translate.wire.shapes import present

_REASONS: Final = {
    "end_turn": StopReason.END,
    "tool_use": StopReason.TOOL_USE,
    "max_tokens": StopReason.MAX_TOKENS,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "refusal": StopReason.REFUSAL,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
    "pause_turn": StopReason.PAUSE,
}
_WORDS: Final = {reason: word for word, reason in _REASONS.items()}
# Chat's words, which hosts that translate for themselves leave in their Messages answers.
_OF_CHAT: Final = {
    "length": StopReason.MAX_TOKENS,
    "content_filter": StopReason.REFUSAL,
}
# For an answer without usage: the client's context meter needs a figure.
_CHARACTERS_PER_TOKEN: Final = 4


class StopDetails(Struct):
    """The members of `stop_details` that other dialects can say too."""

    explanation: str | None = None


_details: Final = jsonio.decoder(StopDetails)


def stop_of(word: str | None, sequence: str | None, details: Raw, *, calls: bool) -> Stop:
    """The hub's stop reason. Some servers say `end_turn` although they called tools; without a stop
    reason, or with an unknown one, `calls` decides."""
    reason = _REASONS.get(word or "") or _OF_CHAT.get(word or "", StopReason.END)
    if reason in (StopReason.END, StopReason.TOOL_USE):
        reason = StopReason.TOOL_USE if calls else StopReason.END
    explanation = None
    if present(details):
        try:
            explanation = _details(bytes(details)).explanation
        except jsonio.NotJson:
            explanation = None  # a host's own details; the reason stands without them
    return Stop(reason, word, sequence, explanation)


def stop_members(stop: Stop) -> dict[str, Any]:
    """`stop_reason`, `stop_sequence` and, for a refusal, `stop_details`."""
    sequence = stop.sequence if stop.reason is StopReason.STOP_SEQUENCE else None
    members: dict[str, Any] = {"stop_reason": _WORDS[stop.reason], "stop_sequence": sequence}
    if stop.reason is StopReason.REFUSAL:
        members["stop_details"] = {
            "type": "refusal",
            "category": None,
            "explanation": stop.explanation,
        }
    return members


class _ByLifetime(Struct):
    ephemeral_1h_input_tokens: int | None = None


class _OutputDetails(Struct):
    thinking_tokens: int | None = None


class _ServerTools(Struct):
    web_search_requests: int | None = None


class Figures(Struct):
    """`usage` as upstreams send it. `cached_tokens` is Moonshot's word on its Messages route
    (Wei-Shaw/sub2api#497)."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cached_tokens: int | None = None
    cache_creation: _ByLifetime | None = None
    output_tokens_details: _OutputDetails | None = None
    server_tool_use: _ServerTools | None = None


def usage_of(raw: Raw) -> Usage | None:
    """The hub's usage; None where there is none, or none that can be read: that is no failure."""
    if not present(raw):
        return None
    figures = lenient(jsonio.loads(bytes(raw)), Figures)
    if figures is None:
        return None
    read = figures.cache_read_input_tokens
    lifetimes, details = figures.cache_creation, figures.output_tokens_details
    tools = figures.server_tool_use
    return Usage(
        figures.input_tokens,
        figures.cached_tokens if read is None else read,
        figures.cache_creation_input_tokens,
        lifetimes.ephemeral_1h_input_tokens if lifetimes is not None else None,
        figures.output_tokens,
        details.thinking_tokens if details is not None else None,
        tools.web_search_requests if tools is not None else None,
    )


def usage_object(usage: Usage, input_estimate: int, output_estimate: int) -> dict[str, Any]:
    """The `usage` member for a client, complete and cumulative: clients take the last one as it is,
    and fail on a null. Unknown cache figures are left out, for unknown is not zero."""
    total_known = usage.input_total is not None
    fresh = usage.fresh if usage.fresh is not None else (0 if total_known else input_estimate)
    members: dict[str, Any] = {"input_tokens": fresh}
    if usage.cache_write is not None:
        members["cache_creation_input_tokens"] = usage.cache_write
    if usage.cache_read is not None:
        members["cache_read_input_tokens"] = usage.cache_read
    members["output_tokens"] = usage.output if usage.output is not None else output_estimate
    if usage.cache_write_1h is not None:
        members["cache_creation"] = {
            "ephemeral_5m_input_tokens": max(0, (usage.cache_write or 0) - usage.cache_write_1h),
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        }
    if usage.reasoning is not None:
        members["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if usage.searches is not None:
        members["server_tool_use"] = {
            "web_search_requests": usage.searches,
            "web_fetch_requests": 0,
        }
    return members


def output_estimate(characters: int) -> int:
    """Roughly how many tokens so many characters are."""
    return -(-characters // _CHARACTERS_PER_TOKEN)


def characters_of(blocks: Iterable[Block]) -> int:
    """The number of characters in an answer's blocks, as its stream would be counted."""
    total = 0
    for block in blocks:
        if isinstance(block, Text | Refusal | Reasoning):
            total += len(block.text)
        elif isinstance(block, Call):
            total += len(block.arguments)
    return total

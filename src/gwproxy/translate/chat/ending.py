"""Finish reasons and usage of a Chat answer, from and to the hub.

Chat counts inclusively (`prompt_tokens` holds the cached ones), the hub disjointly; mixing the two
up is the commonest bug of translators (vllm-project/vllm#40912, BerriAI/litellm#28354).

https://platform.openai.com/docs/api-reference/chat/object
"""

from __future__ import annotations

from typing import Any, Final

from gwproxy.translate.chat.frames import Figures
from gwproxy.translate.hub import Failure, FailureKind, Stop, StopReason, Usage

# What upstreams write for `finish_reason`, lower case, `-` as `_`.
_REASONS: Final = {
    "stop": StopReason.END,
    "end_turn": StopReason.END,
    "eos": StopReason.END,
    "eos_token": StopReason.END,
    "stop_sequence": StopReason.END,
    "complete": StopReason.END,
    "completed": StopReason.END,
    "tool_calls": StopReason.TOOL_USE,
    "tool_call": StopReason.TOOL_USE,
    "tool_use": StopReason.TOOL_USE,
    "function_call": StopReason.TOOL_USE,
    "length": StopReason.MAX_TOKENS,
    "max_tokens": StopReason.MAX_TOKENS,
    "max_output_tokens": StopReason.MAX_TOKENS,
    "model_length": StopReason.MAX_TOKENS,
    "context_window_exceeded": StopReason.CONTEXT_FULL,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
    "content_filter": StopReason.REFUSAL,
    "refusal": StopReason.REFUSAL,
    "safety": StopReason.REFUSAL,
    "sensitive": StopReason.REFUSAL,  # Zhipu
}
# Failures in place of a finish reason, as DeepSeek, Zhipu, vLLM and others send them.
_BREAKS: Final = {
    "error": FailureKind.UPSTREAM,
    "network_error": FailureKind.UPSTREAM,
    "abort": FailureKind.UPSTREAM,
    "cancelled": FailureKind.UPSTREAM,
    "insufficient_system_resource": FailureKind.OVERLOADED,
}
_WORDS: Final = {
    StopReason.END: "stop",
    StopReason.TOOL_USE: "tool_calls",
    StopReason.MAX_TOKENS: "length",
    StopReason.STOP_SEQUENCE: "stop",
    StopReason.REFUSAL: "content_filter",
    StopReason.CONTEXT_FULL: "length",
    StopReason.PAUSE: "length",
}


def broken_off(word: str) -> Failure | None:
    """The failure that an upstream put into `finish_reason`, None for a true reason."""
    kind = _BREAKS.get(_plain(word))
    if kind is None:
        return None
    status = 503 if kind is FailureKind.OVERLOADED else 502
    return Failure(kind, f"the upstream broke off its answer ({word})", status, word)


def stop_of(word: str | None, sequence: str | int | None, *, calls: bool, refused: bool) -> Stop:
    """The hub's stop reason. Many servers say `stop` although they called tools; `length` stays, as
    the last call may be half. Without a finish reason, or with an unknown one, the content
    decides."""
    reason = _REASONS.get(_plain(word or ""), StopReason.END)
    if reason in (StopReason.END, StopReason.TOOL_USE):
        if calls:
            reason = StopReason.TOOL_USE
        elif refused:
            reason = StopReason.REFUSAL
        elif isinstance(sequence, str) and _plain(sequence) not in _REASONS:
            return Stop(StopReason.STOP_SEQUENCE, word, sequence)
        else:
            reason = StopReason.END
    return Stop(reason, word)


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")


def finish_word(stop: Stop, *, calls: bool, refused: bool, legacy: bool) -> str:
    """The `finish_reason` for a client. `legacy` clients declared `functions` and wait for
    `function_call`. A model that `refused` in words has stopped; `content_filter` is for an answer
    that was cut off."""
    reason = stop.reason
    if reason is StopReason.TOOL_USE or (reason is StopReason.END and calls):
        return "function_call" if legacy else "tool_calls"
    if reason is StopReason.REFUSAL and refused:
        return "stop"
    return _WORDS[reason]


def usage_of(figures: Figures) -> Usage:
    """The hub's usage, in disjoint counts. Where more was cached than there was prompt, the
    upstream counts disjointly too, and its prompt figure is the fresh part."""
    details = figures.prompt_tokens_details
    cached = figures.cached_tokens
    written = None
    if details is not None:
        cached = details.cached_tokens if details.cached_tokens is not None else cached
        written = details.cache_write_tokens
    if cached is None:
        cached = figures.prompt_cache_hit_tokens
    fresh = figures.prompt_tokens
    if fresh is not None:
        inside = (cached or 0) + (written or 0)
        fresh = fresh - inside if inside <= fresh else fresh
    thoughts = figures.completion_tokens_details
    return Usage(
        fresh=fresh,
        cache_read=cached,
        cache_write=written,
        output=figures.completion_tokens,
        reasoning=thoughts.reasoning_tokens if thoughts is not None else None,
    )


def usage_object(usage: Usage, input_estimate: int) -> dict[str, Any] | None:
    """The `usage` member, or None where the upstream gave no figure (unknown is not zero)."""
    if usage.input_total is None and usage.output is None:
        return None
    prompt = usage.input_total if usage.input_total is not None else input_estimate
    output = usage.output or 0
    result: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
    }
    details = {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write}
    if known := {name: count for name, count in details.items() if count is not None}:
        result["prompt_tokens_details"] = known
    if usage.reasoning is not None:
        result["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return result

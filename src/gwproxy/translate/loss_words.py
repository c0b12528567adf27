"""Sentences for loss codes: for the log, for `gwproxy translate` and `gwproxy explain`.

A loss is a code and what it is about (`translate.losses`): `drop:top_k`, `clamp:max_tokens=1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "drop": "left out: the provider, or its format, has nothing for it; the answer is of the "
        "same kind without it",
        "clamp": "sent as the nearest value that the provider takes",
        "raise": "raised to the least value with which the answer is not cut short",
        "emu": "done by gwproxy itself, because the provider does not do it",
        "synth": "made up, because the provider demands it and the tool did not send it",
        "reorder": "put in the order that the provider demands",
        "rename": "sent under another name, and given back under its own",
        "heal": "changed after the provider had refused the request, which was then asked again",
    }
)
"""By code, what was done with the member behind the colon."""

_SHORT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "drop": "{0} was left out",
        "clamp": "{0} went as {1}",
        "raise": "{0} was raised to {1}",
        "emu": "gwproxy does {0} itself",
        "synth": "{0} was made up",
        "reorder": "{0} was put in order",
        "rename": "{0} goes under another name",
        "heal": "asked again after a refusal, with {0}",
    }
)

_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "temperature": "this model fixes it, or takes less",
        "top_p": "this model fixes it",
        "top_k": "only the Messages format has it",
        "seed": "the provider's format has no such setting",
        "stop": "the provider's format has no such setting",
        "user": "the provider's format names no user",
        "service_tier": "the provider has no such choice of service",
        "cache_control": "the provider keeps its cache by itself",
        "parallel_tool_calls": "the provider decides it by itself",
        "response_format": "the provider cannot be held to a format",
        "max_tokens": "a thinking model needs room, and has a limit of its own",
        "reasoning_effort": "the model knows other degrees",
        "thinking": "the model thinks in its own way",
        "arguments": "a call was broken off, and a provider takes whole JSON objects only",
    }
)
"""By member, why it is usually lost; the last step of a path is looked up too."""

_SAMPLING: Final = ("temperature", "top_p", "frequency_penalty", "presence_penalty", "n")
_QUIRKS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(_SAMPLING, ("sampling",)),
        "stop": ("stop_sequences", "max_stops", "max_stop_bytes"),
        "max_tokens": ("max_output", "min_output", "context_window"),
        "reasoning_effort": ("efforts", "thinking_switch"),
        "thinking": ("thinking_switch", "thinking_always", "adaptive_thinking", "thinking_budgets"),
        "tool_choice": ("forced_tools", "named_tool", "thinking_always"),
        "messages.thinking": ("reasoning_in", "signed_thinking", "reasoning_placeholder"),
        "messages.system": ("mid_system", "system_role"),
        "messages.role": ("system_role",),
        "messages.image": ("vision", "image_urls", "tool_media", "old_media"),
        "messages.document": ("documents", "tool_media", "old_media"),
        "tools.custom": ("custom_tools",),
        "tools.defer_loading": ("tool_extras",),
        "tools.input_examples": ("tool_extras",),
        "tools.strict": ("tool_extras",),
        "tool_reference": ("tool_references",),
    }
)
"""By member, the quirks that may be the reason of its loss."""


def quirks_behind(loss: str) -> tuple[str, ...]:
    """The names of the quirks that may be the reason; whether they are, their values say."""
    code, _, about = loss.partition(":")
    if code == "heal":
        return (about.partition("=")[0],)
    return _QUIRKS.get(about.partition("=")[0], ())


def in_words(loss: str) -> str:
    """`loss` as a sentence: `top_k was left out` for `drop:top_k`; an unknown code stays as it
    is."""
    code, colon, about = loss.partition(":")
    if not colon or code not in _SHORT:
        return loss
    name, equals, value = about.partition("=")
    if "{1}" in _SHORT[code] and equals:
        return _SHORT[code].format(name, value)
    return _SHORT[code].format(about, "another value")


def reason(loss: str) -> str:
    """Why the member of `loss` is usually lost, a clause; "" where it depends."""
    name = loss.partition(":")[2].partition("=")[0]
    return _REASONS.get(name) or _REASONS.get(name.rpartition(".")[2], "")


def gist(losses: tuple[str, ...], *, codes: bool = False) -> str:
    """`losses` in one short line: `left out: top_k, user; max_tokens went as 1`; with `codes` each
    with its code, for `gwproxy explain`."""
    dropped = [loss.partition(":")[2] for loss in losses if loss.startswith("drop:")]
    parts = [f"left out{' (drop)' if codes else ''}: {', '.join(dropped)}"] if dropped else []
    for loss in losses:
        code = loss.partition(":")[0]
        if code != "drop":
            known = codes and code in CODES
            parts.append(in_words(loss) + (f" ({code})" if known else ""))
    return "; ".join(parts)


def gist_by_number(losses: tuple[str, ...]) -> str:
    """`losses` as a count, where there is no room: `2 left out`, `1 changed`, of both `3 not as
    sent`.
    """
    if not losses:
        return ""
    dropped = sum(loss.startswith("drop:") for loss in losses)
    words = {len(losses): "left out", 0: "changed"}.get(dropped, "not as sent")
    return f"{len(losses)} {words}"

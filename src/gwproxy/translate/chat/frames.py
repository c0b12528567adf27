"""What a Chat upstream sends back, typed: one chunk of a stream, or a whole body.

The typed decoder takes what the specification allows, in about a microsecond. What upstreams send
beside it (parts instead of a string, arguments as an object, numbers as text, halves of an emoji)
goes through `tolerant`, which gives the same Structs. Only members that are read are declared, in
the order in which most servers send them: the decoder looks for the next one first.

https://platform.openai.com/docs/api-reference/chat/streaming
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from gwproxy.translate.wire import jsonio


class PromptDetails(Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionDetails(Struct, gc=False):
    reasoning_tokens: int | None = None


class Figures(Struct, gc=False):
    """`usage`. Moonshot has `cached_tokens` at the top, DeepSeek `prompt_cache_hit_tokens`."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    cached_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None


class Function(Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class Custom(Struct, gc=False):
    name: str | None = None
    input: str | None = None


class CallPiece(Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: Function | None = None
    custom: Custom | None = None


class Words(Struct, gc=False):
    """A `delta`, or the `message` of a whole answer. Reasoning has three names in the wild."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_text: str | None = None
    refusal: str | None = None
    tool_calls: list[CallPiece] | None = None
    function_call: Function | None = None
    annotations: Any = None


class Choice(Struct, gc=False):
    """`stop_reason` is vLLM's: the stop sequence that matched. `usage` here is Moonshot's place."""

    index: int | None = None
    delta: Words | None = None
    message: Words | None = None
    finish_reason: str | None = None
    stop_reason: str | int | None = None
    usage: Figures | None = None


class Groq(Struct, gc=False):
    usage: Figures | None = None


class Chunk(Struct, gc=False):
    id: str | None = None
    created: int | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: Figures | None = None
    error: Any = None
    x_groq: Groq | None = None


# Raises one of MISFITS where the data have another shape, or are no JSON at all.
typed: Final = msgspec.json.Decoder(Chunk).decode
MISFITS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def tolerant(data: bytes) -> Chunk:
    """One chunk out of whatever shape. Raises jsonio.NotJson."""
    value = jsonio.loads_torn(data)
    if not isinstance(value, dict):
        raise jsonio.NotJson("expected an object")
    choices = value.get("choices")
    groq = _object(value.get("x_groq"))
    return Chunk(
        _string(value.get("id")),
        _count(value.get("created")),
        _string(value.get("model")),
        [_choice(choice) for choice in choices if isinstance(choice, dict)]
        if isinstance(choices, list)
        else None,
        _figures(value.get("usage")),
        value.get("error"),
        Groq(_figures(groq.get("usage"))) if groq else None,
    )


def _choice(value: dict[str, Any]) -> Choice:
    stop_reason = value.get("stop_reason")
    return Choice(
        _count(value.get("index")),
        _words(value.get("delta")),
        _words(value.get("message")),
        _string(value.get("finish_reason")),
        stop_reason if isinstance(stop_reason, str) else None,
        _figures(value.get("usage")),
    )


def _words(value: Any) -> Words | None:
    if not isinstance(value, dict):
        return None
    calls = value.get("tool_calls")
    calls = [calls] if isinstance(calls, dict) else calls
    return Words(
        _string(value.get("content")),
        _string(value.get("reasoning_content")),
        _string(value.get("reasoning")),
        _string(value.get("reasoning_text")),
        _string(value.get("refusal")),
        [_call(call) for call in calls if isinstance(call, dict)]
        if isinstance(calls, list)
        else None,
        _function(value.get("function_call")),
        value.get("annotations"),
    )


def _call(value: dict[str, Any]) -> CallPiece:
    custom = value.get("custom")
    return CallPiece(
        _count(value.get("index")),
        _string(value.get("id")),
        _function(value.get("function")),
        Custom(_string(custom.get("name")), _string(custom.get("input")))
        if isinstance(custom, dict)
        else None,
    )


def _function(value: Any) -> Function | None:
    if not isinstance(value, dict):
        return None
    arguments = value.get("arguments")
    if isinstance(arguments, dict | list):
        arguments = jsonio.dumps(arguments).decode()
    return Function(_string(value.get("name")), _string(arguments))


def _figures(value: Any) -> Figures | None:
    if not isinstance(value, dict):
        return None
    prompt = _object(value.get("prompt_tokens_details"))
    completion = _object(value.get("completion_tokens_details"))
    return Figures(
        _count(value.get("prompt_tokens")),
        _count(value.get("completion_tokens")),
        PromptDetails(
            _count(prompt.get("cached_tokens")), _count(prompt.get("cache_write_tokens"))
        ),
        CompletionDetails(_count(completion.get("reasoning_tokens"))),
        _count(value.get("cached_tokens")),
        _count(value.get("prompt_cache_hit_tokens")),
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _string(value: Any) -> str | None:
    """Text as text; a list of content parts as their texts, joined."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        texts = (part.get("text") if isinstance(part, dict) else part for part in value)
        return "".join(text for text in texts if isinstance(text, str))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def _count(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return int(value) if abs(value) < 2**63 else None

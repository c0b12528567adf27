"""What a Chat upstream answers, as Structs: one chunk of a stream, or a whole body.

The typed decoder takes what the specification allows, in about a microsecond. What upstreams send
beside it (parts instead of a string, arguments as an object, numbers as text, halves of an emoji)
goes through `tolerant`, which gives the same Structs. Only members that are read are declared, in
the order in which most servers send them: the decoder looks for the next one first.

https://platform.openai.com/docs/api-reference/chat/streaming
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from gwproxy.translate.wire import jsonio, lenient

ABSENT: Final = Raw()
"""A member that is not there."""


class PromptDetails(Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionDetails(Struct, gc=False):
    reasoning_tokens: int | None = None


class Figures(Struct, gc=False):
    """The `usage` member; Moonshot has `cached_tokens` here, DeepSeek `prompt_cache_hit_tokens`."""

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
    """A delta of a tool call, or a whole one."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None
    custom: Custom | None = None
    extra_content: Raw = ABSENT


class Words(Struct, gc=False):
    """A `delta`, or the `message` of a whole answer. Hosts have three names for reasoning;
    `thinking_parts` is reasoning that `tolerant` found in the content."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_text: str | None = None
    refusal: str | None = None
    tool_calls: list[CallPiece] | None = None
    function_call: Function | None = None
    annotations: Any = None
    reasoning_details: Raw = ABSENT
    extra_content: Raw = ABSENT
    thinking_parts: str | None = None


class Choice(Struct, gc=False):
    """One choice; `stop_reason` is vLLM's (the stop sequence that matched), `usage` Moonshot's,
    `error` OpenRouter's (https://openrouter.ai/docs/api-reference/overview)."""

    index: int | None = None
    delta: Words | None = None
    message: Words | None = None
    finish_reason: str | None = None
    stop_reason: str | int | None = None
    usage: Figures | None = None
    error: Any = None


class Groq(Struct, gc=False):
    usage: Figures | None = None


class Chunk(Struct, gc=False):
    """One chunk of a stream, or a whole answer."""

    id: str | None = None
    created: int | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: Figures | None = None
    error: Any = None
    x_groq: Groq | None = None


# The chunk in `data`; raises one of MISFITS for another shape, or where it is no JSON.
typed: Final = msgspec.json.Decoder(Chunk).decode
MISFITS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def tolerant(data: bytes) -> Chunk:
    """The chunk in `data`, whatever the shapes of its members. Raises jsonio.NotJson."""
    value = jsonio.loads_torn(data)
    if b'"thinking"' in data and isinstance(value, dict):
        choices = value.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            for name in ("delta", "message"):
                _part_thinking(choice.get(name) if isinstance(choice, dict) else None)
    found = lenient.lenient(value, Chunk)
    if found is None:
        raise jsonio.NotJson("expected an object")
    return found


def _part_thinking(words: Any) -> None:
    """Moves thinking parts out of content that is a list, as Magistral's is
    (https://docs.mistral.ai/capabilities/reasoning/)."""
    content = words.get("content") if isinstance(words, dict) else None
    if not isinstance(content, list):
        return
    kinds = [isinstance(part, dict) and part.get("type") == "thinking" for part in content]
    pieces = (part.get("thinking") for part, thinks in zip(content, kinds, strict=True) if thinks)
    words["thinking_parts"] = "".join(text for one in pieces if (text := lenient.text_of(one)))
    words["content"] = [part for part, thinks in zip(content, kinds, strict=True) if not thinks]

"""The shapes of a Responses request, as a client sends it.

https://platform.openai.com/docs/api-reference/responses/create
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Raw, Struct


class Mark(Struct, forbid_unknown_fields=True):
    mode: str | None = None
    ttl: str | None = None


class InputText(Struct, forbid_unknown_fields=True, tag_field="type", tag="input_text"):
    text: str
    prompt_cache_breakpoint: Mark | None = None


class OutputText(Struct, forbid_unknown_fields=True, tag_field="type", tag="output_text"):
    text: str
    annotations: list[Raw] | None = None
    logprobs: list[Raw] | None = None


class RefusalPart(Struct, forbid_unknown_fields=True, tag_field="type", tag="refusal"):
    refusal: str


class InputImage(Struct, forbid_unknown_fields=True, tag_field="type", tag="input_image"):
    image_url: str | None = None
    file_id: str | None = None
    detail: str | None = None
    prompt_cache_breakpoint: Mark | None = None


class InputFile(Struct, forbid_unknown_fields=True, tag_field="type", tag="input_file"):
    filename: str | None = None
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    detail: str | None = None
    prompt_cache_breakpoint: Mark | None = None


class _Sound(Struct, forbid_unknown_fields=True):
    data: str
    format: str


class InputAudio(Struct, forbid_unknown_fields=True, tag_field="type", tag="input_audio"):
    input_audio: _Sound


class SealedText(Struct, forbid_unknown_fields=True, tag_field="type", tag="encrypted_content"):
    """Codex's part between agents; it is plain text where the model cannot encrypt."""

    encrypted_content: str


Part: TypeAlias = (
    InputText | OutputText | RefusalPart | InputImage | InputFile | InputAudio | SealedText
)


Content: TypeAlias = str | list[Part] | None


class Item(Struct, forbid_unknown_fields=True):
    """The members that every item may have."""

    type: str | None = None
    id: str | None = None
    status: str | None = None


class MessageItem(Item):
    role: str = ""
    content: Content = None
    phase: str | None = None


class CallItem(Item):
    """A tool call; typed tools have the model's arguments in `action`, `operation` or
    `arguments`."""

    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: Raw = Raw()
    input: str | None = None
    action: dict[str, Any] | str | None = None
    operation: dict[str, Any] | str | None = None
    environment: Any = None
    execution: str | None = None


class OutputItem(Item):
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    output: Content = None


class TypedOutputItem(Item):
    call_id: str | None = None
    output: Raw = Raw()
    tools: Raw = Raw()
    execution: str | None = None
    max_output_length: int | None = None


class Thought(Struct, forbid_unknown_fields=True):
    type: str = ""
    text: str = ""


class ReasoningItem(Item):
    summary: list[Thought] | None = None
    content: list[Thought] | None = None
    encrypted_content: str | None = None


class Said(Struct):
    content: list[Raw] | None = None


class SaidPart(Struct):
    """A content part of an upstream's message; only `text` and `refusal` are read."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    annotations: list[Raw] | None = None


class _Reasoning(Struct, forbid_unknown_fields=True):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None
    mode: str | None = None
    context: str | None = None


class Format(Struct, forbid_unknown_fields=True):
    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema: Raw = Raw()
    strict: bool | None = None


class _Text(Struct, forbid_unknown_fields=True):
    format: Format | None = None
    verbosity: str | None = None


class _Image(Struct, forbid_unknown_fields=True):
    context_compression: str | None = None


class _CacheOptions(Struct, forbid_unknown_fields=True):
    mode: str | None = None
    ttl: str | None = None
    prewarm: bool | None = None
    comparison_response_id: str | None = None


class Body(Struct, forbid_unknown_fields=True):
    """A request body; every member that is not declared is a loss."""

    model: str
    input: Raw = Raw()
    instructions: str | None = None
    stream: bool | None = None
    tools: Raw = Raw()
    tool_choice: Raw = Raw()
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    reasoning: _Reasoning | None = None
    text: _Text | None = None
    include: list[str] | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    user: str | None = None
    service_tier: str | None = None
    truncation: Literal["auto", "disabled"] | None = None
    metadata: dict[str, str] | None = None
    max_tool_calls: int | None = None
    client_metadata: dict[str, Any] | None = None
    image: _Image | None = None
    prompt_cache_options: _CacheOptions | None = None
    # Not used here: the answer says what is stored, and no event is padded.
    store: bool | None = None
    stream_options: Any = None
    # Refused where they ask for something
    previous_response_id: str | None = None
    background: bool | None = None
    background_options: Any = None
    conversation: Any = None
    prompt: Any = None
    moderation: Any = None
    top_logprobs: int | None = None

"""The shapes of a Chat request, as a client sends it.

https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Raw, Struct

from gwproxy.translate.hub import UserLocation


class Mark(Struct, forbid_unknown_fields=True):
    """A cache mark: `prompt_cache_breakpoint`, or the `cache_control` of some Chat clients."""

    mode: str | None = None
    type: str | None = None
    ttl: str | None = None


class _Url(Struct, forbid_unknown_fields=True):
    url: str
    detail: str | None = None


class _Sound(Struct, forbid_unknown_fields=True):
    data: str
    format: str


class File(Struct, forbid_unknown_fields=True):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class TextPart(Struct, forbid_unknown_fields=True, tag_field="type", tag="text"):
    text: str
    prompt_cache_breakpoint: Mark | None = None
    cache_control: Mark | None = None


class ImagePart(Struct, forbid_unknown_fields=True, tag_field="type", tag="image_url"):
    image_url: _Url | str
    prompt_cache_breakpoint: Mark | None = None
    cache_control: Mark | None = None


class SoundPart(Struct, forbid_unknown_fields=True, tag_field="type", tag="input_audio"):
    input_audio: _Sound
    prompt_cache_breakpoint: Mark | None = None


class FilePart(Struct, forbid_unknown_fields=True, tag_field="type", tag="file"):
    file: File
    prompt_cache_breakpoint: Mark | None = None
    cache_control: Mark | None = None


class RefusalPart(Struct, forbid_unknown_fields=True, tag_field="type", tag="refusal"):
    refusal: str


class ThinkingPart(Struct, forbid_unknown_fields=True, tag_field="type", tag="thinking"):
    """Magistral's thinking part: https://docs.mistral.ai/capabilities/reasoning/"""

    thinking: str | list[TextPart]
    closed: bool | None = None


Part: TypeAlias = TextPart | ImagePart | SoundPart | FilePart | RefusalPart


class SystemMessage(Struct, forbid_unknown_fields=True, tag_field="role", tag="system"):
    content: str | list[Part] | None = None
    name: str | None = None


class DeveloperMessage(SystemMessage, tag="developer"):
    pass


class UserMessage(Struct, forbid_unknown_fields=True, tag_field="role", tag="user"):
    content: str | list[Part] | None
    name: str | None = None


class _Function(Struct, forbid_unknown_fields=True):
    name: str
    arguments: Raw = Raw()


class _Custom(Struct, forbid_unknown_fields=True):
    name: str
    input: str = ""


class ToolCall(Struct, forbid_unknown_fields=True):
    id: str
    type: str | None = None
    function: _Function | None = None
    custom: _Custom | None = None
    index: int | None = None  # left over where a client collected a stream


class AssistantMessage(Struct, forbid_unknown_fields=True, tag_field="role", tag="assistant"):
    content: str | list[TextPart | RefusalPart | ThinkingPart] | None = None
    refusal: str | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: _Function | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_seal: str | None = None  # ours
    partial: bool | None = None
    audio: Raw = Raw()
    annotations: Raw = Raw()


class ToolMessage(Struct, forbid_unknown_fields=True, tag_field="role", tag="tool"):
    tool_call_id: str
    content: str | list[Part] | None = None
    name: str | None = None


class FunctionMessage(Struct, forbid_unknown_fields=True, tag_field="role", tag="function"):
    name: str
    content: str | None = None


Message: TypeAlias = (
    SystemMessage
    | DeveloperMessage
    | UserMessage
    | AssistantMessage
    | ToolMessage
    | FunctionMessage
)


class FunctionDefinition(Struct, forbid_unknown_fields=True):
    name: str
    description: str | None = None
    parameters: Raw = Raw()
    strict: bool | None = None


class FunctionTool(Struct, forbid_unknown_fields=True):
    function: FunctionDefinition
    type: str = "function"


class _Grammar(Struct, forbid_unknown_fields=True):
    syntax: str
    definition: str


class _Format(Struct, forbid_unknown_fields=True):
    type: str
    grammar: _Grammar | None = None


class _CustomDefinition(Struct, forbid_unknown_fields=True):
    name: str
    description: str | None = None
    format: _Format | None = None


class CustomTool(Struct, forbid_unknown_fields=True):
    custom: _CustomDefinition
    type: str


class Named(Struct):
    name: str = ""


class Allowed(Struct):
    tools: list[Chosen]
    mode: str = "auto"


class Chosen(Struct):
    """An object as `tool_choice`, or one of the tools in `allowed_tools`."""

    type: str = "function"
    function: Named | None = None
    custom: Named | None = None
    allowed_tools: Allowed | None = None
    name: str = ""


class _Location(Struct):
    approximate: UserLocation | None = None


class SearchWish(Struct):
    """The member `web_search_options`."""

    search_context_size: str | None = None
    user_location: _Location | None = None


class Kind(Struct):
    type: str = "function"
    function: Named | None = None


class JsonSchema(Struct, forbid_unknown_fields=True):
    name: str
    description: str | None = None
    schema: Raw = Raw()
    strict: bool | None = None


class ResponseFormat(Struct, forbid_unknown_fields=True):
    type: str
    json_schema: JsonSchema | None = None


class Switch(Struct):
    """The member `thinking`."""

    type: str
    budget_tokens: int | None = None
    effort: str | None = None


class Knobs(Struct):
    """The member `reasoning`, as OpenRouter has it."""

    effort: str | None = None
    max_tokens: int | None = None
    enabled: bool | None = None
    exclude: bool | None = None


class TemplateArguments(Struct, forbid_unknown_fields=True):
    """The member `chat_template_kwargs`, as far as it is about thinking."""

    enable_thinking: bool | None = None
    thinking: bool | None = None


class Wish(Struct, kw_only=True):
    """The members of a request that are about thinking."""

    reasoning_effort: str | None = None
    thinking: Switch | None = None
    reasoning: Knobs | None = None
    enable_thinking: bool | None = None
    include_reasoning: bool | None = None
    chat_template_kwargs: TemplateArguments | None = None


class StreamOptions(Struct, forbid_unknown_fields=True):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class Body(Wish, forbid_unknown_fields=True):
    """A request body; of members that are Raw only their presence counts."""

    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_completion_tokens: int | float | None = None
    max_tokens: int | float | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    tools: Raw = Raw()
    tool_choice: str | Chosen | None = None
    parallel_tool_calls: bool | None = None
    functions: list[FunctionDefinition] | None = None
    function_call: str | Named | None = None
    response_format: ResponseFormat | None = None
    verbosity: str | None = None
    service_tier: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    web_search_options: Raw = Raw()
    modalities: list[str] | None = None
    audio: Raw = Raw()
    moderation: Raw = Raw()
    store: bool | None = None
    metadata: Raw = Raw()
    logit_bias: Raw = Raw()
    prediction: Raw = Raw()
    prompt_cache_options: Raw = Raw()
    prompt_cache_retention: str | None = None

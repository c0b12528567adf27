"""How one upstream wants to be spoken to: named flags, as data.

`Manners` is handed to the renderers and readers; nothing in `translate` looks at a provider's or
a model's name. The flags with their meaning for people and the sources they rest on stand in
`profiles.quirks`, field for field the same.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Manners(Struct, frozen=True, kw_only=True):
    """The defaults suit an unknown, reasonably modern upstream."""

    # whose sealed reasoning this upstream can read again (the profile's preset or name)
    family: str = "upstream"

    # same dialect on both sides: relay bytes, or go through the hub because the upstream
    # refuses what today's clients send
    rebuild: bool = False

    # --- reasoning
    reasoning_in: Literal["all", "tool_turns", "none"] = "all"
    reasoning_field: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    reasoning_placeholder: str = ""  # sent on tool-call turns that lost theirs; "" = nothing
    thinking_switch: Literal["effort", "thinking", "none"] = "effort"
    thinking_always: bool = False  # the model cannot be told not to think
    efforts: tuple[str, ...] = ("low", "medium", "high")  # others become the nearest one
    adaptive_thinking: bool = False  # Anthropic upstreams: `thinking:{type:adaptive}` and effort
    signed_thinking: bool = False  # real Claude: thinking without its own signature is a 400
    inline_think: bool = False  # split <think>…</think> out of text
    forced_tools: Literal["allow", "no_thinking", "auto"] = "allow"
    named_tool: bool = True  # False: a forced tool is forced as the only one

    # --- limits and sampling
    context_window: int = 200_000
    max_output: int = 32_768
    min_output: int = 0  # thinking models answer nothing when the limit is eaten by thoughts
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    sampling: Literal["pass", "drop"] = "pass"
    stop_sequences: bool = True  # False: matched locally only
    max_stops: int = 0  # 0 = no limit known
    max_stop_bytes: int = 0  # of one of them; 0 = no limit known

    # --- roles and content
    system_role: Literal["system", "developer"] = "system"
    mid_system: Literal["native", "wrap"] = "native"
    text_parts: Literal["string", "parts"] = "string"  # a text-only message as string or parts
    tool_media: bool = False  # Chat upstreams: images allowed in `tool` messages
    vision: bool = True
    documents: bool = False
    image_urls: bool = True
    old_media: bool = True  # False: no images and documents but those a person shows now
    prefill: Literal["partial", "none"] = "none"

    # --- tools
    max_tools: int = 0  # 0 = no limit known
    tool_names: Literal["open", "letter_first"] = "open"
    tool_extras: bool = False  # Anthropic upstreams: defer_loading, strict, input_examples …
    tool_references: bool = False  # Anthropic upstreams: tool_reference blocks
    hosted_tools: bool = True  # runs tools of its own dialect, such as web_search
    schema: Literal["open", "moonshot", "moonshot_plain", "words"] = "open"
    strict_tools: bool = True
    parallel_flag: bool = True  # takes parallel_tool_calls / disable_parallel_tool_use
    json_schema: Literal["native", "tool", "prompt"] = "native"

    # --- caching and identity
    cache_marks: bool = False  # takes cache_control (Anthropic) marks
    prompt_cache_key: bool = False
    user_id: Literal["keep", "hash", "drop"] = "drop"

    # --- side routes
    count_tokens: Literal["upstream", "local"] = "local"

    # --- streams
    usage_in_stream: bool = True  # takes stream_options.include_usage
    leaked_tools: bool = False  # look for tool markup that leaked into text

"""Presets: the providers we know, as data, each line with where it comes from.

A preset is what a profile starts from; every value can be overridden. The sources are the
providers' own documentation unless a thread is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from gwproxy.profiles.profile import (
    FIRST_BYTE_TIMEOUT_S,
    IDLE_TIMEOUT_S,
    StreamMode,
)
from gwproxy.translate.dialect_facts import BEARER, X_API_KEY, Dialect
from gwproxy.translate.quirks import QuirkValue


@dataclass(frozen=True, slots=True)
class Preset:
    """One known provider.

    `asks` names the settings that only the user knows. `key_prefix` is how its keys begin, ""
    where that is not known; `key_page` says where a person gets one.
    """

    name: str
    title: str
    source: str
    anthropic_url: str | None = None
    openai_url: str | None = None
    dialects: tuple[Dialect, ...] = ()
    model: str = ""
    models: tuple[str, ...] = ()
    stream: StreamMode = "auto"
    auth: Mapping[Dialect, str] = field(default_factory=lambda: MappingProxyType({}))
    quirks: Mapping[str, QuirkValue] = field(default_factory=lambda: MappingProxyType({}))
    context_window: int | None = None
    max_output_tokens: int | None = None
    first_byte_timeout_s: float = FIRST_BYTE_TIMEOUT_S
    idle_timeout_s: float = IDLE_TIMEOUT_S
    needs_key: bool = True
    key_prefix: str = ""
    key_page: str = ""
    asks: tuple[str, ...] = ()


_KIMI_K25: Final[Mapping[str, QuirkValue]] = {
    # Third-party Anthropic routes refuse what today's Claude Code sends: mid-conversation system
    # turns, context_management, tool_reference (MoonshotAI/Kimi-K2#118, claude-code#21612).
    "rebuild": True,
    "mid_system": "wrap",  # strict hosts refuse later system turns (cc-switch 9d3570980)
    # `thinking: {type: enabled|disabled}`: https://platform.kimi.ai/docs/api/models-overview
    "thinking_switch": "thinking",
    "forced_tools": "no_thinking",  # "incompatible with thinking enabled" (oh-my-pi#1077)
    # The example is of this model; the answer holds the continuation alone, as Anthropic's does:
    # https://platform.kimi.ai/docs/guide/use-partial-mode-feature-of-kimi-api
    "prefill": "partial",
    "sampling": "drop",  # "invalid temperature: only 1 is allowed" (opencode#10811)
    # Reasoning alone can use up a small budget; the vendor advises 16000 and more
    # (https://platform.kimi.ai/docs/guide/use-kimi-k2-thinking-model).
    "min_output": 16_000,
    "max_stops": 5,  # of 32 bytes: https://platform.kimi.ai/docs/api/chat
    "max_stop_bytes": 32,
    # Nobody there runs Anthropic's tools; their own routes ignore or refuse them (Kimi-K2.5#27),
    # and a PDF is not among the blocks that the same list names.
    "hosted_tools": False,
    "documents": False,
    "adaptive_thinking": False,  # "Only 'enabled' and 'disabled' are supported" (jundot/omlx#56)
    "tool_extras": False,  # "Extra inputs are not permitted" (claude-code#89211)
    "tool_references": False,  # any is "Invalid request Error" (cc-switch#2941)
    "cache_marks": False,  # their pages have none; refused at some (cc-switch#3841)
    "max_tools": 128,  # https://platform.kimi.ai/docs/api/chat
    # "store=true is not supported" (ENTERPILOT/GoModel PR#916, Wei-Shaw/sub2api PR#6463)
    "keeps_responses": False,
    # Codex sends it always; "Extra inputs are not permitted" (decolua/9router#1442).
    "parallel_flag": False,
    "tool_names": "letter_first",  # kimi-cli#1773
    "schema": "moonshot",  # https://github.com/MoonshotAI/walle
    "image_urls": False,  # base64 only: https://platform.kimi.ai/docs/guide/use-kimi-vision-model
    "safeguards": False,  # nobody there judges tool calls; an unknown member is passed over
    "json_schema": "prompt",  # not documented by these hosts; a prompt works everywhere
}
"""What hosts of Kimi K2.5 have in common. Resellers kept the strict rules that Moonshot itself
loosened during 2026, so the strict ones are assumed everywhere."""

_CLAUDE: Final[Mapping[str, QuirkValue]] = {
    # Real Claude behind it (https://docs.anthropic.com/en/api/messages).
    "signed_thinking": True,
    "adaptive_thinking": True,
    "forced_tools": "no_thinking",  # "Thinking may not be enabled when tool_choice forces tool use"
    "documents": True,
    "tool_extras": True,
    "tool_references": True,
    "cache_marks": True,
    "user_id": "keep",
}

_TABLE: Final = (
    # https://strongwall.ai (API documentation)
    Preset(
        name="strongwall",
        title="Strongwall",
        source="https://strongwall.ai",
        anthropic_url="https://api.strongwall.ai",
        openai_url="https://api.strongwall.ai/v1",
        dialects=(Dialect.ANTHROPIC, Dialect.CHAT),
        model="kimi-k2.5",
        stream="never",  # "Streaming responses are not currently supported."
        auth=MappingProxyType({Dialect.ANTHROPIC: X_API_KEY, Dialect.CHAT: BEARER}),
        # Its page lists no count_tokens.
        quirks=MappingProxyType({**_KIMI_K25, "usage_in_stream": False, "count_tokens": "local"}),
        context_window=262_144,
        max_output_tokens=32_768,
        # "longer queue times during peak periods". The page has clients wait for 600 s; ours is
        # longer, so that it is never we who throw away an answer that has been worked on.
        first_byte_timeout_s=900.0,
        key_page="your Strongwall account, Settings → API",
    ),
    # https://kimi-k25.com (API gateway documentation)
    Preset(
        name="kimi-k25",
        title="kimi-k25.com",
        source="https://kimi-k25.com",
        anthropic_url="https://kimi-k25.com/api/anthropic",
        openai_url="https://kimi-k25.com/api/openai/v1",
        dialects=(Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES),
        model="kimi-k2.5",
        # Messages also takes `x-api-key` and `anthropic-auth-token`; Bearer works on all of them.
        auth=MappingProxyType(
            {Dialect.ANTHROPIC: BEARER, Dialect.CHAT: BEARER, Dialect.RESPONSES: BEARER}
        ),
        # "POST /api/anthropic/v1/messages/count_tokens is free"
        quirks=MappingProxyType({**_KIMI_K25, "count_tokens": "upstream"}),
        context_window=262_144,
        max_output_tokens=32_768,
        key_prefix="sk-",
        key_page="https://kimi-k25.com, Settings → API Keys",
    ),
    # https://www.kimi.com/code (Kimi Code API)
    Preset(
        name="kimi-code",
        title="Kimi Code",
        source="https://www.kimi.com/code",
        anthropic_url="https://api.kimi.com/coding",
        # /coding/v1/chat/completions is documented as 404. Newer reports say that it exists
        # (NousResearch/hermes-agent#26050, earendil-works/pi#9338): a user may set openai_url.
        dialects=(Dialect.ANTHROPIC,),
        model="kimi-k2.5",
        models=("kimi-for-coding",),  # the name that its answers bear
        auth=MappingProxyType({Dialect.ANTHROPIC: X_API_KEY}),
        quirks=MappingProxyType(
            {
                **_KIMI_K25,
                "cache_marks": True,  # its own client marks the last block (MoonshotAI/kimi-code)
                "prompt_cache_key": True,  # https://platform.kimi.ai/docs/api/chat
            }
        ),
        context_window=262_144,
        max_output_tokens=32_768,
        key_prefix="sk-kimi-",
        key_page="https://www.kimi.com/code/console",
    ),
    # A gateway in front of real Claude, run by somebody; the operator names its address.
    Preset(
        name="claude-gateway",
        title="Claude gateway",
        source="the operator's own API documentation",
        dialects=(Dialect.ANTHROPIC, Dialect.CHAT),
        model="claude-sonnet-4-6",
        auth=MappingProxyType({Dialect.ANTHROPIC: X_API_KEY, Dialect.CHAT: BEARER}),
        quirks=MappingProxyType(_CLAUDE),
        context_window=200_000,
        max_output_tokens=64_000,  # https://docs.anthropic.com/en/docs/about-claude/models
        key_prefix="cc_user_",
        key_page="the gateway's Dashboard → API Keys",
        asks=("anthropic_url", "openai_url"),
    ),
    Preset(
        name="custom",
        title="Any other provider",
        source="you",
        asks=("anthropic_url", "openai_url", "model"),
    ),
    # The simulated provider inside gwproxy: no key and no network.
    Preset(
        name="demo",
        title="The built-in demo provider",
        source="gwproxy.simulator",
        dialects=(Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES),
        model="demo-1",
        quirks=MappingProxyType({"safeguards": False}),
        needs_key=False,
    ),
)

PRESETS: Final[Mapping[str, Preset]] = MappingProxyType({preset.name: preset for preset in _TABLE})

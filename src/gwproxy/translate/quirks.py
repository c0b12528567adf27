"""Quirks: what one upstream takes and refuses, as named flags.

Each is declared once, with the values it can have, what it means for people and the source that
this rests on: vendor pages or public threads (owner/repository#number). Passes, renderers
and readers look a flag up; `profiles.quirks` reads the same declaration to say what values an
upstream has and to understand what a person types. Nothing anywhere asks for a provider's or a
model's name.

Where nobody knows whether an upstream takes something, the quirk's value is None, and it is sent:
its refusal, if any, is remembered (`known_to_refuse`, `Quirks.decided`).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal, TypeAlias, cast

from gwproxy.translate.dialect_facts import Condition

QuirkValue: TypeAlias = bool | int | str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class About:
    """The meaning of a quirk, for people, and its source. `setting` names the profile setting that
    it follows, where there is one; such a quirk is not set by hand."""

    meaning: str
    source: str
    setting: str = ""


_KIMI_MODELS: Final = "https://platform.kimi.ai/docs/api/models-overview"
_KIMI_CHAT: Final = "https://platform.kimi.ai/docs/api/chat"
_OPENAI_CHAT: Final = "https://platform.openai.com/docs/api-reference/chat/create"


# A dataclass: `profile --help` reads this, and is not to wait for the hot path's decoder.
@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """The quirks of one upstream; the defaults suit an unknown, reasonably modern one. Of the
    values of a choice the first is the default."""

    family: Annotated[
        str,
        About(
            "whose sealed reasoning this upstream can read again",
            "https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking",
            setting="preset",
        ),
    ] = "upstream"
    rebuild: Annotated[
        bool,
        About(
            "same dialect on both sides: go through the translation anyway, because the "
            "upstream refuses what today's clients send",
            "anthropics/claude-code#21612, MoonshotAI/Kimi-K2#118",
        ),
    ] = False
    omit: Annotated[
        tuple[str, ...],
        About(
            "members that it refuses and that are left out: `context_management`, "
            "`tools[].strict`, `anthropic-beta:NAME`, `detail=original>high` at its path",
            "anthropics/claude-code#21612, horselock/claude-code-proxy#14, BerriAI/litellm#39355",
        ),
    ] = ()

    # --- reasoning
    reasoning_in: Annotated[
        Literal["all", "tool_turns", "none"],
        About(
            "which earlier turns get their reasoning sent back",
            "anomalyco/opencode#10996, MoonshotAI/Kimi-K2.5#13",
        ),
    ] = "all"
    reasoning_field: Annotated[
        Literal["reasoning_content", "reasoning"],
        About("the Chat field that carries reasoning", "MoonshotAI/kimi-code#2104"),
    ] = "reasoning_content"
    reasoning_placeholder: Annotated[
        str,
        About(
            "sent on tool-call turns that lost their reasoning; empty sends nothing",
            "anomalyco/opencode#10996",
        ),
    ] = ""
    call_signature: Annotated[
        str,
        About(
            "sent as the thought signature of an answer's calls whose own nobody has (Chat); "
            "empty sends nothing",
            "https://ai.google.dev/gemini-api/docs/thought-signatures, Gitlawb/openclaude#67",
        ),
    ] = ""
    thinking_switch: Annotated[
        Literal["effort", "thinking", "none"],
        About(
            "how thinking is asked for: an effort, a `thinking` object, or not at all", _KIMI_MODELS
        ),
    ] = "effort"
    thinking_always: Annotated[
        bool, About("the model cannot be told not to think", _KIMI_MODELS)
    ] = False
    efforts: Annotated[
        tuple[str, ...] | None,
        About(
            "the efforts it takes; others become the nearest one, of two the stronger",
            "liliMozi/openhanako#2092",
        ),
    ] = None
    adaptive_thinking: Annotated[
        bool | None,
        About(
            "an Anthropic upstream takes `thinking: {type: adaptive}` and an effort",
            "anthropics/claude-code#29531",
        ),
    ] = None
    thinking_budgets: Annotated[
        bool,
        About(
            "an Anthropic upstream takes `thinking: {type: enabled}` with a budget; else it thinks "
            "adaptively, with the effort nearest to that budget",
            "https://docs.claude.com/en/docs/build-with-claude/adaptive-thinking",
        ),
    ] = True
    signed_thinking: Annotated[
        bool,
        About(
            "real Claude: thinking without its own signature is a 400",
            "https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking",
        ),
    ] = False
    inline_think: Annotated[
        bool, About("split <think>…</think> out of the text", "MoonshotAI/kimi-cli#2621")
    ] = False
    forced_tools: Annotated[
        Literal["allow", "no_thinking", "auto"],
        About(
            "a forced tool call while thinking: allowed, thinking off for it, or not forced",
            "can1357/oh-my-pi#1077, can1357/oh-my-pi#341",
        ),
    ] = "allow"
    named_tool: Annotated[
        bool,
        About(
            "takes a forced tool by its name (else it is forced as the only one)",
            "can1357/oh-my-pi#1077",
        ),
    ] = True

    # --- limits and sampling
    context_window: Annotated[
        int, About("tokens of input and output together", _KIMI_MODELS, setting="context_window")
    ] = 200_000
    max_output: Annotated[
        int, About("most tokens of one answer", _KIMI_MODELS, setting="max_output_tokens")
    ] = 32_768
    min_output: Annotated[
        int,
        About(
            "a smaller output limit is raised to this: thinking would eat it up and answer nothing",
            _KIMI_CHAT,
        ),
    ] = 0
    max_tokens_field: Annotated[
        Literal["max_tokens", "max_completion_tokens"] | None,
        About("the Chat field that limits the answer", "can1357/oh-my-pi#2289"),
    ] = None
    sampling: Annotated[
        Literal["pass", "drop"],
        About(
            "temperature, top_p, penalties and n: passed, or dropped where the model fixes them",
            "anomalyco/opencode#10811, CherryHQ/cherry-studio#14573",
        ),
    ] = "pass"
    stop_sequences: Annotated[
        bool, About("takes stop sequences (else matched here)", _KIMI_CHAT)
    ] = True
    max_stops: Annotated[
        int, About("most stop sequences in one request; 0 is no known limit", _KIMI_CHAT)
    ] = 0
    max_stop_bytes: Annotated[
        int, About("the longest stop sequence it takes, in bytes; 0 is no known limit", _KIMI_CHAT)
    ] = 0

    # --- roles and content
    system_role: Annotated[
        Literal["system", "developer"] | None,
        About("the one role that it takes for instructions", "openclaw/openclaw#8579"),
    ] = None
    mid_system: Annotated[
        Literal["native", "wrap"],
        About(
            "instructions in mid-conversation: as they are, or wrapped into a user turn",
            "farion1231/cc-switch 9d3570980",
        ),
    ] = "native"
    alternate_turns: Annotated[
        bool,
        About(
            "takes a user's and an assistant's turns only in turn: those of one side that follow "
            "each other become one",
            "vllm-project/vllm#6862, microsoft/autogen#1037",
        ),
    ] = False
    text_parts: Annotated[
        Literal["string", "parts", "plain"],
        About(
            "a message of text only: one string, or a list of parts; `plain`: parts are refused, "
            "so that a relayed list becomes a string too",
            "https://platform.kimi.ai/docs/guide/use-kimi-vision-model, "
            "musistudio/claude-code-router#1221",
        ),
    ] = "string"
    tool_media: Annotated[
        bool | None,
        About(
            "images and documents may stand in what a tool gave back; else they go behind it",
            "farion1231/cc-switch 6c9d444c8, ggml-org/llama.cpp#23890",
        ),
    ] = None
    vision: Annotated[bool, About("takes images", _KIMI_MODELS)] = True
    documents: Annotated[bool | None, About("takes documents (PDF)", "MoonshotAI/Kimi-K2.5#27")] = (
        None
    )
    image_urls: Annotated[
        bool,
        About(
            "fetches images by their URL (else gwproxy does, from public addresses)",
            "https://platform.kimi.ai/docs/guide/use-kimi-vision-model, "
            "OpenHands/software-agent-sdk#3155",
        ),
    ] = True
    old_media: Annotated[
        bool,
        About(
            "sends images and documents of tools and earlier turns again; else a line in "
            "their place",
            "MoonshotAI/kimi-cli#1222, MoonshotAI/kimi-code#2362",
        ),
    ] = True
    prefill: Annotated[
        Literal["none", "partial"],
        About(
            "an answer begun by the client: refused, or marked `partial`",
            "https://platform.kimi.ai/docs/guide/use-partial-mode-feature-of-kimi-api",
        ),
    ] = "none"

    # --- tools
    max_tools: Annotated[
        int, About("most tools in one request; 0 is no known limit", _KIMI_CHAT)
    ] = 0
    tool_names: Annotated[
        Literal["open", "letter_first"],
        About(
            "rule for tool names; `letter_first` also bans dots and more than 64 characters",
            "MoonshotAI/kimi-cli#1773, MoonshotAI/kimi-cli#2164",
        ),
    ] = "open"
    tool_extras: Annotated[
        bool | None,
        About(
            "an Anthropic upstream takes defer_loading, strict, input_examples on tools",
            "anthropics/claude-agent-sdk-python#694, anthropics/claude-code#89211",
        ),
    ] = None
    tool_references: Annotated[
        bool | None,
        About(
            "an Anthropic upstream takes tool_reference blocks",
            "MoonshotAI/Kimi-K2#118, farion1231/cc-switch#2941",
        ),
    ] = None
    hosted_tools: Annotated[
        bool | None,
        About(
            "runs hosted tools of its own dialect, such as web_search",
            "https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/web-search-tool",
        ),
    ] = None
    custom_tools: Annotated[
        bool | None,
        About(
            "takes free-form (`custom`) tools; else each is a function of one text",
            "duolahypercho/codex-router#78, #450, github/gh-aw-firewall#8350",
        ),
    ] = None
    namespaces: Annotated[
        bool | None,
        About(
            "takes tools in a `namespace`; else they are functions with its name before theirs",
            "vllm-project/vllm#49493, duolahypercho/codex-router#450",
        ),
    ] = None
    client_tools: Annotated[
        bool | None,
        About(
            "a Responses upstream takes tools of a type of their own that the client runs, such as "
            "`local_shell` and `tool_search`; else they are functions",
            "ggml-org/llama.cpp#20156, CommandCodeAI/command-code#893",
        ),
    ] = None
    added_tools: Annotated[
        bool | None,
        About(
            "a Responses upstream takes tools as an item of its input (`additional_tools`); else "
            "they stand among the others",
            "envoyproxy/ai-gateway#2586",
        ),
    ] = None
    agent_items: Annotated[
        bool | None,
        About(
            "a Responses upstream takes items of newer clients, such as what agents tell each "
            "other (`agent_message`); else they are messages",
            "openai/codex#33551, lidge-jun/opencodex#4454",
        ),
    ] = None
    compaction: Annotated[
        bool | None,
        About(
            "a Responses upstream carries out `compaction_trigger` and `/responses/compact`; else "
            "gwproxy has the model write a summary",
            "openai/codex#22809, farion1231/cc-switch#4725",
        ),
    ] = None
    schema: Annotated[
        Literal["open", "moonshot", "moonshot_plain", "words"],
        About(
            "the JSON Schema it takes for tools; `moonshot` is Moonshot's own subset, "
            "`moonshot_plain` the same without anything that the vendor's validator does not "
            "know, `words` none: a tool's description says what its arguments are",
            "https://github.com/MoonshotAI/walle",
        ),
    ] = "open"
    strict_tools: Annotated[bool, About("takes `strict` on a tool", _OPENAI_CHAT)] = True
    parallel_flag: Annotated[
        bool, About("takes the flag that forbids parallel tool calls", _OPENAI_CHAT)
    ] = True
    json_schema: Annotated[
        Literal["native", "tool", "prompt"],
        About("how an answer of a given JSON schema is asked for", _OPENAI_CHAT),
    ] = "native"

    safeguards: Annotated[
        bool | None,
        About(
            "an Anthropic upstream judges tool calls for a client that asks it to (`safeguards`); "
            "else that is refused, and Claude Code's auto mode checks by requests of its own",
            "decolua/9router#4173, farion1231/cc-switch#7625, "
            "https://docs.litellm.ai/docs/claude_code_auto_mode",
        ),
    ] = None

    # --- caching and identity
    cache_marks: Annotated[
        bool | None, About("takes Anthropic's cache_control marks", "farion1231/cc-switch#3841")
    ] = None
    prompt_cache_key: Annotated[
        bool,
        About(
            "takes prompt_cache_key",
            "https://platform.kimi.ai/docs/api/chat, lidge-jun/opencodex#597",
        ),
    ] = False
    user_id: Annotated[
        Literal["drop", "keep", "hash"],
        About(
            "the end user's id in metadata: dropped, kept, or hashed to 64 safe characters",
            "anthropics/claude-code#56643, https://docs.anthropic.com/en/api/messages",
        ),
    ] = "drop"

    # --- side routes
    keeps_responses: Annotated[
        bool | None,
        About(
            "a Responses upstream keeps responses itself (`store`, `previous_response_id`); else "
            "gwproxy does, and sends it whole conversations",
            "https://platform.openai.com/docs/guides/conversation-state, ENTERPILOT/GoModel PR#916",
        ),
    ] = None
    count_tokens: Annotated[
        Literal["auto", "local", "upstream"],
        About(
            "who counts tokens: the upstream's own free endpoint once it has counted one word "
            "plausibly, gwproxy by estimate, or that endpoint in any case",
            "https://kimi-k25.com, https://docs.anthropic.com/en/api/messages-count-tokens",
        ),
    ] = "auto"

    # --- streams
    usage_in_stream: Annotated[bool, About("takes stream_options.include_usage", _OPENAI_CHAT)] = (
        True
    )
    leaked_tools: Annotated[
        bool,
        About(
            "look for tool markup that leaked into text",
            "NousResearch/hermes-agent#24534, vllm-project/vllm#31207",
        ),
    ] = False

    def allow(self, when: Condition) -> bool:
        """Whether a feature is taken under the condition `when`."""
        if when in ("never", "always"):
            return when == "always"
        value = getattr(self, when)
        return when not in _EXTRAS if value is None else value not in (False, "none")

    def decided(self, *, own: bool) -> Quirks:
        """A copy for one exchange, with a value for each extra that is None: True where the client
        speaks the upstream's dialect (`own`) and its extras go as they came, False where they would
        be put into another one."""
        return _decided(self, own=own)


@functools.lru_cache(maxsize=64)
def _decided(quirks: Quirks, *, own: bool) -> Quirks:
    """`Quirks.decided`, cached: profiles are few, and a copy of so many fields costs time."""
    unknown = {name: own for name in _EXTRAS if getattr(quirks, name) is None}
    return replace(quirks, **cast(Any, unknown)) if unknown else quirks


_EXTRAS: Final = ("adaptive_thinking", "tool_extras", "tool_references", "cache_marks")


def known_to_refuse(capability: bool | None) -> bool:
    """Whether `capability` is False, and not only unknown (None)."""
    return capability is False

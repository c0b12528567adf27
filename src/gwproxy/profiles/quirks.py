"""Quirks: the named flags by which an upstream deviates, each with its meaning and its source.

The table says the same, field for field, as `gwproxy.translate.manners.Manners` (a test compares
names, types and defaults): there the translation looks a flag up, here a person learns
what it is for. Presets, what is known of the model (`model_facts`) and users override single
flags; nothing anywhere asks whether a provider or a model has a certain name.

Sources are vendor pages or public threads (owner/repository#number).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from gwproxy.profiles.model_facts import facts_of
from gwproxy.profiles.profile import Profile, QuirkValue
from gwproxy.profiles.suggest import did_you_mean

QuirkKind = Literal["bool", "int", "str", "choice", "list"]


@dataclass(frozen=True, slots=True)
class Quirk:
    """One flag. `choices` is there for the kind `choice` only; `setting` names the profile
    setting that the flag follows, where there is one, and such a flag is not set by hand."""

    name: str
    kind: QuirkKind
    default: QuirkValue
    meaning: str
    source: str
    choices: tuple[str, ...] = ()
    setting: str = ""


class BadQuirk(ValueError):
    """A quirk that does not exist or a value it cannot have; the text says what would do."""


def _flag(name: str, default: bool, meaning: str, source: str) -> Quirk:
    return Quirk(name, "bool", default, meaning, source)


def _choice(name: str, choices: tuple[str, ...], meaning: str, source: str) -> Quirk:
    """The first of `choices` is the default."""
    return Quirk(name, "choice", choices[0], meaning, source, choices)


_KIMI_MODELS: Final = "https://platform.kimi.ai/docs/api/models-overview"
_KIMI_CHAT: Final = "https://platform.kimi.ai/docs/api/chat"
_ANTHROPIC: Final = "https://docs.anthropic.com/en/api/messages"
_OPENAI_CHAT: Final = "https://platform.openai.com/docs/api-reference/chat/create"

_TABLE: Final = (
    Quirk(
        "family",
        "str",
        "upstream",
        "whose sealed reasoning this upstream can read again",
        "https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking",
        setting="preset",
    ),
    _flag(
        "rebuild",
        False,
        "same dialect on both sides: go through the translation anyway, because the upstream "
        "refuses what today's clients send",
        "anthropics/claude-code#21612, MoonshotAI/Kimi-K2#118",
    ),
    # --- reasoning
    _choice(
        "reasoning_in",
        ("all", "tool_turns", "none"),
        "which earlier turns get their reasoning sent back",
        "anomalyco/opencode#10996, MoonshotAI/Kimi-K2.5#13",
    ),
    _choice(
        "reasoning_field",
        ("reasoning_content", "reasoning"),
        "the Chat field that carries reasoning",
        "MoonshotAI/kimi-code#2104",
    ),
    Quirk(
        "reasoning_placeholder",
        "str",
        "",
        "sent on tool-call turns that lost their reasoning; empty sends nothing",
        "anomalyco/opencode#10996",
    ),
    _choice(
        "thinking_switch",
        ("effort", "thinking", "none"),
        "how thinking is asked for: an effort, a `thinking` object, or not at all",
        _KIMI_MODELS,
    ),
    _flag("thinking_always", False, "the model cannot be told not to think", _KIMI_MODELS),
    Quirk(
        "efforts",
        "list",
        ("low", "medium", "high"),
        "the efforts it takes; others become the nearest one, of two the stronger",
        "liliMozi/openhanako#2092",
    ),
    _flag(
        "adaptive_thinking",
        False,
        "an Anthropic upstream takes `thinking: {type: adaptive}` and an effort",
        "anthropics/claude-code#29531",
    ),
    _flag(
        "signed_thinking",
        False,
        "real Claude: thinking without its own signature is a 400",
        "https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking",
    ),
    _flag(
        "inline_think",
        False,
        "split <think>…</think> out of the text",
        "MoonshotAI/kimi-cli#2621",
    ),
    _choice(
        "forced_tools",
        ("allow", "no_thinking", "auto"),
        "a forced tool call while thinking: allowed, thinking off for it, or not forced",
        "can1357/oh-my-pi#1077, can1357/oh-my-pi#341",
    ),
    _flag(
        "named_tool",
        True,
        "takes a forced tool by its name (else it is forced as the only one)",
        "can1357/oh-my-pi#1077",
    ),
    # --- limits and sampling
    Quirk(
        "context_window",
        "int",
        200_000,
        "tokens of input and output together",
        _KIMI_MODELS,
        setting="context_window",
    ),
    Quirk(
        "max_output",
        "int",
        32_768,
        "most tokens of one answer",
        _KIMI_MODELS,
        setting="max_output_tokens",
    ),
    Quirk(
        "min_output",
        "int",
        0,
        "a smaller output limit is raised to this: thinking would eat it up and answer nothing",
        _KIMI_CHAT,
    ),
    _choice(
        "max_tokens_field",
        ("max_tokens", "max_completion_tokens"),
        "the Chat field that limits the answer",
        "can1357/oh-my-pi#2289",
    ),
    _choice(
        "sampling",
        ("pass", "drop"),
        "temperature, top_p, penalties and n: passed, or dropped where the model fixes them",
        "anomalyco/opencode#10811, CherryHQ/cherry-studio#14573",
    ),
    _flag("stop_sequences", True, "takes stop sequences (else matched here)", _KIMI_CHAT),
    Quirk(
        "max_stops", "int", 0, "most stop sequences in one request; 0 is no known limit", _KIMI_CHAT
    ),
    Quirk(
        "max_stop_bytes",
        "int",
        0,
        "the longest stop sequence it takes, in bytes; 0 is no known limit",
        _KIMI_CHAT,
    ),
    # --- roles and content
    _choice(
        "system_role",
        ("system", "developer"),
        "the Chat role of instructions",
        "openclaw/openclaw#8579",
    ),
    _choice(
        "mid_system",
        ("native", "wrap"),
        "instructions in mid-conversation: as they are, or wrapped into a user turn",
        "farion1231/cc-switch 9d3570980",
    ),
    _choice(
        "text_parts",
        ("string", "parts"),
        "a message of text only: one string, or a list of parts",
        "https://platform.kimi.ai/docs/guide/use-kimi-vision-model",
    ),
    _flag(
        "tool_media",
        False,
        "images may stand in `tool` messages (Chat)",
        "farion1231/cc-switch 6c9d444c8",
    ),
    _flag("vision", True, "takes images", _KIMI_MODELS),
    _flag("documents", False, "takes documents (PDF)", "MoonshotAI/Kimi-K2.5#27"),
    _flag(
        "image_urls",
        True,
        "fetches images by their URL (else gwproxy does, from public addresses)",
        "https://platform.kimi.ai/docs/guide/use-kimi-vision-model, "
        "OpenHands/software-agent-sdk#3155",
    ),
    _flag(
        "old_media",
        True,
        "sends images and documents of tools and earlier turns again; else a line in their place",
        "MoonshotAI/kimi-cli#1222, MoonshotAI/kimi-code#2362",
    ),
    _choice(
        "prefill",
        ("none", "partial"),
        "an answer begun by the client: refused, or marked `partial`",
        "https://platform.kimi.ai/docs/guide/use-partial-mode-feature-of-kimi-api",
    ),
    # --- tools
    Quirk("max_tools", "int", 0, "most tools in one request; 0 is no known limit", _KIMI_CHAT),
    _choice(
        "tool_names",
        ("open", "letter_first"),
        "rule for tool names; `letter_first` also bans dots and more than 64 characters",
        "MoonshotAI/kimi-cli#1773, MoonshotAI/kimi-cli#2164",
    ),
    _flag(
        "tool_extras",
        False,
        "an Anthropic upstream takes defer_loading, strict, input_examples on tools",
        "anthropics/claude-agent-sdk-python#694, anthropics/claude-code#89211",
    ),
    _flag(
        "tool_references",
        False,
        "an Anthropic upstream takes tool_reference blocks",
        "MoonshotAI/Kimi-K2#118, farion1231/cc-switch#2941",
    ),
    _flag(
        "hosted_tools",
        True,
        "runs hosted tools of its own dialect, such as web_search",
        "https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/web-search-tool",
    ),
    _choice(
        "schema",
        ("open", "moonshot", "moonshot_plain", "words"),
        "the JSON Schema it takes for tools; `moonshot` is Moonshot's own subset, "
        "`moonshot_plain` the same without anything that the vendor's validator does not know, "
        "`words` none: a tool's description says what its arguments are",
        "https://github.com/MoonshotAI/walle",
    ),
    _flag("strict_tools", True, "takes `strict` on a tool", _OPENAI_CHAT),
    _flag("parallel_flag", True, "takes the flag that forbids parallel tool calls", _OPENAI_CHAT),
    _choice(
        "json_schema",
        ("native", "tool", "prompt"),
        "how an answer of a given JSON schema is asked for",
        _OPENAI_CHAT,
    ),
    # --- caching and identity
    _flag(
        "cache_marks",
        False,
        "takes Anthropic's cache_control marks",
        "farion1231/cc-switch#3841",
    ),
    _flag(
        "prompt_cache_key",
        False,
        "takes prompt_cache_key",
        "https://platform.kimi.ai/docs/api/chat, lidge-jun/opencodex#597",
    ),
    _choice(
        "user_id",
        ("drop", "keep", "hash"),
        "the end user's id in metadata: dropped, kept, or hashed to 64 safe characters",
        f"anthropics/claude-code#56643, {_ANTHROPIC}",
    ),
    # --- side routes
    _choice(
        "count_tokens",
        ("local", "upstream"),
        "who counts tokens: gwproxy by estimate, or the upstream's own free endpoint",
        "https://kimi-k25.com, https://docs.anthropic.com/en/api/messages-count-tokens",
    ),
    # --- streams
    _flag("usage_in_stream", True, "takes stream_options.include_usage", _OPENAI_CHAT),
    _flag(
        "leaked_tools",
        False,
        "look for tool markup that leaked into text",
        "NousResearch/hermes-agent#24534, vllm-project/vllm#31207",
    ),
)

QUIRKS: Final[Mapping[str, Quirk]] = MappingProxyType({quirk.name: quirk for quirk in _TABLE})

_YES: Final = frozenset({"true", "yes", "on", "1"})
_NO: Final = frozenset({"false", "no", "off", "0"})


def parse_quirk(text: str) -> tuple[str, QuirkValue]:
    """`NAME=VALUE` or, for a flag that is on, `NAME`. Raises BadQuirk."""
    name, equals, value = text.partition("=")
    quirk = find_quirk(name.strip())
    if not equals:
        if quirk.kind != "bool":
            raise BadQuirk(f"{quirk.name} needs a value: {quirk.name}={_what_would_do(quirk)}")
        return quirk.name, True
    return quirk.name, _from_text(quirk, value.strip())


def check_quirk(name: str, value: object) -> QuirkValue:
    """`value`, as TOML gives it, in the type of the quirk called `name`. Raises BadQuirk."""
    quirk = find_quirk(name)
    match quirk.kind, value:
        case "bool", bool():
            return value
        case "int", int() if not isinstance(value, bool) and value >= 0:
            return value
        case "str", str():
            return value
        case "choice", str() if value in quirk.choices:
            return value
        case "list", list() | tuple():
            words = tuple(value)
            if all(isinstance(word, str) and word for word in words):
                return words
        case _:
            pass
    raise BadQuirk(f"{name} must be {_what_would_do(quirk)}, not {value!r}")


def find_quirk(name: str) -> Quirk:
    """The quirk called `name`, which can be set by hand. Raises BadQuirk."""
    quirk = QUIRKS.get(name)
    if quirk is None:
        settable = [quirk.name for quirk in settable_quirks()]
        raise BadQuirk(f"there is no quirk called {name!r}; {did_you_mean(name, settable)}")
    if quirk.setting:
        raise BadQuirk(f"{name} follows the profile's setting {quirk.setting}; change that one")
    return quirk


def settable_quirks() -> tuple[Quirk, ...]:
    """The quirks that a person sets by name, in the order of the table."""
    return tuple(quirk for quirk in _TABLE if not quirk.setting)


def manner_values(profile: Profile, model: str = "") -> dict[str, QuirkValue]:
    """Every flag of the table with the value it has for `profile` and its model, or another one:
    the arguments of `Manners`. A model's own facts come before the preset's, a person's wishes
    before both."""
    facts = facts_of(model or profile.model)
    values = {quirk.name: quirk.default for quirk in _TABLE} | dict(profile.quirks)
    if facts is not None:
        values |= {
            name: value
            for name, value in facts.quirks.items()
            if f"quirks.{name}" not in profile.overridden
        }
    # Two profiles of one preset reach the same provider; of `custom`, two unrelated ones.
    values["family"] = profile.name if profile.preset == "custom" else profile.preset
    for flag, setting in (
        ("context_window", "context_window"),
        ("max_output", "max_output_tokens"),
    ):
        known = getattr(profile, setting)
        if facts is not None and setting not in profile.overridden:
            known = getattr(facts, setting) or known
        if known is not None:
            values[flag] = known
    return values


def _from_text(quirk: Quirk, text: str) -> QuirkValue:
    value: object = text
    if quirk.kind == "bool":
        value = True if text.lower() in _YES else False if text.lower() in _NO else text
    elif quirk.kind == "int" and text.isascii() and text.isdigit():
        value = int(text)
    elif quirk.kind == "list":
        value = [word.strip() for word in text.split(",") if word.strip()]
    return check_quirk(quirk.name, value)


def _what_would_do(quirk: Quirk) -> str:
    match quirk.kind:
        case "bool":
            return "true or false"
        case "int":
            return "a whole number"
        case "str":
            return "text"
        case "choice":
            return " or ".join(quirk.choices)
        case "list":
            return "a list such as " + ",".join(str(word) for word in ("low", "high"))

"""The members that may be left out of a request for an upstream, and the patterns that name them.

A pattern says what goes:

    context_management                            a member, here of the whole body
    system[].cache_control.ttl                    a member, wherever the path leads
    tools[type=advisor_20260301]                  the elements of a list whose member says so
    messages[].content[].image_url.detail=original>high   the nearest older value instead
    anthropic-beta:context-management-2025-06-27  one value of that header

The list is closed. It lacks what decides which answer is wanted, of which kind and under whose
rules: model, messages, instructions, tools as a whole and the choice among them, output formats,
stop sequences, limits, `n`, logprobs, safeguards, the `store: false` of Responses, `inference_geo`,
`previous_response_id`, thinking that was switched off. Of a member that may go in most
requests but not in all, `kept_with`, `kept_as` and `kept_for` say which of its values stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gwproxy.translate.dialect_facts import Dialect

BETA_HEADER: Final = "anthropic-beta"


@dataclass(frozen=True, slots=True)
class Omittable:
    """One member that may be left out, and the source that saw a host refuse it. Rows with the same
    `together` are left out as one. `betas`: the values of `anthropic-beta`, less their dates, that
    it needs. It stays where it holds the member `kept_with`, is one of `kept_as` (JSON text), or
    has a string that begins with a match of `kept_for`."""

    pattern: str
    source: str
    together: str = ""
    betas: tuple[str, ...] = ()
    kept_with: str = ""
    kept_as: tuple[str, ...] = ()
    kept_for: str = ""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed pattern. Of `element`, `value` and `instead` those that it does not use are
    empty."""

    text: str
    path: str
    element: str = ""
    value: str = ""
    instead: str = ""


_PATTERN: Final = re.compile(
    r"(?P<path>[A-Za-z_][\w-]*(?:\[\])*(?:\.[A-Za-z_][\w-]*(?:\[\])*)*)"
    r"(?:\[(?P<element>\w+)=(?P<is>[\w.-]+)\]|=(?P<old>[\w.-]+)>(?P<new>[\w.-]+))?"
)
_BETA: Final = re.compile(BETA_HEADER + r":(?P<name>[\w.-]+)")
_DATE: Final = re.compile(r"-\d{4}-?\d{2}-?\d{2}\Z")

# The one changes what the answer is; without the other the client is not let in.
_KEPT_BETAS: Final = ("dangerous-tool-use", "oauth")

_MESSAGES: Final = "https://docs.claude.com/en/api/messages"
_CHAT: Final = "https://platform.openai.com/docs/api-reference/chat/create"
_RESPONSES: Final = "https://platform.openai.com/docs/api-reference/responses/create"

_MARKED: Final = (
    "",
    "system[].",
    "tools[].",
    "messages[].content[].",
    "messages[].content[].content[].",
    "messages[].content[].source.content[].",
)
"""Where a cache mark of the Messages dialect can stand."""

_MARKS: Final = tuple(
    Omittable(f"{place}cache_control.{member}", source, f"cache_control.{member}", (beta,))
    for member, source, beta in (
        ("ttl", "BerriAI/litellm#39355", "extended-cache-ttl"),
        ("scope", "horselock/claude-code-proxy#14, #21625", "prompt-caching-scope"),
    )
    for place in _MARKED
) + tuple(Omittable(f"{place}cache_control", "Wei-Shaw/sub2api#225") for place in _MARKED)

_DEFERRAL: Final = ("advanced-tool-use", "tool-search-tool")
_HOSTED: Final = r"[a-z][a-z_]*_20\d{6}"

_ANTHROPIC: Final = (
    Omittable(
        "context_management",
        "anthropics/claude-code#21612",
        betas=("context-management",),
        kept_for="compact_",  # an order
    ),
    *_MARKS,
    Omittable("tools[].strict", "anthropics/claude-agent-sdk-python#694"),
    Omittable("tools[].defer_loading", "anthropics/claude-code#89211", betas=_DEFERRAL),
    Omittable("tools[].input_examples", "anthropics/claude-code#11672", betas=_DEFERRAL[:1]),
    Omittable("tools[].allowed_callers", _MESSAGES, betas=_DEFERRAL[:1]),
    Omittable(
        "tools[].eager_input_streaming",
        "anthropics/claude-agent-sdk-python#694",
        betas=("fine-grained-tool-streaming",),
    ),
    Omittable(
        "tools[type=advisor_20260301]", "SaladDay/cc-switch-cli#468", betas=("advisor-tool",)
    ),
    Omittable(f"tools[type={_HOSTED}]", "SaladDay/cc-switch-cli#468"),
    Omittable("metadata", "anthropics/claude-code#56643"),
    Omittable("metadata.user_id", "anthropics/claude-code#56643"),
    Omittable("output_config", "diegosouzapw/OmniRoute#10003", kept_with="format"),
    Omittable("output_config.effort", "anthropics/claude-code#53855", betas=("effort",)),
    Omittable("output_config.effort=max>high", "anthropics/claude-code#53855"),
    Omittable("output_config.effort=xhigh>high", "anthropics/claude-code#53855"),
    Omittable("output_config.task_budget", _MESSAGES, betas=("task-budgets",)),
    Omittable(
        "messages[].output_config",
        "anthropics/claude-code#53855",
        betas=("per-turn-control",),
        kept_with="format",
    ),
    Omittable("thinking.display", "anthropics/claude-code#34802"),
    Omittable("thinking.block_binding", _MESSAGES),
    Omittable("service_tier", _MESSAGES),
    Omittable("speed", _MESSAGES, betas=("fast-mode",)),
    Omittable("diagnostics", _MESSAGES),
    Omittable("fallbacks", _MESSAGES),
    Omittable("fallback_credit_token", _MESSAGES, betas=("fallback-credit",)),
    Omittable("user_profile_id", _MESSAGES),
    Omittable("workspace_id", _MESSAGES),
    Omittable("betas", _MESSAGES),
    Omittable("temperature", _MESSAGES),
    Omittable("top_p", _MESSAGES),
    Omittable("top_k", _MESSAGES),
)

_OPENAI: Final = tuple(
    Omittable(member, source)
    for member, source in (
        ("metadata", "tiylabs/tiygate#52"),
        ("user", _CHAT),
        ("safety_identifier", _CHAT),
        ("prompt_cache_key", "lidge-jun/opencodex#597"),
        ("prompt_cache_retention", _CHAT),
        ("prompt_cache_options", _CHAT),
        ("service_tier", _CHAT),
        ("stream_options", _CHAT),
        ("stream_options.include_usage", _CHAT),
        ("stream_options.include_obfuscation", _CHAT),
        ("parallel_tool_calls", _CHAT),
        ("temperature", "anomalyco/opencode#10811"),
        ("top_p", "anomalyco/opencode#10811"),
    )
)

_CHAT_ROWS: Final = (
    *_OPENAI,
    *(
        Omittable(member, _CHAT)
        for member in (
            "seed",
            "verbosity",
            "logit_bias",
            "prediction",
            "frequency_penalty",
            "presence_penalty",
            "repetition_penalty",
            "top_k",
            "min_p",
            "messages[].name",
        )
    ),
    # In Chat `false` is the default, so `store` may be left out; in Responses it is not.
    Omittable("store", _CHAT),
    Omittable("reasoning_effort", _CHAT, kept_as=('"none"',)),
    Omittable("reasoning_effort=max>high", "liliMozi/openhanako#2092"),
    Omittable("reasoning_effort=xhigh>high", "liliMozi/openhanako#2092"),
    Omittable("reasoning_effort=minimal>low", "liliMozi/openhanako#2092"),
    Omittable("tools[].function.strict", _CHAT),
    Omittable("messages[].cache_control", "farion1231/cc-switch#3841"),
    Omittable("messages[].content[].cache_control", "farion1231/cc-switch#3841"),
    Omittable("tools[].cache_control", "farion1231/cc-switch#3841"),
    Omittable("messages[].content[].image_url.detail=original>high", _CHAT, "detail"),
    Omittable("messages[].content[].image_url.detail", _CHAT),
)

_RESPONSES_ROWS: Final = (
    *_OPENAI,
    Omittable("client_metadata", "openai/codex#11834, QuantumNous/new-api#4462"),
    # Of what may be asked for there, only sealed reasoning is nothing that the client waits for.
    Omittable("include", _RESPONSES, kept_for="(?!reasoning)[a-z]"),
    Omittable("truncation", _RESPONSES),
    *(
        Omittable(member, _RESPONSES)
        for member in (
            "max_tool_calls",  # how often hosted tools may run: what an answer costs
            "text.verbosity",
            "reasoning.summary",
            "reasoning.generate_summary",
            "reasoning.context",
            "tools[].strict",
            "tools[].defer_loading",
            "tools[].output_schema",
            "tools[].async",
            "input[].phase",
            "input[].status",
            "input[].content[].prompt_cache_breakpoint",
            "input[type=reasoning]",
            "tools[type=image_generation]",
            "tools[type=web_search(?:_preview)?]",
        )
    ),
    Omittable("input[].internal_chat_message_metadata_passthrough", "openai/codex#11834"),
    Omittable("reasoning.effort", _RESPONSES, kept_as=('"none"',)),
    Omittable("reasoning.effort=max>high", "liliMozi/openhanako#2092"),
    Omittable("reasoning.effort=xhigh>high", "liliMozi/openhanako#2092"),
    Omittable("reasoning.effort=minimal>low", "liliMozi/openhanako#2092"),
    Omittable("input[].content[].detail=original>high", _RESPONSES, "detail"),
    Omittable("input[].output[].detail=original>high", _RESPONSES, "detail"),
    Omittable("input[].content[].detail", _RESPONSES),
    Omittable("input[].output[].detail", _RESPONSES),
)

OMITTABLE: Final[Mapping[Dialect, tuple[Omittable, ...]]] = MappingProxyType(
    {
        Dialect.ANTHROPIC: _ANTHROPIC,
        Dialect.CHAT: _CHAT_ROWS,
        Dialect.RESPONSES: _RESPONSES_ROWS,
    }
)
ROWS: Final = tuple(row for rows in OMITTABLE.values() for row in rows)

_NAME: Final = re.compile(r"[^.\[\]/\s\"'`]+")
_HUMP: Final = re.compile("(?<=[a-z])[A-Z]")
# Steps that validators put into a path for the branch of a union: pydantic the tag or the class.
_TAG: Final = re.compile(
    r"custom|function|ephemeral|text|image|image_url|input_text|input_image|output_text|document"
    r"|thinking|redacted_thinking|tool_use|tool_result|server_tool_use|tool_reference|message"
    r"|enabled|adaptive|str|list|json|[A-Z]\w*|[a-z_]+_20\d{6}|(?:function|list|union|tagged)-.*"
)


def check(pattern: str) -> Pattern:
    """The parsed `pattern`. Raises ValueError when it is none, or names what cannot be left out."""
    beta = _BETA.fullmatch(pattern)
    if beta is not None:
        if _DATE.sub("", beta["name"]) in _KEPT_BETAS:
            raise ValueError(f"{beta['name']} cannot be left out: it changes what the answer is")
        return Pattern(pattern, "", value=beta["name"])
    match = _PATTERN.fullmatch(pattern)
    if match is None:
        raise ValueError(f"{pattern!r} is no pattern such as tools[].strict")
    if not any(allows(row, pattern) for row in ROWS):
        raise ValueError(f"{pattern} is not among the members that can be left out")
    value = match["is"] or match["old"] or ""
    return Pattern(pattern, match["path"], match["element"] or "", value, match["new"] or "")


def rows_of(pattern: Pattern) -> tuple[Omittable, ...]:
    """The rows that `pattern` leaves out: its own and their `together` rows, or a beta's
    members."""
    if not pattern.path:
        return governed(pattern.value)
    own = [row for row in ROWS if allows(row, pattern.text)]
    words = {row.together for row in own if row.together}
    exact = [row for row in own if row.pattern == pattern.text]
    return tuple(exact or own[:1]) + tuple(
        row for row in ROWS if row.together in words and row not in exact
    )


def governed(beta: str) -> tuple[Omittable, ...]:
    """The rows of the members that need `beta`."""
    stem = _DATE.sub("", beta)
    return tuple(row for row in ROWS if stem in row.betas)


def left_out(patterns: Iterable[str]) -> frozenset[str]:
    """The patterns of all members that `patterns` leave out. Raises ValueError."""
    read = [check(pattern) for pattern in patterns]
    return frozenset(
        [one.text for one in read if one.path]
        + [row.pattern for one in read for row in rows_of(one)]
    )


def betas(header_value: str, patterns: Iterable[str]) -> str:
    """The value of `anthropic-beta` without the betas that `patterns` name or whose members they
    all leave out; unchanged where there are none. Raises ValueError."""
    patterns = tuple(patterns)
    if not patterns:
        return header_value
    gone = left_out(patterns)
    names = [name.strip() for name in header_value.split(",")]
    kept = [name for name in names if not _is_gone(name, patterns, gone)]
    return header_value if kept == names else ",".join(kept)


def betas_gone(patterns: Iterable[str]) -> tuple[str, ...]:
    """The betas that `patterns` leave out, by name, or by name less its date. Raises ValueError."""
    patterns = tuple(patterns)
    gone = left_out(patterns)
    named = [check(pattern).value for pattern in patterns if pattern.startswith(BETA_HEADER)]
    stems = dict.fromkeys(stem for row in ROWS for stem in row.betas)
    return (*named, *(stem for stem in stems if _is_gone(stem, patterns, gone)))


def _is_gone(beta: str, patterns: tuple[str, ...], gone: frozenset[str]) -> bool:
    members = {row.pattern for row in governed(beta)}
    return f"{BETA_HEADER}:{beta}" in patterns or (bool(members) and members <= gone)


def pattern_of(dialect: Dialect, path: str, value: str | None = None) -> str | None:
    """The pattern that leaves out `path`, or its refused `value`; None when that may not be left
    out. `path` is as validators write it: `tools.0.custom.strict`, `tools[1].type`,
    `body.metadata`, a member's bare name."""
    if path.lower() == BETA_HEADER:
        pattern = f"{BETA_HEADER}:{value}"
        return pattern if value and _is_pattern(pattern) else None
    path = _HUMP.sub(lambda hump: f"_{hump[0].lower()}", path)  # protobuf's JSON, Java
    names = [name for name in _NAME.findall(path) if not name.isdigit()]
    if names[:1] == ["body"]:
        names = names[1:]
    # The row of the very value first: a weaker effort is less of a change than none.
    rows = sorted(
        OMITTABLE.get(dialect, ()),
        key=lambda row: value is None or f"={value}>" not in row.pattern,
    )
    for fits in (_leads_to, _ends_in):
        for row in rows:
            if fits(names, row) and (earned := _earned(row, value)) is not None:
                return earned
    return None


def is_of(dialect: Dialect, pattern: str) -> bool:
    """Whether `pattern` names a member of this dialect."""
    return any(allows(row, pattern) for row in OMITTABLE.get(dialect, ()))


def _earned(row: Omittable, value: str | None) -> str | None:
    """The pattern of `row` for the refused `value`; None where the row is of other values."""
    match = re.fullmatch(r"(?P<list>[^=]+)\[(?P<member>\w+)=(?P<is>.+)\]", row.pattern)
    if match is not None:
        if value is None or not re.fullmatch(match["is"], value):
            return None
        return f"{match['list']}[{match['member']}={value}]"
    _, replaces, values = row.pattern.partition("=")
    return row.pattern if not replaces or value in (None, values.partition(">")[0]) else None


def _is_pattern(text: str) -> bool:
    try:
        check(text)
    except ValueError:
        return False
    return True


def allows(row: Omittable, pattern: str) -> bool:
    """Whether `pattern` is of `row`: its own, or one of the family that it describes."""
    if row.pattern == pattern:
        return True
    head, opened, rest = row.pattern.partition("[type=")
    start = f"{head}[type="
    if not opened or not pattern.startswith(start) or not pattern.endswith("]"):
        return False
    return re.fullmatch(rest[:-1], pattern[len(start) : -1]) is not None


def _steps(row: Omittable) -> list[str]:
    written = re.sub(r"\[type=.*|=.*", "", row.pattern)
    return [name for name in _NAME.findall(written) if name]


def _leads_to(names: list[str], row: Omittable) -> bool:
    """Whether `names` are the steps of `row`'s path, but for union tags in between."""
    steps = _steps(row)
    if "[type=" in row.pattern and names[-1:] == ["type"]:
        names = names[:-1]
    if not names or names[0] != steps[0] or (len(steps) > 1 and names[-1] != steps[-1]):
        return False
    at = 0
    for name in names:
        if at < len(steps) and name == steps[at]:
            at += 1
        elif not _TAG.fullmatch(name):
            return False
    return at == len(steps)


def _ends_in(names: list[str], row: Omittable) -> bool:
    """Whether `names` is the bare name of `row`'s last step: serde says "unknown field
    `strict`"."""
    return len(names) == 1 and len(steps := _steps(row)) > 1 and names[0] == steps[-1]

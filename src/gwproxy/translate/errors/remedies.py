"""The changes of quirks that avoid a refusal: fixed ones, those for a member by its name, and those
with a value out of the refusal's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from gwproxy.translate.dialect_facts import Dialect
from gwproxy.translate.hub import EFFORTS
from gwproxy.translate.quirks import QuirkValue
from gwproxy.translate.wire.splice import Path

Changes: TypeAlias = Mapping[str, QuirkValue]
Steps: TypeAlias = tuple[Changes, ...]

_NOTHING: Final[Changes] = MappingProxyType({})
# A rendered request never has what is refused: let a relayed one be rendered.
REBUILD: Final[Steps] = (_NOTHING,)


def off(*names: str) -> Steps:
    """The one step that sets these quirks to False."""
    return (dict.fromkeys(names, False),)


def steps_of_efforts(listed: str) -> Steps:
    """The step that allows only the efforts named in `listed`; none where it names none."""
    efforts = tuple(word for word in re.findall(r"[a-z]+", listed.lower()) if word in EFFORTS)
    return ({"efforts": efforts},) if efforts else ()


def steps_of_number(quirk: str) -> Callable[[str], Steps]:
    """Makes, of a number in a refusal, the step that sets `quirk` to it."""
    return lambda number: ({quirk: int(number)},)


_MEMBERS: Final[Mapping[str, Steps]] = {
    **dict.fromkeys(
        ("output_config", "output_format", "response_format", "text", "format"),
        ({"json_schema": "prompt"},),
    ),
    "stop": off("stop_sequences"),
    "stop_sequences": off("stop_sequences"),
    "reasoning_content": ({"reasoning_in": "none"},),
    "thinking": ({"thinking_switch": "none"},),
    # Which of the two a host takes is not to be told from its name (can1357/oh-my-pi#2289).
    "max_tokens": ({"max_tokens_field": "max_completion_tokens"},),
    "max_completion_tokens": ({"max_tokens_field": "max_tokens"},),
    "n": ({"sampling": "drop"},),
    "previous_response_id": off("keeps_responses"),
    "safeguards": off("safeguards"),
}


OF_KINDS: Final = frozenset(
    {
        "custom_tools",
        "namespaces",
        "client_tools",
        "added_tools",
        "agent_items",
        "compaction",
        "keeps_responses",
    },
)
_OF_SPELLING: Final = frozenset(
    {"system_role", "mid_system", "text_parts", "tool_media", "json_schema"}
)
_OF_SETTINGS: Final = frozenset(
    {
        "efforts",
        "forced_tools",
        "named_tool",
        "sampling",
        "schema",
        "thinking_always",
        "thinking_switch",
    }
)
# Where no edit can say it, the requests that have such a thing are rebuilt, and no others.
_OF_SOME: Final = frozenset(
    {
        "tool_names",
        "max_tools",
        "stop_sequences",
        "max_stops",
        "max_stop_bytes",
        "documents",
        "image_urls",
    }
)
_BY_EDIT: Final = _OF_SPELLING | _OF_SETTINGS | _OF_SOME
_OF_MESSAGES: Final = frozenset(
    {
        "safeguards",
        "adaptive_thinking",
        "thinking_budgets",
        "tool_references",
        "tool_extras",
        "hosted_tools",
    }
)
_OF_CHAT: Final = frozenset(
    {"max_tokens_field", "call_signature", "reasoning_placeholder", "hosted_tools"}
)
# By the quirks that change a relayed body by edits, or by what it is made of before it is relayed;
# to follow others it has to be rebuilt.
EDITED: Final[Mapping[Dialect, frozenset[str]]] = MappingProxyType(
    {
        Dialect.ANTHROPIC: _BY_EDIT | _OF_MESSAGES,
        Dialect.CHAT: _BY_EDIT | _OF_CHAT,
        Dialect.RESPONSES: _BY_EDIT | OF_KINDS,
    }
)

# The types of tools, of their calls and outputs, of the item that brings tools, and of what agents
# say.
_KINDS: Final[Mapping[str, str]] = {
    "custom": "custom_tools",
    "custom_tool_call": "custom_tools",
    "custom_tool_call_output": "custom_tools",
    "namespace": "namespaces",
    "additional_tools": "added_tools",
    "compaction_trigger": "compaction",
    **dict.fromkeys(("agent_message", "agent_reasoning", "memory"), "agent_items"),
    **{
        f"{tool}{part}": "client_tools"
        for tool in ("local_shell", "shell", "apply_patch", "tool_search")
        for part in ("", "_call", "_call_output", "_output")
    },
}
KINDS: Final = "|".join(sorted(_KINDS, key=len, reverse=True))
"""The same names as a regular expression."""


def steps_of_kind(kind: str | None) -> Steps:
    """The step that sends a tool of this type as a function, or an item as text; none for
    others."""
    quirk = _KINDS.get(kind or "")
    return off(quirk) if quirk is not None else ()


_SAYS_NOTHING: Final = re.compile(r"invalid (?:input|value|request|type)\.?", re.IGNORECASE)
_PLACE: Final = re.compile(r"(tools|input)(?:[.\[].*)?", re.DOTALL)


def steps_unsaid(message: str, param: str | None) -> Steps:
    """Steps that may avoid a refusal that names a place and no reason: `Invalid input` at `tools.1`
    or `input` (agent0ai/agent-zero#1724, CommandCodeAI/command-code#893)."""
    place = _PLACE.fullmatch(param or "")
    if place is None or not _SAYS_NOTHING.fullmatch(message.strip()):
        return ()
    kinds = ("custom_tools", "namespaces", "client_tools")
    last = "hosted_tools" if place[1] == "tools" else "added_tools"
    return off(*kinds) + off(*kinds, last)


# What may be meant inside a message: `thinking` is another thing there.
_IN_MESSAGES: Final = frozenset({"reasoning_content"})


def is_of_schema(path: Path) -> bool:
    """Whether `path` leads into a client's schema; another schema may be accepted."""
    return "schema" in path


def steps_of_member(path: Path, beta: str) -> Steps:
    """Steps that avoid a member which may not just be left out, by the innermost known name in
    `path`, or by the beta that comes with such a member."""
    if beta.startswith("dangerous-tool-use"):
        return _MEMBERS["safeguards"]
    if path[-1:] == ("effort",):  # beside it in `output_config` is the format
        return ()
    inside = path[:1] in (("messages",), ("input",))
    for step in reversed(path):
        if isinstance(step, str) and step in _MEMBERS and (not inside or step in _IN_MESSAGES):
            return _MEMBERS[step]
    return ()

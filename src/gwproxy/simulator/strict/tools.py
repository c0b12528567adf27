"""What Moonshot demands of tools, in whichever dialect they are declared. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from gwproxy.simulator.strict.rules import Case, refuse
from gwproxy.simulator.strict.schema import Broken, check_schema

# https://platform.moonshot.ai/docs/api/chat: tools ≤ 128, names of 3 to 64 characters. Shorter
# names are in wide use (Claude Code's `LS`) and were never reported as refused.
MAX_TOOLS = 128
TOOL_NAME = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$")


def check_count(count: int) -> None:
    if count > MAX_TOOLS:
        raise refuse(f"Invalid request: the number of tools must not exceed {MAX_TOOLS}")


def check_names(names: Iterable[str]) -> None:
    # MoonshotAI/kimi-cli#1773, #2164, #2531.
    seen: set[str] = set()
    for name in names:
        # `$web_search` and its like are Moonshot's own.
        if not TOOL_NAME.match(name) and not name.startswith("$"):
            raise refuse(
                "Invalid request: function name is invalid, must start with a letter and can "
                "contain letters, numbers, underscores, and dashes"
            )
        if name in seen:
            raise refuse(f"Invalid request: function name {name} is duplicated")
        seen.add(name)


def check_schemas(schemas: Iterable[object]) -> None:
    # MoonshotAI/kimi-cli#2531, #2061; badlogic/pi-mono#4138.
    for schema in schemas:
        try:
            check_schema(schema)
        except Broken as broken:
            raise refuse(
                "Invalid request: tools.function.parameters is not a valid moonshot flavored "
                f"json schema, details: <{broken}>"
            ) from broken


def check_choice(case: Case) -> None:
    # can1357/oh-my-pi#1077, #827.
    forced = {"any": "required", "tool": "specified"}.get(case.asked.tool_choice.kind)
    if forced and case.thinks:
        raise refuse(f"tool_choice '{forced}' is incompatible with thinking enabled")


def check_all_answered(waiting: list[str]) -> None:
    if waiting:
        raise refuse(
            "Invalid request: an assistant message with 'tool_calls' must be followed by tool "
            "messages responding to each 'tool_call_id'. The following tool_call_ids did not "
            f"have response messages: {', '.join(waiting)}"
        )


def check_arguments(arguments: object) -> None:
    # openclaw/openclaw PR#43867.
    try:
        decoded = json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        decoded = None
    if not isinstance(arguments, str) or not isinstance(decoded, dict):
        raise refuse(
            "Invalid request: tool_calls[].function.arguments must decode to a JSON object, "
            f"got {type(decoded).__name__}"
        )

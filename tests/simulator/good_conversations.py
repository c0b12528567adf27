"""A conversation in each dialect that every rule accepts, and ways of spoiling it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeAlias

from gwproxy.simulator.conversation import DialectName
from simulator.asking import CITY_SCHEMA, Json

Change: TypeAlias = Callable[[Json], Any]

THOUGHT = "I should ask about Paris."

# A conversation in its third turn that every rule accepts, in each dialect.
GOOD: dict[DialectName, Json] = {
    "anthropic": {
        "model": "kimi-k2.5",
        "max_tokens": 32000,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": "Weather in Paris?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": THOUGHT, "signature": ""},
                    {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"},
                    {"type": "text", "text": "And tomorrow?"},
                ],
            },
        ],
        "tools": [{"name": "get_weather", "description": "w", "input_schema": CITY_SCHEMA}],
        "metadata": {"user_id": "user_1"},
        "stream": True,
    },
    "chat": {
        "model": "kimi-k2.5",
        "max_completion_tokens": 32000,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Weather in Paris?"},
            {
                "role": "assistant",
                "reasoning_content": THOUGHT,
                "tool_calls": [
                    {
                        "id": "functions.get_weather:0",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": "{}"},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "functions.get_weather:0", "content": "rain"},
            {"role": "user", "content": [{"type": "text", "text": "And tomorrow?"}]},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": "get_weather", "parameters": CITY_SCHEMA},
            }
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    },
    "responses": {
        "model": "kimi-k2.5",
        "store": False,
        "input": [
            {"role": "user", "content": "Weather in Paris?"},
            {"type": "function_call", "call_id": "a", "name": "get_weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "rain"},
            {"role": "user", "content": [{"type": "input_text", "text": "And tomorrow?"}]},
        ],
        "tools": [{"type": "function", "name": "get_weather", "parameters": CITY_SCHEMA}],
        "stream": True,
    },
}


def put(key: str, value: Any) -> Change:
    return lambda body: body.update({key: value})


def message(number: int, **members: Any) -> Change:
    return lambda body: body["messages"][number].update(members)


def no_member(number: int, key: str) -> Change:
    return lambda body: body["messages"][number].pop(key)


def blocks(number: int, *added: Json) -> Change:
    return lambda body: body["messages"][number]["content"].extend(added)


def tool(**members: Any) -> Change:
    """Changes the first tool, wherever its dialect keeps it."""

    def change(body: Json) -> None:
        declared = body["tools"][0]
        declared.get("function", declared).update(members)

    return change


def many_tools(key: str) -> Change:
    def change(body: Json) -> None:
        original = body["tools"][0]
        body["tools"] = []
        for number in range(129):
            declared = copy.deepcopy(original)
            named = declared.get(key) or declared
            named["name"] = f"tool_{number}"
            body["tools"].append(declared)

    return change


def twice(body: Json) -> None:
    body["tools"] *= 2

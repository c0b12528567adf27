"""Kimi's rules for its native Responses route, in the words of the real refusals. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from gwproxy.simulator.strict import tools
from gwproxy.simulator.strict.rules import (
    EFFORTS,
    Case,
    Check,
    Rule,
    check_window,
    refuse,
    refuse_content,
)
from gwproxy.simulator.wire import Json, record, records, string

CALLS = frozenset({"function_call", "custom_tool_call"})
OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})
ITEM_TYPES = frozenset({"message", "reasoning"}) | CALLS | OUTPUTS
FUNCTION_ITEM_TYPES = frozenset({"message", "reasoning", "function_call", "function_call_output"})
OPAQUE_ITEM_TYPES = frozenset({"tool_search_call", "tool_search_output"})


def _items(case: Case) -> Iterator[tuple[int, str, Json]]:
    given = case.body.get("input")
    if isinstance(given, list):
        for index, item in enumerate(records(given, "input")):
            yield index, string(item.get("type", "message"), f"input.{index}.type"), item


def check_stateless(case: Case) -> None:
    # ENTERPILOT/GoModel PR#916; Wei-Shaw/sub2api PR#6463.
    if case.body.get("store"):
        raise refuse("Invalid request: store=true is not supported")
    if case.body.get("previous_response_id"):
        raise refuse("Invalid request: previous_response_id is not supported")


def check_item_types(case: Case) -> None:
    # openai/codex#45393; router-for-me/CLIProxyAPI#5647 for the silent ones.
    for index, kind, _ in _items(case):
        if kind in OPAQUE_ITEM_TYPES:
            raise refuse_content(case, "Invalid request Error")
        if kind not in ITEM_TYPES:
            raise refuse(f'input.{index}: item type "{kind}" is not supported')


def check_function_tools(case: Case) -> None:
    # duolahypercho/codex-router#450, one refusal at a time; envoyproxy/ai-gateway#2586.
    for index, kind, _ in _items(case):
        if kind not in FUNCTION_ITEM_TYPES:
            raise refuse(f"input[{index}]: unknown discriminator value: {kind}")
    for index, tool in enumerate(records(case.body.get("tools") or [], "tools")):
        if tool.get("type") != "function":
            raise refuse(f"tools[{index}]: unknown discriminator value: {tool.get('type')}")


def check_tool_count(case: Case) -> None:
    tools.check_count(len(case.asked.tools))


def check_tool_names(case: Case) -> None:
    tools.check_names(tool.name for tool in case.asked.tools)


def check_tool_schemas(case: Case) -> None:
    tools.check_schemas(tool.schema for tool in case.asked.tools if not tool.freeform)


def check_effort(case: Case) -> None:
    # Kilo-Org/cloud PR#3807.
    effort = record(case.body.get("reasoning") or {}, "reasoning").get("effort")
    if effort is not None and effort not in EFFORTS:
        raise refuse(
            f"Unsupported value: 'reasoning.effort' does not support '{effort}' with this model. "
            "Supported values are: 'low', 'high', and 'max'."
        )


def check_arguments(case: Case) -> None:
    for _, kind, item in _items(case):
        if kind == "function_call":
            tools.check_arguments(item.get("arguments"))


def check_calls_answered(case: Case) -> None:
    # lidge-jun/opencodex#4726, PR#4770: a turn between call and output is one too many.
    waiting: list[str] = []
    for _, kind, item in _items(case):
        call_id = string(item.get("call_id"), "call_id")
        if kind in CALLS:
            waiting.append(call_id)
        elif kind in OUTPUTS:
            if call_id not in waiting:
                raise refuse("Invalid request: tool_call_id  is not found")
            waiting.remove(call_id)
        elif kind == "message" and waiting:
            break
    tools.check_all_answered(waiting)


CHECKS: Mapping[Rule, Check] = MappingProxyType(
    {
        Rule.STATELESS: check_stateless,
        Rule.BLOCK_TYPES: check_item_types,
        Rule.FUNCTION_TOOLS: check_function_tools,
        Rule.TOOL_COUNT: check_tool_count,
        Rule.TOOL_NAMES: check_tool_names,
        Rule.TOOL_SCHEMAS: check_tool_schemas,
        Rule.EFFORT: check_effort,
        Rule.TOOL_CHOICE: tools.check_choice,
        Rule.ARGUMENTS: check_arguments,
        Rule.CALLS_ANSWERED: check_calls_answered,
        Rule.WINDOW: check_window,
    }
)

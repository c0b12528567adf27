"""Requests that break one rule of Chat Completions or Responses, and the words that they get."""

from __future__ import annotations

from gwproxy.simulator import Rule
from gwproxy.simulator.conversation import DialectName
from simulator.good_conversations import (
    Change,
    many_tools,
    message,
    no_member,
    put,
    tool,
    twice,
)

OPENAI_CASES: list[tuple[Rule, DialectName, Change, str]] = [
    (
        Rule.EXTRA_FIELDS,
        "chat",
        put("client_metadata", {}),
        "Extra inputs are not permitted, field: 'client_metadata'",
    ),
    (Rule.ROLES, "chat", message(0, role="developer"), "role 'developer' is not allowed"),
    (
        Rule.BLOCK_TYPES,
        "chat",
        lambda body: body["messages"][4]["content"].append({"type": "file", "file": {}}),
        "invalid part type: file",
    ),
    (Rule.TOOL_COUNT, "chat", many_tools("function"), "must not exceed 128"),
    (
        Rule.TOOL_FIELDS,
        "chat",
        tool(defer_loading=True),
        "tools.0.function.defer_loading: Extra inputs are not permitted",
    ),
    (Rule.TOOL_NAMES, "chat", tool(name="mcp.dots.in"), "function name is invalid"),
    (Rule.TOOL_NAMES, "chat", twice, "function name get_weather is duplicated"),
    (
        Rule.TOOL_SCHEMAS,
        "chat",
        tool(parameters={"type": "object", "properties": {"x": {"enum": ["a"]}}}),
        "tools.function.parameters is not a valid moonshot flavored json schema, details: "
        "<At path 'properties.x': type is not defined>",
    ),
    (Rule.SAMPLING, "chat", put("top_p", 0.9), "invalid top_p: only 0.95 is allowed"),
    (Rule.SAMPLING, "chat", put("n", 2), "invalid n: only 1 is allowed"),
    (
        Rule.SAMPLING,
        "chat",
        lambda body: body.update(thinking={"type": "disabled"}, temperature=1.0),
        "invalid temperature: only 0.6 is allowed for this model",
    ),
    (Rule.STOP_SEQUENCES, "chat", put("stop", list("abcdef")), "at most 5"),
    (Rule.STOP_SEQUENCES, "chat", put("stop", "é" * 17), "32 bytes"),
    (Rule.THINKING_TYPE, "chat", put("thinking", {"type": "adaptive"}), "invalid thinking"),
    (
        Rule.EFFORT,
        "chat",
        put("reasoning_effort", "medium"),
        "'reasoning_effort' does not support 'medium' with this model. Supported values are: "
        "'low', 'high', and 'max'",
    ),
    (
        Rule.EFFORT,
        "chat",
        lambda body: body.update(reasoning_effort="low", thinking={"type": "enabled"}),
        "cannot specify both 'thinking' and 'reasoning_effort'",
    ),
    (
        Rule.TOOL_CHOICE,
        "chat",
        put("tool_choice", "required"),
        "tool_choice 'required' is incompatible with thinking enabled",
    ),
    (
        Rule.TOOL_CHOICE,
        "chat",
        put("tool_choice", {"type": "function", "function": {"name": "get_weather"}}),
        "tool_choice 'specified' is incompatible with thinking enabled",
    ),
    (
        Rule.EMPTY_MESSAGES,
        "chat",
        lambda body: body["messages"].append({"role": "assistant", "content": ""}),
        "the message at position 5 with role 'assistant' must not be empty",
    ),
    (Rule.EMPTY_MESSAGES, "chat", message(2, content=""), "text content is empty"),
    (
        Rule.EMPTY_MESSAGES,
        "chat",
        message(4, content=[{"type": "text", "text": ""}]),
        "text content is empty",
    ),
    (
        Rule.IMAGES,
        "chat",
        message(4, content=[{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]),
        "unsupported image url",
    ),
    (
        Rule.ARGUMENTS,
        "chat",
        lambda body: body["messages"][2]["tool_calls"][0]["function"].update(arguments="null"),
        "must decode to a JSON object, got NoneType",
    ),
    (
        Rule.CALLS_ANSWERED,
        "chat",
        lambda body: body["messages"].pop(3),
        "must be followed by tool messages responding to each 'tool_call_id'. The following "
        "tool_call_ids did not have response messages: functions.get_weather:0",
    ),
    (
        Rule.CALLS_ANSWERED,
        "chat",
        lambda body: body["messages"].insert(3, {"role": "user", "content": "wait"}),
        "did not have response messages: functions.get_weather:0",
    ),
    (
        Rule.CALLS_ANSWERED,
        "chat",
        message(3, tool_call_id="functions_get_weather_0"),
        "tool_call_id  is not found",
    ),
    (
        Rule.REASONING_REPLAY,
        "chat",
        no_member(2, "reasoning_content"),
        "thinking is enabled but reasoning_content is missing in assistant tool call message at "
        "index 2",
    ),
    (
        Rule.WINDOW,
        "chat",
        message(1, content="x" * 1_200_000),
        "Your request exceeded model token limit: 262144 (requested: 300",
    ),
    (Rule.STATELESS, "responses", put("store", True), "store=true is not supported"),
    (
        Rule.STATELESS,
        "responses",
        put("previous_response_id", "resp_1"),
        "previous_response_id is not supported",
    ),
    (
        Rule.BLOCK_TYPES,
        "responses",
        lambda body: body["input"].append({"type": "compaction"}),
        'input.4: item type "compaction" is not supported',
    ),
    (
        Rule.BLOCK_TYPES,
        "responses",
        lambda body: body["input"].append({"type": "tool_search_call"}),
        "Invalid request Error",
    ),
    (Rule.TOOL_COUNT, "responses", many_tools(""), "must not exceed 128"),
    (Rule.TOOL_NAMES, "responses", tool(name=""), "function name is invalid"),
    (
        Rule.TOOL_SCHEMAS,
        "responses",
        tool(parameters={"type": "object", "properties": {"x": True}}),
        "property schema for 'x' must be an object",
    ),
    (
        Rule.EFFORT,
        "responses",
        put("reasoning", {"effort": "xhigh"}),
        "does not support 'xhigh' with this model",
    ),
    (
        Rule.TOOL_CHOICE,
        "responses",
        put("tool_choice", "required"),
        "tool_choice 'required' is incompatible with thinking enabled",
    ),
    (
        Rule.ARGUMENTS,
        "responses",
        lambda body: body["input"][1].update(arguments=""),
        "must decode to a JSON object",
    ),
    (
        Rule.CALLS_ANSWERED,
        "responses",
        lambda body: body["input"].insert(2, {"role": "developer", "content": "note"}),
        "The following tool_call_ids did not have response messages: a",
    ),
    (
        Rule.CALLS_ANSWERED,
        "responses",
        lambda body: body["input"].pop(1),
        "tool_call_id  is not found",
    ),
    (
        Rule.WINDOW,
        "responses",
        put("input", "x" * 1_200_000),
        "Your request exceeded model token limit: 262144 (requested: 300",
    ),
]

"""Each rule refuses what the real providers refuse, in their words, and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from gwproxy.simulator import CLAUDE_GATEWAY, DEMO, KIMI_CODE, Rule, strictly
from gwproxy.simulator.conversation import DialectName
from gwproxy.simulator.manners import Manners
from gwproxy.simulator.play import admit
from gwproxy.simulator.seal import signature
from gwproxy.simulator.strict import CHECKS
from gwproxy.simulator.wire import Refused
from simulator.asking import CITY_SCHEMA, DIALECTS, Json, ask
from support.provider import StartProvider

Change: TypeAlias = Callable[[Json], Any]

STRICT = strictly(DEMO)
VERSION = {"anthropic-version": "2023-06-01"}
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


def refusal(
    dialect: DialectName,
    change: Change,
    manners: Manners = STRICT,
    headers: dict[str, str] = VERSION,
) -> str | None:
    body = copy.deepcopy(GOOD[dialect])
    change(body)
    try:
        admit(dialect, body, headers, manners)
    except Refused as refused:
        assert refused.status == 400
        return refused.message
    return None


def put(key: str, value: Any) -> Change:
    return lambda body: body.update({key: value})


def nothing(_: Json) -> None:
    """The good conversation as it is."""


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_good_conversation_passes_every_rule(dialect: DialectName) -> None:
    assert refusal(dialect, nothing) is None


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


PICTURE_BY_ADDRESS = {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}
CASES: list[tuple[Rule, DialectName, Change, str]] = [
    # --- anthropic
    (
        Rule.EXTRA_FIELDS,
        "anthropic",
        put("context_management", {"edits": []}),
        "context_management: Extra inputs are not permitted",
    ),
    (
        Rule.EXTRA_FIELDS,
        "anthropic",
        put("output_config", {"effort": "high"}),
        "output_config: Extra inputs are not permitted",
    ),
    (
        Rule.ROLES,
        "anthropic",
        message(2, role="system"),
        "messages.2.role: Input should be 'user' or 'assistant'",
    ),
    (
        Rule.BLOCK_TYPES,
        "anthropic",
        blocks(2, {"type": "document", "source": {}}),
        "messages.2.content.2: Input tag 'document' found using 'type' does not match any of "
        "the expected tags: 'image', 'server_tool_use', 'text', 'thinking', 'tool_result', "
        "'tool_use', 'web_search_tool_result'",
    ),
    (
        Rule.BLOCK_TYPES,
        "anthropic",
        lambda body: body["messages"][2]["content"][0].update(
            content=[{"type": "tool_reference", "tool_name": "WebFetch"}]
        ),
        "failed to convert tool result content: unsupported content type in "
        "ContentBlockParamUnion: tool_reference",
    ),
    (
        Rule.CACHE_CONTROL,
        "anthropic",
        lambda body: body["system"][0]["cache_control"].update(scope="global"),
        "system.0.cache_control.ephemeral.scope: Extra inputs are not permitted",
    ),
    (
        Rule.CACHE_CONTROL,
        "anthropic",
        blocks(2, *[{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}] * 4),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    (
        Rule.USER_ID,
        "anthropic",
        put("metadata", {"user_id": '{"device_id":"x"}'}),
        "Invalid 'user_id': string does not match pattern",
    ),
    (
        Rule.TOOL_FIELDS,
        "anthropic",
        tool(eager_input_streaming=True),
        "tools.0.custom.eager_input_streaming: Extra inputs are not permitted",
    ),
    (Rule.TOOL_FIELDS, "anthropic", tool(type="bash_20250124"), "tools.0.type: Input should be"),
    (Rule.TOOL_COUNT, "anthropic", many_tools(""), "must not exceed 128"),
    (Rule.TOOL_NAMES, "anthropic", tool(name="1st"), "function name is invalid, must start"),
    (Rule.TOOL_SCHEMAS, "anthropic", tool(input_schema={}), "moonshot flavored json schema"),
    (
        Rule.SAMPLING,
        "anthropic",
        put("temperature", 0.3),
        "invalid temperature: only 1 is allowed for this model",
    ),
    (
        Rule.THINKING_TYPE,
        "anthropic",
        put("thinking", {"type": "adaptive"}),
        "thinking.type: Input should be 'enabled' or 'disabled'",
    ),
    (
        Rule.THINKING_TYPE,
        "anthropic",
        put("thinking", {"type": "enabled", "budget_tokens": 32000}),
        "`max_tokens` must be greater than `thinking.budget_tokens`.",
    ),
    (
        Rule.TOOL_CHOICE,
        "anthropic",
        put("tool_choice", {"type": "any"}),
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    (
        Rule.EMPTY_MESSAGES,
        "anthropic",
        lambda body: body["messages"].append({"role": "assistant", "content": []}),
        "the message at position 3 with role 'assistant' must not be empty",
    ),
    (
        Rule.EMPTY_MESSAGES,
        "anthropic",
        blocks(1, {"type": "text", "text": " "}),
        "text content is empty",
    ),
    (
        Rule.RESULT_CONTENT,
        "anthropic",
        lambda body: body["messages"][2]["content"][0].pop("content"),
        "tool_result.content: Field required",
    ),
    (Rule.IMAGES, "anthropic", blocks(2, PICTURE_BY_ADDRESS), "Unsupported image."),
    (
        Rule.ARGUMENTS,
        "anthropic",
        lambda body: body["messages"][1]["content"][1].update(input=None),
        "must decode to a JSON object, got NoneType",
    ),
    (
        Rule.CALLS_ANSWERED,
        "anthropic",
        lambda body: body["messages"][2]["content"].pop(0),
        "`tool_use` ids were found without `tool_result` blocks immediately after: toolu_1",
    ),
    (
        Rule.CALLS_ANSWERED,
        "anthropic",
        blocks(2, {"type": "tool_result", "tool_use_id": "toolu_9", "content": ""}),
        "unexpected `tool_use_id` found in `tool_result` blocks: toolu_9",
    ),
    (
        Rule.CALLS_ANSWERED,
        "anthropic",
        lambda body: body["messages"].pop(),
        "`tool_use` ids were found without `tool_result` blocks immediately after: toolu_1",
    ),
    (
        Rule.REASONING_REPLAY,
        "anthropic",
        lambda body: body["messages"][1]["content"].pop(0),
        "thinking is enabled but reasoning_content is missing in assistant tool call message at "
        "index 1",
    ),
    (
        Rule.WINDOW,
        "anthropic",
        message(0, content="x" * 1_200_000),
        "Your request exceeded model token limit: 262144 (requested: 300",
    ),
    # --- chat
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
        "Unsupported image.",
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
    # --- responses
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


@pytest.mark.parametrize(("rule", "dialect", "change", "words"), CASES)
def test_a_violation_gets_the_documented_words(
    rule: Rule, dialect: DialectName, change: Change, words: str
) -> None:
    assert words in (refusal(dialect, change) or "passed")
    lenient = replace(STRICT, rules=STRICT.rules - {rule})
    assert words not in (refusal(dialect, change, lenient) or ""), "another rule said it"


def test_every_rule_of_every_dialect_has_a_case() -> None:
    elsewhere = {
        ("anthropic", Rule.VERSION),
        ("anthropic", Rule.BETAS),
        ("anthropic", Rule.EFFORT),
        ("anthropic", Rule.SIGNATURES),
    }
    covered = {(dialect, rule) for rule, dialect, _, _ in CASES}
    known = {(dialect, rule) for dialect, checks in CHECKS.items() for rule in checks}
    assert covered | elsewhere == known


def test_headers() -> None:
    newer = {"anthropic-version": "2026-10-21"}
    assert '"2026-10-21" is not a valid version' in str(
        refusal("anthropic", nothing, headers=newer)
    )
    assert "is not a valid version" in str(refusal("anthropic", nothing, headers={}))
    beta = VERSION | {"anthropic-beta": "claude-code-20250219, effort-2025-11-24"}
    assert "Unexpected value(s) `effort-2025-11-24` for the `anthropic-beta` header" in str(
        refusal("anthropic", nothing, headers=beta)
    )


def test_kimi_code_takes_effort_but_names_no_reason() -> None:
    kimi = strictly(KIMI_CODE)
    assert refusal("anthropic", put("output_config", {"effort": "high"}), kimi) is None
    opaque = "Invalid request Error"
    assert refusal("anthropic", put("output_config", {"effort": "xhigh"}), kimi) == opaque
    assert refusal("anthropic", blocks(2, {"type": "document"}), kimi) == opaque


def test_thinking_switched_off_lifts_what_depends_on_it() -> None:
    def change(body: Json) -> None:
        body["thinking"] = {"type": "disabled"}
        body["tool_choice"] = "required"
        body["temperature"] = 0.6
        body["messages"][2].pop("reasoning_content")

    assert refusal("chat", change) is None


def test_signatures_are_checked_where_they_are_real() -> None:
    claude = CLAUDE_GATEWAY
    assert "signature: Field required" in str(refusal("anthropic", nothing, claude))

    def sign(text: str) -> Change:
        return lambda body: body["messages"][1]["content"][0].update(signature=signature(text))

    assert "Invalid `signature`" in str(refusal("anthropic", sign("other words"), claude))
    assert refusal("anthropic", sign(THOUGHT), claude) is None


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_violation_is_a_400_on_the_wire_and_costs_nothing(
    start_provider: StartProvider, dialect: DialectName
) -> None:
    provider = await start_provider(STRICT)
    assert (await ask(provider, dialect, GOOD[dialect])).status == 200
    body = copy.deepcopy(GOOD[dialect]) | {"tools": [{"type": "function", "name": "1"}]}
    assert (await ask(provider, dialect, body)).status == 400
    assert provider.billed == 1

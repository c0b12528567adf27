"""Requests that break one rule of an Anthropic route, and the words that they get for it."""

from __future__ import annotations

from gwproxy.simulator import Rule
from gwproxy.simulator.conversation import DialectName
from simulator.good_conversations import (
    Change,
    blocks,
    many_tools,
    message,
    put,
    tool,
)

PICTURE_BY_ADDRESS = {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}
ANTHROPIC_CASES: list[tuple[Rule, DialectName, Change, str]] = [
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
    (Rule.IMAGES, "anthropic", blocks(2, PICTURE_BY_ADDRESS), "unsupported image url"),
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
]

"""The rules for Anthropic Messages at Moonshot, its resellers and other hosts. Pure.

Most third-party routes know the Messages API of 2023 and refuse what was added later; each
refusal below is in the words in which it was reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from gwproxy.simulator.seal import signature
from gwproxy.simulator.strict import tools
from gwproxy.simulator.strict.rules import (
    EFFORTS,
    UNSUPPORTED_IMAGE,
    Case,
    Check,
    Rule,
    check_fields,
    check_window,
    refuse,
    refuse_content,
)
from gwproxy.simulator.wire import Json, blocks, compact, count, record, records, string, text_of

FIELDS = frozenset(
    {
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "stop_sequences",
        "stream",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)
VERSIONS = frozenset({"2023-06-01"})
BETAS = frozenset(
    {
        "claude-code-20250219",
        "fine-grained-tool-streaming-2025-05-14",
        "interleaved-thinking-2025-05-14",
        "prompt-caching-2024-07-31",
    }
)
TOOL_FIELDS = frozenset({"name", "description", "input_schema", "cache_control", "type"})
# In the order of Moonshot's own message (MoonshotAI/Kimi-K2.5#27).
BLOCK_TYPES = (
    "image",
    "server_tool_use",
    "text",
    "thinking",
    "tool_result",
    "tool_use",
    "web_search_tool_result",
)
RESULT_TYPES = ("text", "image")
CACHE_FIELDS = frozenset({"type", "ttl"})
MAX_CACHE_MARKS = 4
MIN_THINKING_TOKENS = 1024
USER_ID = re.compile(r"^[a-zA-Z0-9_-]{1,256}$")


def _messages(case: Case) -> Iterator[tuple[int, Json, list[Json]]]:
    for index, message in enumerate(records(case.body.get("messages"), "messages")):
        yield index, message, blocks(message.get("content"), f"messages.{index}.content")


def _all_blocks(case: Case) -> Iterator[tuple[str, Json]]:
    for index, block in enumerate(blocks(case.body.get("system"), "system")):
        yield f"system.{index}", block
    for number, _, content in _messages(case):
        for index, block in enumerate(content):
            yield f"messages.{number}.content.{index}", block


def check_version(case: Case) -> None:
    version = case.headers.get("anthropic-version")
    if version not in VERSIONS:
        raise refuse(f'anthropic-version: "{version or ""}" is not a valid version')


def check_betas(case: Case) -> None:
    # anthropics/claude-code#11672, #21625, #53855.
    values = [v.strip() for v in case.headers.get("anthropic-beta", "").split(",") if v.strip()]
    for value in values:
        if value not in BETAS:
            raise refuse(
                f"Unexpected value(s) `{value}` for the `anthropic-beta` header. Please consult "
                "our documentation at docs.anthropic.com or try again without the header."
            )


def check_extra_fields(case: Case) -> None:
    check_fields(case.body, FIELDS | case.extra_fields)


def check_roles(case: Case) -> None:
    # Claude Code folds its system turns into user turns on these very words.
    for index, message, _ in _messages(case):
        if message.get("role") not in ("user", "assistant"):
            raise refuse(f"messages.{index}.role: Input should be 'user' or 'assistant'")


def check_block_types(case: Case) -> None:
    # MoonshotAI/Kimi-K2.5#27, MoonshotAI/Kimi-K2#118.
    expected = ", ".join(f"'{kind}'" for kind in BLOCK_TYPES)
    for path, block in _all_blocks(case):
        kind = block.get("type")
        if kind not in BLOCK_TYPES:
            raise refuse_content(
                case,
                f"{path}: Input tag '{kind}' found using 'type' does not match any of the "
                f"expected tags: {expected}",
            )
        if kind == "tool_result":
            _check_result_types(case, block)


def _check_result_types(case: Case, block: Json) -> None:
    for part in blocks(block.get("content"), "content"):
        if part.get("type") not in RESULT_TYPES:
            raise refuse_content(
                case,
                "failed to convert tool result content: unsupported content type in "
                f"ContentBlockParamUnion: {part.get('type')}",
            )


def check_cache_control(case: Case) -> None:
    # horselock/claude-code-proxy PR#14; Wei-Shaw/sub2api#225.
    marked = [(path, block) for path, block in _all_blocks(case) if block.get("cache_control")]
    for index, tool in enumerate(records(case.body.get("tools"), "tools")):
        if tool.get("cache_control"):
            marked.append((f"tools.{index}", tool))
    for path, block in marked:
        if block.get("type") == "thinking":
            raise refuse(f"{path}.thinking.cache_control: Extra inputs are not permitted")
        control = record(block["cache_control"], f"{path}.cache_control")
        check_fields(control, CACHE_FIELDS, f"{path}.cache_control.ephemeral.")
    if len(marked) > MAX_CACHE_MARKS:
        raise refuse(
            f"A maximum of {MAX_CACHE_MARKS} blocks with cache_control may be provided. "
            f"Found {len(marked)}."
        )


def check_user_id(case: Case) -> None:
    # anthropics/claude-code#56643; agentgateway/agentgateway#1739.
    user_id = record(case.body.get("metadata") or {}, "metadata").get("user_id")
    if user_id is not None and not USER_ID.match(string(user_id, "metadata.user_id")):
        raise refuse(
            "Invalid 'user_id': string does not match pattern. Expected a string that matches "
            "the pattern '^[a-zA-Z0-9_-]+$'."
        )


def check_tool_count(case: Case) -> None:
    tools.check_count(len(records(case.body.get("tools"), "tools")))


def check_tool_fields(case: Case) -> None:
    # anthropics/claude-agent-sdk-python#694. Server tools have no schema and are refused too.
    for index, tool in enumerate(records(case.body.get("tools"), "tools")):
        check_fields(tool, TOOL_FIELDS, f"tools.{index}.custom.")
        if tool.get("type", "custom") != "custom":
            raise refuse(f"tools.{index}.type: Input should be 'custom'")
        if "input_schema" not in tool:
            raise refuse(f"tools.{index}.custom.input_schema: Field required")


def check_tool_names(case: Case) -> None:
    tools.check_names(tool.name for tool in case.asked.tools)


def check_tool_schemas(case: Case) -> None:
    tools.check_schemas(tool.schema for tool in case.asked.tools)


def check_sampling(case: Case) -> None:
    # Reported for Kimi Code's Messages route too (arcsin1/oh-my-ppt#45).
    fixed = {"temperature": 1.0 if case.thinks else 0.6, "top_p": 0.95}
    for name, value in fixed.items():
        if case.body.get(name, value) != value:
            raise refuse(f"invalid {name}: only {value:g} is allowed for this model")


def check_thinking_type(case: Case) -> None:
    # jundot/omlx#56; anthropics/claude-code#29531. A budget may be missing, not wrong.
    thinking = record(case.body.get("thinking") or {}, "thinking")
    if thinking.get("type", "enabled") not in ("enabled", "disabled"):
        raise refuse("thinking.type: Input should be 'enabled' or 'disabled'")
    budget = count(thinking.get("budget_tokens"), "thinking.budget_tokens")
    if budget is None:
        return
    if budget < MIN_THINKING_TOKENS:
        raise refuse(
            "thinking.enabled.budget_tokens: Input should be greater than or equal to "
            f"{MIN_THINKING_TOKENS}"
        )
    if case.asked.limit_tokens is not None and budget >= case.asked.limit_tokens:
        raise refuse("`max_tokens` must be greater than `thinking.budget_tokens`.")


def check_effort(case: Case) -> None:
    # diegosouzapw/OmniRoute#10003.
    output = record(case.body.get("output_config") or {}, "output_config")
    effort = output.get("effort", EFFORTS[0])
    if effort not in EFFORTS:
        raise refuse_content(
            case,
            f"Unsupported value: 'effort' does not support '{effort}' with this model. "
            "Supported values are: 'low', 'high', and 'max'.",
        )


def check_tool_choice(case: Case) -> None:
    # can1357/oh-my-pi#341.
    if case.asked.tool_choice.kind in ("any", "tool") and case.thinks:
        raise refuse("Thinking may not be enabled when tool_choice forces tool use.")


def check_empty_messages(case: Case) -> None:
    # MoonshotAI/kimi-code#1985, #1790; LLM-Red-Team/kimi-cc#23.
    for index, message, content in _messages(case):
        if not content or content == [{"type": "text", "text": ""}]:
            raise refuse(
                f"Invalid request: the message at position {index} with role "
                f"'{message.get('role')}' must not be empty"
            )
    for _, block in _all_blocks(case):
        if block.get("type") == "text" and not text_of([block], "text").strip():
            raise refuse("Invalid request: text content is empty")


def check_result_content(case: Case) -> None:
    # EYHN/kwwk#142: left out it is refused, empty it is not.
    for path, block in _all_blocks(case):
        if block.get("type") == "tool_result" and block.get("content") is None:
            raise refuse_content(case, f"{path}.tool_result.content: Field required")


def check_images(case: Case) -> None:
    for _, block in _all_blocks(case):
        inner = blocks(block.get("content"), "content") if "content" in block else []
        for image in (block, *inner):
            if image.get("type") == "image":
                source = record(image.get("source"), "image.source")
                if source.get("type") != "base64":
                    raise refuse(UNSUPPORTED_IMAGE.format(source.get("url")))


def check_arguments(case: Case) -> None:
    for _, block in _all_blocks(case):
        if block.get("type") == "tool_use":
            tools.check_arguments(compact(block.get("input")))


def check_calls_answered(case: Case) -> None:
    # https://docs.claude.com/en/docs/agents-and-tools/tool-use/implement-tool-use
    waiting: list[str] = []
    for index, role, content in _turns(case):
        results = [b for b in content if b.get("type") == "tool_result"]
        answered = [string(b.get("tool_use_id"), "tool_use_id") for b in results]
        missing = [call_id for call_id in waiting if call_id not in answered]
        if missing:
            raise refuse(
                f"messages.{index - 1}: `tool_use` ids were found without `tool_result` blocks "
                f"immediately after: {', '.join(missing)}. Each `tool_use` block must have a "
                "corresponding `tool_result` block in the next message."
            )
        for call_id in answered:
            if call_id not in waiting:
                raise refuse(
                    f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: "
                    f"{call_id}. Each `tool_result` block must have a corresponding `tool_use` "
                    "block in the previous message."
                )
            waiting.remove(call_id)
        calls = [b for b in content if b.get("type") == "tool_use"]
        waiting = [string(b.get("id"), "id") for b in calls] if role == "assistant" else []
    if waiting:
        raise refuse(
            "`tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(waiting)}."
        )


def _turns(case: Case) -> list[tuple[int, str, list[Json]]]:
    """Messages with neighbours of one role merged, as the API itself does."""
    merged: list[tuple[int, str, list[Json]]] = []
    for index, message, content in _messages(case):
        role = string(message.get("role"), "role")
        if merged and merged[-1][1] == role:
            merged[-1] = (index, role, merged[-1][2] + content)
        else:
            merged.append((index, role, content))
    return merged


def check_reasoning_replay(case: Case) -> None:
    # MoonshotAI/kimi-code PR#222; farion1231/cc-switch#3377.
    for index, _, content in _messages(case):
        calls = any(block.get("type") == "tool_use" for block in content)
        thoughts = any(block.get("thinking") or block.get("data") for block in content)
        if case.thinks and calls and not thoughts:
            raise refuse(
                "thinking is enabled but reasoning_content is missing in assistant tool call "
                f"message at index {index}"
            )


def check_signatures(case: Case) -> None:
    # https://docs.claude.com/en/docs/build-with-claude/extended-thinking
    for path, block in _all_blocks(case):
        if block.get("type") != "thinking":
            continue
        if not block.get("signature"):
            raise refuse(f"{path}.thinking.signature: Field required")
        text = string(block.get("thinking"), "thinking")
        if text and block["signature"] != signature(text):
            raise refuse(f"{path}: Invalid `signature` in `thinking` block")


CHECKS: Mapping[Rule, Check] = MappingProxyType(
    {
        Rule.VERSION: check_version,
        Rule.BETAS: check_betas,
        Rule.EXTRA_FIELDS: check_extra_fields,
        Rule.ROLES: check_roles,
        Rule.BLOCK_TYPES: check_block_types,
        Rule.CACHE_CONTROL: check_cache_control,
        Rule.USER_ID: check_user_id,
        Rule.TOOL_COUNT: check_tool_count,
        Rule.TOOL_FIELDS: check_tool_fields,
        Rule.TOOL_NAMES: check_tool_names,
        Rule.TOOL_SCHEMAS: check_tool_schemas,
        Rule.SAMPLING: check_sampling,
        Rule.THINKING_TYPE: check_thinking_type,
        Rule.EFFORT: check_effort,
        Rule.TOOL_CHOICE: check_tool_choice,
        Rule.EMPTY_MESSAGES: check_empty_messages,
        Rule.RESULT_CONTENT: check_result_content,
        Rule.IMAGES: check_images,
        Rule.ARGUMENTS: check_arguments,
        Rule.CALLS_ANSWERED: check_calls_answered,
        Rule.REASONING_REPLAY: check_reasoning_replay,
        Rule.SIGNATURES: check_signatures,
        Rule.WINDOW: check_window,
    }
)

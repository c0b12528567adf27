"""Moonshot's rules for Chat Completions, each in the words of the real refusal. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from gwproxy.simulator.strict import tools
from gwproxy.simulator.strict.rules import (
    EFFORTS,
    UNSUPPORTED_IMAGE,
    Case,
    Check,
    Rule,
    check_window,
    refuse,
)
from gwproxy.simulator.wire import Json, record, records, string, text_of

FIELDS = frozenset(
    {
        "frequency_penalty",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "model",
        "n",
        "presence_penalty",
        "prompt_cache_key",
        "reasoning_effort",
        "response_format",
        "seed",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_p",
        "user",
    }
)
ROLES = frozenset({"system", "user", "assistant", "tool"})
PART_TYPES = frozenset({"text", "image_url", "video_url"})
TOOL_FIELDS = frozenset({"name", "description", "parameters", "strict"})
MAX_STOP_SEQUENCES = 5
MAX_STOP_BYTES = 32


def _messages(case: Case) -> Iterator[tuple[int, Json]]:
    yield from enumerate(records(case.body.get("messages"), "messages"))


def _calls(message: Json) -> list[Json]:
    return records(message.get("tool_calls"), "tool_calls")


def check_extra_fields(case: Case) -> None:
    # decolua/9router#1442.
    for name in case.body:
        if name not in FIELDS | case.extra_fields:
            raise refuse(f"Extra inputs are not permitted, field: '{name}'")


def check_roles(case: Case) -> None:
    # badlogic/pi-mono PR#8109; openclaw/openclaw#8579.
    for _, message in _messages(case):
        role = string(message.get("role"), "role")
        if role not in ROLES:
            raise refuse(f"Invalid request: role '{role}' is not allowed")


def check_part_types(case: Case) -> None:
    # MoonshotAI/kimi-cli#788.
    for _, message in _messages(case):
        for part in _parts(message):
            if part.get("type") not in PART_TYPES:
                raise refuse(
                    f"Invalid request: content contains an invalid part type: {part.get('type')}"
                )


def _parts(message: Json) -> list[Json]:
    content = message.get("content")
    return records(content, "content") if isinstance(content, list) else []


def _functions(case: Case) -> list[Json]:
    declared = records(case.body.get("tools"), "tools")
    return [record(t.get("function"), "function") for t in declared if t.get("type") == "function"]


def check_tool_count(case: Case) -> None:
    tools.check_count(len(records(case.body.get("tools"), "tools")))


def check_tool_fields(case: Case) -> None:
    for index, function in enumerate(_functions(case)):
        for name in function:
            if name not in TOOL_FIELDS:
                raise refuse(f"tools.{index}.function.{name}: Extra inputs are not permitted")


def check_tool_names(case: Case) -> None:
    tools.check_names(string(f.get("name"), "tools.function.name") for f in _functions(case))


def check_tool_schemas(case: Case) -> None:
    tools.check_schemas(function.get("parameters") for function in _functions(case))


def check_sampling(case: Case) -> None:
    # https://platform.kimi.ai/docs/api/models-overview; anomalyco/opencode#10811.
    fixed = {
        "temperature": 1.0 if case.thinks else 0.6,
        "top_p": 0.95,
        "n": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
    }
    for name, value in fixed.items():
        if case.body.get(name, value) != value:
            raise refuse(f"invalid {name}: only {value:g} is allowed for this model")


def check_stop_sequences(case: Case) -> None:
    # https://platform.moonshot.ai/docs/api/chat
    sequences = case.asked.stop_sequences
    if len(sequences) > MAX_STOP_SEQUENCES:
        raise refuse(f"Invalid request: stop must have at most {MAX_STOP_SEQUENCES} items")
    if any(len(sequence.encode()) > MAX_STOP_BYTES for sequence in sequences):
        raise refuse(f"Invalid request: stop must not exceed {MAX_STOP_BYTES} bytes")


def check_thinking_type(case: Case) -> None:
    kind = record(case.body.get("thinking") or {}, "thinking").get("type", "enabled")
    if kind not in ("enabled", "disabled"):
        raise refuse(f"invalid thinking: type '{kind}' is not supported")


def check_effort(case: Case) -> None:
    # HKUDS/nanobot#3939; liliMozi/openhanako#2092.
    effort = case.body.get("reasoning_effort")
    if effort is None:
        return
    if "thinking" in case.body:
        raise refuse("cannot specify both 'thinking' and 'reasoning_effort'")
    if effort not in EFFORTS:
        raise refuse(
            f"Unsupported value: 'reasoning_effort' does not support '{effort}' with this model. "
            "Supported values are: 'low', 'high', and 'max'."
        )


def check_empty_messages(case: Case) -> None:
    # MoonshotAI/kimi-code#1985; MoonshotAI/kimi-cli#1663 for the texts.
    for position, message in _messages(case):
        content = message.get("content")
        empty = not text_of(content, "content").strip()
        if content == "" or any(_is_empty_text(part) for part in _parts(message)):
            if message.get("role") == "assistant" and not _calls(message):
                raise _empty_message(position, message)
            if message.get("role") != "tool":
                raise refuse("Invalid request: text content is empty")
        if empty and message.get("role") in ("user", "assistant") and not _calls(message):
            raise _empty_message(position, message)


def _is_empty_text(part: Json) -> bool:
    return part.get("type") == "text" and not string(part.get("text"), "text").strip()


def _empty_message(position: int, message: Json) -> Exception:
    return refuse(
        f"Invalid request: the message at position {position} with role '{message.get('role')}' "
        "must not be empty"
    )


def check_images(case: Case) -> None:
    # https://platform.moonshot.ai/docs/guide/use-kimi-vision-model: data URLs or ms:// only.
    for _, message in _messages(case):
        for part in _parts(message):
            kind = string(part.get("type"), "type")
            media = record(part.get(kind) or {}, kind) if kind != "text" else {}
            url = string(media.get("url"), "url")
            if url and not url.startswith(("data:", "ms://")):
                raise refuse(UNSUPPORTED_IMAGE.format(url))


def check_arguments(case: Case) -> None:
    for _, message in _messages(case):
        for call in _calls(message):
            tools.check_arguments(record(call.get("function"), "function").get("arguments"))


def check_calls_answered(case: Case) -> None:
    # MoonshotAI/kimi-code#1292; lidge-jun/opencodex#4726.
    waiting: list[str] = []
    for _, message in _messages(case):
        if message.get("role") == "tool":
            call_id = string(message.get("tool_call_id"), "tool_call_id")
            if call_id not in waiting:
                raise refuse("Invalid request: tool_call_id  is not found")
            waiting.remove(call_id)
            continue
        tools.check_all_answered(waiting)
        waiting = [string(call.get("id"), "tool_calls.id") for call in _calls(message)]
    tools.check_all_answered(waiting)


def check_reasoning_replay(case: Case) -> None:
    # anomalyco/opencode#10996; QuantumNous/new-api#3121; MoonshotAI/Kimi-K2.5#13.
    for index, message in _messages(case):
        if case.thinks and _calls(message) and not message.get("reasoning_content"):
            raise refuse(
                "thinking is enabled but reasoning_content is missing in assistant tool call "
                f"message at index {index}"
            )


CHECKS: Mapping[Rule, Check] = MappingProxyType(
    {
        Rule.EXTRA_FIELDS: check_extra_fields,
        Rule.ROLES: check_roles,
        Rule.BLOCK_TYPES: check_part_types,
        Rule.TOOL_COUNT: check_tool_count,
        Rule.TOOL_FIELDS: check_tool_fields,
        Rule.TOOL_NAMES: check_tool_names,
        Rule.TOOL_SCHEMAS: check_tool_schemas,
        Rule.SAMPLING: check_sampling,
        Rule.STOP_SEQUENCES: check_stop_sequences,
        Rule.THINKING_TYPE: check_thinking_type,
        Rule.EFFORT: check_effort,
        Rule.TOOL_CHOICE: tools.check_choice,
        Rule.EMPTY_MESSAGES: check_empty_messages,
        Rule.IMAGES: check_images,
        Rule.ARGUMENTS: check_arguments,
        Rule.CALLS_ANSWERED: check_calls_answered,
        Rule.REASONING_REPLAY: check_reasoning_replay,
        Rule.WINDOW: check_window,
    }
)

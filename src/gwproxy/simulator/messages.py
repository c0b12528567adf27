"""Anthropic Messages as a provider speaks it: a request seen, an answer written. Pure.

Shapes follow https://docs.claude.com/en/api/messages and …/messages-streaming. Independent of
the translators on purpose.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from gwproxy.simulator.conversation import (
    Called,
    Entry,
    PlayedAnswer,
    PlayedQuestion,
    PlayedResult,
    PlayedSaying,
    PlayedThought,
    PlayedTool,
    PlayedToolChoice,
)
from gwproxy.simulator.figures import PlayedFigures
from gwproxy.simulator.identity import AnswerIdentity
from gwproxy.simulator.seal import signature
from gwproxy.simulator.wire import (
    Event,
    Json,
    blocks,
    compact,
    count,
    pieces,
    record,
    records,
    string,
    text_of,
)

STOP_REASONS = {
    "end": "end_turn",
    "calls": "tool_use",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
}
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


# --- a request, seen ----------------------------------------------------------------------


def view(body: Json) -> PlayedQuestion:
    """The request in neutral form.

    Raises:
        WireRefused: 400, a member has a shape that nobody could read.
    """
    tools = tuple(_tools(body))
    entries, marked = _history(body)
    thinking = record(body.get("thinking") or {}, "thinking")
    output = record(body.get("output_config") or {}, "output_config")
    form = record(output.get("format") or {}, "output_config.format")
    schema = form.get("schema") if form.get("type") == "json_schema" else None
    return PlayedQuestion(
        dialect="anthropic",
        model=string(body.get("model"), "model"),
        entries=entries,
        tools=tools,
        streams=body.get("stream") is True,
        wants_thinking=thinking.get("type") != "disabled" if thinking else None,
        hides_thinking=thinking.get("display") == "omitted",
        tool_choice=_tool_choice(record(body.get("tool_choice") or {}, "tool_choice")),
        limit_tokens=count(body.get("max_tokens"), "max_tokens"),
        stop_sequences=tuple(body.get("stop_sequences") or ()),
        answer_schema=schema,
        marked=marked,
    )


def _tools(body: Json) -> Iterator[PlayedTool]:
    for index, tool in enumerate(records(body.get("tools"), "tools")):
        if "input_schema" in tool:
            yield PlayedTool(
                name=string(tool.get("name"), f"tools.{index}.name"),
                schema=record(tool["input_schema"], f"tools.{index}.input_schema"),
                description=string(tool.get("description"), f"tools.{index}.description"),
                deferred=tool.get("defer_loading") is True,
            )


def _tool_choice(choice: Json) -> PlayedToolChoice:
    match choice.get("type"):
        case "none" | "any" as kind:
            return PlayedToolChoice(kind)
        case "tool":
            return PlayedToolChoice("tool", string(choice.get("name"), "tool_choice.name"))
    return PlayedToolChoice()


def _history(body: Json) -> tuple[tuple[Entry, ...], int]:
    """The entries, and how many segments (tools first) lie before the last cache mark."""
    entries: list[Entry] = []
    marked = 0
    if any("cache_control" in tool for tool in records(body.get("tools"), "tools")):
        marked = 1
    for role, block, path in _all_blocks(body):
        entries.append(_entry(role, block, path))
        if block.get("cache_control"):
            marked = 1 + len(entries)
    return tuple(entries), marked


def _all_blocks(body: Json) -> Iterator[tuple[str, Json, str]]:
    for index, block in enumerate(blocks(body.get("system"), "system")):
        yield "system", block, f"system.{index}"
    for number, message in enumerate(records(body.get("messages"), "messages")):
        path = f"messages.{number}"
        role = string(message.get("role"), f"{path}.role")
        for index, block in enumerate(blocks(message.get("content"), f"{path}.content")):
            yield role, block, f"{path}.content.{index}"


def _entry(role: str, block: Json, path: str) -> Entry:
    match block.get("type"):
        case "tool_use":
            return Called(
                call_id=string(block.get("id"), f"{path}.id"),
                name=string(block.get("name"), f"{path}.name"),
                arguments=compact(block.get("input")),
            )
        case "tool_result":
            return PlayedResult(
                call_id=string(block.get("tool_use_id"), f"{path}.tool_use_id"),
                text=text_of(block.get("content"), f"{path}.content"),
                failed=block.get("is_error") is True,
            )
        case "thinking":
            return PlayedThought(string(block.get("thinking"), f"{path}.thinking"))
        case "redacted_thinking":
            return PlayedThought(string(block.get("data"), f"{path}.data"))
    text = text_of([block], path)
    match role:
        case "assistant" | "system" as speaker:
            return PlayedSaying(speaker, text)
    return PlayedSaying("user", text)


# --- an answer, written -------------------------------------------------------------------


def whole(
    asked: PlayedQuestion, answer: PlayedAnswer, figures: PlayedFigures, identity: AnswerIdentity
) -> Json:
    """The complete Message."""
    return {
        "id": identity.answer_id,
        "type": "message",
        "role": "assistant",
        "model": identity.model,
        "content": list(_content(asked, answer, identity)),
        "stop_reason": STOP_REASONS[answer.stop_reason],
        "stop_sequence": answer.stop_sequence,
        "usage": _usage(figures),
    }


def _content(
    asked: PlayedQuestion, answer: PlayedAnswer, identity: AnswerIdentity
) -> Iterator[Json]:
    if answer.thinking:
        hidden = asked.hides_thinking and identity.manners.omits_thinking
        block = {"type": "thinking", "thinking": "" if hidden else answer.thinking}
        yield block | {"signature": signature(answer.thinking)}
    if answer.text:
        yield {"type": "text", "text": answer.text}
    for call, call_id in zip(answer.calls, identity.call_ids, strict=True):
        arguments = json.loads(call.arguments)
        yield {"type": "tool_use", "id": call_id, "name": call.name, "input": arguments}


def _usage(figures: PlayedFigures) -> Json:
    """The `usage` member; `input_tokens` excludes what was read from or written to the cache."""
    return {
        "input_tokens": figures.fresh,
        "cache_creation_input_tokens": figures.written,
        "cache_read_input_tokens": figures.cached,
        "output_tokens": figures.output,
    }


def events(message: Json, asked: PlayedQuestion, identity: AnswerIdentity) -> Iterator[Event]:
    """The same answer as the vendor streams it."""
    usage = message["usage"]
    start = message | {"content": [], "stop_reason": None, "stop_sequence": None}
    start["usage"] = usage | {"output_tokens": 1}
    yield _event("message_start", message=start)
    yield _event("ping")
    for index, block in enumerate(message["content"]):
        yield from _block_events(index, block, identity.manners.piece_characters)
    delta = {key: message[key] for key in ("stop_reason", "stop_sequence")}
    yield _event("message_delta", delta=delta, usage=usage)
    yield _event("message_stop")


def _block_events(index: int, block: Json, size: int) -> Iterator[Event]:
    match block["type"]:
        case "thinking":
            opening = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [_delta("thinking", part) for part in pieces(block["thinking"], size)]
            deltas.append(_delta("signature", block["signature"]))
        case "text":
            opening = {"type": "text", "text": ""}
            deltas = [_delta("text", part) for part in pieces(block["text"], size)]
        case _:
            opening = block | {"input": {}}
            text = json.dumps(block["input"], ensure_ascii=False)
            # The real API opens every tool block with an empty piece.
            parts = ["", *(pieces(text, size) if block["input"] else [])]
            deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
    yield _event("content_block_start", index=index, content_block=opening)
    for delta in deltas:
        yield _event("content_block_delta", index=index, delta=delta)
    yield _event("content_block_stop", index=index)


def _delta(kind: str, part: str) -> Json:
    return {"type": f"{kind}_delta", kind: part}


def _event(kind: str, **members: object) -> Event:
    return Event(kind, {"type": kind} | members)


# --- errors, models -----------------------------------------------------------------------


def failure(status: int, message: str, error_type: str | None, request_id: str) -> Json:
    """The error envelope."""
    kind = error_type or ERROR_TYPES.get(status, "api_error")
    return {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": request_id,
    }


def failure_events(message: str, error_type: str, _whole: Json, _sent: int) -> Iterator[Event]:
    """A failure after the 200 and `_sent` events have gone out."""
    yield _event("error", error={"type": error_type, "message": message})


def model_list(names: tuple[str, ...], context_tokens: int) -> Json:
    data = [model_entry(name, context_tokens) for name in names]
    return {"data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]}


def model_entry(name: str, context_tokens: int) -> Json:
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": "2026-01-01T00:00:00Z",
        "max_input_tokens": context_tokens,
    }

"""Anthropic Messages as a strict client reads it. Pure.

The order of events is the one of https://docs.claude.com/en/api/messages-streaming; a client
like Claude Code or the official SDK fails where this one does.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

from gwproxy.simulator.caller.answers import (
    LIMIT_TOKENS,
    QUESTION,
    TOOL_DESCRIPTION,
    TOOL_NAME,
    TOOL_SCHEMA,
    CallerAnswer,
    CallerCall,
    CallerCodec,
    arguments_of,
    data_of,
    need,
)
from gwproxy.simulator.wire import Event, Json, compact

DELTA_TEXTS = {
    "text_delta": ("text", "text", "text"),
    "thinking_delta": ("thinking", "thinking", "thinking"),
    "signature_delta": ("thinking", "signature", "signature"),
    "input_json_delta": ("tool_use", "partial_json", "partial_json"),
}


def first(model: str) -> Json:
    tool = {"name": TOOL_NAME, "description": TOOL_DESCRIPTION, "input_schema": TOOL_SCHEMA}
    return {
        "model": model,
        "max_tokens": LIMIT_TOKENS,
        "system": "You are a weather assistant.",
        "messages": [{"role": "user", "content": QUESTION}],
        "tools": [tool],
    }


def following(body: Json, answer: CallerAnswer, results: Mapping[str, str]) -> Json:
    content = [
        {"type": "tool_result", "tool_use_id": call_id, "content": text}
        for call_id, text in results.items()
    ]
    turns = [{"role": "assistant", "content": answer.turn}, {"role": "user", "content": content}]
    return body | {"messages": [*body["messages"], *turns]}


def whole(body: Json) -> CallerAnswer:
    need(body.get("type") == "message", f"not a message: {compact(body)[:200]}")
    content = body["content"]
    calls = tuple(
        CallerCall(block["id"], block["name"], block["input"])
        for block in content
        if block["type"] == "tool_use"
    )
    usage = body["usage"]
    cached = usage.get("cache_read_input_tokens") or 0
    written = usage.get("cache_creation_input_tokens") or 0
    return CallerAnswer(
        model=body["model"],
        text="".join(block["text"] for block in content if block["type"] == "text"),
        thinking="".join(block["thinking"] for block in content if block["type"] == "thinking"),
        calls=calls,
        wants_results=body["stop_reason"] == "tool_use",
        prompt_tokens=usage["input_tokens"] + cached + written,
        output_tokens=usage["output_tokens"],
        turn=content,
    )


def streamed(events: list[Event]) -> CallerAnswer:
    events = [event for event in events if event.name != "ping"]
    for event in events:
        need(event.name == data_of(event)["type"], f"misnamed event {event.name!r}")
        need(event.name != "error", f"the stream failed: {compact(event.data)}")
    need(events and events[0].name == "message_start", "the stream does not begin a message")
    need(events[-1].name == "message_stop", "the stream breaks off: no message_stop")
    message: Json = copy.deepcopy(data_of(events[0])["message"])
    need(message["content"] == [], "message_start already has content")
    need(message["usage"]["input_tokens"] > 0, "no input estimate in message_start")
    open_index: int | None = None
    for event in events[1:-1]:
        data = data_of(event)
        match event.name:
            case "content_block_start":
                need(open_index is None, "a block opens inside another")
                need(data["index"] == len(message["content"]), "block indexes have gaps")
                open_index = data["index"]
                message["content"].append(copy.deepcopy(data["content_block"]))
            case "content_block_delta":
                need(data["index"] == open_index, "a delta for a block that is not open")
                _add(message["content"][-1], data["delta"])
            case "content_block_stop":
                need(data["index"] == open_index, "a stop for a block that is not open")
                open_index = None
                _close(message["content"][-1])
            case "message_delta":
                need(open_index is None, "the message ends inside a block")
                message |= {k: v for k, v in data["delta"].items() if v is not None}
                message["usage"] = message["usage"] | data["usage"]
            case _:
                need(False, f"unknown event {event.name!r}")
    need(open_index is None, "a block is never closed")
    need(message["stop_reason"], "no stop_reason")
    return whole(message)


def _add(block: Json, delta: Json) -> None:
    need(delta["type"] in DELTA_TEXTS, f"unknown delta {delta['type']!r}")
    kind, key, source = DELTA_TEXTS[delta["type"]]
    need(block["type"] == kind, f"{delta['type']} in a block of type {block['type']}")
    block[key] = block.get(key, "") + delta[source]


def _close(block: Json) -> None:
    if block["type"] == "tool_use":
        block["input"] = dict(arguments_of(block.pop("partial_json", "") or "{}"))


CODEC = CallerCodec(
    dialect="anthropic",
    path="/v1/messages",
    headers={"anthropic-version": "2023-06-01"},
    first=first,
    next=following,
    whole=whole,
    streamed=streamed,
)

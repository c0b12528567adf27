"""Chat Completions as a strict client reads it. Pure.

It checks what the official SDK's accumulators trip over: roles and ids sent twice, indexes out
of order, a missing finish reason, usage that is not last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def first(model: str) -> Json:
    function = {"name": TOOL_NAME, "description": TOOL_DESCRIPTION, "parameters": TOOL_SCHEMA}
    return {
        "model": model,
        "max_completion_tokens": LIMIT_TOKENS,
        "messages": [
            {"role": "system", "content": "You are a weather assistant."},
            {"role": "user", "content": QUESTION},
        ],
        "tools": [{"type": "function", "function": function}],
    }


def following(body: Json, answer: CallerAnswer, results: Mapping[str, str]) -> Json:
    outputs = [
        {"role": "tool", "tool_call_id": call_id, "content": text}
        for call_id, text in results.items()
    ]
    return body | {"messages": [*body["messages"], answer.turn, *outputs]}


def whole(body: Json) -> CallerAnswer:
    need(body.get("object") == "chat.completion", f"not a completion: {compact(body)[:200]}")
    choice = body["choices"][0]
    message = choice["message"]
    calls = tuple(
        CallerCall(
            call["id"], call["function"]["name"], arguments_of(call["function"]["arguments"])
        )
        for call in message.get("tool_calls") or ()
    )
    return CallerAnswer(
        model=body["model"],
        text=message.get("content") or "",
        thinking=message.get("reasoning_content") or "",
        calls=calls,
        wants_results=choice["finish_reason"] == "tool_calls",
        prompt_tokens=body["usage"]["prompt_tokens"],
        output_tokens=body["usage"]["completion_tokens"],
        turn=message,
    )


def streamed(events: list[Event]) -> CallerAnswer:
    need(events and events[-1].data == "[DONE]", "the stream breaks off: no [DONE]")
    chunks = [data_of(event) for event in events[:-1]]
    for chunk in chunks:
        need("error" not in chunk, f"the stream failed: {compact(chunk)}")
    need(chunks, "the stream is empty")
    need(len({(c["id"], c["created"], c["model"]) for c in chunks}) == 1, "chunks disagree")
    need(chunks[-1]["choices"] == [] and chunks[-1].get("usage"), "usage is not the last chunk")
    message: Json = {"role": None, "content": "", "reasoning_content": "", "tool_calls": []}
    finish: str | None = None
    for chunk in chunks[:-1]:
        need(len(chunk["choices"]) == 1, "a chunk without a choice")
        choice = chunk["choices"][0]
        need(finish is None, "data after the finish reason")
        finish = choice["finish_reason"]
        _add(message, choice["delta"])
    need(finish, "no finish reason")
    need(message["role"] == "assistant", "no role")
    message = {key: value for key, value in message.items() if value}
    shared = {key: chunks[0][key] for key in ("id", "created", "model")}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    completion = {"object": "chat.completion", "choices": [choice], "usage": chunks[-1]["usage"]}
    return whole(shared | completion)


def _add(message: Json, delta: Json) -> None:
    if delta.get("role"):
        need(message["role"] is None, "the role comes twice")
        message["role"] = delta["role"]
    for key in ("content", "reasoning_content"):
        message[key] += delta.get(key) or ""
    for part in delta.get("tool_calls") or ():
        _add_call(message["tool_calls"], part)


def _add_call(calls: list[Any], part: Json) -> None:
    if part["index"] == len(calls):
        need(part.get("id") and part["function"].get("name"), "a call without id or name")
        function = {"name": part["function"]["name"], "arguments": ""}
        calls.append({"id": part["id"], "type": "function", "function": function})
    else:
        need(part["index"] == len(calls) - 1, "calls are interleaved")
        need(not part.get("id") and not part["function"].get("name"), "an id or name comes twice")
    calls[-1]["function"]["arguments"] += part["function"].get("arguments") or ""


CODEC = CallerCodec(
    dialect="chat",
    path="/v1/chat/completions",
    headers={},
    first=first,
    next=following,
    whole=whole,
    streamed=streamed,
)

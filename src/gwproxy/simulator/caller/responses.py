"""OpenAI Responses as a strict client reads it. Pure.

It checks what Codex and the official SDK rely on: numbered events, an item opened before its
parts and closed after them, and a final response that says it all again.
"""

from __future__ import annotations

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

# The delta of each kind of content, and the event that repeats the sum of its deltas.
SUMS = {
    "response.output_text.delta": ("response.output_text.done", "text"),
    "response.reasoning_summary_text.delta": ("response.reasoning_summary_text.done", "text"),
    "response.function_call_arguments.delta": (
        "response.function_call_arguments.done",
        "arguments",
    ),
}


def first(model: str) -> Json:
    return {
        "model": model,
        "max_output_tokens": LIMIT_TOKENS,
        "instructions": "You are a weather assistant.",
        "input": [{"type": "message", "role": "user", "content": QUESTION}],
        "tools": [
            {
                "type": "function",
                "name": TOOL_NAME,
                "description": TOOL_DESCRIPTION,
                "parameters": TOOL_SCHEMA,
                "strict": False,
            }
        ],
        "reasoning": {"summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
    }


def following(body: Json, answer: CallerAnswer, results: Mapping[str, str]) -> Json:
    outputs = [
        {"type": "function_call_output", "call_id": call_id, "output": text}
        for call_id, text in results.items()
    ]
    return body | {"input": [*body["input"], *answer.turn, *outputs]}


def whole(body: Json) -> CallerAnswer:
    need(body.get("object") == "response", f"not a response: {compact(body)[:200]}")
    need(body["status"] == "completed", f"the response is {body['status']}")
    items = body["output"]
    parts = [part for item in items if item["type"] == "message" for part in item["content"]]
    summaries = [part for item in items if item["type"] == "reasoning" for part in item["summary"]]
    calls = tuple(
        CallerCall(item["call_id"], item["name"], arguments_of(item["arguments"]))
        for item in items
        if item["type"] == "function_call"
    )
    return CallerAnswer(
        model=body["model"],
        text="".join(part["text"] for part in parts),
        thinking="\n".join(part["text"] for part in summaries),
        calls=calls,
        wants_results=bool(calls),
        prompt_tokens=body["usage"]["input_tokens"],
        output_tokens=body["usage"]["output_tokens"],
        turn=items,
    )


def streamed(events: list[Event]) -> CallerAnswer:
    events = [event for event in events if event.data != "[DONE]"]
    for number, event in enumerate(events):
        data = data_of(event)
        need(event.name == data["type"], f"misnamed event {event.name!r}")
        need(event.name not in ("error", "response.failed"), f"it failed: {compact(data)}")
        need(data["sequence_number"] == number, "sequence numbers have gaps")
    need(events and events[0].name == "response.created", "the stream does not begin a response")
    need(events[-1].name == "response.completed", "the stream breaks off: no response.completed")
    final: Json = data_of(events[-1])["response"]
    need(final["id"] == data_of(events[0])["response"]["id"], "the response changes its id")
    done = _items([data_of(event) for event in events[1:-1]])
    need(done == final["output"], "the final output is not what was streamed")
    return whole(final)


def _items(events: list[Json]) -> list[Json]:
    """The finished items in order, each opened first, its deltas adding up."""
    done: list[Json] = []
    open_ids: list[str] = []
    sums: dict[tuple[str, str], str] = {}
    for data in events:
        kind = data["type"]
        if kind == "response.output_item.added":
            need(data["output_index"] == len(done), "an item opens inside another")
            open_ids.append(data["item"]["id"])
        elif kind == "response.output_item.done":
            need(open_ids and data["item"]["id"] == open_ids[-1], "an item closes unopened")
            done.append(data["item"])
        elif "item_id" in data:
            need(open_ids and data["item_id"] == open_ids[-1], "a part of an item not open")
            _sum(sums, data)
    need(len(open_ids) == len(done), "an item is never closed")
    return done


def _sum(sums: dict[tuple[str, str], str], data: Json) -> None:
    kind = data["type"]
    if kind in SUMS:
        key = (data["item_id"], SUMS[kind][0])
        sums[key] = sums.get(key, "") + data["delta"]
    for closing, member in SUMS.values():
        if kind == closing:
            total = sums.pop((data["item_id"], closing), "")
            need(data[member] == total, f"{kind} is not the sum of its deltas")


CODEC = CallerCodec(
    dialect="responses",
    path="/v1/responses",
    headers={},
    first=first,
    next=following,
    whole=whole,
    streamed=streamed,
)

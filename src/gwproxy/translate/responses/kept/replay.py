"""Writes a kept response as a stream, for `GET /responses/{id}?stream=true`.

Every text comes in one delta. Ids, items and the final object are the kept ones.

https://platform.openai.com/docs/api-reference/responses/get
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from gwproxy.translate.wire import jsonio, sse

_Json: TypeAlias = dict[str, Any]
_Event: TypeAlias = tuple[str, _Json]


def replay(response: bytes, starting_after: int = -1) -> bytes:
    """The bytes of the stream, from the event after number `starting_after` on."""
    whole: _Json = jsonio.loads(response)
    return b"".join(
        sse.encode(kind, jsonio.dumps({"type": kind, "sequence_number": number, **members}))
        for number, (kind, members) in enumerate(_events(whole))
        if number > starting_after
    )


def _events(whole: _Json) -> Iterator[_Event]:
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    begun |= {"completed_at": None, "incomplete_details": None}
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for index, item in enumerate(whole.get("output") or ()):
        kind = item.get("type")
        place = {"item_id": item.get("id", ""), "output_index": index}
        opened = {**item, **_OPENINGS.get(kind, {})}
        if "status" in item and kind in _OPENINGS:
            opened["status"] = "in_progress"
        yield "response.output_item.added", {"output_index": index, "item": opened}
        inside = _INSIDES.get(kind)
        if inside is not None:
            yield from inside(item, place)
        yield "response.output_item.done", {"output_index": index, "item": item}
    yield f"response.{whole.get('status', 'completed')}", {"response": whole}


def _message(item: _Json, place: _Json) -> Iterator[_Event]:
    for index, part in enumerate(item.get("content") or ()):
        here = {**place, "content_index": index}
        refused = part.get("type") == "refusal"
        member, name = ("refusal", "refusal") if refused else ("text", "output_text")
        text = part.get(member) or ""
        more: _Json = {} if refused else {"logprobs": []}
        empty = {**part, member: ""}
        if not refused:
            empty["annotations"] = []
        yield "response.content_part.added", {**here, "part": empty}
        if text:
            yield f"response.{name}.delta", {**here, "delta": text, **more}
        yield f"response.{name}.done", {**here, member: text, **more}
        yield "response.content_part.done", {**here, "part": part}


def _reasoning(item: _Json, place: _Json) -> Iterator[_Event]:
    for index, part in enumerate(item.get("summary") or ()):
        here = {**place, "summary_index": index}
        text = part.get("text") or ""
        yield "response.reasoning_summary_part.added", {**here, "part": {**part, "text": ""}}
        if text:
            yield "response.reasoning_summary_text.delta", {**here, "delta": text}
        yield "response.reasoning_summary_text.done", {**here, "text": text}
        yield "response.reasoning_summary_part.done", {**here, "part": part}


def _function(item: _Json, place: _Json) -> Iterator[_Event]:
    kind, text = "response.function_call_arguments", item.get("arguments") or ""
    if text:
        yield f"{kind}.delta", {**place, "delta": text}
    yield f"{kind}.done", {**place, "arguments": text}


def _custom(item: _Json, place: _Json) -> Iterator[_Event]:
    kind, text = "response.custom_tool_call_input", item.get("input") or ""
    if text:
        yield f"{kind}.delta", {**place, "delta": text}
    yield f"{kind}.done", {**place, "input": text}


# What is empty in an item that was added; items of other kinds come whole.
_OPENINGS: Final[Mapping[str, _Json]] = {
    "message": {"content": []},
    "reasoning": {"summary": []},
    "function_call": {"arguments": ""},
    "custom_tool_call": {"input": ""},
}
_INSIDES: Final[Mapping[str, Callable[[_Json, _Json], Iterator[_Event]]]] = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _function,
    "custom_tool_call": _custom,
}

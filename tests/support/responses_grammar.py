"""A strict client of Responses streams: every rule that somebody's client has stumbled over.

Two judges in one. Each event must be what the official SDK's type says, and the events together
must follow the Open Responses specification: numbers without gaps, items before parts before
deltas, every `.done` present and equal to the sum of its deltas, the terminal response equal to
what was streamed, one terminal event. A `[DONE]` behind it is the upstream's own, and relayed.

https://platform.openai.com/docs/api-reference/responses-streaming
https://www.openresponses.org/specification
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, get_args

from openai._models import BaseModel
from openai.types.responses import Response, ResponseStreamEvent

LIFECYCLE = ("created", "in_progress", "completed", "incomplete", "failed")
TERMINAL = ("response.completed", "response.incomplete", "response.failed")

# The specification's response object has all of these, always.
REQUIRED = frozenset(
    {
        "background",
        "completed_at",
        "created_at",
        "error",
        "frequency_penalty",
        "id",
        "incomplete_details",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "model",
        "object",
        "output",
        "parallel_tool_calls",
        "presence_penalty",
        "previous_response_id",
        "prompt_cache_key",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "status",
        "store",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "usage",
        "user",
    }
)
# The real API sends these in `error.code`, and Codex acts upon them; the SDK's type has neither.
UNPUBLISHED_CODES = frozenset({"context_length_exceeded", "insufficient_quota"})
# The nested error is there for SDKs that read it and not the flat one.
KNOWN_EXTRAS = {"error": frozenset({"error"})}

_FRAME = re.compile(rb"event: ([a-z_.]+)\ndata: ([^\n]*)")


class StreamError(AssertionError):
    """The stream breaks a rule; the message names it."""


def _types() -> Iterator[tuple[str, type[BaseModel]]]:
    union = get_args(ResponseStreamEvent)[0]
    for kind in get_args(union):
        yield get_args(kind.model_fields["type"].annotation)[0], kind


EVENT_TYPES = dict(_types())


def require(condition: object, rule: str) -> None:
    if not condition:
        raise StreamError(rule)


def events(stream: bytes) -> list[dict[str, Any]]:
    """The events of a stream, after its framing has been checked."""
    require(stream.endswith(b"\n\n"), "the stream ends within a frame")
    found: list[dict[str, Any]] = []
    for frame in stream.removesuffix(b"data: [DONE]\n\n")[:-2].split(b"\n\n"):
        if frame.startswith(b":"):
            require(b"\n" not in frame, "a comment is one line")
            continue
        require(not found or found[-1]["type"] not in TERMINAL, "nothing follows the end")
        match = _FRAME.fullmatch(frame)
        require(match, f"a frame is an event line and a data line: {frame[:80]!r}")
        assert match is not None
        event = json.loads(match[2])
        require(event["type"] == match[1].decode(), "the event line names the type")
        found.append(event)
    return found


def check(stream: bytes) -> dict[str, Any]:
    """The response object of the terminal event. Raises StreamError."""
    judge = _Judge()
    for number, event in enumerate(events(stream)):
        require(event.get("sequence_number") == number, f"sequence_number {number}: {event}")
        judge.see(event)
    return judge.result()


def check_response(response: dict[str, Any]) -> None:
    """A whole body, or the response object of an event. Raises StreamError."""
    missing = REQUIRED - response.keys()
    require(not missing, f"the response object lacks {sorted(missing)}")
    error = response["error"]
    if error is not None and error["code"] in UNPUBLISHED_CODES:
        response = {**response, "error": {**error, "code": "server_error"}}
    Response.model_validate(response, strict=True)
    status = response["status"]
    require((error is not None) == (status == "failed"), "failed means an error")
    require(
        (response["incomplete_details"] is not None) == (status == "incomplete"),
        "incomplete means a reason",
    )
    require((response["completed_at"] is not None) == (status == "completed"), "completed_at")
    # A search may fail, and the model answers without it.
    items = [item for item in response["output"] if item["type"] != "web_search_call"]
    states = [item.get("status", "completed") for item in items]
    if status == "completed":
        require(set(states) <= {"completed"}, "a completed response has completed items")
    elif status == "incomplete":
        require("incomplete" not in states[:-1], "only the last item may be incomplete")
    ids = [item["id"] for item in response["output"] if "id" in item]
    require(len(ids) == len(set(ids)), "item ids are unique")


class _Judge:
    def __init__(self) -> None:
        self._seen: list[str] = []
        self._id: str | None = None
        self._items: list[dict[str, Any]] = []
        self._half_calls = 0
        self._open: dict[str, Any] | None = None
        self._parts: list[dict[str, Any]] = []
        self._part: dict[str, Any] | None = None
        self._text = ""
        self._response: dict[str, Any] | None = None

    def see(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        require(self._response is None, f"{kind} after the terminal event")
        self._check_type(kind, event)
        if not self._seen:
            require(kind in ("response.created", "error"), "response.created is first")
        if "error" in self._seen:
            require(kind == "response.failed", "after an error comes response.failed")
        self._seen.append(kind)
        if kind.removeprefix("response.") in LIFECYCLE:
            self._lifecycle(kind, event["response"])
        elif kind == "error":
            self._error(event)
        elif kind == "response.output_item.added":
            self._added(event)
        elif kind == "response.output_item.done":
            self._done(event)
        else:
            self._within(kind, event)

    def _check_type(self, kind: str, event: dict[str, Any]) -> None:
        require(kind in EVENT_TYPES, f"unknown event {kind}")
        if "response" in event:
            check_response(event["response"])
            return
        known = EVENT_TYPES[kind].model_validate(event, strict=True)
        extra = set(known.model_extra or ()) - KNOWN_EXTRAS.get(kind, frozenset())
        require(not extra, f"{kind} has {sorted(extra)}, which no client knows")

    def _lifecycle(self, kind: str, response: dict[str, Any]) -> None:
        name = kind.removeprefix("response.")
        status = "in_progress" if name == "created" else name
        require(response["status"] == status, f"{kind} with status {response['status']}")
        if self._id is not None:
            require(response["id"] == self._id, "the response keeps its id")
        self._id = response["id"]
        if kind not in TERMINAL:
            require(response["output"] == [], "output grows by events alone")
            require(self._seen.count(kind) == 1, f"{kind} once")
            require(not self._items and self._open is None, f"{kind} before the items")
            return
        if kind != "response.failed":
            self._leave_half_call("the terminal event comes after every item is done")
            require(not self._half_calls or kind == "response.incomplete", "half a call as whole")
            require("error" not in self._seen, "success after an error")
        require(response["output"] == self._items, "output holds what was streamed")
        self._response = response

    @property
    def _place(self) -> int:
        return len(self._items) + self._half_calls

    def _leave_half_call(self, rule: str) -> None:
        """Codex runs a call as soon as its item is done, so half a call never is."""
        if self._open is not None:
            calls = ("function_call", "custom_tool_call")
            require(self._open["type"] in calls, rule)
            self._open = None
            self._half_calls += 1

    def _error(self, event: dict[str, Any]) -> None:
        nested = event["error"]
        for member in ("code", "message", "param"):
            require(nested[member] == event[member], "flat and nested error say the same")
        require(isinstance(nested["type"], str), "the nested error has a type")

    def _added(self, event: dict[str, Any]) -> None:
        require("response.in_progress" in self._seen, "items come after response.in_progress")
        self._leave_half_call("one item is open at a time")
        require(event["output_index"] == self._place, "output_index without gaps")
        item = event["item"]
        self._open, self._parts, self._part, self._text = item, [], None, ""
        if item["type"] in ("function_call", "custom_tool_call"):
            require(item["status"] == "in_progress", "a new item is in progress")
            require(item.get("arguments", item.get("input")) == "", "a new call has no arguments")
            self._part = {}
        elif item["type"] == "message":
            require(item["content"] == [], "a new message is empty")
        elif item["type"] == "reasoning":
            require(item["summary"] == [], "a new reasoning item is empty")

    def _done(self, event: dict[str, Any]) -> None:
        item = event["item"]
        require(self._open is not None, "an item is done that was never added")
        assert self._open is not None
        require(event["output_index"] == self._place, "output_index of the open item")
        for member in ("id", "type", "call_id", "name", "namespace"):
            require(item.get(member) == self._open.get(member), f"an item keeps its {member}")
        if item["type"] in ("function_call", "custom_tool_call"):
            require(self._part is None, "arguments are done before their item")
            require(item.get("arguments", item.get("input")) == self._text, "whole arguments")
            require(1 <= len(item["call_id"]) <= 64, "call_id of 1 to 64 characters")
        else:
            require(self._part is None, "parts are done before their item")
        if item["type"] == "message":
            require(item["content"] == self._parts, "the message holds its parts")
            require(self._parts, "a message has content")
        elif item["type"] == "reasoning":
            require(item["summary"] == self._parts, "the reasoning item holds its summary")
        self._items.append(item)
        self._open = None

    def _within(self, kind: str, event: dict[str, Any]) -> None:
        """Events of the open item."""
        require(self._open is not None, f"{kind} without an item")
        assert self._open is not None
        require(event["item_id"] == self._open["id"], f"{kind} names the open item")
        require(event["output_index"] == self._place, f"{kind} has the item's index")
        place = event.get("content_index", event.get("summary_index"))
        require(place in (None, len(self._parts)), f"{kind} has the open part's index")
        verb = kind.rpartition(".")[2]
        if kind.startswith("response.web_search_call."):
            require(self._open["type"] == "web_search_call", f"{kind} in another item")
        elif "_part." in kind:
            self._part_event(verb, event["part"])
        elif verb == "delta":
            require(self._part is not None, f"{kind} without a part")
            assert self._part is not None
            require("done" not in self._part, f"{kind} after the part's text is done")
            require(event["delta"], "an empty delta says nothing")
            self._text += event["delta"]
        elif verb == "done":
            self._text_done(kind, event)
        else:
            raise StreamError(f"unexpected {kind}")

    def _part_event(self, verb: str, part: dict[str, Any]) -> None:
        text = part.get("text", part.get("refusal"))
        if verb == "added":
            require(self._part is None, "one part is open at a time")
            require(text == "", "a new part is empty")
            self._part, self._text = part, ""
            return
        require(self._part is not None, "a part is done that was never added")
        assert self._part is not None
        require(part["type"] == self._part["type"], "a part keeps its type")
        require("done" in self._part, "a part's text is done before the part")
        require(text == self._text, "a done part holds the sum of its deltas")
        self._parts.append(part)
        self._part = None

    def _text_done(self, kind: str, event: dict[str, Any]) -> None:
        member = next(m for m in ("text", "refusal", "arguments", "input") if m in event)
        require(self._part is not None, f"{kind} without a part")
        assert self._part is not None and self._open is not None
        require("done" not in self._part, f"{kind} once")
        require(event[member] == self._text, f"{kind} holds the sum of its deltas")
        if self._open["type"] in ("function_call", "custom_tool_call"):
            self._part = None
        else:
            self._part = {**self._part, "done": True}

    def result(self) -> dict[str, Any]:
        require(self._response is not None, "a stream ends in a terminal event")
        assert self._response is not None
        return self._response

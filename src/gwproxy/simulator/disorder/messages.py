"""Disorders of Anthropic Messages: passes over its events, and over its whole answer. Pure."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from gwproxy.simulator.faults import Disorder
from gwproxy.simulator.wire import BodyPass, Event, Events, EventsPass, Json


def _data(event: Event) -> Json:
    assert isinstance(event.data, dict)
    return event.data


def _without(kind: str) -> EventsPass:
    return lambda events: [event for event in events if event.name != kind]


def _data_after_end(events: Events) -> Events:
    stray = {"type": "text_delta", "text": "after the end"}
    data: Json = {"type": "content_block_delta", "index": 0, "delta": stray}
    return [*events, Event("content_block_delta", data)]


def _finish_repeated(events: Events) -> Events:
    return [
        copy.deepcopy(event)
        for event in events
        for _ in range(2 if event.name == "message_delta" else 1)
    ]


def _stop_despite_calls(events: Events) -> Events:
    for event in events:
        if event.name == "message_delta":
            _data(event)["delta"]["stop_reason"] = "end_turn"
    return events


def _each_usage(change: Callable[[Json], None]) -> EventsPass:
    def changed(events: Events) -> Events:
        for event in events:
            if event.name == "message_start":
                change(_data(event)["message"])
            if event.name == "message_delta":
                change(_data(event))
        return events

    return changed


def _no_usage(holder: Json) -> None:
    holder.pop("usage", None)


def _cached_renamed(holder: Json) -> None:
    """Anthropic's shape with Moonshot's name (Wei-Shaw/sub2api PR#497)."""
    usage = holder["usage"]
    usage["cached_tokens"] = usage.pop("cache_read_input_tokens", 0)


def _block_runs(events: Events) -> list[Events]:
    """The events of each content block, in order."""
    runs: dict[int, Events] = {}
    for event in events:
        if isinstance(event.data, dict) and "index" in event.data:
            runs.setdefault(event.data["index"], []).append(event)
    return list(runs.values())


def _block(run: Events) -> Json:
    found: Json = _data(run[0])["content_block"]
    return found


def _replaced(events: Events, runs: list[Events], new: Events) -> Events:
    """`events` with the adjacent `runs` replaced by `new`."""
    position = events.index(runs[0][0])
    return events[:position] + new + events[position + sum(map(len, runs)) :]


def _interleaved(events: Events) -> Events:
    """All tool blocks open at once, their deltas in turns."""
    runs = [run for run in _block_runs(events) if _block(run)["type"] == "tool_use"]
    if not runs:
        return events
    turns = itertools.zip_longest(*runs)
    return _replaced(events, runs, [event for turn in turns for event in turn if event])


def _each_call(change: Callable[[Json], None]) -> EventsPass:
    def changed(events: Events) -> Events:
        for run in _block_runs(events):
            if _block(run)["type"] == "tool_use":
                change(_block(run))
        return events

    return changed


def _no_id(block: Json) -> None:
    block.pop("id", None)


def _one_id(block: Json) -> None:
    block["id"] = "toolu_same"


def _index_from_one(events: Events) -> Events:
    for event in events:
        if isinstance(event.data, dict) and "index" in event.data:
            event.data["index"] += 1
    return events


def _whole_calls(events: Events) -> Events:
    """Tool input inside `content_block_start`, and no delta at all."""
    dropped: Events = []
    for run in _block_runs(events):
        if _block(run)["type"] == "tool_use":
            deltas = run[1:-1]
            text = "".join(_data(delta)["delta"]["partial_json"] for delta in deltas)
            _block(run)["input"] = json.loads(text or "{}")
            dropped += deltas
    return [event for event in events if not any(event is other for other in dropped)]


def _late_reasoning(events: Events) -> Events:
    """The thinking block follows the block that should have followed it."""
    runs = _block_runs(events)
    if len(runs) < 2 or _block(runs[0])["type"] != "thinking":
        return events
    for event in runs[0]:
        _data(event)["index"] = 1
    for event in runs[1]:
        _data(event)["index"] = 0
    return _replaced(events, runs[:2], runs[1] + runs[0])


def _empty_answer(events: Events) -> Events:
    return [event for event in events if "content_block" not in str(event.name)]


def _one_text(events: Events) -> Events:
    dropped: Events = []
    for run in _block_runs(events):
        deltas = run[1:-1]
        if _block(run)["type"] == "text" and deltas:
            text = "".join(_data(delta)["delta"]["text"] for delta in deltas)
            _data(deltas[0])["delta"]["text"] = text
            dropped += deltas[1:]
    return [event for event in events if not any(event is other for other in dropped)]


def _wrong_shape(_: Events) -> Events:
    return [Event("ok", {"type": "ok"})]


EVENT_PASSES: Mapping[Disorder, EventsPass] = MappingProxyType(
    {
        Disorder.NO_FINISH: _without("message_delta"),
        Disorder.NO_TERMINATOR: _without("message_stop"),
        Disorder.DATA_AFTER_END: _data_after_end,
        Disorder.REPEATED_FINISH: _finish_repeated,
        Disorder.STOP_DESPITE_CALLS: _stop_despite_calls,
        Disorder.NO_USAGE: _each_usage(_no_usage),
        Disorder.CACHED_AT_TOP: _each_usage(_cached_renamed),
        Disorder.INTERLEAVED_CALLS: _interleaved,
        Disorder.NO_IDS: _each_call(_no_id),
        Disorder.FIRST_INDEX_ONE: _index_from_one,
        Disorder.SAME_ID: _each_call(_one_id),
        Disorder.WHOLE_CALLS: _whole_calls,
        Disorder.LATE_REASONING: _late_reasoning,
        Disorder.EMPTY_ANSWER: _empty_answer,
        Disorder.WRONG_SHAPE: _wrong_shape,
        Disorder.HUGE_EVENT: _one_text,
    }
)


def _changed(change: Callable[[Json], None]) -> BodyPass:
    def changed(body: Json) -> Json:
        change(body)
        return body

    return changed


def _with(**members: Any) -> BodyPass:
    return lambda body: body | members


def _each_block(change: Callable[[Json], None]) -> BodyPass:
    def changed(body: Json) -> Json:
        for block in body["content"]:
            if block["type"] == "tool_use":
                change(block)
        return body

    return changed


BODY_PASSES: Mapping[Disorder, BodyPass] = MappingProxyType(
    {
        Disorder.NO_FINISH: _with(stop_reason=None),
        Disorder.STOP_DESPITE_CALLS: _with(stop_reason="end_turn"),
        Disorder.NO_USAGE: _changed(_no_usage),
        Disorder.CACHED_AT_TOP: _changed(_cached_renamed),
        Disorder.NO_IDS: _each_block(_no_id),
        Disorder.SAME_ID: _each_block(_one_id),
        Disorder.EMPTY_ANSWER: _with(content=[]),
        Disorder.WRONG_SHAPE: lambda _: {"ok": True},
    }
)

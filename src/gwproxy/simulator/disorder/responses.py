"""Disorders of OpenAI Responses: passes over its events, and over its whole answer. Pure."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from gwproxy.simulator.faults import Disorder
from gwproxy.simulator.wire import BodyPass, Event, Events, EventsPass, Json

TERMINAL_EVENTS = frozenset({"response.completed", "response.incomplete", "response.failed"})


def _data(event: Event) -> Json:
    assert isinstance(event.data, dict)
    return event.data


def _numbered(events: Events) -> Events:
    """Sequence numbers as they would have been, had the stream always looked like this."""
    for number, event in enumerate(event for event in events if isinstance(event.data, dict)):
        _data(event)["sequence_number"] = number
    return events


def _without(*kinds: str) -> EventsPass:
    return lambda events: _numbered([event for event in events if event.name not in kinds])


def _no_terminator(events: Events) -> Events:
    return [e for e in events if e.name not in TERMINAL_EVENTS and isinstance(e.data, dict)]


def _data_after_end(events: Events) -> Events:
    stray = next((e for e in events if str(e.name).endswith(".delta")), events[0])
    return [*events, copy.deepcopy(stray)]


def _without_usage(events: Events) -> Events:
    for event in events:
        if isinstance(event.data, dict) and "response" in event.data:
            event.data["response"]["usage"] = None
    return events


def _item_runs(events: Events) -> list[Events]:
    runs: dict[int, Events] = {}
    for event in events:
        if isinstance(event.data, dict) and "output_index" in event.data:
            runs.setdefault(event.data["output_index"], []).append(event)
    return list(runs.values())


def _item(run: Events) -> Json:
    found: Json = _data(run[0])["item"]
    return found


def _interleaved(events: Events) -> Events:
    runs = [run for run in _item_runs(events) if _item(run)["type"] == "function_call"]
    if not runs:
        return events
    position = events.index(runs[0][0])
    turns = itertools.zip_longest(*runs)
    mixed = [event for turn in turns for event in turn if event]
    return _numbered(events[:position] + mixed + events[position + len(mixed) :])


def _whole_calls(events: Events) -> Events:
    """No argument deltas: the call is whole in its `done` events alone."""
    return _without("response.function_call_arguments.delta")(events)


def _one_text(events: Events) -> Events:
    kept: Events = []
    first: dict[int, Json] = {}
    for event in events:
        if event.name != "response.output_text.delta":
            kept.append(event)
            continue
        index = _data(event)["output_index"]
        if index in first:
            first[index]["delta"] += _data(event)["delta"]
        else:
            first[index] = _data(event)
            kept.append(event)
    return _numbered(kept)


def _empty_output(events: Events) -> Events:
    """Items are streamed, but the final response lists none of them."""
    for event in events:
        if event.name in TERMINAL_EVENTS:
            _data(event)["response"]["output"] = []
    return events


def _wrong_shape(_: Events) -> Events:
    return [Event("response.ok", {"type": "response.ok", "sequence_number": 0})]


EVENT_PASSES: Mapping[Disorder, EventsPass] = MappingProxyType(
    {
        # vllm-project/vllm#42407: items whose `done` never comes.
        Disorder.NO_FINISH: _without("response.output_item.done"),
        Disorder.NO_TERMINATOR: _no_terminator,
        Disorder.DATA_AFTER_END: _data_after_end,
        Disorder.NO_USAGE: _without_usage,
        Disorder.INTERLEAVED_CALLS: _interleaved,
        Disorder.WHOLE_CALLS: _whole_calls,
        Disorder.EMPTY_ANSWER: _empty_output,
        Disorder.WRONG_SHAPE: _wrong_shape,
        Disorder.HUGE_EVENT: _one_text,
    }
)


def _with(**members: Any) -> BodyPass:
    return lambda body: body | members


def _each_call(change: Callable[[Json], None]) -> BodyPass:
    def changed(body: Json) -> Json:
        for item in body["output"]:
            if item["type"] == "function_call":
                change(item)
        return body

    return changed


def _one_id(item: Json) -> None:
    item["call_id"] = "call_same"


BODY_PASSES: Mapping[Disorder, BodyPass] = MappingProxyType(
    {
        Disorder.NO_USAGE: _with(usage=None),
        Disorder.SAME_ID: _each_call(_one_id),
        Disorder.EMPTY_ANSWER: _with(output=[]),
        Disorder.WRONG_SHAPE: lambda _: {"ok": True},
    }
)

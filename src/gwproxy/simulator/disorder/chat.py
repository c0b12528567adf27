"""Disorders of Chat Completions: passes over its chunks, and over its whole answer. Pure."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from gwproxy.simulator.faults import Disorder
from gwproxy.simulator.wire import BodyPass, Event, Events, EventsPass, Json

_MARKUP_PIECE = 7


def _choices(events: Events) -> Iterator[Json]:
    for event in events:
        if isinstance(event.data, dict):
            yield from event.data["choices"]


def _call_deltas(events: Events) -> Iterator[Json]:
    for choice in _choices(events):
        yield from choice["delta"].get("tool_calls", ())


def _is_done(event: Event) -> bool:
    return event.data == "[DONE]"


def _is_usage(event: Event) -> bool:
    return isinstance(event.data, dict) and not event.data["choices"]


def _finish(event: Event) -> Any:
    if isinstance(event.data, dict) and event.data["choices"]:
        return event.data["choices"][0]["finish_reason"]
    return None


def _no_finish(events: Events) -> Events:
    return [event for event in events if not _finish(event)]


def _no_done(events: Events) -> Events:
    return [event for event in events if not _is_done(event)]


def _data_after_done(events: Events) -> Events:
    stray = copy.deepcopy(events[0])
    assert isinstance(stray.data, dict)
    stray.data["choices"][0]["delta"] = {"content": "after the end"}
    return [*events, stray]


def _finish_repeated(events: Events) -> Events:
    return [copy.deepcopy(e) for event in events for e in [event] * (2 if _finish(event) else 1)]


def _stop_despite_calls(events: Events) -> Events:
    for choice in _choices(events):
        if choice["finish_reason"]:
            choice["finish_reason"] = "stop"
    return events


def _usage_of(events: Events) -> Json | None:
    found = [e.data["usage"] for e in events if isinstance(e.data, dict) and e.data.get("usage")]
    return found[-1] if found else None


def _without_usage(events: Events) -> Events:
    for event in events:
        if isinstance(event.data, dict):
            event.data.pop("usage", None)
    return [event for event in events if not _is_usage(event)]


def _usage_in_choice(events: Events) -> Events:
    usage = _usage_of(events)
    for event in events:
        if _finish(event) and isinstance(event.data, dict) and usage:
            event.data["choices"][0]["usage"] = usage
    return events


def _usage_everywhere(events: Events) -> Events:
    usage = _usage_of(events)
    for event in events:
        if isinstance(event.data, dict):
            event.data["usage"] = usage
    return events


def _cached_at_top(events: Events) -> Events:
    for event in events:
        if isinstance(event.data, dict):
            for holder in (event.data, *event.data["choices"]):
                _raise_cached(holder)
    return events


def _raise_cached(holder: Json) -> Json:
    usage = holder.get("usage")
    if usage:
        details = usage.get("prompt_tokens_details", {"cached_tokens": 0})
        kept = {key: value for key, value in usage.items() if key != "prompt_tokens_details"}
        holder["usage"] = kept | {"cached_tokens": details["cached_tokens"]}
    return holder


def _interleaved(events: Events) -> Events:
    """Every call opened first, then their arguments in turns."""
    own = [e for e in events if any(True for _ in _call_deltas([e]))]
    if not own:
        return events
    by_call: dict[int, Events] = {}
    for event in own:
        by_call.setdefault(next(_call_deltas([event]))["index"], []).append(event)
    turns = itertools.zip_longest(*by_call.values())
    mixed = [event for turn in turns for event in turn if event is not None]
    position = events.index(own[0])
    rest = [event for event in events if not any(event is call for call in own)]
    return rest[:position] + mixed + rest[position:]


def _late_names(events: Events) -> Events:
    """The name arrives after some arguments: with the third delta of its call, or the last."""
    by_call: dict[int, list[Json]] = {}
    for delta in _call_deltas(events):
        by_call.setdefault(delta["index"], []).append(delta["function"])
    for functions in by_call.values():
        name = functions[0].pop("name")
        functions[min(2, len(functions) - 1)]["name"] = name
    return events


def _each_call(change: Callable[[Json], None]) -> EventsPass:
    def changed(events: Events) -> Events:
        for delta in _call_deltas(events):
            change(delta)
        return events

    return changed


def _no_id(delta: Json) -> None:
    delta.pop("id", None)


def _no_index(delta: Json) -> None:
    del delta["index"]


def _index_zero(delta: Json) -> None:
    delta["index"] = 0


def _index_from_one(delta: Json) -> None:
    delta["index"] += 1


def _one_id(delta: Json) -> None:
    if "id" in delta:
        delta["id"] = "call_same"


def _repeated_ids(events: Events) -> Events:
    first: dict[int, Json] = {}
    for delta in _call_deltas(events):
        opening = first.setdefault(delta["index"], delta)
        delta.update(id=opening["id"], type="function")
        delta["function"]["name"] = opening["function"]["name"]
    return events


def _whole_calls(events: Events) -> Events:
    """All deltas of a call folded into its first."""
    opening: dict[int, Json] = {}
    kept: Events = []
    for event in events:
        deltas = list(_call_deltas([event]))
        fresh = [delta for delta in deltas if delta["index"] not in opening]
        for delta in deltas:
            first = opening.setdefault(delta["index"], delta)
            if first is not delta:
                first["function"]["arguments"] += delta["function"]["arguments"]
        if fresh or not deltas:
            kept.append(event)
    return kept


def _empty_call_lists(events: Events) -> Events:
    for choice in _choices(events):
        if choice["delta"].get("content"):
            choice["delta"]["tool_calls"] = []
    return events


def _null_arguments(events: Events) -> Events:
    for delta in _call_deltas(events):
        if delta["function"].get("arguments") == "":
            delta["function"]["arguments"] = None
    return events


def _object_arguments(events: Events) -> Events:
    events = _whole_calls(events)
    for delta in _call_deltas(events):
        delta["function"]["arguments"] = json.loads(delta["function"]["arguments"] or "{}")
    return events


def _leaked_calls(events: Events) -> Events:
    """Calls as markup in the content; cut as by a server's detokenizer, never where a mark ends."""
    events = _whole_calls(events)
    calls = list(_call_deltas(events))
    if not calls:
        return events
    kept = [event for event in events if not list(_call_deltas([event]))]
    markup = _markup(calls)
    leaked: Events = []
    for start in range(0, len(markup), _MARKUP_PIECE):
        event = copy.deepcopy(next(event for event in kept if _finish(event)))
        assert isinstance(event.data, dict)
        piece = markup[start : start + _MARKUP_PIECE]
        event.data["choices"][0].update(delta={"content": piece}, finish_reason=None)
        leaked.append(event)
    end = next(index for index, event in enumerate(kept) if _finish(event))
    return _stop_despite_calls([*kept[:end], *leaked, *kept[end:]])


def _markup(calls: list[Json]) -> str:
    # https://github.com/MoonshotAI/Kimi-K2/blob/main/docs/tool_call_guidance.md
    inner = "".join(
        f"<|tool_call_begin|>functions.{call['function']['name']}:{number}"
        f"<|tool_call_argument_begin|>{call['function']['arguments'] or '{}'}<|tool_call_end|>"
        for number, call in enumerate(calls)
    )
    return f"<|tool_calls_section_begin|>{inner}<|tool_calls_section_end|>"


def _reasoning_as(*keys: str) -> EventsPass:
    def renamed(events: Events) -> Events:
        for choice in _choices(events):
            text = choice["delta"].pop("reasoning_content", None)
            if text is not None:
                choice["delta"].update(dict.fromkeys(keys, text))
        return events

    return renamed


def _think_tags(events: Events) -> Events:
    thinking = [c for c in _choices(events) if "reasoning_content" in c["delta"]]
    for choice in thinking:
        choice["delta"] = {"content": choice["delta"]["reasoning_content"]}
    if thinking:
        thinking[0]["delta"]["content"] = "<think>" + thinking[0]["delta"]["content"]
        thinking[-1]["delta"]["content"] += "</think>\n"
    return events


def _late_reasoning(events: Events) -> Events:
    def has(event: Event, key: str) -> bool:
        return any(choice["delta"].get(key) for choice in _choices([event]))

    late = [event for event in events if has(event, "reasoning_content")]
    rest = [event for event in events if not has(event, "reasoning_content")]
    after = [index for index, event in enumerate(rest) if has(event, "content")]
    position = after[-1] + 1 if after else 1
    return rest[:position] + late + rest[position:]


def _null_content(events: Events) -> Events:
    for choice in _choices(events):
        if "content" not in choice["delta"] or choice["delta"]["content"] == "":
            choice["delta"]["content"] = None
    return events


def _empty_chunks(events: Events) -> Events:
    return [e for e in events if _finish(e) or _is_usage(e) or _is_done(e) or e is events[0]]


def _one_text(key: str) -> EventsPass:
    """Every delta of the text folded into the first."""

    def folded(events: Events) -> Events:
        whole = "".join(c["delta"].get(key) or "" for c in _choices(events))
        kept: Events = []
        for event in events:
            texts = [c for c in _choices([event]) if c["delta"].get(key)]
            for choice in texts:
                choice["delta"][key], whole = whole, ""
            if not texts or texts[0]["delta"][key]:
                kept.append(event)
        return kept

    return folded


def _wrong_shape(_: Events) -> Events:
    return [Event(None, {"ok": True}), Event(None, "[DONE]")]


# --- passes over the whole answer ---------------------------------------------------------


def _each_message(change: Callable[[Json], None]) -> BodyPass:
    def changed(body: Json) -> Json:
        for choice in body["choices"]:
            change(choice["message"])
        return body

    return changed


def _each_whole_call(change: Callable[[Json], None]) -> BodyPass:
    def each(message: Json) -> None:
        for call in message.get("tool_calls", ()):
            change(call)

    return _each_message(each)


def _each_choice(**members: object) -> BodyPass:
    def changed(body: Json) -> Json:
        for choice in body["choices"]:
            choice.update(members)
        return body

    return changed


def _usage_dropped(body: Json) -> Json:
    body.pop("usage", None)
    return body


def _arguments_null(call: Json) -> None:
    if call["function"]["arguments"] == "{}":
        call["function"]["arguments"] = None


def _arguments_object(call: Json) -> None:
    call["function"]["arguments"] = json.loads(call["function"]["arguments"])


def _message_reasoning_as(*keys: str) -> BodyPass:
    def renamed(message: Json) -> None:
        text = message.pop("reasoning_content", None)
        if text is not None:
            message.update(dict.fromkeys(keys, text))

    return _each_message(renamed)


def _message_think_tags(message: Json) -> None:
    text = message.pop("reasoning_content", None)
    if text is not None:
        message["content"] = f"<think>{text}</think>\n{message['content'] or ''}"


def _calls_leaked(body: Json) -> Json:
    for choice in body["choices"]:
        message = choice["message"]
        calls = message.pop("tool_calls", None)
        if calls:
            message["content"] = (message["content"] or "") + _markup(calls)
            choice["finish_reason"] = "stop"
    return body


def _message_emptied(message: Json) -> None:
    message.clear()
    message.update(role="assistant", content="")


EVENT_PASSES: Mapping[Disorder, EventsPass] = MappingProxyType(
    {
        Disorder.NO_FINISH: _no_finish,
        Disorder.NO_TERMINATOR: _no_done,
        Disorder.DATA_AFTER_END: _data_after_done,
        Disorder.REPEATED_FINISH: _finish_repeated,
        Disorder.STOP_DESPITE_CALLS: _stop_despite_calls,
        Disorder.NO_USAGE: _without_usage,
        Disorder.USAGE_IN_CHOICE: _usage_in_choice,
        Disorder.USAGE_EVERYWHERE: _usage_everywhere,
        Disorder.CACHED_AT_TOP: _cached_at_top,
        Disorder.INTERLEAVED_CALLS: _interleaved,
        Disorder.LATE_NAMES: _late_names,
        Disorder.NO_IDS: _each_call(_no_id),
        Disorder.NO_INDEXES: _each_call(_no_index),
        Disorder.SAME_INDEX: _each_call(_index_zero),
        Disorder.FIRST_INDEX_ONE: _each_call(_index_from_one),
        Disorder.SAME_ID: _each_call(_one_id),
        Disorder.REPEATED_IDS: _repeated_ids,
        Disorder.WHOLE_CALLS: _whole_calls,
        Disorder.EMPTY_CALL_LISTS: _empty_call_lists,
        Disorder.NULL_ARGUMENTS: _null_arguments,
        Disorder.OBJECT_ARGUMENTS: _object_arguments,
        Disorder.LEAKED_CALLS: _leaked_calls,
        Disorder.REASONING_AS_REASONING: _reasoning_as("reasoning"),
        Disorder.REASONING_AS_TEXT: _reasoning_as("reasoning_text"),
        Disorder.REASONING_TWICE: _reasoning_as("reasoning_content", "reasoning"),
        Disorder.THINK_TAGS: _think_tags,
        Disorder.LATE_REASONING: _late_reasoning,
        Disorder.NULL_CONTENT: _null_content,
        Disorder.EMPTY_ANSWER: _empty_chunks,
        Disorder.WRONG_SHAPE: _wrong_shape,
        Disorder.HUGE_EVENT: _one_text("content"),
    }
)
BODY_PASSES: Mapping[Disorder, BodyPass] = MappingProxyType(
    {
        Disorder.NO_FINISH: _each_choice(finish_reason=None),
        Disorder.STOP_DESPITE_CALLS: _each_choice(finish_reason="stop"),
        Disorder.NO_USAGE: _usage_dropped,
        Disorder.CACHED_AT_TOP: _raise_cached,
        Disorder.NO_IDS: _each_whole_call(_no_id),
        Disorder.SAME_ID: _each_whole_call(_one_id),
        Disorder.NULL_ARGUMENTS: _each_whole_call(_arguments_null),
        Disorder.OBJECT_ARGUMENTS: _each_whole_call(_arguments_object),
        Disorder.LEAKED_CALLS: _calls_leaked,
        Disorder.REASONING_AS_REASONING: _message_reasoning_as("reasoning"),
        Disorder.REASONING_AS_TEXT: _message_reasoning_as("reasoning_text"),
        Disorder.REASONING_TWICE: _message_reasoning_as("reasoning_content", "reasoning"),
        Disorder.THINK_TAGS: _each_message(_message_think_tags),
        Disorder.EMPTY_ANSWER: _each_message(_message_emptied),
        Disorder.WRONG_SHAPE: lambda _: {"ok": True},
    }
)

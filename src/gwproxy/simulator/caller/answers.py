"""What a simulated client asks, and an answer as it has read it. Values only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gwproxy.simulator.conversation import DialectName
from gwproxy.simulator.wire import Event, Json

QUESTION = "What is the weather in Paris and in Tokyo? Ask the tool about both."
TOOL_NAME = "get_weather"
TOOL_DESCRIPTION = "The weather in one city, now."
TOOL_SCHEMA: Json = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "The name of the city."}},
    "required": ["city"],
}
# The vendors advise at least 16,000 for a model that thinks.
LIMIT_TOKENS = 16_000


class Unfit(Exception):
    """An answer that a strict client of its dialect could not use; the message says why."""


@dataclass(frozen=True, slots=True)
class CallerCall:
    call_id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CallerAnswer:
    """One answer, as read; `turn` is its wire form, which the client sends back unchanged."""

    model: str
    text: str
    thinking: str
    calls: tuple[CallerCall, ...]
    wants_results: bool
    prompt_tokens: int
    output_tokens: int
    turn: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallerCodec:
    """What a client needs of one dialect; all three have the same functions.

    `first` makes the opening request for a model, `next` the one that follows a turn and its
    results by call id. `whole` and `streamed` read an answer, and raise `Unfit`.
    """

    dialect: DialectName
    path: str
    headers: Mapping[str, str]
    first: Callable[[str], Json]
    next: Callable[[Json, CallerAnswer, Mapping[str, str]], Json]
    whole: Callable[[Json], CallerAnswer]
    streamed: Callable[[list[Event]], CallerAnswer]


def need(condition: object, complaint: str) -> None:
    if not condition:
        raise Unfit(complaint)


def arguments_of(text: str) -> Mapping[str, Any]:
    """The arguments of a call: always one JSON object."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Unfit(f"tool arguments are not JSON: {text!r}") from error
    need(isinstance(found, dict), f"tool arguments are not an object: {text!r}")
    arguments: dict[str, Any] = found
    return arguments


def data_of(event: Event) -> Json:
    """The data of an event that must be JSON."""
    if isinstance(event.data, str):
        raise Unfit(f"unexpected data: {event.data!r}")
    return event.data


def unframed(body: bytes) -> list[Event]:
    """The events of a stream; comments, which keep a connection alive, are skipped."""
    need(body.endswith(b"\n\n"), "the stream ends inside an event")
    events: list[Event] = []
    for block in body.decode().removesuffix("\n\n").split("\n\n"):
        name: str | None = None
        for line in block.split("\n"):
            key, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if key == "event":
                name = value
            elif key == "data":
                data = value if value == "[DONE]" else json.loads(value)
                events.append(Event(name, data))
            else:
                need(key == "", f"not a line of an event stream: {line!r}")
    return events

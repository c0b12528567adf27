"""Turns a well-formed answer into one that breaks its dialect's rules, one disorder a function.

The writers of the dialects stay simple because every deviation is a pass over what they wrote:
over the list of stream events, over the whole body, or over the bytes of a frame. A disorder
that an answer's dialect has no form of is refused loudly, so that no test passes in vain. Pure.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TypeVar

from gwproxy.simulator.conversation import DialectName
from gwproxy.simulator.disorder import chat, messages, responses
from gwproxy.simulator.faults import Disorder
from gwproxy.simulator.wire import BodyPass, Event, Events, EventsPass, Json, WireRefused, frame

COMMENT = b": OPENROUTER PROCESSING\n\n"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

EVENT_PASSES: Mapping[DialectName, Mapping[Disorder, EventsPass]] = MappingProxyType(
    {
        "anthropic": messages.EVENT_PASSES,
        "chat": chat.EVENT_PASSES,
        "responses": responses.EVENT_PASSES,
    }
)
BODY_PASSES: Mapping[DialectName, Mapping[Disorder, BodyPass]] = MappingProxyType(
    {
        "anthropic": messages.BODY_PASSES,
        "chat": chat.BODY_PASSES,
        "responses": responses.BODY_PASSES,
    }
)
FRAMING = frozenset(
    {
        Disorder.CRLF,
        Disorder.NO_SPACE,
        Disorder.BYTE_ORDER_MARK,
        Disorder.COMMENTS,
        Disorder.MANY_LINES,
        Disorder.NO_EVENT_NAMES,
        Disorder.EVENT_NAMES,
    }
)

Pass = TypeVar("Pass")


def disordered_events(
    events: Events, disorders: Collection[Disorder], dialect: DialectName
) -> Events:
    """The events with every disorder applied, in the order of the enumeration.

    Raises:
        WireRefused: 500, a stream of this dialect has no form of one of them.
    """
    for disorder in _in_order(disorders):
        change = _known(EVENT_PASSES[dialect], disorder, dialect)
        events = change(copy.deepcopy(events))
    return events


def disordered_body(body: Json, disorders: Collection[Disorder], dialect: DialectName) -> Json:
    """The whole answer with every disorder applied; those that only a stream has leave it alone.

    Raises:
        WireRefused: 500, neither the whole answer nor a stream of this dialect has a form of one.
    """
    for disorder in _in_order(disorders):
        change = BODY_PASSES[dialect].get(disorder)
        if change is not None:
            body = change(copy.deepcopy(body))
        else:
            _known(EVENT_PASSES[dialect], disorder, dialect)
    return body


def framed(events: Events, disorders: Collection[Disorder]) -> list[bytes]:
    """Each event as bytes, in good or bad framing."""
    frames = [_frame(event, disorders) for event in events]
    if Disorder.COMMENTS in disorders:
        frames = [COMMENT + data for data in frames]
    if Disorder.CRLF in disorders:
        frames = [data.replace(b"\n", b"\r\n") for data in frames]
    if Disorder.BYTE_ORDER_MARK in disorders and frames:
        frames[0] = BYTE_ORDER_MARK + frames[0]
    return frames


def _frame(event: Event, disorders: Collection[Disorder]) -> bytes:
    if Disorder.NO_EVENT_NAMES in disorders:
        event = event._replace(name=None)
    if Disorder.EVENT_NAMES in disorders:
        event = event._replace(name=event.name or "message")
    if Disorder.MANY_LINES in disorders and not isinstance(event.data, str):
        indented = json.dumps(event.data, ensure_ascii=False, indent=1)
        event = event._replace(data=indented.replace("\n", "\ndata: "))
    data = frame(event)
    if Disorder.NO_SPACE in disorders:
        lines = data.split(b"\n")
        data = b"\n".join(line.replace(b": ", b":", 1) for line in lines)
    return data


def _in_order(disorders: Collection[Disorder]) -> list[Disorder]:
    return [disorder for disorder in Disorder if disorder in disorders and disorder not in FRAMING]


def _known(passes: Mapping[Disorder, Pass], disorder: Disorder, dialect: DialectName) -> Pass:
    if disorder not in passes:
        raise WireRefused(500, f"simulator: the dialect {dialect} has no “{disorder}”")
    return passes[disorder]

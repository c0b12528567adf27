"""The stream of an answer in the hub, its grammar, and the two hinges.

    Start (Open Delta* Close)* Finish End        a finished answer
    … Open Delta* Finish End                     its last call was cut short: it has no Close
    … Fail                                       anything else, at any point; nothing follows

Blocks are numbered 0, 1, 2 … in the order of their Open. *Readers* may keep several open at once
(Chat interleaves parallel tool calls); the sequencer makes them follow one another; *writers* see
one open block at a time. Usage may come anywhere after Start and accumulates field by field. What
a reader emits after End or Fail is a bug of the reader.

A whole answer is the `fold` of its stream, and a reader lays a whole body out as the stream that it
would have been: that is how an upstream that cannot stream serves a client that wants a stream, and
the other way round.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from gwproxy.translate.hub import (
    UNTOLD,
    Block,
    Call,
    Failure,
    FailureKind,
    Opaque,
    Reasoning,
    Refusal,
    Reply,
    Seal,
    Stop,
    Text,
    Usage,
)

# How finely a whole text is cut when it must look like a stream: about a line on a terminal.
DELTA_CHARACTERS: Final = 64

BlockKind: TypeAlias = Literal["text", "refusal", "reasoning", "call", "opaque"]


class Start(Struct, frozen=True):
    """The upstream began to answer. `id` and `model` are its own; empty when it named none."""

    id: str = ""
    model: str = ""
    created: int | None = None


class Open(Struct, frozen=True):
    """Block `index` begins. `id`, `name`, `custom` and `namespace` are a call's; `opaque` blocks
    arrive whole in `native`."""

    index: int
    kind: BlockKind
    id: str = ""
    name: str = ""
    custom: bool = False
    namespace: str | None = None
    native: Opaque | None = None


class Delta(Struct, frozen=True, gc=False):
    """A piece of block `index`: of its text, its reasoning text, or a call's raw arguments."""

    index: int
    text: str


class Close(Struct, frozen=True):
    """Block `index` is complete; the other fields are a reasoning block's."""

    index: int
    seal: Seal | None = None
    foreign_signature: str | None = None
    hidden: bool = False


class UsageUpdate(Struct, frozen=True):
    """Cumulative figures; fields that are None keep what was known."""

    usage: Usage


class Finish(Struct, frozen=True):
    """The answer has finished, for the reason `stop`."""

    stop: Stop


class End(Struct, frozen=True):
    """The stream ended as it should, with all blocks closed."""


class Fail(Struct, frozen=True):
    """The stream ended in an error."""

    failure: Failure


class Ping(Struct, frozen=True):
    """A keepalive of the upstream's, without content."""


class Lost(Struct, frozen=True):
    """A part of the answer that the hub has no place for, such as citations."""

    what: str


Event: TypeAlias = Start | Open | Delta | Close | UsageUpdate | Finish | End | Fail | Ping | Lost


class GrammarError(AssertionError):
    """A reader or the sequencer broke the grammar: a bug of ours, never an upstream's fault."""


class Fold:
    """The Reply of a stream, collected event by event as they arrive. A call without a Close was
    cut short, and is left out."""

    def __init__(self) -> None:
        self._start = Start()
        self._opened: list[Open] = []
        self._texts: list[list[str]] = []
        self._closed: dict[int, Close] = {}
        self._usage = UNTOLD
        self._stop: Stop | None = None
        self._result: Reply | Failure | None = None

    def add(self, event: Event) -> None:
        match event:
            case Delta(index=index, text=text):
                self._texts[index].append(text)
            case Open():
                self._opened.append(event)
                self._texts.append([])
            case Close(index=index):
                self._closed[index] = event
            case Start():
                self._start = event
            case UsageUpdate(usage=usage):
                self._usage = self._usage.merged(usage)
            case Finish(stop=stop):
                self._stop = stop
            case Fail(failure=failure):
                self._result = failure
            case End() if self._stop is not None:
                whole = [opened for opened in self._opened if self._is_whole(opened)]
                self._result = Reply(
                    self._start.id,
                    self._start.model,
                    tuple(map(self._block, whole)),
                    self._stop,
                    self._usage,
                    self._start.created,
                    len(whole) < len(self._opened),
                )

    def _is_whole(self, opened: Open) -> bool:
        return opened.kind != "call" or opened.index in self._closed

    def _block(self, opened: Open) -> Block:
        text = "".join(self._texts[opened.index])
        close = self._closed.get(opened.index, Close(opened.index))
        match opened.kind:
            case "text":
                return Text(text)
            case "refusal":
                return Refusal(text)
            case "reasoning":
                return Reasoning(text, close.seal, close.foreign_signature, close.hidden)
            case "call":
                return Call(opened.id, opened.name, text, opened.custom, opened.namespace)
            case "opaque" if opened.native is not None:
                return opened.native
        raise GrammarError(f"{opened}: an opaque block without its native form")

    def result(self) -> Reply | Failure:
        """The answer, or its failure; a stream that did not end is one, whatever came before."""
        if self._result is None:
            return truncated()
        return self._result

    @property
    def usage(self) -> Usage:
        return self._usage


def fold(events: Iterable[Event]) -> Reply | Failure:
    folding = Fold()
    for event in events:
        folding.add(event)
    return folding.result()


def paced(events: Iterable[Event]) -> Iterator[Event]:
    """`events` with their texts cut into small deltas, for a stream out of a whole answer."""
    calls: set[int] = set()
    for event in events:
        if isinstance(event, Open) and event.kind == "call":
            calls.add(event.index)
        if isinstance(event, Delta) and event.index not in calls:
            yield from (Delta(event.index, piece) for piece in pieces(event.text))
        else:
            yield event


def pieces(text: str) -> Iterator[str]:
    """`text` in pieces of about `DELTA_CHARACTERS`, never cut before a combining character."""
    start = 0
    while start < len(text):
        end = start + DELTA_CHARACTERS
        while end < len(text) and _joins(text[end - 1], text[end]):
            end += 1
        yield text[start:end]
        start = end


def _joins(before: str, after: str) -> bool:
    if after < "\u0300":
        return False
    return (
        unicodedata.combining(after) != 0
        or after in "\u200d\ufe0e\ufe0f"
        or before == "\u200d"
        or "\U0001f3fb" <= after <= "\U0001f3ff"
    )


def truncated(detail: str = "") -> Failure:
    """The failure (502) of a stream that stopped before its end."""
    words = "the upstream's answer was cut off before it was complete"
    return Failure(FailureKind.UPSTREAM, f"{words} ({detail})" if detail else words, 502)


class Unreadable(ValueError):
    """What an upstream sent makes no answer; `str()` says why."""


def unreadable(detail: str) -> Failure:
    """The failure (502) of an answer that is not of the upstream's dialect."""
    return Failure(
        FailureKind.UPSTREAM, f"the upstream's answer could not be understood: {detail}", 502
    )

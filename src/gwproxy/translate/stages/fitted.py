"""Reduces an answer's text to the JSON that was asked for in the prompt alone.

Models put it into a code fence or explain it, and SDKs parse what they get: `messages.parse()`
raises for a fence. Where the text has exactly one JSON value, the rest is removed; where it has
none or several, it stays as it is, and that is a loss. A value that the schema does not allow goes
out all the same, and the loss names what it breaks.

Only the end shows whether there is a second value, so the text is held back until then, except in a
live answer that begins with its value, or with a fence before it: the value is then streamed, and
only what follows it is held back. (The fence is then gone, should a second value come.)

Text beside tool calls is no final answer: it is reduced only if it begins with its value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from msgspec import structs

from gwproxy.translate.events import Close, Delta, Event, Fail, Finish, Open, pieces
from gwproxy.translate.hub import OutputFormat
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.schema import misfit
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.embedded import (
    HEAD,
    Extent,
    may_become,
    opens_value,
    value_in,
)

_OfBlock: TypeAlias = Open | Delta | Close

_FORMAT: Final = "response_format"


class FittedAnswer:
    """Gives sequential events with their text reduced to the JSON that is `wanted`. `live`: the
    client reads a stream."""

    __slots__ = (
        "_extent",
        "_held",
        "_losses",
        "_next",
        "_off",
        "_places",
        "_told",
        "_undecided",
        "_wanted",
        "_words",
    )

    def __init__(self, wanted: OutputFormat, losses: Losses, *, live: bool) -> None:
        self._wanted = wanted
        self._losses = losses
        self._undecided = live  # whether the text may still turn out to begin with its value
        self._off = False
        self._words: dict[int, list[str]] = {}  # the text that is held back, by block
        self._held: list[_OfBlock] = []  # the events held back, from the first text on
        self._extent: Extent | None = None  # of the value that is being streamed
        self._told: list[str] = []  # the part of it that went out
        self._places: dict[int, int] = {}  # the client's index of each block
        self._next = 0

    def feed(self, events: Iterable[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            if isinstance(event, Open | Delta | Close):
                if isinstance(event, Open) and event.kind == "call" and not self._off:
                    self._settle_before_calls(out)
                if self._off:
                    self._give(event, out)
                else:
                    self._take(event, out)
                continue
            if isinstance(event, Fail):
                self._let_go(out)
            elif isinstance(event, Finish) and not self._off:
                self._settle(out)
            out.append(event)
        return out

    # --- what comes ------------------------------------------------------------------------------

    def _take(self, event: _OfBlock, out: list[Event]) -> None:
        if isinstance(event, Open) and event.kind == "text":
            self._words[event.index] = []
        if not self._words:  # reasoning before the first text goes out as it comes
            self._give(event, out)
        elif self._extent is not None:
            if isinstance(event, Delta):
                self._tell(event, self._extent, out)
            else:  # a value without an end
                self._settle(out)
                self._give(event, out)
        else:
            self._held.append(event)
            if isinstance(event, Delta) and event.index in self._words:
                self._words[event.index].append(event.text)
                if self._undecided:
                    self._decide(event.index, out)

    def _decide(self, index: int, out: list[Event]) -> None:
        """Begins to stream the value as soon as the text is seen to begin with it."""
        text = "".join(self._words[index])
        first = len(self._words) == 1
        head = HEAD.match(text) if first else None
        self._undecided = first and head is None and may_become(text)
        if head is not None:
            self._give(self._held[0], out)
            self._held.clear()
            self._words[index].clear()
            self._extent = Extent()
            start = head.end() if head["fence"] else 0
            self._tell(Delta(index, text[start:]), self._extent, out)

    def _tell(self, event: Delta, extent: Extent, out: list[Event]) -> None:
        end = extent.feed(event.text)
        told = event.text[:end]
        self._told.append(told)
        self._give(Delta(event.index, told), out)
        if end is not None:
            self._extent = None
            if rest := event.text[end:]:
                self._held.append(Delta(event.index, rest))
                self._words[event.index].append(rest)

    # --- how it ends -----------------------------------------------------------------------------

    def _settle_before_calls(self, out: list[Event]) -> None:
        first = "".join(next(iter(self._words.values()), ()))
        if self._told or HEAD.match(first):
            self._settle(out)
        else:
            self._let_go(out)

    def _settle(self, out: list[Event]) -> None:
        """Gives what was held back, reduced where it has exactly one value."""
        words = {index: "".join(parts) for index, parts in self._words.items()}
        if self._told:
            value = "".join(self._told)
            _, *others = words.values()
            more = any(map(opens_value, words.values())) or any(map(_kept_of, others))
            fits = jsonio.is_json(value) and not more
            kept = dict.fromkeys(words, "")
        else:
            values = {index: _kept_of(text) for index, text in words.items()}
            found = [index for index, value in values.items() if value is not None]
            others = [text for index, text in words.items() if index not in found]
            fits = len(found) == 1 and not any(map(opens_value, others))
            kept = {index: value or "" for index, value in values.items()}
            value = "".join(kept.values())
        if not fits:
            self._losses.drop(_FORMAT)
            self._let_go(out)
            return
        self._held = [
            event
            for event in self._held
            if event.index not in kept or kept[event.index] or event.index in self._places
        ]
        self._replace_words(kept)
        self._let_go(out)
        schema = self._wanted.schema
        broken = None if schema is None else misfit(jsonio.loads(value), schema)
        if broken is not None:
            self._losses.drop(f"{_FORMAT}.schema.{broken}")

    def _replace_words(self, kept: dict[int, str]) -> None:
        held, self._held = self._held, []
        for event in held:
            if isinstance(event, Delta) and event.index in kept:
                continue
            self._held.append(event)
            if isinstance(event, Open) and event.index in kept:
                self._held += (Delta(event.index, piece) for piece in pieces(kept[event.index]))

    def _let_go(self, out: list[Event]) -> None:
        for event in self._held:
            self._give(event, out)
        self._held.clear()
        self._off = True

    def _give(self, event: _OfBlock, out: list[Event]) -> None:
        if isinstance(event, Open):
            self._places[event.index] = self._next
            self._next += 1
        out.append(structs.replace(event, index=self._places[event.index]))


def _kept_of(text: str) -> str | None:
    """The value in `text`, with the blanks before it, which a streamed value would have too; None
    where there is no single value."""
    value = value_in(text)
    if value is None:
        return None
    before = text[: text.index(value)]
    return value if before.strip() else before + value

"""The answer to an order to compact the conversation: a summary sealed in one block, or a failure.

A client throws its history away for it. So an answer that is empty, cut short or declined is a
failure; reasoning and tool calls are left out. An upstream that was ordered to give such a block
itself, and did not, has failed as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from gwproxy.translate.events import (
    Close,
    Delta,
    End,
    Event,
    Fail,
    Finish,
    Open,
)
from gwproxy.translate.hub import UNHEEDED, Failure, FailureKind, Opaque, Stop, StopReason

_KEPT: Final = "the conversation stays as it is"
_CUT: Final = frozenset({StopReason.MAX_TOKENS, StopReason.CONTEXT_FULL})


class AwaitedSummary:
    """Gives sequential events, with a Fail at the end if the block that was ordered did not come;
    `is_in` says of an opaque block's JSON whether it is that block."""

    __slots__ = ("_has_come", "_is_in")

    def __init__(self, is_in: Callable[[bytes], bool]) -> None:
        self._is_in = is_in
        self._has_come = False

    def feed(self, events: Iterable[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            if isinstance(event, Open) and event.native is not None:
                self._has_come = self._has_come or self._is_in(event.native.native.encode())
            unheeded = isinstance(event, End) and not self._has_come
            out.append(Fail(not_heeded()) if unheeded else event)
        return out


def not_heeded() -> Failure:
    """The failure of an upstream that ignored an order to compact. It is worth asking again: the
    order is then carried out here, unless the quirk was set by hand."""
    words = (
        "the provider answered as if it had not been told to compact the conversation; ask again, "
        "and gwproxy has the model write a summary, unless quirk.compaction=true was set by hand "
        f"({_KEPT})"
    )
    return Failure(FailureKind.UPSTREAM, words, 502, code=UNHEEDED, retryable=True)


class Summary:
    """Gives an answer of one block, made by `sealed` of all the text, or a Fail."""

    __slots__ = ("_declined", "_sealed", "_stop", "_text", "_texts")

    def __init__(self, sealed: Callable[[str], Opaque]) -> None:
        self._sealed = sealed
        self._texts: set[int] = set()
        self._text: list[str] = []
        self._declined = False
        self._stop: Stop | None = None

    def feed(self, events: Iterable[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            match event:
                case Open(index=index, kind=kind):
                    self._declined = self._declined or kind == "refusal"
                    if kind in ("text", "refusal"):
                        self._texts.add(index)
                        self._text.append("\n\n" if self._text else "")
                case Delta(index=index, text=text):
                    if index in self._texts:
                        self._text.append(text)
                case Close():
                    pass
                case Finish(stop=stop):
                    self._stop = stop
                case End():
                    out += self._end()
                case _:
                    out.append(event)
        return out

    def _end(self) -> list[Event]:
        text = "".join(self._text).strip()
        failure = self._trouble(text)
        if failure is not None:
            return [Fail(failure)]
        block = Open(0, "opaque", native=self._sealed(text))
        return [block, Close(0), Finish(Stop(StopReason.END)), End()]

    def _trouble(self, text: str) -> Failure | None:
        reason = None if self._stop is None else self._stop.reason
        if self._declined or reason is StopReason.REFUSAL:
            said = text or (self._stop and self._stop.explanation) or "it did not say why"
            return _refused(f"the model declined to summarise the conversation ({said}); {_KEPT}")
        if reason in _CUT:
            return _refused(
                f"the summary of the conversation was cut short at the output limit; {_KEPT}. "
                "`gwproxy profile set NAME max_output_tokens=…` gives it more room"
            )
        if not text:
            words = f"the model summarised the conversation with not a word; {_KEPT}"
            return Failure(FailureKind.UPSTREAM, words, 502)
        return None


def _refused(why: str) -> Failure:
    """A failure that no client retries by itself: it would fail again, and be billed again."""
    return Failure(FailureKind.INVALID, why, 400, retryable=False)

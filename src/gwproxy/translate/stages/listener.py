"""Keeps an answer's reasoning, which `passes.recall` puts back into later requests."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping

from gwproxy.translate.events import Close, Delta, End, Event, Open
from gwproxy.translate.hub import Reasoning
from gwproxy.translate.passes.recall import RecallPlace, Thoughts, keep


class Listener:
    """Reads an answer's events and, when it ends well, keeps the reasoning that led to its tool
    calls or its text in `memory`."""

    __slots__ = ("_calls", "_memory", "_opened", "_pieces", "_place", "_said", "_thoughts")

    def __init__(self, place: RecallPlace, memory: MutableMapping[str, Thoughts]) -> None:
        self._place = place
        self._memory = memory
        self._opened: Open | None = None
        self._pieces: list[str] = []
        self._thoughts: list[Reasoning] = []
        self._said: list[str] = []
        self._calls: list[tuple[str, str]] = []

    def feed(self, events: Iterable[Event]) -> None:
        """Reads events of a sequential stream."""
        for event in events:
            kind = type(event)
            if kind is Delta:
                if self._opened is not None:
                    self._pieces.append(event.text)  # type: ignore[union-attr]
            elif kind is Open:
                read = event.kind in ("reasoning", "call", "text")  # type: ignore[union-attr]
                self._opened = event if read else None  # type: ignore[assignment]
            elif kind is Close:
                self._close(event)  # type: ignore[arg-type]
            elif kind is End and self._thoughts:
                said, thoughts = "".join(self._said), tuple(self._thoughts)
                keep(self._memory, self._place, self._calls, said, thoughts)

    def _close(self, close: Close) -> None:
        opened, text = self._opened, "".join(self._pieces)
        self._opened = None
        self._pieces.clear()
        if opened is None:
            return
        if opened.kind == "call":
            self._calls.append((opened.id, text))
        elif opened.kind == "text":
            self._said.append(text)
        else:
            thought = Reasoning(text, close.seal, close.foreign_signature, close.hidden)
            before = not self._calls and (thought.text.strip() or thought.is_sealed)
            if before or thought.is_state:
                self._thoughts.append(thought)

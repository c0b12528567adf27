"""Puts interleaved content blocks one after another.

Chat upstreams may send the deltas of parallel tool calls in turns; Anthropic and Responses clients
accept one open block at a time (a delta for another one is "Content block not found", or crossed
arguments: BerriAI/litellm#13373). The first open block streams live; what arrives for later ones
waits, merged, until the blocks before them are closed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gwproxy.translate.events import Close, Delta, Event, Fail, Finish, Open, unreadable

# Waiting blocks are tool arguments of one answer; more than this is an upstream gone wild.
MAX_WAITING_CHARACTERS: Final = 16 * 1024 * 1024


class _Waiting:
    __slots__ = ("close", "open", "parts")

    def __init__(self, opened: Open) -> None:
        self.open = opened
        self.parts: list[str] = []
        self.close: Close | None = None


class Sequencer:
    """Reorders events so that one block is open at a time; too much waiting ends in a Fail."""

    __slots__ = ("_failed", "_live", "_size", "_waiting")

    def __init__(self) -> None:
        self._live: int | None = None
        self._waiting: dict[int, _Waiting] = {}
        self._size = 0
        self._failed = False

    def feed(self, events: Iterable[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            kind = type(event)
            if kind is Delta:
                if event.index == self._live:  # type: ignore[union-attr]
                    out.append(event)
                else:
                    self._hold(event, out)  # type: ignore[arg-type]
            elif kind is Open or kind is Close:
                self._turn(event, out)  # type: ignore[arg-type]
            elif not self._failed:
                if kind is Fail or kind is Finish:
                    self._waiting.clear()
                out.append(event)
        return out

    def _hold(self, event: Delta, out: list[Event]) -> None:
        waiting = self._waiting.get(event.index)
        if waiting is None:
            return
        waiting.parts.append(event.text)
        self._size += len(event.text)
        if self._size > MAX_WAITING_CHARACTERS:
            self._failed, self._live = True, None
            self._waiting.clear()
            out.append(Fail(unreadable("parallel blocks of more than 16 MiB")))

    def _turn(self, event: Open | Close, out: list[Event]) -> None:
        if self._failed:
            return
        if isinstance(event, Open):
            if self._live is None:
                self._live = event.index
                out.append(event)
            else:
                self._waiting[event.index] = _Waiting(event)
        elif event.index == self._live:
            out.append(event)
            self._live = None
            self._promote(out)
        elif event.index in self._waiting:
            self._waiting[event.index].close = event

    def _promote(self, out: list[Event]) -> None:
        while self._live is None and self._waiting:
            index = next(iter(self._waiting))
            waiting = self._waiting.pop(index)
            out.append(waiting.open)
            if waiting.parts:
                text = "".join(waiting.parts)
                self._size -= len(text)
                out.append(Delta(index, text))
            if waiting.close is None:
                self._live = index
            else:
                out.append(waiting.close)

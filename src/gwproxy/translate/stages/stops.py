"""Matches stop sequences locally, for clients that must be told which one it was.

Chat upstreams stop without naming the string; an Anthropic client reads `stop_sequence`. So text
(not reasoning, not tool arguments) is searched here, the characters that might begin a match are
held back, and on a match the answer ends: the shell sees that the stream is over and stops the
upstream.
"""

from __future__ import annotations

from collections.abc import Iterable

from gwproxy.translate.events import Close, Delta, End, Event, Finish, Open
from gwproxy.translate.hub import Stop, StopReason


class StopMatcher:
    """Gives sequential events up to the first of `sequences`, which ends the answer."""

    __slots__ = ("_held", "_longest", "_over", "_sequences", "_text")

    def __init__(self, sequences: tuple[str, ...]) -> None:
        self._sequences = tuple(s for s in sequences if s)
        self._longest = max((len(s) for s in self._sequences), default=0)
        self._text: int | None = None
        self._held = ""
        self._over = False

    def feed(self, events: Iterable[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            if self._over:
                break
            if isinstance(event, Open) and event.kind == "text":
                self._text, self._held = event.index, ""
            elif isinstance(event, Delta) and event.index == self._text:
                self._match(event, out)
                continue
            elif isinstance(event, Close) and event.index == self._text:
                if self._held:
                    out.append(Delta(event.index, self._held))
                self._text, self._held = None, ""
            out.append(event)
        return out

    def _match(self, event: Delta, out: list[Event]) -> None:
        text = self._held + event.text
        found = [(at, s) for s in self._sequences if (at := text.find(s)) >= 0]
        if found:
            at, sequence = min(found, key=lambda hit: (hit[0], -len(hit[1])))
            if at:
                out.append(Delta(event.index, text[:at]))
            stop = Stop(StopReason.STOP_SEQUENCE, "stop", sequence)
            out += [Close(event.index), Finish(stop), End()]
            self._over = True
            return
        keep = min(self._longest - 1, len(text))
        while keep and not any(s.startswith(text[len(text) - keep :]) for s in self._sequences):
            keep -= 1
        if len(text) > keep:
            out.append(Delta(event.index, text[: len(text) - keep]))
        self._held = text[len(text) - keep :]

"""Hears what an answer thought before it called a tool (`passes.recall` puts it back)."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping

from gwproxy.translate.events import Close, Delta, End, Event, Open
from gwproxy.translate.hub import Reasoning
from gwproxy.translate.passes.recall import Thoughts, _is_genuine, key_of


class Listener:
    """Hears an answer on its way to the client and, when it ends well, keeps the thoughts that led
    to its calls."""

    __slots__ = ("_calls", "_memory", "_opened", "_pieces", "_session", "_thoughts")

    def __init__(self, session: str, memory: MutableMapping[str, Thoughts]) -> None:
        self._session = session
        self._memory = memory
        self._opened: Open | None = None
        self._pieces: list[str] = []
        self._thoughts: list[Reasoning] = []
        self._calls: list[tuple[str, str]] = []

    def feed(self, events: Iterable[Event]) -> None:
        """Events of a sequential stream."""
        for event in events:
            kind = type(event)
            if kind is Delta:
                if self._opened is not None:
                    self._pieces.append(event.text)  # type: ignore[union-attr]
            elif kind is Open:
                wanted = event.kind == "reasoning" or (  # type: ignore[union-attr]
                    event.kind == "call" and bool(self._thoughts)  # type: ignore[union-attr]
                )
                self._opened = event if wanted else None  # type: ignore[assignment]
            elif kind is Close:
                self._close(event)  # type: ignore[arg-type]
            elif kind is End:
                self._keep()

    def _close(self, close: Close) -> None:
        opened, text = self._opened, "".join(self._pieces)
        self._opened = None
        self._pieces.clear()
        if opened is None:
            return
        if opened.kind == "call":
            self._calls.append((opened.id, text))
            return
        thought = Reasoning(text, close.seal, close.foreign_signature, close.hidden)
        if _is_genuine(thought) and not self._calls:
            self._thoughts.append(thought)

    def _keep(self) -> None:
        for call_id, arguments in self._calls:
            self._memory[key_of(self._session, call_id, arguments)] = tuple(self._thoughts)

"""What the relay must know of a Chat stream whose bytes it passes on.

It is the reader with its eyes shut to the words: usage, model, finish reason and end are read by
the same code as in a translated answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from gwproxy.translate.chat.assembly import Assembly, Prose
from gwproxy.translate.chat.frames import CallPiece
from gwproxy.translate.chat.reader import Reader
from gwproxy.translate.events import Event
from gwproxy.translate.hub import Failure
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import sse


class Tap(Reader):
    """The events of a relayed stream, less its blocks."""

    def __init__(self, quirks: Quirks) -> None:
        super().__init__(quirks)
        self.decoder = self._decoder
        self._blocks = _Outline(quirks)
        self._out = self._blocks.out

    @property
    def over(self) -> bool:
        return self._over

    def read(self, frames: list[sse.Frame]) -> list[Event]:
        self._on_frames(frames)
        return self._take()

    def closing(self) -> bytes:
        """Nothing is open in a Chat stream."""
        return b""

    def _give_up(self, why: Failure) -> None:
        """The client gets it all the same, and may understand it."""


class _Outline(Assembly):
    """Whether something was said, called or refused."""

    _empty = True
    _called = False

    @property
    def empty(self) -> bool:
        return self._empty

    @property
    def called(self) -> bool:
        return self._called

    def text(self, text: str) -> None:
        self._empty = False

    def prose(self, kind: Prose, text: str) -> None:
        self._empty = False
        self.refused = self.refused or kind == "refusal"

    def calls(self, pieces: Sequence[CallPiece]) -> None:
        self._empty = False
        for piece in pieces:
            named = piece.function or piece.custom
            self._called = self._called or (named is not None and bool(named.name))

    def close(self) -> None:
        pass

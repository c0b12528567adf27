"""What the relay must know of a Chat stream whose bytes it passes on.

It is the reader with its eyes shut to the words: usage, model, finish reason and end are read by
the same code as in a translated answer. It opens them where the host says something that it wants
back and a client may lose (`thoughts`): from there on the tap tells of the blocks, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from gwproxy.translate.chat.assembly import Assembly, Prose
from gwproxy.translate.chat.frames import ABSENT, CallPiece, Words
from gwproxy.translate.chat.reader import Reader
from gwproxy.translate.events import Start, Unreadable
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.reading import Tapping
from gwproxy.translate.wire import sieve, sse

# The members whose strings the outline does not look into, with something in them.
_WORDS: Final = re.compile(
    rb'"(?:content|reasoning_content|reasoning|reasoning_text|arguments)": ?"(?!")'
)
_DETAILS: Final = b'"reasoning_details"'
_EXTRA: Final = b'"extra_content"'


class Tap(Tapping, Reader):
    """The events of a relayed stream, less its blocks."""

    def __init__(self, quirks: Quirks) -> None:
        super().__init__(quirks)
        self._quirks = quirks
        self._sieve = sieve.Repeats(_WORDS, self._is_dull)
        self.decoder = sse.Decoder(self._sifted)
        self._blocks: _Outline = _Outline(quirks)
        self._out = self._blocks.out

    @property
    def thinks_in(self) -> str:
        return self._blocks.thinks_in

    def _sifted(self, events: bytes) -> bytes:
        kept = self._sieve(events)
        if not kept:
            return kept
        if _DETAILS in kept or _EXTRA in kept:  # the first of them is no repeat of anything
            self.decoder.sieve = None
            self._blocks.hears = True
            return events
        return kept

    def _is_dull(self, data: bytes) -> bool:
        """Whether the event is JSON that does no more than to begin the answer and say or call
        something: what it does so need not be done twice."""
        alone = Tap(self._quirks)
        events = alone.read([(b"", data)])
        begun = len(events) == 1 and isinstance(events[0], Start)
        return begun and not alone.over and not alone._finish_reason


class _Outline(Assembly):
    """Whether something was said, called or refused; what, from when it `hears` on."""

    hears = False
    thinks_in = ""
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
        if self.hears:
            super().text(text)

    def prose(self, kind: Prose, text: str) -> None:
        self._empty = False
        self.refused = self.refused or kind == "refusal"
        if self.hears:
            super().prose(kind, text)

    def think(self, text: str, field: str = "") -> None:
        self._empty = self._empty and not text
        self.thinks_in = self.thinks_in or field
        if self.hears:
            super().think(text, field)

    def beside(self, words: Words) -> None:
        self._empty = self._empty and not words.content
        self.hears = True
        super().beside(words)

    def calls(self, pieces: Sequence[CallPiece]) -> None:
        self._empty = False
        for piece in pieces:
            named = piece.function or piece.custom
            self._called = self._called or (named is not None and bool(named.name))
            self.hears = self.hears or piece.extra_content is not ABSENT
        if self.hears:
            self._listen(super().calls, pieces)

    def close(self) -> None:
        if self.hears:
            self._listen(super().close)

    def _listen(self, method: Callable[..., None], *arguments: object) -> None:
        """What cannot be understood is the client's affair."""
        try:
            method(*arguments)
        except Unreadable:
            self.hears = False

"""Reads usage, model, finish reason and end of a Chat stream whose bytes are relayed.

It is the reader without the contents of blocks: the same code reads a translated answer. Once a
host sends something that it wants back and a client may lose (`thoughts`), the blocks are read too.
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

# Matches a member whose string the tap does not read, up to the string's first character.
_WORDS: Final = re.compile(
    rb'"(?:content|reasoning_content|reasoning|reasoning_text|arguments)": ?"(?!")'
)
_DETAILS: Final = b'"reasoning_details"'
_EXTRA: Final = b'"extra_content"'


class Tap(Tapping, Reader):
    """Gives the hub events of a relayed stream; of its content blocks only after `thoughts`."""

    def __init__(self, quirks: Quirks) -> None:
        super().__init__(quirks)
        self._quirks = quirks
        self._sieve = sieve.Repeats(_WORDS, self._is_dull)
        self.decoder = sse.Decoder(self._sifted)
        self._blocks: _Outline = _Outline(quirks)
        self._out = self._blocks.out

    @property
    def thinks_in(self) -> str:
        """The member in which reasoning came, or ""."""
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
        """Whether the event is JSON that only begins the answer and has content or calls: a repeat
        of it would change nothing."""
        alone = Tap(self._quirks)
        events = alone.read([(b"", data)])
        begun = len(events) == 1 and isinstance(events[0], Start)
        return begun and not alone.over and not alone._finish_reason


class _Outline(Assembly):
    """Whether there was content, a call or a refusal; the blocks too, once `hears` is set."""

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

    def state(self, words: Words) -> None:
        self._empty = self._empty and not words.content
        self.hears = True
        super().state(words)

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
        """Calls `method`; blocks that cannot be read are not read any more, the client may."""
        try:
            method(*arguments)
        except Unreadable:
            self.hears = False

"""What the relay must know of a Messages stream whose bytes it passes on.

It is the reader with its eyes shut to what the blocks hold: usage, model, reason to stop and end
are read by the same code as in a translated answer.
"""

from __future__ import annotations

from typing import Final

from msgspec import Raw

from gwproxy.translate.anthropic.assembly import Blocks
from gwproxy.translate.anthropic.frames import Frame, block_stop, decode_head
from gwproxy.translate.anthropic.reader import Reader
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.reading import Tapping
from gwproxy.translate.wire import jsonio, sieve, sse

_DELTA: Final = b'event: content_block_delta\ndata: {"type":%b"content_block_delta"'
_DULL: Final = (_DELTA % b"", _DELTA % b" ")
_CLOSED_BEFORE_AN_ERROR: Final = ("text", "thinking")


class Tap(Tapping, Reader):
    """The events of a relayed stream, less its blocks."""

    def __init__(self, quirks: Quirks) -> None:
        super().__init__(quirks)
        self.decoder = sse.Decoder(sieve.Beginnings(_DULL))
        self._blocks: _Outline = _Outline(quirks)
        self._out = self._blocks.out

    def closing(self) -> bytes:
        """What ends the open blocks before an error; a call stays open, for clients run it."""
        kinds = self._blocks.kinds
        return b"".join(block_stop(n) for n in kinds if kinds[n] in _CLOSED_BEFORE_AN_ERROR)

    def _on_content_block_delta(self, frame: Frame) -> None:
        """Text, and arguments, of which the client makes what it can."""


class _Outline(Blocks):
    """Which blocks are open, and whether one of them all was a call."""

    def __init__(self, quirks: Quirks) -> None:
        super().__init__(quirks)
        self.kinds: dict[int, str] = {}

    def open(self, position: int, raw: Raw) -> None:
        try:
            kind = decode_head(bytes(raw) or b"{}").type
        except jsonio.NotJson:
            kind = ""
        self.kinds[position] = kind
        self.called = self.called or kind == "tool_use"

    def close(self, position: int) -> None:
        self.kinds.pop(position, None)

    def close_all(self) -> None:
        self.kinds.clear()

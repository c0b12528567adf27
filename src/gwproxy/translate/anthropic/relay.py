"""Reads usage, model, stop reason and end of a Messages stream whose bytes are relayed.

It is the reader without the contents of blocks: the same code reads a translated answer.
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
    """Gives the hub events of a relayed stream, without its content blocks."""

    def __init__(self, quirks: Quirks) -> None:
        super().__init__(quirks)
        self.decoder = sse.Decoder(sieve.Beginnings(_DULL))
        self._blocks: _Outline = _Outline(quirks)
        self._out = self._blocks.out

    def closing(self) -> bytes:
        """The bytes that end open blocks before an error; a call stays open, as clients run it."""
        kinds = self._blocks.kinds
        return b"".join(block_stop(n) for n in kinds if kinds[n] in _CLOSED_BEFORE_AN_ERROR)

    def _on_content_block_delta(self, frame: Frame) -> None:
        """Ignores the deltas of content blocks."""


class _Outline(Blocks):
    """The kinds of the open blocks by index, and whether any block was a tool call (`called`)."""

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

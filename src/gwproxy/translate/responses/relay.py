"""Reads usage, model, status and end of a Responses stream whose bytes are relayed.

It is the reader without the contents of items: the same code reads a translated answer. Items are
not closed before an error, as the events that end an item repeat all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Raw

from gwproxy.translate.hub import Call, Refusal, Text
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.reading import Tapping
from gwproxy.translate.responses import items
from gwproxy.translate.responses.assembly import CALLS, Assembly
from gwproxy.translate.responses.frames import Frame, Head, head_shape
from gwproxy.translate.responses.reader import Reader
from gwproxy.translate.wire import sieve, sse
from gwproxy.translate.wire.fields import Malformed

_DULL: Final = tuple(
    b'event: response.%b.delta\ndata: {"type":%b"response.%b.delta"' % (kind, blank, kind)
    for kind in (
        b"output_text",
        b"reasoning_text",
        b"reasoning_summary_text",
        b"function_call_arguments",
        b"custom_tool_call_input",
    )
    for blank in (b"", b" ")
)


class Tap(Tapping, Reader):
    """Gives the hub events of a relayed stream, without its items."""

    def __init__(self, quirks: Quirks) -> None:
        super().__init__(quirks)
        self.decoder = sse.Decoder(sieve.Beginnings(_DULL))
        self._answer = _Outline(quirks.family)
        self._out = self._answer.out


class _Outline(Assembly):
    """Whether there was a call or a refusal, and the ids of the searches."""

    __slots__ = ()

    @property
    def empty(self) -> bool:
        return False

    def announce(self, index: int | None, head: Head, raw: Raw) -> None:
        self.called = self.called or (head.type in CALLS and bool(head.name))

    def complete(self, index: int | None, raw: Raw) -> None:
        try:
            kind = head_shape.read(raw, Losses(), "item").type
            blocks = items.read_answer(kind, raw, self._family)
        except Malformed:
            return
        for block in blocks:
            self._note_search(block)
        self.called = self.called or any(isinstance(block, Call) for block in blocks)
        self.refused = self.refused or any(
            isinstance(block, Refusal) and block.text for block in blocks
        )

    def repeat(self, output: Sequence[Raw]) -> None:
        for raw in output:
            self.complete(None, raw)

    def add_text(self, frame: Frame, kind: Text | Refusal, whole: str | None) -> None:
        said = bool(frame.delta or whole)
        self.refused = self.refused or (said and isinstance(kind, Refusal))

    def add_reasoning(self, frame: Frame, channel: str, section: int) -> None:
        pass

    def add_arguments(self, frame: Frame, kind: str, whole: str | None) -> None:
        pass

    def close(self) -> None:
        pass

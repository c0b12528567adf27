"""Turns an upstream's content blocks, in whatever order their deltas come, into hub events.

A block of the hub opens when there is something in it. An upstream's own indexes only say which
block a delta belongs to: they may have gaps, interleave, and be used again.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from msgspec import Raw

from gwproxy.translate.anthropic import hosted
from gwproxy.translate.anthropic.frames import decode_head
from gwproxy.translate.events import BlockKind, Close, Delta, Event, Lost, Open, Unreadable
from gwproxy.translate.hub import Seal, Search
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.growing import members_of
from gwproxy.translate.wire.shapes import present

# The kinds of the upstream's blocks; `native` are all that are not spelled out here.
_Kind: TypeAlias = Literal["text", "reasoning", "redacted", "call", "native"]
_PROSE: Final = ("text", "reasoning")


class _Block:
    """One open block of the upstream. `index` is the hub's, -1 until something was in it."""

    __slots__ = ("given", "index", "input", "kind", "native", "parts", "sealed", "torn")

    def __init__(self, kind: _Kind) -> None:
        self.kind: _Kind = kind
        self.index = -1
        self.sealed = ""
        self.input = "{}"
        self.given = False
        self.native = b""
        self.parts: list[str] = []
        self.torn = ""  # half of a surrogate pair, whose other half may come in the next delta


class Blocks:
    """The open blocks of one answer, and the hub events made of them so far (`out`)."""

    def __init__(self, quirks: Quirks) -> None:
        self.out: list[Event] = []
        self.called = False
        self._family = quirks.family
        self._open: dict[int, _Block] = {}
        self._opened = 0
        self._asked: dict[str, Search] = {}

    def open(self, position: int, raw: Raw) -> None:
        """Takes a block's start, with whatever it already holds. Raises Unreadable."""
        if position in self._open:
            raise Unreadable(f"content block {position} began twice")
        try:
            head = decode_head(bytes(raw) or b"{}")
        except jsonio.NotJson as error:
            raise Unreadable(f"content block {position}: {error}") from None
        match head.type:
            case "text" | "":
                self._put(position, "text")
                if head.text:
                    self.prose(position, "text", head.text)
                if present(head.citations) and bytes(head.citations) != b"[]":
                    self.out.append(Lost("citations"))
            case "thinking":
                self._put(position, "reasoning", head.signature)
                if head.thinking:
                    self.prose(position, "reasoning", head.thinking)
            case "redacted_thinking":
                self._put(position, "redacted", head.data)
            case "tool_use" if not head.name:
                raise Unreadable("a tool call without a name")
            case "tool_use":
                block = self._put(position, "call")
                block.input = jsonio.raw(head.input) if present(head.input) else "{}"
                block.index = self._number()
                self.called = True
                self.out.append(Open(block.index, "call", head.id or "", head.name or ""))
            case _:
                self._put(position, "native").native = bytes(raw)

    def prose(self, position: int, kind: Literal["text", "reasoning"], text: str) -> None:
        """Takes a delta of text or thinking. Raises Unreadable inside a tool call."""
        block = self._open.get(position)
        if block is None or block.kind != kind:
            block = self._switched(position, block, kind)
        if block.index < 0:
            self._show(block, kind)
        self._give(block, text)

    def input(self, position: int, text: str) -> None:
        """Takes a delta of a tool call's arguments. Raises Unreadable where there is no call."""
        block = self._open.get(position)
        if block is None or block.kind not in ("call", "native"):
            raise Unreadable(f"tool input for content block {position}, which is no call")
        if block.kind == "native":
            block.parts.append(text)
            return
        block.given = True
        self._give(block, text)

    def _give(self, block: _Block, text: str) -> None:
        if not text.isascii() or block.torn:
            text, block.torn = jsonio.join_halves(block.torn + text)
            if not text:
                return
        self.out.append(Delta(block.index, text))

    def seal(self, position: int, signature: str) -> None:
        """Takes a thinking block's signature."""
        block = self._open.get(position)
        if block is not None and block.kind == "reasoning":
            block.sealed = signature

    def close(self, position: int) -> None:
        """Takes a block's end; that of a block that is not open is ignored. Raises Unreadable."""
        block = self._open.pop(position, None)
        if block is None:
            return
        if block.torn:
            self.out.append(Delta(block.index, jsonio.mend(block.torn)))
        if block.kind == "call":
            if not block.given:
                self.out.append(Delta(block.index, block.input))
            self.out.append(Close(block.index))
        elif block.kind == "native":
            self._close_native(block)
        elif block.kind == "text":
            if block.index >= 0:
                self.out.append(Close(block.index))
        elif block.index >= 0 or block.sealed:
            self._close_thought(block)

    def close_all(self) -> None:
        """Ends all open blocks. Raises Unreadable."""
        for position in sorted(self._open):
            self.close(position)

    def _put(self, position: int, kind: _Kind, sealed: str | None = None) -> _Block:
        block = self._open[position] = _Block(kind)
        block.sealed = sealed or ""
        return block

    def _number(self) -> int:
        self._opened += 1
        return self._opened - 1

    def _show(self, block: _Block, kind: BlockKind) -> None:
        block.index = self._number()
        self.out.append(Open(block.index, kind))

    def _switched(
        self, position: int, block: _Block | None, kind: Literal["text", "reasoning"]
    ) -> _Block:
        """A new block of the right `kind`, for thinking in a text block, or a delta before its
        block's start (BerriAI/litellm#33224); the old block ends. Raises Unreadable."""
        if block is not None and block.kind not in _PROSE:
            raise Unreadable(f"{kind} in a block of kind {block.kind}")
        self.close(position)
        return self._put(position, kind)

    def _close_thought(self, block: _Block) -> None:
        if block.index < 0:
            self._show(block, "reasoning")
        hidden = block.kind == "redacted"
        kind: Literal["redacted", "signature"] = "redacted" if hidden else "signature"
        sealed = Seal(self._family, kind, block.sealed) if block.sealed else None
        self.out.append(Close(block.index, sealed, hidden=hidden))

    def _close_native(self, block: _Block) -> None:
        members = members_of(block.native)
        try:
            if block.parts:
                text = "".join(block.parts)
                jsonio.loads(text)
                members["input"] = Raw(text.encode())
        except jsonio.NotJson as error:
            raise Unreadable(f"a server tool's input: {error}") from None
        index = self._number()
        self.out += [
            Open(index, "opaque", native=hosted.opaque(jsonio.dumps(members), self._asked)),
            Close(index),
        ]

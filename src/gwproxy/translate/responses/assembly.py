"""Puts an upstream's items together, in whatever order and completeness their events come.

Items are found by `output_index`, or by id where an upstream gives none. A block opens with its
first content, a call with its name. What an item holds when it is done, and its deltas did not, is
handed in later; nothing is given twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Raw

from gwproxy.translate import jsonio
from gwproxy.translate.events import Close, Delta, Event, Lost, Open
from gwproxy.translate.fields import Malformed
from gwproxy.translate.hub import Block, Call, Opaque, Reasoning, Refusal, Seal, Text
from gwproxy.translate.losses import Losses
from gwproxy.translate.responses import items
from gwproxy.translate.responses.frames import Frame, Head, head_shape

# The calls that stream, and whether they are free-form.
CALLS: Final[Mapping[str, bool]] = {"function_call": False, "custom_tool_call": True}


class Part:
    """A block as it comes: what has been given of it so far."""

    __slots__ = ("block", "closed", "pieces", "torn")

    def __init__(self, block: int) -> None:
        self.block = block
        self.closed = False
        self.pieces: list[str] = []
        self.torn = ""  # the first half of a character whose second half is yet to come


class Item:
    """`parts` are by content index; all items but messages have one."""

    __slots__ = ("channel", "done", "head", "held", "parts", "section")

    def __init__(self, head: Head) -> None:
        self.head = head
        self.parts: dict[int, Part] = {}
        self.done = False
        self.held = ""  # arguments of a call whose name is yet to come
        self.channel = ""  # of reasoning: thoughts or their summary, whichever came first
        self.section = 0


class Assembly:
    """Items → events in `out`. Raises Malformed for items that cannot be understood."""

    __slots__ = ("_blocks", "_family", "_ids", "_items", "called", "out", "refused")

    def __init__(self, family: str) -> None:
        self.out: list[Event] = []
        self.called = False
        self.refused = False
        self._family = family
        self._blocks = 0
        self._items: dict[int | None, Item] = {}
        self._ids: dict[str, Item] = {}

    def announce(self, index: int | None, head: Head) -> None:
        item = self._items.get(index) or self._ids.get(head.id or "")
        if item is not None and head.id and item.head.id not in (None, head.id):
            self._close(item)  # another item in its place, by an upstream that counts them all as 0
        if item is None or item.done:
            item = self._add(index, head)
        item.head = head
        if head.type in CALLS and head.name and not item.parts:
            self._open_call(item)

    def complete(self, index: int | None, raw: Raw) -> None:
        """The whole item has come: hand in what its deltas did not hold, and close it."""
        head = head_shape.read(raw, Losses(), "item")
        item = self._items.get(index) or self._ids.get(head.id or "")
        if item is None:
            item = self._add(index, head)
        if item.done:
            return
        item.head = head
        if items.is_annotated(head.type, raw):
            self.out.append(Lost("annotations"))
        for position, block in enumerate(items.read_answer(head.type, raw, self._family)):
            part = item.parts.get(position)
            if part is None and is_empty(block):
                continue
            if part is None:
                part = self._open(item, position, block)
            self._give_rest(part, _text_of(block) or item.held)
            seal = block.seal if isinstance(block, Reasoning) else None
            self._close_part(part, Close(part.block, seal))
        self._close(item)

    def say(self, frame: Frame, kind: Text | Refusal, whole: str | None) -> None:
        """More of a message's part, or all of it in the event that ends it."""
        if not (frame.delta or whole):
            return
        item = self._find(frame, "message")
        part = item.parts.get(frame.content_index)
        if part is None:
            part = self._open(item, frame.content_index, kind)
        if part.closed:
            return
        if frame.delta:
            self._give(part, frame.delta)
        elif whole:
            self._give_rest(part, whole)

    def think(self, frame: Frame, channel: str, section: int) -> None:
        """Thoughts or a summary of them: an upstream that sends both would say things twice."""
        if not frame.delta:
            return
        item = self._find(frame, "reasoning")
        item.channel = item.channel or channel
        part = item.parts.get(0)
        if part is None:
            item.section = section
            part = self._open(item, 0, _REASONING)
        if part.closed or item.channel != channel:
            return
        if section != item.section:
            item.section = section
            self._give(part, items.SUMMARY_JOINT)
        self._give(part, frame.delta)

    def argue(self, frame: Frame, kind: str, whole: str | None) -> None:
        """More of a call's arguments, or all of them in the event that ends them."""
        item = self._find(frame, kind)
        part = item.parts.get(0)
        if part is None:
            item.held = whole or item.held + (frame.delta or "")
        elif frame.delta and not part.closed:
            self._give(part, frame.delta)
        elif whole:
            self._give_rest(part, whole)

    def close(self) -> None:
        """Nothing more will come for any item."""
        for item in (*self._items.values(), *self._ids.values()):
            self._close(item)

    def _find(self, frame: Frame, kind: str) -> Item:
        """The item that an event belongs to, even when nobody announced it."""
        found = self._items.get(frame.output_index) or self._ids.get(frame.item_id or "")
        if found is None:
            found = self._add(frame.output_index, Head(kind, frame.item_id))
        return found

    def _add(self, index: int | None, head: Head) -> Item:
        item = Item(head)
        if index is not None:
            self._items[index] = item
        if head.id or index is None:
            self._ids[head.id or f"?{len(self._ids)}"] = item
        return item

    def _close(self, item: Item) -> None:
        if item.done:
            return
        if item.head.type in CALLS and not item.parts:
            raise Malformed("output", "a tool call without a name")
        item.done = True
        for part in item.parts.values():
            self._close_part(part, Close(part.block))

    def _close_part(self, part: Part, close: Close) -> None:
        if part.closed:
            return
        if part.torn:
            self.out.append(Delta(part.block, "\ufffd"))
        part.closed = True
        self.out.append(close)

    def _open(self, item: Item, position: int, block: Block) -> Part:
        part = item.parts[position] = Part(self._blocks)
        self._blocks += 1
        self.called = self.called or isinstance(block, Call)
        self.refused = self.refused or isinstance(block, Refusal)
        self.out.append(_opened(part.block, block))
        return part

    def _open_call(self, item: Item) -> None:
        head = item.head
        custom = CALLS[head.type]
        call = Call(head.call_id or head.id or "", head.name or "", "", custom, head.namespace)
        part = self._open(item, 0, call)
        if item.held:
            self._give(part, item.held)

    def _give(self, part: Part, text: str) -> None:
        if part.torn or not text.isascii():
            text, part.torn = jsonio.join_halves(part.torn + text)
            if not text:
                return
        part.pieces.append(text)
        self.out.append(Delta(part.block, text))

    def _give_rest(self, part: Part, whole: str) -> None:
        given = "".join(part.pieces)
        if not part.closed and len(whole) > len(given) and whole.startswith(given):
            self._give(part, whole[len(given) :])


_REASONING: Final = Reasoning("")


def _opened(index: int, block: Block) -> Open:
    match block:
        case Call():
            return Open(index, "call", block.id, block.name, block.custom, block.namespace)
        case Opaque():
            return Open(index, "opaque", native=block)
        case Reasoning():
            return Open(index, "reasoning")
        case Refusal():
            return Open(index, "refusal")
    return Open(index, "text")


def _text_of(block: Block) -> str:
    match block:
        case Call(arguments=text) | Text(text=text) | Refusal(text=text) | Reasoning(text=text):
            return text
    return ""


def is_empty(block: Block) -> bool:
    """Nothing for anybody: no text, and nothing sealed that must come back."""
    match block:
        case Text(text="") | Refusal(text=""):
            return True
        case Reasoning(text="", seal=Seal(kind="text")):
            return True
    return False

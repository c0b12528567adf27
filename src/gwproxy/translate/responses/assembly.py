"""Turns an upstream's output items, in whatever order and completeness, into hub events.

Which item is meant: an event may have an `output_index`, the item's id, a call's `call_id`. It is
about the item that has one of these keys and differs in none (some hosts give parallel calls one
id). Where there is none, the ids cannot be trusted, as some hosts make up fresh ones in every event
(OpenRouter, vllm-project/vllm#56285): it is about the open item of its kind at its index. But an
`output_item.added` that differs from an item that was added is another item (some hosts count all
as 0). Without any key, it is about the open item of its kind. The response object at the end has
every item once: found by its keys whatever its index, else by its place.

A block opens with its first content, a call with its name. What a done item has, and its deltas had
not, is given then; nothing is given twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Raw

from gwproxy.translate.events import Close, Delta, Event, Lost, Open
from gwproxy.translate.hub import Block, Call, Opaque, Reasoning, Refusal, Seal, Text
from gwproxy.translate.losses import Losses
from gwproxy.translate.responses import items
from gwproxy.translate.responses.frames import Frame, Head, head_shape
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Malformed

# The calls that stream, and whether they are free-form.
CALLS: Final[Mapping[str, bool]] = {"function_call": False, "custom_tool_call": True}


class Part:
    """One hub block of an item; `pieces` are its deltas so far."""

    __slots__ = ("block", "closed", "pieces", "torn")

    def __init__(self, block: int) -> None:
        self.block = block
        self.closed = False
        self.pieces: list[str] = []
        self.torn = ""  # half of a surrogate pair, whose other half may come in the next delta


class Item:
    """One output item; `parts` are by content index, and all items but messages have one."""

    __slots__ = (
        "announced",
        "call_id",
        "channel",
        "done",
        "head",
        "held",
        "id",
        "index",
        "parts",
        "raw",
        "section",
    )

    def __init__(self, index: int | None, head: Head) -> None:
        self.index = index
        self.id = head.id
        self.call_id = head.call_id
        self.head = head
        self.parts: dict[int, Part] = {}
        self.announced = False
        self.raw = Raw()  # as it was announced
        self.done = False
        self.held = ""  # arguments of a call that has no name yet
        self.channel = ""  # of reasoning: the text or its summary, whichever came first
        self.section = 0

    def learn(self, head: Head) -> None:
        """Takes the head of the item, the first time or again."""
        self.head = head
        self.id = head.id or self.id
        self.call_id = head.call_id or self.call_id

    def agrees(self, index: int | None, head: Head) -> bool:
        """Whether the item has one of these keys, and differs in none."""
        keys = ((self.index, index), (self.id, head.id), (self.call_id, head.call_id))
        known = [
            mine == theirs for mine, theirs in keys if mine not in _NO_KEY and theirs not in _NO_KEY
        ]
        return any(known) and all(known) and self.is_like(head)

    def is_like(self, head: Head) -> bool:
        mine, kind = self.head.type, head.type
        return mine == kind or not mine or not kind or (mine in CALLS and kind in CALLS)


_NO_KEY: Final = (None, "")


class Assembly:
    """The items of one answer, and the hub events made of them so far (`out`). Raises Malformed for
    items that cannot be read."""

    __slots__ = (
        "_blocks",
        "_family",
        "_items",
        "_keys",
        "_latest",
        "called",
        "out",
        "refused",
        "searched",
    )

    def __init__(self, family: str) -> None:
        self.out: list[Event] = []
        self.called = False
        self.refused = False
        self.searched: set[str] = set()
        self._family = family
        self._blocks = 0
        self._items: list[Item] = []
        self._latest: Item | None = None  # the item of the latest delta, with its keys
        self._keys: tuple[int | None, str | None, str] = (None, None, "")

    @property
    def empty(self) -> bool:
        """Whether nothing has come so far."""
        return not self._items

    def announce(self, index: int | None, head: Head, raw: Raw) -> None:
        """Takes an item that was added, with whatever it already holds."""
        item = self._find(index, head)
        if item is None or item.done or (item.announced and not item.agrees(index, head)):
            item = self._add(index, head)
        self._latest = None
        item.announced = True
        item.raw = raw
        item.learn(head)
        if head.type in CALLS and head.name and not item.parts:
            for earlier in self._items:
                self._tell_announced(earlier)
            self._open_call(item)

    def _tell_announced(self, item: Item) -> None:
        """Gives the text that an item had when it was added, before a call opens behind it."""
        if item.done or item.parts or item.head.type not in ("message", "reasoning"):
            return
        for position, block in enumerate(items.read_answer(item.head.type, item.raw, self._family)):
            if text := _text_of(block):
                self._give(self._open(item, position, block), text)

    def complete(self, index: int | None, raw: Raw) -> None:
        """Takes a done item: gives what its deltas did not have, and closes it."""
        head = head_shape.read(raw, Losses(), "item")
        self._latest = None
        self._fill(self._find(index, head) or self._add(index, head), head, raw)

    def repeat(self, output: Sequence[Raw]) -> None:
        """Takes the items of the response object, which may repeat items or be their first
        mention."""
        left = list(enumerate(self._items))
        for place, raw in enumerate(output):
            head = head_shape.read(raw, Losses(), "output")
            self._fill(_repeated(left, place, head) or self._add(place, head), head, raw)

    def _fill(self, item: Item, head: Head, raw: Raw) -> None:
        if item.done:
            return
        item.learn(head)
        if items.is_annotated(head.type, raw):
            self.out.append(Lost("citations"))
        for position, block in enumerate(items.read_answer(head.type, raw, self._family)):
            part = item.parts.get(position)
            if part is None and _is_empty(block):
                continue
            if part is None:
                part = self._open(item, position, block)
            self._give_rest(part, _text_of(block) or item.held)
            seal = block.seal if isinstance(block, Reasoning) else None
            self._close_part(part, Close(part.block, seal))
        self._close(item)

    def add_text(self, frame: Frame, kind: Text | Refusal, whole: str | None) -> None:
        """Takes a delta of a message's part, or all of it (`whole`) in the event that ends it."""
        if not (frame.delta or whole):
            return
        item = self._meant(frame, "message")
        if item.done:
            return
        part = item.parts.get(frame.content_index)
        if part is None:
            part = self._open(item, frame.content_index, kind)
        if frame.delta:
            self._give(part, frame.delta)
        elif whole:
            self._give_rest(part, whole)

    def add_reasoning(self, frame: Frame, channel: str, section: int) -> None:
        """Takes a delta of reasoning text or of its summary, whichever came first: an upstream that
        sends both would say things twice. The event that ends a section has all of it."""
        if not (frame.delta or frame.text):
            return
        item = self._meant(frame, "reasoning")
        if item.done:
            return
        item.channel = item.channel or channel
        part = item.parts.get(0)
        new = part is None or section != item.section
        if part is None:
            item.section = section
            part = self._open(item, 0, _REASONING)
        if item.channel != channel or not (frame.delta or new):
            return
        if section != item.section:
            item.section = section
            self._give(part, items.SUMMARY_JOINT)
        self._give(part, frame.delta or frame.text or "")

    def add_arguments(self, frame: Frame, kind: str, whole: str | None) -> None:
        """Takes a delta of a call's arguments, or all of them (`whole`) in the event that ends
        them."""
        item = self._meant(frame, kind)
        if item.done:
            return
        part = item.parts.get(0)
        if part is None:
            item.held = whole or item.held + (frame.delta or "")
        elif frame.delta:
            self._give(part, frame.delta)
        elif whole:
            self._give_rest(part, whole)

    def close(self) -> None:
        """Closes all items; one that was only added, and held its content then, is taken as
        done."""
        for item in self._items:
            if item.announced and not item.done and self._came_whole(item):
                self._fill(item, item.head, item.raw)
            self._close(item)

    def _came_whole(self, item: Item) -> bool:
        """Whether an item was whole when it was added. The seal of reasoning without text does not
        count: the vendor's changes until the item is done."""
        blocks = items.read_answer(item.head.type, item.raw, self._family)
        announced = "".join(map(_text_of, blocks))
        given = "".join(piece for part in item.parts.values() for piece in part.pieces)
        return given in ("", announced) and bool(announced or item.head.type != "reasoning")

    def _meant(self, frame: Frame, kind: str) -> Item:
        """The item that a delta belongs to; a new one where none was added."""
        item, index, name = self._latest, frame.output_index, frame.item_id
        if item is None or name != self._keys[1] or index != self._keys[0] or kind != self._keys[2]:
            head = Head(kind, name)
            item = self._latest = self._find(index, head) or self._add(index, head)
            self._keys = (index, name, kind)
        return item

    def _find(self, index: int | None, head: Head) -> Item | None:
        known = [*reversed(self._items)]
        known.sort(key=lambda item: item.done)
        for item in known:
            if item.agrees(index, head):
                return item
        keyless = index is None and not head.id and not head.call_id
        for item in known:
            at_its_index = index is not None and item.index == index
            if not item.done and (keyless or at_its_index) and item.is_like(head):
                return item
        return None

    def _add(self, index: int | None, head: Head) -> Item:
        item = Item(index, head)
        self._items.append(item)
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
        self._note_search(block)
        self.out.append(_opened(part.block, block))
        return part

    def _note_search(self, block: Block) -> None:
        search = block.search if isinstance(block, Opaque) else None
        if search is not None and not search.opens:
            self.searched.add(search.id)

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


def _repeated(left: list[tuple[int, Item]], place: int, head: Head) -> Item | None:
    """The item that `head` repeats, taken out of `left`; None for a new one."""
    by_trust: tuple[Callable[[int, Item], bool], ...] = (
        lambda _order, item: item.agrees(place, head),
        lambda _order, item: item.agrees(None, head),
        lambda order, item: (
            (order if item.index is None else item.index) == place and item.is_like(head)
        ),
    )
    for is_it in by_trust:
        for at, (order, item) in enumerate(left):
            if is_it(order, item):
                del left[at]
                return item
    return None


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


def _is_empty(block: Block) -> bool:
    """Whether a block has neither text nor sealed reasoning."""
    match block:
        case Text(text="") | Refusal(text=""):
            return True
        case Reasoning(text="", seal=Seal(kind="text")):
            return True
    return False

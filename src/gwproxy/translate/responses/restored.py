"""Turns the calls of a relayed answer back into the client's own kinds, where `flat.py` made
functions of its tools: free-form calls, calls in a namespace, calls in an item type of their own.

Everything else keeps its bytes. A free-form call that was cut inside its text gets no `done` events
(Codex runs what is done), and the answer becomes incomplete.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from msgspec import Raw, Struct

from gwproxy.translate.hub import Call
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.names import Flattened, Known
from gwproxy.translate.responses import output
from gwproxy.translate.wire import jsonio, sse
from gwproxy.translate.wire.arguments import Unwrapper, end_of
from gwproxy.translate.wire.fields import Malformed
from gwproxy.translate.wire.shapes import Shape
from gwproxy.translate.wire.splice import Edit, edited, found, omit, put

_EVENT_END: Final = re.compile(rb"(?<=\n\n)|(?<=\r\n\r\n)|(?<=\r\r)")
# Inside texts quotes are escaped, so these are members' names or values.
_OF_INTEREST: Final = (b'"response"', b'"function_call"', b"response.function_call_arguments.")
_INPUT: Final = "response.custom_tool_call_input."
_CUT: Final = b'"incomplete","incomplete_details":{"reason":"max_output_tokens"}'


class _Item(Struct):
    type: str = ""
    id: str | None = None
    status: str = "completed"
    call_id: str = ""
    name: str = ""
    arguments: Any = ""


class _Event(Struct):
    type: str = ""
    item: Raw = Raw()
    item_id: str | None = None
    output_index: Any = None
    delta: Any = ""
    arguments: Any = None
    response: Raw = Raw()


_item: Final = Shape(_Item)
_event: Final = Shape(_Event)


class _Growing:
    """A call that has begun; `known` is None for one in an item type of its own."""

    def __init__(self, known: Known | None) -> None:
        self.known = known
        self.text = Unwrapper()
        self.told = ""


class Restored:
    """Turns the calls of one answer back."""

    def __init__(self, flattened: Flattened) -> None:
        self._flat = flattened
        self._growing: dict[object, _Growing] = {}
        self._half = False
        self._shift = 0  # how many more events went out than came in

    def whole(self, body: bytes) -> bytes:
        """The body of a whole answer with its calls turned back."""
        body = self._restated(body, ())
        return self._cut_short(body, ()) if self._half else body

    def feed(self, events: bytes) -> bytes:
        """The bytes of whole events of a stream with their calls turned back."""
        if not self._shift and not any(word in events for word in _OF_INTEREST):
            return events
        return b"".join(self._told(event) for event in _EVENT_END.split(events) if event)

    def _told(self, event_bytes: bytes) -> bytes:
        decoder = sse.Decoder()
        frames = decoder.feed(event_bytes) + decoder.finish()
        if len(frames) != 1:
            return event_bytes
        name, data = frames[0]
        try:
            event = _event.read(data, Losses())
        except Malformed:
            return event_bytes
        kind = event.type or name.decode("utf-8", "replace")
        told = [
            edited(one, [Edit(("sequence_number",), self._numbered(place))])
            for place, one in enumerate(self._on(kind, event, data))
        ]
        self._shift += len(told) - 1
        if told == [data]:
            return event_bytes
        named = ((_event.read(one, Losses()).type or kind, one) for one in told)
        return b"".join(sse.encode(kind, one) for kind, one in named)

    def _numbered(self, place: int) -> Callable[[bytes], bytes]:
        further = self._shift + place
        return lambda number: b"%d" % (int(number) + further) if number.isdigit() else number

    def _on(self, kind: str, event: _Event, data: bytes) -> list[bytes]:
        """The data of the events that replace one event."""
        match kind:
            case "response.output_item.added":
                return self._added(event, data)
            case "response.function_call_arguments.delta":
                return self._delta(event, data)
            case "response.function_call_arguments.done":
                return self._arguments_done(event, data)
            case "response.output_item.done":
                return self._done(event, data)
        if not bytes(event.response).startswith(b"{"):
            return [data]
        data = self._restated(data, ("response",))
        return [self._cut_short(data, ("response",)) if self._half else data]

    # --- one call --------------------------------------------------------------------------------

    def _added(self, event: _Event, data: bytes) -> list[bytes]:
        item = _item.read(event.item, Losses(), "item")
        known, typed = self._kind_of(item)
        if known is None and not typed:
            return [data]
        growing = _Growing(known)
        for key in (item.id, event.output_index):
            if key is not None:
                self._growing[key] = growing
        if typed:  # such an item comes whole
            return []
        return [edited(data, [Edit(("item",), lambda text: self._item(text, begun=True))])]

    def _delta(self, event: _Event, data: bytes) -> list[bytes]:
        growing = self._growing_of(event)
        if growing is None or (growing.known is not None and not growing.known.custom):
            return [data]
        text = growing.text.feed(str(event.delta))
        growing.told += text
        return [_delta_of(data, "delta", text)] if text and growing.known is not None else []

    def _arguments_done(self, event: _Event, data: bytes) -> list[bytes]:
        growing = self._growing_of(event)
        if growing is None:
            return [data]
        known = growing.known
        if known is None:
            return []
        if not known.custom:
            return [edited(data, [put("name", jsonio.text(known.name))])]
        text = _text_of(event.arguments)
        if text is None:
            return []
        owed = text.removeprefix(growing.told) if text.startswith(growing.told) else ""
        done = edited(
            data,
            [
                omit("name"),
                put("type", jsonio.text(f"{_INPUT}done")),
                Edit(("arguments",), lambda _old: jsonio.text(text)),
            ],
        )
        done = _renamed(done, b"arguments", b"input")
        return [_delta_of(data, "arguments", owed), done] if owed else [done]

    def _done(self, event: _Event, data: bytes) -> list[bytes]:
        item = _item.read(event.item, Losses(), "item")
        known, typed = self._kind_of(item)
        if known is None and not typed:
            return [data]
        restored = self._item(bytes(event.item))
        if restored is None:
            return []
        done = edited(data, [put("item", restored)])
        if not typed:
            return [done]
        return [edited(done, [put("type", b'"response.output_item.added"')]), done]

    def _growing_of(self, event: _Event) -> _Growing | None:
        return self._growing.get(event.item_id) or self._growing.get(event.output_index)

    # --- items, and the object that holds them ---------------------------------------------------

    def _kind_of(self, item: _Item) -> tuple[Known | None, bool]:
        if item.type != "function_call":
            return None, False
        return self._flat.names.known(item.name), item.name in self._flat.typed

    def _item(self, text: bytes, *, begun: bool = False) -> bytes | None:
        """The item for the client; None for a call that was cut, unless it has only `begun`."""
        try:
            item = _item.read(text, Losses(), "item")
        except Malformed:
            return text
        known, typed = self._kind_of(item)
        if typed:
            return self._typed(item, text)
        if known is None:
            return text
        named = jsonio.text(known.name)
        if known.namespace is not None:
            named += b',"namespace":' + jsonio.text(known.namespace)
        if not known.custom:
            return edited(text, [omit("namespace"), put("name", named)])
        said = "" if begun else _text_of(item.arguments)
        if said is None:
            self._half = True
            return None
        named += b',"input":' + jsonio.text(said)
        edits = [omit("namespace"), omit("arguments"), put("type", b'"custom_tool_call"')]
        return edited(text, [*edits, put("name", named)])

    def _typed(self, item: _Item, text: bytes) -> bytes | None:
        arguments = str(item.arguments)
        if end_of(arguments) == "half":
            self._half = True
            return None
        call = Call(item.call_id, item.name, arguments)
        made = jsonio.text(arguments)
        return output.call_item(item.id or "", item.status, call, made, self._flat.typed)

    def _restated(self, data: bytes, place: tuple[str, ...]) -> bytes:
        """The response object at `place` with the client's own items, tools and tool choice."""
        edits = [Edit((*place, "output", None), self._item)]
        for name, said in self._flat.repeated:
            edits.append(Edit((*place, name), lambda _value, said=said: said))  # type: ignore[misc]
        return edited(data, edits)

    @staticmethod
    def _cut_short(data: bytes, place: tuple[str, ...]) -> bytes:
        if not any(status == b'"completed"' for _, status in found(data, (*place, "status"))):
            return data
        edits = [
            Edit((*place, "incomplete_details"), lambda _value: None),
            Edit((*place, "status"), lambda _value: _CUT),
        ]
        if place:
            edits.append(Edit(("type",), _incomplete))
        return edited(data, edits)


def _incomplete(kind: bytes) -> bytes:
    return b'"response.incomplete"' if kind == b'"response.completed"' else kind


def _text_of(arguments: Any) -> str | None:
    """The free-form text in a function's arguments; None where it was cut."""
    unwrapper = Unwrapper()
    text = unwrapper.feed(str(arguments or ""))
    return None if unwrapper.end == "half" else text + unwrapper.close()


def _delta_of(data: bytes, member: str, text: str) -> bytes:
    told = edited(
        data,
        [
            omit("name"),
            put("type", jsonio.text(f"{_INPUT}delta")),
            put(member, jsonio.text(text)),
        ],
    )
    return told if member == "delta" else _renamed(told, member.encode(), b"delta")


def _renamed(data: bytes, member: bytes, name: bytes) -> bytes:
    """`data` with its one `member` renamed to `name` (quotes inside texts are escaped)."""
    return data.replace(b'"%b"' % member, b'"%b"' % name, 1)

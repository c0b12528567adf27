"""Items of a client's stream that are not done yet: each writes its own events.

A draft writes its `added` event, says how its deltas are written, and when it is settled writes its
`done` events and gives the finished item for the response object. It knows its index and nothing of
sequence numbers, other items, or the response.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from gwproxy.translate.events import Close
from gwproxy.translate.hub import Call, Reasoning, Search
from gwproxy.translate.responses import hosted, output
from gwproxy.translate.wire import jsonio

# Writes an event, given its type, and its members after type and sequence number.
Emit: TypeAlias = Callable[[bytes, bytes], None]


class LiveDraft(NamedTuple):
    """The bytes of a delta event: before its sequence number, between number and text, and after
    the text."""

    before: bytes
    between: bytes
    after: bytes


class ResponseDraft:
    """One item that is not done. `pieces` are the open text so far, as insides of JSON strings;
    `live` is None while deltas cannot go out at once; `close` is the hub's Close once it has
    come."""

    def __init__(self, emit: Emit, index: int, item_id: str) -> None:
        self._emit = emit
        self._index = index
        self._id = item_id
        self._identity = b'"item_id":%b,"output_index":%d' % (jsonio.text(item_id), index)
        self.pieces: list[bytes] = []
        self.live: LiveDraft | None = None
        self.close: Close | None = None

    def hold(self, text: bytes) -> None:
        """Takes a delta that came while `live` was None; its piece is already kept."""

    def settle(self, status: str) -> bytes:
        """The finished item, after its `done` events were written."""
        item = self._finished(status)
        self._emit(
            b"response.output_item.done", b'"output_index":%d,"item":%b' % (self._index, item)
        )
        return item

    def _finished(self, status: str) -> bytes:
        raise NotImplementedError

    def _announce(self, item: bytes) -> None:
        members = b'"output_index":%d,"item":%b' % (self._index, item)
        self._emit(b"response.output_item.added", members)

    def _text(self) -> bytes:
        return b'"%b"' % b"".join(self.pieces)

    @staticmethod
    def _as_live(kind: bytes, place: bytes, rest: bytes = b"") -> LiveDraft:
        return LiveDraft(
            b'event: %b\ndata: {"type":"%b","sequence_number":' % (kind, kind),
            b',%b,"delta":' % place,
            rest + b"}\n\n",
        )


class Message(ResponseDraft):
    """A message item: neighbouring texts are one part; a refusal is another part."""

    def __init__(self, emit: Emit, index: int, item_id: str) -> None:
        super().__init__(emit, index, item_id)
        self._parts: list[dict[str, Any]] = []
        self._kind = ""
        self._announce(output.message_item(item_id, "in_progress", []))

    def speak(self, kind: str) -> None:
        """Begins a part for text or a refusal, unless one of this kind is open."""
        self.close = None
        if self._kind == kind:
            return
        if self._kind:
            self._close_part()
        self._kind = kind
        place = self._place()
        part = output.output_text(b'""') if kind == "text" else output.refusal_part(b'""')
        self._emit(b"response.content_part.added", place + b',"part":' + jsonio.dumps(part))
        if kind == "text":
            self.live = self._as_live(b"response.output_text.delta", place, b',"logprobs":[]')
        else:
            self.live = self._as_live(b"response.refusal.delta", place)

    def _place(self) -> bytes:
        return b'%b,"content_index":%d' % (self._identity, len(self._parts))

    def _close_part(self) -> None:
        text, place = self._text(), self._place()
        if self._kind == "text":
            part = output.output_text(text)
            members = b'%b,"text":%b,"logprobs":[]' % (place, text)
            self._emit(b"response.output_text.done", members)
        else:
            part = output.refusal_part(text)
            self._emit(b"response.refusal.done", b'%b,"refusal":%b' % (place, text))
        self._emit(b"response.content_part.done", b'%b,"part":%b' % (place, jsonio.dumps(part)))
        self._parts.append(part)
        self.pieces.clear()

    def _finished(self, status: str) -> bytes:
        self._close_part()
        return output.message_item(self._id, status, self._parts)


class Thoughts(ResponseDraft):
    """A reasoning item, whose text is written as a summary: the published API and the Open
    Responses specification have those events, and Codex reads them. A part begins with the first
    text."""

    def __init__(self, emit: Emit, index: int, item_id: str, *, shown: bool, family: str) -> None:
        super().__init__(emit, index, item_id)
        self._shown = shown
        self._family = family
        self._announce(output.reasoning_item(item_id, "in_progress", None, None))

    def hold(self, text: bytes) -> None:
        if not self._shown:
            return
        place = self._place()
        part = jsonio.dumps(output.summary_part(b'""'))
        self._emit(b"response.reasoning_summary_part.added", b'%b,"part":%b' % (place, part))
        kind = b"response.reasoning_summary_text.delta"
        self._emit(kind, b'%b,"delta":%b' % (place, text))
        self.live = self._as_live(kind, place)

    def _place(self) -> bytes:
        return self._identity + b',"summary_index":0'

    def _finished(self, status: str) -> bytes:
        text = self._text()
        seen = self.live is not None
        if seen:
            place = self._place()
            part = jsonio.dumps(output.summary_part(text))
            self._emit(b"response.reasoning_summary_text.done", b'%b,"text":%b' % (place, text))
            self._emit(b"response.reasoning_summary_part.done", b'%b,"part":%b' % (place, part))
        close = self.close or Close(0)
        thoughts = Reasoning(jsonio.loads(text), close.seal, close.foreign_signature, close.hidden)
        sealed = output.sealed_for_client(thoughts, self._family)
        return output.reasoning_item(self._id, status, text if seen else None, sealed)


class Calling(ResponseDraft):
    """A call of a function or a free-form tool."""

    def __init__(self, emit: Emit, index: int, item_id: str, call: Call) -> None:
        super().__init__(emit, index, item_id)
        self._call = call
        self._announce(output.call_item(item_id, "in_progress", call, b'""'))
        self._name = b"custom_tool_call_input" if call.custom else b"function_call_arguments"
        self.live = self._as_live(b"response.%b.delta" % self._name, self._identity)

    def _finished(self, status: str) -> bytes:
        arguments = self._text()
        member = b"input" if self._call.custom else b"arguments"
        members = b'%b,"%b":%b' % (self._identity, member, arguments)
        self._emit(b"response.%b.done" % self._name, members)
        return output.call_item(self._id, status, self._call, arguments)


class TypedCalling(ResponseDraft):
    """A call of a tool with an item type of its own, which has no deltas: it is written whole."""

    def __init__(
        self, emit: Emit, index: int, item_id: str, call: Call, typed: frozenset[str]
    ) -> None:
        super().__init__(emit, index, item_id)
        self._call = call
        self._typed = typed

    def _finished(self, status: str) -> bytes:
        arguments = self._text()
        call = Call(self._call.id, self._call.name, jsonio.loads(arguments))
        item = output.call_item(self._id, status, call, arguments, self._typed)
        self._announce(item)
        return item


class Searching(ResponseDraft):
    """A whole web search of another dialect, with the events of its progress."""

    def __init__(self, emit: Emit, index: int, search: Search) -> None:
        super().__init__(emit, index, search.id)
        self._search = search
        self._announce(jsonio.dumps(hosted.written(search, "in_progress")))

    def _finished(self, status: str) -> bytes:
        for state in (b"in_progress", b"searching", b"completed"):
            self._emit(b"response.web_search_call." + state, self._identity)
        return jsonio.dumps(hosted.written(self._search))


class Native(ResponseDraft):
    """An item of this dialect, as it came."""

    def __init__(self, emit: Emit, index: int, item: bytes) -> None:
        super().__init__(emit, index, "")
        self._item = item
        self._announce(item)

    def _finished(self, status: str) -> bytes:
        return self._item

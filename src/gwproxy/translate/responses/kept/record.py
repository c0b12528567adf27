"""Reads the response object out of a client's answer, for the shell that keeps it.

The shell sets `store` and `previous_response_id` in it. Some upstreams stream the items and leave
the final object without them (NousResearch/hermes-agent#5689, commontoolsinc/labs#5092): the items
are then put into it, or a client that reads only that object, and the conversation that goes on
from it, would have an empty answer.

Relayed and translated answers are read alike. Everything else in the answer keeps its bytes.

https://platform.openai.com/docs/api-reference/responses/object
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec import Raw, Struct
from msgspec.structs import replace

from gwproxy.translate.losses import Losses
from gwproxy.translate.responses.ending import FINISHED, PENDING
from gwproxy.translate.wire import jsonio, sse
from gwproxy.translate.wire.fields import Malformed
from gwproxy.translate.wire.shapes import Shape

_TERMINAL: Final = frozenset({"response.completed", "response.incomplete", "response.done"})
_EVENT_END: Final = re.compile(rb"(?<=\n\n)|(?<=\r\n\r\n)|(?<=\r\r)")
_BLANKS: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")
# The longest of them, less one.
_SEAM_BYTES: Final = 3
# Inside texts quotes are escaped, so this is a member's name or value.
_WORD: Final = b'"response"'
_ITEM_DONE: Final = b"response.output_item.done"


class _Head(Struct):
    id: str = ""
    status: str | None = None
    output: list[Raw] | None = None


class _Event(Struct):
    type: str | None = None
    response: Raw = Raw()
    output_index: Any = None
    item: Raw = Raw()


_head: Final = Shape(_Head)
_event: Final = Shape(_Event)
_members: Final = Shape(dict[str, Raw])


class ResponseRecord(Struct, frozen=True):
    """A response object. `over`: it will not change any more; `finished`: the model came to an end,
    or to a limit."""

    id: str
    over: bool
    finished: bool
    output: tuple[bytes, ...]
    fields: dict[str, Raw]

    @property
    def is_not_stored(self) -> bool:
        """Whether the upstream says that it has not stored the response."""
        return bytes(self.fields.get("store", b"")) == b"false"

    def restated(
        self, response_id: str, *, store: bool | None, previous_response_id: str | None
    ) -> bytes:
        """The object's JSON with these members; `store` None leaves that of the upstream."""
        fields: dict[str, Any] = dict(self.fields)
        fields["id"] = response_id
        if store is not None:
            fields["store"] = store
        fields["previous_response_id"] = previous_response_id
        return jsonio.dumps(fields)

    def holding(self, items: Sequence[bytes]) -> ResponseRecord:
        """The record with `items` as its output."""
        output = Raw(b"[" + b",".join(items) + b"]")
        return replace(self, output=tuple(items), fields={**self.fields, "output": output})


def read(body: bytes | Raw, *, terminal: bool = True) -> ResponseRecord | None:
    """The response object in `body`; None where there is none. One without a status is finished if
    its event is `terminal`."""
    try:
        head = _head.read(body, Losses())
        fields = _members.read(body, Losses())
    except Malformed:
        return None
    if not head.id:
        return None
    status = head.status or ("completed" if terminal else "in_progress")
    output = tuple(bytes(item) for item in head.output or ())
    finished = terminal and status in FINISHED
    return ResponseRecord(head.id, status not in PENDING, finished, output, fields)


class Moment(Struct, frozen=True):
    """A stream event with the response object; `raw` are its bytes as they came."""

    raw: bytes
    name: bytes
    record: ResponseRecord
    members: dict[str, Raw]

    def told(self, response: bytes) -> bytes:
        """The event's bytes with `response` in place of its own."""
        return sse.encode(
            self.name.decode("utf-8", "replace"),
            jsonio.dumps({**self.members, "response": Raw(response)}),
        )


class ResponseListener:
    """Finds the events with a response object in a client's stream, in any chunking.

    `feed` gives everything in between as it came, but in whole events: one that has begun waits for
    its end.
    """

    __slots__ = ("_deaf", "_held", "_items", "_parts", "_seam")

    def __init__(self) -> None:
        self._parts: list[bytes] = []  # an event that has begun, as it came
        self._held = 0  # its length
        self._seam = b""  # its last bytes: a blank line may be cut by the network
        self._deaf = False
        self._items = _Items()

    def feed(self, data: bytes) -> Iterator[bytes | Moment]:
        if self._deaf:
            yield data
            return
        seam = self._seam + data
        end = _end_of_last_event(seam) - len(self._seam)
        if end <= 0:
            self._hold(data)
        else:
            whole = self.rest() + data[:end]
            self._hold(data[end:])
            yield from self._events(whole)
        if self._held > sse.MAX_EVENT_BYTES:
            self._deaf = True
            yield self.rest()

    def rest(self) -> bytes:
        """The bytes of an event that has not ended."""
        held = b"".join(self._parts)
        self._parts, self._held, self._seam = [], 0, b""
        return held

    def _hold(self, data: bytes) -> None:
        if data:
            self._parts.append(data)
            self._held += len(data)
            self._seam = (self._seam + data[-_SEAM_BYTES:])[-_SEAM_BYTES:]

    def _events(self, whole: bytes) -> Iterator[bytes | Moment]:
        if _WORD not in whole and _ITEM_DONE not in whole:
            yield whole
            return
        for event in _EVENT_END.split(whole):
            if event:
                yield self._moment(event) or event

    def _moment(self, event_bytes: bytes) -> Moment | None:
        if _WORD not in event_bytes and _ITEM_DONE not in event_bytes:
            return None
        decoder = sse.Decoder()
        for name, data in decoder.feed(event_bytes) + decoder.finish():
            try:
                event = _event.read(data, Losses())
                members = _members.read(data, Losses())
            except Malformed:
                return None
            kind = event.type or name.decode("utf-8", "replace")
            if kind == _ITEM_DONE.decode():
                self._items.add(event)
            if not bytes(event.response).startswith(b"{"):
                return None
            record = read(event.response, terminal=kind in _TERMINAL)
            if record is not None and record.finished and not record.output:
                record = self._items.put_into(record)
            return None if record is None else Moment(event_bytes, name, record, members)
        return None


class _Items:
    """The items that were streamed, up to `sse.MAX_EVENT_BYTES`."""

    __slots__ = ("_by_index", "_bytes")

    def __init__(self) -> None:
        self._by_index: dict[int, bytes] = {}
        self._bytes = 0

    def add(self, event: _Event) -> None:
        """Adds a done item; where an upstream counts all as 0, their order counts."""
        item = bytes(event.item)
        self._bytes += len(item)
        if not item.startswith(b"{") or self._bytes > sse.MAX_EVENT_BYTES:
            return
        index = event.output_index
        if not isinstance(index, int) or index in self._by_index:
            index = max(self._by_index, default=-1) + 1
        self._by_index[index] = item

    def put_into(self, record: ResponseRecord) -> ResponseRecord:
        if not self._by_index or self._bytes > sse.MAX_EVENT_BYTES:
            return record
        return record.holding([self._by_index[index] for index in sorted(self._by_index)])


def _end_of_last_event(data: bytes) -> int:
    ends = (data.rfind(blank) + len(blank) for blank in _BLANKS if blank in data)
    return max(ends, default=0)

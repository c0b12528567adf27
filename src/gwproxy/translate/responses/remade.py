"""A relayed answer in its other form: a whole one as a stream, a stream as a whole one.

Not by way of the hub, so that unknown members stay, of the response, its items, their parts and
usage; items keep the ids that the upstream gave them.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Raw

from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.events import pieces
from gwproxy.translate.wire import jsonio, sse
from gwproxy.translate.wire.growing import elements_of, members_of, says

_LOGGED: Final[dict[str, Any]] = {"logprobs": []}
# For each kind of part: the member with its text, its events, their other members.
_PARTS: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "output_text": ("text", "response.output_text", _LOGGED),
    "refusal": ("refusal", "response.refusal", {}),
    "reasoning_text": ("text", "response.reasoning_text", {}),
    "summary_text": ("text", "response.reasoning_summary_text", {}),
}
_LISTS: Final = (
    ("summary", "summary_index", "response.reasoning_summary_part"),
    ("content", "content_index", "response.content_part"),
)
_CALLS: Final = {
    "function_call": ("arguments", "response.function_call_arguments"),
    "custom_tool_call": ("input", "response.custom_tool_call_input"),
}
_NOT_YET: Final[dict[str, Any]] = {
    "status": "in_progress",
    "output": [],
    "usage": None,
    "completed_at": None,
    "incomplete_details": None,
}
_TERMINAL: Final = frozenset({"response.completed", "response.incomplete", "response.done"})


def unfold(body: bytes, context: ReplyContext) -> bytes:
    """The whole answer `body` as a stream. Raises jsonio.NotJson where it is no answer, or has half
    a call."""
    response: dict[str, Any] = {**members_of(jsonio.one_line(body)), "model": context.model}
    items = [members_of(bytes(item)) for item in elements_of(bytes(response.get("output", b"")))]
    out = _Events()
    begun = response | {name: value for name, value in _NOT_YET.items() if name in response}
    out.add("response.created", response=begun)
    out.add("response.in_progress", response=begun)
    for index, item in enumerate(items):
        out.item(index, item)
    status = _string(response.get("status")) or "completed"
    out.add(f"response.{status}", response=response)
    return b"".join(out.told)


class _Events:
    def __init__(self) -> None:
        self.told: list[bytes] = []

    def add(self, kind: str, **members: Any) -> None:
        data = jsonio.dumps({"type": kind, "sequence_number": len(self.told), **members})
        self.told.append(sse.encode(kind, data))

    def item(self, index: int, item: dict[str, Raw]) -> None:
        kind, place = _string(item.get("type")), {"output_index": index}
        inside = {"item_id": item.get("id", ""), **place}
        lists = [(name, *rest) for name, *rest in _LISTS if _is_list(item.get(name))]
        begun: dict[str, Any] = {**item, **{name: [] for name, *_ in lists}}
        if "status" in item:
            begun["status"] = "in_progress"
        if kind in _CALLS:
            member, event = _CALLS[kind]
            said = _argued(item, kind, member)
            self.add("response.output_item.added", **place, item={**begun, member: ""})
            self._say(event, inside, member, said, {})
        elif kind in ("message", "reasoning"):
            self.add("response.output_item.added", **place, item=begun)
            for name, number, event in lists:
                self._parts(elements_of(bytes(item[name])), inside, number, event)
        else:
            self.add("response.output_item.added", **place, item=item)
        self.add("response.output_item.done", **place, item=item)

    def _parts(self, parts: Iterable[Raw], inside: dict[str, Any], number: str, event: str) -> None:
        for index, raw in enumerate(parts):
            part, place = members_of(bytes(raw)), {**inside, number: index}
            member, kind, extra = _PARTS.get(_string(part.get("type")), ("", "", {}))
            words = _string(part.get(member)) if member else ""
            begun = {**part, member: ""} if member else part
            self.add(f"{event}.added", **place, part=begun)
            if member:
                self._say(kind, place, member, words, extra)
            self.add(f"{event}.done", **place, part=part)

    def _say(
        self, event: str, place: dict[str, Any], member: str, words: str, extra: dict[str, Any]
    ) -> None:
        for piece in pieces(words):
            self.add(f"{event}.delta", **place, delta=piece, **extra)
        self.add(f"{event}.done", **place, **{member: words}, **extra)


def _argued(item: dict[str, Raw], kind: str, member: str) -> str:
    """The arguments of a call. Raises jsonio.NotJson for half a call: in a stream its item would be
    done, and Codex would run it."""
    said = _string(item.get(member))
    if _string(item.get("status")) == "incomplete":
        raise jsonio.NotJson("half a call")
    if kind == "function_call":
        members_of(said)
    return said


def _is_list(raw: Raw | None) -> bool:
    return raw is not None and bytes(raw)[:1] == b"["


def _string(raw: Any) -> str:
    return str(jsonio.loads(bytes(raw))) if raw is not None and bytes(raw)[:1] == b'"' else ""


class Folding:
    """Collects a stream's events into a whole answer, which its last event holds. What is no event
    is ignored; whether the answer is complete, the reader says."""

    def __init__(self) -> None:
        self._decoder = sse.Decoder()
        self._response: dict[str, Raw] = {}
        self._items: dict[int, Raw] = {}
        self._announced = 0

    def feed(self, chunk: bytes) -> None:
        """Takes a piece of the stream."""
        for name, data in self._decoder.feed(chunk):
            self._add(name, data)

    def finish(self, model: str) -> bytes:
        """The whole answer's body. Raises jsonio.NotJson where an item was not done."""
        for name, data in self._decoder.finish():
            self._add(name, data)
        answer: dict[str, Any] = {**self._response, "model": model}
        if bytes(self._response.get("output", b"[]")).strip(b"[] \t\r\n") in (b"", b"null"):
            if len(self._items) < self._announced:
                raise jsonio.NotJson("an item that is never done")
            answer["output"] = [self._items[index] for index in sorted(self._items)]
        return jsonio.dumps(answer)

    def _add(self, name: bytes, data: bytes) -> None:
        try:
            event = members_of(data)
            kind = _string(event.get("type")) or name.decode("utf-8", "replace")
            if kind == "response.output_item.added":
                self._announced += 1
            elif kind.endswith(".delta"):
                self._announced = max(self._announced, 1)
            elif kind == "response.output_item.done":
                index = event.get("output_index")
                place = len(self._items) if index is None else int(bytes(index))
                self._items[place] = event["item"]
            elif "response" in event:
                told = members_of(bytes(event["response"]))
                self._response |= {n: v for n, v in told.items() if says(v) or kind in _TERMINAL}
        except (jsonio.NotJson, KeyError, ValueError):
            return

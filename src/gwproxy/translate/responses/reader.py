"""Reads an upstream's Responses stream, or whole answer, as hub events.

`output_item.done` is the final form of an item, and the response object of the terminal event that
of the answer. Only the terminal event ends an answer; `[DONE]` or the end of the stream without one
is a failure.

https://platform.openai.com/docs/api-reference/responses-streaming
https://www.openresponses.org/specification
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec.structs import replace

from gwproxy.translate.errors import complaints
from gwproxy.translate.events import End, Event, Finish, Start, UsageUpdate, truncated, unreadable
from gwproxy.translate.hub import Failure, Refusal, Text
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.reading import Reading
from gwproxy.translate.responses.assembly import Assembly
from gwproxy.translate.responses.ending import (
    searches_of,
    stop_of,
    trouble_of,
    usage_of,
)
from gwproxy.translate.responses.frames import (
    Frame,
    WireResponse,
    decode,
    head_shape,
    response_shape,
)
from gwproxy.translate.responses.items import said_part
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Malformed
from gwproxy.translate.wire.shapes import present


class Reader(Reading):
    """Gives events that satisfy the grammar, of a stream in any chunking and disorder."""

    def __init__(self, quirks: Quirks) -> None:
        self._answer = Assembly(quirks.family)
        super().__init__(self._answer.out)
        self._begun = WireResponse()  # the response as its first event held it

    def whole(self, body: bytes) -> list[Event]:
        """The events of a whole answer, which is read like a terminal event."""
        try:
            self._conclude(response_shape.read(body, Losses()), body)
        except Malformed as error:
            self._fail(unreadable(str(error)))
        return self._take()

    def _on_frame(self, name: bytes, data: bytes) -> None:
        try:
            frame = decode(data)
        except jsonio.NotJson:
            self._on_other(data)
            return
        if not frame.type:
            frame.type = name.decode("utf-8", "replace")
        kind = frame.type
        handler = _HANDLERS.get(kind)
        try:
            if handler is not None:
                handler(self, frame)
            elif kind == "error" or (present(frame.error) and not kind.startswith("response.")):
                self._fail(complaints.failure_of(jsonio.loads(data)))
        except Malformed as error:
            self._give_up(unreadable(str(error)))

    def _on_other(self, data: bytes) -> None:
        if data.startswith(b"[DONE]"):
            self._give_up(truncated())
        elif data.strip():  # empty data is some hosts' keep-alive
            self._give_up(unreadable(f"{complaints.read(data).message!r} is not JSON"))

    def _on_response(self, frame: Frame) -> None:
        """Reads `response.created`, `.queued` or `.in_progress`, each of which may be the first."""
        response = _response(frame)
        trouble = trouble_of(response, ended=False)
        if trouble is not None:
            self._fail(trouble)
        else:
            self._start(response)

    def _start(self, response: WireResponse) -> None:
        if not self._started:
            self._started = True
            self._begun = response
            created = None if response.created_at is None else int(response.created_at)
            self._out.append(Start(response.id or "", response.model or "", created))

    def _on_item(self, frame: Frame) -> None:
        if present(frame.item):
            self._start(_NOTHING)
            head = head_shape.read(frame.item, Losses(), "item")
            self._answer.announce(frame.output_index, head, frame.item)

    def _on_item_done(self, frame: Frame) -> None:
        if present(frame.item):
            self._start(_NOTHING)
            self._answer.complete(frame.output_index, frame.item)

    def _on_text(self, frame: Frame) -> None:
        self._start(_NOTHING)
        self._answer.add_text(frame, _TEXT, frame.text)

    def _on_refusal(self, frame: Frame) -> None:
        self._start(_NOTHING)
        self._answer.add_text(frame, _REFUSAL, frame.refusal)

    def _on_part(self, frame: Frame) -> None:
        """Reads a part at its beginning or end, with whatever it holds."""
        if not present(frame.part):
            return
        part = said_part.read(frame.part, Losses(), "part")
        self._start(_NOTHING)
        if part.type == "output_text":
            self._answer.add_text(frame, _TEXT, part.text)
        elif part.type == "refusal":
            self._answer.add_text(frame, _REFUSAL, part.refusal)

    def _on_thought(self, frame: Frame) -> None:
        self._start(_NOTHING)
        self._answer.add_reasoning(frame, "thoughts", frame.content_index)

    def _on_summary(self, frame: Frame) -> None:
        self._start(_NOTHING)
        self._answer.add_reasoning(frame, "summary", frame.summary_index)

    def _on_arguments(self, frame: Frame) -> None:
        self._start(_NOTHING)
        self._answer.add_arguments(frame, "function_call", frame.arguments)

    def _on_input(self, frame: Frame) -> None:
        self._start(_NOTHING)
        self._answer.add_arguments(frame, "custom_tool_call", frame.input)

    def _on_terminal(self, frame: Frame) -> None:
        response = _response(frame)
        said = frame.type.removeprefix("response.")
        if said in ("failed", "cancelled") or (said == "incomplete" and response.status is None):
            response.status = said
        self._conclude(response, bytes(frame.response))

    def _conclude(self, response: WireResponse, raw: bytes) -> None:
        """Reads the final response object, which may be all of the answer."""
        trouble = trouble_of(response, ended=True) or self._nothing(response, raw)
        if trouble is not None:
            self._fail(trouble)
            return
        self._start(response)
        self._answer.repeat(response.output or self._begun.output or ())
        self._answer.close()
        stop = stop_of(response, calls=self._answer.called, refused=self._answer.refused)
        usage = usage_of(response.usage or self._begun.usage)
        searches = searches_of(response.tool_usage) or len(self._answer.searched) or None
        self._out += (
            UsageUpdate(replace(usage, searches=searches)),
            Finish(stop),
            End(),
        )
        self._over = True

    def _nothing(self, response: WireResponse, raw: bytes) -> Failure | None:
        """The failure of an object without output where nothing came before it: a host's own
        error."""
        told = response.output is not None or self._begun.output or not self._answer.empty
        if told or response.status == "incomplete":
            return None
        complaint = complaints.read(raw)
        if complaint.message:
            return complaints.judge(200, {}, complaint)
        return unreadable("a response without output")


_TEXT: Final = Text("")
_REFUSAL: Final = Refusal("")
_NOTHING: Final = WireResponse()

# Progress of hosted tools, and unknown events, are ignored: their items come whole.
_HANDLERS: Final[Mapping[str, Callable[[Reader, Frame], None]]] = {
    "response.created": Reader._on_response,
    "response.queued": Reader._on_response,
    "response.in_progress": Reader._on_response,
    "response.output_item.added": Reader._on_item,
    "response.output_item.done": Reader._on_item_done,
    "response.output_text.delta": Reader._on_text,
    "response.output_text.done": Reader._on_text,
    "response.refusal.delta": Reader._on_refusal,
    "response.refusal.done": Reader._on_refusal,
    "response.content_part.added": Reader._on_part,
    "response.content_part.done": Reader._on_part,
    "response.reasoning_summary_text.delta": Reader._on_summary,
    "response.reasoning_summary_text.done": Reader._on_summary,
    "response.reasoning_text.delta": Reader._on_thought,
    "response.reasoning_text.done": Reader._on_thought,
    "response.reasoning.delta": Reader._on_thought,
    "response.reasoning.done": Reader._on_thought,
    "response.function_call_arguments.delta": Reader._on_arguments,
    "response.function_call_arguments.done": Reader._on_arguments,
    "response.custom_tool_call_input.delta": Reader._on_input,
    "response.custom_tool_call_input.done": Reader._on_input,
    "response.completed": Reader._on_terminal,
    "response.incomplete": Reader._on_terminal,
    "response.done": Reader._on_terminal,
    "response.failed": Reader._on_terminal,
    "response.cancelled": Reader._on_terminal,
}


def _response(frame: Frame) -> WireResponse:
    if not present(frame.response):
        return WireResponse()
    return response_shape.read(frame.response, Losses(), "response")

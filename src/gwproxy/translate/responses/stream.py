"""Responses streams: an upstream's events → hub events, and hub events → a client's events.

Reader. `output_item.done` has the last word on an item, and the response object of the terminal
event on the answer. Only the terminal event ends an answer; `[DONE]` or the end of the stream
without one is a failure.

Writer. `sequence_number` counts every event, `output_index` every item. A message stays open while
texts and refusals follow one another. The `.done` events of an item wait for the event after its
Close: only then is it known whether the answer was cut there, and what was cut is `incomplete`. A
failed stream ends in `error` and `response.failed`; a call that was open is then never `.done`,
for Codex runs what is.

https://platform.openai.com/docs/api-reference/responses-streaming
https://www.openresponses.org/specification
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from gwproxy.translate import complaints, jsonio, sse
from gwproxy.translate.answer import Asked
from gwproxy.translate.events import (
    Close,
    Delta,
    End,
    Event,
    Fail,
    Finish,
    Open,
    Ping,
    Start,
    UsageUpdate,
    truncated,
    unreadable,
)
from gwproxy.translate.fields import Malformed
from gwproxy.translate.hub import (
    Call,
    Dialect,
    Failure,
    Refusal,
    Stop,
    StopReason,
    Text,
    Usage,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.manners import Manners
from gwproxy.translate.responses import echo, failure, output
from gwproxy.translate.responses.assembly import Assembly
from gwproxy.translate.responses.drafts import (
    Calling,
    Draft,
    Message,
    Native,
    Thoughts,
    TypedCalling,
)
from gwproxy.translate.responses.ending import (
    incomplete_reason,
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
from gwproxy.translate.responses.tools import present


class Reader:
    """An upstream's stream, in any chunking and disorder → events that satisfy the grammar."""

    def __init__(self, manners: Manners) -> None:
        self._decoder = sse.Decoder()
        self._answer = Assembly(manners.family)
        self._out = self._answer.out
        self._started = False
        self._over = False

    def feed(self, chunk: bytes) -> list[Event]:
        try:
            frames = self._decoder.feed(chunk)
        except sse.TooLong as error:
            self._give_up(unreadable(str(error)))
            return self._take()
        for name, data in frames:
            self._on_frame(name, data)
        return self._take()

    def finish(self) -> list[Event]:
        """The upstream has closed the stream."""
        for name, data in self._decoder.finish():
            if not _is_torn(data):
                self._on_frame(name, data)
        self._give_up(truncated())
        return self._take()

    def whole(self, body: bytes) -> list[Event]:
        """A body that is no stream, as the stream it would have been: its last event alone."""
        try:
            self._conclude(response_shape.read(body, Losses()), body)
        except Malformed as error:
            self._fail(unreadable(str(error)))
        return self._take()

    def _take(self) -> list[Event]:
        out = self._out.copy()
        self._out.clear()
        return out

    def _on_frame(self, name: bytes, data: bytes) -> None:
        if self._over:
            return
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
                self._fail(failure.parse_event(jsonio.loads(data)))
        except Malformed as error:
            self._give_up(unreadable(str(error)))

    def _on_other(self, data: bytes) -> None:
        if data.startswith(b"[DONE]"):
            self._give_up(truncated())
        elif data.strip():  # `data:` with nothing is somebody's keep-alive
            self._give_up(unreadable(f"{complaints.read(data).message!r} is not JSON"))

    def _on_response(self, frame: Frame) -> None:
        """`response.created`, `.queued` or `.in_progress`: each may be the first."""
        response = _response(frame)
        trouble = trouble_of(response, ended=False)
        if trouble is not None:
            self._fail(trouble)
        else:
            self._start(response)

    def _start(self, response: WireResponse) -> None:
        if not self._started:
            self._started = True
            created = None if response.created_at is None else int(response.created_at)
            self._out.append(Start(response.id or "", response.model or "", created))

    def _on_item(self, frame: Frame) -> None:
        if present(frame.item):
            self._start(_NOTHING)
            head = head_shape.read(frame.item, Losses(), "item")
            self._answer.announce(frame.output_index, head)

    def _on_item_done(self, frame: Frame) -> None:
        if present(frame.item):
            self._start(_NOTHING)
            self._answer.complete(frame.output_index, frame.item)

    def _on_text(self, frame: Frame) -> None:
        self._start(_NOTHING)
        self._answer.say(frame, _TEXT, frame.text)

    def _on_refusal(self, frame: Frame) -> None:
        self._start(_NOTHING)
        self._answer.say(frame, _REFUSAL, frame.refusal)

    def _on_thought(self, frame: Frame) -> None:
        self._start(_NOTHING)
        self._answer.think(frame, "thoughts", frame.content_index)

    def _on_summary(self, frame: Frame) -> None:
        self._start(_NOTHING)
        self._answer.think(frame, "summary", frame.summary_index)

    def _on_arguments(self, frame: Frame) -> None:
        self._start(_NOTHING)
        self._answer.argue(frame, "function_call", frame.arguments)

    def _on_input(self, frame: Frame) -> None:
        self._start(_NOTHING)
        self._answer.argue(frame, "custom_tool_call", frame.input)

    def _on_terminal(self, frame: Frame) -> None:
        response = _response(frame)
        said = frame.type.removeprefix("response.")
        if said in ("failed", "cancelled") or (said == "incomplete" and response.status is None):
            response.status = said
        self._conclude(response, bytes(frame.response))

    def _conclude(self, response: WireResponse, raw: bytes) -> None:
        """The last word on the answer, and often all of it."""
        trouble = trouble_of(response, ended=True) or self._nothing(response, raw)
        if trouble is not None:
            self._fail(trouble)
            return
        self._start(response)
        self._answer.repeat(response.output or ())
        self._answer.close()
        stop = stop_of(response, calls=self._answer.called, refused=self._answer.refused)
        self._out += (UsageUpdate(usage_of(response.usage)), Finish(stop), End())
        self._over = True

    def _nothing(self, response: WireResponse, raw: bytes) -> Failure | None:
        """An object without output, before which nothing came, is somebody's own error."""
        if response.output is not None or response.status == "incomplete" or not self._answer.empty:
            return None
        complaint = complaints.read(raw)
        if complaint.message:
            return complaints.judge(200, {}, complaint)
        return unreadable("a response without output")

    def _give_up(self, why: Failure) -> None:
        """What came is no answer, or none that we understand."""
        self._fail(why)

    def _fail(self, reason: Failure) -> None:
        if not self._over:
            self._out.append(Fail(reason))
            self._over = True


_TEXT: Final = Text("")
_REFUSAL: Final = Refusal("")
_NOTHING: Final = WireResponse()

# Progress of hosted tools and all that is new is no news for anybody: their items come whole.
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
    "response.reasoning_summary_text.delta": Reader._on_summary,
    "response.reasoning_text.delta": Reader._on_thought,
    "response.reasoning.delta": Reader._on_thought,
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


def _is_torn(data: bytes) -> bool:
    """Whether the last frame is the beginning of one that the end of the stream cut off."""
    try:
        decode(data)
    except jsonio.NotJson:
        return not data.startswith(b"[DONE]")
    return False


class Writer:
    """A sequential stream of events → the events of a client."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._typed = echo.typed_tools(asked)
        self._out: list[bytes] = []
        self._sequence = 0
        self._response: output.Response | None = None
        self._items: list[bytes] = []
        self._draft: Draft | None = None
        self._half_calls = 0
        self._refused = False
        self._usage = Usage()
        self._incomplete: str | None = None

    def write(self, events: Iterable[Event]) -> bytes:
        out = self._out
        for event in events:
            if type(event) is not Delta:
                self._write(event)
            elif (draft := self._draft) is not None and event.text:
                self._delta(draft, event.text)
        data = b"".join(out)
        out.clear()
        return data

    def ping(self) -> bytes:
        """A comment: OpenAI's SDKs stumble over an event with empty data."""
        return sse.comment("ping")

    def _write(self, event: Event) -> None:
        match event:
            case Open():
                self._open(event)
            case Close():
                self._close(event)
            case UsageUpdate(usage=usage):
                self._usage = self._usage.merged(usage)
            case Start():
                self._start(event)
            case Finish(stop=stop):
                self._finish(stop)
            case End():
                self._end()
            case Fail(failure=reason):
                self._fail(reason)
            case Ping():
                self._out.append(self.ping())

    def _emit(self, kind: bytes, members: bytes) -> None:
        self._out.append(
            b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b}\n\n'
            % (kind, kind, self._sequence, members)
        )
        self._sequence += 1

    def _start(self, event: Start) -> None:
        self._response = output.Response(self._asked, event.id, event.created)
        members = b'"response":' + self._response.render("in_progress")
        self._emit(b"response.created", members)
        self._emit(b"response.in_progress", members)

    def _open(self, event: Open) -> None:
        if event.kind in ("text", "refusal"):
            self._open_said(event.kind)
            return
        self._settle("completed")
        emit, index = self._emit, self._place
        if event.kind == "reasoning":
            asked = self._asked
            item_id = asked.new_id("rs_")
            self._draft = Thoughts(
                emit, index, item_id, shown=asked.show_reasoning, family=asked.family
            )
        elif event.kind == "call":
            self._open_call(event)
        elif event.native is not None and event.native.dialect is Dialect.RESPONSES:
            self._draft = Native(emit, index, event.native.native.encode())
        elif event.native is not None:
            self._out.append(sse.comment(f"gwproxy-loss drop:{event.native.type}"))

    def _open_said(self, kind: str) -> Message:
        self._refused = self._refused or kind == "refusal"
        if not isinstance(self._draft, Message):
            self._settle("completed")
            self._draft = Message(self._emit, self._place, self._asked.new_id("msg_"))
        self._draft.speak(kind)
        return self._draft

    def _open_call(self, event: Open) -> None:
        emit, index = self._emit, self._place
        call = Call(event.id, event.name, "", event.custom, event.namespace)
        item_id = self._asked.new_id(output.call_prefix(call, self._typed))
        if output.is_typed(call, self._typed):
            self._draft = TypedCalling(emit, index, item_id, call, self._typed)
        else:
            self._draft = Calling(emit, index, item_id, call)

    def _delta(self, draft: Draft, words: str) -> None:
        text = jsonio.text(words)
        draft.pieces.append(text[1:-1])
        live = draft.live
        if live is None:
            draft.hold(text)
        else:
            before, between, after = live
            self._out += (before, b"%d" % self._sequence, between, text, after)
            self._sequence += 1

    def _close(self, event: Close) -> None:
        if self._draft is not None:
            self._draft.close = event

    def _settle(self, status: str) -> None:
        """The item that is open, or was closed last, gets its `.done` events."""
        draft, self._draft = self._draft, None
        if draft is not None:
            self._items.append(draft.settle(status))

    @property
    def _place(self) -> int:
        return len(self._items) + self._half_calls

    def _leave_half_call(self) -> None:
        """A call that was cut short stays without its `.done` events: Codex runs a call as soon as
        its item is done, also one of status `incomplete` in an incomplete response (0.171)."""
        draft = self._draft
        if isinstance(draft, Calling | TypedCalling) and draft.close is None:
            self._draft = None
            self._half_calls += isinstance(draft, Calling)

    def _finish(self, stop: Stop) -> None:
        self._leave_half_call()
        self._incomplete = incomplete_reason(stop, refused=self._refused)
        if stop.reason is StopReason.REFUSAL and stop.explanation is not None:
            self._delta(self._open_said("refusal"), stop.explanation)
        self._settle("completed" if self._incomplete is None else "incomplete")

    def _end(self) -> None:
        status = "completed" if self._incomplete is None else "incomplete"
        self._terminate(status, incomplete=self._incomplete)

    def _terminate(
        self, status: str, *, incomplete: str | None = None, error: bytes = b"null"
    ) -> None:
        if self._response is None:
            self._response = output.Response(self._asked, "", None)
        response = self._response.render(
            status, self._items, self._usage, incomplete=incomplete, error=error
        )
        self._emit(b"response." + status.encode(), b'"response":' + response)
        self._out.append(b"data: [DONE]\n\n")

    def _fail(self, reason: Failure) -> None:
        self._leave_half_call()
        closed = self._draft is not None and self._draft.close is not None
        self._settle("completed" if closed else "incomplete")
        self._emit(b"error", jsonio.dumps(failure.event_members(reason))[1:-1])
        error = jsonio.dumps(failure.response_error(reason))
        self._terminate("failed", error=error)

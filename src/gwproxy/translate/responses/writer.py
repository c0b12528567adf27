"""Writes hub events as a Responses stream for a client.

`sequence_number` counts every event, relayed ones too, `output_index` every item. A message stays
open while texts and refusals follow one another. The `done` events of an item wait for the event
after its Close: only then is it known whether the answer was cut there, and what was cut is
`incomplete`. A failed stream ends in `error` and `response.failed`; a call that was open then gets
no `done`, as Codex runs what is done. Nothing follows the terminal event: the vendor's own streams
end with it, and clients that read every event as JSON fail at a `[DONE]`.

https://platform.openai.com/docs/api-reference/responses-streaming
https://www.openresponses.org/specification
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gwproxy.translate.codec import ReplyContext
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
)
from gwproxy.translate.hub import UNTOLD, Call, Dialect, Failure, Stop, StopReason
from gwproxy.translate.responses import echo, failure, output
from gwproxy.translate.responses.drafts import (
    Calling,
    Message,
    Native,
    ResponseDraft,
    Searching,
    Thoughts,
    TypedCalling,
)
from gwproxy.translate.responses.ending import incomplete_reason
from gwproxy.translate.wire import jsonio, sse

_NUMBER: Final = re.compile(rb'"sequence_number": ?(\d+)')


class Writer:
    """Gives the bytes of a sequential stream as Codex and the OpenAI SDKs accept them."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._typed = echo.typed_tools(context)
        self._out: list[bytes] = []
        numbers = _NUMBER.findall(context.relayed)
        self._sequence = int(numbers[-1]) + 1 if numbers else 0
        self._response: output.Response | None = None
        self._items: list[bytes] = []
        self._draft: ResponseDraft | None = None
        self._half_calls = 0
        self._refused = False
        self._usage = UNTOLD
        self._incomplete: str | None = None

    def write(self, events: Iterable[Event]) -> bytes:
        """The bytes for these events."""
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
        """The bytes of a comment: OpenAI's SDKs fail at an event with empty data."""
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
        self._response = output.Response(self._context, event.id, event.created)
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
            context = self._context
            item_id = context.new_id("rs_")
            self._draft = Thoughts(
                emit, index, item_id, shown=context.show_reasoning, family=context.family
            )
        elif event.kind == "call":
            self._open_call(event)
        elif event.native is not None and event.native.dialect is Dialect.RESPONSES:
            self._draft = Native(emit, index, event.native.native.encode())
        elif event.native is not None and (search := event.native.search) is not None:
            if search.done:
                self._draft = Searching(emit, index, search)
        elif event.native is not None:
            self._out.append(sse.comment(f"gwproxy-loss drop:{event.native.type}"))

    def _open_said(self, kind: str) -> Message:
        self._refused = self._refused or kind == "refusal"
        if not isinstance(self._draft, Message):
            self._settle("completed")
            self._draft = Message(self._emit, self._place, self._context.new_id("msg_"))
        self._draft.speak(kind)
        return self._draft

    def _open_call(self, event: Open) -> None:
        emit, index = self._emit, self._place
        call = Call(event.id, event.name, "", event.custom, event.namespace)
        item_id = self._context.new_id(output.call_prefix(call, self._typed))
        if output.is_typed(call, self._typed):
            self._draft = TypedCalling(emit, index, item_id, call, self._typed)
        else:
            self._draft = Calling(emit, index, item_id, call)

    def _delta(self, draft: ResponseDraft, words: str) -> None:
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
        """Writes the `done` events of the item that is open, or was closed last."""
        draft, self._draft = self._draft, None
        if draft is not None:
            self._items.append(draft.settle(status))

    @property
    def _place(self) -> int:
        return len(self._items) + self._half_calls

    def _leave_half_call(self) -> None:
        """Drops an open call, which was cut short, without its `done` events: Codex runs a call as
        soon as its item is done, even one of status `incomplete` in an incomplete response
        (0.171)."""
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
            self._response = output.Response(self._context, "", None)
        response = self._response.render(
            status, self._items, self._usage, incomplete=incomplete, error=error
        )
        self._emit(b"response." + status.encode(), b'"response":' + response)

    def _fail(self, reason: Failure) -> None:
        self._leave_half_call()
        closed = self._draft is not None and self._draft.close is not None
        self._settle("completed" if closed else "incomplete")
        self._emit(b"error", jsonio.dumps(failure.event_members(reason))[1:-1])
        error = jsonio.dumps(failure.response_error(reason))
        self._terminate("failed", error=error)

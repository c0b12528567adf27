"""Messages streams: an upstream's events → hub events, and hub events → a client's.

Reader. Blocks open when there is something in them, by the upstream's own index, with gaps,
interleaved, or with a delta of another kind than their start announced. A reason to stop prepares
the end, `message_stop` or the end of the stream is the end. Without a reason and without
`message_stop`, or inside an event, the answer was cut off, and that is a failure.

Writer. One `message_start` with an estimate of the input, then blocks one after another, numbered
without gaps; a thought's one signature just before its stop, never empty; tool input as
`input_json_delta` only; complete figures in `message_delta`. After an error nothing, above all no
`message_stop`.

https://docs.claude.com/en/docs/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from msgspec import Raw, structs

from gwproxy.translate import arguments, complaints, jsonio, sse
from gwproxy.translate.answer import Asked, message_id
from gwproxy.translate.anthropic import failure
from gwproxy.translate.anthropic.assembly import Blocks, Unreadable
from gwproxy.translate.anthropic.blocks import carried_redaction, carried_signature
from gwproxy.translate.anthropic.ending import (
    output_estimate,
    stop_members,
    stop_of,
    usage_object,
    usage_of,
)
from gwproxy.translate.anthropic.frames import (
    DELTA_END,
    MESSAGE_STOP,
    PING,
    SHAPES,
    SIGNATURE,
    Answer,
    Frame,
    block_start,
    block_stop,
    decode_answer,
    decode_frame,
    decode_members,
    delta_prefix,
    encode,
    is_torn,
)
from gwproxy.translate.anthropic.wire import ABSENT, said
from gwproxy.translate.events import (
    BlockKind,
    Close,
    Delta,
    End,
    Event,
    Fail,
    Finish,
    Lost,
    Open,
    Ping,
    Start,
    UsageUpdate,
    truncated,
    unreadable,
)
from gwproxy.translate.hub import Dialect, Failure, Opaque, Stop, Usage
from gwproxy.translate.manners import Manners


class Reader:
    """An upstream's stream, in any chunking and disorder → events that satisfy the grammar."""

    def __init__(self, manners: Manners) -> None:
        self._decoder = sse.Decoder()
        self._blocks = Blocks(manners)
        self._out = self._blocks.out
        self._started = False
        self._over = False
        self._input_known = False
        self._stop_word: str | None = None
        self._stop_sequence: str | None = None
        self._stop_details = ABSENT

    def feed(self, chunk: bytes) -> list[Event]:
        if self._over:
            return []
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
        cut = self._decoder.unfinished
        for name, data in self._decoder.finish():
            if not is_torn(data):  # else what counts is what came before
                self._on_frame(name, data)
        if not self._over:
            if cut or self._stop_word is None:
                self._give_up(truncated())
            else:
                self._end()
        return self._take()

    def whole(self, body: bytes) -> list[Event]:
        """A body that is no stream, as the stream it would have been."""
        try:
            self._on_whole(decode_answer(body), body)
        except jsonio.NotJson as error:
            self._give_up(unreadable(complaints.read(body).message or str(error)))
        except Unreadable as error:
            self._give_up(unreadable(str(error)))
        return self._take()

    def _take(self) -> list[Event]:
        out = self._out.copy()
        self._out.clear()
        return out

    def _on_frame(self, name: bytes, data: bytes) -> None:
        if self._over:
            return
        try:
            frame = decode_frame(data)
            if frame.type == "content_block_delta":
                self._on_content_block_delta(frame)
            else:
                self._on_other(frame, name)
        except jsonio.NotJson as error:
            # Nothing, and `[DONE]`, are somebody's keep-alive and terminator.
            if data.strip() and not data.startswith(b"[DONE]"):
                self._give_up(unreadable(f"{complaints.read(data).message[:80]!r} ({error})"))
        except Unreadable as error:
            self._give_up(unreadable(str(error)))

    def _on_other(self, frame: Frame, name: bytes) -> None:
        """Every event but the deltas; one that nobody knows says nothing."""
        kind = frame.type or name.decode("utf-8", "replace")
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, frame)
        elif said(frame.error):
            self._on_error(frame)

    def _on_message_start(self, frame: Frame) -> None:
        if self._started:
            return
        try:
            self._begin(decode_answer(bytes(frame.message) or b"{}"))
        except jsonio.NotJson:
            self._begin(Answer())  # we do not know its id and figures, that is all

    def _on_content_block_start(self, frame: Frame) -> None:
        self._ensure_begun()
        self._blocks.open(frame.index or 0, frame.content_block)

    def _on_content_block_delta(self, frame: Frame) -> None:
        piece = frame.delta
        if piece is None:
            return
        if not self._started:
            self._begin(Answer())
        if piece.text:
            self._blocks.prose(frame.index or 0, "text", piece.text)
        elif piece.partial_json:
            self._blocks.input(frame.index or 0, piece.partial_json)
        elif piece.thinking:
            self._blocks.prose(frame.index or 0, "reasoning", piece.thinking)
        elif piece.signature:
            self._blocks.seal(frame.index or 0, piece.signature)
        elif said(piece.citation):
            self._out.append(Lost("citations"))

    def _on_content_block_stop(self, frame: Frame) -> None:
        self._blocks.close(frame.index or 0)

    def _on_message_delta(self, frame: Frame) -> None:
        self._ensure_begun()
        piece = frame.delta
        if piece is not None:
            self._note_stop(piece.stop_reason, piece.stop_sequence, piece.stop_details)
        self._note_usage(frame.usage)

    def _on_message_stop(self, _frame: Frame) -> None:
        if self._started:
            self._end()
        else:
            self._give_up(truncated("it has no beginning"))

    def _on_ping(self, _frame: Frame) -> None:
        self._out.append(Ping())

    def _on_error(self, frame: Frame) -> None:
        error = jsonio.loads(bytes(frame.error)) if said(frame.error) else {}
        self._fail(failure.parse_event({"error": error}))

    def _on_whole(self, answer: Answer, body: bytes) -> None:
        if answer.type == "error" or said(answer.error):
            self._fail(failure.parse(200, {}, body))
            return
        if answer.content is None:
            raise Unreadable("a message without content")
        self._begin(answer)
        for position, raw in enumerate(answer.content):
            self._blocks.open(position, raw)
            self._blocks.close(position)
        self._note_stop(answer.stop_reason, answer.stop_sequence, answer.stop_details)
        self._end()

    def _begin(self, answer: Answer) -> None:
        self._started = True
        self._out.append(Start(answer.id or "", answer.model or ""))
        self._note_usage(answer.usage)

    def _ensure_begun(self) -> None:
        if not self._started:
            self._begin(Answer())

    def _note_stop(self, word: str | None, sequence: str | None, details: Raw) -> None:
        self._stop_word = word or self._stop_word
        self._stop_sequence = sequence or self._stop_sequence
        if said(details):
            self._stop_details = details

    def _note_usage(self, raw: Raw) -> None:
        """Totals do not shrink to nothing: a host whose last event has zeros for the input that it
        told in the first one has forgotten it."""
        usage = usage_of(raw)
        if usage is None:
            return
        if usage.input_total:
            self._input_known = True
        elif self._input_known:
            usage = structs.replace(usage, fresh=None, cache_read=None, cache_write=None)
        self._out.append(UsageUpdate(usage))

    def _end(self) -> None:
        try:
            self._blocks.close_all()
        except Unreadable as error:
            self._give_up(unreadable(str(error)))
            return
        called = self._blocks.called
        stop = stop_of(self._stop_word, self._stop_sequence, self._stop_details, calls=called)
        self._out += [Finish(stop), End()]
        self._over = True

    def _give_up(self, why: Failure) -> None:
        """What came is no answer, or none that we understand."""
        self._fail(why)

    def _fail(self, what: Failure) -> None:
        self._out.append(Fail(what))
        self._over = True


_HANDLERS: Final[Mapping[str, Callable[[Reader, Frame], None]]] = {
    "message_start": Reader._on_message_start,
    "content_block_start": Reader._on_content_block_start,
    "content_block_delta": Reader._on_content_block_delta,
    "content_block_stop": Reader._on_content_block_stop,
    "message_delta": Reader._on_message_delta,
    "message_stop": Reader._on_message_stop,
    "ping": Reader._on_ping,
    "error": Reader._on_error,
}


class Writer:
    """A sequential stream → what Claude Code and the official SDKs accept."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._out: list[bytes] = []
        self._begun: Start | None = None
        self._open_stream = False
        self._over = False
        self._index = -1
        self._kind: BlockKind | None = None
        self._prefix: bytes | None = None  # of the open block's deltas; None until it is begun
        self._held: list[str] | None = None  # what the client gets otherwise than as it comes
        self._characters = 0
        self._usage = Usage()
        self._stop: Stop | None = None

    def write(self, events: Iterable[Event]) -> bytes:
        out = self._out
        for event in events:
            if self._over:
                break
            kind = type(event)
            if kind is Delta:
                text = event.text  # type: ignore[union-attr]
                if self._prefix is None or self._held is not None:
                    self._delta(text)
                else:
                    self._characters += len(text)
                    out += (self._prefix, jsonio.text(text), DELTA_END)
            elif kind is UsageUpdate:
                self._usage = self._usage.merged(event.usage)  # type: ignore[union-attr]
            else:
                self._other(event)
        # Only now, so that figures which came along with the start stand in it.
        if self._begun is not None and not self._over:
            self._ensure_start()
        return self._take()

    def ping(self) -> bytes:
        if not self._over:
            self._ping()
        return self._take()

    def _ping(self) -> None:
        if self._open_stream:
            self._out.append(PING)
        else:
            self._ensure_start()

    def _take(self) -> bytes:
        data = b"".join(self._out)
        self._out.clear()
        return data

    def _other(self, event: Event) -> None:
        match event:
            case Start():
                self._begun = event
            case Open():
                self._ensure_start()
                self._open(event)
            case Close():
                self._close(event)
            case Finish(stop=stop):
                self._stop = stop
            case Ping():
                self._ping()
            case End():
                self._ensure_start()
                self._end()
            case Fail(failure=what):
                self._fail(what)

    # --- the message -----------------------------------------------------------------------------

    def _ensure_start(self) -> None:
        if self._open_stream:
            return
        self._open_stream = True
        begun = self._begun or Start()
        known = structs.replace(self._usage, output=None, reasoning=None)
        message: dict[str, Any] = {
            "id": message_id("msg_", begun.id, self._asked),
            "type": "message",
            "role": "assistant",
            "model": self._asked.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_object(known, self._asked.input_estimate, 0),
        }
        self._out += (encode("message_start", message=message), PING)

    def _end(self) -> None:
        self._over = True
        assert self._stop is not None
        estimate = output_estimate(self._characters)
        usage = usage_object(self._usage, self._asked.input_estimate, estimate)
        self._out += (
            encode("message_delta", delta=stop_members(self._stop), usage=usage),
            MESSAGE_STOP,
        )

    def _give_up(self, why: Failure) -> None:
        """What came is no answer, or none that we understand."""
        self._fail(why)

    def _fail(self, what: Failure) -> None:
        self._over = True
        # Claude Code runs a call whose block was stopped, and does not look at the error.
        if self._prefix is not None and self._kind != "call":
            self._stop_block()
        _, body = failure.render(what, self._asked.request_id)
        self._out.append(sse.encode("error", body))

    # --- blocks ----------------------------------------------------------------------------------

    def _open(self, event: Open) -> None:
        self._kind = event.kind
        self._prefix = self._held = None
        if event.kind == "call":
            self._held = [] if event.custom else None
            head = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
            self._begin_block(jsonio.dumps(head))
        elif event.kind == "reasoning":
            self._held = None if self._asked.show_reasoning else []
        elif event.kind == "opaque" and event.native is not None:
            self._write_native(event.native)

    def _delta(self, text: str) -> None:
        """Text that is held back, or begins its block."""
        if self._prefix is None:
            if not text:
                return
            self._begin_block(SHAPES[self._kind or "text"][0])
        self._characters += len(text)
        if self._held is not None:
            self._held.append(text)
        else:
            self._out += (self._prefix, jsonio.text(text), DELTA_END)  # type: ignore[arg-type]

    def _close(self, event: Close) -> None:
        text = "".join(self._held or ())
        if self._kind == "reasoning":
            self._close_reasoning(event, text)
        elif self._held is not None and text:
            self._out += (self._prefix or b"", jsonio.text(arguments.wrap_input(text)), DELTA_END)
        if self._prefix is not None:
            self._stop_block()
        self._held = self._kind = None

    def _close_reasoning(self, event: Close, text: str) -> None:
        """The one signature of the thought. A thought without words and without a seal was none."""
        sealed, foreign = event.seal, event.foreign_signature
        if event.hidden and self._prefix is None:
            data = carried_redaction(sealed, foreign, self._asked.family)
            self._begin_block(jsonio.dumps({"type": "redacted_thinking", "data": data}))
            return
        if self._prefix is None:
            if sealed is None and foreign is None:
                return
            self._begin_block(SHAPES["reasoning"][0])
        signature = carried_signature(
            text, sealed, foreign, self._asked.family, hide_text=self._held is not None
        )
        prefix = delta_prefix(self._index, SIGNATURE)
        self._out += (prefix, jsonio.text(signature), DELTA_END)

    def _write_native(self, native: Opaque) -> None:
        """A server tool's input must come as deltas, like any tool's."""
        if native.dialect is not Dialect.ANTHROPIC:
            return
        members = decode_members(native.native)
        given = members.get("input")
        if given is not None:
            members["input"] = Raw(b"{}")
        self._begin_block(jsonio.dumps(members))
        if given is not None:
            prefix = delta_prefix(self._index, SHAPES["call"][1])
            self._out += (prefix, jsonio.text(jsonio.raw(given)), DELTA_END)

    def _begin_block(self, head: bytes) -> None:
        self._index += 1
        shape = SHAPES.get(self._kind or "")
        self._prefix = delta_prefix(self._index, b"" if shape is None else shape[1])
        self._out.append(block_start(self._index, head))

    def _stop_block(self) -> None:
        self._prefix = None
        self._out.append(block_stop(self._index))

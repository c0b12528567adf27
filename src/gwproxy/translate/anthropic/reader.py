"""Reads an upstream's Messages stream, or whole answer, as hub events.

Blocks may have indexes with gaps, interleave, or get deltas of another kind than their start
announced. After a stop reason, `message_stop` or the end of the stream is the end. A stream that
ends without both, or inside an event, was cut off, and that is a failure.

https://docs.claude.com/en/docs/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Raw, structs

from gwproxy.translate.anthropic.assembly import Blocks
from gwproxy.translate.anthropic.ending import stop_of, usage_of
from gwproxy.translate.anthropic.frames import Answer, Frame, decode_answer, decode_frame
from gwproxy.translate.anthropic.wire import ABSENT
from gwproxy.translate.errors import complaints
from gwproxy.translate.events import (
    End,
    Event,
    Finish,
    Lost,
    Ping,
    Start,
    Unreadable,
    UsageUpdate,
    truncated,
    unreadable,
)
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.reading import Reading
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.shapes import present


class Reader(Reading):
    """Gives events that satisfy the grammar, of a stream in any chunking and disorder."""

    def __init__(self, quirks: Quirks) -> None:
        self._blocks = Blocks(quirks)
        super().__init__(self._blocks.out)
        self._input_known = False
        self._stop_word: str | None = None
        self._stop_sequence: str | None = None
        self._stop_details = ABSENT
        self._begun = Answer()  # the message as `message_start` held it
        self._told = 0  # how many of its blocks were given, or come as events of their own

    def whole(self, body: bytes) -> list[Event]:
        """The events of a whole answer, as its stream would have given them."""
        try:
            self._on_whole(decode_answer(body), body)
        except jsonio.NotJson as error:
            self._give_up(unreadable(complaints.read(body).message or str(error)))
        except Unreadable as error:
            self._give_up(unreadable(str(error)))
        return self._take()

    def _on_frame(self, name: bytes, data: bytes) -> None:
        try:
            frame = decode_frame(data)
            if frame.type == "content_block_delta":
                self._on_content_block_delta(frame)
            else:
                self._on_other(frame, name, data)
        except jsonio.NotJson as error:
            # Empty data and `[DONE]` are some hosts' keep-alive and terminator.
            if data.strip() and not data.startswith(b"[DONE]"):
                self._give_up(unreadable(f"{complaints.read(data).message[:80]!r} ({error})"))
        except Unreadable as error:
            self._give_up(unreadable(str(error)))

    def _on_other(self, frame: Frame, name: bytes, data: bytes) -> None:
        """Reads every event but deltas; unknown ones are ignored."""
        kind = frame.type or name.decode("utf-8", "replace")
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, frame)
        elif kind == "error" or present(frame.error):
            self._fail(complaints.failure_of(jsonio.loads(data)))

    def _on_message_start(self, frame: Frame) -> None:
        if self._started:
            return
        try:
            self._begin(decode_answer(bytes(frame.message) or b"{}"))
        except jsonio.NotJson:
            self._begin(Answer())  # only its id and usage are lost

    def _on_content_block_start(self, frame: Frame) -> None:
        self._ensure_begun()
        self._tell_begun(frame.index or 0)
        self._blocks.open(frame.index or 0, frame.content_block)

    def _on_content_block_delta(self, frame: Frame) -> None:
        piece = frame.delta
        if piece is None:
            return
        if not self._started:
            self._begin(Answer())
        if self._begun.content:
            self._tell_begun(frame.index or 0)
        if piece.text:
            self._blocks.prose(frame.index or 0, "text", piece.text)
        elif piece.partial_json:
            self._blocks.input(frame.index or 0, piece.partial_json)
        elif piece.thinking:
            self._blocks.prose(frame.index or 0, "reasoning", piece.thinking)
        elif piece.signature:
            self._blocks.seal(frame.index or 0, piece.signature)
        elif present(piece.citation):
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
            begun = self._begun
            if self._stop_word is None:
                self._note_stop(begun.stop_reason, begun.stop_sequence, begun.stop_details)
            self._end()
        else:
            self._give_up(truncated("it has no beginning"))

    def _on_ping(self, _frame: Frame) -> None:
        self._out.append(Ping())

    def _on_whole(self, answer: Answer, body: bytes) -> None:
        if answer.type == "error" or present(answer.error):
            self._fail(complaints.failure(200, {}, body))
            return
        if answer.content is None:
            raise Unreadable("a message without content")
        self._begin(answer)
        self._note_stop(answer.stop_reason, answer.stop_sequence, answer.stop_details)
        self._end()

    def _begin(self, answer: Answer) -> None:
        self._started = True
        self._begun = answer
        self._out.append(Start(answer.id or "", answer.model or ""))
        self._note_usage(answer.usage)

    def _tell_begun(self, until: int) -> None:
        """Gives the blocks before `until` that `message_start` held whole, and no event brings
        again (programmatic tool calling: vercel/ai's recorded answers). Raises Unreadable."""
        content = self._begun.content or ()
        for position in range(self._told, min(until, len(content))):
            self._blocks.open(position, content[position])
            self._blocks.close(position)
        self._told = max(self._told, until + 1)

    def _ensure_begun(self) -> None:
        if not self._started:
            self._begin(Answer())

    def _note_stop(self, word: str | None, sequence: str | None, details: Raw) -> None:
        self._stop_word = word or self._stop_word
        self._stop_sequence = sequence or self._stop_sequence
        if present(details):
            self._stop_details = details

    def _note_usage(self, raw: Raw) -> None:
        """Gives the usage in an event. Zeros for input that was counted before are ignored: some
        hosts send them in their last event."""
        usage = usage_of(raw)
        if usage is None:
            return
        if usage.input_total:
            self._input_known = True
        elif self._input_known:
            usage = structs.replace(usage, fresh=None, cache_read=None, cache_write=None)
        self._out.append(UsageUpdate(usage))

    def _may_end(self) -> bool:
        return self._stop_word is not None

    def _end(self) -> None:
        try:
            self._blocks.close_all()
            self._tell_begun(len(self._begun.content or ()))
        except Unreadable as error:
            self._give_up(unreadable(str(error)))
            return
        called = self._blocks.called
        stop = stop_of(self._stop_word, self._stop_sequence, self._stop_details, calls=called)
        self._out += [Finish(stop), End()]
        self._over = True


_HANDLERS: Final[Mapping[str, Callable[[Reader, Frame], None]]] = {
    "message_start": Reader._on_message_start,
    "content_block_start": Reader._on_content_block_start,
    "content_block_delta": Reader._on_content_block_delta,
    "content_block_stop": Reader._on_content_block_stop,
    "message_delta": Reader._on_message_delta,
    "message_stop": Reader._on_message_stop,
    "ping": Reader._on_ping,
}

"""Reads an upstream's Chat stream, or whole answer, as hub events.

After a finish reason usage and other deltas may follow; `[DONE]` or the end of the stream is the
end. A stream that ends without both, or inside an event, was cut off, and that is a failure.

https://platform.openai.com/docs/api-reference/chat/streaming
"""

from __future__ import annotations

from gwproxy.translate.chat import failure
from gwproxy.translate.chat.assembly import Assembly
from gwproxy.translate.chat.ending import broken_off, stop_of, usage_of
from gwproxy.translate.chat.frames import (
    ABSENT,
    MISFITS,
    CallPiece,
    Choice,
    Chunk,
    Figures,
    Words,
    tolerant,
    typed,
)
from gwproxy.translate.chat.thoughts import PARTS, words_of
from gwproxy.translate.errors import complaints
from gwproxy.translate.events import (
    End,
    Event,
    Finish,
    Lost,
    Start,
    Unreadable,
    UsageUpdate,
    unreadable,
)
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.reading import Reading
from gwproxy.translate.wire import jsonio


class Reader(Reading):
    """Gives events that satisfy the grammar, of a stream in any chunking and disorder."""

    def __init__(self, quirks: Quirks) -> None:
        self._blocks = Assembly(quirks)
        super().__init__(self._blocks.out)
        self._finish_reason: str | None = None
        self._sequence: str | int | None = None

    def whole(self, body: bytes) -> list[Event]:
        """The events of a whole answer, as its stream would have given them."""
        self._on_frames([(b"", body)])
        if not self._over:
            self._end()
        return self._take()

    def _on_frame(self, name: bytes, data: bytes) -> None:
        try:
            self._on_chunk(typed(data), data)
        except MISFITS:
            self._on_misfit(data)
        except Unreadable as error:
            self._give_up(unreadable(str(error)))

    def _on_misfit(self, data: bytes) -> None:
        """Reads `[DONE]`, a chunk of another shape, or what is no JSON."""
        if data.startswith(b"[DONE]"):
            self._end()
        elif data.strip():  # empty data is some hosts' keep-alive
            try:
                self._on_chunk(tolerant(data), data)
            except jsonio.NotJson:
                self._give_up(unreadable(f"{complaints.read(data).message!r} is not JSON"))
            except Unreadable as error:
                self._give_up(unreadable(str(error)))

    def _on_chunk(self, chunk: Chunk, data: bytes) -> None:
        choices = chunk.choices
        if choices is None or chunk.error is not None or not self._started:
            choices = self._on_first_or_other(chunk, data)
        for choice in choices:
            if choice.index or self._over:
                continue  # a second answer was never asked for
            if choice.error:
                self._fail(complaints.failure_of({"error": choice.error}))
                continue
            if choice.delta is not None:
                self._on_words(choice.delta)
            # A whole message is the answer, or, after deltas, a repetition of it.
            if choice.message is not None and self._blocks.empty:
                self._on_words(choice.message)
            if choice.finish_reason:
                self._on_finish_reason(choice.finish_reason, choice.stop_reason)
            if choice.usage is not None:
                self._on_usage(choice.usage)
        if chunk.usage is not None:
            self._on_usage(chunk.usage)
        elif chunk.x_groq is not None and chunk.x_groq.usage is not None:
            self._on_usage(chunk.x_groq.usage)

    def _on_first_or_other(self, chunk: Chunk, data: bytes) -> list[Choice]:
        """The choices of the first chunk, or of one that is an error or has none."""
        if chunk.error:  # null, "" and {} are none
            self._fail(complaints.failure_of({"error": chunk.error}))
            return []
        if chunk.choices is None and chunk.usage is None:
            if failure.is_error(data):
                self._fail(complaints.failure(0, {}, data))
            return []
        if not self._started:
            self._started = True
            self._out.append(Start(chunk.id or "", chunk.model or "", chunk.created))
        return chunk.choices or []

    def _on_words(self, words: Words) -> None:
        blocks = self._blocks
        if words.reasoning_content:
            blocks.think(words.reasoning_content, "reasoning_content")
        elif words.reasoning:
            blocks.think(words.reasoning, "reasoning")
        elif words.reasoning_text:
            blocks.think(words.reasoning_text, "reasoning_text")
        elif words.thinking_parts:
            blocks.think(words.thinking_parts, PARTS)
        elif words.reasoning_details is not ABSENT:
            blocks.think(words_of(words.reasoning_details))
        if words.reasoning_details is not ABSENT or words.extra_content is not ABSENT:
            blocks.state(words)
        elif words.content:
            blocks.text(words.content)
        if words.refusal:
            blocks.prose("refusal", words.refusal)
        if words.tool_calls:
            blocks.calls(words.tool_calls)
        elif words.function_call is not None:
            blocks.calls([CallPiece(0, None, words.function_call)])
        if words.annotations:
            self._out.append(Lost("citations"))

    def _on_usage(self, figures: Figures) -> None:
        if not self._over:
            self._out.append(UsageUpdate(usage_of(figures)))

    def _on_finish_reason(self, word: str, sequence: str | int | None) -> None:
        broken = broken_off(word)
        if broken is not None:
            self._fail(broken)
        else:
            self._finish_reason = word
            self._sequence = sequence

    def _may_end(self) -> bool:
        return self._finish_reason is not None

    def _end(self) -> None:
        blocks = self._blocks
        if self._finish_reason is None and blocks.empty:
            self._give_up(unreadable("there is nothing in it"))
            return
        try:
            blocks.close()
        except Unreadable as error:
            self._give_up(unreadable(str(error)))
            return
        stop = stop_of(
            self._finish_reason, self._sequence, calls=blocks.called, refused=blocks.refused
        )
        self._out += [Finish(stop), End()]
        self._over = True

"""Chat streams: an upstream's chunks → events, and events → a client's chunks.

Reader. A finish reason only prepares the end, since usage, and more of everything, may follow;
`[DONE]` or the end of the stream is the end. Without a finish reason and without `[DONE]`, or
inside an event, the answer was cut off, and that is a failure.

Writer. One role, one id, one model, one finish reason; a call's id, type and name exactly once
(clients concatenate what is repeated); usage in a last chunk of its own, if it was asked for;
`[DONE]` only after a finished answer, never after an error.

https://platform.openai.com/docs/api-reference/chat/streaming
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gwproxy.translate import complaints, jsonio, sse
from gwproxy.translate.answer import Asked, message_id
from gwproxy.translate.chat import failure
from gwproxy.translate.chat.assembly import Assembly, Unreadable
from gwproxy.translate.chat.blocks import GAP, carried_seal
from gwproxy.translate.chat.chunk import (
    MISFITS,
    CallPiece,
    Choice,
    Chunk,
    Figures,
    Words,
    tolerant,
    typed,
)
from gwproxy.translate.chat.ending import (
    broken_off,
    finish_word,
    stop_of,
    usage_object,
    usage_of,
)
from gwproxy.translate.events import (
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
from gwproxy.translate.hub import Failure, Stop, Usage
from gwproxy.translate.manners import Manners

_REASONING: Final = b'{"reasoning_content":'


class Reader:
    """An upstream's stream, in any chunking and disorder → events that satisfy the grammar."""

    def __init__(self, manners: Manners) -> None:
        self._decoder = sse.Decoder()
        self._blocks = Assembly(manners)
        self._out = self._blocks.out
        self._length: int | None = None
        self._started = False
        self._over = False
        self._finish_reason: str | None = None
        self._sequence: str | int | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        if self._over:
            return []
        try:
            frames = self._decoder.feed(chunk)
        except sse.TooLong as error:
            self._give_up(unreadable(str(error)))
            return self._take()
        self._on_frames(frames)
        return self._take()

    def finish(self) -> list[Event]:
        """The upstream has closed the stream."""
        cut = self._decoder.unfinished
        # Of a torn one, what counts is what came before.
        self._on_frames(frame for frame in self._decoder.finish() if not _is_torn(frame[1]))
        if not self._over:
            if cut or self._finish_reason is None:
                self._give_up(truncated())
            else:
                self._end()
        return self._take()

    def whole(self, body: bytes) -> list[Event]:
        """A body that is no stream, as the stream it would have been."""
        self._on_frames([(b"", body)])
        if not self._over:
            self._end()
        return self._take()

    def _take(self) -> list[Event]:
        out = self._out[: self._length]
        self._out.clear()
        return out

    def _on_frames(self, frames: Iterable[sse.Frame]) -> None:
        for _name, data in frames:
            if self._over:
                return  # some upstreams go on talking after [DONE]
            try:
                self._on_chunk(typed(data), data)
            except MISFITS:
                self._on_misfit(data)
            except Unreadable as error:
                self._give_up(unreadable(str(error)))

    def _on_misfit(self, data: bytes) -> None:
        """The terminator, a chunk of another shape, or what is not JSON."""
        if data.startswith(b"[DONE]"):
            self._end()
        elif data.strip():  # `data:` with nothing is somebody's keep-alive
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
            if choice.index:
                continue  # a second answer was never asked for
            words = choice.delta or choice.message
            if words is not None:
                self._on_words(words)
            if choice.finish_reason:
                self._on_finish_reason(choice.finish_reason, choice.stop_reason)
            if choice.usage is not None:
                self._on_usage(choice.usage)
        if chunk.usage is not None:
            self._on_usage(chunk.usage)
        elif chunk.x_groq is not None and chunk.x_groq.usage is not None:
            self._on_usage(chunk.x_groq.usage)

    def _on_first_or_other(self, chunk: Chunk, data: bytes) -> list[Choice]:
        """The start, an error in any of its shapes, or something without a choice."""
        if chunk.error:  # null, "" and {} are none
            self._fail(failure.parse_event({"error": chunk.error}))
            return []
        if chunk.choices is None and chunk.usage is None:
            if failure.is_error(data):
                self._fail(failure.parse(0, {}, data))
            return []
        if not self._started:
            self._started = True
            self._out.append(Start(chunk.id or "", chunk.model or "", chunk.created))
        return chunk.choices or []

    def _on_words(self, words: Words) -> None:
        blocks = self._blocks
        reasoning = words.reasoning_content or words.reasoning or words.reasoning_text
        if reasoning:
            blocks.prose("reasoning", reasoning)
        if words.content:
            blocks.text(words.content)
        if words.refusal:
            blocks.prose("refusal", words.refusal)
        if words.tool_calls:
            blocks.calls(words.tool_calls)
        elif words.function_call is not None:
            blocks.calls([CallPiece(0, None, words.function_call)])
        if words.annotations:
            self._out.append(Lost("annotations"))

    def _on_usage(self, figures: Figures) -> None:
        self._out.append(UsageUpdate(usage_of(figures)))

    def _on_finish_reason(self, word: str, sequence: str | int | None) -> None:
        broken = broken_off(word)
        if broken is not None:
            self._fail(broken)
        else:
            self._finish_reason = word
            self._sequence = sequence

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
        self._be_over()

    def _give_up(self, why: Failure) -> None:
        """What came is no answer, or none that we understand."""
        self._fail(why)

    def _fail(self, reason: Failure) -> None:
        self._out.append(Fail(reason))
        self._be_over()

    def _be_over(self) -> None:
        """Nothing counts any more of what else the event says that ended the stream."""
        if not self._over:
            self._over = True
            self._length = len(self._out)


def _is_torn(data: bytes) -> bool:
    """Whether the last frame is the beginning of one that the end of the stream cut off."""
    if data.startswith(b"[DONE]"):
        return False
    try:
        jsonio.loads_torn(data)
    except jsonio.NotJson:
        return True
    return False


class Writer:
    """A sequential stream of events → the chunks of a client."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._out: list[bytes] = []
        self._head = b""  # of a chunk, up to the delta
        self._tail = b""  # of a chunk, after the delta
        self._role_told = False
        self._open_block = Open(0, "opaque")
        self._prefix: bytes | None = None  # before a delta that can go out at once
        self._suffix = b""
        self._held: list[str] = []
        self._gap = False
        self._first = True
        self._given: set[str] = set()  # kinds of prose that the client has some of
        self._calls = 0
        self._usage = Usage()

    def write(self, events: Iterable[Event]) -> bytes:
        out = self._out
        for event in events:
            if type(event) is not Delta:
                self._write(event)
            elif not event.text:
                continue
            elif self._prefix is not None:
                out += (self._prefix, jsonio.text(event.text), self._suffix)
            else:
                self._delta(event.text)
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

    def _start(self, event: Start) -> None:
        asked = self._asked
        created = event.created if event.created is not None else asked.created
        self._head = b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,' % (
            jsonio.text(message_id("chatcmpl-", event.id, asked)),
            created,
            jsonio.text(asked.model),
        )
        self._head += b'"choices":[{"index":0,"delta":'
        self._tail = b',"finish_reason":null}]%b}\n\n' % self._no_usage

    @property
    def _no_usage(self) -> bytes:
        return b',"usage":null' if self._asked.include_usage else b""

    def _chunk(self, delta: bytes) -> None:
        self._out += (self._head, delta, self._tail)

    def _tell_role(self, content: bytes) -> None:
        if not self._role_told:
            self._role_told = True
            self._chunk(b'{"role":"assistant","content":%b}' % content)

    def _stream_as(self, before: bytes, after: bytes) -> None:
        """Deltas of the open block go out at once from now on, between these bytes."""
        self._prefix = self._head + before
        self._suffix = after + self._tail

    def _open(self, event: Open) -> None:
        self._open_block = event
        self._prefix = None
        self._held.clear()
        self._first = event.kind not in self._given
        self._tell_role(b'""' if event.kind == "text" else b"null")
        if event.kind == "call":
            self._open_call(event)
        if event.kind != "text":
            self._gap = True

    def _open_call(self, event: Open) -> None:
        name, legacy = jsonio.text(event.name), self._asked.legacy_functions
        if event.custom or (legacy and self._calls):
            # OpenAI's accumulators take a free-form call only in one piece, and a client of
            # `functions` knows of one call only: these deltas are kept.
            pass
        elif legacy:
            self._chunk(b'{"function_call":{"name":%b,"arguments":""}}' % name)
            self._stream_as(b'{"function_call":{"arguments":', b"}}")
        else:
            self._chunk(
                b'{"tool_calls":[{"index":%d,"id":%b,"type":"function",'
                b'"function":{"name":%b,"arguments":""}}]}'
                % (self._calls, jsonio.text(event.id), name)
            )
            self._stream_as(
                b'{"tool_calls":[{"index":%d,"function":{"arguments":' % self._calls, b"}}]}"
            )
        self._calls += 1

    def _delta(self, text: str) -> None:
        """The first words of a block, or such as the client gets only at its end, or never."""
        kind, shown = self._open_block.kind, self._asked.show_reasoning
        if kind == "text":
            self._begin(b'{"content":', text if self._first or not self._gap else GAP + text)
            self._gap = False
        elif kind == "refusal" or (kind == "reasoning" and self._first and shown):
            self._begin(b'{"refusal":' if kind == "refusal" else _REASONING, text)
        else:
            if kind == "reasoning" and shown:
                self._chunk(_REASONING + jsonio.text(text if self._held else GAP + text) + b"}")
            self._held.append(text)

    def _begin(self, before: bytes, text: str) -> None:
        self._given.add(self._open_block.kind)
        self._chunk(before + jsonio.text(text) + b"}")
        self._stream_as(before, b"}")

    def _close(self, event: Close) -> None:
        opened, held = self._open_block, "".join(self._held)
        self._prefix = None
        if opened.kind == "reasoning":
            shown = self._asked.show_reasoning
            carried = carried_seal(event.seal, held, shown=shown, first=self._first)
            if carried:
                self._chunk(b'{"reasoning_seal":%b}' % jsonio.text(carried))
        elif opened.kind == "call" and opened.custom:
            self._chunk(
                b'{"tool_calls":[{"index":%d,"id":%b,"type":"custom",'
                b'"custom":{"name":%b,"input":%b}}]}'
                % (
                    self._calls - 1,
                    jsonio.text(opened.id),
                    jsonio.text(opened.name),
                    jsonio.text(held),
                )
            )

    def _finish(self, stop: Stop) -> None:
        self._tell_role(b"null")
        refused = "refusal" in self._given
        if stop.explanation and not refused:
            self._chunk(b'{"refusal":%b}' % jsonio.text(stop.explanation))
        word = finish_word(
            stop,
            calls=self._calls > 0,
            refused=refused,
            legacy=self._asked.legacy_functions,
        )
        # vLLM's member; OpenAI has no way to say which stop sequence matched.
        sequence = b""
        if stop.sequence is not None:
            sequence = b',"stop_reason":' + jsonio.text(stop.sequence)
        self._out += (
            self._head,
            b'{},"finish_reason":%b%b}]%b}\n\n' % (jsonio.text(word), sequence, self._no_usage),
        )

    def _end(self) -> None:
        usage = usage_object(self._usage, self._asked.input_estimate)
        if self._asked.include_usage and usage is not None:
            start = self._head.removesuffix(b'{"index":0,"delta":')
            self._out += (start, b'],"usage":', jsonio.dumps(usage), b"}\n\n")
        self._out.append(b"data: [DONE]\n\n")

    def _give_up(self, why: Failure) -> None:
        """What came is no answer, or none that we understand."""
        self._fail(why)

    def _fail(self, reason: Failure) -> None:
        # No finish reason and no [DONE]: a client must not take this for an answer.
        self._out.append(sse.encode("", failure.envelope(reason)))

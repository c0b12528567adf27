"""Writes hub events as Chat chunks for a client.

One role, one id, one model, one finish reason; a call's id, type and name exactly once
(clients concatenate what is repeated); usage in a last chunk of its own, if it was asked for;
`[DONE]` only after a finished answer, never after an error.

https://platform.openai.com/docs/api-reference/chat/streaming
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gwproxy.translate.chat import failure
from gwproxy.translate.chat.blocks import GAP, carried_seal
from gwproxy.translate.chat.ending import finish_word, usage_object
from gwproxy.translate.codec import ReplyContext, message_id
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
from gwproxy.translate.hub import UNTOLD, Failure, Stop
from gwproxy.translate.wire import jsonio, sse

_REASONING: Final = b'{"reasoning_content":'


class Writer:
    """Gives the bytes of a sequential stream as OpenAI's SDKs accept them."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
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
        self._given: set[str] = set()  # kinds of prose that went out
        self._calls = 0
        self._usage = UNTOLD

    def write(self, events: Iterable[Event]) -> bytes:
        """The bytes for these events."""
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

    def _start(self, event: Start) -> None:
        context = self._context
        created = event.created if event.created is not None else context.created
        self._head = b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,' % (
            jsonio.text(message_id("chatcmpl-", event.id, context)),
            created,
            jsonio.text(context.model),
        )
        self._head += b'"choices":[{"index":0,"delta":'
        self._tail = b',"finish_reason":null}]%b}\n\n' % self._no_usage

    @property
    def _no_usage(self) -> bytes:
        return b',"usage":null' if self._context.include_usage else b""

    def _chunk(self, delta: bytes) -> None:
        self._out += (self._head, delta, self._tail)

    def _tell_role(self, content: bytes) -> None:
        if not self._role_told:
            self._role_told = True
            self._chunk(b'{"role":"assistant","content":%b}' % content)

    def _stream_as(self, before: bytes, after: bytes) -> None:
        """Has deltas of the open block go out at once from now on, between these bytes."""
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
        name, legacy = jsonio.text(event.name), self._context.legacy_functions
        if event.custom or (legacy and self._calls):
            # OpenAI's SDKs take a free-form call only in one piece, and a client of `functions`
            # knows of one call only: these deltas are held back.
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
        """Writes the first delta of a block, or holds back one that goes out at its end, or
        never."""
        kind, shown = self._open_block.kind, self._context.show_reasoning
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
        first = self._first and self._prefix is not None
        self._prefix = None
        if opened.kind == "reasoning":
            shown = self._context.show_reasoning
            carried = carried_seal(event.seal, held, shown=shown, first=first)
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
            legacy=self._context.legacy_functions,
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
        usage = usage_object(self._usage, self._context.input_estimate)
        if self._context.include_usage and usage is not None:
            start = self._head.removesuffix(b'{"index":0,"delta":')
            self._out += (start, b'],"usage":', jsonio.dumps(usage), b"}\n\n")
        self._out.append(b"data: [DONE]\n\n")

    def _fail(self, reason: Failure) -> None:
        # No finish reason and no [DONE]: a client must not take this for an answer.
        self._out.append(sse.encode("", failure.envelope(reason)))

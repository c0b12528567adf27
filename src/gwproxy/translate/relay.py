"""Relayed bodies and streams between equal dialects: bytes as they came, but for the model's name.

A body is never parsed and printed again: Anthropic binds thinking signatures to bytes, and fields
that we do not know must live (router-for-me/CLIProxyAPI#2172). The name is spliced into the text.
The dialect's `Tap` reads usage, failures and the end of a stream as it passes, so that the log is
true and a cut stream is not taken for a whole one.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import structs

from gwproxy.translate.events import Close, Event, Fail, Open, truncated
from gwproxy.translate.expected import NOTED, Expected, Tally
from gwproxy.translate.hub import Failure
from gwproxy.translate.passes.recall import keep_name
from gwproxy.translate.stages.listener import Listener
from gwproxy.translate.stages.sequencer import Sequencer
from gwproxy.translate.stages.summary import not_heeded
from gwproxy.translate.streams import StreamBridge
from gwproxy.translate.wire import jsonio, splice, sse

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_MODEL_FIRST: Final = re.compile(rb'\s*\{\s*"model"\s*:\s*("(?:[^"\\]|\\.)*")')
_MODEL_ANYWHERE: Final = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
# `[DONE]` at the end of the events that have come; SDKs stop reading there.
_DONE: Final = re.compile(rb"(?:\A|(?<=[\r\n]))data: ?\[DONE\][ \r\n]*\Z")

_LINE_ENDS: Final = b"\r\n"
_AT_DONE: Final = tuple(b"[DONE]" + end for end in (b"\n\n", b"\r\n\r\n", b"\r\r"))


def replace_model(body: bytes, model: str) -> bytes:
    """`body` with its top-level `model` set to `model`, every other byte kept.

    Raises jsonio.NotJson when there is no such member to replace.
    """
    spans = _model_spans(body)
    if not spans:
        raise jsonio.NotJson("model: field required")
    pieces: list[bytes] = []
    kept = 0
    for start, end in spans:
        pieces += (body[kept:start], jsonio.text(model))
        kept = end
    return b"".join((*pieces, body[kept:]))


def with_stream(body: bytes, *, streams: bool, usage: str) -> bytes:
    """`body` asking for a stream or for none; `usage` are the `stream_options` without which a
    stream holds no usage. Raises jsonio.NotJson."""
    if not streams:
        # Where no stream is asked for its options are a 400, too.
        return splice.edited(body, [splice.omit("stream"), splice.omit("stream_options")])
    if usage and not splice.has(body, ("stream_options",)):
        body = splice.with_member(body, "stream_options", usage.encode())
    return splice.with_member(body, "stream", b"true")


def _model_spans(body: bytes) -> list[tuple[int, int]]:
    """The spans of all top-level `model` values: of a repeated member most parsers read the last,
    not all."""
    first = _MODEL_FIRST.match(body)
    if first is not None and body.find(b'"model"', first.end()) < 0:
        return [first.span(1)]
    spans: list[tuple[int, int]] = []
    depth = 0
    for token in _TOKEN.finditer(body):
        piece = token[0]
        if piece in (b"{", b"["):
            depth += 1
        elif piece in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and piece == b'"model"':
            value = _MODEL_ANYWHERE.match(body, token.start())
            if value is not None:
                spans.append(value.span(1))
    return spans


class ModelSplicer:
    """The change of the model's name in a relayed stream; its first event gives the upstream's
    name.

    In every dialect the name stands as a JSON member; inside texts and arguments its quotes are
    escaped, so a plain search cannot hit those.
    """

    __slots__ = ("_asked", "_pattern", "_replacement")

    def __init__(self, asked: str) -> None:
        self._asked = jsonio.text(asked)
        self._pattern: bytes | None = None
        self._replacement = b""

    def splice(self, events: bytes) -> bytes:
        if self._pattern is None:
            found = _MODEL_ANYWHERE.search(events)
            if found is None:
                return events
            self._pattern = found[0]
            prefix = found[0][: found.start(1) - found.start()]
            self._replacement = prefix + self._asked
        return events.replace(self._pattern, self._replacement)


def without_done(events: bytes) -> bytes:
    """`events` without the `[DONE]` at their end, for an answer that has not finished."""
    return _DONE.sub(b"", events)


def whole(expected: Expected, tally: Tally, body: bytes) -> bytes | Failure:
    """The whole answer `body` with the client's name of the model; its failure where it holds
    one."""
    asked, codec = expected.context.model, expected.upstream
    events = codec.reader(expected.quirks).whole(body)
    recorder = _ReasoningRecorder(expected)
    seals = [event.seal for event in events if type(event) is Close and event.seal is not None]
    if any(made.kind == "members" for made in seals):
        recorder.feed(events)
    for made in seals:
        if made.kind == "text":
            recorder.named(made.data or expected.quirks.reasoning_field)
    for event in events:
        if not isinstance(event, Fail):
            tally.note(event)
        elif codec.promises is not None and codec.promises(body):
            return replace_model(body, asked)
        else:
            return event.failure
    if expected.ordered and not _has_summary(expected, body):
        return not_heeded()
    body = expected.restored(body)
    if tally.model in ("", asked):
        return body
    try:
        return replace_model(body, asked)
    except jsonio.NotJson:  # a model that is no string was read as one
        return splice.with_member(body, "model", jsonio.text(asked))


class _ReasoningRecorder:
    """The recorder of signed reasoning in a relayed answer, for a client that may lose it."""

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._sequencer = Sequencer()
        self._listener: Listener | None = None

    def feed(self, events: list[Event]) -> None:
        memory = self._expected.thoughts
        if memory is None:
            return
        if self._listener is None:
            if not any(type(event) is Open for event in events):
                return
            self._listener = Listener(self._expected.answer_place, memory)
        self._listener.feed(self._sequencer.feed(events))

    def named(self, name: str) -> None:
        """Keep `name`, the member in which the answer's reasoning came."""
        if self._expected.thoughts is not None and self._expected.upstream.put_back is not None:
            usual = self._expected.quirks.reasoning_field
            keep_name(self._expected.thoughts, name, usual)


def _has_summary(expected: Expected, answer: bytes) -> bool:
    summaries = expected.client.summaries
    return summaries is None or summaries.is_in(answer)


class FaithfulStream:
    """The upstream's own bytes, event by event, with the model's name as the client asked for it.

    `failure` is one that we wrote into it, `sent_failure` that or one in the upstream's own bytes.
    """

    __slots__ = (
        "_awaits",
        "_decoder",
        "_expected",
        "_last",
        "_recorder",
        "_restoring",
        "_splicer",
        "_tally",
        "_tap",
        "ended",
        "failure",
        "over",
        "sent_failure",
    )

    def __init__(self, expected: Expected, tally: Tally) -> None:
        self._expected = expected
        self._tally = tally
        self._splicer = ModelSplicer(expected.context.model)
        self._tap = expected.upstream.tap(expected.quirks)
        self._decoder = self._tap.decoder
        self._recorder = _ReasoningRecorder(expected)
        self._awaits = expected.ordered  # a summary, which has not come yet
        self._last = b""  # the events that the client got last
        restoring, flattened = expected.upstream.restoring, expected.flattened
        self._restoring = restoring(flattened) if restoring and flattened else None
        self.over = False
        self.ended = False  # the upstream's last event has come; its body's end may be far
        self.failure: Failure | None = None
        self.sent_failure: Failure | None = None

    def feed(self, chunk: bytes) -> bytes:
        """The events that are whole by now, for the client. Raises sse.TooLong."""
        if frames := self._decoder.feed(chunk):
            self._note(self._tap.read(frames))
        events = self._decoder.whole
        if self.sent_failure is not None and self._decoder.bare:
            return self._said_barely(self.sent_failure)
        if not self.ended and events.endswith(_AT_DONE):
            events = without_done(events)
        return self._tell(not_heeded()) if self._is_unheeded(events) else self._told(events)

    def finish(self) -> bytes:
        """The last events, after the upstream's stream has ended; without one that was cut."""
        closing = self._tap.closing()  # before it reads of a block that the client never sees
        last = self._tap.finish()
        self._note(last)
        if self.sent_failure is not None and self._decoder.bare:
            return self._said_barely(self.sent_failure)
        if not self.ended:
            return closing + self._tell(truncated())
        self.over = True
        rest = self._decoder.whole
        if rest.strip(_LINE_ENDS):
            rest = rest + b"\n\n" if last else b""
        return self._tell(not_heeded()) if self._is_unheeded(rest) else self._told(rest)

    def _said_barely(self, failure: Failure) -> bytes:
        """The events before a failure that stands among them as bare JSON, and it as an event."""
        before = self._decoder.whole.partition(self._decoder.bare)[0]
        return self._told(before) + self._tap.closing() + self._tell(failure)

    def _is_unheeded(self, events: bytes) -> bool:
        """Whether the stream has ended well with `events`, without the summary that was asked
        for."""
        if self._awaits and _has_summary(self._expected, events):
            self._awaits = False
        return self._awaits and self.ended and self.sent_failure is None

    def _told(self, events: bytes) -> bytes:
        """`events` with the client's name of the model, and its own tools."""
        if self._restoring is not None:
            events = self._restoring.feed(events)
        events = self._splicer.splice(events)
        if b"data:" in events:
            self._last = events
        return events

    def whole(self, body: bytes) -> bytes:
        """The stream out of a JSON body: the one case in which even equals are translated."""
        self.over = True
        translated = StreamBridge(self._expected, self._tally)
        out = translated.whole(body)
        self.failure = self.sent_failure = translated.failure
        return out

    def fail(self, failure: Failure) -> bytes:
        """An error event, to come after the upstream's events."""
        return self._tap.closing() + self._tell(failure)

    def _tell(self, failure: Failure) -> bytes:
        self.over = True
        self.failure = self.sent_failure = failure
        context = structs.replace(self._expected.context, relayed=self._last)
        return self._expected.client.writer(context).write([Fail(failure)])

    def ping(self) -> bytes:
        # A comment and no event: the upstream's own first event must stay the first.
        return b"" if self.over else sse.comment("ping")

    def leave(self) -> None:
        """The client has gone: nothing to do, for usage was noted as it came."""

    def _note(self, events: list[Event]) -> None:
        self._recorder.feed(events)
        for event in events:
            if type(event) is Fail:
                self.sent_failure = event.failure
            elif type(event) in NOTED:
                self._tally.note(event)
        self.ended = self._tap.over
        if self.ended and self._tap.thinks_in:
            self._recorder.named(self._tap.thinks_in)

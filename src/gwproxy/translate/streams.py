"""A translated answer, streamed or whole, out of the upstream's.

`StreamBridge` gives the client's stream, `Collector` its whole answer; between reader and client
stands the `Pipe`. They hold the state of one answer; what its request says of it stands in
`Expected`.
"""

from __future__ import annotations

from collections.abc import Iterable

from gwproxy.translate.events import End, Event, Fail, Fold, paced, truncated
from gwproxy.translate.expected import NOTED, Expected, Tally
from gwproxy.translate.hub import Failure
from gwproxy.translate.stages.calls import ClientCalls
from gwproxy.translate.stages.fitted import FittedAnswer
from gwproxy.translate.stages.leaked import LeakedCalls
from gwproxy.translate.stages.listener import Listener
from gwproxy.translate.stages.sequencer import Sequencer
from gwproxy.translate.stages.stops import StopMatcher
from gwproxy.translate.stages.summary import AwaitedSummary, Summary
from gwproxy.translate.wire import jsonio, sse


class Pipe:
    """All stages of an answer in one: sequencer, leaked calls, ids and names, stop sequences, a
    format asked for in the prompt, summaries; and the tally. `live`: the client gets a stream."""

    __slots__ = (
        "_calls",
        "_fitted",
        "_leaked",
        "_listener",
        "_sequencer",
        "_stops",
        "_summary",
        "_tally",
        "failure",
        "over",
    )

    def __init__(self, expected: Expected, tally: Tally, *, live: bool) -> None:
        leaks, stops, thoughts = expected.leaks, expected.stops, expected.thoughts
        self._tally = tally
        self._sequencer = Sequencer()
        self._leaked = LeakedCalls(leaks) if leaks else None
        self._calls = ClientCalls(
            expected.names,
            tally.losses,
            expected.client.facts,
            wrapped=expected.wrapped,
            answer_tool=expected.context.answer_tool,
        )
        self._stops = StopMatcher(stops) if stops else None
        told = expected.prompted_format
        self._fitted = None if told is None else FittedAnswer(told, tally.losses, live=live)
        self._summary = _summary_of(expected)
        self._listener = None if thoughts is None else Listener(expected.place, thoughts)
        self.failure: Failure | None = None
        self.over = False

    def feed(self, events: Iterable[Event]) -> list[Event]:
        out = self._sequencer.feed(events)
        if self._leaked is not None:
            out = self._leaked.feed(out)
        out = self._calls.feed(out)
        if self._stops is not None:
            out = self._stops.feed(out)
        if self._fitted is not None:
            out = self._fitted.feed(out)
        if self._listener is not None:
            self._listener.feed(out)
        if self._summary is not None:
            out = self._summary.feed(out)
        for event in out:
            kind = type(event)
            if kind in NOTED:
                self._tally.note(event)
            elif kind is End or kind is Fail:
                self.over = True
                if kind is Fail:
                    self.failure = event.failure  # type: ignore[union-attr]
        return out


def _summary_of(expected: Expected) -> Summary | AwaitedSummary | None:
    summaries = expected.client.summaries
    if summaries is None or not (expected.summarises or expected.ordered):
        return None
    if expected.ordered:
        return AwaitedSummary(summaries.is_in)
    return Summary(lambda text: summaries.sealed(text, expected.context.new_id))


class StreamBridge:
    """The client's stream, out of a stream or a whole answer of the upstream.

    `over` is True once nothing more will be sent; the shell may then drop the upstream. Before
    the shell has sent anything, `failure` may still become an answer with an honest status.
    """

    __slots__ = ("_expected", "_losses", "_pipe", "_reader", "_unfold", "_writer")

    def __init__(self, expected: Expected, tally: Tally) -> None:
        self._unfold = expected.upstream.unfold if expected.keeps_members else None
        self._losses = tally.losses
        self._expected = expected = expected.translated()
        self._pipe = Pipe(expected, tally, live=True)
        self._reader = expected.upstream.reader(expected.quirks)
        self._writer = expected.client.writer(expected.context)

    @property
    def over(self) -> bool:
        return self._pipe.over

    @property
    def failure(self) -> Failure | None:
        return self._pipe.failure

    @property
    def sent_failure(self) -> Failure | None:
        return self._pipe.failure

    @property
    def ended(self) -> bool:
        return self._pipe.over

    def feed(self, chunk: bytes) -> bytes:
        return self._send(self._reader.feed(chunk))

    def finish(self) -> bytes:
        """The last bytes, after the upstream's stream has ended; without its terminator an
        error."""
        out = self._send(self._reader.finish())
        return out if self.over else out + self.fail(truncated())

    def whole(self, body: bytes) -> bytes:
        """The whole stream out of the upstream's one JSON body."""
        lost = len(self._losses)
        translated = self._send(list(paced(self._reader.whole(body))))
        if self._unfold is None or self.failure is not None:
            return translated
        try:
            raw = self._unfold(self._expected.restored(body), self._expected.context)
        except jsonio.NotJson:
            return translated
        self._losses.back_to(lost)
        return raw

    def fail(self, failure: Failure) -> bytes:
        """`failure` as an error event of the client's dialect."""
        return self._send([Fail(failure)])

    def ping(self) -> bytes:
        if self.over:
            return b""
        # A comment and no event: an unfolded body brings its own first event.
        return self._writer.ping() if self._unfold is None else sse.comment("ping")

    def leave(self) -> None:
        """The client has gone: nothing to do, for usage was noted as it came."""

    def _send(self, events: list[Event]) -> bytes:
        if self.over:
            return b""
        return self._writer.write(self._pipe.feed(events))


class Collector:
    """The client's whole answer, out of a stream or a whole answer of the upstream."""

    __slots__ = ("_expected", "_folding", "_losses", "_lost", "_pipe", "_raw", "_reader")

    def __init__(self, expected: Expected, tally: Tally) -> None:
        folding = expected.upstream.folding if expected.keeps_members else None
        self._raw = None if folding is None else folding()
        self._losses, self._lost = tally.losses, len(tally.losses)
        self._expected = expected = expected.translated()
        self._folding = Fold()
        self._pipe = Pipe(expected, tally, live=False)
        self._reader = expected.upstream.reader(expected.quirks)

    @property
    def over(self) -> bool:
        return self._pipe.over

    def feed(self, chunk: bytes) -> None:
        self._add(self._reader.feed(chunk))
        if self._raw is not None:
            self._raw.feed(chunk)

    def finish(self) -> bytes | Failure:
        self._add(self._reader.finish())
        built = self._built()
        if self._raw is None or isinstance(built, Failure):
            return built
        try:
            folded = self._expected.restored(self._raw.finish(self._expected.context.model))
        except jsonio.NotJson:  # half a call, which a whole answer is not to hold
            return built
        self._losses.back_to(self._lost)
        return folded

    def whole(self, body: bytes) -> bytes | Failure:
        """The answer out of the upstream's one JSON body."""
        self._add(self._reader.whole(body))
        return self._built()

    def _add(self, events: list[Event]) -> None:
        if not self.over:
            for event in self._pipe.feed(events):
                self._folding.add(event)

    def _built(self) -> bytes | Failure:
        result, expected = self._folding.result(), self._expected
        if isinstance(result, Failure):
            return result
        return expected.client.build_reply(result, expected.context)

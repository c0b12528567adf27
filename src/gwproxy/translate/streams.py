"""What a bridge gives for one answer: the client's stream, or the collector of a whole answer.

`StreamBridge` translates, `FaithfulStream` relays, `Collector` folds a stream into one body. They
have the same doors (`bridge.py` says when each is used), and hold what is true of one answer only;
what is known of the exchange stays in their bridge.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from gwproxy.translate import relay
from gwproxy.translate.events import (
    End,
    Event,
    Fail,
    Finish,
    Fold,
    Start,
    UsageUpdate,
    paced,
    truncated,
)
from gwproxy.translate.hub import Failure
from gwproxy.translate.stages.calls import Outward
from gwproxy.translate.stages.leaked import LeakedCalls
from gwproxy.translate.stages.sequencer import Sequencer
from gwproxy.translate.stages.stops import StopMatcher
from gwproxy.translate.wire import sse

if TYPE_CHECKING:
    from gwproxy.translate.bridge import Bridge


class Pipe:
    """Sequencer, then leaked calls, then ids and names, then stop sequences; and what the log
    keeps."""

    __slots__ = (
        "_bridge",
        "_leaked",
        "_listener",
        "_outward",
        "_sequencer",
        "_stops",
        "failure",
        "over",
    )

    def __init__(
        self, bridge: Bridge, leaked: LeakedCalls, outward: Outward, stops: StopMatcher
    ) -> None:
        self._bridge = bridge
        self._sequencer = Sequencer()
        self._leaked = leaked if leaked.active else None
        self._outward = outward
        self._stops = stops if stops.active else None
        self._listener = bridge.listener()
        self.failure: Failure | None = None
        self.over = False

    def feed(self, events: Iterable[Event]) -> list[Event]:
        out = self._sequencer.feed(events)
        if self._leaked is not None:
            out = self._leaked.feed(out)
        out = self._outward.feed(out)
        if self._stops is not None:
            out = self._stops.feed(out)
        if self._listener is not None:
            self._listener.feed(out)
        for event in out:
            kind = type(event)
            if kind in _NOTED:
                self._bridge.note(event)
            elif kind is End or kind is Fail:
                self.over = True
                if kind is Fail:
                    self.failure = event.failure  # type: ignore[union-attr]
        return out


_NOTED: Final = frozenset({UsageUpdate, Finish, Start})


class StreamBridge:
    """A stream for the client, out of a stream or a whole answer of the upstream.

    `over` is True once nothing more will be sent; the shell may then drop the upstream. Before
    the shell has sent anything, `failure` may still become an answer with an honest status.
    """

    __slots__ = ("_bridge", "_pipe", "_reader", "_writer")

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._pipe = bridge.pipe()
        self._reader = bridge.reader()
        self._writer = bridge.writer()

    @property
    def over(self) -> bool:
        return self._pipe.over

    @property
    def failure(self) -> Failure | None:
        return self._pipe.failure

    @property
    def told(self) -> Failure | None:
        return self._pipe.failure

    @property
    def said_all(self) -> bool:
        return self._pipe.over

    def feed(self, chunk: bytes) -> bytes:
        return self._send(self._reader.feed(chunk))

    def finish(self) -> bytes:
        """The upstream's stream has ended; without its terminator this is a failure."""
        out = self._send(self._reader.finish())
        return out if self.over else out + self.fail(truncated())

    def whole(self, body: bytes) -> bytes:
        """The upstream answered with one JSON body."""
        return self._send(list(paced(self._bridge.lay_out(body))))

    def fail(self, failure: Failure) -> bytes:
        """Trouble on the way: the error in the client's words."""
        return self._send([Fail(failure)])

    def ping(self) -> bytes:
        return b"" if self.over else self._writer.ping()

    def leave(self) -> None:
        """Nothing more comes of it; its usage was noted as it came."""

    def _send(self, events: list[Event]) -> bytes:
        if self.over:
            return b""
        return self._writer.write(self._pipe.feed(events))


class FaithfulStream:
    """The upstream's own bytes, event by event, with the model's name as the client asked for it.

    `failure` is one that is ours to tell, `told` one that stands in the upstream's own bytes too.
    """

    __slots__ = (
        "_bridge",
        "_decoder",
        "_splicer",
        "_tap",
        "failure",
        "over",
        "said_all",
        "told",
    )

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._splicer = relay.ModelSplicer(bridge.asked_model)
        self._tap = bridge.tap()
        self._decoder = self._tap.decoder
        self.over = False
        self.said_all = False  # the upstream's last event has come; its body's end may be far
        self.failure: Failure | None = None
        self.told: Failure | None = None

    def feed(self, chunk: bytes) -> bytes:
        """The events that are whole. Raises sse.TooLong."""
        if frames := self._decoder.feed(chunk):
            self._note(self._tap.read(frames))
        events = self._decoder.whole
        if not self.said_all and events.endswith(_AT_DONE):
            events = relay.without_done(events)
        return self._splicer.splice(events)

    def finish(self) -> bytes:
        """The upstream's stream has ended. Of an event that it cut the client gets nothing."""
        closing = self._tap.closing()  # before it reads of a block that the client never sees
        last = self._tap.finish()
        self._note(last)
        if not self.said_all:
            return closing + self._tell(truncated())
        self.over = True
        rest = self._decoder.whole
        if rest.strip(_LINE_ENDS):
            rest = rest + b"\n\n" if last else b""
        return self._splicer.splice(rest)

    def whole(self, body: bytes) -> bytes:
        """JSON in answer to a stream request: the one case in which even equals are translated."""
        self.over = True
        self._bridge.read_relayed()
        translated = StreamBridge(self._bridge)
        out = translated.whole(body)
        self.failure = self.told = translated.failure
        return out

    def fail(self, failure: Failure) -> bytes:
        """An error event after the upstream's own."""
        return self._tap.closing() + self._tell(failure)

    def _tell(self, failure: Failure) -> bytes:
        self.over = True
        self.failure = self.told = failure
        return self._bridge.writer().write([Fail(failure)])

    def ping(self) -> bytes:
        # A comment and no event: the upstream's own first event must stay the first.
        return b"" if self.over else sse.comment("ping")

    def leave(self) -> None:
        """Nothing more comes of it; its usage was noted as it came."""

    def _note(self, events: list[Event]) -> None:
        for event in events:
            if type(event) is Fail:
                self.told = event.failure
            elif type(event) in _NOTED:
                self._bridge.note(event)
        self.said_all = self._tap.over


_LINE_ENDS: Final = b"\r\n"
_AT_DONE: Final = tuple(b"[DONE]" + end for end in (b"\n\n", b"\r\n\r\n", b"\r\r"))


class Collector:
    """A whole answer for the client, out of a stream of the upstream."""

    __slots__ = ("_bridge", "_folding", "_pipe", "_reader")

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        if bridge.faithful:
            bridge.read_relayed()
        self._folding = Fold()
        self._pipe = bridge.pipe()
        self._reader = bridge.reader()

    @property
    def over(self) -> bool:
        return self._pipe.over

    def feed(self, chunk: bytes) -> None:
        self._add(self._reader.feed(chunk))

    def finish(self) -> bytes | Failure:
        self._add(self._reader.finish())
        return self._bridge.build(self._folding.result())

    def _add(self, events: list[Event]) -> None:
        if not self.over:
            for event in self._pipe.feed(events):
                self._folding.add(event)

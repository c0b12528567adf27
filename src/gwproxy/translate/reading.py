"""The bases of all dialects' readers and taps.

A reader says what it does with one frame (`_on_frame`), with a whole body, and when a stream may
end without its terminator.
"""

from __future__ import annotations

from collections.abc import Iterable

from gwproxy.translate.events import Event, Fail, truncated, unreadable
from gwproxy.translate.hub import Failure
from gwproxy.translate.wire import sse


class Reading:
    """A reader: chunks of an upstream's stream → the events that `_on_frame` puts into `out`."""

    def __init__(self, out: list[Event]) -> None:
        self.decoder = sse.Decoder()
        self._out = out
        self._started = False
        self._over = False

    def feed(self, chunk: bytes) -> list[Event]:
        if self._over:
            return []
        try:
            self._on_frames(self.decoder.feed(chunk))
        except sse.TooLong as error:
            self._give_up(unreadable(str(error)))
        return self._take()

    def finish(self) -> list[Event]:
        """The last events, after the upstream has closed the stream."""
        cut = self.decoder.unfinished
        self._on_frames(frame for frame in self.decoder.finish() if not sse.is_torn(frame[1]))
        if not self._over:
            if cut or not self._may_end():
                self._give_up(truncated())
            else:
                self._end()
        return self._take()

    def _on_frames(self, frames: Iterable[sse.Frame]) -> None:
        for name, data in frames:
            if self._over:
                return  # some upstreams send more after their last event
            self._on_frame(name, data)

    def _on_frame(self, name: bytes, data: bytes) -> None:
        raise NotImplementedError

    def _may_end(self) -> bool:
        """Whether an answer is whole whose stream ends without a terminator."""
        return False

    def _end(self) -> None:
        raise NotImplementedError

    def _take(self) -> list[Event]:
        out = self._out.copy()
        self._out.clear()
        return out

    def _give_up(self, why: Failure) -> None:
        """Fail: the stream is no answer, or none that can be read."""
        self._fail(why)

    def _fail(self, what: Failure) -> None:
        if not self._over:
            self._out.append(Fail(what))
            self._over = True


class Tapping(Reading):
    """The base that makes the reader named after it the tap of a relayed stream."""

    @property
    def thinks_in(self) -> str:
        """The member in which reasoning came, in a dialect with several; else ""."""
        return ""

    @property
    def over(self) -> bool:
        return self._over

    def read(self, frames: list[sse.Frame]) -> list[Event]:
        self._on_frames(frames)
        return self._take()

    def closing(self) -> bytes:
        """The bytes that must come before an error: none."""
        return b""

    def _give_up(self, why: Failure) -> None:
        """Nothing: the client gets the bytes all the same, and may understand them."""

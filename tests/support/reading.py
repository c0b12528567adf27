"""What a dialect's reader makes of an upstream's bytes, each event checked against the grammar."""

from __future__ import annotations

from collections.abc import Iterable

from gwproxy.translate.bridge import CODECS
from gwproxy.translate.events import Event, Fail, fold
from gwproxy.translate.hub import Dialect, Failure, Reply
from gwproxy.translate.quirks import Quirks
from support.hub_grammar import Grammar


def checked(events: Iterable[Event], *, sequential: bool = False) -> list[Event]:
    """The same events, which are a stream with an end. Raises GrammarError."""
    grammar = Grammar(sequential=sequential)
    events = list(events)
    for event in events:
        grammar.check(event)
    grammar.close()
    return events


class Wire:
    """The streams of one dialect under `quirks`; `late` is what it may say after its end."""

    def __init__(self, dialect: Dialect, quirks: Quirks, late: bytes) -> None:
        self._codec, self._quirks, self._late = CODECS[dialect], quirks, late

    def read(
        self, data: bytes, quirks: Quirks | None = None, chunks: Iterable[bytes] = ()
    ) -> list[Event]:
        """The events of a stream; `chunks` instead of `data` in one piece."""
        reader = self._codec.reader(quirks or self._quirks)
        events = [event for part in chunks or (data,) for event in reader.feed(part)]
        events += reader.finish()
        assert reader.feed(self._late) == reader.finish() == []
        return checked(events)

    def whole(self, body: bytes, quirks: Quirks | None = None) -> list[Event]:
        """The events that a whole answer would have been."""
        return checked(self._codec.reader(quirks or self._quirks).whole(body))

    def reply_of(self, data: bytes, quirks: Quirks | None = None) -> Reply:
        result = fold(self.read(data, quirks))
        assert isinstance(result, Reply), result
        return result

    def failure_of(self, data: bytes, quirks: Quirks | None = None) -> Failure:
        events = self.read(data, quirks)
        assert isinstance(events[-1], Fail), events[-1]
        return events[-1].failure

"""Sieves: which events of a relayed stream have to be read at all.

Nearly all events of an answer carry a piece of text and nothing that anybody asks of a relayed
stream. A sieve takes the bytes of whole events, each ended by an empty line, and gives the bytes of
those that may say more, in their order; it may keep too much, never too little. It looks at many
events at once: parsing each would cost more than all that is learned of them.

Premises: an event names no member twice, and one that is not JSON says nothing. Must not know any
dialect.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

_END: Final = b"\n\n"
# A mixed read is judged in parts of this size, so that dull events are still passed over together.
_PART_BYTES: Final = 4096
# Beyond this, counting quotes is faster than looking at the texts.
_MANY_BYTES: Final = 1024
# The inside of a JSON string, or of several with _JOINT between them. No line ends: one would end
# the event's line. Where a backslash is its end, the event is not JSON.
_TEXTS: Final = re.compile(rb'[^"\\\n]*(?:\\[^\n][^"\\\n]*)*')
_JOINT: Final = b"\0"
_DATA: Final = b"data: "
# How often a pattern is made that fits nothing, before it is believed that none will.
_TRIES: Final = 8


class Beginnings:
    """A sieve that passes over events that begin with one of `dull`, which has to show that the
    rest of the event does not count."""

    __slots__ = ("_dull", "_lines", "_seam", "_usual")

    def __init__(self, dull: tuple[bytes, ...]) -> None:
        self._dull = dull
        self._expect(dull[0])

    def _expect(self, dull: bytes) -> None:
        self._usual = dull
        self._seam = _END + dull
        self._lines = self._seam.count(b"\n")

    def __call__(self, events: bytes) -> bytes:
        if len(events) <= _PART_BYTES:
            return b"" if self._all_dull(events) else self._split(events)
        kept = (part for part in _parts(events) if not self._all_dull(part))
        return b"".join(map(self._split, kept))

    def _all_dull(self, events: bytes) -> bool:
        """Whether all events begin as usual: then the line ends are those of the seams, and no
        others."""
        if not events.startswith(self._usual):
            if not events.startswith(self._dull):
                return False
            self._expect(next(dull for dull in self._dull if events.startswith(dull)))
        ends = events.count(b"\n")
        return ends == self._lines or ends == self._lines * (events.count(self._seam) + 1)

    def _split(self, events: bytes) -> bytes:
        dull = self._dull
        kept = [one for one in events[:-2].split(_END) if not one.startswith(dull)]
        return _joined(kept)


class Repeats:
    """A sieve that passes over events that differ from an earlier one in one string's text alone.

    `member` matches the name, and the opening quote, of a member whose string decides nothing.
    `is_dull(data)` says of an event whether it is JSON, and another like it would change nothing;
    it is asked of events that are kept, of which the next may be a repeat.
    """

    __slots__ = ("_after", "_before", "_is_dull", "_member", "_quotes", "_seam", "_tries")

    def __init__(self, member: re.Pattern[bytes], is_dull: Callable[[bytes], bool]) -> None:
        self._member = member
        self._is_dull = is_dull
        self._before = self._after = self._seam = b""
        self._quotes = 0
        self._tries = _TRIES

    def __call__(self, events: bytes) -> bytes:
        if len(events) <= _PART_BYTES:
            return self._sift(events)
        return b"".join(map(self._sift, _parts(events)))

    def _sift(self, events: bytes) -> bytes:
        before, after = self._before, self._after
        if before and events.startswith(before) and events.endswith(after):
            if len(events) > _MANY_BYTES and self._only_plain_texts(events):
                return self._hit()
            first, last = len(before), len(events) - len(after)
            if last - first < len(self._seam):  # one event, as nearly always
                found = _TEXTS.fullmatch(events, first, last)
            else:
                found = _TEXTS.fullmatch(events[first:last].replace(self._seam, _JOINT))
            if found is not None:
                return self._hit()
        kept = self._split(events) if before else events
        end = self._learn(kept) if kept and self._tries else 0
        return kept[:end] + self._sift(kept[end:]) if 0 < end < len(kept) else kept

    def _only_plain_texts(self, events: bytes) -> bool:
        """Whether no text has a quote or a line end: all are those of the seams."""
        count = events.count(self._seam) + 1
        return (
            events.count(b"\n") == len(_END) * count and events.count(b'"') == self._quotes * count
        )

    def _split(self, events: bytes) -> bytes:
        """The events without the repeats. What stands between two seams is one repeat's text, or
        the end of one event, whole events, and the beginning of another."""
        before, after = self._before, self._after
        pieces = events.split(self._seam)
        if len(pieces) == 1:
            return events
        first, *between, last = pieces
        kept = [first + after]
        kept += [before + piece + after for piece in between if not _TEXTS.fullmatch(piece)]
        kept.append(before + last)
        if len(kept) < len(pieces):
            self._hit()
        return b"".join(kept)

    def _hit(self) -> bytes:
        self._tries = _TRIES
        return b""

    def _learn(self, kept: bytes) -> int:
        """Takes one event of `kept` as the pattern of repeats; gives where it ends, 0 for none."""
        found = self._member.search(kept)
        if found is None:
            return 0
        start = kept.rfind(_END, 0, found.start()) + len(_END)
        start = start if start >= len(_END) else 0
        end = kept.find(_END, found.end()) + len(_END)
        text = _TEXTS.match(kept, found.end())
        event = kept[start:end]
        if text is None or not event.startswith(_DATA) or event.count(b"\n") != len(_END):
            return 0
        if not self._is_dull(event[len(_DATA) : -len(_END)]):
            return 0
        self._before, self._after = kept[start : text.start()], kept[text.end() : end]
        self._seam = self._after + self._before
        self._quotes = self._seam.count(b'"')
        self._tries -= 1
        return end


def _parts(events: bytes) -> Iterable[bytes]:
    start = 0
    while start < len(events):
        end = events.find(_END, start + _PART_BYTES) + len(_END)
        end = end if end >= len(_END) else len(events)
        yield events[start:end]
        start = end


def _joined(events: list[bytes]) -> bytes:
    return b"".join([one + _END for one in events])

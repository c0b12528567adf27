"""Server-sent events, both ways, on bytes.

The decoder follows the WHATWG rules where upstreams are sloppy: CR, LF and CRLF end a line (and
nothing else does: U+2028 inside JSON is data), `data:` with or without a space, several data
lines joined by a newline, comments and unknown fields skipped, a BOM at the start ignored, lines
cut anywhere by the network, also inside a UTF-8 character. Against them, an error that a host wrote
into its stream as bare JSON is a frame, too: nothing else says why the stream ends. Must not know
any dialect.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from operator import methodcaller
from typing import Final

from gwproxy.translate.wire import jsonio

# A legal event of an image-making upstream has some MB; beyond this it is an attack or a bug.
MAX_EVENT_BYTES: Final = 16 * 1024 * 1024

# The longest blank line, CRLF CRLF, less one.
_SEAM_BYTES: Final = 3
_BOM: Final = b"\xef\xbb\xbf"
_BLANK: Final = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_LINE: Final = re.compile(rb"\r\n|\n|\r")
_at_data: Final = methodcaller("partition", b"\ndata: ")

Frame = tuple[bytes, bytes]  # (event name, data); the name is empty where the frame had none


class TooLong(ValueError):
    """One event is larger than `MAX_EVENT_BYTES`."""


class Decoder:
    """Turns bytes in any chunking into frames that carry data. `whole` has the bytes of the events
    that the latest `feed` completed, as they came, also of those without data; `bare` is the one of
    them with an error that clients do not read. With a `sieve`, of events whose lines end in LF
    only those that it gives are read."""

    __slots__ = ("_parts", "_size", "_started", "_tail", "bare", "sieve", "whole")

    def __init__(self, sieve: Callable[[bytes], bytes] | None = None) -> None:
        self._parts: list[bytes] = []  # an unfinished event, as it came
        self._size = 0
        self._tail = b""  # its last bytes: a blank line may be cut by the network
        self._started = False
        self.sieve = sieve
        self.whole = b""
        self.bare = b""

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames completed by `chunk`. Raises TooLong."""
        usual = not self._parts and chunk.endswith(b"\n\n") and b"\r" not in chunk
        self.whole = whole = chunk if usual else self._cut(chunk)
        self.bare = b""
        if not whole:
            return []
        if not self._started:
            self._started = True
            whole = whole.removeprefix(_BOM)
        if not usual and b"\r" in whole:
            return self._parsed(_BLANK.split(whole))
        if self.sieve is not None and not (whole := self.sieve(whole)):
            return []
        frames = _usual(whole[:-2])
        return self._parsed(whole.split(b"\n\n")) if frames is None else frames

    def finish(self) -> list[Frame]:
        """The frame that the end of the stream completes: its last newline may be missing."""
        self.whole = rest = b"".join(self._parts)
        self._parts, self._size, self._tail, self.bare = [], 0, b"", b""
        return self._parsed(_BLANK.split(rest if self._started else rest.removeprefix(_BOM)))

    def _parsed(self, events: Iterable[bytes]) -> list[Frame]:
        frames: list[Frame] = []
        for event in events:
            frame = _parse(event)
            if b'"error"' in event and (error := _bare_error(event, frame)) is not None:
                self.bare, frame = event, error
            if frame is not None:
                frames.append(frame)
        return frames

    def _cut(self, chunk: bytes) -> bytes:
        """The bytes of the events that `chunk` completes. Raises TooLong."""
        seam = self._tail + chunk if self._parts else chunk
        end = seam.rfind(b"\n\n") + 2 if b"\r" not in seam else _last_end(seam)
        if end < 2:
            # Joining only when an event ends keeps a 16 MiB event linear in its chunks.
            self._keep(chunk)
            return b""
        end -= len(self._tail)
        whole = b"".join((*self._parts, chunk[:end]))
        self._parts, self._size, self._tail = [], 0, b""
        self._keep(chunk[end:])
        return whole

    def _keep(self, rest: bytes) -> None:
        if not rest:
            return
        self._parts.append(rest)
        self._size += len(rest)
        self._tail = (self._tail + rest[-_SEAM_BYTES:])[-_SEAM_BYTES:]
        if self._size > MAX_EVENT_BYTES:
            raise TooLong(f"an event of more than {MAX_EVENT_BYTES} bytes")

    @property
    def unfinished(self) -> bool:
        """Whether the end of the stream would cut an event."""
        return any(part.strip(b"\r\n") for part in self._parts)


def _last_end(seam: bytes) -> int:
    """The index behind the last event in `seam`, 0 without one. A CR at its end may be half of
    CRLF: the next byte decides, unless there was a blank line before it."""
    if seam.endswith(b"\r") and not seam.endswith(b"\r\r"):
        seam = seam[:-1]
    end = 0
    for blank in _BLANK.finditer(seam):
        end = blank.end()
    return end


def _usual(events: bytes) -> list[Frame] | None:
    """The frames of events that all have one `data:` line, or all an `event:` line before it; None
    for any others. So a read is split in a few steps, however many events came with it."""
    if events.startswith(b"data: "):
        data = events[6:].split(b"\n\ndata: ")
        # Each seam has two line ends: no more means that none is inside an event.
        if events.count(b"\n") == 2 * len(data) - 2:
            return [(b"", one) for one in data]
    elif events.startswith(b"event: "):
        blocks = events[7:].split(b"\n\nevent: ")
        frames = [(name, data) for name, _, data in map(_at_data, blocks) if data]
        if len(frames) == len(blocks) and events.count(b"\n") == 3 * len(blocks) - 2:
            return frames
    return None


def _parse(block: bytes) -> Frame | None:
    name = b""
    data: list[bytes] = []
    for line in _LINE.split(block):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return (name, b"\n".join(data)) if data else None


def _bare_error(event: bytes, frame: Frame | None) -> Frame | None:
    """The frame of an error that stands in `event` as JSON without `data:`: on a line of its own,
    or, where the event has no data, on several."""
    head, _, rest = event.partition(b"\n") if event.startswith(b"event:") else (b"", b"", event)
    for text in [rest.strip()] if frame is None else _LINE.split(rest):
        if text.startswith(b"{") and b'"error"' in text and jsonio.is_object(text):
            return head[6:].strip(), text
    return None


def encode(name: str, data: bytes) -> bytes:
    """The bytes of one event; `name` is empty for dialects without `event:` lines. `data` is JSON,
    which an upstream may have printed over many lines."""
    if b"\n" in data or b"\r" in data:
        data = jsonio.one_line(data).encode()
    if name:
        return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
    return b"data: %b\n\n" % data


def comment(words: str) -> bytes:
    """A comment, which every client ignores: the keep-alive of the OpenAI dialects."""
    return b": %b\n\n" % words.encode()


def is_torn(data: bytes) -> bool:
    """Whether the data of the last event is JSON that the end of the stream cut off; what counts is
    then what came before."""
    try:
        jsonio.loads_torn(data)
    except jsonio.NotJson:
        return not data.startswith(b"[DONE]")
    return False

"""Server-sent events, both ways, on bytes.

The decoder follows the WHATWG rules where upstreams are sloppy: CR, LF and CRLF end a line (and
nothing else does: U+2028 inside JSON is data), `data:` with or without a space, several data
lines joined by a newline, comments and unknown fields skipped, a BOM at the start ignored, lines
cut anywhere by the network, also inside a UTF-8 character. Must not know any dialect.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import re
from operator import methodcaller
from typing import Final

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
    """Bytes in any chunking → frames that carry data."""

    __slots__ = ("_parts", "_size", "_started", "_tail")

    def __init__(self) -> None:
        self._parts: list[bytes] = []  # an unfinished event, as it came
        self._size = 0
        self._tail = b""  # its last bytes: a blank line may be cut by the network
        self._started = False

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames completed by `chunk`. Raises TooLong."""
        if not self._started:
            chunk = self._begin(chunk)
        seam = self._tail + chunk
        if b"\n\n" not in seam and b"\r" not in seam:
            # Joining only when an event ends keeps a 16 MiB event linear in its chunks.
            self._keep(chunk)
            return []
        rest = b"".join((*self._parts, chunk)) if self._parts else chunk
        self._parts, self._size, self._tail = [], 0, b""
        if b"\r" not in rest:
            whole, _, left = rest.rpartition(b"\n\n")
            frames = _usual(whole)
            if frames is not None:
                self._keep(left)
                return frames
        blocks = rest.split(b"\n\n") if b"\r" not in rest else _split(rest)
        self._keep(blocks.pop())
        return [frame for block in blocks if (frame := _parse(block)) is not None]

    def _begin(self, chunk: bytes) -> bytes:
        chunk = b"".join((*self._parts, chunk))
        self._parts, self._size = [], 0
        self._started = len(chunk) >= len(_BOM) or not _BOM.startswith(chunk)
        return chunk.removeprefix(_BOM)

    def _keep(self, rest: bytes) -> None:
        if not rest:
            return
        self._parts.append(rest)
        self._size += len(rest)
        self._tail = (self._tail + rest[-_SEAM_BYTES:])[-_SEAM_BYTES:]
        if self._size > MAX_EVENT_BYTES:
            raise TooLong(f"an event of more than {MAX_EVENT_BYTES} bytes")

    def finish(self) -> list[Frame]:
        """The frame that the end of the stream completes: its last newline may be missing."""
        rest = b"".join(self._parts)
        self._parts, self._size, self._tail = [], 0, b""
        return [frame for block in _BLANK.split(rest) if (frame := _parse(block)) is not None]


def _usual(events: bytes) -> list[Frame] | None:
    """The frames of events that all have one `data:` line, or all an `event:` line before it; None
    for any other. So a read is taken apart in a few steps, however many events came with it."""
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


def _split(rest: bytes) -> list[bytes]:
    # A trailing CR may be half of CRLF: keep it back until the next byte decides.
    held = b""
    if rest.endswith(b"\r"):
        rest, held = rest[:-1], b"\r"
    blocks = _BLANK.split(rest)
    blocks[-1] += held
    return blocks


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


def encode(name: str, data: bytes) -> bytes:
    """One frame; `name` empty for dialects without `event:` lines. `data` has no line breaks."""
    if name:
        return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
    return b"data: %b\n\n" % data


def comment(words: str) -> bytes:
    """A line that every client ignores: the keep-alive of the OpenAI dialects."""
    return b": %b\n\n" % words.encode()

"""Server-sent events, both ways, on bytes.

The decoder follows the WHATWG rules where upstreams are sloppy: CR, LF and CRLF end a line (and
nothing else does: U+2028 inside JSON is data), `data:` with or without a space, several data
lines joined by a newline, comments and unknown fields skipped, a BOM at the start ignored, lines
cut anywhere by the network, also inside a UTF-8 character. Must not know any dialect.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import re
from typing import Final

# A legal event of an image-making upstream has some MB; beyond this it is an attack or a bug.
MAX_EVENT_BYTES: Final = 16 * 1024 * 1024

_BOM: Final = b"\xef\xbb\xbf"
_BLANK: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r(?!\n)|\r\n\n|\n\r\n|\n\r(?!\n)|\r\r\n")
_LINE: Final = re.compile(rb"\r\n|\n|\r")

Frame = tuple[bytes, bytes]  # (event name, data); the name is empty where the frame had none


class TooLong(ValueError):
    """One event is larger than `MAX_EVENT_BYTES`."""


class Decoder:
    """Bytes in any chunking → frames that carry data."""

    __slots__ = ("_rest", "_started")

    def __init__(self) -> None:
        self._rest = b""
        self._started = False

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames completed by `chunk`. Raises TooLong."""
        rest = self._rest + chunk if self._rest else chunk
        if not self._started:
            if len(rest) < len(_BOM) and _BOM.startswith(rest):
                self._rest = rest
                return []
            self._started = True
            rest = rest.removeprefix(_BOM)
        blocks = rest.split(b"\n\n") if b"\r" not in rest else self._split(rest)
        self._rest = blocks.pop()
        if len(self._rest) > MAX_EVENT_BYTES:
            raise TooLong(f"an event of more than {MAX_EVENT_BYTES} bytes")
        return [frame for block in blocks if (frame := _parse(block)) is not None]

    @staticmethod
    def _split(rest: bytes) -> list[bytes]:
        # A trailing CR may be half of CRLF: keep it back until the next byte decides.
        held = b""
        if rest.endswith(b"\r"):
            rest, held = rest[:-1], b"\r"
        blocks = _BLANK.split(rest)
        blocks[-1] += held
        return blocks

    def finish(self) -> list[Frame]:
        """The frame that the end of the stream completes: its last newline may be missing."""
        rest, self._rest = self._rest, b""
        rest = rest.removeprefix(_BOM) if not self._started else rest
        return [frame for block in _BLANK.split(rest) if (frame := _parse(block)) is not None]


def _parse(block: bytes) -> Frame | None:
    if block.startswith(b"data: ") and b"\n" not in block and b"\r" not in block:
        return b"", block[6:]
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

"""Stream events of Messages: as upstreams send them, any member missing, and as clients get them.

One Struct for all events and one for all deltas, so that an event costs one decode whatever it is.

https://docs.claude.com/en/docs/build-with-claude/streaming
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from gwproxy.translate.anthropic.wire import ABSENT
from gwproxy.translate.wire import jsonio, sse
from gwproxy.translate.wire.lenient import lenient


class Piece(Struct):
    """The `delta` of a content block or of the message, all of its kinds in one."""

    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    citation: Raw = ABSENT
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: Raw = ABSENT


class Frame(Struct):
    """One stream event of any type."""

    type: str = ""
    index: int | None = None
    delta: Piece | None = None
    content_block: Raw = ABSENT
    message: Raw = ABSENT
    usage: Raw = ABSENT
    error: Raw = ABSENT


class Head(Struct):
    """A content block, at its start or whole."""

    type: str = ""
    id: str | None = None
    name: str | None = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    input: Raw = ABSENT
    citations: Raw = ABSENT


class Answer(Struct):
    """A message, at its start or whole."""

    id: str | None = None
    type: str | None = None
    model: str | None = None
    content: list[Raw] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: Raw = ABSENT
    usage: Raw = ABSENT
    error: Raw = ABSENT


_typed: Final = msgspec.json.Decoder(Frame)
decode_head: Final = jsonio.decoder(Head)
decode_answer: Final = jsonio.decoder(Answer)


def decode_frame(data: bytes) -> Frame:
    """The stream event in `data`. Raises jsonio.NotJson."""
    try:
        return _typed.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return lenient(jsonio.loads_torn(data), Frame) or Frame()


# --- towards a client ----------------------------------------------------------------------------

PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
MESSAGE_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
# kind of block → (the block as it starts, its delta up to the text)
_TEXT: Final = (b'{"type":"text","text":""}', b'{"type":"text_delta","text":')
SHAPES: Final = {
    "text": _TEXT,
    "refusal": _TEXT,
    "reasoning": (
        b'{"type":"thinking","thinking":"","signature":""}',
        b'{"type":"thinking_delta","thinking":',
    ),
    "call": (b"", b'{"type":"input_json_delta","partial_json":'),
}
SIGNATURE: Final = b'{"type":"signature_delta","signature":'
# What follows the text of a delta that `delta_prefix` began.
DELTA_END: Final = b"}}\n\n"


def encode(name: str, **members: Any) -> bytes:
    """The bytes of one event; the SDKs skip those without the `event:` line."""
    return sse.encode(name, jsonio.dumps({"type": name, **members}))


def block_start(index: int, block: bytes) -> bytes:
    return (
        b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,'
        b'"content_block":%b}\n\n' % (index, block)
    )


def delta_prefix(index: int, head: bytes) -> bytes:
    """The bytes of a delta event up to its text; `head` is the beginning of the delta itself."""
    return (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
        b'"delta":%b' % (index, head)
    )


def block_stop(index: int) -> bytes:
    return b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n' % index

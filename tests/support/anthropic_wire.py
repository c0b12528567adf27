"""Messages streams as an upstream would send them, for tests of who reads them."""

from __future__ import annotations

import json
from typing import Any

from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks
from support.reading import Wire

PLAIN = Quirks(family="kimi")
USAGE = {"input_tokens": 12, "output_tokens": 1}


def frame(value: dict[str, Any]) -> bytes:
    """One event under its own name."""
    return b"event: %b\ndata: %b\n\n" % (
        str(value["type"]).encode(),
        json.dumps(value, ensure_ascii=False).encode(),
    )


def start(usage: Any = USAGE, **members: Any) -> dict[str, Any]:
    message = {
        "id": "msg_up",
        "type": "message",
        "role": "assistant",
        "model": "kimi-for-coding",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    return {"type": "message_start", "message": message | members}


def opened(index: int, kind: str, **members: Any) -> dict[str, Any]:
    block: dict[str, Any] = {"type": kind, **members}
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, **members: Any) -> dict[str, Any]:
    piece: dict[str, Any] = {"type": kind, **members}
    return {"type": "content_block_delta", "index": index, "delta": piece}


def text(index: int, words: str) -> dict[str, Any]:
    return delta(index, "text_delta", text=words)


def thought(index: int, words: str) -> dict[str, Any]:
    return delta(index, "thinking_delta", thinking=words)


def signed(index: int, signature: str) -> dict[str, Any]:
    return delta(index, "signature_delta", signature=signature)


def json_piece(index: int, words: str) -> dict[str, Any]:
    return delta(index, "input_json_delta", partial_json=words)


def closed(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def stopped(reason: str | None = "end_turn", usage: Any = None, **members: Any) -> dict[str, Any]:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None} | members,
        "usage": {"output_tokens": 7} if usage is None else usage,
    }


PING = {"type": "ping"}
STOP = {"type": "message_stop"}


def stream(*values: dict[str, Any]) -> bytes:
    return b"".join(frame(value) for value in values)


def whole_stream(*values: dict[str, Any], reason: str = "end_turn") -> bytes:
    """A stream with its usual first and last events around `values`."""
    return stream(start(), *values, stopped(reason), STOP)


WIRE = Wire(Dialect.ANTHROPIC, PLAIN, stream(start(), PING))
read, reply_of, failure_of = WIRE.read, WIRE.reply_of, WIRE.failure_of

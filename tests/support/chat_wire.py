"""Chat streams as an upstream would send them, for tests of who reads them."""

from __future__ import annotations

import json
from typing import Any

from gwproxy.translate.events import Finish
from gwproxy.translate.hub import Dialect, Stop
from gwproxy.translate.quirks import Quirks
from support.reading import Wire

DONE = b"data: [DONE]\n\n"
PLAIN = Quirks(family="kimi")


def frame(value: Any) -> bytes:
    """One event; bytes are the data as they are."""
    data = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    return b"data: " + data + b"\n\n"


def chunk(
    delta: dict[str, Any] | None = None, finish: str | None = None, **choice: Any
) -> dict[str, Any]:
    """A chunk with one choice."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 7,
        "model": "kimi-k2.5",
        "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish, **choice}],
    }


def call(
    index: int | None = None,
    call_id: str | None = None,
    name: str | None = None,
    arguments: Any = None,
) -> dict[str, Any]:
    """A chunk with one fragment of one tool call; what is None is left out."""
    return chunk({"tool_calls": [piece(index, call_id, name, arguments)]})


def piece(
    index: int | None = None,
    call_id: str | None = None,
    name: str | None = None,
    arguments: Any = None,
) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    fragment: dict[str, Any] = {"index": index, "id": call_id}
    fragment["function"] = {key: value for key, value in function.items() if value is not None}
    return {key: value for key, value in fragment.items() if value is not None}


def stream(*values: Any, done: bool = True) -> bytes:
    return b"".join(frame(value) for value in values) + (DONE if done else b"")


WIRE = Wire(Dialect.CHAT, PLAIN, stream(chunk({"content": "late"})))
read, reply_of, failure_of = WIRE.read, WIRE.reply_of, WIRE.failure_of


def stop_of(data: bytes) -> Stop:
    return next(event.stop for event in read(data) if isinstance(event, Finish))

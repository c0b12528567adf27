"""Chat streams as an upstream would send them, for tests of who reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from gwproxy.translate.chat.reader import Reader
from gwproxy.translate.events import Event, Fail, Finish, fold
from gwproxy.translate.grammar import Grammar
from gwproxy.translate.hub import Failure, Reply, Stop
from gwproxy.translate.quirks import Quirks

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


def read(data: bytes, quirks: Quirks = PLAIN, chunks: Iterable[bytes] = ()) -> list[Event]:
    """The reader's events, checked against the grammar; `chunks` instead of `data` in one piece."""
    reader = Reader(quirks)
    events = [event for part in chunks or (data,) for event in reader.feed(part)]
    events += reader.finish()
    grammar = Grammar()
    for event in events:
        grammar.check(event)
    grammar.close()
    assert reader.feed(stream(chunk({"content": "late"}))) == []
    assert reader.finish() == []
    return events


def reply_of(data: bytes, quirks: Quirks = PLAIN) -> Reply:
    result = fold(read(data, quirks))
    assert isinstance(result, Reply), result
    return result


def failure_of(data: bytes, quirks: Quirks = PLAIN) -> Failure:
    events = read(data, quirks)
    assert isinstance(events[-1], Fail), events[-1]
    return events[-1].failure


def stop_of(data: bytes) -> Stop:
    return next(event.stop for event in read(data) if isinstance(event, Finish))

"""Responses streams as an upstream would send them, for tests of who reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from gwproxy.translate.events import Event, Fail, fold
from gwproxy.translate.grammar import Grammar
from gwproxy.translate.hub import Failure, Reply
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.responses.reader import Reader

UPSTREAM = Quirks(family="up", documents=True)
CREATED = {"response": {"id": "resp_1", "model": "m", "status": "in_progress", "output": []}}


def frame(kind: str, **members: Any) -> bytes:
    data = json.dumps({"type": kind, **members}, ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()


def created() -> bytes:
    return frame("response.created", **CREATED)


def added(index: int, **item: Any) -> bytes:
    return frame("response.output_item.added", output_index=index, item=item)


def done(index: int, **item: Any) -> bytes:
    return frame("response.output_item.done", output_index=index, item=item)


def said(index: int, delta: str, part: int = 0) -> bytes:
    return frame(
        "response.output_text.delta",
        item_id=f"msg_{index}",
        output_index=index,
        content_index=part,
        delta=delta,
    )


def argued(index: int, delta: str, item_id: str | None = None) -> bytes:
    return frame(
        "response.function_call_arguments.delta",
        item_id=item_id or f"fc_{index}",
        output_index=index,
        delta=delta,
    )


def completed(*output: dict[str, Any], **response: Any) -> bytes:
    whole = {"id": "resp_1", "model": "m", "status": "completed", "output": list(output)}
    return frame("response.completed", response={**whole, **response})


def read(data: bytes, quirks: Quirks = UPSTREAM, chunks: Iterable[bytes] = ()) -> list[Event]:
    """The reader's events, checked against the grammar; `chunks` instead of `data` in one piece."""
    reader = Reader(quirks)
    events = [event for part in chunks or (data,) for event in reader.feed(part)]
    events += reader.finish()
    grammar = Grammar()
    for event in events:
        grammar.check(event)
    grammar.close()
    assert reader.feed(said(0, "late")) == []
    assert reader.finish() == []
    return events


def reply_of(data: bytes, quirks: Quirks = UPSTREAM) -> Reply:
    result = fold(read(data, quirks))
    assert isinstance(result, Reply), result
    return result


def failure_of(data: bytes, quirks: Quirks = UPSTREAM) -> Failure:
    events = read(data, quirks)
    assert isinstance(events[-1], Fail), events[-1]
    return events[-1].failure

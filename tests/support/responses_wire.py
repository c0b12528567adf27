"""Responses streams as an upstream would send them, for tests of who reads them."""

from __future__ import annotations

import json
from typing import Any

from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks
from support.reading import Wire

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


WIRE = Wire(Dialect.RESPONSES, UPSTREAM, said(0, "late"))
read, reply_of, failure_of = WIRE.read, WIRE.reply_of, WIRE.failure_of

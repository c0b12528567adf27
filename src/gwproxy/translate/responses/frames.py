"""What a Responses upstream sends in its stream, typed: one event, an item's head, the response.

The typed decoder takes what the specification allows, in about half a microsecond. What it refuses
(halves of an emoji, members of another type) goes through `tolerant`, which gives the same Struct.
Only members that are read are declared.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import int_of
from gwproxy.translate.wire.shapes import Shape, raw_of


class Frame(Struct, gc=False):
    """One event. `delta`, `text`, `arguments`, `input` and `refusal` are what their event says."""

    type: str = ""
    item_id: str | None = None
    output_index: int | None = None
    content_index: int = 0
    summary_index: int = 0
    delta: str | None = None
    text: str | None = None
    arguments: str | None = None
    input: str | None = None
    refusal: str | None = None
    item: Raw = Raw()
    response: Raw = Raw()
    error: Raw = Raw()


class Head(Struct):
    """What an item says of itself before it has content."""

    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None


class Details(Struct):
    reason: str | None = None


class WireResponse(Struct):
    """What is read of a response object."""

    id: str | None = None
    model: str | None = None
    created_at: float | None = None
    status: str | None = None
    output: list[Raw] | None = None
    usage: Any = None
    error: Any = None
    incomplete_details: Details | None = None


head_shape: Final = Shape(Head)
response_shape: Final = Shape(WireResponse)

_typed: Final = msgspec.json.Decoder(Frame).decode
_TEXTS: Final = ("delta", "text", "arguments", "input", "refusal")


def decode(data: bytes) -> Frame:
    """One event. Raises jsonio.NotJson."""
    try:
        return _typed(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return tolerant(data)


def tolerant(data: bytes) -> Frame:
    """One event out of whatever shape. Raises jsonio.NotJson."""
    value = jsonio.loads_torn(data)
    if not isinstance(value, dict):
        raise jsonio.NotJson("expected an object")
    texts = {name: _string(value.get(name)) for name in _TEXTS}
    if isinstance(arguments := value.get("arguments"), dict):  # some servers forget to print them
        texts["arguments"] = jsonio.dumps(arguments).decode()
    return Frame(
        type=_string(value.get("type")) or "",
        item_id=_string(value.get("item_id")),
        output_index=int_of(value.get("output_index")),
        content_index=int_of(value.get("content_index")) or 0,
        summary_index=int_of(value.get("summary_index")) or 0,
        item=raw_of(value.get("item")),
        response=raw_of(value.get("response")),
        error=raw_of(value.get("error")),
        **texts,
    )


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None

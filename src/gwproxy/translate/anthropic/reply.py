"""A whole Messages answer, both ways.

https://docs.claude.com/en/api/messages
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from gwproxy.translate.anthropic.blocks import carried_redaction, carried_signature
from gwproxy.translate.anthropic.ending import (
    characters_of,
    output_estimate,
    stop_members,
    usage_object,
)
from gwproxy.translate.anthropic.reader import Reader
from gwproxy.translate.codec import Asked, message_id
from gwproxy.translate.events import Event
from gwproxy.translate.hub import Block, Call, Dialect, Opaque, Reasoning, Refusal, Reply, Text
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import arguments, jsonio


def lay_out(body: bytes, quirks: Quirks) -> list[Event]:
    """A whole body as the stream it would have been; an error body, or none, as a Fail."""
    return Reader(quirks).whole(body)


def build(reply: Reply, asked: Asked) -> bytes:
    """The folded answer as a whole body: what the client would have put together of its stream."""
    content = [written for block in reply.blocks if (written := _write(block, asked)) is not None]
    estimate = output_estimate(characters_of(reply.blocks))
    return jsonio.dumps(
        {
            "id": message_id("msg_", reply.id, asked),
            "type": "message",
            "role": "assistant",
            "model": asked.model,
            "content": content,
            **stop_members(reply.stop),
            "usage": usage_object(reply.usage, asked.input_estimate, estimate),
        }
    )


def _write(block: Block, asked: Asked) -> dict[str, Any] | Raw | None:
    match block:
        case Text(text=text) | Refusal(text=text):
            return {"type": "text", "text": text} if text else None
        case Reasoning():
            return _write_reasoning(block, asked)
        case Call():
            text = block.arguments
            given = arguments.wrap_input(text) if block.custom else arguments.as_object(text)
            call = {"type": "tool_use", "id": block.id, "name": block.name}
            return {**call, "input": Raw(given.encode())}
        case Opaque(dialect=Dialect.ANTHROPIC, native=native):
            return Raw(native.encode())
    return None


def _write_reasoning(block: Reasoning, asked: Asked) -> dict[str, Any] | None:
    sealed, foreign = block.seal, block.foreign_signature
    if block.hidden and not block.text:
        data = carried_redaction(sealed, foreign, asked.family)
        return {"type": "redacted_thinking", "data": data}
    if not block.text and sealed is None and foreign is None:
        return None
    hide = not asked.show_reasoning
    return {
        "type": "thinking",
        "thinking": "" if hide else block.text,
        "signature": carried_signature(block.text, sealed, foreign, asked.family, hide_text=hide),
    }

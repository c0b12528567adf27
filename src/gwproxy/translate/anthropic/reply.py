"""A whole Messages answer for a client, built of the hub's reply.

https://docs.claude.com/en/api/messages
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from gwproxy.translate.anthropic import hosted
from gwproxy.translate.anthropic.blocks import carried_redaction, carried_signature
from gwproxy.translate.anthropic.ending import (
    characters_of,
    output_estimate,
    stop_members,
    usage_object,
)
from gwproxy.translate.codec import ReplyContext, message_id
from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    Opaque,
    Reasoning,
    Refusal,
    Reply,
    Search,
    Text,
)
from gwproxy.translate.wire import arguments, jsonio


def build(reply: Reply, context: ReplyContext) -> bytes:
    """The body of a whole answer: what a client would have collected from its stream."""
    content = [written for block in reply.blocks for written in _write(block, context)]
    estimate = output_estimate(characters_of(reply.blocks))
    return jsonio.dumps(
        {
            "id": message_id("msg_", reply.id, context),
            "type": "message",
            "role": "assistant",
            "model": context.model,
            "content": content,
            **stop_members(reply.stop),
            "usage": usage_object(reply.usage, context.input_estimate, estimate),
        }
    )


def _write(block: Block, context: ReplyContext) -> tuple[dict[str, Any] | Raw, ...]:
    match block:
        case Text(text=text) | Refusal(text=text):
            return ({"type": "text", "text": text},) if text else ()
        case Reasoning():
            thought = _write_reasoning(block, context)
            return () if thought is None else (thought,)
        case Call():
            text = block.arguments
            given = arguments.wrap_input(text) if block.custom else arguments.as_object(text)
            call = {"type": "tool_use", "id": block.id, "name": block.name}
            return ({**call, "input": Raw(given.encode())},)
        case Opaque(dialect=Dialect.ANTHROPIC, native=native):
            return (Raw(native.encode()),)
        case Opaque(search=Search(done=True) as search):
            return hosted.written(search)
    return ()


def _write_reasoning(block: Reasoning, context: ReplyContext) -> dict[str, Any] | None:
    sealed, foreign = block.seal, block.foreign_signature
    if block.hidden and not block.text:
        data = carried_redaction(sealed, foreign, context.family)
        return {"type": "redacted_thinking", "data": data}
    if not block.text and sealed is None and foreign is None:
        return None
    hide = not context.show_reasoning
    return {
        "type": "thinking",
        "thinking": "" if hide else block.text,
        "signature": carried_signature(block.text, sealed, foreign, context.family, hide_text=hide),
    }

"""A whole Responses answer for a client, built of the hub's reply.

https://platform.openai.com/docs/api-reference/responses/object
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    Opaque,
    Reasoning,
    Refusal,
    Reply,
    Search,
    StopReason,
    Text,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.responses import hosted, output
from gwproxy.translate.responses.echo import typed_tools
from gwproxy.translate.responses.ending import PENDING, incomplete_reason
from gwproxy.translate.responses.frames import response_shape
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Malformed


def build(reply: Reply, context: ReplyContext) -> bytes:
    """The body of a whole answer: what the last event of its stream would hold."""
    response = output.Response(context, reply.id, reply.created)
    refused = any(isinstance(block, Refusal) for block in reply.blocks)
    reason = incomplete_reason(reply.stop, refused=refused)
    groups = list(_grouped(reply))
    typed = typed_tools(context)
    printed = []
    for index, group in enumerate(groups):
        last = index == len(groups) - 1 and not reply.half_call
        cut = reason is not None and last
        printed.append(_item(group, "incomplete" if cut else "completed", context, typed))
    status = "completed" if reason is None else "incomplete"
    return response.render(status, printed, reply.usage, incomplete=reason)


def _grouped(reply: Reply) -> Iterator[list[Block]]:
    """The blocks of each item: neighbouring texts and refusals are one message."""
    blocks: list[Block] = list(reply.blocks)
    if reply.stop.reason is StopReason.REFUSAL and reply.stop.explanation is not None:
        blocks.append(Refusal(reply.stop.explanation))
    message: list[Block] = []
    for block in blocks:
        if isinstance(block, Text | Refusal):
            message.append(block)
            continue
        if message:
            yield message
            message = []
        match block:
            case Opaque(search=Search(done=True)) | Opaque(dialect=Dialect.RESPONSES):
                yield [block]
            case Opaque():
                continue
            case _:
                yield [block]
    if message:
        yield message


def _item(group: list[Block], status: str, context: ReplyContext, typed: frozenset[str]) -> bytes:
    match group[0]:
        case Opaque(dialect=Dialect.RESPONSES, native=native):
            return native.encode()
        case Opaque(search=Search() as search):
            return jsonio.dumps(hosted.written(search))
        case Reasoning() as block:
            text = jsonio.text(block.text) if _is_shown(block, context) else None
            sealed = output.sealed_for_client(block, context.family)
            return output.reasoning_item(context.new_id("rs_"), status, text, sealed)
        case Call() as call:
            return output.call_item(
                context.new_id(output.call_prefix(call, typed)),
                status,
                call,
                jsonio.text(call.arguments),
                typed,
            )
    return output.message_item(context.new_id("msg_"), status, _parts(group))


def _is_shown(block: Reasoning, context: ReplyContext) -> bool:
    return context.show_reasoning and not block.hidden and block.text != ""


def _parts(group: list[Block]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for kind, blocks in groupby(group, type):
        said = jsonio.text("".join(b.text for b in blocks if isinstance(b, Text | Refusal)))
        parts.append(output.output_text(said) if kind is Text else output.refusal_part(said))
    return parts


# --- what an upstream sends --------------------------------------------------------------------


def promises(body: bytes) -> bool:
    """Whether the answer is being made in the background, to be fetched by its id.

    https://platform.openai.com/docs/guides/background
    """
    try:
        response = response_shape.read(body, Losses())
    except Malformed:
        return False
    named = bool(response.id and response.model)
    return named and response.error is None and response.status in PENDING

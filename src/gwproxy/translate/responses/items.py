"""Single items from and to hub blocks: calls, tool outputs, reasoning; in history and answers.

An *item* is one element of `input` or `output`. A client's items are read strictly; unknown members
of an upstream's are ignored.

https://platform.openai.com/docs/api-reference/responses/object
https://www.openresponses.org/specification
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Raw

from gwproxy.translate.hub import Block, Call, Reasoning, Refusal, Result, Seal, Text
from gwproxy.translate.losses import Losses
from gwproxy.translate.responses import hosted
from gwproxy.translate.responses.blocks import parse_content
from gwproxy.translate.responses.tools import TYPED_CALLS, TypedTool
from gwproxy.translate.responses.wire import (
    CallItem,
    Item,
    MessageItem,
    OutputItem,
    ReasoningItem,
    Said,
    SaidPart,
    TypedOutputItem,
)
from gwproxy.translate.wire import jsonio, seal
from gwproxy.translate.wire.fields import Malformed, get_object
from gwproxy.translate.wire.shapes import Shape, arguments_of, present

SUMMARY_JOINT: Final = "\n\n"


# --- items -> blocks ---------------------------------------------------------------------------


def parse_call(item: CallItem, path: str) -> Call:
    """The tool call in a `function_call`, `custom_tool_call`, or a typed tool's item. Raises
    Malformed."""
    call_id = _call_id(item.call_id, item, path)
    typed = TYPED_CALLS.get(item.type or "")
    if typed is not None:
        return Call(call_id, typed.name, _typed_arguments(typed, item, path))
    if item.name is None:
        raise Malformed(f"{path}.name", "field required")
    if item.type == "custom_tool_call":
        return Call(call_id, item.name, item.input or "", custom=True, namespace=item.namespace)
    text = arguments_of(item.arguments, f"{path}.arguments")
    return Call(call_id, item.name, text, namespace=item.namespace)


def _call_id(call_id: str | None, item: Item, path: str) -> str:
    known = call_id or item.id
    if known is None:
        raise Malformed(f"{path}.call_id", "field required")
    return known


def _typed_arguments(typed: TypedTool, item: CallItem, path: str) -> str:
    place = f"{path}.{typed.payload}"
    payload = getattr(item, typed.payload)
    if isinstance(payload, Raw):
        payload = jsonio.loads(bytes(payload)) if present(payload) else None
    if isinstance(payload, str):
        return payload
    fixed = [name for name, _ in typed.fixed]
    chosen = {k: v for k, v in get_object(payload, place).items() if k not in fixed}
    return jsonio.dumps(chosen).decode()


def parse_result(item: OutputItem, path: str, losses: Losses) -> Result:
    """The tool result in an output item. Raises Malformed."""
    call_id = _call_id(item.call_id, item, path)
    blocks = parse_content(item.output, f"{path}.output", losses)
    return Result(call_id, blocks, custom=item.type == "custom_tool_call_output")


def parse_typed_result(item: TypedOutputItem, path: str) -> Result:
    """The tool result in a typed tool's output item: its text, or its JSON as text. Raises
    Malformed."""
    call_id = _call_id(item.call_id, item, path)
    raw = item.tools if item.type == "tool_search_output" else item.output
    if not present(raw):
        return Result(call_id, is_error=item.status == "failed")
    value = jsonio.loads(bytes(raw))
    text = value if isinstance(value, str) else jsonio.raw(raw)
    return Result(call_id, (Text(text),) if text else (), is_error=item.status == "failed")


def parse_reasoning(item: ReasoningItem) -> Reasoning:
    """The reasoning in an item of the history; an envelope of ours is opened.

    Other ciphertext is of an unknown maker: its seal gets an empty family, so that no renderer
    sends it anywhere (a foreign one is a 400: Wei-Shaw/sub2api#4986).
    """
    text = _thoughts(item)
    if not item.encrypted_content:
        return Reasoning(text)
    opened = seal.unwrap(item.encrypted_content)
    if opened is None:
        return Reasoning(text, Seal("", "encrypted", item.encrypted_content, item.id))
    hidden = opened.seal.kind == "redacted"
    return Reasoning(text if opened.text is None else opened.text, opened.seal, hidden=hidden)


def read_reasoning(item: ReasoningItem, family: str) -> Reasoning:
    """The reasoning in an item of an upstream's answer, with a seal of that `family`."""
    if item.encrypted_content:
        sealed = Seal(family, "encrypted", item.encrypted_content, item.id)
    else:
        sealed = Seal(family, "text", "", item.id)
    return Reasoning(_thoughts(item), sealed)


def _thoughts(item: ReasoningItem) -> str:
    """The reasoning text where the model shows it, else its summary."""
    for thoughts in (item.content, item.summary):
        texts = [thought.text for thought in thoughts or ()]
        if any(texts):
            return SUMMARY_JOINT.join(texts)
    return ""


message_shape: Final = Shape(MessageItem)
call_shape: Final = Shape(CallItem)
output_shape: Final = Shape(OutputItem)
typed_output_shape: Final = Shape(TypedOutputItem)
reasoning_shape: Final = Shape(ReasoningItem)


def read_answer(kind: str, raw: Raw, family: str) -> tuple[Block, ...]:
    """The hub blocks of an item of an upstream's `output`: one for each content part of a message,
    else a single one. Unknown members are ignored. Raises Malformed."""
    unknown = Losses()
    if kind == "message":
        parts = _said_shape.read(raw, unknown, "output").content or ()
        return tuple(_read_part(part) for part in parts)
    if kind == "reasoning":
        return (read_reasoning(reasoning_shape.read(raw, unknown, "output"), family),)
    if kind in ("function_call", "custom_tool_call"):
        return (parse_call(call_shape.read(raw, unknown, "output"), "output"),)
    return (hosted.opaque(kind, raw),)


_said_shape: Final = Shape(Said)
said_part: Final = Shape(SaidPart)


def is_annotated(kind: str, raw: Raw) -> bool:
    """Whether a message has citations, which no hub block can hold."""
    if kind != "message":
        return False
    parts = _said_shape.read(raw, Losses(), "output").content or ()
    return any(said_part.read(part, Losses(), "output.content").annotations for part in parts)


def _read_part(raw: Raw) -> Block:
    part = said_part.read(raw, Losses(), "output.content")
    if part.type == "refusal":
        return Refusal(part.refusal or "")
    return Text(part.text or "" if part.type == "output_text" else "")


# --- blocks -> items ---------------------------------------------------------------------------


def render_call(call: Call) -> dict[str, Any]:
    """The item of a tool call, without `id`: one that the upstream did not make is a 400."""
    kind, member = ("custom_tool_call", "input") if call.custom else ("function_call", "arguments")
    item: dict[str, Any] = {"type": kind, "call_id": call.id, "name": call.name}
    if call.namespace is not None:
        item["namespace"] = call.namespace
    return {**item, member: call.arguments}


def render_reasoning(block: Reasoning, family: str) -> dict[str, Any] | None:
    """The item of reasoning that this `family` made: with its ciphertext, or as text under the id
    it gave; None for another's."""
    made = block.seal
    if made is None or made.family != family or made.item_id is None or made.kind == "members":
        return None
    item: dict[str, Any] = {"type": "reasoning", "id": made.item_id, "summary": []}
    if made.kind == "encrypted":
        if block.text:
            item["summary"] = [{"type": "summary_text", "text": block.text}]
        return {**item, "encrypted_content": made.data}
    return {**item, "content": [{"type": "reasoning_text", "text": block.text}]}

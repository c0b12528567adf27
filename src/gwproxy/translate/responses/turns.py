"""The items of a request's `input` <-> turns.

What the model said in one go (reasoning, messages, calls) is one assistant turn; what its tools
gave back is one user turn; messages of the user and the developer stay what they are.

https://platform.openai.com/docs/api-reference/responses/create (input)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Raw, Struct

from gwproxy.translate import jsonio
from gwproxy.translate.fields import Malformed, Unsupported
from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    Opaque,
    Reasoning,
    Refusal,
    Result,
    Text,
    Tool,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.manners import Manners
from gwproxy.translate.responses import blocks, items, tools
from gwproxy.translate.shapes import Shape

_CALLS: Final = frozenset({"function_call", "custom_tool_call", *tools.TYPED_CALLS})
_TOOL_BRINGERS: Final = frozenset({"additional_tools", "tool_search_output"})
# Read elsewhere, or orders to the vendor's server: the conversation is the same without them.
_DROPPED: Final = frozenset({"additional_tools", "compaction_trigger", "configuration_update"})


class _Peek(Struct):
    type: str | None = None
    role: Any = None


class _AddedTools(items.Item):
    role: str | None = None
    tools: list[Raw] | None = None


_peek: Final = Shape(_Peek)
_list: Final = Shape(list[Raw])
_added: Final = Shape(_AddedTools)


def parse(given: Raw, losses: Losses) -> tuple[list[Turn], list[Tool]]:
    """The turns of `input`, and the tools that items brought into the conversation.

    Raises fields.Rejected.
    """
    if bytes(given).startswith(b'"'):
        return [Turn("user", (Text(jsonio.loads(bytes(given))),))], []
    turns: list[Turn] = []
    found: list[Tool] = []
    for index, raw in enumerate(_list.read(given, losses, "input")):
        path = f"input[{index}]"
        peeked = _peek.read(raw, losses, path)
        kind = peeked.type or ("message" if peeked.role is not None else "item_reference")
        if kind in _TOOL_BRINGERS:
            added = _added.read(raw, Losses(), path)
            found += tools.parse(added.tools or (), f"{path}.tools", losses)
        turn = _parse_item(kind, raw, path, losses)
        if turn is not None:
            _append(turns, turn)
    return turns, found


def _append(turns: list[Turn], turn: Turn) -> None:
    last = turns[-1] if turns else None
    if last is not None and last.role == turn.role and _joins(last) and _joins(turn):
        turns[-1] = Turn(turn.role, last.blocks + turn.blocks)
    else:
        turns.append(turn)


def _joins(turn: Turn) -> bool:
    if turn.role != "user":
        return turn.role == "assistant"
    return bool(turn.blocks) and all(isinstance(block, Result) for block in turn.blocks)


def _parse_item(kind: str, raw: Raw, path: str, losses: Losses) -> Turn | None:
    if kind == "message":
        return _parse_message(items.message_shape.read(raw, losses, path), path, losses)
    if kind == "reasoning":
        reasoning = items.parse_reasoning(items.reasoning_shape.read(raw, losses, path))
        return Turn("assistant", (reasoning,))
    if kind in ("function_call_output", "custom_tool_call_output"):
        output = items.output_shape.read(raw, losses, path)
        return Turn("user", (items.parse_result(output, path, losses),))
    if kind in _CALLS and _is_ours(kind, raw):
        call = items.call_shape.read(raw, losses, path)
        return Turn("assistant", (items.parse_call(call, path),))
    if kind in tools.TYPED_OUTPUTS and _is_ours(kind, raw):
        typed = items.typed_output_shape.read(raw, losses, path)
        return Turn("user", (items.parse_typed_result(typed, path),))
    if kind == "item_reference":
        raise Unsupported(path, "that item was not kept here; send the item itself")
    if kind in _DROPPED:
        if kind != "additional_tools":
            losses.drop(f"input.{kind}")
        return None
    role: Any = "user" if kind.endswith(("_output", "_response")) else "assistant"
    return Turn(role, (Opaque(Dialect.RESPONSES, kind, jsonio.raw(raw)),))


def _is_ours(kind: str, raw: Raw) -> bool:
    """Tool search may also run on the vendor's servers; then there is no `call_id`."""
    return not kind.startswith("tool_search_") or bool(jsonio.loads(bytes(raw)).get("call_id"))


def _parse_message(item: items.MessageItem, path: str, losses: Losses) -> Turn | None:
    content = blocks.parse_content(item.content, f"{path}.content", losses)
    match item.role:
        case "assistant":
            if item.phase is not None:
                losses.drop("phase")
            return Turn("assistant", content) if content else None
        case "system" | "developer":
            return Turn("system", content) if content else None
        case "user":
            return Turn("user", content)
    raise Malformed(f"{path}.role", "expected user, assistant, system or developer")


# --- render ------------------------------------------------------------------------------------


def render(turns: Iterable[Turn], manners: Manners, losses: Losses) -> list[Any]:
    """Raises fields.Rejected."""
    turns = list(turns)
    custom = {b.id for t in turns for b in t.blocks if isinstance(b, Call) and b.custom}
    out: list[Any] = []
    for index, turn in enumerate(turns):
        if turn.role == "assistant":
            out += _render_answer(turn, manners, losses)
        else:
            out += _render_told(turn, f"messages[{index}]", custom, manners)
    return out


def _render_told(turn: Turn, field: str, custom: set[str], manners: Manners) -> list[Any]:
    """A user's or developer's turn: tool outputs and messages, in their order."""
    out: list[Any] = []
    parts: list[dict[str, Any]] = []
    role = "developer" if turn.role == "system" else "user"
    for block in turn.blocks:
        if isinstance(block, Result):
            free = block.custom or block.call_id in custom
            kind = "custom_tool_call_output" if free else "function_call_output"
            output = blocks.render_output(block, field, manners)
            out.append({"type": kind, "call_id": block.call_id, "output": output})
        elif isinstance(block, Opaque):
            out.append(_render_opaque(block, role, field))
        else:
            if not parts:
                out.append({"type": "message", "role": role, "content": parts})
            parts.append(blocks.render_part(block, field, manners))
    return out


def _render_opaque(block: Opaque, role: str, field: str) -> Any:
    if block.dialect is Dialect.RESPONSES:
        return Raw(block.native.encode())
    if block.text is None:
        raise Unsupported(field, f"{block.type} is not known to the Responses API")
    part = {"type": "input_text", "text": block.text}
    return {"type": "message", "role": role, "content": [part]}


def _render_answer(turn: Turn, manners: Manners, losses: Losses) -> list[Any]:
    """What the model said. Reasoning goes only where it led to something: an item without its
    follower is a 400 ("provided without its required following item")."""
    out: list[Any] = []
    said = [i for i, b in enumerate(turn.blocks) if isinstance(b, Text | Refusal | Call)]
    called = any(isinstance(block, Call) for block in turn.blocks)
    wanted = manners.reasoning_in == "all" or (manners.reasoning_in == "tool_turns" and called)
    for index, block in enumerate(turn.blocks):
        match block:
            case Reasoning():
                led = wanted and bool(said) and index < said[-1]
                item = items.render_reasoning(block, manners.family) if led else None
                if item is None:
                    losses.drop("reasoning")
                else:
                    out.append(item)
            case Call():
                out.append(items.render_call(block))
            case Opaque(dialect=Dialect.RESPONSES, native=native):
                out.append(Raw(native.encode()))
            case Opaque(type=kind, text=None):
                losses.drop(kind)
            case Opaque(type=kind, text=str(text)):
                losses.emulate(kind)
                out.append(_render_said(Text(text)))
            case _:
                out.append(_render_said(block))
    return out


def _render_said(block: Block) -> dict[str, Any]:
    if isinstance(block, Refusal):
        part = {"type": "refusal", "refusal": block.text}
    elif isinstance(block, Text):
        part = {"type": "output_text", "text": block.text}
    else:
        raise Malformed("messages", f"{type(block).__name__} cannot stand in an assistant turn")
    return {"type": "message", "role": "assistant", "content": [part]}

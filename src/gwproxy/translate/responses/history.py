"""The items of a request's `input` from and to the hub's turns.

Neighbouring items of the model (reasoning, messages, calls) are one assistant turn; neighbouring
tool outputs are one user turn; each message of the user or developer is a turn.

https://platform.openai.com/docs/api-reference/responses/create (input)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Raw, Struct

from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    Media,
    Opaque,
    Reasoning,
    Refusal,
    Result,
    Search,
    Text,
    Tool,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.responses import blocks, compaction, hosted, items, tools, wire
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Malformed, Unsupported
from gwproxy.translate.wire.shapes import Shape

_OWN: Final = Dialect.RESPONSES
_CALLS: Final = frozenset({"function_call", "custom_tool_call", *tools.TYPED_CALLS})
_TOOL_BRINGERS: Final = frozenset({"additional_tools", "tool_search_output"})
# Left out of the turns: they are read elsewhere, or are orders to the vendor's server.
_DROPPED: Final = frozenset({"additional_tools", compaction.TRIGGER, "configuration_update"})
_KNOWN: Final = frozenset({"", "message", "reasoning", "item_reference", *_DROPPED})


class _Peek(Struct):
    type: str | None = None
    id: Any = None
    role: Any = None


class _AddedTools(wire.Item):
    role: str | None = None
    tools: list[Raw] | None = None


_peek: Final = Shape(_Peek)
_list: Final = Shape(list[Raw])
_added: Final = Shape(_AddedTools)


def parse(given: Raw, losses: Losses) -> tuple[list[Turn], list[Tool]]:
    """The hub's turns of `input`, and the tools that items brought into the conversation.

    Raises fields.Rejected.
    """
    if bytes(given).startswith(b'"'):
        return [Turn("user", (Text(jsonio.loads(bytes(given))),))], []
    turns: list[Turn] = []
    found: list[Tool] = []
    listed = _list.read(given, losses, "input")
    if compaction.ends_input(given):
        listed.pop()
    for index, raw in enumerate(listed):
        path = f"input[{index}]"
        peeked = _peek.read(raw, losses, path)
        kind = peeked.type or _kind_unsaid(peeked, path)
        if kind in _TOOL_BRINGERS:
            added = _added.read(raw, Losses(), path)
            found += tools.parse(added.tools or (), f"{path}.tools", losses)
        turn = _parse_item(kind, raw, path, losses)
        if turn is not None:
            _append(turns, turn)
    return turns, found


def _kind_unsaid(peeked: _Peek, path: str) -> str:
    """The type of an item without `type`, which two kinds need not have. Raises Malformed.

    https://platform.openai.com/docs/api-reference/responses
    """
    if peeked.role is not None:
        return "message"
    if peeked.id is not None:
        return "item_reference"
    raise Malformed(f"{path}.type", "field required")


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
    if kind in _CALLS and is_ours(kind, raw):
        call = items.call_shape.read(raw, losses, path)
        return Turn("assistant", (items.parse_call(call, path),))
    if kind in tools.TYPED_OUTPUTS and is_ours(kind, raw):
        typed = items.typed_output_shape.read(raw, losses, path)
        return Turn("user", (items.parse_typed_result(typed, path),))
    if kind in compaction.KINDS:
        turn = compaction.turn_of(kind, raw, path)
        if turn is None:
            losses.drop(f"messages.{kind}")
        return turn
    if kind == "item_reference":
        raise Unsupported(path, "that item was not kept here; send the item itself")
    if kind in _DROPPED:
        if kind != "additional_tools":
            losses.drop(f"messages.{kind}")
        return None
    return hosted.turn_of(kind, raw)


def is_of_agents(kind: str) -> bool:
    """Whether an item is of a newer kind, of clients with agents, of which only the text
    matters."""
    return kind not in _KNOWN | compaction.KINDS and not hosted.is_hosted(kind)


def is_ours(kind: str, raw: Raw) -> bool:
    """Whether the client runs the tool: a tool search on the vendor's servers has no `call_id`."""
    return not kind.startswith("tool_search_") or bool(jsonio.loads(bytes(raw)).get("call_id"))


def _parse_message(item: wire.MessageItem, path: str, losses: Losses) -> Turn | None:
    content = blocks.parse_content(item.content, f"{path}.content", losses)
    match item.role:
        case "assistant":
            if item.phase is not None:
                losses.drop("messages.phase")
            return Turn("assistant", content) if content else None
        case "system" | "developer":
            return Turn("system", content) if content else None
        case "user":
            return Turn("user", content)
    raise Malformed(f"{path}.role", "expected user, assistant, system or developer")


# --- render ------------------------------------------------------------------------------------


def render(turns: Sequence[Turn], quirks: Quirks, losses: Losses) -> list[dict[str, Any] | Raw]:
    """The items of `input`. The passes have put the turns in order (`passes/history.py`). Raises
    fields.Rejected."""
    writer = _Writer(quirks, losses)
    for index, turn in enumerate(turns):
        if turn.role == "assistant":
            writer.answer(turn)
        else:
            writer.told(turn, f"messages[{index}]")
    return writer.items


class _Writer:
    def __init__(self, quirks: Quirks, losses: Losses) -> None:
        self.items: list[dict[str, Any] | Raw] = []
        self._quirks = quirks
        self._losses = losses
        self._free_form: set[str] = set()

    def answer(self, turn: Turn) -> None:
        """Adds the items of an assistant turn."""
        for block in turn.blocks:
            match block:
                case Reasoning():
                    self._reasoning(block)
                case Call(id=call_id, custom=custom):
                    self.items.append(items.render_call(block))
                    (self._free_form.add if custom else self._free_form.discard)(call_id)
                case Opaque(dialect=dialect, search=Search() as search) if dialect != _OWN:
                    self.items.append(hosted.written(search))
                case Opaque(native=native):
                    self.items.append(Raw(native.encode()))
                case _:
                    self.items.append(_said(block))

    def _reasoning(self, block: Reasoning) -> None:
        item = items.render_reasoning(block, self._quirks.family)
        if item is not None:
            self.items.append(item)
        else:
            self._losses.drop("messages.thinking")

    def told(self, turn: Turn, field: str) -> None:
        """Adds the items of another turn: tool outputs, and a message of the user or developer."""
        role = "developer" if turn.role == "system" else "user"
        parts: list[dict[str, Any]] | None = None
        for block in turn.blocks:
            if isinstance(block, Result):
                self.items.append(self._output(block, field))
            elif isinstance(block, Opaque):
                self.items.append(Raw(block.native.encode()))
                parts = None
            else:
                if parts is None:
                    parts = []
                    self.items.append({"type": "message", "role": role, "content": parts})
                parts += self._parts(block, field)

    def _output(self, result: Result, field: str) -> dict[str, Any]:
        """A tool output of the same kind as its call, which the hub's result does not say."""
        kind = "custom_tool_call" if result.call_id in self._free_form else "function_call"
        output = blocks.render_output(result, field)
        return {"type": f"{kind}_output", "call_id": result.call_id, "output": output}

    def _parts(self, block: Block, field: str) -> list[dict[str, Any]]:
        part = blocks.render_part(block, field)
        if isinstance(block, Media) and block.context is not None:
            return [{"type": "input_text", "text": block.context}, part]
        return [part]


def _said(block: Block) -> dict[str, Any]:
    if isinstance(block, Refusal):
        part = {"type": "refusal", "refusal": block.text}
    elif isinstance(block, Text):
        part = {"type": "output_text", "text": block.text}
    else:
        raise Unsupported("messages", f"a {type(block).__name__} cannot stand in an answer")
    return {"type": "message", "role": "assistant", "content": [part]}

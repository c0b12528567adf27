"""The items of a request's `input` <-> turns.

What the model said in one go (reasoning, messages, calls) is one assistant turn; what its tools
gave back is one user turn; messages of the user and the developer stay what they are.

https://platform.openai.com/docs/api-reference/responses/create (input)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Raw, Struct
from msgspec.structs import replace

from gwproxy.translate import jsonio
from gwproxy.translate.fields import Malformed, Unsupported
from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    Media,
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
from gwproxy.translate.responses import blocks, hosted, items, tools
from gwproxy.translate.shapes import Shape

_CALLS: Final = frozenset({"function_call", "custom_tool_call", *tools.TYPED_CALLS})
_NO_RESULT: Final = "[no result recorded]"
_TOOL_BRINGERS: Final = frozenset({"additional_tools", "tool_search_output"})
# Read elsewhere, or orders to the vendor's server: the conversation is the same without them.
_DROPPED: Final = frozenset({"additional_tools", "compaction_trigger", "configuration_update"})


class _Peek(Struct):
    type: str | None = None
    id: Any = None
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
        kind = peeked.type or _kind_unsaid(peeked, path)
        if kind in _TOOL_BRINGERS:
            added = _added.read(raw, Losses(), path)
            found += tools.parse(added.tools or (), f"{path}.tools", losses)
        turn = _parse_item(kind, raw, path, losses)
        if turn is not None:
            _append(turns, turn)
    return turns, found


def _kind_unsaid(peeked: _Peek, path: str) -> str:
    """Two kinds of item need no `type`: https://platform.openai.com/docs/api-reference/responses"""
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
    return Turn(role, (hosted.opaque(kind, raw),))


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


def render(
    turns: Sequence[Turn], kept_from: int, manners: Manners, losses: Losses
) -> list[dict[str, Any] | Raw]:
    """Items in their order, except that outputs follow their calls at once: some upstreams answer
    400 to anything in between (lidge-jun/opencodex#4726). Thoughts from before turn `kept_from`
    stay behind. Raises fields.Rejected."""
    writer = _Writer(manners, losses)
    for start, said, following in _exchanges(turns):
        writer.exchange(said, following, f"messages[{start}]", keeps=start >= kept_from)
    return writer.items


def _exchanges(turns: Sequence[Turn]) -> Iterator[tuple[int, list[Turn], list[Turn]]]:
    """What the model said with all that came before its next word, and where that begins."""
    start = 0
    said: list[Turn] = []
    following: list[Turn] = []
    for index, turn in enumerate(turns):
        if turn.role == "assistant" and following:
            yield start, said, following
            start, said, following = index, [], []
        (said if turn.role == "assistant" else following).append(turn)
    yield start, said, following


class _Writer:
    def __init__(self, manners: Manners, losses: Losses) -> None:
        self.items: list[dict[str, Any] | Raw] = []
        self._manners = manners
        self._losses = losses

    def exchange(
        self, said: Sequence[Turn], following: Sequence[Turn], field: str, *, keeps: bool
    ) -> None:
        for turn in said:
            self._answer(turn, keeps)
        calls = {b.id: b for turn in said for b in turn.blocks if isinstance(b, Call)}
        results = self._results(calls, following)
        for call in calls.values():
            self.items.append(self._output(call, results.get(call.id), field))
        for turn in following:
            self._told(turn, calls, field)

    def _results(self, calls: Mapping[str, Call], following: Sequence[Turn]) -> dict[str, Result]:
        """By call id. Several for one call are one: Codex reports progress so (opencodex#3731)."""
        results: dict[str, Result] = {}
        other = False
        for block in (block for turn in following for block in turn.blocks):
            if not isinstance(block, Result):
                other = True
                continue
            known = results.get(block.call_id)
            if known is not None:
                block = replace(block, blocks=known.blocks + block.blocks)
            if block.call_id in calls:
                results[block.call_id] = block
                if other:
                    self._losses.reorder("messages.tool_result")
        return results

    def _output(self, call: Call, result: Result | None, field: str) -> dict[str, Any]:
        kind = "custom_tool_call_output" if call.custom else "function_call_output"
        if result is None:
            self._losses.synthesize("messages.tool_result")
            return {"type": kind, "call_id": call.id, "output": _NO_RESULT}
        output = blocks.render_output(result, field, self._manners)
        return {"type": kind, "call_id": call.id, "output": output}

    def _answer(self, turn: Turn, keeps: bool) -> None:
        """What the model said. Reasoning goes only where it led to something: an item without its
        follower is a 400 ("provided without its required following item")."""
        manners = self._manners
        said = [i for i, b in enumerate(turn.blocks) if isinstance(b, Text | Refusal | Call)]
        called = any(isinstance(block, Call) for block in turn.blocks)
        wanted = manners.reasoning_in == "all" or (manners.reasoning_in == "tool_turns" and called)
        for index, block in enumerate(turn.blocks):
            match block:
                case Reasoning():
                    self._reasoning(block, keeps and wanted and bool(said) and index < said[-1])
                case Call():
                    self.items.append(items.render_call(block))
                case Opaque():
                    self._opaque(block)
                case _:
                    self.items.append(_said(block))

    def _reasoning(self, block: Reasoning, led: bool) -> None:
        item = items.render_reasoning(block, self._manners.family) if led else None
        if item is not None:
            self.items.append(item)
        else:
            self._losses.drop("reasoning")

    def _opaque(self, block: Opaque) -> None:
        if self._passes(block):
            self.items.append(Raw(block.native.encode()))
        elif block.text is not None:
            self._losses.emulate(block.type)
            self.items.append(_said(Text(block.text)))
        else:
            self._losses.drop(block.type)

    def _passes(self, block: Opaque) -> bool:
        """Who runs no tools of this dialect refuses the items of them as well."""
        return block.dialect is Dialect.RESPONSES and self._manners.hosted_tools

    def _told(self, turn: Turn, calls: Mapping[str, Call], field: str) -> None:
        """A user's or developer's turn, less the outputs that have gone before it."""
        role = "developer" if turn.role == "system" else "user"
        parts: list[dict[str, Any]] | None = None
        for block in turn.blocks or (Text(""),):
            if isinstance(block, Opaque) and self._passes(block):
                self.items.append(Raw(block.native.encode()))
                parts = None
            elif isinstance(block, Opaque) and block.dialect is Dialect.RESPONSES:
                self._losses.drop(block.type)
            elif not isinstance(block, Result) or block.call_id not in calls:
                if parts is None:
                    parts = []
                    self.items.append({"type": "message", "role": role, "content": parts})
                parts += self._parts(block, field)

    def _parts(self, block: Block, field: str) -> list[dict[str, Any]]:
        match block:
            case Result():
                return self._orphan(block, field)
            case Opaque(text=None, type=kind):
                raise Unsupported(field, f"{kind} is not known to the Responses API")
            case Media(context=str(context)):
                words = {"type": "input_text", "text": context}
                return [words, blocks.render_part(block, field, self._manners)]
        return [blocks.render_part(block, field, self._manners)]

    def _orphan(self, result: Result, field: str) -> list[dict[str, Any]]:
        self._losses.rename("messages.tool_result")
        label = Text(f"[result of unknown call {result.call_id}]")
        return [
            blocks.render_part(block, field, self._manners) for block in (label, *result.blocks)
        ]


def _said(block: Block) -> dict[str, Any]:
    if isinstance(block, Refusal):
        part = {"type": "refusal", "refusal": block.text}
    elif isinstance(block, Text):
        part = {"type": "output_text", "text": block.text}
    else:
        raise Unsupported("messages", f"a {type(block).__name__} cannot stand in an answer")
    return {"type": "message", "role": "assistant", "content": [part]}

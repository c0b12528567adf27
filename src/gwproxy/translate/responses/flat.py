"""Rewrites a relayed request for a host that takes function tools and plain items only, by edits on
its bytes: other tools become functions, newer items messages; every other byte stays.

Free-form tools become functions of one text, tools of a namespace get its name before theirs, and
those that a client runs under a type of their own have a known schema (`tools.TYPED`). The tool
choice, and calls and outputs in the history, follow. Messages between agents become text. The
quirks say which kinds are rewritten; `restored.py` turns the answer's calls back.

https://platform.openai.com/docs/api-reference/responses/create (tools, tool_choice, input)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Raw, Struct

from gwproxy.translate.hub import Opaque, Text, Tool, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.names import Flattened, Names
from gwproxy.translate.quirks import Quirks, known_to_refuse
from gwproxy.translate.responses import blocks, history, hosted, items, tools
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Malformed
from gwproxy.translate.wire.shapes import Shape
from gwproxy.translate.wire.splice import Edit, edited, found, has, omit, put

_REPEATED: Final = (("tools", b"[]"), ("tool_choice", b'"auto"'))


class _Head(Struct):
    type: str | None = None
    id: str | None = None
    name: str | None = None
    namespace: str | None = None
    status: str | None = None
    tools: list[Raw] | None = None


_head: Final = Shape(_Head)


def flatten(
    body: bytes, quirks: Quirks, names: Names, losses: Losses
) -> tuple[bytes, Flattened | None]:
    """`body` with functions and messages in place of the tools and items that the quirks refuse,
    and what is needed to read its answer, None where nothing changed. `names` learns the functions'
    names. Raises jsonio.NotJson."""
    flat = _Flattening(quirks, names, losses)
    if not (flat.refused or flat.moves or flat.drops or flat.words):
        return body, None
    edits = [
        Edit(("input", None), flat.item),
        Edit(("tools", None), flat.tool),
        Edit(("tool_choice",), flat.choice),
    ]
    flat.look_at(body)
    after = flat.with_found(edited(body, edits))
    if after is body:
        return body, None
    repeated = tuple(
        (name, jsonio.one_line(next((value for _, value in found(body, (name,))), unsaid)).encode())
        for name, unsaid in _REPEATED
    )
    return after, Flattened(flat.names, frozenset(flat.typed), repeated)


class _Flattening:
    """The edits of one request. `refused` are the types of tools that become functions; `moves`:
    tools in the input are moved to `tools`; `drops`: the vendor's own tools are left out; `words`:
    items of agents become messages."""

    def __init__(self, quirks: Quirks, names: Names, losses: Losses) -> None:
        self.names = names
        self.typed: set[str] = set()
        self.moves = known_to_refuse(quirks.added_tools)
        self.drops = known_to_refuse(quirks.hosted_tools)
        self.words = known_to_refuse(quirks.agent_items)
        self._quirks = quirks
        self._types_go = known_to_refuse(quirks.client_tools)
        self.refused: set[str] = set()
        if known_to_refuse(quirks.custom_tools):
            self.refused.add("custom")
        if known_to_refuse(quirks.namespaces):
            self.refused.add("namespace")
        if self._types_go:
            self.refused |= tools.TYPED.keys()
        self._losses = losses
        self._chosen: dict[str, list[str]] = {}  # flat names, by what a choice calls the tool
        self._moved: list[bytes] = []
        self._forced = ""

    def look_at(self, body: bytes) -> None:
        """Reads what must be known before the first edit: where a request has only the host's own
        tools, they stay, for the host to refuse."""
        kinds = [_read(raw).type or "" for _, raw in found(body, ("tools", None))]
        if all(map(self._is_hosted, kinds)):
            self.drops = False
        for _, choice in found(body, ("tool_choice",)):
            self._forced = _read(choice).type or ""

    @staticmethod
    def _is_hosted(kind: str) -> bool:
        return kind not in ("function", "custom", "namespace", *tools.TYPED)

    # --- tools ---------------------------------------------------------------------------------

    def tool(self, text: bytes) -> bytes | None:
        """The text that replaces one tool: itself, functions, or None to leave it out."""
        raw = Raw(text)
        try:
            kind = tools.kind_shape.read(raw, Losses(), "tools")
            typed = kind.type in self.refused and tools.runs_here(kind)
            holds = kind.type == "namespace" and "custom" in self.refused and b'"custom"' in text
            if not (typed or holds or kind.type in self.refused - tools.TYPED.keys()):
                return self._kept(kind.type, text)
            offered = tools.parse([raw], "tools", Losses())
        except Malformed:
            return text
        if typed:
            self.typed.add(kind.type)
        if kind.type != "custom":
            self._losses.emulate(f"tools.{kind.type}")
        return b",".join(jsonio.dumps(one) for one in self._functions(offered)) or None

    def _functions(self, offered: Iterable[Tool]) -> list[Any]:
        flat = []
        for tool in offered:
            flat.append(self.names.offered(tool, self._losses))
            called = [tool.name, *([tool.namespace] if tool.namespace else [])]
            for name in called:
                self._chosen.setdefault(name, []).append(flat[-1].name)
        return tools.render(flat)

    def _kept(self, kind: str, text: bytes) -> bytes | None:
        if not self.drops or not self._is_hosted(kind) or kind == self._forced:
            return text
        self._losses.drop(f"tools.{kind}")
        return None

    def with_found(self, body: bytes) -> bytes:
        """`body` with the tools that were moved out of its input among the others, each once."""
        if not self._moved:
            return body
        there = {_read(raw).name for _, raw in found(body, ("tools", None))}
        new = {name: raw for raw in self._moved if (name := _read(raw).name) not in there}.values()
        if not has(body, ("tools",)):
            opening = body.index(b"{") + 1
            return b'%b"tools":[%b],%b' % (body[:opening], b",".join(new), body[opening:])
        return edited(body, [Edit(("tools",), lambda value: _extended(value, new))])

    # --- the choice ----------------------------------------------------------------------------

    def choice(self, text: bytes) -> bytes:
        """The `tool_choice` with the new names of tools."""
        if _read(text).type == "allowed_tools":
            return edited(text, [Edit(("tools", None), self._named)])
        return self._named(text)

    def _named(self, text: bytes) -> bytes:
        head = _read(text)
        flat = self._chosen.get(head.name or head.type or "")
        if flat is None:
            return text
        return b",".join(jsonio.dumps({"type": "function", "name": name}) for name in flat)

    # --- the history ---------------------------------------------------------------------------

    def item(self, text: bytes) -> bytes | None:
        """The text that replaces one item of the input, None to leave it out."""
        try:
            head = _head.read(text, Losses(), "input")
            return self._item(head, text)
        except Malformed:  # the upstream may judge it
            return text

    def _item(self, head: _Head, text: bytes) -> bytes | None:
        kind = head.type or ""
        if kind == "additional_tools":
            return self._added(head, text)
        if self.words and history.is_of_agents(kind):
            return self._message(kind, text)
        typed = kind in tools.TYPED_CALLS or kind in tools.TYPED_OUTPUTS
        if typed and self._types_go and history.is_ours(kind, Raw(text)):
            return self._typed(kind, head, text)
        free = kind == "custom_tool_call"
        if free and "custom" in self.refused:
            return self._call(head, text)
        if (free or kind == "function_call") and head.namespace and "namespace" in self.refused:
            call = items.parse_call(items.call_shape.read(Raw(text), Losses(), "input"), "input")
            name = jsonio.text(self.names.called(call).name)
            return edited(text, [put("name", name), omit("namespace")])
        if kind == "custom_tool_call_output" and "custom" in self.refused:
            edits = [put("type", b'"function_call_output"'), omit("name"), omit("namespace")]
            return edited(text, edits if _is_id(head.id) else [*edits, omit("id")])
        return text

    def _added(self, head: _Head, text: bytes) -> bytes | None:
        if not self.moves:
            return edited(text, [Edit(("tools", None), self.tool)])
        self._losses.emulate("input.additional_tools")
        self._move(head)
        return None

    def _move(self, head: _Head) -> None:
        flat = (self.tool(bytes(raw)) for raw in head.tools or ())
        for text in filter(None, flat):
            self._moved += [element for _, element in found(b"[%b]" % text, (None,))]

    def _message(self, kind: str, text: bytes) -> bytes | None:
        told = hosted.turn_of(kind, Raw(text))
        (words,) = (block.text for block in told.blocks if isinstance(block, Opaque))
        if words is None:
            self._losses.drop(f"messages.{kind}")
            return None
        self._losses.emulate(f"messages.{kind}")
        said = history.render([Turn(told.role, (Text(words),))], self._quirks, self._losses)
        return b",".join(jsonio.dumps(item) for item in said)

    def _typed(self, kind: str, head: _Head, text: bytes) -> bytes:
        if kind in tools.TYPED_CALLS:
            return self._call(head, text)
        if kind == "tool_search_output":
            self._move(head)
        result = items.parse_typed_result(
            items.typed_output_shape.read(Raw(text), Losses(), "input"), "input"
        )
        output = blocks.render_output(result, "input")
        return jsonio.dumps(
            {"type": "function_call_output", "call_id": result.call_id, "output": output}
        )

    def _call(self, head: _Head, text: bytes) -> bytes:
        """The function_call item of a call; an id of another kind of item is left out, as a host
        may check its prefix."""
        call = items.parse_call(items.call_shape.read(Raw(text), Losses(), "input"), "input")
        item = items.render_call(self.names.called(call))
        if _is_id(head.id):
            item["id"] = head.id
        if head.status is not None:
            item["status"] = head.status
        return jsonio.dumps(item)


def _read(text: bytes) -> _Head:
    """The head of a tool or item; an empty one where it has another shape, which the upstream may
    judge."""
    try:
        return _head.read(text, Losses())
    except Malformed:
        return _Head()


def _is_id(item_id: str | None) -> bool:
    return (item_id or "").startswith("fc")


def _extended(listed: bytes, new: Iterable[bytes]) -> bytes:
    elements = [element for _, element in found(listed, (None,))]
    return b"[%b]" % b",".join((*elements, *new))

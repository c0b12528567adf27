"""Tools and tool choice of Messages, from and to the hub.

One list holds three sorts: functions of the client (`input_schema`), tools whose schema Anthropic's
models were trained on and which the client runs (`bash_20250124` …: for other upstreams they are
functions with that schema), and tools that Anthropic's servers run.

https://docs.claude.com/en/docs/agents-and-tools/tool-use/overview
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw, Struct, structs

from gwproxy.translate.anthropic.blocks import cache, write_mark
from gwproxy.translate.anthropic.schemas import EMPTY_SCHEMA, object_schema
from gwproxy.translate.anthropic.wire import ABSENT, CacheControl, Wire
from gwproxy.translate.hub import (
    WEB_SEARCH,
    Block,
    Dialect,
    Opaque,
    Tool,
    ToolChoice,
    UserLocation,
    WebSearch,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.remembered import remembered, tools_parser
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Malformed
from gwproxy.translate.wire.shapes import Shape, present


class Definition(Wire):
    """A function tool; what is rendered for any tool that has a schema."""

    name: str
    description: str | None = None
    input_schema: Raw = ABSENT
    type: str | None = None
    strict: bool | None = None
    defer_loading: bool | None = None
    eager_input_streaming: bool | None = None  # arguments are streamed as they come in any case
    allowed_callers: list[str] | None = None
    input_examples: list[Raw] | None = None
    cache_control: CacheControl | None = None


class Choice(Wire):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Typed(Struct):
    """The members that tools of all sorts have."""

    type: str | None = None
    name: str | None = None
    mcp_server_name: str | None = None
    defer_loading: bool | None = None
    cache_control: CacheControl | None = None


class _SearchTool(Struct):
    # https://docs.claude.com/en/docs/agents-and-tools/tool-use/web-search-tool

    max_uses: int | None = None
    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None
    user_location: UserLocation | None = None
    response_inclusion: str | None = None


_SEARCH: Final = "web_search_20"
_search: Final = Shape(_SearchTool)
_function: Final = msgspec.json.Decoder(Definition).decode
_definition: Final = Shape(Definition)
_typed: Final = Shape(_Typed)

# --- tools that the client runs, with the schema their models know -------------------------------


def _schema(required: str, **properties: str) -> str:
    """The JSON text of an object schema; `properties` maps names to a JSON type, or to values
    separated by `|`."""
    members = {
        name: {"type": "string", "enum": words.split("|")}
        if "|" in words
        else {"type": "array", "items": {"type": words[:-2]}}
        if words.endswith("[]")
        else {"type": words}
        for name, words in properties.items()
    }
    schema: dict[str, Any] = {"type": "object", "properties": members}
    if required:
        schema["required"] = required.split()
    return jsonio.dumps(schema).decode()


def _editor_schema(required: str, commands: str, **more: str) -> str:
    return _schema(
        required,
        command=commands,
        path="string",
        file_text="string",
        old_str="string",
        new_str="string",
        insert_line="integer",
        insert_text="string",
        view_range="integer[]",
        **more,
    )


# type prefixes → (description, schema); the first that fits. Sources:
# https://docs.claude.com/en/docs/agents-and-tools/tool-use/{bash,text-editor,memory,computer-use}-tool
_KNOWN: Final[tuple[tuple[str | tuple[str, ...], str, str], ...]] = (
    (
        "bash_20",
        "Run a command in a persistent bash session; `restart` starts a new one.",
        _schema("", command="string", restart="boolean"),
    ),
    (
        ("text_editor_2024", "text_editor_20250124"),
        "View, create and edit text files.",
        _editor_schema("command path", "view|create|str_replace|insert|undo_edit"),
    ),
    (
        "text_editor_20",
        "View, create and edit text files.",
        _editor_schema("command path", "view|create|str_replace|insert"),
    ),
    (
        "memory_20",
        "Read and keep notes in the directory /memories.",
        _editor_schema(
            "command",
            "view|create|str_replace|insert|delete|rename",
            old_path="string",
            new_path="string",
        ),
    ),
    (
        "computer_20",
        "Use the mouse and keyboard of a computer, and take screenshots.",
        _schema(
            "action",
            action="key|hold_key|type|cursor_position|mouse_move|left_mouse_down|left_mouse_up"
            "|left_click|left_click_drag|right_click|middle_click|double_click|triple_click|scroll"
            "|wait|screenshot|zoom",
            coordinate="integer[]",
            start_coordinate="integer[]",
            region="integer[]",
            text="string",
            duration="number",
            scroll_direction="up|down|left|right",
            scroll_amount="integer",
        ),
    ),
)

# --- parsing -----------------------------------------------------------------------------------


def parse(raw_tools: Iterable[Raw], path: str, losses: Losses) -> list[Tool]:
    """The hub's tools. Raises Malformed, which names the tool's path."""
    return [_parse_tool(raw, f"{path}[{index}]", losses) for index, raw in enumerate(raw_tools)]


parse_tools: Final = tools_parser(parse)


def _parse_tool(raw: Raw, path: str, losses: Losses) -> Tool:
    try:
        function = _function(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        function = None
    if function is not None and function.type in (None, "custom"):
        return _parse_function(function, path, losses)
    # The other members of a server's tool stay in `native`: nothing is lost here.
    kind = _typed.read(raw, Losses(), path)
    if kind.type in (None, "custom"):
        return _parse_function(_definition.read(raw, losses, path), path, losses)
    name = kind.name or kind.mcp_server_name or str(kind.type)
    known = next((entry for entry in _KNOWN if str(kind.type).startswith(entry[0])), None)
    return Tool(
        name,
        "hosted" if known is None else "function",
        None if known is None else known[1],
        EMPTY_SCHEMA if known is None else known[2],
        deferred=bool(kind.defer_loading),
        native=jsonio.raw(raw),
        native_dialect=Dialect.ANTHROPIC,
        search=_read_search(raw, path) if str(kind.type).startswith(_SEARCH) else None,
        cache=cache(kind.cache_control),
    )


def _read_search(raw: Raw, path: str) -> WebSearch:
    tool = _search.read(raw, Losses(), path)
    lost = {"blocked_domains": tool.blocked_domains, "response_inclusion": tool.response_inclusion}
    return WebSearch(
        tuple(tool.allowed_domains or ()),
        tool.user_location or UserLocation(),
        tool.max_uses,
        unsaid=tuple(name for name, value in lost.items() if value),
    )


def _write_search(search: WebSearch) -> Raw:
    """The web search tool in its oldest version, which every host has that has any."""
    tool: dict[str, Any] = {"type": f"{_SEARCH}250305", "name": WEB_SEARCH}
    if search.max_uses is not None:
        tool["max_uses"] = search.max_uses
    if search.allowed:
        tool["allowed_domains"] = list(search.allowed)
    if place := search.location.known:
        tool["user_location"] = {"type": "approximate", **place}
    return Raw(jsonio.dumps(tool))


def _parse_function(tool: Definition, path: str, losses: Losses) -> Tool:
    if not tool.name:
        raise Malformed(f"{path}.name", "expected at least one character")
    schema = jsonio.raw(tool.input_schema) if present(tool.input_schema) else EMPTY_SCHEMA
    if not schema.lstrip().startswith("{"):
        raise Malformed(f"{path}.input_schema", "expected object")
    if tool.allowed_callers and tool.allowed_callers != ["direct"]:
        losses.drop("tools.allowed_callers")
    return Tool(
        tool.name,
        description=_with_examples(tool, losses),
        schema=schema,
        strict=tool.strict,
        deferred=bool(tool.defer_loading),
        cache=cache(tool.cache_control),
    )


def _with_examples(tool: Definition, losses: Losses) -> str | None:
    if not tool.input_examples:
        return tool.description
    losses.emulate("tools.input_examples")
    lines = [jsonio.raw(example) for example in tool.input_examples]
    return "\n".join([*([tool.description] if tool.description else []), "Examples:", *lines])


# --- tools that come and go in the conversation --------------------------------------------------


class _Referred(Struct):
    type: str = ""
    name: str = ""
    definition: Raw = ABSENT


class _Change(Struct):
    # https://docs.claude.com/en/docs/agents-and-tools/tool-use/tool-search-tool

    type: str
    tool: _Referred


_change: Final = jsonio.decoder(_Change)


def changed(
    content: tuple[Block, ...], offered: tuple[Tool, ...], losses: Losses
) -> tuple[tuple[Block, ...], tuple[Tool, ...]]:
    """A system turn without its `tool_addition` and `tool_removal` blocks, and the tools after
    them.

    Other dialects have one list of tools for the whole conversation: its last state.
    """
    if not any(isinstance(block, Opaque) for block in content):
        return content, offered
    kept = []
    for block in content:
        if isinstance(block, Opaque) and block.type in ("tool_addition", "tool_removal"):
            losses.emulate(block.type)
            offered = _after(block, offered, losses)
        else:
            kept.append(block)
    return tuple(kept), offered


def _after(block: Opaque, offered: tuple[Tool, ...], losses: Losses) -> tuple[Tool, ...]:
    try:
        tool = _change(block.native).tool
    except jsonio.NotJson as error:
        raise Malformed("messages", f"{block.type}: {error}") from None
    if block.type == "tool_removal":
        return tuple(known for known in offered if known.name != tool.name)
    if tool.type == "tool_definition" and present(tool.definition):
        added = _parse_tool(tool.definition, "messages.tool_addition.definition", losses)
        return (*(known for known in offered if known.name != added.name), added)
    return tuple(
        structs.replace(known, deferred=False) if known.name == tool.name else known
        for known in offered
    )


def parse_choice(choice: Choice | None) -> ToolChoice | None:
    """The hub's tool choice. Raises Malformed."""
    if choice is None:
        return None
    if choice.type == "tool" and not choice.name:
        raise Malformed("tool_choice.name", "Field required")
    off = choice.disable_parallel_tool_use
    return ToolChoice(
        choice.type,
        choice.name if choice.type == "tool" else None,
        parallel=None if off is None else not off,
    )


# --- rendering ---------------------------------------------------------------------------------


def write_tools(tools: tuple[Tool, ...], losses: Losses, *, extras: bool) -> Raw:
    """The `tools` member; with `extras` Anthropic's own sorts of tools as the client wrote them."""
    if not tools:
        return ABSENT
    written, lost = _written(tools, extras)
    losses.also(lost)
    return written


@remembered
def _written(tools: tuple[Tool, ...], extras: bool) -> tuple[Raw, tuple[str, ...]]:
    losses = Losses()
    written: list[Definition | Raw] = []
    for tool in tools:
        native = tool.native if tool.native_dialect is Dialect.ANTHROPIC else None
        if native is not None and (tool.kind == "hosted" or extras):
            written.append(Raw(native.encode()))
        elif tool.search is not None:
            written.append(_write_search(tool.search))
        else:
            written.append(_write_function(tool, losses))
    return Raw(jsonio.dumps(written)), tuple(losses)


def _write_function(tool: Tool, losses: Losses) -> Definition:
    return Definition(
        tool.name,
        tool.description,
        Raw(object_schema(tool.schema, losses).encode()),
        strict=tool.strict,
        defer_loading=True if tool.deferred else None,
        cache_control=write_mark(tool.cache),
    )


def write_choice(choice: ToolChoice | None) -> Choice | None:
    """The `tool_choice` member, None where the client set none. It is a 400 in a request without
    tools."""
    if choice is None:
        return None
    serial = choice.parallel is False and choice.mode != "none"
    return Choice(choice.mode, choice.name, True if serial else None)

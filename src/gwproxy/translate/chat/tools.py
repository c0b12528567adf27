"""Tools, tool choice and answer format of Chat, from and to the hub.

https://platform.openai.com/docs/api-reference/chat/create (tools, tool_choice, response_format)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from msgspec import Raw, Struct

from gwproxy.translate.chat.wire import (
    Chosen,
    CustomTool,
    FunctionDefinition,
    FunctionTool,
    JsonSchema,
    Kind,
    ResponseFormat,
    SearchWish,
)
from gwproxy.translate.hub import Dialect, OutputFormat, Tool, ToolChoice, UserLocation, WebSearch
from gwproxy.translate.losses import Losses
from gwproxy.translate.remembered import remembered, tools_parser
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Malformed
from gwproxy.translate.wire.shapes import Shape, present
from gwproxy.translate.wire.splice import Edit, edited, found, omit

_NO_PARAMETERS: Final = '{"type":"object","properties":{}}'
_ANY_OBJECT: Final = '{"type":"object"}'
WEB_SEARCH_OPTIONS: Final = "web_search_options"
# OpenAI's limit for `json_schema.name`.
_ILLEGAL_IN_NAME: Final = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_NAME: Final = 64


_search: Final = Shape(SearchWish)
_function_tool: Final = Shape(FunctionTool)
_custom_tool: Final = Shape(CustomTool)
_kind: Final = Shape(Kind)

# --- parse -----------------------------------------------------------------------------------


def parse(raw_tools: Iterable[Raw], path: str, losses: Losses) -> list[Tool]:
    """The hub's tools. Raises Malformed, which names the tool's path."""
    return [_parse_tool(raw, f"{path}[{index}]", losses) for index, raw in enumerate(raw_tools)]


parse_tools: Final = tools_parser(parse)


def _parse_tool(raw: Raw, path: str, losses: Losses) -> Tool:
    kind = _kind.read(raw, losses, path)
    if kind.type == "function":
        return parse_function(_function_tool.read(raw, losses, path).function)
    if kind.type == "custom":
        custom = _custom_tool.read(raw, losses, path).custom
        grammar = custom.format.grammar if custom.format is not None else None
        return Tool(
            custom.name,
            "custom",
            custom.description,
            grammar=(grammar.syntax, grammar.definition) if grammar is not None else None,
        )
    # Moonshot's `builtin_function` and the like: the provider runs it, or nobody can.
    name = kind.function.name if kind.function is not None else ""
    return Tool(
        name or kind.type,
        "hosted",
        native=jsonio.raw(raw),
        native_dialect=Dialect.CHAT,
    )


def parse_function(function: FunctionDefinition) -> Tool:
    schema = _NO_PARAMETERS
    if present(function.parameters):
        schema = jsonio.raw(function.parameters)
    return Tool(
        function.name, description=function.description, schema=schema, strict=function.strict
    )


def parse_web_search(options: Raw) -> Tool:
    """The hosted tool that `web_search_options` ask for, outside of `tools`."""
    wish = _search.read(options, Losses(), WEB_SEARCH_OPTIONS)
    location = None if wish.user_location is None else wish.user_location.approximate
    search = WebSearch(
        location=location or UserLocation(),
        unsaid=("search_context_size",) if wish.search_context_size else (),
    )
    native, dialect = jsonio.raw(options), Dialect.CHAT
    return Tool(WEB_SEARCH_OPTIONS, "hosted", native=native, native_dialect=dialect, search=search)


def parse_choice(chosen: str | Chosen | None, parallel: bool | None) -> ToolChoice | None:
    if chosen is None:
        return None if parallel is None else ToolChoice(parallel=parallel)
    if isinstance(chosen, str):
        return _choice_by_word(chosen, parallel)
    if chosen.allowed_tools is None:
        return ToolChoice("tool", _chosen_name(chosen, "tool_choice"), None, parallel)
    allowed = chosen.allowed_tools
    names = tuple(
        _chosen_name(tool, f"tool_choice.allowed_tools.tools[{n}]")
        for n, tool in enumerate(allowed.tools)
    )
    return ToolChoice("any" if allowed.mode == "required" else "auto", None, names, parallel)


def _choice_by_word(word: str, parallel: bool | None) -> ToolChoice:
    match word:
        case "auto":
            return ToolChoice("auto", parallel=parallel)
        case "none":
            return ToolChoice("none", parallel=parallel)
        case "required" | "any":
            return ToolChoice("any", parallel=parallel)
    raise Malformed("tool_choice", f"unknown choice '{word}': expected auto, none or required")


def _chosen_name(chosen: Chosen, path: str) -> str:
    named = chosen.function or chosen.custom
    name = named.name if named is not None else chosen.name
    if name:
        return name
    if chosen.type in ("function", "custom"):
        raise Malformed(f"{path}.{chosen.type}.name", "field required")
    return chosen.type


def parse_format(format_: ResponseFormat) -> OutputFormat | None:
    match format_:
        case ResponseFormat(type="text"):
            return None
        case ResponseFormat(type="json_object"):
            return OutputFormat("json_object")
        case ResponseFormat(type="json_schema", json_schema=JsonSchema() as wanted):
            schema = jsonio.raw(wanted.schema) if wanted.schema else _ANY_OBJECT
            return OutputFormat(
                "json_schema", schema, wanted.name, wanted.description, wanted.strict
            )
        case ResponseFormat(type="json_schema"):
            raise Malformed("response_format.json_schema", "field required")
    raise Malformed("response_format.type", f"unknown format '{format_.type}'")


class _Message(Struct):
    role: str = ""


_format: Final = Shape(ResponseFormat)
_message: Final = jsonio.decoder(_Message)
_INSTRUCTS: Final = ("system", "developer")


def take_format(body: bytes) -> tuple[bytes, OutputFormat | None]:
    """A relayed `body` without its answer format, and that format or None. Raises jsonio.NotJson
    and Malformed."""
    said = [text for _, text in found(body, ("response_format",)) if text != b"null"]
    wanted = parse_format(_format.read(Raw(said[0]), Losses(), "format")) if said else None
    return (body, None) if wanted is None else (edited(body, [omit("response_format")]), wanted)


def instruct(body: bytes, words: str) -> bytes:
    """A relayed `body` with a system message of `words` behind its first ones. Raises
    jsonio.NotJson."""
    roles = [_message(text).role for _, text in found(body, ("messages", None))]
    count = next((n for n, role in enumerate(roles) if role not in _INSTRUCTS), len(roles))
    role = roles[count - 1] if count else _INSTRUCTS[0]
    line = jsonio.dumps({"role": role, "content": words})

    def beside(text: bytes) -> bytes:
        return text + b"," + line if count else line + b"," + text

    return edited(body, [Edit(("messages", max(count - 1, 0)), beside)])


# --- render ----------------------------------------------------------------------------------


def render_format(wanted: OutputFormat) -> dict[str, Any]:
    if wanted.kind == "json_object" or wanted.schema is None:
        return {"type": "json_object"}
    name = _ILLEGAL_IN_NAME.sub("_", wanted.name or "response")[:_LONGEST_NAME]
    # A format without a name is Anthropic's, which is always strict.
    strict = True if wanted.strict is None and wanted.name is None else wanted.strict
    schema: dict[str, Any] = {"name": name}
    if wanted.description is not None:
        schema["description"] = wanted.description
    schema["schema"] = Raw(wanted.schema.encode())
    if strict is not None:
        schema["strict"] = strict
    return {"type": "json_schema", "json_schema": schema}


@remembered
def render_tools(tools: tuple[Tool, ...]) -> tuple[Raw | None, Raw | None]:
    """The `tools` list, and the `web_search_options` beside it; None where there are none."""
    listed: list[Any] = []
    search = None
    for tool in tools:
        if tool.kind == "hosted" and tool.native is not None:
            native = Raw(tool.native.encode())
            if tool.name == WEB_SEARCH_OPTIONS:
                search = native
            else:
                listed.append(native)
        elif tool.kind == "custom":
            listed.append(_render_custom(tool))
        else:
            listed.append(_render_function(tool))
    return Raw(jsonio.dumps(listed)) if listed else None, search


def _render_function(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    # "schema must be a JSON Schema of 'type: \"object\"', got 'type: None'" (OpenAI)
    schema = _NO_PARAMETERS if tool.schema.strip() == "{}" else tool.schema
    function["parameters"] = Raw(schema.encode())
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _render_custom(tool: Tool) -> dict[str, Any]:
    custom: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        custom["description"] = tool.description
    if tool.grammar is not None:
        syntax, definition = tool.grammar
        grammar = {"syntax": syntax, "definition": definition}
        custom["format"] = {"type": "grammar", "grammar": grammar}
    return {"type": "custom", "custom": custom}


def render_choice(choice: ToolChoice, tools: tuple[Tool, ...]) -> Any:
    match choice.mode:
        case "any":
            return "required"
        case "tool":
            custom = any(tool.name == choice.name and tool.kind == "custom" for tool in tools)
            kind = "custom" if custom else "function"
            return {"type": kind, kind: {"name": choice.name}}
    return choice.mode

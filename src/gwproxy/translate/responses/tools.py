"""Tools and tool choice of Responses, from and to the hub.

Four tools with a type of their own are run by the client (`local_shell`, `shell`, `apply_patch`,
`tool_search` with client execution). Upstreams get them as functions with a known schema (`TYPED`),
and the client gets calls in the item type that it waits for. What only the vendor's servers can run
stays `hosted`, verbatim.

https://platform.openai.com/docs/api-reference/responses/create (tools, tool_choice)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

from msgspec import Raw, Struct
from msgspec.structs import replace

from gwproxy.translate.hub import WEB_SEARCH, Dialect, Tool, ToolChoice, UserLocation, WebSearch
from gwproxy.translate.losses import Losses
from gwproxy.translate.remembered import remembered, tools_parser
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Malformed
from gwproxy.translate.wire.shapes import Shape, present


class TypedTool(Struct, frozen=True):
    """A client-run tool with an item type of its own.

    `payload` is the member of the `call` item that holds what the model chose; `fixed` are members
    of it that the model does not choose. `output` is the item in which the client answers.
    """

    name: str
    call: str
    output: str
    payload: str
    id_prefix: str
    description: str
    schema: str
    fixed: tuple[tuple[str, Any], ...] = ()
    defaults: tuple[tuple[str, Any], ...] = ()


TYPED: Final[Mapping[str, TypedTool]] = {
    tool.name: tool
    for tool in (
        TypedTool(
            "local_shell",
            "local_shell_call",
            "local_shell_call_output",
            "action",
            "lsh_",
            "Runs a command on the user's machine and returns its output.",
            '{"type":"object","properties":{'
            '"command":{"type":"array","items":{"type":"string"}},'
            '"env":{"type":"object","additionalProperties":{"type":"string"}},'
            '"timeout_ms":{"type":"integer"},"user":{"type":"string"},'
            '"working_directory":{"type":"string"}},"required":["command"]}',
            fixed=(("type", "exec"),),
            defaults=(("env", {}),),
        ),
        TypedTool(
            "shell",
            "shell_call",
            "shell_call_output",
            "action",
            "sh_",
            "Runs shell commands on the user's machine and returns their output.",
            '{"type":"object","properties":{'
            '"commands":{"type":"array","items":{"type":"string"}},'
            '"timeout_ms":{"type":"integer"},"max_output_length":{"type":"integer"}},'
            '"required":["commands"]}',
            defaults=(("timeout_ms", None), ("max_output_length", None)),
        ),
        TypedTool(
            "apply_patch",
            "apply_patch_call",
            "apply_patch_call_output",
            "operation",
            "apc_",
            "Creates, updates or deletes one file. `diff` is a V4A diff; leave it out to delete.",
            '{"type":"object","properties":{'
            '"type":{"type":"string","enum":["create_file","update_file","delete_file"]},'
            '"path":{"type":"string"},"diff":{"type":"string"}},"required":["type","path"]}',
        ),
        TypedTool(
            "tool_search",
            "tool_search_call",
            "tool_search_output",
            "arguments",
            "tsc_",
            "Finds more tools for the task at hand.",
            '{"type":"object","properties":{"query":{"type":"string"}},"required":["query"]}',
        ),
    )
}
TYPED_CALLS: Final[Mapping[str, TypedTool]] = {tool.call: tool for tool in TYPED.values()}
TYPED_OUTPUTS: Final[Mapping[str, TypedTool]] = {tool.output: tool for tool in TYPED.values()}


class _Function(Struct, forbid_unknown_fields=True, tag_field="type", tag="function"):
    name: str
    description: str | None = None
    parameters: Raw = Raw()
    strict: bool | None = None
    defer_loading: bool | None = None


class Format(Struct, forbid_unknown_fields=True):
    type: str
    syntax: str | None = None
    definition: str | None = None


class _Custom(Struct, forbid_unknown_fields=True, tag_field="type", tag="custom"):
    name: str
    description: str | None = None
    format: Format | None = None
    defer_loading: bool | None = None


class _Namespace(Struct, forbid_unknown_fields=True, tag_field="type", tag="namespace"):
    name: str
    tools: list[_Function | _Custom]
    description: str | None = None


_Offered: TypeAlias = _Function | _Custom | _Namespace


class _Typed(Struct, forbid_unknown_fields=True):
    type: str
    description: str | None = None
    parameters: Raw = Raw()
    environment: dict[str, Any] | None = None
    execution: str | None = None


class Kind(Struct):
    """The members of a tool that say who runs it."""

    type: str
    environment: Any = None
    execution: Any = None


class _Filters(Struct):
    allowed_domains: list[str] | None = None


class _SearchTool(Struct):
    # https://platform.openai.com/docs/guides/tools-web-search

    filters: _Filters | None = None
    user_location: UserLocation | None = None
    search_context_size: str | None = None
    search_content_types: list[str] | None = None
    external_web_access: bool | None = None


class _Allowed(Struct, forbid_unknown_fields=True):
    type: str
    name: str | None = None
    server_label: str | None = None


class _Choice(Struct, forbid_unknown_fields=True):
    type: str
    name: str | None = None
    server_label: str | None = None
    mode: Literal["auto", "required"] | None = None
    tools: list[_Allowed] | None = None


kind_shape: Final = Shape(Kind)
_search: Final = Shape(_SearchTool)
_offered: Final[Shape[_Offered]] = Shape(_Offered)  # type: ignore[arg-type]
_typed: Final = Shape(_Typed)
_choice: Final = Shape(_Choice)


# --- what the client offers --------------------------------------------------------------------


def parse(raw_tools: Iterable[Raw], path: str, losses: Losses) -> list[Tool]:
    """The hub's tools. Raises fields.Malformed."""
    tools: list[Tool] = []
    for index, raw in enumerate(raw_tools):
        tools += _parse_tool(raw, f"{path}[{index}]", losses)
    return tools


parse_tools: Final = tools_parser(parse)


def _parse_tool(raw: Raw, path: str, losses: Losses) -> list[Tool]:
    kind = kind_shape.read(raw, losses, path)
    if runs_here(kind):
        return [_parse_typed(_typed.read(raw, losses, path))]
    if kind.type not in ("function", "custom", "namespace"):
        searches = kind.type.startswith(WEB_SEARCH)
        search = _read_search(_search.read(raw, Losses(), path)) if searches else None
        native = jsonio.raw(raw)
        dialect = Dialect.RESPONSES
        return [Tool(kind.type, "hosted", native=native, native_dialect=dialect, search=search)]
    tool = _offered.read(raw, losses, path)
    if not isinstance(tool, _Namespace):
        return [_parse_offered(tool, path)]
    inner = [_parse_offered(t, f"{path}.tools[{i}]") for i, t in enumerate(tool.tools)]
    about = tool.description
    return [replace(t, namespace=tool.name, namespace_description=about) for t in inner]


def _read_search(tool: _SearchTool) -> WebSearch:
    filters = tool.filters or _Filters()
    kinds = tool.search_content_types or ()
    lost = {"search_context_size": tool.search_context_size, "search_content_types": kinds}
    return WebSearch(
        tuple(filters.allowed_domains or ()),
        tool.user_location or UserLocation(),
        cached=tool.external_web_access is False,
        unsaid=tuple(name for name, value in lost.items() if value),
    )


def _write_search(search: WebSearch) -> dict[str, Any]:
    tool: dict[str, Any] = {"type": WEB_SEARCH}
    if search.allowed:
        tool["filters"] = {"allowed_domains": list(search.allowed)}
    if place := search.location.known:
        tool["user_location"] = {"type": "approximate", **place}
    return tool


def runs_here(kind: Kind) -> bool:
    """Whether the client runs a tool with a type of its own."""
    if kind.type not in TYPED:
        return False
    if kind.type == "tool_search":
        return bool(kind.execution == "client")
    return not isinstance(kind.environment, dict) or kind.environment.get("type") == "local"


def _parse_typed(tool: _Typed) -> Tool:
    typed = TYPED[tool.type]
    schema = jsonio.raw(tool.parameters) if present(tool.parameters) else typed.schema
    return Tool(typed.name, description=tool.description or typed.description, schema=schema)


def _parse_offered(tool: _Function | _Custom, path: str) -> Tool:
    deferred = tool.defer_loading is True
    if isinstance(tool, _Custom):
        grammar = _parse_grammar(tool.format, f"{path}.format")
        return Tool(tool.name, "custom", tool.description, grammar=grammar, deferred=deferred)
    offered = Tool(tool.name, "function", tool.description, strict=tool.strict, deferred=deferred)
    if not present(tool.parameters):
        return offered
    return replace(offered, schema=jsonio.raw(tool.parameters))


def _parse_grammar(form: Format | None, path: str) -> tuple[str, str] | None:
    if form is None or form.type == "text":
        return None
    if form.type != "grammar" or form.syntax is None or form.definition is None:
        raise Malformed(path, "expected text, or grammar with syntax and definition")
    return form.syntax, form.definition


def parse_choice(raw: Raw, parallel: bool | None, losses: Losses) -> ToolChoice | None:
    """The hub's tool choice, of `tool_choice` in any form and `parallel_tool_calls`. Raises
    fields.Malformed."""
    if not present(raw):
        return None if parallel is None else ToolChoice(parallel=parallel)
    if bytes(raw) in _PLAIN_CHOICES:
        return ToolChoice(_PLAIN_CHOICES[bytes(raw)], parallel=parallel)
    choice = _choice.read(raw, losses, "tool_choice")
    if choice.type != "allowed_tools":
        name = _choice_name(choice, "tool_choice")
        return ToolChoice("tool", name, parallel=parallel)
    if choice.mode is None or not choice.tools:
        raise Malformed("tool_choice", "allowed_tools has a mode and tools")
    mode: Literal["any", "auto"] = "any" if choice.mode == "required" else "auto"
    names = (_choice_name(t, f"tool_choice.tools[{i}]") for i, t in enumerate(choice.tools))
    return ToolChoice(mode, allowed=tuple(names), parallel=parallel)


_PLAIN_CHOICES: Final[Mapping[bytes, Literal["auto", "none", "any"]]] = {
    b'"auto"': "auto",
    b'"none"': "none",
    b'"required"': "any",
}


def _choice_name(tool: _Choice | _Allowed, path: str) -> str:
    """The name of a chosen tool; of a hosted or typed one, its type. Raises fields.Malformed."""
    if tool.type not in ("function", "custom"):
        return tool.type
    if tool.name is None:
        raise Malformed(f"{path}.name", "field required")
    return tool.name


# --- what the upstream is offered --------------------------------------------------------------


@remembered
def rendered(tools: tuple[Tool, ...]) -> Raw | None:
    """The member `tools`, None without any."""
    return Raw(jsonio.dumps(render(tools))) if tools else None


def render(tools: Iterable[Tool]) -> list[Any]:
    """The `tools` member; tools of one namespace are together, in the place of the first."""
    out: list[Any] = []
    namespaces: dict[str, list[dict[str, Any]]] = {}
    for tool in tools:
        if tool.search is not None and tool.native_dialect != Dialect.RESPONSES:
            out.append(_write_search(tool.search))
            continue
        if tool.kind == "hosted" and tool.native is not None:
            out.append(Raw(tool.native.encode()))
            continue
        wire = _render_offered(tool)
        if tool.namespace is None:
            out.append(wire)
        elif tool.namespace in namespaces:
            namespaces[tool.namespace].append(wire)
        else:
            inner = namespaces[tool.namespace] = [wire]
            about = tool.namespace_description or ""
            head = {"type": "namespace", "name": tool.namespace, "description": about}
            out.append({**head, "tools": inner})
    return out


def _render_offered(tool: Tool) -> dict[str, Any]:
    wire: dict[str, Any] = {"type": tool.kind, "name": tool.name}
    if tool.description is not None:
        wire["description"] = tool.description
    if tool.kind == "custom":
        if tool.grammar is not None:
            syntax, definition = tool.grammar
            wire["format"] = {"type": "grammar", "syntax": syntax, "definition": definition}
    else:
        wire["parameters"] = Raw(tool.schema.encode())
        # Never left out: the API's default is strict mode, in which most schemas that were not
        # written for it are a 400.
        wire["strict"] = bool(tool.strict)
    if tool.deferred:
        wire["defer_loading"] = True
    return wire


def render_choice(choice: ToolChoice, tools: Mapping[str, Tool]) -> Any:
    """The `tool_choice` member for an upstream that gets `tools`."""
    if choice.allowed is not None:
        mode = "required" if choice.mode == "any" else "auto"
        allowed = [_named(name, tools) for name in choice.allowed]
        return {"type": "allowed_tools", "mode": mode, "tools": allowed}
    if choice.mode == "tool":
        return _named(choice.name or "", tools)
    return "required" if choice.mode == "any" else choice.mode


def _named(name: str, tools: Mapping[str, Tool]) -> dict[str, str]:
    tool = tools.get(name)
    if tool is not None and tool.kind == "hosted":
        return {"type": name}
    return {"type": "custom" if tool is not None and tool.kind == "custom" else "function"} | {
        "name": name
    }

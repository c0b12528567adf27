"""Passes for the list of tools and the tool choice.

Order is kept, and what is left out depends on the conversation's past alone, so that a session
always has the same list: tools are the beginning of a model's prompt, and a changed list is a lost
cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import structs

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import (
    WEB_SEARCH,
    Block,
    Call,
    OutputFormat,
    Request,
    Result,
    Text,
    Tool,
    ToolReference,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.schema import EMPTY, normalise, parameters, wrap_arguments
from gwproxy.translate.quirks import Quirks, known_to_refuse
from gwproxy.translate.wire.fields import Malformed, Unsupported

# A deferred tool by which Claude Code keeps its tool search switched on ("Reserved placeholder"); a
# model must not call it.
_PLACEHOLDER: Final = "DeferredToolPlaceholder"
# Moonshot's own tools, `$web_search`: declared without a schema and run by the upstream.
_BUILTIN_MARK: Final = "$"


def drop_repeated(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Drops repeated tools: two MCP servers may have one of the same name, and "tools: Tool names
    must be unique." is a 400."""
    kept: dict[tuple[str | None, str], Tool] = {}
    for tool in request.tools:
        place = tool.namespace, tool.name
        if place in kept:
            losses.drop(f"tools.{tool.name[:40]}")
        kept.setdefault(place, tool)
    if len(kept) == len(request.tools):
        return request
    return structs.replace(request, tools=tuple(kept.values()))


def drop_hosted(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Drops hosted tools that the upstream cannot run, so that an agent still works; one that is
    forced, or the only tool, is refused by name. Raises Unsupported."""
    request = _searching(request, facts, losses)
    lost = [tool for tool in request.tools if _is_lost(tool, facts, quirks)]
    if not lost:
        return request
    choice = request.tool_choice
    forced = choice.name if choice is not None and choice.mode == "tool" else None
    for tool in lost:
        if len(lost) == len(request.tools) or tool.name == forced:
            why = f'server tool "{tool.name}" is not available on this upstream'
            own = tool.native_dialect == facts.name or _is_searched(tool, facts)
            quirk = "hosted_tools=true" if own else ""
            raise Unsupported("tools", why, quirk)
        losses.drop(f"tools.{tool.name}")
    kept = tuple(tool for tool in request.tools if tool not in lost)
    return structs.replace(request, tools=kept)


def _is_lost(tool: Tool, facts: DialectFacts, quirks: Quirks) -> bool:
    if tool.kind != "hosted":
        return False
    if not (tool.native_dialect == facts.name or _is_searched(tool, facts)):
        return True
    return known_to_refuse(quirks.hosted_tools) and not tool.name.startswith(_BUILTIN_MARK)


def _is_searched(tool: Tool, facts: DialectFacts) -> bool:
    """Whether the upstream's own web search can replace `tool`. A search of cached pages only is a
    promise that not every dialect can give."""
    return facts.searches and tool.search is not None and not tool.search.cached


def _searching(request: Request, facts: DialectFacts, losses: Losses) -> Request:
    """The request with web searches of other dialects under their common name."""
    foreign = [
        tool
        for tool in request.tools
        if tool.native_dialect != facts.name and _is_searched(tool, facts)
    ]
    if not foreign:
        return request
    for tool in foreign:
        for member in tool.search.unsaid if tool.search is not None else ():
            losses.drop(f"tools.{WEB_SEARCH}.{member}")
    tools = tuple(
        structs.replace(tool, name=WEB_SEARCH) if tool in foreign else tool
        for tool in request.tools
    )
    choice = request.tool_choice
    if choice is not None and choice.name in {tool.name for tool in foreign}:
        choice = structs.replace(choice, name=WEB_SEARCH)
    return structs.replace(request, tools=tools, tool_choice=choice)


def narrow_tools(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Drops tools that may not be called (`ToolChoice.allowed`), where the choice cannot say so."""
    choice = request.tool_choice
    if choice is None or choice.allowed is None or facts.allowed_tools:
        return request
    losses.emulate("tool_choice.allowed_tools")
    tools = tuple(tool for tool in request.tools if tool.name in choice.allowed)
    return structs.replace(request, tools=tools, tool_choice=structs.replace(choice, allowed=None))


def show_deferred(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Declares deferred tools at once, for an upstream that cannot load them later.

    Claude Code lists a deferred tool only once its search has found it, so its list grows by what
    the model asked for; a client that lists all of them at once gets one list for the whole
    session, which a cache can keep. The placeholder is always dropped.
    """
    if quirks.allow(facts.deferred) or not any(tool.deferred for tool in request.tools):
        return request
    shown = []
    for tool in request.tools:
        if not tool.deferred:
            shown.append(tool)
        elif tool.name == _PLACEHOLDER:
            losses.drop(f"tools.{_PLACEHOLDER}")
        else:
            losses.emulate("tools.defer_loading")
            shown.append(structs.replace(tool, deferred=False))
    return structs.replace(request, tools=tuple(shown))


def name_references(
    request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses
) -> Request:
    """Turns tool references into text: "unsupported content type in ContentBlockParamUnion:
    tool_reference" (MoonshotAI/Kimi-K2#118). The tools themselves are declared by now."""
    if quirks.tool_references or not any(
        type(inner) is ToolReference
        for turn in request.turns
        for block in turn.blocks
        if type(block) is Result
        for inner in block.blocks
    ):
        return request
    losses.emulate("tool_reference")
    return structs.replace(request, turns=tuple(map(_worded, request.turns)))


def found_words(names: Sequence[str]) -> str:
    """The text for the tools that a tool search found."""
    return f"Found, and ready to be called: {', '.join(names)}."


def _worded(turn: Turn) -> Turn:
    blocks = tuple(_without_references(block) for block in turn.blocks)
    if all(new is old for new, old in zip(blocks, turn.blocks, strict=True)):
        return turn
    return structs.replace(turn, blocks=blocks)


def _without_references(block: Block) -> Block:
    if type(block) is not Result:
        return block
    names = [inner.name for inner in block.blocks if type(inner) is ToolReference]
    if not names:
        return block
    text = Text(found_words(names))
    others = tuple(inner for inner in block.blocks if type(inner) is not ToolReference)
    return structs.replace(block, blocks=(*others, text))


def limit_tools(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Drops tools beyond the upstream's limit; kept are those that the conversation uses, then
    those that are not deferred, then the first ones."""
    most = quirks.max_tools
    if not most or len(request.tools) <= most:
        return request
    used = _used(request)
    ranked = sorted(
        range(len(request.tools)),
        key=lambda index: (
            request.tools[index].name not in used,
            request.tools[index].deferred,
            index,
        ),
    )
    kept = set(ranked[:most])
    for index, tool in enumerate(request.tools):
        if index not in kept:
            losses.drop(f"tools.{tool.name}")
    tools = tuple(tool for index, tool in enumerate(request.tools) if index in kept)
    return structs.replace(request, tools=tools)


def _used(request: Request) -> set[str]:
    """The names of tools that were called or found, and of the one that is to be called."""
    names = set()
    for turn in request.turns:
        for block in turn.blocks:
            if type(block) is Call:
                names.add(block.name)
            elif type(block) is Result:
                names.update(b.name for b in block.blocks if type(b) is ToolReference)
    if request.tool_choice is not None and request.tool_choice.name is not None:
        names.add(request.tool_choice.name)
    if request.answer_tool is not None:
        names.add(request.answer_tool)
    return names


def settle_choice(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Drops a choice without tools, a 400 at most hosts. Raises Malformed for a choice of a tool
    that is not there."""
    choice = request.tool_choice
    if choice is None:
        return request
    if request.tools:
        if choice.mode == "tool" and all(tool.name != choice.name for tool in request.tools):
            raise Malformed("tool_choice", f"`{choice.name}` is not one of the tools")
        return request
    if choice.mode in ("any", "tool"):
        losses.drop("tool_choice")
    return structs.replace(request, tool_choice=None)


def fit_schemas(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Rewrites tool schemas, and the schema of the answer, into Moonshot's JSON Schema dialect.

    Arguments in the history of a tool whose schema had to be wrapped are wrapped too; those of the
    answer are unwrapped again (`wrapped_tools`).
    """
    if quirks.schema == "open":
        return request
    tools = []
    wrappers: dict[str, str] = {}
    for tool in request.tools:
        tool, wrapped = fit_schema(tool, quirks, losses)
        if wrapped is not None:
            wrappers[tool.name] = wrapped
        tools.append(tool)
    if any(new is not old for new, old in zip(tools, request.tools, strict=True)):
        request = structs.replace(request, tools=tuple(tools))
    if wrappers:
        turns = tuple(_with_wrapped_calls(turn, wrappers) for turn in request.turns)
        request = structs.replace(request, turns=turns)
    return _with_answer_schema(request, quirks, losses)


def fit_schema(tool: Tool, quirks: Quirks, losses: Losses) -> tuple[Tool, str | None]:
    """`tool` with the schema that the host takes, and the property that its arguments are wrapped
    in, or None."""
    if quirks.schema == "open" or tool.kind != "function" or tool.name.startswith(_BUILTIN_MARK):
        return tool, None
    if quirks.schema == "words":
        return _described(tool, losses), None
    fitted = parameters(tool.schema, plain=quirks.schema == "moonshot_plain")
    if fitted.schema != tool.schema:
        losses.emulate(f"tools.{tool.name[:40]}.schema")
        tool = structs.replace(tool, schema=fitted.schema)
    return tool, fitted.wrapped


def _described(tool: Tool, losses: Losses) -> Tool:
    """The tool with its schema in its description: the last resort for a host that refuses even the
    plainest schema, without naming the tool."""
    if tool.schema == EMPTY:
        return tool
    losses.emulate(f"tools.{tool.name[:40]}.schema")
    words = f"Arguments, as JSON Schema:\n{tool.schema}"
    description = f"{tool.description}\n\n{words}" if tool.description else words
    return structs.replace(tool, schema=EMPTY, description=description)


def _with_wrapped_calls(turn: Turn, wrappers: dict[str, str]) -> Turn:
    if not any(type(block) is Call and block.name in wrappers for block in turn.blocks):
        return turn
    blocks = tuple(
        structs.replace(block, arguments=wrap_arguments(block.arguments, wrappers[block.name]))
        if isinstance(block, Call) and block.name in wrappers
        else block
        for block in turn.blocks
    )
    return structs.replace(turn, blocks=blocks)


def _with_answer_schema(request: Request, quirks: Quirks, losses: Losses) -> Request:
    wanted: OutputFormat | None = request.output_format
    if wanted is None or wanted.schema is None:
        return request
    fitted = fit_answer_schema(wanted.schema, quirks, losses)
    if fitted == wanted.schema:
        return request
    return structs.replace(request, output_format=structs.replace(wanted, schema=fitted))


def fit_answer_schema(schema: str, quirks: Quirks, losses: Losses) -> str:
    """The schema of an answer in the form that the host takes."""
    if quirks.schema in ("open", "words") or quirks.json_schema != "native":
        return schema
    fitted = normalise(schema, plain=quirks.schema == "moonshot_plain")
    if fitted != schema:
        losses.emulate("response_format.schema")
    return fitted


def wrapped_tools(request: Request, quirks: Quirks) -> dict[str, str]:
    """The property that the arguments are wrapped in, by the name of the tool; nearly always empty,
    as only a schema of no object is wrapped. To be asked before the passes run."""
    if quirks.schema == "open":
        return {}
    fitted = ((tool.name, fit_schema(tool, quirks, Losses())[1]) for tool in request.tools)
    return {name: wrapped for name, wrapped in fitted if wrapped is not None}

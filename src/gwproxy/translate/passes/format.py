"""The pass for structured output at an upstream that has no member for it.

A schema becomes the parameters of a tool, whose arguments the client gets as the text of the answer
(`Request.answer_tool`), or an instruction at the end of the system prompt, where it stays the same
in every turn, so that prompt caches hold. An answer to an instruction is then reduced to its JSON
(`Request.prompted_format`, `stages.fitted`).
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import structs

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import OutputFormat, Request, Text, Tool, ToolChoice, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio

ANSWER_TOOL: Final = "respond_json"
_ABOUT: Final = "Give your final answer by calling this tool."
_ALONE: Final = "Answer with one JSON {} and nothing else, without code fences."
_FITTING: Final = " It must match this JSON Schema:\n"


def fit_format(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Asks for the wanted format by a tool or an instruction. It comes before the passes about
    tools. A tool's parameters are an object, so any other schema becomes an instruction."""
    wanted = request.output_format
    if wanted is None:
        return request
    schema = wanted.schema
    if quirks.json_schema == "native" and (schema or facts.plain_json):
        return request
    losses.emulate("response_format")
    request = structs.replace(request, output_format=None)
    is_object = schema is None or _is_of_object(schema)
    if schema is not None and quirks.json_schema == "tool" and is_object:
        return _by_tool(request, wanted, schema)
    return _instructed(structs.replace(request, prompted_format=wanted), instruction_for(wanted))


def instruction_for(wanted: OutputFormat) -> str:
    """The format as an instruction to the model."""
    schema = wanted.schema
    if schema is None:
        return _ALONE.format("object")
    words = _ALONE.format("object" if _is_of_object(schema) else "value")
    return words + _FITTING + msgspec.json.format(schema, indent=-1)


def _is_of_object(schema: str) -> bool:
    root = jsonio.loads(schema)
    return isinstance(root, dict) and root.get("type") == "object"


def _by_tool(request: Request, wanted: OutputFormat, schema: str) -> Request:
    """The request with a tool for the answer, which is forced where the client's tools need not be
    called; one that the client forces by name stays forced."""
    known = {tool.name for tool in request.tools}
    name, number = ANSWER_TOOL, 2
    while name in known:
        name, number = f"{ANSWER_TOOL}_{number}", number + 1
    tool = Tool(name, description=wanted.description or _ABOUT, schema=schema)
    choice = request.tool_choice or ToolChoice()
    if not request.tools or choice.mode == "none":
        choice = structs.replace(choice, mode="tool", name=name, allowed=None)
    elif choice.mode != "tool":
        allowed = None if choice.allowed is None else (*choice.allowed, name)
        choice = structs.replace(choice, mode="any", allowed=allowed)
    tools = (*request.tools, tool)
    return structs.replace(request, tools=tools, tool_choice=choice, answer_tool=name)


def _instructed(request: Request, words: str) -> Request:
    """The request with a system turn of `words` behind its leading ones."""
    turns = request.turns
    count = next((n for n, turn in enumerate(turns) if turn.role != "system"), len(turns))
    line = Turn("system", (Text(words),))
    return structs.replace(request, turns=(*turns[:count], line, *turns[count:]))

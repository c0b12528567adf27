"""Choosing among the tools that a client really offers, and filling in their arguments.

Every client names its tools and their parameters differently (`Write`/`file_path`,
`write`/`filePath`, `exec`/`cmd`); a provider that wants to drive any of them has to look. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gwproxy.simulator.conversation import PlayedCall, PlayedTool
from gwproxy.simulator.wire import Json, compact

# Names of Claude Code, OpenCode, OpenClaw and Codex, without case and punctuation.
WRITING_TOOLS = ("write", "writefile", "createfile", "filewrite")
READING_TOOLS = ("read", "readfile", "fileread", "view")
SHELL_TOOLS = ("bash", "shellcommand", "execcommand", "shell", "exec", "runcommand", "localshell")
PATH_PARAMETERS = ("filepath", "path", "file", "filename")
TEXT_PARAMETERS = ("content", "text", "contents")
COMMAND_PARAMETERS = ("command", "cmd", "script")

# A schema that refers to itself would be followed without end; MFJS allows a depth of 30 too.
MAX_DEPTH = 30


def plain(name: str) -> str:
    """A name without case and punctuation."""
    return "".join(character for character in name.lower() if character.isalnum())


def find(tools: Iterable[PlayedTool], names: Sequence[str]) -> PlayedTool | None:
    """The first of `names` that is among the tools."""
    by_name = {plain(tool.name): tool for tool in tools}
    return next((by_name[name] for name in names if name in by_name), None)


def parameter(tool: PlayedTool, names: Sequence[str]) -> str | None:
    """The tool's own spelling of the first of `names` that it takes."""
    own = {plain(name): name for name in properties(tool.schema)}
    return next((own[name] for name in names if name in own), None)


def properties(schema: Json) -> Json:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def filled(tool: PlayedTool, **arguments: object) -> PlayedCall:
    """A call of `tool` with these arguments and some value for everything else it requires."""
    if tool.freeform:
        text = next((str(value) for value in arguments.values()), "")
        return PlayedCall(tool.name, text, freeform=True, namespace=tool.namespace)
    missing = {
        name: instance(_member(properties(tool.schema), name), name, tool.schema)
        for name in _required(tool.schema)
        if name not in arguments
    }
    return PlayedCall(tool.name, compact(arguments | missing), namespace=tool.namespace)


def shell_call(tool: PlayedTool, parameter: str, command: str) -> PlayedCall:
    """A call of a shell tool, whose `parameter` takes a command line or a list of words."""
    listed = properties(tool.schema)[parameter].get("type") == "array"
    return filled(tool, **{parameter: ["bash", "-lc", command] if listed else command})


def instance(schema: Json, name: str = "value", root: Json | None = None, depth: int = 0) -> Any:
    """A small value that satisfies `schema`; strings say which property they stand for."""
    root = schema if root is None else root
    if depth > MAX_DEPTH:
        return None
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if "$ref" in schema:
        return instance(_referenced(schema["$ref"], root), name, root, depth + 1)
    for keyword in ("anyOf", "oneOf", "allOf"):
        if schema.get(keyword):
            return instance(schema[keyword][0], name, root, depth + 1)
    return _by_type(schema, name, root, depth)


def _by_type(schema: Json, name: str, root: Json, depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0]
    match kind:
        case "array":
            wanted = schema.get("minItems", 0)
            items = _member(schema, "items")
            return [instance(items, name, root, depth + 1) for _ in range(wanted)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case "null":
            return None
        case "string":
            return f"demo {name}"
    if kind == "object" or "properties" in schema:
        return {
            wanted: instance(_member(properties(schema), wanted), wanted, root, depth + 1)
            for wanted in _required(schema)
        }
    return f"demo {name}"


def _required(schema: Json) -> list[str]:
    found = schema.get("required")
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _member(schema: Json, name: str) -> Json:
    found = schema.get(name)
    return found if isinstance(found, dict) else {}


def _referenced(reference: object, root: Json) -> Json:
    found: object = root
    for step in str(reference).removeprefix("#/").split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}

"""Rewrites every `$ref` to `#` or `#/$defs/NAME`, and moves every definition to the root.

Draft 7 `definitions`, definitions inside subschemas, targets in the middle of a schema, anchors and
identifiers all go there. A reference whose target is not found (another document) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import unquote

from gwproxy.translate.passes.schema.vocabulary import (
    DEFINITIONS,
    LISTS_OF_SCHEMAS,
    MAPS_OF_SCHEMAS,
    SINGLE_SCHEMAS,
    Schema,
)

PREFIX: Final = "#/$defs/"
_ILLEGAL_IN_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+")


def gather(root: Schema, *, keep_paths: bool) -> tuple[Schema, dict[str, Any]]:
    """The root without its definitions, and these by name, both with their references rewritten.

    `keep_paths`: a reference such as `#/$defs/A/properties/b` stays; otherwise its target gets a
    definition of its own, because rewriting `A` may move it.
    """
    return _Gatherer(root, keep_paths).gathered()


class _Gatherer:
    def __init__(self, root: Schema, keep_paths: bool) -> None:
        self._root = root
        self._keep_paths = keep_paths
        self._anchors = dict(_anchors(root, ()))
        said = root.get("$defs")
        self._own = said if isinstance(said, dict) else {}
        self._names: dict[tuple[str, ...], str] = {}
        self._taken = {name for name in self._own if is_name(name)}
        self._waiting: list[tuple[str, Any]] = []

    def gathered(self) -> tuple[Schema, dict[str, Any]]:
        root = self._localised(self._root)
        definitions = {
            name: self._localised(self._own[name])
            for name in self._own
            if is_name(name) and isinstance(self._own[name], dict | bool)
        }
        while self._waiting:
            name, target = self._waiting.pop()
            definitions[name] = self._localised(target)
        return root, definitions

    def _localised(self, node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        bare = {key: value for key, value in node.items() if key not in DEFINITIONS}
        out = changed(bare, self._localised)
        if "$ref" in out:
            reference = self._reference(out["$ref"])
            if reference is None:
                del out["$ref"]
            else:
                out["$ref"] = reference
        return out

    def _reference(self, reference: Any) -> str | None:
        if not isinstance(reference, str):
            return None
        path = self._path(reference)
        if path is None:
            return None
        if path == ():
            return "#"
        found, target = _walk(self._root, path)
        if not found or not isinstance(target, dict | bool):
            return None
        if path[0] == "$defs" and len(path) == 2 and is_name(path[1]):
            return PREFIX + path[1]
        literal = reference == "#/" + "/".join(path) and path[0] == "$defs" and is_name(path[1])
        if literal and self._keep_paths and isinstance(target, dict):
            return reference
        return PREFIX + self._name(path, target)

    def _path(self, reference: str) -> tuple[str, ...] | None:
        if reference in ("#", "", self._root.get("$id")):
            return ()
        if reference.startswith("#/"):
            tokens = unquote(reference[2:]).split("/")
            return tuple(token.replace("~1", "/").replace("~0", "~") for token in tokens)
        return self._anchors.get(reference) or self._anchors.get(reference.removeprefix("#"))

    def _name(self, path: tuple[str, ...], target: Any) -> str:
        name = self._names.get(path)
        if name is None:
            stem = _ILLEGAL_IN_NAME.sub("_", path[-1]) or "schema"
            name, number = stem, 2
            while name in self._taken:
                name, number = f"{stem}_{number}", number + 1
            self._names[path] = name
            self._taken.add(name)
            self._waiting.append((name, target))
        return name


def is_name(name: str) -> bool:
    """Whether a definition may have this name: the validator splits references at each `/`."""
    return bool(name) and "/" not in name and not is_mistaken(name)


def is_mistaken(name: str) -> bool:
    """Whether the validator takes a name for its own notation of a branch, `anyOf{0}`, and then
    does not find what is below it ("invalid path")."""
    return "{" in name and "}" in name


def _anchors(node: Any, path: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    if isinstance(node, dict):
        for key in ("$anchor", "$id", "id"):
            if path and isinstance(node.get(key), str):
                yield node[key], path
        for key, value in node.items():
            yield from _anchors(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _anchors(value, (*path, str(index)))


def _walk(node: Any, path: tuple[str, ...]) -> tuple[bool, Any]:
    for token in path:
        if isinstance(node, dict) and token in node:
            node = node[token]
        elif isinstance(node, list) and token.isdigit() and int(token) < len(node):
            node = node[int(token)]
        else:
            return False, None
    return True, node


def resolve(reference: str, root: Schema, definitions: dict[str, Any]) -> Any:
    """The target of a rewritten reference; None where there is none."""
    if reference == "#":
        return root
    found, target = _walk(definitions, tuple(reference.removeprefix(PREFIX).split("/")))
    return target if found else None


def references_in(node: Any) -> Iterator[str]:
    """Every rewritten reference inside a schema."""
    for inner in subschemas(node):
        if isinstance(inner.get("$ref"), str):
            yield inner["$ref"]


def subschemas(node: Any) -> Iterator[Schema]:
    """A schema and all schemas inside it, outermost first."""
    if not isinstance(node, dict):
        return
    yield node
    for child in children(node):
        yield from subschemas(child)


def children(node: Schema) -> Iterator[Any]:
    """The schemas directly inside a schema."""
    for key, value in node.items():
        if key in MAPS_OF_SCHEMAS and isinstance(value, dict):
            yield from value.values()
        elif key in LISTS_OF_SCHEMAS and isinstance(value, list):
            yield from value
        elif key in SINGLE_SCHEMAS:
            yield from value if isinstance(value, list) else (value,)
        elif key in DEFINITIONS and isinstance(value, dict):
            yield from value.values()


def changed(node: Schema, change: Callable[[Any], Any]) -> Schema:
    """A schema with `change` applied to each schema directly inside it."""
    out: Schema = {}
    for key, value in node.items():
        if (key in MAPS_OF_SCHEMAS or key in DEFINITIONS) and isinstance(value, dict):
            out[key] = {name: change(inner) for name, inner in value.items()}
        elif key in LISTS_OF_SCHEMAS and isinstance(value, list):
            out[key] = [change(inner) for inner in value]
        elif key in SINGLE_SCHEMAS:
            listed = isinstance(value, list)
            out[key] = [change(inner) for inner in value] if listed else change(value)
        else:
            out[key] = value
    return out


def mapped(node: Any, references: dict[str, str]) -> Any:
    """A schema with its references replaced by those in the table."""
    if not isinstance(node, dict):
        return node
    out = changed(node, lambda inner: mapped(inner, references))
    reference = out.get("$ref")
    if isinstance(reference, str) and reference in references:
        out["$ref"] = references[reference]
    return out


def reachable(root: Schema, definitions: dict[str, Any]) -> set[str]:
    """Names of the definitions that the root uses, directly or through others."""
    seen: set[str] = set()
    waiting = [root]
    while waiting:
        for reference in references_in(waiting.pop()):
            name = reference.removeprefix(PREFIX).partition("/")[0]
            if reference != "#" and name not in seen and name in definitions:
                seen.add(name)
                waiting.append(definitions[name])
    return seen


def is_circular(reference: str, root: Schema, definitions: dict[str, Any]) -> bool:
    """Whether following `reference` can lead back to it."""
    seen: set[str] = set()
    waiting = [reference]
    while waiting:
        for inner in references_in(resolve(waiting.pop(), root, definitions)):
            if inner == reference:
                return True
            if inner not in seen:
                seen.add(inner)
                waiting.append(inner)
    return False

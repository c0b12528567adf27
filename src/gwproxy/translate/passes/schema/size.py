"""Simplifies a schema that is beyond the limits of depth, properties or bytes.

Annotations go first, the deepest structure next: an object without its properties still accepts
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from gwproxy.translate.passes.schema.references import (
    PREFIX,
    changed,
    is_circular,
    reachable,
    resolve,
)
from gwproxy.translate.passes.schema.vocabulary import (
    ANYTHING,
    SUPPORTED,
    Schema,
    SchemaLimits,
    types_of,
)
from gwproxy.translate.wire import jsonio

# Descriptions are cut to these lengths, one after the other, until the schema fits.
_DESCRIPTION_LENGTHS: Final = (400, 100, 0)
# Structure is cut at these depths, one after the other.
_DEPTHS: Final = (20, 12, 8, 6, 4, 3, 2, 1, 0)
# Schemas visited while depth is counted. Real tools need some hundreds; definitions that refer to
# one another have too many ways through them to follow.
_MOST_STEPS: Final = 20_000
_TOO_DEEP: Final = 1_000_000
# The vendor counts bytes as Go writes JSON, which spends six on each of these.
_ESCAPED_BY_GO: Final = b"<>&"
_WORDS: Final = frozenset({"description", "title", "default"})


def fitted(root: Schema, definitions: dict[str, Any], limits: SchemaLimits) -> Schema:
    """The whole schema, definitions included, simplified as far as the limits demand."""
    whole = assembled(root, definitions)
    if _fits(whole, limits):
        return whole
    if _structure_fits(whole, limits):
        for length in _DESCRIPTION_LENGTHS:
            whole = cast(Schema, _terse(whole, length))
            if _fits(whole, limits):
                return whole
    for depth in _DEPTHS:
        if depth >= limits.depth:
            continue
        definitions = whole.get("$defs") or {}
        bare = {key: value for key, value in whole.items() if key != "$defs"}
        pruned = _Pruner(bare, definitions, depth)
        whole = assembled(
            pruned.schema(bare, 0),
            {name: pruned.schema(schema, 0) for name, schema in definitions.items()},
        )
        whole = _without_unused(whole)
        if _fits(whole, limits):
            return whole
    return {"type": "object"} if "object" in types_of(root) else {}


def assembled(root: Schema, definitions: dict[str, Any]) -> Schema:
    """The root with its definitions under `$defs`."""
    if not definitions:
        return {key: value for key, value in root.items() if key != "$defs"}
    return {**root, "$defs": definitions}


def _without_unused(whole: Schema) -> Schema:
    definitions = whole.get("$defs") or {}
    root = {key: value for key, value in whole.items() if key != "$defs"}
    used = reachable(root, definitions)
    return assembled(root, {name: schema for name, schema in definitions.items() if name in used})


def _fits(whole: Schema, limits: SchemaLimits) -> bool:
    text = jsonio.dumps(whole)
    escaped = 5 * sum(text.count(byte) for byte in _ESCAPED_BY_GO)
    return len(text) + escaped <= limits.bytes and _structure_fits(whole, limits)


def _structure_fits(whole: Schema, limits: SchemaLimits) -> bool:
    definitions = whole.get("$defs") or {}
    properties = sum(map(_properties, (whole, *definitions.values())))
    return properties <= limits.properties and _depth(whole) <= limits.depth


def _properties(node: Any) -> int:
    return sum(step + _properties(inner) for inner, step in _nested(node))


def _depth(whole: Schema) -> int:
    definitions = whole.get("$defs") or {}
    depths = _Depths(whole, definitions)
    return max(map(depths.of, (whole, *definitions.values())))


class _Depths:
    """Counts how deep objects are nested; a reference counts as deep as its target, once on each
    way.

    Definitions that refer to each other are followed on every way, as the validator does; beyond
    `_MOST_STEPS` they count as too deep.
    """

    def __init__(self, root: Schema, definitions: dict[str, Any]) -> None:
        self._root = root
        self._definitions = definitions
        self._known: dict[str, int] = {}
        self._steps = 0

    def of(self, node: Any, within: frozenset[str] = frozenset()) -> int:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            return _TOO_DEEP
        deepest = 0
        for inner, step in _nested(node):
            deepest = max(deepest, step + self.of(inner, within))
        reference = node.get("$ref") if isinstance(node, dict) else None
        if isinstance(reference, str) and reference.startswith(PREFIX) and reference not in within:
            deepest = max(deepest, self._behind(reference, within))
        return deepest

    def _behind(self, reference: str, within: frozenset[str]) -> int:
        known = self._known.get(reference)
        if known is None:
            target = resolve(reference, self._root, self._definitions)
            known = self.of(target, within | {reference})
            if not is_circular(reference, self._root, self._definitions):
                self._known[reference] = known
        return known


def _nested(node: Any) -> Iterator[tuple[Any, int]]:
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key == "properties" and isinstance(value, dict):
            yield from ((inner, 1) for inner in value.values())
        elif key == "anyOf" and isinstance(value, list):
            yield from ((inner, 0) for inner in value)
        elif key in ("items", "additionalProperties"):
            yield value, 0


def _terse(node: Any, length: int) -> Any:
    """A schema without keywords that restrict nothing, descriptions cut to `length` characters."""
    if not isinstance(node, dict):
        return node
    out = {key: value for key, value in node.items() if key in SUPPORTED and key not in _WORDS}
    said = node.get("description")
    if length and isinstance(said, str):
        out["description"] = said[:length]
    return changed(out, lambda inner: _terse(inner, length))


class _Pruner:
    """Cuts what is nested deeper than `depth` objects."""

    def __init__(self, root: Schema, definitions: dict[str, Any], depth: int) -> None:
        self._root = root
        self._definitions = definitions
        self._depth = depth
        self._depths = _Depths(root, definitions)

    def schema(self, node: Any, level: int) -> Any:
        if not isinstance(node, dict):
            return node
        reference = node.get("$ref")
        if isinstance(reference, str):
            return self._shallow(node) if level + self._depths.of(node) > self._depth else node
        cut = ("properties", "required") if level >= self._depth else ()
        out = {key: value for key, value in node.items() if key not in cut}
        properties = out.pop("properties", None)
        out = changed(out, lambda inner: self.schema(inner, level))
        if properties is not None:
            out["properties"] = {n: self.schema(p, level + 1) for n, p in properties.items()}
        return out

    def _shallow(self, node: Schema) -> Schema:
        target = resolve(node["$ref"], self._root, self._definitions)
        kinds = types_of(target) if isinstance(target, dict) else ()
        kind = kinds[0] if len(kinds) == 1 else list(kinds or ANYTHING)
        return {"type": kind, **{key: node[key] for key in ("description",) if key in node}}

"""Rewrites one schema, and all schemas inside it, into the dialect.

Every rule changes only what the validator refuses, so that a legal schema stays as it is.
References are rewritten before (`references`), and keywords beside them settled afterwards
(`siblings`).
"""

from __future__ import annotations

from typing import Any, Final

from gwproxy.translate.passes.schema.combine import Inline, combined
from gwproxy.translate.passes.schema.references import is_mistaken
from gwproxy.translate.passes.schema.values import enumerated, kinds_of, ranged, split, typed
from gwproxy.translate.passes.schema.vocabulary import (
    ANNOTATIONS,
    ANYTHING,
    CONSTRAINTS,
    RESERVED_NAMES,
    ROOT_ONLY,
    STRUCTURAL,
    SUPPORTED,
    Schema,
    SchemaLimits,
    has_reference,
    types_of,
    with_note,
)
from gwproxy.translate.wire import jsonio

# The keywords in which references are legal, or become so. In others the validator follows them all
# the same, and refuses them.
_FOLLOWED: Final = (
    STRUCTURAL | ROOT_ONLY | {"allOf", "oneOf", "patternProperties", "prefixItems"}
) - {"enum"}
_MATCHES_ALL: Final = frozenset({"", ".*", ".+", "^.*$", "^.+$", "^(.*)$", "^(.+)$", "^.*", ".*$"})
# Longer remarks than this are of no use to the model.
_LONGEST_NOTE: Final = 200


class Rewriter:
    """Rewrites the schemas of one tool. `inline` gives copies of definitions; `plain` also takes
    out what only the validator's strictest level refuses, and puts it into the description."""

    def __init__(self, inline: Inline, limits: SchemaLimits, *, plain: bool) -> None:
        self._inline = inline
        self._limits = limits
        self._plain = plain

    def rewrite(self, node: Any, *, root: bool = False) -> Schema | None:
        """The schema in the dialect; None for one that accepts nothing."""
        if node is False:
            return None
        if not isinstance(node, dict) or not node:
            return {"type": list(ANYTHING)}
        node = combined(self._tidied(node, root=root), self._inline, plain=self._plain)
        node = self._tidied(node, root=root)  # again, for what came from other schemas
        if "$ref" in node:
            return self._plained(node)
        if "anyOf" in node:
            return self._union(self._plained(node))
        return self._single(self._constant(node), root=root)

    # --- keywords that any schema may have ---------------------------------------------------

    def _tidied(self, node: Schema, *, root: bool) -> Schema:
        out = {}
        for key, value in node.items():
            if key == "description" and not isinstance(value, str):
                continue
            if key == "$id" and not (root and isinstance(value, str)):
                continue
            if key in ("$anchor", "id", "$ref") and not isinstance(value, str):
                continue
            if key in ("$anchor", "id"):
                continue
            if key == "pattern" and not isinstance(value, str | None):
                continue
            if key not in _FOLLOWED and has_reference(value):
                continue
            out[key] = value
        return out

    def _constant(self, node: Schema) -> Schema:
        if "const" not in node or ("type" in node and not self._plain):
            return node
        value = node["const"]
        out = {key: inner for key, inner in node.items() if key not in ("const", "enum")}
        if isinstance(value, dict | list):
            out = with_note(out, f"Always {jsonio.dumps(value).decode()}.")
            return {**out, "type": kinds_of([value])[0]}
        return {**out, "enum": [value]}

    def _plained(self, node: Schema) -> Schema:
        """The schema; if `plain`, without the keywords that only the strictest level refuses."""
        if not self._plain:
            return node
        alone = "anyOf" in node or "$ref" in node
        notes = []
        out = {}
        for key, value in node.items():
            if key in SUPPORTED and not (key == "default" and alone):
                out[key] = value
            elif key not in ("$schema", "$comment"):
                text = jsonio.dumps(value).decode()
                notes += [f"{key}: {text}"] if len(text) <= _LONGEST_NOTE else []
        return with_note(out, "; ".join(notes))

    # --- unions ------------------------------------------------------------------------------

    def _union(self, node: Schema) -> Schema:
        listed = node["anyOf"]
        branches = [b for b in (self.rewrite(branch) for branch in listed) if b is not None]
        if not branches or len(branches) > self._limits.any_of:
            rest = {key: value for key, value in node.items() if key != "anyOf"}
            return self._typed({**rest, "type": _types_in(branches)} if branches else rest)
        out = {**node, "anyOf": branches}
        told: list[str] = []
        for index, branch in enumerate(branches):
            clashing = [key for key in branch if key in out and key != "anyOf"]
            if clashing:
                told += [branch["description"]] if "description" in clashing else []
                branches[index] = {k: v for k, v in branch.items() if k not in clashing}
        for text in told:
            out = with_note(out, text)
        return out

    # --- values of a type --------------------------------------------------------------------

    def _typed(self, node: Schema) -> Schema:
        node = typed(node)
        beside = node.keys() - ANNOTATIONS - {"type"}
        return split(node) if len(types_of(node)) > 1 and beside else node

    def _single(self, node: Schema, *, root: bool) -> Schema | None:
        node = typed(node)
        kinds = types_of(node)
        beside = node.keys() - ANNOTATIONS - {"type"} - (ROOT_ONLY if root else frozenset())
        if len(kinds) > 1 and beside:
            nullable = len(kinds) == 2 and "null" in kinds and beside == {"enum"}
            mended = enumerated(node, self._limits) if nullable else split(node)
            if mended is node:
                return node
            return self.rewrite(mended, root=root)
        if len(kinds) > 1:
            return node
        return self._of_type(kinds[0], node, root=root)

    def _of_type(self, kind: str, node: Schema, *, root: bool) -> Schema | None:
        if "enum" in node:
            mended = enumerated(node, self._limits)
            if mended is not node:
                return self.rewrite(mended, root=root)
        if kind == "object":
            node = self._object(node)
        elif kind == "array":
            node = self._array(node)
        foreign = STRUCTURAL - CONSTRAINTS[kind] - {"type"}
        if not foreign.isdisjoint(node):
            node = {key: value for key, value in node.items() if key not in foreign}
        return self._plained(ranged(node))

    # --- arrays ------------------------------------------------------------------------------

    def _array(self, node: Schema) -> Schema:
        items = node.get("items", ...)
        prefix = node.get("prefixItems")
        if isinstance(items, dict) and items:
            inner = self.rewrite(items)
            node = {**node, "items": inner} if inner is not None else _without(node, "items")
            foreign = ("prefixItems",) if has_reference(prefix) else ()
            return _without(node, "additionalItems", *foreign)
        if items is ... and not (prefix and (self._plain or has_reference(prefix))):
            return _without(node, "additionalItems")
        bare = _without(node, "items", "prefixItems", "additionalItems")
        if isinstance(items, list):
            return self._tuple(bare, items, node.get("additionalItems"))
        return self._tuple(bare, prefix, None if items is ... else items)

    def _tuple(self, node: Schema, leading: Any, rest: Any) -> Schema:
        """A list with a schema for each place, as a list of any of them. `rest` is the schema of
        further items, None where the author gave none."""
        places = leading if isinstance(leading, list) else []
        schemas: list[Schema] = []
        for place in [*places, rest] if isinstance(rest, dict) and rest else places:
            inner = self.rewrite(place)
            if inner is not None and inner not in schemas:
                schemas.append(inner)
        if rest is False:
            node = {"maxItems": len(places), **node}
        if rest is True or rest == {} or not schemas:
            return node
        return {**node, "items": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}

    # --- objects -----------------------------------------------------------------------------

    def _object(self, node: Schema) -> Schema:
        node = self._properties(node)
        if "additionalProperties" in node:
            node = self._additional(node)
        if "patternProperties" in node:
            node = self._patterns(node)
        return _required(node)

    def _properties(self, node: Schema) -> Schema:
        said = node.get("properties", ...)
        if said is ...:
            return node
        if not isinstance(said, dict):
            return _without(node, "properties")
        kept: Schema = {}
        hidden: Schema = {}
        lifted = []
        for name, schema in said.items():
            if isinstance(schema, dict) and schema.get("required") is True:
                # draft 3's way to require a property, still written by hand
                lifted.append(name)
            inner = self.rewrite(schema)
            if inner is not None:
                inner = _bare(inner) if is_mistaken(name) else inner
                (hidden if name in RESERVED_NAMES or not name else kept)[name] = inner
        node = {**node, "properties": kept}
        if lifted:
            before = node.get("required")
            node["required"] = [*(before if isinstance(before, list) else []), *lifted]
        return _hidden(node, hidden)

    def _additional(self, node: Schema) -> Schema:
        said = node["additionalProperties"]
        if isinstance(said, bool) or said == {}:
            return node
        if not isinstance(said, dict):
            return _without(node, "additionalProperties")
        inner = self.rewrite(said)
        return {**node, "additionalProperties": False if inner is None else inner}

    def _patterns(self, node: Schema) -> Schema:
        """The schemas of `patternProperties` as `additionalProperties`.

        The decoder enforces `additionalProperties` alone and so would refuse the very names that
        the patterns allow.
        """
        patterns = node["patternProperties"]
        node = _without(node, "patternProperties")
        if not isinstance(patterns, dict):
            return node
        rewritten = {pattern: self.rewrite(schema) for pattern, schema in patterns.items()}
        schemas: list[Schema] = []
        for schema in rewritten.values():
            if schema is not None and schema not in schemas:
                schemas.append(schema)
        rest = node.get("additionalProperties", True)
        if not schemas or rest == {}:
            return node
        if rest is True and _MATCHES_ALL.isdisjoint(patterns):
            told = ", ".join(pattern for pattern in patterns)
            return with_note(node, f"Further properties have names like {told}.")
        if isinstance(rest, dict) and rest not in schemas:
            schemas.append(rest)
        merged = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        return {**node, "additionalProperties": merged}


def _bare(node: Schema) -> Schema:
    """The types and annotations of a schema alone, where the validator cannot find more."""
    if STRUCTURAL.isdisjoint(node.keys() - {"type"}) or set(node) <= {"type", "description"}:
        return node
    kinds = _types_in([node])
    words = {key: node[key] for key in ANNOTATIONS & node.keys()}
    return {"type": kinds[0] if len(kinds) == 1 else kinds, **words}


def _types_in(nodes: list[Schema]) -> list[str]:
    """The types that values of any of these schemas may have."""
    kinds: dict[str, None] = {}
    for node in nodes:
        inner = _types_in(node["anyOf"]) if "anyOf" in node else types_of(node)
        kinds.update(dict.fromkeys(inner or ANYTHING))
    return list(kinds)


def _without(node: Schema, *keys: str) -> Schema:
    if not any(key in node for key in keys):
        return node
    return {key: value for key, value in node.items() if key not in keys}


def _required(node: Schema) -> Schema:
    said = node.get("required", ...)
    if said is ... or said == []:
        return node
    properties = node.get("properties", {})
    names = said if isinstance(said, list) else []
    kept = list(dict.fromkeys(n for n in names if isinstance(n, str) and n in properties))
    if kept == said:
        return node
    return {**node, "required": kept} if kept else _without(node, "required")


def _hidden(node: Schema, hidden: Schema) -> Schema:
    """The schema with a note on properties with reserved names, which stay allowed."""
    if not hidden:
        return node
    told = [
        f'"{name}" ({" or ".join(_types_in([schema]))})'
        + (f": {schema['description']}" if schema.get("description") else "")
        for name, schema in hidden.items()
    ]
    rest = node.get("additionalProperties")
    if rest is False or isinstance(rest, dict):
        node = {**node, "additionalProperties": True}
    return with_note(node, f"Also takes {'; '.join(told)}.")

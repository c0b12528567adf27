"""Rewrites `allOf`, `oneOf`, and `anyOf` beside other keywords, which the dialect does not have.

The result accepts whatever the original accepts; where exactness is impossible it accepts more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from gwproxy.translate.passes.schema.values import fits, is_equal
from gwproxy.translate.passes.schema.vocabulary import (
    STRUCTURAL,
    Schema,
    has_reference,
    types_of,
    with_note,
)

Inline: TypeAlias = Callable[[str], Schema | None]
"""The definition behind a reference, to be copied; None when it refers to itself."""

# Keywords of a branch that only narrow what the parent describes.
_NARROWING: Final = frozenset(
    {
        "required",
        "not",
        "minProperties",
        "maxProperties",
        "dependentRequired",
        "description",
        "title",
        "$comment",
    }
)
# Copying a parent into very many branches would multiply its size.
_MOST_COPIES: Final = 50
_LOWER_BOUNDS: Final = frozenset(
    {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
)
_UPPER_BOUNDS: Final = frozenset(
    {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
)


def combined(node: Schema, inline: Inline, *, plain: bool) -> Schema:
    """`node` with at most one of `$ref`, `anyOf` and a type of its own.

    `allOf` and `oneOf` beside a type, without references, stay unless `plain`: the validator
    ignores them and the model reads them.
    """
    for key in ("allOf", "oneOf"):
        if key in node and not _may_stay(node, key, plain=plain):
            node = _all_of(node, inline) if key == "allOf" else _one_of(node)
    if "$ref" in node:
        return _reference(node, inline)
    if "anyOf" in node:
        return _any_of(node, inline)
    return node


def _may_stay(node: Schema, key: str, *, plain: bool) -> bool:
    alone = "type" in node and "anyOf" not in node and "$ref" not in node
    return alone and not plain and not has_reference(node[key])


def _all_of(node: Schema, inline: Inline) -> Schema:
    parts = node["allOf"]
    out = {key: value for key, value in node.items() if key != "allOf"}
    for part in parts if isinstance(parts, list) else []:
        if not isinstance(part, dict):
            continue
        if "$ref" in part and STRUCTURAL.isdisjoint(out):
            # pydantic's way to give a reference a description of its own
            out = {**part, **out}
        else:
            out = _conjoined(out, part, inline)
    return _all_of(out, inline) if "allOf" in out else out


def _conjoined(node: Schema, part: Schema, inline: Inline) -> Schema:
    """One schema for both; references are replaced by copies, circular ones left out."""
    sides = []
    for side in (node, part):
        if "$ref" in side:
            target = inline(side["$ref"]) or {}
            side = merged({k: v for k, v in side.items() if k != "$ref"}, target)
        sides.append(side)
    return merged(sides[0], sides[1])


def _one_of(node: Schema) -> Schema:
    out = {key: value for key, value in node.items() if key != "oneOf"}
    if isinstance(node["oneOf"], list) and "anyOf" not in out and "$ref" not in out:
        out["anyOf"] = node["oneOf"]
    return out


def _reference(node: Schema, inline: Inline) -> Schema:
    shaping = (STRUCTURAL & node.keys()) - {"$ref"}
    if not shaping:
        return node
    rest = {key: value for key, value in node.items() if key not in shaping}
    target = inline(node["$ref"]) if shaping - {"type"} else None
    if target is None:
        return rest
    rest.pop("$ref")
    return combined(merged({**rest, **{k: node[k] for k in shaping}}, target), inline, plain=False)


def _any_of(node: Schema, inline: Inline) -> Schema:
    branches = node["anyOf"]
    rest = {key: value for key, value in node.items() if key != "anyOf"}
    if not isinstance(branches, list) or not branches:
        return rest
    shape = {key: value for key, value in rest.items() if key in STRUCTURAL}
    if not shape:
        return node
    if all(isinstance(b, dict) and _NARROWING.issuperset(b) for b in branches):
        return with_note(rest, told_choices(branches))
    if len(branches) > _MOST_COPIES and shape.keys() != {"type"}:
        return rest
    return {
        **{key: value for key, value in rest.items() if key not in shape},
        "anyOf": [_shaped(branch, shape, inline) for branch in branches],
    }


def _shaped(branch: Any, shape: Schema, inline: Inline) -> Any:
    """A branch with its parent's keywords in it."""
    if branch is True or branch == {}:
        return shape
    if not isinstance(branch, dict):
        return branch
    if "$ref" not in branch:
        return merged(shape, branch)
    target = inline(branch["$ref"]) if shape.keys() != {"type"} else None
    return branch if target is None else _conjoined(shape, branch, inline)


def told_choices(branches: list[Schema]) -> str:
    """A note on alternatives that differ only in what they require."""
    choices = [
        ", ".join(str(name) for name in branch["required"])
        for branch in branches
        if isinstance(branch.get("required"), list) and branch["required"]
    ]
    return f"Give at least one of these sets: {'; '.join(choices)}." if choices else ""


def merged(first: Schema, second: Schema) -> Schema:
    """One schema that accepts what both accept, or more."""
    out = dict(first)
    for key, theirs in second.items():
        if key not in out:
            out[key] = theirs
        elif (rule := _rule(key)) is not None:
            out[key] = rule(out[key], theirs)
    return out


def _rule(key: str) -> Callable[[Any, Any], Any] | None:
    if key in _LOWER_BOUNDS:
        return _higher
    if key in _UPPER_BOUNDS:
        return _lower
    return _RULES.get(key)


def _higher(mine: Any, theirs: Any) -> Any:
    return max(mine, theirs) if _numbers(mine, theirs) else mine


def _lower(mine: Any, theirs: Any) -> Any:
    return min(mine, theirs) if _numbers(mine, theirs) else mine


def _numbers(*values: Any) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def _both_properties(mine: Any, theirs: Any) -> Any:
    if not isinstance(mine, dict) or not isinstance(theirs, dict):
        return mine
    out = dict(mine)
    for name, schema in theirs.items():
        out[name] = _both_schemas(out[name], schema) if name in out else schema
    return out


def _both_schemas(mine: Any, theirs: Any) -> Any:
    if not isinstance(mine, dict) or mine == {}:
        return theirs
    if not isinstance(theirs, dict) or "$ref" in mine or "$ref" in theirs:
        return mine
    return merged(mine, theirs)


def _both_required(mine: Any, theirs: Any) -> Any:
    if not isinstance(mine, list) or not isinstance(theirs, list):
        return mine
    return [*mine, *(name for name in theirs if name not in mine)]


def _both_types(mine: Any, theirs: Any) -> Any:
    ours, others = types_of({"type": mine}), types_of({"type": theirs})
    common = [
        kind for kind in others if kind in ours or (kind == "integer" and "number" in ours)
    ] or [kind for kind in ours if kind == "integer" and "number" in others]
    if not common:
        return mine
    return common[0] if len(common) == 1 else common


def _both_enums(mine: Any, theirs: Any) -> Any:
    if not isinstance(mine, list) or not isinstance(theirs, list):
        return mine
    return [value for value in mine if any(is_equal(value, other) for other in theirs)] or mine


def _both_lists(mine: Any, theirs: Any) -> Any:
    return [*mine, *theirs] if isinstance(mine, list) and isinstance(theirs, list) else mine


_RULES: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "properties": _both_properties,
    "required": _both_required,
    "type": _both_types,
    "enum": _both_enums,
    "items": _both_schemas,
    "additionalProperties": _both_schemas,
    "allOf": _both_lists,
}


def united(branches: list[Schema]) -> Schema:
    """One object schema that accepts what any of several object schemas accepts."""
    properties: dict[str, list[Any]] = {}
    for branch in branches:
        for name, schema in _properties(branch).items():
            known = properties.setdefault(name, [])
            if schema not in known:
                known.append(schema)
    required = [
        name
        for name in properties
        if all(name in (branch.get("required") or ()) for branch in branches)
    ]
    out: Schema = {"type": "object"}
    out["properties"] = {name: _either(schemas) for name, schemas in properties.items()}
    if required:
        out["required"] = required
    if all(branch.get("additionalProperties") is False for branch in branches):
        out["additionalProperties"] = False
    return with_note(out, _told_forms(branches))


def _properties(branch: Schema) -> Schema:
    said = branch.get("properties")
    return said if isinstance(said, dict) else {}


def _either(schemas: list[Any]) -> Any:
    if len(schemas) == 1:
        return schemas[0]
    enums = [_values(schema) for schema in schemas]
    kinds = {types_of(schema) for schema in schemas}
    if len(kinds) == 1 and all(enums):
        values = [value for enum in enums for value in enum]
        kept = [v for n, v in enumerate(values) if not any(is_equal(v, w) for w in values[:n])]
        return {"type": schemas[0]["type"], "enum": kept}
    flat: list[Any] = []
    for schema in schemas:
        bare = schema.keys() == {"anyOf"}
        flat += [b for b in (schema["anyOf"] if bare else [schema]) if b not in flat]
    return {"anyOf": flat}


def _values(schema: Schema) -> list[Any]:
    if set(schema) - {"type", "enum", "const", "description", "title"}:
        return []
    values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    return [v for v in values if any(fits(v, kind) for kind in types_of(schema))]


def _told_forms(branches: list[Schema]) -> str:
    forms = []
    for branch in branches:
        required = branch.get("required") or []
        words = []
        for name, schema in _properties(branch).items():
            values = _values(schema)
            fixed = f" = {values[0]}" if len(values) == 1 else ""
            words.append(f"{name}{fixed}" + ("" if name in required else " (optional)"))
        forms.append(", ".join(words) or "nothing")
    return "One of these forms: " + "; ".join(forms) + "."

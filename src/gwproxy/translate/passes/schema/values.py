"""Rewrites types, enums and ranges of a schema.

Functions from a schema to a schema; what is legal already stays the same object.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from gwproxy.translate.passes.schema.vocabulary import (
    ANYTHING,
    CONSTRAINTS,
    TYPE_ALIASES,
    TYPE_HINTS,
    TYPES,
    Schema,
    SchemaLimits,
    types_of,
    with_note,
)
from gwproxy.translate.wire import jsonio

# How many values of an enum that cannot be declared are named in the description.
_TOLD_VALUES: Final = 12
# More bare types than this stay one list in one branch.
_MOST_BRANCHES: Final = 3


def type_of(value: Any) -> str:
    """The JSON Schema type of a JSON value; whole floats are integers, as the validator has it."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def fits(value: Any, kind: str) -> bool:
    """Whether a JSON value is of this JSON Schema type."""
    actual = type_of(value)
    return actual == kind or (actual == "integer" and kind == "number")


def is_equal(one: Any, other: Any) -> bool:
    """Whether two values are equal in JSON: 1 is 1.0, and is not true."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def typed(node: Schema) -> Schema:
    """The schema with a legal `type`: a name, or a list of names without repetitions.

    One without a type gets the one that its keywords are for, or all of them: "type is not
    defined", "type need to be defined explicitly" (earendil-works/pi#4138).
    """
    said = node.get("type")
    if isinstance(said, str) and said in TYPES:
        return node
    known = types_of(node)
    if known and said == list(known):
        return node
    kinds = known or _aliases(said) or _inferred(node)
    return {**node, "type": kinds[0] if len(kinds) == 1 else list(kinds)}


def _aliases(said: Any) -> tuple[str, ...]:
    names = said if isinstance(said, list) else [said]
    words = [name.lower() for name in names if isinstance(name, str)]
    meant = [TYPE_ALIASES.get(word, word) for word in words]
    return tuple(dict.fromkeys(name for name in meant if name in TYPES))


def _inferred(node: Schema) -> tuple[str, ...]:
    values = node.get("enum")
    if "const" in node:
        values = [node["const"]]
    if isinstance(values, list) and values:
        return kinds_of(values)
    for kind, hints in TYPE_HINTS:
        if not hints.isdisjoint(node):
            return (kind,)
    return ANYTHING


def kinds_of(values: list[Any]) -> tuple[str, ...]:
    """The types that these values have; `number` stands for integers beside fractions."""
    kinds = dict.fromkeys(type_of(value) for value in values)
    if "number" in kinds:
        kinds.pop("integer", None)
    return tuple(kinds)


def enumerated(node: Schema, limits: SchemaLimits) -> Schema:
    """A schema of one type, or of one and null, with an enum of values of that type."""
    values = node["enum"]
    out = {key: value for key, value in node.items() if key != "enum"}
    if not isinstance(values, list) or not values:
        return out
    kinds = types_of(node)
    if "object" in kinds or "array" in kinds:
        return with_note(out, told(values))
    kept = [value for value in values if any(fits(value, kind) for kind in kinds)]
    if not kept:
        # No value is of the type: the author wrote the values out, so the type is wrong.
        return typed({**out, "type": None, "enum": values})
    if len(kept) > limits.enum:
        return with_note(out, told(kept))
    out = {**node, "enum": kept} if len(kept) < len(values) else node
    numeric = len(kinds) == 2 and kinds[0] in ("number", "integer") and None in kept
    # The validator stops at a null that it compares with a number before it reaches "null".
    return {**out, "type": ["null", kinds[0]]} if numeric else out


def told(values: list[Any]) -> str:
    """A note on the values of an enum."""
    words = ", ".join(jsonio.dumps(value).decode() for value in values[:_TOLD_VALUES])
    more = len(values) - _TOLD_VALUES
    return f"One of: {words}" + (f" and {more} more." if more > 0 else ".")


def ranged(node: Schema) -> Schema:
    """The schema with bounds that are legal for its types; impossible ones are taken out."""
    for low, high, whole, least in (
        ("minLength", "maxLength", True, 0),
        ("minItems", "maxItems", True, 0),
        ("minimum", "maximum", "integer" in types_of(node), None),
    ):
        if low in node or high in node:
            node = _bounded(node, low, high, whole=whole, least=least)
    return node


def _bounded(node: Schema, low: str, high: str, *, whole: bool, least: int | None) -> Schema:
    lowest = _bound(node.get(low), whole=whole, least=least, rounded=math.ceil)
    highest = _bound(node.get(high), whole=whole, least=least, rounded=math.floor)
    if lowest is not None and highest is not None and lowest > highest:
        lowest = highest = None
    out = dict(node)
    for key, value in ((low, lowest), (high, highest)):
        if out.get(key) is None or value == out[key]:
            continue
        if value is None:
            del out[key]
        else:
            out[key] = value
    return out


def _bound(
    value: Any, *, whole: bool, least: int | None, rounded: Callable[[float], int]
) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if least is not None and value < least:
        return None
    if whole and isinstance(value, float) and not value.is_integer():
        return rounded(value)
    return value


def split(node: Schema) -> Schema:
    """A schema of several types as `anyOf`, with a branch for each type: "keyword X is not allowed
    in combination with multiple types"."""
    kinds = types_of(node)
    if "number" in kinds:
        kinds = tuple(kind for kind in kinds if kind != "integer")
    shaping = frozenset().union(*(CONSTRAINTS[kind] for kind in kinds)) & node.keys()
    rest = {key: value for key, value in node.items() if key != "type" and key not in shaping}
    if not shaping and len(kinds) > _MOST_BRANCHES:
        return {"anyOf": [{"type": node["type"]}], **rest}
    branches = [branch for kind in kinds if (branch := _branch(node, kind)) is not None]
    if not branches:
        return typed({**rest, "enum": node["enum"]})
    return {**branches[0], **rest} if len(branches) == 1 else {"anyOf": branches, **rest}


def _branch(node: Schema, kind: str) -> Schema | None:
    """The part of `node` for values of one type; None where it accepts none."""
    branch: Schema = {"type": kind}
    branch |= {key: value for key, value in node.items() if key in CONSTRAINTS[kind]}
    values = node.get("enum")
    if isinstance(values, list) and values:
        mine = [value for value in values if fits(value, kind)]
        if not mine:
            return None
        if kind not in ("object", "array", "null"):
            branch["enum"] = mine
        else:
            branch.pop("enum", None)
    return branch

"""The keywords of Moonshot's JSON Schema dialect, and the limits of one schema.

From the vendor's specification and validator: https://github.com/MoonshotAI/walle (docs/walle.md,
docs/mfjs-spec.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from msgspec import Struct

Schema: TypeAlias = dict[str, Any]


class SchemaLimits(Struct, frozen=True):
    """The limits of one schema; the defaults are the vendor's own (walle, `conf.go`)."""

    depth: int = 30  # nested `properties`, references followed
    properties: int = 3000
    enum: int = 1000
    any_of: int = 500
    bytes: int = 120_000


TYPES: Final = ("string", "number", "integer", "boolean", "null", "array", "object")

# All types: "anything" inside `properties`, where the dialect refuses `{}`.
ANYTHING: Final = ("string", "number", "boolean", "object", "array", "null")

ANNOTATIONS: Final = frozenset({"description", "title"})

CONSTRAINTS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        # patternProperties is not in the dialect: it restricts objects all the same, and is
        # rewritten.
        "object": frozenset(
            {"properties", "required", "additionalProperties", "patternProperties"}
        ),
        "array": frozenset({"items", "minItems", "maxItems"}),
        "string": frozenset({"minLength", "maxLength", "pattern", "enum"}),
        "number": frozenset({"minimum", "maximum", "enum"}),
        "integer": frozenset({"minimum", "maximum", "enum"}),
        "boolean": frozenset({"enum"}),
        "null": frozenset({"enum"}),
    }
)
"""The keywords for each `type`. One of another type is refused beside it."""

STRUCTURAL: Final = frozenset({"type", "anyOf", "$ref"}).union(*CONSTRAINTS.values())
"""The keywords that restrict a value. None of them may be beside `anyOf` or `$ref`."""

ROOT_ONLY: Final = frozenset({"$defs", "$id"})

SUPPORTED: Final = STRUCTURAL | ANNOTATIONS | ROOT_ONLY | {"default"}
"""The keywords that the strictest level of the validator knows. The documented level ignores
others, and the model reads them; they are taken out only if `plain`."""

RESERVED_NAMES: Final = frozenset({"$defs", "$ref", "anyOf", "required", "additionalProperties"})
"""Names that no property may have: "property name 'X' is reserved for JSON Schema keywords"."""

TYPE_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "str": "string",
        "text": "string",
        "date": "string",
        "datetime": "string",
        "file": "string",
        "uuid": "string",
        "int": "integer",
        "long": "integer",
        "float": "number",
        "double": "number",
        "decimal": "number",
        "bool": "boolean",
        "list": "array",
        "tuple": "array",
        "set": "array",
        "dict": "object",
        "map": "object",
        "none": "null",
        "nil": "null",
    }
)
"""Type names of programming languages, as hand-written tool servers declare them."""

# The keywords that hold schemas.
MAPS_OF_SCHEMAS: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
LISTS_OF_SCHEMAS: Final = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
SINGLE_SCHEMAS: Final = frozenset(
    {
        "items",
        "additionalProperties",
        "additionalItems",
        "not",
        "if",
        "then",
        "else",
        "contains",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
DEFINITIONS: Final = ("$defs", "definitions")
"""The keywords that hold named schemas; only the first, and only at the root, is in the dialect."""

# The type of a schema without one, by the first keywords that it has.
TYPE_HINTS: Final = (
    (
        "object",
        frozenset(
            {
                "properties",
                "required",
                "additionalProperties",
                "patternProperties",
                "propertyNames",
                "minProperties",
                "maxProperties",
            }
        ),
    ),
    (
        "array",
        frozenset({"items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"}),
    ),
    ("string", frozenset({"minLength", "maxLength", "pattern", "format", "contentEncoding"})),
    (
        "number",
        frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
    ),
)


def has_reference(value: Any) -> bool:
    """Whether a `$ref` is anywhere inside: the validator follows those even in unknown keywords,
    and refuses them there ("$ref is not allowed in this schema")."""
    if isinstance(value, dict):
        return "$ref" in value or any(has_reference(inner) for inner in value.values())
    return isinstance(value, list) and any(has_reference(inner) for inner in value)


def types_of(node: Schema) -> tuple[str, ...]:
    """The legal types that a schema names, without repetitions."""
    said = node.get("type")
    names = said if isinstance(said, list) else [said]
    return tuple(dict.fromkeys(n for n in names if isinstance(n, str) and n in TYPES))


def with_note(node: Schema, note: str) -> Schema:
    """`node` with `note` at the end of its description."""
    said = node.get("description")
    if not note:
        return node
    if isinstance(said, str) and said:
        if note in said:
            return node
        note = f"{said}\n{note}"
    return {**node, "description": note}


def with_words_of(beside: Schema, node: Schema) -> Schema:
    """`node` with the annotations of `beside`, a reference to it, before its own description."""
    said = node.get("description")
    out = {**node, **{key: beside[key] for key in ANNOTATIONS & beside.keys()}}
    return with_note(out, said) if isinstance(said, str) else out

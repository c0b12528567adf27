"""Moonshot's dialect of JSON Schema, as far as its `strict` level refuses schemas. Pure.

The rules are those of the vendor's public validator (https://github.com/MoonshotAI/walle),
written anew from its case files and messages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from gwproxy.simulator.wire import Json, compact

MAX_DEPTH = 30
MAX_PROPERTIES = 3000
MAX_ENUM = 1000
MAX_ANY_OF = 500
MAX_BYTES = 120_000

# The keywords that belong to one type, and so are refused beside another.
TYPE_KEYWORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "object": frozenset({"properties", "required", "additionalProperties"}),
        "array": frozenset({"items", "minItems", "maxItems"}),
        "string": frozenset({"minLength", "maxLength"}),
        "number": frozenset({"minimum", "maximum"}),
        "integer": frozenset({"minimum", "maximum"}),
        "boolean": frozenset(),
        "null": frozenset(),
    }
)
BOUND_KEYWORDS = frozenset[str]().union(*TYPE_KEYWORDS.values())
RANGES = (("minLength", "maxLength"), ("minItems", "maxItems"), ("minimum", "maximum"))
LENGTHS = frozenset({"minLength", "maxLength", "minItems", "maxItems"})
RESERVED_NAMES = frozenset({"$defs", "$ref", "anyOf", "required", "additionalProperties"})
DEFINITIONS = "#/$defs/"


class Broken(Exception):
    """A schema breaks the dialect: where (`properties.x`) and how, in the vendor's words."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"At path '{path}': {message}")


def check_schema(schema: object) -> None:
    """Checks the schema of a tool's parameters.

    Raises:
        Broken: the first rule that it breaks.
    """
    if not isinstance(schema, dict):
        raise Broken("", "schema must be a dict")
    if schema.get("type") != "object":
        raise Broken("", 'tools.function.parameters.type is required and must be "object"')
    if len(compact(schema).encode("utf-8", "replace")) > MAX_BYTES:
        raise Broken("", f"schema size exceeds maximum limit of {MAX_BYTES} bytes")
    definitions = schema.get("$defs", {})
    if not isinstance(definitions, dict):
        raise Broken("$defs", "$defs must be an object")
    count = _node(schema, "", schema, 0)
    for name, definition in definitions.items():
        count += _definition(name, definition, schema)
    if count > MAX_PROPERTIES:
        raise Broken("", f"schema has more than {MAX_PROPERTIES} properties")
    if not _ends(schema, schema, ("#",)):
        raise Broken("", "infinite recursion detected in $ref")


def _definition(name: str, definition: object, root: Json) -> int:
    path = f"$defs.{name}"
    if not name:
        raise Broken("$defs", "$defs property name cannot be empty")
    if "/" in name:
        raise Broken(path, "$defs property name cannot contain '/' character")
    if not isinstance(definition, dict):
        raise Broken(path, "$defs schema must be object")
    for inner in _property_names(definition):
        if "/" in inner:
            raise Broken(path, f"property name '{inner}' in $defs cannot contain '/' character")
    return _node(definition, path, root, 1)


def _property_names(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for value in schema.values():
            yield from _property_names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _property_names(value)


def _node(schema: Json, path: str, root: Json, depth: int) -> int:
    """The number of properties in one schema and those inside it, which are checked."""
    if depth > MAX_DEPTH:
        raise Broken(path, f"schema depth exceeds maximum limit of {MAX_DEPTH}")
    _annotations(schema, path)
    if "$ref" in schema:
        _reference(schema, path, root)
        return 0
    if "anyOf" in schema:
        return _any_of(schema, path, root, depth)
    kinds = _kinds(schema, path)
    if kinds:
        _keywords(schema, kinds, path)
    _enumeration(schema, kinds, path)
    _ranges(schema, kinds, path)
    return _inner(schema, path, root, depth)


def _annotations(schema: Json, path: str) -> None:
    if not isinstance(schema.get("description", ""), str):
        raise Broken(path, "description must be a string")
    if "$id" in schema:
        if path:
            raise Broken(path, "$id must be at root level")
        if not isinstance(schema["$id"], str):
            raise Broken(path, "$id must be a string")


def _reference(schema: Json, path: str, root: Json) -> None:
    reference = schema["$ref"]
    if not isinstance(reference, str):
        raise Broken(path, "$ref must be a string")
    if "type" in schema:
        raise Broken(
            path,
            "when using $ref, type should be defined in the referenced schema "
            "instead of the parent schema",
        )
    beside = (BOUND_KEYWORDS | {"anyOf", "enum"}) & schema.keys()
    if beside:
        raise Broken(path, f"{sorted(beside)[0]} is not allowed at the same level as $ref")
    if reference != "#" and not reference.startswith(DEFINITIONS):
        raise Broken(path, f"references must start with {DEFINITIONS}")
    target = _target(reference, root)
    if target is None:
        raise Broken(path, f"$defs not found for reference: {reference}")
    if "description" in schema and "description" in target:
        raise Broken(path, "conflicting keywords found after $ref expansion: description")


def _target(reference: str, root: Json) -> Json | None:
    found: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _any_of(schema: Json, path: str, root: Json, depth: int) -> int:
    branches = schema["anyOf"]
    if "type" in schema:
        raise Broken(
            path,
            "when using anyOf, type should be defined in anyOf items instead of the parent schema",
        )
    beside = (BOUND_KEYWORDS | {"enum"}) & schema.keys()
    if beside:
        raise Broken(path, f"{sorted(beside)[0]} is not allowed at the same level as anyOf")
    if not isinstance(branches, list):
        raise Broken(path, "anyOf must be an array")
    if not 0 < len(branches) <= MAX_ANY_OF:
        raise Broken(path, f"anyOf must have between 1 and {MAX_ANY_OF} items")
    count = 0
    for index, branch in enumerate(branches):
        if not isinstance(branch, dict):
            raise Broken(path, "schema in anyOf must be an object")
        here = _join(path, f"anyOf.{index}")
        _typed(branch, here)
        count += _node(branch, here, root, depth + 1)
    return count


def _typed(schema: Json, path: str) -> None:
    """A part of a schema says what it is (badlogic/pi-mono#4138)."""
    if not schema.keys() & {"type", "anyOf", "$ref", "oneOf", "allOf"}:
        raise Broken(path, "type is not defined")


def _kinds(schema: Json, path: str) -> list[str]:
    if "type" not in schema:
        return []
    given = schema["type"]
    kinds = given if isinstance(given, list) else [given]
    if not isinstance(given, str | list):
        raise Broken(path, "type must be string or array of strings")
    if not kinds:
        raise Broken(path, "type array cannot be empty")
    for kind in kinds:
        if not isinstance(kind, str) or kind not in TYPE_KEYWORDS:
            where = " in type array" if isinstance(given, list) else ""
            raise Broken(path, f"invalid type{where}: {compact(kind)}")
    return kinds


def _keywords(schema: Json, kinds: list[str], path: str) -> None:
    bound = sorted(BOUND_KEYWORDS & schema.keys())
    if len(kinds) > 1:
        if bound:
            raise Broken(path, f"{bound[0]} is not allowed in combination with multiple types")
        return
    wrong = [keyword for keyword in bound if keyword not in TYPE_KEYWORDS[kinds[0]]]
    if wrong:
        raise Broken(path, f"invalid keywords: {', '.join(wrong)}")


def _enumeration(schema: Json, kinds: list[str], path: str) -> None:
    if "enum" not in schema:
        return
    values = schema["enum"]
    if not isinstance(values, list):
        raise Broken(path, "enum must be an array")
    if not values:
        raise Broken(path, "enum array cannot be empty")
    if len(values) > MAX_ENUM:
        raise Broken(path, f"enum array cannot have more than {MAX_ENUM} items")
    if len(kinds) > 1 and {"object", "array"} & set(kinds):
        raise Broken(path, "type object or array is not allowed in combination with enum")
    for value in values:
        if kinds and not any(_is(value, kind) for kind in kinds):
            raise Broken(path, f"enum value ({compact(value)}) does not match any type in {kinds}")


def _is(value: object, kind: str) -> bool:
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list)
    return isinstance(value, dict)


def _ranges(schema: Json, kinds: list[str], path: str) -> None:
    whole = kinds == ["integer"]
    for pair in RANGES:
        for keyword in pair:
            if keyword in schema:
                _bound(keyword, schema[keyword], whole or keyword in LENGTHS, path)
        low, high = (schema.get(keyword) for keyword in pair)
        if low is not None and high is not None and low > high:
            raise Broken(path, f"{pair[0]} cannot be greater than {pair[1]}")


def _bound(keyword: str, value: object, whole: bool, path: str) -> None:
    if not _is(value, "number"):
        raise Broken(path, f"{keyword} must be {'an integer' if whole else 'a number'}")
    if whole and not _is(value, "integer"):
        raise Broken(path, f"{keyword} is not a valid integer")
    if keyword in LENGTHS and isinstance(value, int) and value < 0:
        raise Broken(path, f"{keyword} must be non-negative")


def _inner(schema: Json, path: str, root: Json, depth: int) -> int:
    count = _properties(schema, path, root, depth)
    items = schema.get("items")
    if "items" in schema:
        if not isinstance(items, dict):
            raise Broken(path, "items must be an object")
        _typed(items, _join(path, "items"))
        count += _node(items, _join(path, "items"), root, depth + 1)
    extra = schema.get("additionalProperties", True)
    if not isinstance(extra, bool | dict):
        raise Broken(path, "additionalProperties must be a boolean or an object")
    if isinstance(extra, dict):
        count += _node(extra, _join(path, "additionalProperties"), root, depth + 1)
    return count


def _properties(schema: Json, path: str, root: Json, depth: int) -> int:
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        raise Broken(path, "properties must be an object")
    _required(schema, path)
    count = len(properties)
    for name, inner in properties.items():
        here = _join(path, f"properties.{name}")
        if not name:
            raise Broken(path, "property name cannot be empty")
        if name in RESERVED_NAMES:
            raise Broken(here, f"property name '{name}' is reserved for JSON Schema")
        if not isinstance(inner, dict):
            raise Broken(here, f"property schema for '{name}' must be an object")
        _typed(inner, here)
        count += _node(inner, here, root, depth + 1)
    return count


def _required(schema: Json, path: str) -> None:
    required = schema.get("required", [])
    if not isinstance(required, list):
        raise Broken(path, "required must be an array")
    if required and "properties" not in schema:
        raise Broken(path, "'properties' keyword is missing")
    for name in required:
        if not isinstance(name, str):
            raise Broken(path, "items in required array must be strings")
        if not name:
            raise Broken(path, "property names in required array cannot be empty")
        if name not in schema["properties"]:
            raise Broken(path, f"required property '{name}' is not defined in properties")
    if len(set(required)) != len(required):
        raise Broken(path, "required array has duplicates")


def _ends(schema: Json, root: Json, open_references: tuple[str, ...]) -> bool:
    """Whether a value of the schema can end, as the vendor reckons it.

    Array items count as needed, and one required property that ends is enough: so say its case
    files (a tree whose only required property is `children` is refused, with a required `label`
    beside it the same tree passes).
    """
    if "$ref" in schema:
        reference = schema["$ref"]
        target = _target(reference, root)
        if reference in open_references:
            return False
        return target is None or _ends(target, root, (*open_references, reference))
    if "anyOf" in schema:
        return any(_ends(branch, root, open_references) for branch in schema["anyOf"])
    if "items" in schema:
        return _ends(schema["items"], root, open_references)
    required = schema.get("required", ())
    needed = [schema["properties"][name] for name in required]
    return not needed or any(_ends(inner, root, open_references) for inner in needed)


def _join(path: str, step: str) -> str:
    return f"{path}.{step}" if path else step

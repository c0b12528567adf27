"""Moonshot's schema dialect: what agents really declare, and what the provider says to it.

Cases are written after the vendor's public ones (https://github.com/MoonshotAI/walle).
"""

from __future__ import annotations

from typing import Any

import pytest

from gwproxy.simulator.strict.schema import Broken, check_schema

Json = dict[str, Any]


def with_property(schema: Any) -> Json:
    return {"type": "object", "properties": {"x": schema}}


def recursive(**members: Any) -> Json:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}} | members
    schema = with_property({"$ref": "#/$defs/n"})
    return schema | {"required": ["x"], "$defs": {"n": node}}


ACCEPTED: list[Json] = [
    {"type": "object"},
    {"type": "object", "properties": {}, "required": []},
    {"type": "object", "additionalProperties": False, "$schema": "https://json-schema.org/x"},
    with_property({"type": "string", "minLength": 1, "pattern": "^a", "format": "uri"}),
    with_property({"type": ["string", "null"], "enum": ["a", None]}),
    with_property({"anyOf": [{"type": "string"}, {"type": "null"}], "description": "d"}),
    with_property({"type": "array", "items": {"type": "integer"}, "minItems": 1}),
    with_property({"type": "integer", "minimum": -1, "maximum": 1}),
    with_property({"type": "object", "additionalProperties": {}}),
    with_property({"oneOf": [{"type": "string"}]}),
    recursive(),
    recursive(
        required=["next", "label"],
        properties={"next": {"$ref": "#/$defs/n"}, "label": {"type": "string"}},
    ),
]


@pytest.mark.parametrize("schema", ACCEPTED)
def test_accepted(schema: Json) -> None:
    check_schema(schema)


REFUSED: list[tuple[Any, str]] = [
    (None, "schema must be a dict"),
    ({}, 'tools.function.parameters.type is required and must be "object"'),
    ({"type": "string"}, 'must be "object"'),
    ({"type": "object", "required": ["a"]}, "'properties' keyword is missing"),
    (with_property({"type": "string"}) | {"required": ["y"]}, "'y' is not defined in properties"),
    (with_property({"type": "string"}) | {"required": ["x", "x"]}, "duplicates"),
    (with_property({"type": "string"}) | {"required": [1]}, "must be strings"),
    (with_property({"type": "string"}) | {"required": "x"}, "required must be an array"),
    (with_property(True), "property schema for 'x' must be an object"),
    (with_property({}), "type is not defined"),
    (with_property({"const": "a"}), "type is not defined"),
    (
        with_property({"type": "string", "anyOf": [{"type": "string"}]}),
        "when using anyOf, type should be defined in anyOf items instead of the parent schema",
    ),
    (with_property({"anyOf": []}), "anyOf must have"),
    (with_property({"anyOf": {}}), "anyOf must be an array"),
    (with_property({"anyOf": [True]}), "schema in anyOf must be an object"),
    (
        with_property({"anyOf": [{"type": "string"}], "minLength": 1}),
        "minLength is not allowed at the same level as anyOf",
    ),
    (with_property({"$ref": 1}), "$ref must be a string"),
    (with_property({"$ref": "#/definitions/a"}), "references must start with #/$defs/"),
    (with_property({"$ref": "#/$defs/a"}), "$defs not found for reference"),
    (
        with_property({"$ref": "#", "type": "object"}),
        "when using $ref, type should be defined in the referenced schema",
    ),
    (
        with_property({"$ref": "#/$defs/a", "description": "one"})
        | {"$defs": {"a": {"type": "string", "description": "two"}}},
        "conflicting keywords found after $ref expansion: description",
    ),
    ({"type": "object", "$defs": []}, "$defs must be an object"),
    ({"type": "object", "$defs": {"a/b": {"type": "string"}}}, "cannot contain '/'"),
    ({"type": "object", "$defs": {"a": with_property({}) | {}}}, "type is not defined"),
    ({"type": "object", "$defs": {"a": 1}}, "$defs schema must be object"),
    (with_property({"type": []}), "type array cannot be empty"),
    (with_property({"type": "text"}), "invalid type"),
    (with_property({"type": 1}), "type must be string or array of strings"),
    (with_property({"type": "string", "minItems": 1}), "invalid keywords: minItems"),
    (
        with_property({"type": ["array", "string"], "minItems": 1}),
        "not allowed in combination with multiple types",
    ),
    (with_property({"type": "string", "enum": []}), "enum array cannot be empty"),
    (with_property({"type": "string", "enum": "a"}), "enum must be an array"),
    (with_property({"type": "string", "enum": [1]}), "does not match any type"),
    (with_property({"type": "integer", "enum": [True]}), "does not match any type"),
    (with_property({"type": "integer", "enum": list(range(1001))}), "more than 1000 items"),
    (with_property({"type": "string", "minLength": 2, "maxLength": 1}), "cannot be greater than"),
    (with_property({"type": "string", "minLength": -1}), "must be non-negative"),
    (with_property({"type": "integer", "minimum": 1.5}), "not a valid integer"),
    (with_property({"type": "number", "minimum": "1"}), "must be a number"),
    (with_property({"type": "array", "items": [{"type": "string"}]}), "items must be an object"),
    (with_property({"type": "string", "description": 1}), "description must be a string"),
    (with_property({"type": "string", "$id": "x"}), "$id must be at root level"),
    ({"type": "object", "additionalProperties": None}, "must be a boolean or an object"),
    ({"type": "object", "properties": []}, "properties must be an object"),
    ({"type": "object", "properties": {"": {"type": "string"}}}, "name cannot be empty"),
    ({"type": "object", "properties": {"$ref": {"type": "string"}}}, "reserved for JSON Schema"),
    (recursive(required=["next"]), "infinite recursion"),
    (with_property({"type": "string", "title": "x" * 130_000}), "exceeds maximum limit of 120000"),
]


@pytest.mark.parametrize(("schema", "words"), REFUSED)
def test_refused(schema: Any, words: str) -> None:
    with pytest.raises(Broken) as broken:
        check_schema(schema)
    assert words in str(broken.value)


def test_depth_and_number_of_properties_are_limited() -> None:
    deep: Json = {"type": "string"}
    for _ in range(31):
        deep = with_property(deep)
    with pytest.raises(Broken, match="depth exceeds"):
        check_schema(deep)
    wide = {f"p{number}": {"type": "string"} for number in range(3001)}
    with pytest.raises(Broken, match="more than 3000 properties"):
        check_schema({"type": "object", "properties": wide})


def test_the_place_is_named() -> None:
    with pytest.raises(Broken, match=r"At path 'properties\.x\.items': type is not defined"):
        check_schema(with_property({"type": "array", "items": {}}))

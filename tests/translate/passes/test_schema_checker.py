"""What of a JSON Schema a value breaks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from gwproxy.translate.passes.schema import misfit
from gwproxy.translate.passes.schema.normaliser import normalised
from support.generated import JSON_VALUES, OBJECTS
from support.schema_samples import Json, accepts, satisfied_schemas, sloppy_schemas

TREE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "kids": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["name"],
    "additionalProperties": False,
}
NAMED = {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "integer"}}}
OLD = {"properties": {"a": {"$ref": "#/definitions/A"}}, "definitions": {"A": {"enum": ["x"]}}}
LOOP: dict[str, Any] = {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}

CASES: list[tuple[Any, Any, str | None]] = [
    ({"name": "a", "kids": [{"name": "b"}]}, TREE, None),
    ({"name": "a", "kids": [{"nom": "b"}]}, TREE, "properties.kids.items.$ref.required"),
    ({"name": 1}, TREE, "properties.name.type"),
    ({"name": "a", "age": 1}, TREE, "additionalProperties"),
    ([], TREE, "type"),
    ({"a": 1}, NAMED, None),
    ({"a": "1"}, NAMED, "properties.a.$ref.type"),
    ({"a": "y"}, OLD, "properties.a.$ref.enum"),
    (1.0, {"type": "integer"}, None),
    (True, {"type": "integer"}, "type"),
    (None, {"type": ["string", "null"]}, None),
    (None, {"type": "string", "nullable": True}, None),
    (True, {"enum": [1]}, "enum"),
    (1.0, {"const": 1}, None),
    (0, {"const": False}, "const"),
    (3, {"minimum": 3, "exclusiveMaximum": 4}, None),
    (3, {"exclusiveMinimum": 3}, "exclusiveMinimum"),
    (3, {"minimum": 3, "exclusiveMinimum": True}, None),  # draft 4
    (7, {"multipleOf": 2}, "multipleOf"),
    ("abc", {"maxLength": 2}, "maxLength"),
    ("abc", {"minimum": 9, "minItems": 9}, None),
    ([1, 1], {"uniqueItems": True}, "uniqueItems"),
    ([1, "1"], {"minItems": 2, "uniqueItems": True}, None),
    ({}, {"minProperties": 1}, "minProperties"),
    ([1, "a"], {"prefixItems": [{"type": "integer"}], "items": {"type": "string"}}, None),
    ([1, 2], {"prefixItems": [{"type": "integer"}], "items": False}, "items"),
    ([1, 2], {"items": [{"type": "integer"}], "additionalItems": False}, "additionalItems"),
    (1, {"anyOf": [{"type": "string"}, {"type": "null"}]}, "anyOf"),
    (1, {"oneOf": [{"type": "integer"}, {"minimum": 0}]}, "oneOf"),
    (1, {"allOf": [{}, {"type": "string"}]}, "allOf.1.type"),
    (1, {"not": {"type": "integer"}}, "not"),
    (1, {"if": {"minimum": 1}, "then": {"minimum": 5}, "else": False}, "then.minimum"),
    (1, False, "false"),
    # Not judged, so never a misfit.
    ("b", {"pattern": "^a", "format": "uuid"}, None),
    ({"x1": 1}, {"patternProperties": {"^x": {}}, "additionalProperties": False}, None),
    ({"a": 1}, {"properties": {"a": {"$ref": "https://example.com/other.json"}}}, None),
    (1, {"minimum": "many", "required": 7, "multipleOf": 0}, None),
    (1, LOOP, None),
    (1, {"$ref": "#"}, None),
]


@pytest.mark.parametrize(("value", "schema", "broken"), CASES)
def test_the_keyword_that_is_broken(value: Any, schema: Any, broken: str | None) -> None:
    assert misfit(value, json.dumps(schema)) == broken


@given(satisfied_schemas())
def test_what_satisfies_a_schema_fits_it(sample: tuple[Json, Json]) -> None:
    schema, value = sample
    loose = json.dumps(schema).replace('"oneOf"', '"anyOf"')  # careless ones list one thing twice
    assert misfit(value, loose) is None


@given(satisfied_schemas(), JSON_VALUES)
def test_another_reader_of_the_schema_says_the_same(sample: tuple[Json, Json], value: Any) -> None:
    schema = normalised(sample[0], plain=True)
    assert (misfit(value, json.dumps(schema)) is None) == accepts(schema, value, schema)


@given(JSON_VALUES | OBJECTS, sloppy_schemas())
def test_no_schema_is_a_crash(value: Any, schema: Any) -> None:
    misfit(value, json.dumps(schema))

"""Tools whose declared schema is no object's: wrapped on the way out, unwrapped on the way back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.translate.passes.schema import (
    ValueUnwrapper,
    parameters,
    unwrap_arguments,
    wrap_arguments,
)

LIST_OF_NAMES = '{"type":"array","items":{"type":"string"}}'

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_a_list_goes_into_one_property() -> None:
    fitted = parameters(LIST_OF_NAMES)
    assert fitted.wrapped == "value"
    assert json.loads(fitted.schema) == {
        "type": "object",
        "properties": {"value": json.loads(LIST_OF_NAMES)},
        "required": ["value"],
    }


def test_a_union_of_objects_is_one_object_and_not_wrapped() -> None:
    forms = [
        {"type": "object", "properties": {"by": {"const": "id"}, "id": {"type": "integer"}}},
        {"type": "object", "properties": {"by": {"const": "name"}, "name": {"type": "string"}}},
    ]
    for form in forms:
        form["required"] = ["by"]
    fitted = parameters(json.dumps({"oneOf": forms}))
    assert fitted.wrapped is None
    schema = json.loads(fitted.schema)
    assert schema["properties"]["by"] == {"type": "string", "enum": ["id", "name"]}
    assert set(schema["properties"]) == {"by", "id", "name"}
    assert schema["required"] == ["by"]


def test_what_referred_to_the_root_refers_into_the_wrapper() -> None:
    tree = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"$ref": "#"}}]}
    schema = json.loads(parameters(json.dumps(tree)).schema)
    (name,) = schema["$defs"]
    assert schema["properties"]["value"] == {"$ref": f"#/$defs/{name}"}


@given(json_values)
def test_wrapped_arguments_come_back_as_they_were(value: object) -> None:
    arguments = json.dumps(value, ensure_ascii=False)
    assert json.loads(unwrap_arguments(wrap_arguments(arguments, "value"), "value")) == value


@pytest.mark.parametrize("arguments", ['{"other":1}', '{"value":1,"more":2}', "[1]", "", '{"val'])
def test_arguments_that_are_not_wrapped_stay_as_they_are(arguments: str) -> None:
    assert unwrap_arguments(arguments, "value") == arguments


@given(st.lists(st.integers(1, 30), max_size=6))
def test_a_streamed_call_is_unwrapped_wherever_it_is_cut(cuts: list[int]) -> None:
    whole = '{"value":["a","\\u00e9",{"b":1.10}]}'
    unwrapper = ValueUnwrapper("value")
    out = ""
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(whole)], strict=True):
        out += unwrapper.feed(whole[start:end])
    assert out + unwrapper.close() == '["a","\\u00e9",{"b":1.10}]'


def test_empty_arguments_are_wrapped_as_null() -> None:
    assert wrap_arguments("", "value") == '{"value":null}'

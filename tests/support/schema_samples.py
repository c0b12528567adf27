"""JSON Schemas as tool servers really write them, for property tests: sloppy ones, and ones with an
instance that satisfies them by construction; and a reader of the dialect to judge instances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

NAMES = ("a", "b", "path", "type", "items", "required", "$ref", "anyOf", "x/y", "{id}", "", "名")
WORDS = ("string", "number", "integer", "boolean", "null", "array", "object", "int", "any", "Date")

_BOUNDS = ("minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum")

_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 1200),
    st.sampled_from((0.5, 2.0, -1.5, 1e20)),
    st.sampled_from(("", "a", "b", "#", "#/$defs/a", "#/definitions/b", "#/properties/a", "zz")),
)


def sloppy_schemas() -> st.SearchStrategy[Any]:
    """Keywords in any company, with values of any kind: what must become legal all the same."""
    return st.recursive(st.one_of(st.booleans(), _scalars, st.just({})), _sloppy, max_leaves=25)


def _sloppy(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    by_name = st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    several = st.lists(inner, max_size=3)
    values: st.SearchStrategy[list[Any]] = st.lists(
        st.one_of(_scalars, st.just({}), st.just([])), max_size=4
    )
    names = st.lists(st.one_of(st.sampled_from(NAMES), st.integers()), max_size=3)
    kinds = st.one_of(st.sampled_from(WORDS), st.lists(st.sampled_from(WORDS), max_size=3))
    references = st.sampled_from(
        (
            "#",
            "#/$defs/a",
            "#/definitions/b",
            "#/$defs/a/properties/b",
            "#/properties/a",
            "http://x",
        )
    )
    optional: dict[str, st.SearchStrategy[Any]] = {
        "type": st.one_of(kinds, _scalars),
        "properties": st.one_of(by_name, by_name, _scalars),
        "required": st.one_of(names, names, _scalars),
        "additionalProperties": inner,
        "items": st.one_of(inner, inner, several),
        "enum": st.one_of(values, values, _scalars),
        "const": _scalars,
        "anyOf": st.one_of(several, several, _scalars),
        "oneOf": several,
        "allOf": several,
        "not": inner,
        "if": inner,
        "prefixItems": several,
        "patternProperties": by_name,
        "propertyNames": inner,
        "$ref": st.one_of(references, references, _scalars),
        "$defs": by_name,
        "definitions": by_name,
        "$id": _scalars,
        "description": _scalars,
        "title": _scalars,
        "default": st.one_of(_scalars, inner),
        "pattern": _scalars,
        "format": _scalars,
        "nullable": _scalars,
        "uniqueItems": _scalars,
        "exclusiveMinimum": _scalars,
        "x-order": inner,
    } | dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum"), _scalars
    )
    return st.lists(st.sampled_from(sorted(optional)), max_size=6, unique=True).flatmap(
        lambda keys: st.fixed_dictionaries({key: optional[key] for key in keys})
    )


class _Author:
    """Writes a schema around a value, the way a careless human or generator would."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw
        self.definitions: Json = {}

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def schema_for(self, value: Any, depth: int = 0) -> Any:
        schema = self.plain_schema_for(value, depth)
        match self.pick(
            "as is", "as is", "as is", "anyOf", "oneOf", "allOf", "ref", "words", "true"
        ):
            case "anyOf":
                return {"anyOf": [schema, self.pick({"type": "null"}, {"type": "string"}, {})]}
            case "oneOf":
                return {"oneOf": [{"type": "null"}, schema], "description": "one of them"}
            case "allOf":
                return {"allOf": [schema], "description": "wrapped"}
            case "ref":
                name = f"D{len(self.definitions)}"
                self.definitions[name] = schema
                return {"$ref": f"#/definitions/{name}", **self.pick({}, {"description": "here"})}
            case "words" if isinstance(schema, dict):
                return {**schema, "description": "said", "title": "T", "examples": [value]}
            case "true" if depth > 1:
                return True
        return schema

    def plain_schema_for(self, value: Any, depth: int) -> Any:
        match value:
            case dict():
                return self.object_schema_for(value, depth)
            case list():
                return self.array_schema_for(value, depth)
        kind = _kind(value)
        bounds: Json = {}
        if isinstance(value, str):
            bounds = {"minLength": 0, "maxLength": len(value) + self.pick(0, 5)}
        elif isinstance(value, int | float) and not isinstance(value, bool):
            bounds = {"minimum": value - self.pick(0, 1), "maximum": value}
        return self.pick(
            {"type": kind},
            {"type": kind, **bounds},
            {"type": kind, "enum": [value]},
            {"enum": [value, "other", 7, None]},
            {"const": value},
            {"type": [kind, "null"] if kind != "null" else ["null"], **bounds, "default": None},
            {"type": kind, "format": "some", "nullable": True, "x-y": {"z": 1}},
            {},
        )

    def object_schema_for(self, value: Json, depth: int) -> Json:
        schema: Json = {
            "type": "object",
            "properties": {n: self.schema_for(v, depth + 1) for n, v in value.items()},
            "required": [name for name in value if self.pick(True, False)],
        }
        match self.pick("as is", "closed", "typeless", "variants", "map"):
            case "closed":
                schema["additionalProperties"] = False
            case "typeless":
                del schema["type"]
            case "variants":
                schema["anyOf"] = [{"required": list(value)[:1]}, {"required": []}]
            case "map" if value:
                inner = {"anyOf": [self.schema_for(v, depth + 1) for v in value.values()]}
                return {"type": "object", "patternProperties": {"^.*$": inner}}
        return schema

    def array_schema_for(self, value: list[Any], depth: int) -> Json:
        places = [self.schema_for(item, depth + 1) for item in value]
        schema: Json = self.pick(
            {"type": "array"},
            {"type": "array", "items": {}},
            {"type": "array", "items": {"anyOf": places}} if places else {"items": True},
            {"type": "array", "items": places, "minItems": len(places), "maxItems": len(places)},
            {"type": "array", "prefixItems": places, "items": False},
            {"type": ["array", "null"], "items": {"anyOf": places or [True]}, "minItems": 0},
        )
        return schema


@st.composite
def satisfied_schemas(draw: Callable[[st.SearchStrategy[Any]], Any]) -> tuple[Json, Json]:
    """A schema of an object and an object that satisfies it."""
    leaf = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 5),
        st.sampled_from((0.5, 2.5)),
        st.text(max_size=4),
    )
    values = st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
        ),
        max_leaves=10,
    )
    value = draw(st.dictionaries(st.sampled_from(NAMES), values, max_size=4))
    author = _Author(draw)
    schema = author.object_schema_for(value, 0)
    if author.definitions:
        schema["definitions"] = author.definitions
    return schema, value


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return kinds.get(type(value), "object")


def accepts(schema: Any, value: Any, root: Json) -> bool:
    """Whether a schema *of the dialect* accepts a value. Says nothing of other keywords."""
    if "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].split("/")[1:]:
            target = target[part]
        return accepts(target, value, root)
    if "anyOf" in schema:
        return any(accepts(branch, value, root) for branch in schema["anyOf"])
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        kind = _kind(value)
        whole = kind == "number" and value.is_integer() and "integer" in kinds
        if kind not in kinds and not (kind == "integer" and "number" in kinds) and not whole:
            return False
    if "enum" in schema and not any(
        value == one and isinstance(value, bool) == isinstance(one, bool) for one in schema["enum"]
    ):
        return False
    return _in_bounds(schema, value) and _accepts_inside(schema, value, root)


def _in_bounds(schema: Json, value: Any) -> bool:
    size: float
    for kinds, low, high in (
        (str, "minLength", "maxLength"),
        (list, "minItems", "maxItems"),
        ((int, float), "minimum", "maximum"),
    ):
        if isinstance(value, kinds) and not isinstance(value, bool):
            size = len(value) if isinstance(value, str | list) else value
            if not schema.get(low, size) <= size <= schema.get(high, size):
                return False
    return True


def _accepts_inside(schema: Json, value: Any, root: Json) -> bool:
    if isinstance(value, list) and "items" in schema:
        return all(accepts(schema["items"], item, root) for item in value)
    if not isinstance(value, dict):
        return True
    properties, rest = schema.get("properties", {}), schema.get("additionalProperties", {})
    if not all(name in value for name in schema.get("required", ())):
        return False
    for name, inner in value.items():
        if name in properties:
            if not accepts(properties[name], inner, root):
                return False
        elif rest is False or (isinstance(rest, dict) and not accepts(rest, inner, root)):
            return False
    return True

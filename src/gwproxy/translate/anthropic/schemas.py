"""JSON Schemas as the Messages API takes them: for tool input, and for structured answers.

https://docs.claude.com/en/docs/build-with-claude/structured-outputs
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from gwproxy.translate.anthropic.wire import ABSENT
from gwproxy.translate.losses import Losses
from gwproxy.translate.wire import jsonio

EMPTY_SCHEMA: Final = '{"type":"object","properties":{}}'

# --- tool input --------------------------------------------------------------------------------


class _Root(Struct):
    type: Raw = ABSENT
    oneOf: list[Raw] | None = None
    anyOf: list[Raw] | None = None
    allOf: list[Raw] | None = None


class _Variant(Struct):
    properties: dict[str, Raw] | None = None
    required: tuple[str, ...] = ()


_root: Final = msgspec.json.Decoder(_Root)
_variant: Final = msgspec.json.Decoder(_Variant)
_members: Final = msgspec.json.Decoder(dict[str, Raw])
_COMBINATORS: Final = ("oneOf", "anyOf", "allOf")


def object_schema(schema: str, losses: Losses) -> str:
    """`schema` with an object at its root and no combinator there, which the API refuses
    ("input_schema does not support oneOf, allOf, or anyOf at the top level").

    The alternatives are merged: all their properties, and as required what all of them require.
    """
    try:
        root = _root.decode(schema)
        if bytes(root.type) == b'"object"' and not (root.oneOf or root.anyOf or root.allOf):
            return schema
        return _merged(root, _members.decode(schema), losses)
    except msgspec.DecodeError:
        losses.drop("tools.input_schema")
        return EMPTY_SCHEMA


def _merged(root: _Root, members: dict[str, Raw], losses: Losses) -> str:
    own = _variant.decode(jsonio.dumps(members))
    properties, required = dict(own.properties or {}), list(own.required)
    choices = [_variant.decode(raw) for raw in [*(root.oneOf or ()), *(root.anyOf or ())]]
    parts = [_variant.decode(raw) for raw in root.allOf or ()]
    if choices or parts:
        losses.drop("tools.input_schema.anyOf")
    for variant in [*parts, *choices]:
        for name, value in (variant.properties or {}).items():
            properties.setdefault(name, value)
    always = [name for part in parts for name in part.required]
    if choices:
        always += [n for n in choices[0].required if all(n in c.required for c in choices)]
    required += [name for name in dict.fromkeys(always) if name not in required]
    kept = {k: v for k, v in members.items() if k not in (*_COMBINATORS, "type")}
    result = {"type": "object", **kept, "properties": properties}
    return jsonio.dumps({**result, "required": required} if required else result).decode()


# --- structured answers --------------------------------------------------------------------------

# Keywords that the grammar behind structured outputs does not know ("limitations" on the page).
_UNSUPPORTED: Final = frozenset(
    {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "patternProperties",
        "propertyNames",
        "not",
    }
)

_BY_NAME: Final = ("properties", "$defs", "definitions")  # they hold schemas under free names


def answer_schema(schema: str) -> str:
    """A schema of OpenAI's structured outputs as this API takes it: objects are closed, `oneOf`
    becomes `anyOf`, and unsupported keywords go into the description."""
    return jsonio.dumps(_closed(jsonio.loads(schema))).decode()


def _closed(value: Any) -> Any:
    if isinstance(value, list):
        return [_closed(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    unsaid: dict[str, Any] = {}
    for key, inner in value.items():
        if key in _UNSUPPORTED:
            unsaid[key] = inner
        elif key in _BY_NAME and isinstance(inner, dict):
            kept[key] = {name: _closed(schema) for name, schema in inner.items()}
        elif key in ("enum", "const", "default", "examples"):
            kept[key] = inner
        else:
            kept["anyOf" if key == "oneOf" else key] = _closed(inner)
    if kept.get("type") == "object" or "properties" in kept:
        kept["additionalProperties"] = False
    if unsaid:
        words = jsonio.dumps(unsaid).decode()
        described = kept.get("description")
        kept["description"] = f"{described} {words}" if described else words
    return kept

"""Checks a value against a JSON Schema, for answers whose host does not enforce it.

Checked are types, enumerations, members, elements, combinations and limits, as in JSON Schema
2020-12 and the drafts before it: https://json-schema.org/draft/2020-12/json-schema-validation. Not
checked: patterns (the client's own, which may take for ever, in another regular expression language
than ours), formats, references to other documents, unknown keywords.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from gwproxy.translate.passes.schema.references import gather, resolve
from gwproxy.translate.passes.schema.values import fits, is_equal
from gwproxy.translate.passes.schema.vocabulary import Schema
from gwproxy.translate.wire import jsonio

_Path: TypeAlias = tuple[str, ...]
_Keyword: TypeAlias = Callable[[Any, Any], bool]

# A schema that refers to itself may lead nowhere; walle's own limit is 30.
_MOST_STEPS: Final = 60
# Pairs of a value and a schema, of which a few lines of either can make any number.
_MOST_PAIRS: Final = 100_000


def misfit(value: Any, schema: str) -> str | None:
    """The path of the first keyword of `schema` that `value` does not satisfy, such as
    `properties.title.type`; None where it fits, or the schema cannot be read."""
    try:
        root = jsonio.loads(schema)
        if not isinstance(root, dict):
            return None if root is not False else "false"
        bare, definitions = gather(root, keep_paths=False)
        found = _Judge(bare, definitions).misfit(value, bare, (), 0)
    except (jsonio.NotJson, RecursionError, _TooMuch):
        return None
    return None if found is None else ".".join(found)


# --- keywords that look at nothing but the value -------------------------------------------------


def _limit(kinds: type | tuple[type, ...], keeps: Callable[[Any, Any], bool]) -> _Keyword:
    """A check of a number's value, or of the length of anything else."""

    def satisfied(value: Any, said: Any) -> bool:
        if not isinstance(value, kinds) or isinstance(value, bool) or isinstance(said, bool):
            return True  # draft 4 has `exclusiveMinimum: true`
        size: Any = value if isinstance(value, int | float) else len(value)  # type: ignore[arg-type]
        return keeps(size, said)

    return satisfied


def _typed(value: Any, said: Any) -> bool:
    return any(fits(value, kind) for kind in (said if isinstance(said, list) else (said,)))


def _enumerated(value: Any, said: Any) -> bool:
    return any(is_equal(value, one) for one in said)


def _multiple(value: Any, said: Any) -> bool:
    whole = isinstance(value, int) and isinstance(said, int)  # floats are not exact
    return not whole or isinstance(value, bool) or value % said == 0


def _unique(value: Any, said: Any) -> bool:
    if said is not True or not isinstance(value, list):
        return True
    return len({jsonio.dumps(one) for one in value}) == len(value)


def _complete(value: Any, said: Any) -> bool:
    return not isinstance(value, dict) or all(name in value for name in said)


_NUMBER: Final = (int, float)

_SIMPLE: Final[Mapping[str, _Keyword]] = MappingProxyType(
    {
        "type": _typed,
        "enum": _enumerated,
        "const": is_equal,
        "required": _complete,
        "multipleOf": _multiple,
        "uniqueItems": _unique,
        "minimum": _limit(_NUMBER, operator.ge),
        "maximum": _limit(_NUMBER, operator.le),
        "exclusiveMinimum": _limit(_NUMBER, operator.gt),
        "exclusiveMaximum": _limit(_NUMBER, operator.lt),
        "minLength": _limit(str, operator.ge),
        "maxLength": _limit(str, operator.le),
        "minItems": _limit(list, operator.ge),
        "maxItems": _limit(list, operator.le),
        "minProperties": _limit(dict, operator.ge),
        "maxProperties": _limit(dict, operator.le),
    }
)


def _satisfied(keyword: str, value: Any, said: Any) -> bool:
    judged = _SIMPLE.get(keyword)
    try:
        return judged is None or judged(value, said)
    except (TypeError, ZeroDivisionError):  # a keyword with a value of the wrong type
        return True


# --- keywords that hold schemas ------------------------------------------------------------------


class _TooMuch(Exception):
    """The check would take too long."""


class _Judge:
    __slots__ = ("_definitions", "_pairs", "_root")

    def __init__(self, root: Schema, definitions: Mapping[str, Any]) -> None:
        self._root = root
        self._definitions = dict(definitions)
        self._pairs = 0

    def misfit(self, value: Any, node: Any, path: _Path, steps: int) -> _Path | None:
        if not isinstance(node, dict):
            return path if node is False else None
        self._pairs += 1
        if steps > _MOST_STEPS or self._pairs > _MOST_PAIRS:
            raise _TooMuch
        if value is None and node.get("nullable") is True:  # OpenAPI 3.0
            return None
        for keyword, said in node.items():
            if not _satisfied(keyword, value, said):
                return (*path, keyword)
        for inner, schema, place in self._inner(value, node):
            found = self.misfit(inner, schema, (*path, *place), steps + 1)
            if found is not None:
                return found
        return self._of_choices(value, node, path, steps + 1)

    def _inner(self, value: Any, node: Schema) -> Iterator[tuple[Any, Any, _Path]]:
        """The values and schemas inside that must fit too, each with its path."""
        if isinstance(reference := node.get("$ref"), str):
            yield value, resolve(reference, self._root, self._definitions), ("$ref",)
        for index, schema in enumerate(_listed(node, "allOf")):
            yield value, schema, ("allOf", str(index))
        if isinstance(value, dict):
            yield from _members(value, node)
        elif isinstance(value, list):
            yield from _elements(value, node)

    def _of_choices(self, value: Any, node: Schema, path: _Path, steps: int) -> _Path | None:
        def taken(keyword: str) -> int:
            fitting = (self.misfit(value, one, (), steps) for one in _listed(node, keyword))
            return sum(found is None for found in fitting)

        if _listed(node, "anyOf") and not taken("anyOf"):
            return (*path, "anyOf")
        if _listed(node, "oneOf") and taken("oneOf") != 1:
            return (*path, "oneOf")
        if "not" in node and self.misfit(value, node["not"], (), steps) is None:
            return (*path, "not")
        if "if" in node:
            branch = "then" if self.misfit(value, node["if"], (), steps) is None else "else"
            return self.misfit(value, node.get(branch), (*path, branch), steps)
        return None


def _listed(node: Schema, keyword: str) -> list[Any]:
    said = node.get(keyword)
    return said if isinstance(said, list) else []


def _members(value: Schema, node: Schema) -> Iterator[tuple[Any, Any, _Path]]:
    own = node.get("properties")
    own = own if isinstance(own, dict) else {}
    others = None if "patternProperties" in node else node.get("additionalProperties")
    for name, member in value.items():
        if name in own:
            yield member, own[name], ("properties", name)
        else:
            yield member, others, ("additionalProperties",)


def _elements(value: list[Any], node: Schema) -> Iterator[tuple[Any, Any, _Path]]:
    """The elements with their schemas and paths; older drafts list the first schemas in `items`."""
    items, leading, rest = node.get("items"), "prefixItems", "items"
    if isinstance(items, list):
        leading, rest = "items", "additionalItems"
    first = _listed(node, leading)
    for index, element in enumerate(value):
        if index < len(first):
            yield element, first[index], (leading, str(index))
        else:
            yield element, node.get(rest), (rest,)

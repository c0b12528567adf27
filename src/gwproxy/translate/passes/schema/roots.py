"""The schema of a whole tool: an object at the root, whatever the author declared there.

"tools.function.parameters.type is required and must be "object"". A union of objects becomes one
object; anything else goes into one property, and the arguments come back out of it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from gwproxy.translate.passes.schema.combine import united
from gwproxy.translate.passes.schema.normaliser import DEFAULT_LIMITS, EMPTY, REMEMBERED, normalise
from gwproxy.translate.passes.schema.references import (
    PREFIX,
    mapped,
    reachable,
    references_in,
    resolve,
)
from gwproxy.translate.passes.schema.vocabulary import (
    ROOT_ONLY,
    Schema,
    SchemaLimits,
    types_of,
    with_words_of,
)
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.arguments import ArgumentsEnd, end_of

WRAPPER: Final = "value"
_WHOLE: Final = "whole"

_members: Final = jsonio.decoder(dict[str, msgspec.Raw])


class Parameters(Struct, frozen=True):
    """A tool's schema as the upstream gets it. `wrapped` names the one property that holds the
    arguments, when what the author declared is no object; None nearly always."""

    schema: str
    wrapped: str | None = None


@functools.lru_cache(maxsize=REMEMBERED)
def parameters(
    text: str, *, plain: bool = False, limits: SchemaLimits = DEFAULT_LIMITS
) -> Parameters:
    """`text` as a tool may declare it. The schema of an object that the dialect takes keeps its
    bytes (`normalise`)."""
    legal = normalise(text, plain=plain, limits=limits)
    root = jsonio.loads(legal)
    if root.get("type") == "object":
        return Parameters(legal)
    if not root:
        return Parameters(EMPTY)
    made, wrapped = _object(root)
    legal = normalise(jsonio.dumps(made).decode(), plain=plain, limits=limits)
    if jsonio.loads(legal).get("type") != "object":
        return Parameters(EMPTY)
    return Parameters(legal, wrapped)


def _object(whole: Schema) -> tuple[Schema, str | None]:
    definitions = whole.get("$defs") or {}
    root = {key: value for key, value in whole.items() if key not in ROOT_ONLY}
    root = _followed(root, root, definitions)
    if "object" in types_of(root):
        return _with_definitions({**root, "type": "object"}, definitions), None
    objects = [_followed(branch, root, definitions) for branch in _branches(root)]
    if objects and all(types_of(branch) == ("object",) for branch in objects):
        one = objects[0] if len(objects) == 1 else united(objects)
        return _with_definitions(with_words_of(root, one), definitions), None
    return _wrapped(root, definitions), WRAPPER


def _with_definitions(root: Schema, definitions: dict[str, Any]) -> Schema:
    used = reachable(root, definitions)
    kept = {name: schema for name, schema in definitions.items() if name in used}
    return {**root, "$defs": kept} if kept else root


def _followed(node: Schema, root: Schema, definitions: dict[str, Any]) -> Schema:
    """What a reference stands for, with the words beside it."""
    seen: set[str] = set()
    while isinstance(reference := node.get("$ref"), str) and reference not in seen:
        seen.add(reference)
        target = resolve(reference, root, definitions)
        if not isinstance(target, dict):
            break
        node = with_words_of(node, target)
    return node


def _branches(root: Schema) -> Iterator[Schema]:
    """Alternatives of a union; null is none, since arguments are always given."""
    for branch in root.get("anyOf") or ():
        if "anyOf" in branch:
            yield from _branches(branch)
        elif types_of(branch) != ("null",):
            yield branch


def _wrapped(root: Schema, definitions: dict[str, Any]) -> Schema:
    if "#" in references_in({**root, "$defs": definitions}):
        # What referred to the root now means what is inside the wrapper.
        name = _WHOLE
        while name in definitions:
            name += "_"
        renamed = {"#": PREFIX + name}
        definitions = {
            **{key: mapped(schema, renamed) for key, schema in definitions.items()},
            name: mapped(root, renamed),
        }
        root = {"$ref": PREFIX + name}
    out = {"type": "object", "properties": {WRAPPER: root}, "required": [WRAPPER]}
    return _with_definitions(out, definitions)


def wrap_arguments(arguments: str, wrapper: str) -> str:
    """Arguments of the author's schema as those of the wrapped one, for calls in the history.
    Those of a client that keeps every argument in an object are wrapped already."""
    if unwrap_arguments(arguments, wrapper) != arguments:
        return arguments
    return "{" + jsonio.dumps(wrapper).decode() + ":" + (arguments.strip() or "null") + "}"


def unwrap_arguments(arguments: str, wrapper: str) -> str:
    """The author's arguments out of those a model gave; others than wrapped ones stay."""
    try:
        members = _members(arguments)
    except jsonio.NotJson:
        return arguments
    inner = members.get(wrapper)
    return arguments if inner is None or len(members) != 1 else jsonio.raw(inner)


class ValueUnwrapper:
    """`unwrap_arguments` for a stream: nothing comes before the end, since only the whole shows
    whether the model kept to the wrapper."""

    __slots__ = ("_pieces", "_wrapper")

    def __init__(self, wrapper: str) -> None:
        self._wrapper = wrapper
        self._pieces: list[str] = []

    def feed(self, fragment: str) -> str:
        self._pieces.append(fragment)
        return ""

    @property
    def end(self) -> ArgumentsEnd:
        return end_of("".join(self._pieces))

    def close(self) -> str:
        return unwrap_arguments("".join(self._pieces), self._wrapper)

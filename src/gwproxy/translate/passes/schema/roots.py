"""Makes an object of a tool's schema, whatever its root is.

"tools.function.parameters.type is required and must be "object"". A union of objects becomes one
object; anything else goes into one property, and the arguments are taken out of it again.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from gwproxy.translate.passes.schema.combine import united
from gwproxy.translate.passes.schema.normaliser import EMPTY, REMEMBERED, normalise
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
    types_of,
    with_words_of,
)
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.arguments import ArgumentsEnd, end_of

WRAPPER: Final = "value"
_WHOLE: Final = "whole"

_members: Final = jsonio.decoder(dict[str, msgspec.Raw])


class Parameters(Struct, frozen=True):
    """A tool's schema for the upstream. `wrapped` is the property that holds the arguments, where
    the author's schema is no object; None nearly always."""

    schema: str
    wrapped: str | None = None


@functools.lru_cache(maxsize=REMEMBERED)
def parameters(text: str, *, plain: bool = False) -> Parameters:
    """The schema `text` as a tool's parameters in the dialect; that of a legal object keeps its
    bytes (`normalise`)."""
    legal = normalise(text, plain=plain)
    root = jsonio.loads(legal)
    if root.get("type") == "object":
        return Parameters(legal)
    if not root:
        return Parameters(EMPTY)
    made, wrapped = _object(root)
    legal = normalise(jsonio.dumps(made).decode(), plain=plain)
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
    """The target of a reference, with the annotations beside the reference; other schemas as they
    are."""
    seen: set[str] = set()
    while isinstance(reference := node.get("$ref"), str) and reference not in seen:
        seen.add(reference)
        target = resolve(reference, root, definitions)
        if not isinstance(target, dict):
            break
        node = with_words_of(node, target)
    return node


def _branches(root: Schema) -> Iterator[Schema]:
    """The alternatives of a union without null, since arguments are always given."""
    for branch in root.get("anyOf") or ():
        if "anyOf" in branch:
            yield from _branches(branch)
        elif types_of(branch) != ("null",):
            yield branch


def _wrapped(root: Schema, definitions: dict[str, Any]) -> Schema:
    if "#" in references_in({**root, "$defs": definitions}):
        # References to the root have to lead to what is inside the wrapper now.
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
    """Arguments of the author's schema in the wrapper, for calls in the history; wrapped ones,
    which a client that wants objects has kept, unchanged."""
    if unwrap_arguments(arguments, wrapper) != arguments:
        return arguments
    return "{" + jsonio.dumps(wrapper).decode() + ":" + (arguments.strip() or "null") + "}"


def unwrap_arguments(arguments: str, wrapper: str) -> str:
    """The arguments inside the wrapper; others unchanged."""
    try:
        members = _members(arguments)
    except jsonio.NotJson:
        return arguments
    inner = members.get(wrapper)
    return arguments if inner is None or len(members) != 1 else jsonio.raw(inner)


class ValueUnwrapper:
    """`unwrap_arguments` for a stream; everything comes at the end, which shows whether the model
    used the wrapper."""

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

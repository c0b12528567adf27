"""Rewrites a schema into Moonshot's JSON Schema dialect, text in and text out.

A legal schema keeps its bytes. Any other is made legal with as little change as possible, and still
accepts what its author accepted.
"""

from __future__ import annotations

import functools
from typing import Any, Final

from gwproxy.translate.passes.schema import endings, references, siblings, size
from gwproxy.translate.passes.schema.shapes import Rewriter
from gwproxy.translate.passes.schema.vocabulary import ANYTHING, Schema, SchemaLimits
from gwproxy.translate.wire import jsonio

DEFAULT_LIMITS: Final = SchemaLimits()
EMPTY: Final = '{"type":"object","properties":{}}'

# The tools of many sessions: an agent declares some tens, a person runs some agents.
REMEMBERED: Final = 1024
# Definitions copied into one schema: enough for any hand-written `allOf`, too few for a schema
# whose copies double at each level.
_MOST_COPIES: Final = 200


@functools.lru_cache(maxsize=REMEMBERED)
def normalise(text: str, *, plain: bool = False, limits: SchemaLimits = DEFAULT_LIMITS) -> str:
    """The schema `text` in the dialect; the same string where it is legal already.

    `plain` leaves only what the validator's strictest level knows and puts the rest into
    descriptions: for a host that refuses what the documented level takes. Text that is no JSON
    object gives a schema of an object without properties.
    """
    try:
        node = jsonio.loads(text)
    except jsonio.NotJson:
        return EMPTY
    if not isinstance(node, dict):
        return EMPTY
    try:
        before = jsonio.dumps(node)
        after = jsonio.dumps(normalised(node, plain=plain, limits=limits))
    except RecursionError:
        # Hundreds of schemas within each other, where the vendor takes thirty.
        return EMPTY
    return text if after == before else after.decode()


def normalised(node: Schema, *, plain: bool, limits: SchemaLimits = DEFAULT_LIMITS) -> Schema:
    """The parsed schema `node` in the dialect."""
    node = _unpacked(node)
    if not node:
        return node
    out = _once(node, plain=plain, limits=limits, keep_paths=True)
    if out == node:
        return out
    return _once(node, plain=plain, limits=limits, keep_paths=False)


def _unpacked(node: Schema) -> Schema:
    """The schema; the parameters where a whole tool was declared in its place."""
    function = node.get("function")
    if node.get("type") == "function" and isinstance(function, dict):
        parameters = function.get("parameters")
        return parameters if isinstance(parameters, dict) else {}
    return node


def _once(node: Schema, *, plain: bool, limits: SchemaLimits, keep_paths: bool) -> Schema:
    root, definitions = references.gather(node, keep_paths=keep_paths)
    rewriter = Rewriter(_copier(root, definitions), limits, plain=plain)
    legal = rewriter.rewrite(root, root=True)
    root = {} if legal is None else legal
    changed = {name: _definition(rewriter, schema) for name, schema in definitions.items()}
    used = references.reachable(root, changed)
    own = node.get("$defs") or {}
    kept = {
        name: schema
        for name, schema in changed.items()
        if name in used or (name in own and schema == definitions[name])
    }
    root, kept = siblings.settled(root, kept)
    root, kept = endings.ended(root, kept)
    whole = size.fitted(root, kept, limits)
    return _placed(whole, node)


def _definition(rewriter: Rewriter, schema: Any) -> Schema:
    legal = rewriter.rewrite(schema)
    return {"type": list(ANYTHING)} if legal is None else legal


def _copier(root: Schema, definitions: dict[str, Any]) -> Any:
    copies = 0

    def copy(reference: str) -> Schema | None:
        nonlocal copies
        copies += 1
        target = references.resolve(reference, root, definitions)
        if copies > _MOST_COPIES or not isinstance(target, dict):
            return None
        return None if references.is_circular(reference, root, definitions) else target

    return copy


def _placed(whole: Schema, original: Schema) -> Schema:
    """The schema with its keywords in the author's order, so that an equal one has equal bytes."""
    if original.get("$defs") == {}:
        whole.setdefault("$defs", {})
    if "$defs" not in whole or "$defs" not in original:
        return whole
    order = [key for key in original if key in whole]
    return {key: whole[key] for key in (*order, *(k for k in whole if k not in order))}

"""Settles keywords beside a reference: "conflicting keywords found after $ref expansion:
description" (MoonshotAI/kimi-cli#2061), and definitions that the validator refuses.
"""

from __future__ import annotations

from typing import Any

from gwproxy.translate.passes.schema.references import (
    PREFIX,
    changed,
    is_circular,
    references_in,
    resolve,
)
from gwproxy.translate.passes.schema.vocabulary import (
    ANNOTATIONS,
    ANYTHING,
    ROOT_ONLY,
    Schema,
    with_note,
    with_words_of,
)


def settled(root: Schema, definitions: dict[str, Any]) -> tuple[Schema, dict[str, Any]]:
    """The root and definitions without keywords beside a reference that its target has too, and
    without slashes in names: "$defs property name 'a/b' cannot contain '/' character"."""
    slashed = [name for name, schema in definitions.items() if _has_slash(schema)]
    if slashed:
        settler = _Settler(root, definitions, frozenset(slashed))
        root = settler.schema(root, root=True)
        definitions = {
            name: _unslashed(settler.schema(schema)) for name, schema in definitions.items()
        }
        used = {
            r.removeprefix(PREFIX) for d in (root, *definitions.values()) for r in references_in(d)
        }
        definitions = {n: s for n, s in definitions.items() if n not in slashed or n in used}
    settler = _Settler(root, definitions, frozenset())
    return settler.schema(root, root=True), {
        name: settler.schema(schema) for name, schema in definitions.items()
    }


class _Settler:
    def __init__(self, root: Schema, definitions: dict[str, Any], copied: frozenset[str]) -> None:
        self._root = root
        self._definitions = definitions
        self._copied = copied

    def schema(self, node: Any, *, root: bool = False) -> Any:
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            return self._reference(node, root=root)
        return changed(node, self.schema)

    def _reference(self, node: Schema, *, root: bool) -> Schema:
        reference = node["$ref"]
        target = resolve(reference, self._root, self._definitions)
        if not isinstance(target, dict):
            rest = {key: value for key, value in node.items() if key != "$ref"}
            return {**rest, "type": list(ANYTHING)} if rest.keys() <= ANNOTATIONS else rest
        if reference.removeprefix(PREFIX) in self._copied and not is_circular(
            reference, self._root, self._definitions
        ):
            return with_words_of(node, self.schema(target))
        said = self._said_behind(reference)
        clashing = (node.keys() & said) - {"$ref"}
        if not clashing:
            return node
        kept = {key: value for key, value in node.items() if key not in clashing}
        words = {key: node[key] for key in clashing & ANNOTATIONS}
        if not words or root:
            return kept
        # A union of one branch may have annotations of its own.
        del kept["$ref"]
        return {"anyOf": [{"$ref": reference}], **kept, **words}

    def _said_behind(self, reference: str) -> set[str]:
        """The keywords that the validator finds when it follows the reference."""
        said: set[str] = set()
        seen: set[str] = set()
        while reference not in seen:
            seen.add(reference)
            target = resolve(reference, self._root, self._definitions)
            if not isinstance(target, dict):
                break
            said |= target.keys() - ROOT_ONLY
            for branch in target.get("anyOf") or ():
                said |= branch.keys() - {"$ref"}
            if not isinstance(target.get("$ref"), str):
                break
            reference = target["$ref"]
        return said


def _has_slash(node: Any) -> bool:
    if isinstance(node, dict):
        return any("/" in key for key in node) or any(_has_slash(v) for v in node.values())
    return isinstance(node, list) and any(_has_slash(value) for value in node)


def _unslashed(node: Any) -> Any:
    """A schema without keys that have slashes; the properties stay allowed."""
    if isinstance(node, list):
        return [_unslashed(value) for value in node]
    if not isinstance(node, dict):
        return node
    out = {key: _unslashed(value) for key, value in node.items() if "/" not in key}
    properties = node.get("properties")
    if isinstance(properties, dict) and any("/" in name for name in properties):
        out["required"] = [n for n in node.get("required") or () if "/" not in n]
        if out.get("additionalProperties") is not None:
            out["additionalProperties"] = True
        if not out["required"]:
            del out["required"]
        told = ", ".join(name for name in properties if "/" in name)
        out = with_note(out, f"Also takes {told}.")
    return out

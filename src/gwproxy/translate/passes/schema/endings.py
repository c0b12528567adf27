"""Lets recursion end: "detected infinite recursion without termination condition".

What ends is the validator's rule, which is generous: a value of a plain type, a list without items,
an object without required properties, and an object *one* of whose required properties ends.
"""

from __future__ import annotations

from typing import Any

from gwproxy.translate.passes.schema.references import changed, resolve
from gwproxy.translate.passes.schema.vocabulary import ANYTHING, Schema, types_of


def ended(root: Schema, definitions: dict[str, Any]) -> tuple[Schema, dict[str, Any]]:
    """The same schemas where the root can end; otherwise properties that never end are not
    required, and references that still are circular become anything."""
    if _ends(root, root, definitions):
        return root, definitions
    for give_up in (False, True):
        loosen = _Loosener(root, definitions, give_up)
        definitions = {name: loosen.schema(schema) for name, schema in definitions.items()}
        if _ends(root, root, definitions):
            break
        root = _Loosener(root, definitions, give_up).schema(root)
        if _ends(root, root, definitions):
            break
    return root, definitions


def _ends(schema: Any, root: Schema, definitions: dict[str, Any]) -> bool:
    return _reaches_end(schema, root, definitions, set())


def _reaches_end(schema: Any, root: Schema, definitions: dict[str, Any], seen: set[str]) -> bool:
    if not isinstance(schema, dict) or not schema:
        return True
    reference = schema.get("$ref")
    if isinstance(reference, str):
        if reference in seen:
            return False
        seen.add(reference)
        return _reaches_end(resolve(reference, root, definitions), root, definitions, seen)
    if isinstance(schema.get("anyOf"), list):
        return any(_reaches_end(branch, root, definitions, seen) for branch in schema["anyOf"])
    kinds = types_of(schema)
    if not kinds or any(kind not in ("object", "array") for kind in kinds):
        return True
    if kinds[-1] == "array":
        return _reaches_end(schema.get("items"), root, definitions, seen)
    required = schema.get("required") or []
    properties = schema.get("properties") or {}
    wanted = [properties[name] for name in required if name in properties]
    return not wanted or any(_reaches_end(inner, root, definitions, seen) for inner in wanted)


class _Loosener:
    def __init__(self, root: Schema, definitions: dict[str, Any], give_up: bool) -> None:
        self._root = root
        self._definitions = definitions
        self._give_up = give_up

    def schema(self, node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        if self._give_up and "$ref" in node and not _ends(node, self._root, self._definitions):
            return {"type": list(ANYTHING)}
        out = changed(node, self.schema)
        required, properties = out.get("required"), node.get("properties")
        if isinstance(required, list) and isinstance(properties, dict):
            kept = [
                name
                for name in required
                if _ends(properties.get(name), self._root, self._definitions)
            ]
            out = {**out, "required": kept} if kept else _without_required(out)
        return out


def _without_required(node: Schema) -> Schema:
    return {key: value for key, value in node.items() if key != "required"}

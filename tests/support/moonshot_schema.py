"""A strict judge of Moonshot's JSON Schema dialect, written from the facts of the public validator.

https://github.com/MoonshotAI/walle (docs/walle.md and the messages of its sources), MIT. It shares
no code and no tables with `gwproxy.translate.passes.schema`, so that either can be wrong alone.

Two levels, as there: `strict` is what the server asks for, `ultra` also refuses keywords that the
dialect does not know. On top of the published `strict` it keeps what earlier releases refused and
hosts still report: schemas without a type, and one word both in a schema and behind its reference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

Level = Literal["strict", "ultra"]
Json = dict[str, Any]

TYPES = {"string", "number", "integer", "boolean", "null", "array", "object"}
WORDS = {"description", "title"}
AT_THE_ROOT = {"$defs", "$id"}
RESERVED = {"$defs", "$ref", "anyOf", "required", "additionalProperties"}
BESIDE_TYPE = {
    "object": {"properties", "required", "additionalProperties", "$ref", "anyOf"},
    "array": {"items", "minItems", "maxItems", "$ref"},
    "string": {"minLength", "maxLength", "pattern", "enum"},
    "number": {"minimum", "maximum", "enum"},
    "integer": {"minimum", "maximum", "enum"},
    "boolean": {"enum"},
    "null": {"enum"},
}
KNOWN = set().union(*BESIDE_TYPE.values()) | WORDS | AT_THE_ROOT | {"type", "default"}
MAX_BYTES = 120_000
MAX_PROPERTIES = 3000
MAX_ENUM = 1000
MAX_ANY_OF = 500


class Refused(Exception):
    pass


def complaint(text: str, *, level: Level = "strict", max_depth: int = 30) -> str | None:
    """Why the dialect refuses the schema `text`; None when it takes it."""
    try:
        root = json.loads(text, parse_constant=_not_json, parse_float=_finite)
    except ValueError:
        return "parsing error"
    if not isinstance(root, dict):
        return "schema must be a dict"
    try:
        _Judge(root, level == "ultra", max_depth).judge()
    except Refused as refused:
        return str(refused)
    return None


def tool_complaint(text: str, *, level: Level = "strict") -> str | None:
    """The same for the parameters of a tool, which are an object."""
    found = complaint(text, level=level)
    if found is None and json.loads(text).get("type") != "object":
        return 'tools.function.parameters.type is required and must be "object"'
    return found


def _not_json(word: str) -> float:
    raise ValueError(word)


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(digits)
    return number


class _Judge:
    def __init__(self, root: Json, ultra: bool, max_depth: int) -> None:
        self.root = root
        self.ultra = ultra
        self.max_depth = max_depth
        self.properties = 0

    def judge(self) -> None:
        if not self.root:
            return
        go_json = json.dumps(self.root, ensure_ascii=False, separators=(",", ":"))
        if len(go_json.encode()) + 5 * sum(go_json.count(c) for c in "<>&") > MAX_BYTES:
            raise Refused("schema exceeds maximum allowed size")
        self.schema(self.root, ("root",), 0)
        for node, path in self.every_schema(self.root, ("root",)):
            if "$ref" in node:
                self.reference_in_context(node, path)
        self.recursion()

    # --- one schema --------------------------------------------------------------------------

    def schema(self, node: Json, path: tuple[str, ...], depth: int) -> None:
        root = path == ("root",)
        if depth > self.max_depth:
            raise Refused(f"{path}: schema depth exceeds maximum limit")
        unknown = node.keys() - (KNOWN if self.ultra else node.keys() - {"patternProperties"})
        if unknown:
            raise Refused(f"{path}: unsupported keywords: {sorted(unknown)}")
        self.definitions(node, path, depth)
        self.type_and_neighbours(node, path, root)
        self.words(node, path, root)
        self.union(node, path, root)
        self.object_keywords(node, path)
        self.enum(node, path)
        if "items" in node and not isinstance(node["items"], dict):
            raise Refused(f"{path}: items must be an object")
        if "$ref" in node:
            self.reference(node, path, depth, root)
        for child, name, step in nested(node):
            self.schema(child, (*path, *name), depth + step)

    def definitions(self, node: Json, path: tuple[str, ...], depth: int) -> None:
        if "$defs" not in node:
            return
        if not isinstance(node["$defs"], dict):
            raise Refused(f"{path}: $defs must be an object")
        for name, schema in node["$defs"].items():
            if not isinstance(schema, dict):
                raise Refused(f"{path}: $defs schema must be object: {name}")
            if not name or "/" in name or any("/" in key for key in every_key(schema)):
                raise Refused(f"{path}: $defs property name {name!r} cannot contain '/'")
            self.schema(schema, (*path, "$defs", name), depth)

    def type_and_neighbours(self, node: Json, path: tuple[str, ...], root: bool) -> None:
        if "type" not in node:
            anywhere = not node and path[-1] == "additionalProperties"
            if not anywhere and "anyOf" not in node and "$ref" not in node:
                raise Refused(f"{path}: type need to be defined explicitly")
            return
        if "anyOf" in node or "$ref" in node:
            raise Refused(f"{path}: type should be defined in anyOf items or the referenced schema")
        said = node["type"]
        types = said if isinstance(said, list) else [said]
        if not types or not all(isinstance(t, str) and t in TYPES for t in types):
            raise Refused(f"{path}: invalid type")
        beside = node.keys() - WORDS - {"type"} - (AT_THE_ROOT if root else set())
        if len(types) > 1 and beside and not (len(types) == 2 and "enum" in node):
            raise Refused(f"{path}: keywords {sorted(beside)} in combination with multiple types")
        if self.ultra:
            self.ultra_neighbours(node, path, types, root)

    def ultra_neighbours(
        self, node: Json, path: tuple[str, ...], types: list[str], root: bool
    ) -> None:
        if len(set(types)) < len(types):
            raise Refused(f"{path}: duplicate types")
        allowed = set.intersection(*(BESIDE_TYPE[t] for t in types)) | WORDS | {"type", "default"}
        allowed |= AT_THE_ROOT if root else set()
        if foreign := node.keys() - allowed:
            raise Refused(f"{path}: invalid keywords: {sorted(foreign)}")
        for low, high, whole in (
            ("minLength", "maxLength", True),
            ("minItems", "maxItems", True),
            ("minimum", "maximum", False),
        ):
            self.bounds(node, path, low, high, counts=whole, whole=whole or "integer" in types)

    def bounds(
        self, node: Json, path: tuple[str, ...], low: str, high: str, *, counts: bool, whole: bool
    ) -> None:
        for key in (low, high):
            value = node.get(key)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise Refused(f"{path}: {key} must be a number")
            if counts and value < 0:
                raise Refused(f"{path}: {key} must be non-negative")
            if whole and value != int(value):
                raise Refused(f"{path}: {key} is not a valid integer")
        if node.get(low) is not None and node.get(high) is not None and node[low] > node[high]:
            raise Refused(f"{path}: {low} cannot be greater than {high}")

    def words(self, node: Json, path: tuple[str, ...], root: bool) -> None:
        for key in ("description", "$id"):
            if key in node and not isinstance(node[key], str):
                raise Refused(f"{path}: {key} must be a string")
        if not isinstance(node.get("pattern"), str | None):
            raise Refused(f"{path}: pattern must be a string")
        if self.ultra and not root and AT_THE_ROOT & node.keys():
            raise Refused(f"{path}: $defs and $id must be at root level")

    # --- unions and references ---------------------------------------------------------------

    def union(self, node: Json, path: tuple[str, ...], root: bool) -> None:
        if "anyOf" not in node:
            return
        branches = node["anyOf"]
        if not isinstance(branches, list) or not 1 <= len(branches) <= MAX_ANY_OF:
            raise Refused(f"{path}: anyOf must have 1-{MAX_ANY_OF} items")
        self.alone(node, path, "anyOf", root)
        for branch in branches:
            if not isinstance(branch, dict):
                raise Refused(f"{path}: schema in anyOf must be an object")
            if shared := branch.keys() & (node.keys() - {"anyOf"}):
                raise Refused(f"{path}: conflicting keywords in anyOf with parent: {shared}")

    def alone(self, node: Json, path: tuple[str, ...], keyword: str, root: bool) -> None:
        shaping = KNOWN - WORDS - {"default"} if not self.ultra else KNOWN - WORDS
        others = (node.keys() & shaping) - {keyword} - (AT_THE_ROOT if root else set())
        if others:
            raise Refused(f"{path}: {sorted(others)} not allowed at the same level as {keyword}")

    def reference(self, node: Json, path: tuple[str, ...], depth: int, root: bool) -> None:
        target = self.target(node["$ref"], path)
        self.alone(node, path, "$ref", root)
        behind = 0 if node["$ref"] == "#" else self.depth_behind(target, {node["$ref"]})
        if depth + behind > self.max_depth:
            raise Refused(f"{path}: schema depth exceeds maximum limit")

    def target(self, reference: Any, path: tuple[str, ...]) -> Json:
        if not isinstance(reference, str):
            raise Refused(f"{path}: $ref must be a string")
        if reference == "#":
            return self.root
        if not reference.startswith("#/$defs/") or reference == "#/$defs/":
            raise Refused(f"{path}: references must start with #/$defs/")
        if "$defs" not in self.root:
            raise Refused(f"{path}: $defs not found for reference: {reference}")
        found: Any = self.root
        for part in reference[2:].split("/"):
            found = found.get(part) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            raise Refused(f"{path}: invalid $ref path: {reference}")
        return found

    def depth_behind(self, node: Any, seen: set[str]) -> int:
        reference = node.get("$ref")
        deepest = 0
        if isinstance(reference, str) and reference not in seen and reference != "#":
            deepest = self.depth_behind(self.target(reference, ()), seen | {reference})
        for child, name, step in nested(node):
            if name[0] != "items":
                deepest = max(deepest, step + self.depth_behind(child, seen))
        return deepest

    def reference_in_context(self, node: Json, path: tuple[str, ...]) -> None:
        """Where a reference stands, and which words stand on both sides of it."""
        if not self.legal_place(path):
            raise Refused(f"{path}: $ref is not allowed in this schema")
        seen: set[str] = set()
        reference = node["$ref"]
        said: set[str] = set()
        while reference not in seen:
            seen.add(reference)
            target = self.target(reference, path)
            if said & target.keys() & WORDS:
                raise Refused(f"{path}: conflicting keywords at multiple levels after $ref")
            said |= target.keys() - {"$ref"} - AT_THE_ROOT
            for branch in target.get("anyOf", ()):
                said |= branch.keys() - {"$ref"}
            if "$ref" not in target:
                break
            reference = target["$ref"]
        if both := (node.keys() - {"$ref"}) & said:
            raise Refused(f"{path}: conflicting keywords after $ref expansion: {sorted(both)}")

    def legal_place(self, path: tuple[str, ...]) -> bool:
        place = path[-1]
        in_map = len(path) >= 2 and path[-2] in ("properties", "$defs")
        return in_map or place in ("root", "items", "additionalProperties", "anyOf")

    def every_schema(
        self, node: Any, path: tuple[str, ...]
    ) -> Iterator[tuple[Json, tuple[str, ...]]]:
        """Every object inside, also where the dialect knows no schema: references count there."""
        if not isinstance(node, dict):
            return
        is_map = path[-1] in ("properties", "$defs") and path[-2:-1] not in (("properties",),)
        if not is_map:
            yield node, path
        for key, value in node.items():
            if key == "anyOf" and isinstance(value, list) and not is_map:
                for branch in value:
                    yield from self.every_schema(branch, (*path, "anyOf"))
            else:
                yield from self.every_schema(value, (*path, key))

    # --- values ------------------------------------------------------------------------------

    def object_keywords(self, node: Json, path: tuple[str, ...]) -> None:
        properties = node.get("properties", {})
        if not isinstance(properties, dict):
            raise Refused(f"{path}: properties must be an object")
        self.properties += len(properties)
        if self.properties > MAX_PROPERTIES:
            raise Refused(f"{path}: total number of properties keys exceeds maximum")
        for name, schema in properties.items():
            if name in RESERVED or not name:
                raise Refused(f"{path}: property name {name!r} is reserved")
            if not isinstance(schema, dict):
                raise Refused(f"{path}: property schema for {name!r} must be an object")
        if not isinstance(node.get("additionalProperties", True), bool | dict):
            raise Refused(f"{path}: additionalProperties must be a boolean or an object")
        self.required(node, properties, path)

    def required(self, node: Json, properties: Json, path: tuple[str, ...]) -> None:
        names = node.get("required", [])
        if not isinstance(names, list):
            raise Refused(f"{path}: required must be an array")
        for name in names:
            if not isinstance(name, str) or name not in properties:
                raise Refused(f"{path}: required property {name!r} is not defined in properties")
        if names and any(mistaken(part) for part in path):
            raise Refused(f"{path}: invalid path")
        if self.ultra and len(set(names)) < len(names):
            raise Refused(f"{path}: duplicate items in required array")
        if self.ultra and names and node.get("type") not in ("object", ["object"]):
            raise Refused(f"{path}: required keyword must be used with object")

    def enum(self, node: Json, path: tuple[str, ...]) -> None:
        if any(key in node for key in ("enum", "anyOf", "$ref")) and any(map(mistaken, path)):
            raise Refused(f"{path}: invalid path")
        if "enum" not in node:
            return
        values = node["enum"]
        if not isinstance(values, list) or not 1 <= len(values) <= MAX_ENUM:
            raise Refused(
                f"{path}: enum array cannot be empty, nor have more than {MAX_ENUM} items"
            )
        if "type" not in node:
            raise Refused(f"{path}: type is not defined")
        said = node["type"]
        types = said if isinstance(said, list) else [said]
        if len(types) > 2 or (len(types) == 2 and "null" not in types):
            raise Refused(f"{path}: only 2 types are supported with enum, one must be null")
        if len(types) == 2 and {"object", "array"} & set(types):
            raise Refused(f"{path}: invalid type combination with enum")
        for value in values:
            if not any(self.matches(value, t, path) for t in types):
                raise Refused(f"{path}: enum value ({value}) does not match any type in {types}")

    def matches(self, value: Any, wanted: str, path: tuple[str, ...]) -> bool:
        if wanted in ("number", "integer"):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or (wanted == "integer" and value != int(value)):
                # it stops here, even if another of the types would do
                raise Refused(f"{path}: not a valid {wanted}")
            return True
        python = {"string": str, "boolean": bool, "array": list, "object": dict}
        return value is None if wanted == "null" else isinstance(value, python[wanted])

    # --- recursion ---------------------------------------------------------------------------

    def recursion(self) -> None:
        if self.ends(self.root, set()):
            return
        for node, path in self.every_schema(self.root, ("root",)):
            endless = "$ref" in node and "additionalProperties" not in path
            if endless and not self.ends(self.target(node["$ref"], path), set()):
                raise Refused(f"{path}: infinite recursion without termination condition")

    def ends(self, node: Json, seen: set[str]) -> bool:
        if not node:
            return True
        if "$ref" in node:
            if node["$ref"] in seen:
                return False
            seen.add(node["$ref"])
            return self.ends(self.target(node["$ref"], ()), seen)
        if "anyOf" in node:
            return any(self.ends(branch, seen) for branch in node["anyOf"])
        said = node.get("type")
        types = said if isinstance(said, list) else [said]
        if any(t not in ("object", "array") for t in types):
            return True
        if types[-1] == "array":
            return self.ends(node.get("items", {}), seen)
        required, properties = node.get("required"), node.get("properties")
        if not required or not properties:
            return True
        return any(self.ends(properties[name], seen) for name in required)


def nested(node: Json) -> Iterator[tuple[Json, tuple[str, ...], int]]:
    """The schemas directly inside, the path to each, and how much deeper it counts."""
    for name, schema in node.get("properties", {}).items():
        yield schema, ("properties", name), 1
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield node[key], (key,), 0
    for branch in node.get("anyOf", ()):
        yield branch, ("anyOf",), 0


def every_key(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from every_key(inner)


def mistaken(name: str) -> bool:
    """A property whose name the validator takes for its own notation of a branch."""
    return "{" in name and "}" in name

"""What every configuration text has in common: a tree of values, addressed by a path of keys.

`jsontext` and `tomltext` give the same three operations over their own syntax (`TextFormat`);
plans and undo are written once, against this page. Pure: no files, no environment.

A path names members of objects (tables) only. Lists are leaves: gwproxy owns none of their
items, so it never edits inside one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias


class Absent(Enum):
    """The value of a member that is not there; `None` is a value in JSON."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT

Value: TypeAlias = object
Tree: TypeAlias = dict[str, Value]
MemberPath: TypeAlias = tuple[str, ...]

# (start, end, replacement): offsets into the text before any of its splices is applied.
Splice: TypeAlias = tuple[int, int, str]


class Uneditable(Exception):
    """This text must not be edited: it does not parse, or something stands in the way.

    `line` and `column` count from 1; `reason` is a plain phrase.
    """

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(f"{line}:{column}: {reason}")
        self.reason = reason
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class TextFormat:
    """Surgery on one syntax. Each function raises `Uneditable`.

    `read` gives the values, `assign` sets one member (creating its parents), `remove` takes one
    away. The last two return the new text, with every byte outside the edit unchanged.
    """

    name: str
    read: Callable[[str], Tree]
    assign: Callable[[str, MemberPath, Value], str]
    remove: Callable[[str, MemberPath], str]


def canonical(value: Value) -> str:
    """One spelling per value, to compare by: `True`, `1` and `1.0` differ, NaN equals NaN."""
    # TOML has dates; they appear by name and text so that a date never equals a string.
    return json.dumps(
        value, sort_keys=True, default=lambda other: [type(other).__name__, str(other)]
    )


def same(left: Value, right: Value) -> bool:
    if left is ABSENT or right is ABSENT:
        return left is right
    return canonical(left) == canonical(right)


def digest(value: Value) -> str:
    """A fingerprint that tells nothing about a long random secret, unlike the value."""
    if value is ABSENT:
        return ABSENT.value
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def lookup(tree: Value, path: MemberPath) -> Value:
    """The value at `path`, or ABSENT, also where a parent is missing or is no object."""
    for key in path:
        if not isinstance(tree, Mapping) or key not in tree:
            return ABSENT
        tree = tree[key]
    return tree


def is_made_of(value: Value, keys: Collection[str]) -> bool:
    """Whether `value` is an object with members, and with no others than these."""
    return isinstance(value, Mapping) and bool(value) and value.keys() <= set(keys)


def with_value(tree: Tree, path: MemberPath, value: Value) -> Tree:
    """A copy of `tree` with one member set. A parent that is no object is a KeyError."""
    key, rest = path[0], path[1:]
    if not rest:
        return {**tree, key: value}
    child = tree.get(key, {})
    if not isinstance(child, dict):
        raise KeyError(key)
    return {**tree, key: with_value(child, rest, value)}


def over(below: Tree, above: Tree) -> Tree:
    """Two trees as one, member by member: what stands in `above` counts."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        both = isinstance(under, dict) and isinstance(value, dict)
        merged[name] = over(under, value) if both else value  # type: ignore[arg-type]
    return merged


def without(tree: Tree, path: MemberPath) -> Tree:
    """A copy of `tree` without one member; the same values where it is not there."""
    key, rest = path[0], path[1:]
    if not rest:
        return {name: value for name, value in tree.items() if name != key}
    child = tree.get(key)
    if not isinstance(child, dict):
        return tree
    return {**tree, key: without(child, rest)}


def leaves(path: MemberPath, value: Value) -> Iterator[tuple[MemberPath, Value]]:
    """Every value below `path` that is not an object with members, with its own path."""
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from leaves((*path, key), child)
    else:
        yield path, value


def match_end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where what `pattern` matches at `at` ends; `at` where it matches nothing."""
    match = pattern.match(text, at)
    return match.end() if match else at


def newline_of(text: str) -> str:
    """The line end that `text` has."""
    return "\r\n" if "\r\n" in text else "\n"


def spliced(text: str, splices: Iterable[Splice]) -> str:
    """`text` with all splices applied; they must not overlap."""
    pieces: list[str] = []
    done = 0
    # A stable order: of two insertions at one place, the second lands behind the first.
    for start, end, replacement in sorted(splices, key=lambda splice: splice[:2]):
        pieces += text[done:start], replacement
        done = end
    return "".join(pieces) + text[done:]


def proven(read: Callable[[str], Tree], text: str, expected: Tree) -> str:
    """`text`, once it has been read again and says exactly what the edit should have made of it.

    A difference is a bug in our surgery, and a bug must not cost anybody a settings file.
    """
    try:
        as_expected = same(read(text), expected)
    except Uneditable:
        as_expected = False
    if not as_expected:
        raise Uneditable("an edit here would have damaged the file (a fault of gwproxy)", 1, 1)
    return text


def pointer(path: MemberPath) -> str:
    """A path as people read it: `env.ANTHROPIC_MODEL`, `models."kimi-k2.5"`."""
    return ".".join(
        key if key.replace("-", "_").isidentifier() else json.dumps(key) for key in path
    )

"""Random JSON5 documents in random layouts, with every comment findable by its own mark."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from gwproxy.clients.document import MemberPath, Value

# Few names, so that edits often meet members that exist, and duplicates happen.
NAMES = ["a", "b", "env", "model", "x-y", "kimi-k2.5", "é", "$ref", 'quo"te', ""]

# (spelling, value): the ways JSON5 writes what Python prints in one way only.
SCALARS: list[tuple[str, Value]] = [
    ("true", True),
    ("null", None),
    ("0", 0),
    ("1.10", 1.1),
    ("1E5", 1e5),
    ("+.5", 0.5),
    ("5.", 5.0),
    ("-0x1F", -31),
    ("-Infinity", float("-inf")),
    ("NaN", float("nan")),
    ("12345678901234567890", 12345678901234567890),
    ('"plain"', "plain"),
    ("'it\\'s'", "it's"),
    ('"\\ud83d\\ude00 \\u00e9 // no"', "\U0001f600 \u00e9 // no"),
    ('"\\ud83d"', "\ud83d"),
    ('"/* { , } */"', "/* { , } */"),
    ("'line \\\n on'", "line  on"),
    ("[]", []),
    ("[1, 'two', [3,],]", [1, "two", [3]]),
    ("[{a: 1}]", [{"a": 1}]),
]


@dataclass
class Document:
    text: str
    value: dict[str, Value]
    comments: list[str] = field(default_factory=list)


@dataclass
class _Writer:
    draw: DrawFn
    newline: str
    unit: str
    comments: list[str] = field(default_factory=list)
    json5: bool = True

    def gap(self, *, line_break: bool = True) -> str:
        """White space with or without comments, legal anywhere between two tokens."""
        kind = self.draw(st.integers(0, 9 if self.json5 else 3))
        match kind:
            case 0 | 1 | 2 | 3:
                return ["", " ", "  ", "\t"][kind]
            case 4 if line_break:
                return f" {self._comment('//', '')}{self.newline}{self.unit}"
            case 5:
                return f" {self._comment('/*', ' */')} "
            case 6 if line_break:
                return self.newline + self.unit * 2
            case _:
                return ""

    def _comment(self, opening: str, closing: str) -> str:
        mark = f'{opening} c{len(self.comments)}, }} "{closing}'
        self.comments.append(mark)
        return mark

    def value(self, depth: int) -> tuple[str, Value]:
        if depth < 3 and self.draw(st.integers(0, 2)) == 0:
            return self.members(depth)
        spelling, value = self.draw(st.sampled_from(SCALARS))
        if self.json5:
            return spelling, value
        plain: Value = self.draw(st.sampled_from([1, "two", None, [1, {"b": False}]]))
        return json.dumps(plain), plain

    def members(self, depth: int) -> tuple[str, dict[str, Value]]:
        count = self.draw(st.integers(0, 3))
        broken = self.draw(st.booleans())
        parts: list[str] = []
        tree: dict[str, Value] = {}
        for position in range(count):
            name = self.draw(st.sampled_from(NAMES))
            text, value = self.value(depth + 1)
            lead = self.newline + self.unit * (depth + 1) if broken else self.gap()
            parts.append(f"{lead}{self.key(name)}{self.gap()}:{self.gap()}{text}{self.gap()}")
            if position < count - 1 or (self.json5 and self.draw(st.booleans())):
                parts.append("," + self.gap())
            tree[name] = value
        end = self.newline + self.unit * depth if broken and count else self.gap()
        return "{" + "".join(parts) + end + "}", tree

    def key(self, name: str) -> str:
        choice = self.draw(st.integers(0, 2)) if self.json5 else 0
        if choice == 1 and name.isidentifier():
            return name
        if choice == 2:
            return f"'{name}'"
        return json.dumps(name, ensure_ascii=False)


@st.composite
def documents(draw: DrawFn) -> Document:
    """Objects in JSON5, or (one in three) strict JSON, with LF or CRLF, perhaps a BOM."""
    newline = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    writer = _Writer(draw, newline, draw(st.sampled_from(["  ", "    ", "\t"])))
    writer.json5 = draw(st.integers(0, 2)) > 0
    head = draw(st.sampled_from(["", "", "\ufeff"])) + writer.gap()
    text, tree = writer.members(0)
    return Document(head + text + writer.gap(line_break=False), tree, writer.comments)


_path_keys = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)
paths: SearchStrategy[MemberPath] = _path_keys.map(tuple)

_plain = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
new_values: SearchStrategy[Value] = st.recursive(
    _plain,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=6,
)

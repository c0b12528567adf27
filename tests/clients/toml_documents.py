"""Random TOML documents as people write them: tables in any order, dotted keys, comments."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from gwproxy.clients.document import MemberPath, Tree, Value

NAMES = ["a", "b", "model", "model_providers", "x-y", "kimi-k2.5", "é"]

SPELLINGS = [
    "true",
    "0x1F",
    "1_000",
    "-1.50e3",
    "nan",
    "1979-05-27 07:32:00Z",
    '"plain # no comment"',
    "'lit\\eral'",
    '"""two\nlines = "quoted"\n[not.a.table]\n"""',
    "'''a = ''b'''''",
    "[1, 2,\n  # inside\n  3,\n]",
    '[{ a = 1 }, { "b]" = "}" }]',
    "{ a = 1, x-y = { b = [2] } }",
    '{ "k.k" = "v", b.a = 3 }',
    "{}",
    # TOML 1.1
    "{\n  a = 1,\n  b.a = [\n2 ],\n}",
    "{ # no member\n}",
    "{ a = { model = 0x1, }, }",
    "{\n  a = 1,\n  b = { a = 2, b = 3\n}\n}",
]

# The same as TOML 1.0 has it.
_IN_1_0 = {
    "{\n  a = 1,\n  b.a = [\n2 ],\n}": "{ a = 1, b.a = [2] }",
    "{ # no member\n}": "{}",
    "{ a = { model = 0x1, }, }": "{ a = { model = 1 } }",
    "{\n  a = 1,\n  b = { a = 2, b = 3\n}\n}": "{ a = 1, b = { a = 2, b = 3 } }",
}


@dataclass
class Document:
    text: str
    value: Tree
    comments: list[str]


_key_parts = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2)


@st.composite
def documents(draw: DrawFn) -> Document:
    """Whatever tomllib accepts of what this draws, once TOML 1.1 is said in 1.0; with LF or CRLF,
    perhaps a BOM."""
    comments: list[str] = []
    lines: list[str] = []

    def comment() -> str:
        comments.append(f'# c{len(comments)}. = "[')
        return comments[-1]

    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.integers(0, 7))
        name = ".".join(map(_quoted, draw(_key_parts)))
        tail = f" {comment()}" if kind > 1 and draw(st.integers(0, 3)) == 0 else ""
        if kind == 0:
            lines.append(comment())
        elif kind == 1:
            lines.append("")
        elif kind == 2:
            lines.append(f"[ {name} ]{tail}")
        elif kind == 3:
            lines.append(f"[[{name}]]{tail}")
        else:
            lines.append(f"{name} = {draw(st.sampled_from(SPELLINGS))}{tail}")
    body = "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n"]))
    newline = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    text = body.replace("\n", newline)
    for spelling, older in _IN_1_0.items():
        body = body.replace(spelling, older)
    try:
        value = tomllib.loads(body.replace("\n", newline))
    except tomllib.TOMLDecodeError:
        assume(False)  # a duplicate key or table: not a document
    return Document(draw(st.sampled_from(["", "", "\ufeff"])) + text, value, comments)


def _quoted(name: str) -> str:
    return name if name.isascii() and "." not in name else f'"{name}"'


_path_keys = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)
paths: SearchStrategy[MemberPath] = _path_keys.map(tuple)

_plain = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=8) | st.floats()
_inline = st.recursive(
    _plain,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=5,
)
new_values: SearchStrategy[Value] = _inline

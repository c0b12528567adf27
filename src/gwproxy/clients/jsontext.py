"""Changes single members of JSON, JSONC and JSON5 text, and no other byte.

Theory of operation: scan the text, compute a few splices around one member, apply them, then
scan the result and compare it with the value that the edit should give. A difference is a bug
in here, and is refused: a bug must not cost anybody a settings file.

What is written is strict JSON whatever stood there: keys in double quotes, a trailing comma only
where one already stood, never a comment. Indentation, line ends, `:` and `,` spacing follow the
neighbours. A value that is already there is left as it is spelled. Comments are never removed,
except inside a value that is itself replaced.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass, replace
from typing import Final

from gwproxy.clients.document import (
    MemberPath,
    Splice,
    TextFormat,
    Tree,
    Value,
    lookup,
    match_end,
    newline_of,
    proven,
    same,
    spliced,
    with_value,
    without,
)
from gwproxy.clients.jsonscan import (
    COMMENT,
    JSON5,
    JSONC,
    LINE_ENDS,
    STRICT,
    JsonGrammar,
    JsonNode,
    Member,
    scan,
    uneditable,
)

_LINE_END = re.compile(rf"\r\n|[{LINE_ENDS}]")
_INDENT = re.compile(r"[ \t]*")
_COMMENT = re.compile(COMMENT)
_REST_OF_LINE = re.compile(rf"(?:[ \t]*+(?:{COMMENT}))*+")
_FIRST_INDENTED_LINE = re.compile(r"[\r\n]([ \t]+)[^\s/*]")
_CLOSING = re.compile(r"[ \t]*[}\]]")
_DEFAULT_UNIT = "  "

# What most formatters of settings files agree upon.
_LONGEST_LINE = 100


def read(text: str, grammar: JsonGrammar = JSON5) -> Tree:
    root = scan(text, grammar=grammar)
    if root is None:
        return {}
    return _tree(text, root)


def assign(text: str, path: MemberPath, value: Value) -> str:
    """`text` with the member at `path` set; the same text if the value is already so."""
    root = scan(text, path)
    if root is None:
        return proven(read, _first_object(text, path, value), with_value({}, path, value))
    tree = _tree(text, root)
    if same(lookup(tree, path), value):
        return text
    parent, way = _parent(text, root, path)
    member = parent.member(way[0])
    layout = JsonLayout.of(text, root)
    if member is None:
        splices = layout.insert(parent, way[0], _nested(way[1:], value))
    else:
        splices = layout.replace(member, value)
    return proven(read, spliced(text, splices), with_value(tree, path, value))


def remove(text: str, path: MemberPath) -> str:
    """`text` without the member at `path`, all of its duplicates included."""
    root = scan(text, path)
    if root is None:
        return text
    expected = without(_tree(text, root), path)
    while root is not None:
        node = root
        for key in path[:-1]:
            member = node.member(key)
            if member is None:
                return proven(read, text, expected)
            node = member.node
        member = node.member(path[-1])
        if member is None:
            break
        text = spliced(text, deletion(text, node, member))
        root = scan(text, path)
    return proven(read, text, expected)


JSON: Final = TextFormat("json", read, assign, remove)

# How tools read that take less than JSON5; the edits are the same, and are in every grammar.
JSON_WITH_COMMENTS: Final = replace(JSON, read=functools.partial(read, grammar=JSONC))
STRICT_JSON: Final = replace(JSON, read=functools.partial(read, grammar=STRICT))


def _tree(text: str, root: JsonNode) -> Tree:
    if not isinstance(root.value, dict):
        raise uneditable(text, root.start, "the document is not an object")
    return root.value


def _parent(text: str, root: JsonNode, path: MemberPath) -> tuple[JsonNode, MemberPath]:
    """The innermost object on the way to `path` that exists, and the way on from there."""
    node = root
    for depth, key in enumerate(path[:-1]):
        member = node.member(key)
        if member is None:
            return node, path[depth:]
        if member.node.members is None:
            raise uneditable(text, member.node.start, f"{json.dumps(key)} is not an object")
        node = member.node
    return node, path[-1:]


def _nested(path: MemberPath, value: Value) -> Value:
    for key in reversed(path):
        value = {key: value}
    return value


def _first_object(text: str, path: MemberPath, value: Value) -> str:
    newline = newline_of(text)
    gap = newline if text.strip(" \t\r\n\ufeff") and not text.endswith(("\n", "\r")) else ""
    return text + gap + _pretty(_nested(path, value), "", _DEFAULT_UNIT, newline) + newline


@dataclass(frozen=True, slots=True)
class JsonLayout:
    """How this text is laid out, as far as a new member must fit in."""

    text: str
    newline: str
    unit: str
    one_line: bool

    @staticmethod
    def of(text: str, root: JsonNode) -> JsonLayout:
        indented = _FIRST_INDENTED_LINE.search(text, root.start)
        one_line = bool(root.members) and not _LINE_END.search(text, root.start, root.end)
        return JsonLayout(
            text, newline_of(text), indented[1] if indented else _DEFAULT_UNIT, one_line
        )

    def replace(self, member: Member, value: Value) -> list[Splice]:
        """What puts `value` in the place of the member's own."""
        old = member.node
        is_object = isinstance(old.value, dict) and bool(old.value)
        was_flat = is_object and not self._breaks(old.start, old.end)
        text = _flat(value) if was_flat else self._render(value, self._indent(member.start))
        return [(old.start, old.end, text)]

    def insert(self, parent: JsonNode, key: str | None, value: Value) -> list[Splice]:
        """What puts a member behind an object's last one; without a key, an item into a list."""
        if not parent.members:
            return self._insert_first(parent, key, value)
        last = parent.members[-1]
        before = parent.members[-2].comma if len(parent.members) > 1 else parent.start
        tight = self.text[last.key_end : last.node.start] == ":"
        if before is not None and not self._breaks(before, last.start):
            return self._insert_beside(last, key, value, tight=tight)
        indent = self._indent(last.start)
        head = self.newline + indent + _named(key, tight=tight)
        line = head + self._render(value, indent)
        if last.comma is not None:
            at = self._line_tail(last.comma + 1)
            return [(at, at, line + ",")]
        at = self._line_tail(last.node.end)
        return [(last.node.end, last.node.end, ","), (at, at, line)]

    def _insert_beside(
        self, last: Member, key: str | None, value: Value, *, tight: bool
    ) -> list[Splice]:
        at = last.node.end if last.comma is None else last.comma
        member = _named(key, tight=tight) + _flat(value, tight=tight)
        line_start = self._line_start(at)
        if not self.one_line and at - line_start + len(member) > _LONGEST_LINE:
            # The first of many on this line begins a new one, and the others follow its example.
            indent = self._indent(line_start) + self.unit
            return [(at, at, "," + self.newline + indent + member)]
        return [(at, at, ("," if tight else ", ") + member)]

    def _insert_first(self, parent: JsonNode, key: str | None, value: Value) -> list[Splice]:
        inside = parent.start + 1
        # Comments are all that an empty object can hold: the member goes behind the last of them.
        at = max(
            (m.end() for m in _COMMENT.finditer(self.text, inside, parent.end - 1)), default=inside
        )
        if self.one_line:
            return [(at, parent.end - 1, _named(key) + _flat(value))]
        outer = self._indent(parent.start)
        indent = outer + self.unit
        line = f"{self.newline}{indent}{_named(key)}{self._render(value, indent)}"
        return [(at, parent.end - 1, line + self.newline + outer)]

    def _render(self, value: Value, indent: str) -> str:
        if self.one_line:
            return _flat(value)
        return _pretty(value, indent, self.unit, self.newline)

    def _indent(self, at: int) -> str:
        """The white space that begins the line of this offset."""
        match = _INDENT.match(self.text, self._line_start(at))
        return match[0] if match else ""

    def _breaks(self, start: int, end: int) -> bool:
        return _LINE_END.search(self.text, start, end) is not None

    def _line_start(self, at: int) -> int:
        while at > 0 and self.text[at - 1] not in LINE_ENDS + "\ufeff":
            at -= 1
        return at

    def _line_tail(self, at: int) -> int:
        """Behind the comments that follow on this line: they belong to the member before."""
        return match_end(_REST_OF_LINE, self.text, at)


def deletion(text: str, parent: JsonNode, member: Member) -> list[Splice]:
    """What takes a member, or an item, away with its comma and its line."""
    members = parent.members or ()
    index = members.index(member)
    start, end = member.start, member.node.end
    comma, behind = (end, end) if member.comma is None else (member.comma, member.comma + 1)
    outside = text[parent.start + 1 : start] + text[end:comma] + text[behind : parent.end - 1]
    if len(members) == 1 and not outside.strip():
        return [(parent.start + 1, parent.end - 1, "")]
    splices: list[Splice] = []
    if member.comma is not None and not text[end : member.comma].strip():
        end = member.comma + 1
    elif member.comma is not None:
        splices.append((member.comma, member.comma + 1, ""))
    elif index:
        # The last of several, without a trailing comma: the comma before it must go.
        before = members[index - 1].comma
        assert before is not None
        splices.append((before, before + 1, ""))
    last = member is members[-1]
    left, right = _with_white_space(text, start, end, last=last)
    gap = members[index - 1].comma if index else None
    if gap is not None and _CLOSING.match(text, end) and not text[gap + 1 : left].strip():
        # The line ends in "}", which must not be left alone on it.
        left = gap + 1
    return [*splices, (left, right, "")]


def _with_white_space(text: str, start: int, end: int, *, last: bool) -> tuple[int, int]:
    """The span to cut for a member: its whole line if it has one, else one gap beside it."""
    left, right = start, end
    while left > 0 and text[left - 1] in " \t":
        left -= 1
    while text[right : right + 1] in (" ", "\t"):
        right += 1
    line_end = _LINE_END.match(text, right)
    if line_end and left > 0 and text[left - 1] in LINE_ENDS:
        return left, line_end.end()
    if line_end:
        return left, right
    return (left, end) if last else (start, right)


def _quoted(text: str) -> str:
    # A lone surrogate has no UTF-8: it stays an escape. Everything else is written as it reads.
    lone = any("\ud800" <= character <= "\udfff" for character in text)
    return json.dumps(text, ensure_ascii=lone)


def _named(key: str | None, *, tight: bool = False) -> str:
    return "" if key is None else _quoted(key) + (":" if tight else ": ")


def _flat(value: Value, *, tight: bool = False) -> str:
    comma, colon = (",", ":") if tight else (", ", ": ")
    match value:
        case dict():
            pairs = (
                f"{_quoted(key)}{colon}{_flat(item, tight=tight)}" for key, item in value.items()
            )
            return "{" + comma.join(pairs) + "}"
        case list():
            return "[" + comma.join(_flat(item, tight=tight) for item in value) + "]"
        case str():
            return _quoted(value)
        case _:
            return json.dumps(value)


def _pretty(value: Value, indent: str, unit: str, newline: str) -> str:
    """Objects one member a line; a list of plain values on one line, as people write them."""
    inner = indent + unit
    if isinstance(value, dict) and value:
        lines = (
            f"{inner}{_quoted(key)}: {_pretty(item, inner, unit, newline)}"
            for key, item in value.items()
        )
        return "{" + newline + f",{newline}".join(lines) + newline + indent + "}"
    if isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        lines = (f"{inner}{_pretty(item, inner, unit, newline)}" for item in value)
        return "[" + newline + f",{newline}".join(lines) + newline + indent + "]"
    return _flat(value)

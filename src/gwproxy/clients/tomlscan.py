"""Finds where the statements of a TOML text stand.

The text has been read before: this scan checks nothing, it only has to agree with the reader on
where strings, lists and comments end. Grammar: https://toml.io/en/v1.1.0
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gwproxy.clients.document import MemberPath, Uneditable, match_end

_BLANK_LINE = re.compile(r"[ \t\ufeff]*(?:#[^\n]*)?(?:\n|\r\n|$)")
_GAP = re.compile(r"[ \t\ufeff]*")
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?\r?\n?")
_HEADER = re.compile(r"[ \t\ufeff]*\[\[?")
# One space may stand in it: between a date and its time of day.
_SCALAR = re.compile(r"[^\s,=\[\]{}#\"']+(?: [0-9][^\s,=\[\]{}#\"']*)?")
STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_NESTED_BLANK = re.compile(r"(?:[\s,=]|#[^\n]*)+")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|(.))")
_PLAIN_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


@dataclass(frozen=True, slots=True)
class Statement:
    """One `key = value`, or one table header (`value` is None).

    `path` is complete, the table's name included; `section` is the table it stands in. The
    statement's lines are `[start, end)`, line end included, and `content_end` is where its own
    text ends, before a comment.
    """

    path: MemberPath
    section: MemberPath
    start: int
    content_end: int
    end: int
    value: tuple[int, int] | None


def statements(text: str) -> list[Statement]:
    """Every statement, in the order of the text. Items of a `[[list]]` carry the list's name,
    without a number. Raises Uneditable where the text cannot be followed."""
    found: list[Statement] = []
    section: MemberPath = ()
    at = 0
    while at < len(text):
        blank = _BLANK_LINE.match(text, at)
        if blank:
            at = blank.end()
            continue
        header = _HEADER.match(text, at)
        if header:
            section, name_end = dotted_key(text, header.end())
            content_end = text.index("]", name_end) + (2 if header[0].endswith("[[") else 1)
            end = match_end(_REST, text, content_end)
            found.append(Statement(section, section, at, content_end, end, None))
        else:
            key, key_end = dotted_key(text, at)
            value_start = match_end(_GAP, text, key_end + 1)
            value_end = end_of_value(text, value_start)
            end = match_end(_REST, text, value_end)
            span = (value_start, value_end)
            found.append(Statement((*section, *key), section, at, value_end, end, span))
        at = end
    return found


def dotted_key(text: str, at: int) -> tuple[MemberPath, int]:
    """The parts of a dotted key, and the offset of what follows its white space."""
    parts: list[str] = []
    while True:
        at = match_end(_GAP, text, at)
        match = _BARE_KEY.match(text, at) or STRING.match(text, at)
        assert match is not None
        parts.append(_unquoted(match[0]))
        at = match_end(_GAP, text, match.end())
        if text[at] != ".":
            return tuple(parts), at
        at += 1


def _unquoted(key: str) -> str:
    if key[0] == "'":
        return key[1:-1]
    return _ESCAPE.sub(_character, key[1:-1]) if key[0] == '"' else key


def _character(escape: re.Match[str]) -> str:
    if code := escape[1] or escape[2] or escape[3]:
        return chr(int(code, 16))
    return _PLAIN_ESCAPES.get(escape[4], escape[4])


def end_of_value(text: str, at: int) -> int:
    """Where the value that begins at `at` ends. Raises Uneditable where it cannot be followed."""
    depth = 0
    while True:
        begin, character = at, text[at]
        if character in "\"'":
            at = match_end(STRING, text, at)
        elif character in "[{":
            depth, at = depth + 1, at + 1
        elif character in "]}":
            depth, at = depth - 1, at + 1
        else:
            at = match_end(_SCALAR, text, at)
        if depth == 0:
            return at
        at = match_end(_NESTED_BLANK, text, at)
        if at == begin:  # a damaged file of the generator's was looked at for ever
            line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
            raise Uneditable("what stands here cannot be followed", line, column)

"""Inline tables of TOML: how a value is written on one line, and how one member of a table
changes while the others, and the comments between them, stay as they are spelled.

The text has been read before, as `tomlscan` says; offsets are those of the text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time

from gwproxy.clients.document import MemberPath, Splice, Value, match_end, spliced
from gwproxy.clients.tomlscan import dotted_key, end_of_value

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_GAP = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_LEAD = re.compile(r"\r?\n[ \t]*\Z")
_REST_OF_LINE = re.compile(r"[ \t]*(?:#[^\r\n]*)?")
_LINE = re.compile(r"[ \t]*\r?\n")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One `key = value`; `comma` is the offset of the comma behind it, None where there is none."""

    path: MemberPath
    start: int
    value: tuple[int, int]
    comma: int | None


def assign(text: str, table: int, path: MemberPath, value: Value) -> str:
    """`text` with the member at `path` set in the inline table that begins at `table`."""
    entries = list(_entries(text, table))
    for each in entries:
        rest = path[len(each.path) :]
        if each.path == path:
            return spliced(text, [(*each.value, rendered(value))])
        if each.path == path[: len(each.path)]:
            return assign(text, each.value[0], rest, value)
    if any(each.path[: len(path)] == path for each in entries):
        # A table of dotted names: they would contradict the new value.
        text = remove(text, table, path)
        entries = list(_entries(text, table))
    if not any(each.path[0] == path[0] for each in entries):
        for name in reversed(path[1:]):
            value = {name: value}
        path = path[:1]
    member = f"{'.'.join(map(key_text, path))} = {rendered(value)}"
    return spliced(text, _insertion(text, table, entries, member))


def remove(text: str, table: int, path: MemberPath) -> str:
    """`text` without the member at `path`, comments kept; the same text where there is none."""
    entries = list(_entries(text, table))
    for index, each in enumerate(entries):
        if each.path[: len(path)] == path:
            return remove(spliced(text, _deletion(text, table, entries, index)), table, path)
        if each.path == path[: len(each.path)] and text[each.value[0]] == "{":
            return remove(text, each.value[0], path[len(each.path) :])
    return text


def _entries(text: str, table: int) -> Iterator[_Entry]:
    at = match_end(_BLANK, text, table + 1)
    while text[at] != "}":
        path, behind_key = dotted_key(text, at)
        start = match_end(_BLANK, text, match_end(_BLANK, text, behind_key) + 1)
        end = end_of_value(text, start)
        behind = match_end(_BLANK, text, end)
        comma = behind if text[behind] == "," else None
        yield _Entry(path, at, (start, end), comma)
        at = behind if comma is None else match_end(_BLANK, text, comma + 1)


def _insertion(text: str, table: int, entries: list[_Entry], member: str) -> list[Splice]:
    if not entries:
        end = end_of_value(text, table)
        inside = text[table + 1 : end - 1].rstrip(" ")
        return [(table, end, f"{{ {member}{inside if inside.strip() else ' '}}}")]
    last = entries[-1]
    before = _before(table, entries, len(entries) - 1)
    own_line = _LEAD.search(text, before, last.start)
    if own_line is None:
        if last.comma is None:
            return [(last.value[1], last.value[1], f", {member}")]
        return [(last.comma + 1, last.comma + 1, f" {member},")]
    line = own_line[0] + member
    if last.comma is not None:
        at = match_end(_REST_OF_LINE, text, last.comma + 1)
        return [(at, at, f"{line},")]
    at = match_end(_REST_OF_LINE, text, last.value[1])
    return [(last.value[1], last.value[1], ","), (at, at, line)]


def _deletion(text: str, table: int, entries: list[_Entry], index: int) -> list[Splice]:
    entry = entries[index]
    start, end = entry.start, entry.value[1]
    splices: list[Splice] = []
    if entry.comma is not None and not text[end : entry.comma].strip():
        end = entry.comma + 1
    elif entry.comma is not None:
        splices.append((entry.comma, entry.comma + 1, ""))
    elif index:
        # The last of several: the comma before it goes as well.
        comma = _before(table, entries, index) - 1
        if not text[comma + 1 : start].strip():
            return [(comma, end, "")]
        splices.append((comma, comma + 1, ""))
    elif not (text[table + 1 : start] + text[end : end_of_value(text, table) - 1]).strip():
        return [(table, end_of_value(text, table), "{}")]
    line_end = _LINE.match(text, end)
    if (lead := _LEAD.search(text, table, start)) and line_end:
        # It has lines of its own: they go.
        return [*splices, (lead.start(), line_end.end() - len(line_end[0].lstrip(" \t")), "")]
    return [*splices, (start, match_end(_GAP, text, end), "")]


def _before(table: int, entries: list[_Entry], index: int) -> int:
    """Where the text between an entry and the one before it, or the brace, begins."""
    comma = entries[index - 1].comma if index else None
    return table + 1 if comma is None else comma + 1


def key_text(name: str) -> str:
    """One part of a key, quoted where it has to be."""
    return name if _BARE_KEY.fullmatch(name) else _string(name)


def _string(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def rendered(value: Value) -> str:
    """A value on one line. Raises TypeError for what TOML has no form for."""
    match value:
        case str():
            return _string(value)
        case bool() | int():
            return json.dumps(value)
        case float():
            return repr(value) if math.isfinite(value) else str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case list():
            return "[" + ", ".join(map(rendered, value)) + "]"
        case dict():
            pairs = ", ".join(
                f"{key_text(name)} = {rendered(item)}" for name, item in value.items()
            )
            return "{ " + pairs + " }" if pairs else "{}"
        case _:
            raise TypeError(f"{type(value).__name__} has no form in TOML")

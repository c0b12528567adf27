"""Changes single keys of TOML text, and no other byte.

Theory of operation: `tomllib` says what the values are and what is wrong with a file, once what
only TOML 1.1 has is said in 1.0 (`toml11`); a scan of the statements (`tomlscan`) says where they
stand. An edit is a few splices of whole statements or of one value, and the result is read again
and compared before anybody sees it.

A new key goes behind the last key of its table. A new table goes to the end of the file, where
it is legal whatever stands before it. Inside an inline table only the member changes
(`tomlinline`). Comments stay. (tomlkit, which edits our own config.toml, refuses
a byte order mark, and puts a key into the wrong table behind `a.b.c = 1`.)
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Final

from gwproxy.clients import toml11, tomlinline
from gwproxy.clients.document import (
    ABSENT,
    MemberPath,
    Splice,
    TextFormat,
    Tree,
    Uneditable,
    Value,
    lookup,
    newline_of,
    proven,
    same,
    spliced,
    with_value,
    without,
)
from gwproxy.clients.tomlinline import key_text, rendered
from gwproxy.clients.tomlscan import Statement, statements

_BOM = "\ufeff"
_BLANK_LINE = re.compile(r"^[ \t]*\r?\n", re.MULTILINE)
_BLANK_ABOVE = re.compile(r"\n(\r?\n)\Z")
_POSITION = re.compile(r" \(at line (\d+), column (\d+)\)| \(at end of document\)")


def read(text: str) -> Tree:
    # A byte order mark is legal by TOML 1.1 and common on Windows; tomllib refuses it.
    text = text.removeprefix(_BOM)
    try:
        return tomllib.loads(text)
    except RecursionError as error:  # brackets in brackets, deeper than the parser goes
        raise _uneditable(text, str(error), text, []) from None
    except ValueError:  # its own error, or a number of more digits than Python reads
        splices = toml11.as_1_0(text)
    said = spliced(text, splices)
    try:
        return tomllib.loads(said)
    except (ValueError, RecursionError) as error:
        raise _uneditable(text, str(error), said, splices) from None


def assign(text: str, path: MemberPath, value: Value) -> str:
    """`text` with the key at `path` set; the same text if the value is already so."""
    tree = read(text)
    if same(lookup(tree, path), value):
        return text
    _refuse_obstacles(text, tree, path)
    found = statements(text)
    holder = _holder(found, path)
    if holder is not None:
        expected = with_value(tree, path, value)
        return proven(read, _in_value(text, holder, path, value), expected)
    # What is there has headers of its own, and they would contradict the new value.
    text = remove(text, path)
    found = statements(text)
    if isinstance(value, dict):
        splices = _new_table(text, path, value)
    else:
        splices = _new_key(text, found, path, value)
    return proven(read, spliced(text, splices), with_value(tree, path, value))


def remove(text: str, path: MemberPath) -> str:
    """`text` without the key or table at `path`, its comments kept.

    A parent that had no line of its own, only a part in the name, goes as well.
    """
    tree = read(text)
    if lookup(tree, path) is ABSENT:
        return text
    expected = without(tree, path)
    found = statements(text)
    holder = _holder(found, path)
    if holder is not None and holder.path != path:
        assert holder.value is not None
        text = tomlinline.remove(text, holder.value[0], path[len(holder.path) :])
        return proven(read, text, _without_implied(expected, read(text), path))
    splices = [_without_statement(text, each) for each in found if _is_below(path, each)]
    kept = [each for each in found if not _is_below(path, each)]
    for depth in range(len(path) - 1, 0, -1):
        if not any(_is_below(path[:depth], each) for each in kept):
            expected = without(expected, path[:depth])
    return proven(read, spliced(text, splices), expected)


TOML: Final = TextFormat("toml", read, assign, remove)


def _uneditable(text: str, message: str, said: str, splices: list[Splice]) -> Uneditable:
    """The error of a text that was read as `said`, at the place in the text itself."""
    position = _POSITION.search(message)
    reason = message[: position.start()] if position else message
    if position and position[1]:
        before = sum(len(line) + 1 for line in said.split("\n")[: int(position[1]) - 1])
        at = toml11.position(before + int(position[2]) - 1, splices)
        line_start = text.rfind("\n", 0, at) + 1
        return Uneditable(reason, text.count("\n", 0, at) + 1, at - line_start + 1)
    lines = text.split("\n")
    return Uneditable(f"{reason} (at the end of the file)", len(lines), len(lines[-1]) + 1)


def _refuse_obstacles(text: str, tree: Tree, path: MemberPath) -> None:
    for depth in range(1, len(path)):
        parent = lookup(tree, path[:depth])
        if parent is ABSENT:
            return
        if not isinstance(parent, dict):
            where = next((each for each in statements(text) if each.path == path[:depth]), None)
            line = text.count("\n", 0, where.start) + 1 if where else 1
            raise Uneditable(f"{json.dumps(path[depth - 1])} is not a table", line, 1)


def _holder(found: list[Statement], path: MemberPath) -> Statement | None:
    """The `key = value` whose value is, or holds as an inline table, the one at `path`."""
    return next(
        (each for each in found if each.value and path[: len(each.path)] == each.path), None
    )


def _in_value(text: str, holder: Statement, path: MemberPath, value: Value) -> str:
    assert holder.value is not None
    if holder.path == path:
        return spliced(text, [(*holder.value, rendered(value))])
    return tomlinline.assign(text, holder.value[0], path[len(holder.path) :], value)


def _without_implied(tree: Tree, now: Tree, path: MemberPath) -> Tree:
    """`tree` without the parents of `path` that were only parts of its name, and are gone."""
    for depth in range(len(path) - 1, 0, -1):
        if lookup(now, path[:depth]) is ABSENT and lookup(tree, path[:depth]) == {}:
            tree = without(tree, path[:depth])
    return tree


def _new_key(text: str, found: list[Statement], path: MemberPath, value: Value) -> list[Splice]:
    table, key = path[:-1], path[-1]
    newline = newline_of(text)
    # Behind the last key of this very table, wherever that was written.
    siblings = [each for each in found if each.value and each.path[:-1] == table]
    if siblings:
        last = siblings[-1]
        head = ".".join(map(key_text, (*path[len(last.section) : -1], key)))
        return [_line_behind(text, last, f"{head} = {rendered(value)}")]
    header = next((each for each in found if not each.value and each.path == table), None)
    if header is not None:
        return [_line_behind(text, header, f"{key_text(key)} = {rendered(value)}")]
    if table:
        return _new_table(text, table, {key: value})
    line = f"{key_text(key)} = {rendered(value)}{newline}"
    if not found:
        gap = newline if text.strip(_BOM) and not text.endswith("\n") else ""
        return [(len(text), len(text), gap + line)]
    at = _top(text, found[0])
    gap = "" if text.startswith(newline, at) else newline
    return [(at, at, line + gap)]


def _new_table(text: str, path: MemberPath, value: Tree) -> list[Splice]:
    newline = newline_of(text)
    end = len(text)
    lines = [f"[{'.'.join(map(key_text, path))}]"]
    lines += [f"{key_text(key)} = {rendered(item)}" for key, item in value.items()]
    gap = "" if not text.strip(_BOM) else newline if text.endswith("\n") else newline * 2
    return [(end, end, gap + newline.join(lines) + newline)]


def _line_behind(text: str, statement: Statement, line: str) -> Splice:
    newline = newline_of(text)
    if text[: statement.end].endswith("\n"):
        return (statement.end, statement.end, line + newline)
    return (statement.end, statement.end, newline + line)


def _top(text: str, first: Statement) -> int:
    """Where the first key of the root goes: behind the heading comment, before any table.

    A comment directly above a table speaks of that table; one with a blank line below it
    speaks of the file.
    """
    blanks = list(_BLANK_LINE.finditer(text, 0, first.start))
    if blanks:
        return blanks[-1].end()
    return len(_BOM) if text.startswith(_BOM) else 0


def _is_below(path: MemberPath, statement: Statement) -> bool:
    return statement.path[: len(path)] == path


def _without_statement(text: str, statement: Statement) -> Splice:
    """Cuts the statement's line; a comment behind it keeps the line for itself."""
    comment = text[statement.content_end : statement.end].lstrip(" \t")
    if comment.strip():
        return (statement.start, statement.end - len(comment), "")
    above = _BLANK_ABOVE.search(text, 0, statement.start)
    if statement.value is None and above:
        # The blank line above a table belongs to the table.
        return (above.start(1), statement.end, "")
    below = _BLANK_LINE.match(text, statement.end)
    if below and (above or not text[: statement.start].strip(_BOM)):
        return (statement.start, below.end(), "")
    return (statement.start, statement.end, "")

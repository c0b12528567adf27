"""What TOML 1.1 has beyond 1.0, said in 1.0: `tomllib` reads 1.0 before Python 3.15, Codex 1.1.

An inline table may go over lines, with comments and a comma behind its last value; a text may hold
`\\e` and `\\x41`; a time may leave out its seconds. https://toml.io/en/v1.1.0. A text that is in
neither version stays so: what is changed here is legal in 1.1 where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from gwproxy.clients.document import Splice
from gwproxy.clients.tomlscan import STRING

_TOKEN = re.compile(
    rf"(?P<comment>#[^\n]*)|(?P<text>{STRING.pattern})|(?P<line_end>\r?\n)"
    r"|(?P<mark>[\[\]{},=])|(?P<blank>[ \t]+)|(?P<word>[^\s\[\]{},=#\"']+)|(?P<other>.)",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|.)", re.DOTALL)
_SHORT_TIME = re.compile(
    r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt])?[0-9]{2}:[0-9]{2}(?=(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?\Z)"
)


class _Stage(Enum):
    """How far a member of an inline table is."""

    BEFORE_KEY = 0
    IN_KEY = 1
    BEFORE_VALUE = 2
    BEHIND_VALUE = 3


@dataclass(slots=True)
class _Open:
    """A list or (`stage`) an inline table that is open; `comma` is the last one, while nothing
    follows it."""

    stage: _Stage | None
    comma: int | None = None


def as_1_0(text: str) -> list[Splice]:
    """The splices that make TOML 1.0 of TOML 1.1; none for a text that has nothing of it."""
    return list(_splices(text))


def position(at: int, splices: list[Splice]) -> int:
    """Where in the text an offset of the spliced text stands."""
    shift = 0
    for start, end, replacement in splices:
        if at < start + shift:
            break
        if at < start + shift + len(replacement):
            return start
        shift += len(replacement) - (end - start)
    return at - shift


def _splices(text: str) -> Iterator[Splice]:
    stack = [_Open(None)]
    for token in _TOKEN.finditer(text):
        top, kind, start = stack[-1], token.lastgroup, token.start()
        match kind:
            case "comment" | "line_end":
                # Also around the sign, where the text of 1.1 has none: Codex takes it (0.169.0).
                if top.stage is not None:
                    yield (start, token.end(), " ")
            case "mark":
                closed = _mark(token[0], start, stack)
                if closed is not None and closed.comma is not None:
                    yield (closed.comma, closed.comma + 1, " ")
            case "text" | "word":
                _word(top)
                yield from _escapes(token) if kind == "text" else _seconds(token)


def _mark(mark: str, at: int, stack: list[_Open]) -> _Open | None:
    """Follows one mark; the table or list that it closes."""
    top = stack[-1]
    if mark in "{[":
        _word(top)
        stack.append(_Open(_Stage.BEFORE_KEY if mark == "{" else None))
    elif mark in "}]":
        return stack.pop() if len(stack) > 1 else None
    elif top.stage is None:
        pass
    elif mark == "=":
        top.stage = _Stage.BEFORE_VALUE
    elif top.stage is _Stage.BEHIND_VALUE:
        top.stage, top.comma = _Stage.BEFORE_KEY, at
    else:
        # A comma behind nothing is an error in both versions, and so is what goes on from it.
        top.stage, top.comma = _Stage.IN_KEY, None
    return None


def _word(top: _Open) -> None:
    top.comma = None
    if top.stage is _Stage.BEFORE_KEY:
        top.stage = _Stage.IN_KEY
    elif top.stage is _Stage.BEFORE_VALUE:
        top.stage = _Stage.BEHIND_VALUE


def _escapes(token: re.Match[str]) -> Iterator[Splice]:
    if token[0][0] == "'":
        return
    for escape in _ESCAPE.finditer(token[0]):
        start, end = token.start() + escape.start(), token.start() + escape.end()
        if escape[1]:
            yield (start, end, f"\\u00{escape[1]}")
        elif escape[0] == "\\e":
            yield (start, end, "\\u001b")


def _seconds(token: re.Match[str]) -> Iterator[Splice]:
    if time := _SHORT_TIME.match(token[0]):
        at = token.start() + time.end()
        yield (at, at, ":00")

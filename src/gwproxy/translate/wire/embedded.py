"""Finds a JSON value in a text, as models write it that were asked for JSON alone: in a code fence,
after "Here it is:", before an explanation.

    value_in(text)       the only value in a text
    HEAD                 matches the beginning of a text that begins with its value
    may_become(text)     whether such a beginning may still come of it
    opens_value(text)    whether a value begins anywhere in it
    Extent               finds the end of a value that comes in pieces

A value in a text is an object or a list; a number is a word. A text in which something begins like
a value and is none (cut, misspelt) has no value: a part of it is no answer. Must not know any
dialect.
"""

from __future__ import annotations

import re
from typing import Final

from gwproxy.translate.wire import jsonio

# Other braces and brackets are words: `{name}`, `[see below]`.
_OPENS: Final = r'(?:\{(?=\s*["}])|\[(?=\s*(?:[\[{"\]\d-]|(?:true|false|null)\s*[,\]])))'
_OPENING: Final = re.compile(_OPENS)
HEAD: Final = re.compile(rf"\s*(?P<fence>```\w*\s*)?(?={_OPENS})")
_BEFORE_VALUE: Final = re.compile(r"\s*(?:`{1,2}|(?:```\w*\s*)?(?:\{\s*|\[\s*[a-z]{0,5}\s*)?)")
_LONGEST_HEAD: Final = 200
"""Characters before a value that is streamed; models that loop write blanks without end."""

_FENCED: Final = re.compile(r"\s*```\w*\s*(?P<inside>.*?)\s*```\s*", re.DOTALL)
_OUTSIDE: Final = re.compile(r'["{}\[\]]')
_INSIDE: Final = re.compile(r'["\\]')


def value_in(text: str) -> str | None:
    """The one JSON value in `text`, as it is written there; None where there is none, or more."""
    fenced = _FENCED.fullmatch(text)
    alone = text.strip() if fenced is None else fenced["inside"]
    if jsonio.is_json(alone):
        return alone
    found: list[str] = []
    at = 0
    while len(found) < 2 and (opening := _OPENING.search(text, at)) is not None:
        end = Extent().feed(text, opening.start())
        if end is None or not jsonio.is_json(text[opening.start() : end]):
            return None
        found.append(text[opening.start() : end])
        at = end
    return found[0] if len(found) == 1 else None


def opens_value(text: str) -> bool:
    """Whether a value begins anywhere in `text`."""
    return _OPENING.search(text) is not None


def may_become(text: str) -> bool:
    """Whether more text may show that `text` begins with its value."""
    return len(text) < _LONGEST_HEAD and _BEFORE_VALUE.fullmatch(text) is not None


class Extent:
    """Finds the end of one object or list by its brackets. `feed` takes its text piece by piece,
    from `at` on, and gives the index behind its last character, or None while that has not come."""

    __slots__ = ("_depth", "_escaped", "_quoted")

    def __init__(self) -> None:
        self._depth = 0
        self._quoted = self._escaped = False

    def feed(self, text: str, at: int = 0) -> int | None:
        if self._escaped and text:
            at, self._escaped = at + 1, False
        while (token := (_INSIDE if self._quoted else _OUTSIDE).search(text, at)) is not None:
            at = token.end()
            if token[0] == '"':
                self._quoted = not self._quoted
            elif token[0] == "\\":
                at += 1
                self._escaped = at > len(text)
            elif token[0] in "{[":
                self._depth += 1
            else:
                self._depth -= 1
                if not self._depth:
                    return at
        return None

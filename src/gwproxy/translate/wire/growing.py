"""Adds up the deltas of a stream without knowing their members: strings are joined, lists extended
(elements with the same `index` are one), objects merged member by member; of anything else the last
value counts.

OpenAI's SDKs add up deltas so, members that they do not know included
(https://github.com/openai/openai-python, `accumulate_delta`). Values stay as they are printed.
"""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec import Raw

from gwproxy.translate.wire import jsonio

members_of: Final = jsonio.decoder(dict[str, Raw])
elements_of: Final = jsonio.decoder(list[Raw])

_HALF: Final = re.compile(rb"\\u[dD][89abAB][\da-fA-F]{2}(?!\\u[dD][c-fC-F])")
_SAY_NOTHING: Final = (b"", b"null", b'""')
# Names and numbers: repeated, never in pieces.
_NAMES: Final = frozenset({"id", "type", "role", "name", "object", "index", "format"})


def is_torn(data: bytes) -> bool:
    """Whether half an emoji ends a text in `data`: the other half is in another event."""
    return b"\\u" in data and _HALF.search(data) is not None


def says(raw: Raw | None) -> bool:
    """Whether a member is there, and neither null nor empty text."""
    return raw is not None and bytes(raw) not in _SAY_NOTHING


class Growing:
    """One value that deltas add up to. Without `joins` the last of its strings counts."""

    __slots__ = ("_elements", "_joins", "_members", "_pieces", "_placed", "_plain")

    def __init__(self, *, joins: bool = True) -> None:
        self._joins = joins
        self._plain: Raw | None = None
        self._pieces: list[str] = []
        self._elements: list[Growing] | None = None
        self._placed: dict[tuple[bytes, ...], Growing] = {}  # those with an `index`
        self._members: dict[str, Growing] | None = None

    def add(self, raw: Raw) -> None:
        """Adds one delta. Raises jsonio.NotJson."""
        text = bytes(raw)
        match text[:1]:
            case b"{":
                self._members = {} if self._members is None else self._members
                for name, value in members_of(text).items():
                    if name not in self._members:
                        joins = self._joins and name not in _NAMES
                        self._members[name] = Growing(joins=joins)
                    self._members[name].add(value)
            case b"[":
                self._elements = [] if self._elements is None else self._elements
                for element in elements_of(text):
                    self._element(element).add(element)
            case b'"' if self._joins:
                # Halves of an emoji may come one by one.
                self._pieces.append(jsonio.loads_torn(text))
            case _:
                if self._plain is None or says(raw):
                    self._plain = raw

    def _element(self, raw: Raw) -> Growing:
        """The list element that `raw` is a delta of, or a new one."""
        assert self._elements is not None
        place = _place(members_of(bytes(raw))) if bytes(raw)[:1] == b"{" else None
        if place is not None and place in self._placed:
            return self._placed[place]
        element = Growing(joins=self._joins and place is not None)
        self._elements.append(element)
        if place is not None:
            self._placed[place] = element
        return element

    @property
    def value(self) -> Any:
        """The sum of all deltas so far, fit for `jsonio.dumps`."""
        if self._members is not None:
            return {name: member.value for name, member in self._members.items()}
        if self._elements is not None:
            return [element.value for element in self._elements]
        return jsonio.mend("".join(self._pieces)) if self._pieces else self._plain


def _place(element: dict[str, Raw]) -> tuple[bytes, ...] | None:
    """The `index` and type by which a delta of a list's element says which element it belongs to;
    None without an `index`."""
    if not says(element.get("index")):
        return None
    return tuple(bytes(element.get(name) or b"") for name in ("index", "type"))

"""Edits that take out of a body what an upstream is known to refuse; all other bytes stay.

What may go is declared in `omittable`. A relayed body is edited as it came, a rendered one after
its last pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from gwproxy.translate.losses import Edited, Losses
from gwproxy.translate.omittable import Omittable, Pattern, allows, check, rows_of
from gwproxy.translate.wire.splice import Change, Edit, edited, found, path_of, without_shells


def edits(patterns: Iterable[str]) -> tuple[Edit, ...]:
    """The edits that take out the members of `patterns`, and their `together` rows. Raises
    ValueError."""
    return tuple(_edit(one, row) for text in patterns for one, row in _members(check(text)))


def without(
    body: bytes, patterns: Iterable[str], losses: Losses, shown: list[Edited] | None = None
) -> bytes:
    """`body` without the members of `patterns`; each that was there is added to `losses`, each edit
    to `shown`. Raises NotJson and ValueError."""
    for text in patterns:
        for one, row in _members(check(text)):
            if not _may_hold(body, one):
                continue
            edit = _edit(one, row)
            after = edited(body, [edit])
            if after is body:
                continue
            if shown is not None:
                shown += _shown(body, edit, one, f"omit={text}")
            body = without_shells(after, edit.path)
            if one.instead:
                losses.clamp(one.path, one.instead)
            else:
                losses.drop(one.text)
    return body


def _shown(body: bytes, edit: Edit, pattern: Pattern, why: str) -> Iterator[Edited]:
    for path, value in found(body, edit.path):
        now = edit.change(value)
        if now == value:
            continue
        if pattern.element:  # the list as a whole says nothing of the edit
            yield Edited(pattern.text, None, why)
        else:
            yield Edited.of(path, now, why)


def _may_hold(body: bytes, pattern: Pattern) -> bool:
    """Whether the member's name is in `body` at all: a cheap search, and nearly never so."""
    names = [step for step in path_of(pattern.path) if isinstance(step, str)]
    return f'"{names[-1]}"'.encode() in body


def _members(pattern: Pattern) -> Iterator[tuple[Pattern, Omittable]]:
    """The members that `pattern` takes out, each with its row. A row may stand for a family of
    patterns; `pattern` is then the one of it."""
    for row in rows_of(pattern):
        own = bool(pattern.path) and allows(row, pattern.text)
        yield (pattern if own else check(row.pattern)), row


def _edit(pattern: Pattern, row: Omittable) -> Edit:
    if pattern.instead:
        return Edit(path_of(pattern.path), _replacing(pattern.value, pattern.instead))
    if pattern.element:
        return Edit(path_of(pattern.path), _less_elements(pattern.element, pattern.value))
    return Edit(path_of(pattern.path), _taking_out(row))


def _replacing(old: str, new: str) -> Change:
    def change(value: bytes) -> bytes:
        return msgspec.json.encode(new) if _is(value, old) else value

    return change


def _less_elements(member: str, wanted: str) -> Change:
    """A change of a list: without the elements whose `member` is `wanted`. A list of these alone
    stays, for an empty one is another request."""

    def change(value: bytes) -> bytes:
        inner = path_of(member)

        def gone(element: bytes) -> bytes | None:
            values = [text for _, text in found(element, inner)]
            return None if values and _is(values[-1], wanted) else element

        rest = edited(value, [Edit((None,), gone)])
        return rest if next(found(rest, (None,)), None) is not None else value

    return change


def _taking_out(row: Omittable) -> Change:
    def change(value: bytes) -> bytes | None:
        if value.decode("utf-8", "replace") in row.kept_as:
            return value
        if row.kept_for and re.search(f'"{row.kept_for}', value.decode("utf-8", "replace")):
            return value
        if row.kept_with and next(found(value, path_of(row.kept_with)), None) is not None:
            return value
        return None

    return change


def _is(value: bytes, text: str) -> bool:
    try:
        return bool(msgspec.json.decode(value) == text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False

"""What gwproxy put into a file, and how it is taken back: a three-way merge, member by member.

Pure. The three sides are the file as it would be without us (`base`), what we wrote (a `Claim`,
which knows our values only by their digests, so that no token is kept twice), and the file as it
is now. A member that still has our value gets back what the base has there; one that the user
has changed since is theirs and is kept. An object that is wholly ours goes as a whole or, when
the user has put something into it, stays as a whole, for half of a provider entry is a broken
file; but without the key or token that we put into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from gwproxy.clients.document import (
    ABSENT,
    MemberPath,
    TextFormat,
    Tree,
    Uneditable,
    Value,
    digest,
    leaves,
    lookup,
    same,
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """One value that we wrote, or took away.

    The first `unit` keys of `path` name the object that belongs together with it (the path
    itself for a plain value). `ours` are the digests of all values that may be there by us: more
    than one after a second setup, since the first may have been cut off half way. A `secret`
    goes even from an object that stays.
    """

    path: MemberPath
    unit: int
    ours: tuple[str, ...]
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Flags:
    """How a setup was asked for, to be asked in the same way again. `profile` is the one that the
    address names, None where the address is the default one's, whichever that is; `folder` is
    where it was asked, `home` whose files were meant where it was another's."""

    profile: str | None = None
    default: bool = False
    helper: bool = False
    direct: bool = False
    in_place: bool = False
    home: str | None = None
    folder: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """All that gwproxy changed in one file. `base` is the SHA-256 of the file's bytes without
    us, None where there was no file; `states` are those of the files that we wrote. `flags` are
    None where nobody noted them, as 0.1.0 did not."""

    client: str
    scope: str
    profile: str
    file: str
    base: str | None
    states: tuple[str, ...]
    members: tuple[Claimed, ...]
    flags: Flags | None = None


@dataclass(frozen=True, slots=True)
class Undone:
    """The text without us, and the paths where the user's own later value was kept."""

    text: str
    kept: tuple[MemberPath, ...]


def undone(form: TextFormat, text: str, base: str | None, members: Iterable[Claimed]) -> Undone:
    """`text` with every claimed member as in `base`. Raises `Uneditable`."""
    base_tree = form.read(base or "")
    kept: list[MemberPath] = []
    for unit, claimed in groupby(members, key=lambda each: each.path[: each.unit]):
        if lookup(base_tree, unit) is ABSENT:
            text = _without_unit(form, text, base_tree, unit, list(claimed), kept)
        else:
            for each in claimed:
                text = _restored(form, text, base_tree, each, kept)
    return Undone(text, tuple(kept))


def merged(old: Iterable[Claimed], new: Iterable[Claimed]) -> tuple[Claimed, ...]:
    """Two claims as one, the values of the older kept as ours, in the order of units."""
    known = {each.path: each for each in old}
    result = dict(known)
    for each in new:
        before = known.get(each.path, each)
        ours = tuple(dict.fromkeys((*before.ours, *each.ours)))
        result[each.path] = Claimed(each.path, each.unit, ours, before.secret or each.secret)
    return tuple(sorted(result.values(), key=lambda each: (each.path[: each.unit], each.path)))


def claimed_by(
    path: MemberPath, value: Value, unit: int | None = None, *, secret: bool = False
) -> Iterator[Claimed]:
    """The claim to one wish: a digest for each plain value in it.

    `unit` is for a wish inside the object of another one: they belong together.
    """
    for leaf, leaf_value in leaves(path, value):
        yield Claimed(leaf, len(path) if unit is None else unit, (digest(leaf_value),), secret)


def _without_unit(
    form: TextFormat,
    text: str,
    base: Tree,
    unit: MemberPath,
    claimed: list[Claimed],
    kept: list[MemberPath],
) -> str:
    present = lookup(form.read(text), unit)
    if present is ABSENT:
        return text
    ours = {each.path: each.ours for each in claimed}
    if any(digest(value) not in ours.get(path, ()) for path, value in leaves(unit, present)):
        kept.append(unit)
        for each in claimed:
            if each.secret and digest(lookup(form.read(text), each.path)) in each.ours:
                text = form.remove(text, each.path)
        return text
    return _pruned(form, form.remove(text, unit), base, unit)


def _restored(
    form: TextFormat, text: str, base: Tree, claimed: Claimed, kept: list[MemberPath]
) -> str:
    path = claimed.path
    now, then = lookup(form.read(text), path), lookup(base, path)
    if same(now, then):
        return text
    if digest(now) not in claimed.ours:
        kept.append(path)
        return text
    if then is ABSENT:
        return _pruned(form, form.remove(text, path), base, path)
    try:
        return form.assign(text, path, then)
    except Uneditable:
        # What we had deleted has lost its place: the user made something else of its parent.
        kept.append(path)
        return text


def _pruned(form: TextFormat, text: str, base: Tree, path: MemberPath) -> str:
    """Takes away the parents of `path` that are empty now and were not there before us."""
    for depth in range(len(path) - 1, 0, -1):
        parent = path[:depth]
        if lookup(base, parent) is ABSENT and lookup(form.read(text), parent) == {}:
            text = form.remove(text, parent)
    return text

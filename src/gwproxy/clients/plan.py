"""From wishes to edits: what a client's file says now, what it should say, and the difference.

Pure: text in, text and edits out. A client module states `SetupWish`es; nothing here knows a
client, and nothing here touches the disk.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
    pointer,
    same,
    with_value,
)
from gwproxy.clients.undo import Claim, Claimed, Undone, claimed_by, merged, undone
from gwproxy.profiles.redaction import redact
from gwproxy.profiles.secret import Secret

# Where other people's secrets are likely to stand, in the lines that a diff shows around ours.
_SECRET_KEY = re.compile(
    r"(key|token|secret|password|passphrase|authorization|credentials?|cookie)$", re.IGNORECASE
)
# A number, or the name of a place where the secret is.
_NO_SECRET = re.compile(r"\d*|\{(env|file):.*\}|\$\{.*\}")

# Shorter values are masked only where they stand in quotes: "on" is part of too many words.
_DISTINCT = 8


def no_traces(tree: Tree) -> Sequence[MemberPath]:
    return ()


@dataclass(frozen=True, slots=True)
class FileReading:
    """How a tool reads its file, where it takes less than we can edit. For a person: `tool` is
    its name, `takes` what it takes, and `otherwise` what it does with a file that is not so."""

    tool: str
    form: TextFormat
    takes: str
    otherwise: str


@dataclass(frozen=True, slots=True)
class Target:
    """One file of one client. `file` is the path that the client knows, links not resolved.

    `traces` finds what nobody but gwproxy writes there: by it a setup is known again whose record
    is lost. `reading` is for what is written; what we wrote is taken back from any text that
    `form` takes.
    """

    client: str
    scope: str
    file: Path
    form: TextFormat
    traces: Callable[[Tree], Sequence[MemberPath]] = no_traces
    reading: FileReading | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """A client's surroundings, handed in so that its module stays pure.

    `read` gives the text of a file, None where there is none that can be read; `entries` the
    files of a folder. `platform` is `sys.platform`; `work_tree` is the git work tree around the
    project, None outside of any.
    """

    home: Path
    project: Path
    environ: Mapping[str, str]
    platform: str
    read: Callable[[Path], str | None]
    entries: Callable[[Path], list[Path]]
    work_tree: Path | None = None

    def down_from(self, root: Path) -> list[Path]:
        """The folders from `root` to the project, both of them included."""
        upwards = [self.project, *self.project.parents]
        end = upwards.index(root) + 1 if root in upwards else 1
        return upwards[:end][::-1]


@dataclass(frozen=True, slots=True)
class SetupWish:
    """One member as it should be; ABSENT takes it away. An object is merged into what is there.

    Wishes with the same `yielding` belong together and give way, all of them, where the user
    has a value of their own in any of their places: a default model is not ours to replace.
    `elsewhere` is for a place that another file of theirs may fill, which counts as such a value.
    """

    path: MemberPath
    value: Value
    secret: bool = False
    yielding: str = ""
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class FileBeside:
    """A file of this name that is wholly ours, in the folder of the client's own, where `mention`
    tells of it."""

    name: str
    text: str
    mention: SetupWish


@dataclass(frozen=True, slots=True)
class FileEdit:
    """One plain value that changes; ABSENT on the side where there is none."""

    path: MemberPath
    old: Value
    new: Value
    secret: bool


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """What would happen to one file: None as text is no file. `kept` are the paths where the
    user's own value stays: a setup gave way to it, or an undo found it later than ours."""

    target: Target
    before: str | None
    after: str | None
    edits: tuple[FileEdit, ...]
    members: tuple[Claimed, ...] = ()
    kept: tuple[MemberPath, ...] = ()

    @property
    def is_empty(self) -> bool:
        return self.before == self.after


def plan_setup(
    target: Target,
    before: str | None,
    wishes: Sequence[SetupWish],
    claim: Claim | None = None,
    base: str | None = None,
) -> SetupPlan:
    """Edits that make all wishes true, and take back what an earlier setup wrote beyond them.

    `claim` and `base` (the text that the claim's base names) come from that earlier setup.
    Raises `Uneditable`.
    """
    form, text = target.form, before or ""
    old = claim.members if claim else ()
    wishes, kept = _without_yielding(form.read(text), wishes, old)
    tree = form.read(text)
    new = tuple(each for wish in wishes for each in _claimed(tree, wish, _unit(wish, wishes), old))
    text = undone(form, text, base, _left_over(old, new)).text
    tree = form.read(text)
    for wish in wishes:
        text, tree = _granted(form, text, tree, wish.path, wish.value)
    after = before if text == (before or "") else text
    return SetupPlan(
        target, before, after, _edits(form, before, after, wishes), merged(old, new), kept
    )


def plan_undo(target: Target, before: str, claim: Claim, base: str | None) -> SetupPlan:
    """Edits that take back all of `claim`, the user's later values kept. Raises `Uneditable`."""
    result: Undone = undone(target.form, before, base, claim.members)
    edits = _edits(target.form, before, result.text, ())
    # A file that we made, and that holds nothing any more, goes.
    after = None if base is None and not result.text.strip(" \t\r\n\ufeff{}") else result.text
    return SetupPlan(target, before, after, edits, kept=result.kept)


def restore(target: Target, before: str, base: str | None) -> SetupPlan:
    """The undo of a file that nobody has touched since: its own bytes come back."""
    return SetupPlan(target, before, base, _edits(target.form, before, base, ()))


def outranking(
    form: TextFormat, stronger: Iterable[Path], mine: Sequence[SetupWish], places: Places
) -> list[str]:
    """For a person: the stronger files that say something else than what is written in ours."""
    found = []
    for file in dict.fromkeys(stronger):
        try:
            tree = form.read(places.read(file) or "")
        except Uneditable:
            continue
        against = [
            pointer(wish.path)
            for wish in mine
            if (theirs := lookup(tree, wish.path)) is not ABSENT and not same(theirs, wish.value)
        ]
        if against:
            found.append(f"{file} outranks what is written here: {', '.join(against)}")
    return found


def diff(plan: SetupPlan) -> str:
    """A unified diff of the plan with every secret masked; "" for no change."""
    lines = difflib.unified_diff(
        (plan.before or "").splitlines(keepends=True),
        (plan.after or "").splitlines(keepends=True),
        str(plan.target.file) if plan.before is not None else "/dev/null",
        str(plan.target.file) if plan.after is not None else "/dev/null",
    )
    text = "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
    return _masked(plan, text.replace("\r\n", "\n"))


def _masked(plan: SetupPlan, text: str) -> str:
    """`text`, made from either side of the plan, with every secret of the two replaced."""
    secrets = {value for edit in plan.edits if edit.secret for value in (edit.old, edit.new)}
    for side in (plan.before, plan.after):
        secrets.update(_secrets_in(plan.target.form.read(side or "")))
    texts = [each for each in secrets if isinstance(each, str) and each]
    for value in sorted(texts, key=len, reverse=True):
        mask = Secret(value).masked
        text = text.replace(json.dumps(value, ensure_ascii=False), f'"{mask}"')
        text = text.replace(f"'{value}'", f"'{mask}'")
        text = text.replace(value, mask) if len(value) >= _DISTINCT else text
    # Keys also stand where no name tells: among the arguments of a server, or in header lines.
    return redact(text)


def shown(edit: FileEdit, value: Value) -> str | None:
    """One side of an edit for a person or for --json: None where there is nothing."""
    if value is ABSENT:
        return None
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return Secret(text).masked if edit.secret else redact(text)


def _without_yielding(
    tree: Tree, wishes: Sequence[SetupWish], old: Iterable[Claimed]
) -> tuple[list[SetupWish], tuple[MemberPath, ...]]:
    """The wishes that are left, and the paths where the user's value stays."""
    ours = {each.path: each.ours for each in old}
    taken: dict[str, list[MemberPath]] = {}
    held: set[str] = set()
    for wish in wishes:
        present = lookup(tree, wish.path)
        if digest(present) in ours.get(wish.path, ()):
            held.add(wish.yielding)
        elif wish.elsewhere or (present is not ABSENT and not same(present, wish.value)):
            taken.setdefault(wish.yielding, []).append(wish.path)
    # Where one of the group is ours already, the user changed just the other: only that stays.
    left = [
        wish
        for wish in wishes
        if not wish.yielding
        or wish.yielding not in taken
        or (wish.yielding in held and wish.path not in taken[wish.yielding])
    ]
    return left, tuple(path for group in taken if group for path in taken[group])


def _unit(wish: SetupWish, wishes: Iterable[SetupWish]) -> int:
    """How many keys of the wish's path name the largest object that is wished as a whole."""
    around = (len(each.path) for each in wishes if wish.path[: len(each.path)] == each.path)
    return min(around)


def _claimed(tree: Tree, wish: SetupWish, unit: int, old: Iterable[Claimed]) -> Iterator[Claimed]:
    if wish.value is not ABSENT:
        yield from claimed_by(wish.path, wish.value, unit, secret=wish.secret)
    elif lookup(tree, wish.path) is not ABSENT or any(each.path == wish.path for each in old):
        yield Claimed(wish.path, unit, (digest(ABSENT),))


def _left_over(old: Iterable[Claimed], new: Iterable[Claimed]) -> Iterator[Claimed]:
    """What an earlier setup wrote and this one does not: value by value, where the object that
    they belonged to stays ours."""
    new = tuple(new)
    paths = {each.path for each in new}
    units = {each.path[: each.unit] for each in new}
    for each in old:
        if each.path in paths:
            continue
        stays = each.path[: each.unit] in units
        yield Claimed(each.path, len(each.path), each.ours) if stays else each


def _granted(
    form: TextFormat, text: str, tree: Tree, path: MemberPath, value: Value
) -> tuple[str, Tree]:
    present = lookup(tree, path)
    if same(present, value):
        return text, tree
    if value is ABSENT:
        text = form.remove(text, path)
        return text, form.read(text)
    if isinstance(value, dict) and isinstance(present, dict):
        for key, item in value.items():
            text, tree = _granted(form, text, tree, (*path, key), item)
        return text, tree
    return form.assign(text, path, value), with_value(tree, path, value)


def _edits(
    form: TextFormat, before: str | None, after: str | None, wishes: Iterable[SetupWish]
) -> tuple[FileEdit, ...]:
    old_tree, new_tree = form.read(before or ""), form.read(after or "")
    secret = [wish.path for wish in wishes if wish.secret]
    old, new = dict(leaves((), old_tree)), dict(leaves((), new_tree))
    edits = []
    for path in dict.fromkeys([*old, *new]):
        left, right = old.get(path, ABSENT), new.get(path, ABSENT)
        # An object that is empty on one side is no change of its own.
        if same(left, right) or (left in ({}, ABSENT) and right in ({}, ABSENT)):
            continue
        is_secret = any(path[: len(each)] == each for each in secret) or any(
            _looks_secret(path[-1], side) for side in (left, right)
        )
        edits.append(FileEdit(path, left, right, is_secret))
    return tuple(edits)


def _looks_secret(key: str, value: Value) -> bool:
    return (
        isinstance(value, str)
        and _SECRET_KEY.search(key) is not None
        and _NO_SECRET.fullmatch(value) is None
    )


def _secrets_in(tree: Value, key: str = "") -> Iterator[str]:
    match tree:
        case dict():
            for name, value in tree.items():
                yield from _secrets_in(value, name)
        case list():
            for value in tree:
                yield from _secrets_in(value, key)
        case str() if _looks_secret(key, tree):
            yield tree
        case _:
            pass

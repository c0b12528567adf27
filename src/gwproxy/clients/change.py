"""Carries a plan out, and takes it back: read, plan, copy, record, write, in this order.

The order is what makes a crash harmless. The copy and the record come before the write, and the
record says that the file may be in either state; whichever it is, undo finds its way. A file
that changes between reading and writing is planned for again. One gwproxy at a time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from gwproxy import paths
from gwproxy.clients import files, ledger, vscode
from gwproxy.clients.codex_models import BESIDE
from gwproxy.clients.document import ABSENT, TextFormat, Tree, Uneditable, canonical, digest, lookup
from gwproxy.clients.files import Snapshot
from gwproxy.clients.jsonpairs import PAIRS_JSON
from gwproxy.clients.jsontext import JSON
from gwproxy.clients.plan import (
    FileBeside,
    SetupPlan,
    SetupWish,
    Target,
    plan_setup,
    plan_undo,
    restore,
)
from gwproxy.clients.tomltext import TOML
from gwproxy.clients.undo import Claim, Flags, claimed_by, merged
from gwproxy.errors import ConfigError

# A client that writes its file all the time is not going to stop for a fourth try.
ATTEMPTS: Final = 3

# An edit replaces more text than its value: the key, quotes, indentation.
_BYTES_BESIDE_A_VALUE: Final = 200

# What is wished may depend on what the file says; it is asked anew for each reading.
Wisher: TypeAlias = Callable[[Tree], Sequence[SetupWish]]

_T = TypeVar("_T")


class FileStanding(Enum):
    """What became of a claim."""

    IN_PLACE = "in place"
    CHANGED = "changed since"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class _Work:
    """One reading of a file, and what may be done to it on that ground.

    `place` is the path under which the file is on record, its real one where it is not.
    """

    snapshot: Snapshot
    place: Path
    plan: SetupPlan
    claim: Claim
    base: bytes | None


def preview_setup(target: Target, wishes: Wisher, profile: str) -> SetupPlan:
    """What `apply_setup` would do. Raises ConfigError."""
    return _setup(target, wishes, profile).plan


def compare(target: Target, wishes: Wisher, profile: str) -> SetupPlan:
    """What `apply_setup` would do with a file that is only looked at, and may be one that cannot be
    written. Raises ConfigError."""
    return _setup(target, wishes, profile, to_write=False).plan


def apply_setup(
    target: Target, wishes: Wisher, profile: str, flags: Flags | None = None
) -> SetupPlan:
    """Make all wishes true in the target's file; nothing is written where they are.

    Raises ConfigError; the file is then as it was.
    """

    def attempt() -> SetupPlan:
        work = _setup(target, wishes, profile, flags)
        if work.plan.is_empty:
            _note(work)
            return work.plan
        _guard_size(work.plan)
        _back_up(work.snapshot, work.base)
        is_first = work.place not in ledger.claims()
        try:
            ledger.keep(work.snapshot.real, work.claim, work.base, work.place)
            in_place = flags is not None and flags.in_place
            files.replace(work.snapshot, _bytes(work.plan.after), in_place=in_place)
        except (ConfigError, files.ChangedMeanwhile):
            if is_first:
                # Nothing of ours is in the file. Where the disk is full the record may stay:
                # undo finds that there is nothing to do.
                with contextlib.suppress(ConfigError):
                    ledger.forget(work.snapshot.real)
            raise
        return work.plan

    return _attempted(target, attempt)


def note_setup(target: Target, wishes: Wisher, profile: str, flags: Flags | None = None) -> None:
    """Keep the record true of a file that says already what is wished. Raises ConfigError."""
    with paths.exclusive_lock(ledger.LOCK):
        work = _setup(target, wishes, profile, flags)
        if work.plan.is_empty:
            _note(work)


def write_beside(target: Target, beside: FileBeside | None) -> None:
    """Make the file of ours say what it should, where there is to be one. Raises ConfigError."""
    if beside is None:
        return

    def attempt() -> None:
        snapshot = files.read(target.file.parent / beside.name)
        files.refuse_unwritable(snapshot)
        if snapshot.text != beside.text:
            files.replace(snapshot, beside.text.encode())

    _attempted(target, attempt)


def preview_undo(target: Target) -> SetupPlan | None:
    """What `apply_undo` would do; None where there is nothing of ours. Raises ConfigError."""
    work = _undo(target)
    return work.plan if work else None


def apply_undo(target: Target, *, in_place: bool = False) -> SetupPlan | None:
    """Take our values out of the target's file. Raises ConfigError; then nothing was changed."""

    def attempt() -> SetupPlan | None:
        work = _undo(target)
        if work is None:
            return None
        if not work.plan.is_empty:
            _back_up(work.snapshot, _bytes(work.plan.after))
            if work.plan.after is None:
                files.delete(work.snapshot)
            else:
                files.replace(work.snapshot, _bytes(work.plan.after), in_place=in_place)
        ledger.forget(work.place)
        _drop_beside(target, work.plan.after or "")
        return work.plan

    return _attempted(target, attempt)


def is_in_place(plan: SetupPlan) -> bool:
    """Whether the file still says what the plan left in it."""
    return files.peek(plan.target.file) == plan.after


def is_on_record(target: Target) -> bool:
    """Whether we know that we have set up this file. Raises ConfigError."""
    snapshot = files.read(target.file)
    place, _ = _claim_to(target, snapshot)
    return place in ledger.claims()


def claimed_targets() -> list[tuple[Target, Claim]]:
    """Every file that has something of ours, as the targets of an undo. Raises ConfigError."""
    return [
        (Target(claim.client, claim.scope, Path(claim.file), _form_of(claim)), claim)
        for claim in ledger.claims().values()
    ]


def standing(target: Target, claim: Claim) -> FileStanding:
    """Whether what we wrote is still there. Raises ConfigError."""
    snapshot = files.read(target.file)
    if snapshot.content is None:
        return FileStanding.GONE
    if ledger.sha256(snapshot.content) in claim.states:
        return FileStanding.IN_PLACE
    with _understood(target):
        ours = _ours(target.form.read(snapshot.text or ""), claim)
    if all(ours):
        return FileStanding.IN_PLACE
    return FileStanding.CHANGED if any(ours) else FileStanding.GONE


def _ours(tree: Tree, claim: Claim) -> list[bool]:
    """For each member of the claim, whether our value is there."""
    return [digest(lookup(tree, each.path)) in each.ours for each in claim.members]


def _setup(
    target: Target,
    wishes: Wisher,
    profile: str,
    flags: Flags | None = None,
    *,
    to_write: bool = True,
) -> _Work:
    snapshot = files.read(target.file)
    place, claim = _claim_to(target, snapshot)
    if to_write:
        files.refuse_unwritable(snapshot)
        _refuse_unread(target, snapshot.text, claim)
    old_base = ledger.base_of(place, claim) if claim else None
    with _understood(target):
        wished = wishes(target.form.read(snapshot.text or ""))
        plan = plan_setup(target, snapshot.text, wished, claim, _text(old_base))
    base = _base(target, snapshot, claim, old_base)
    states = [ledger.sha256(_bytes(plan.after))]
    if claim and snapshot.content is not None and not plan.is_empty:
        # Cut off before the write, the file stays in its present state, which is ours as well.
        states.insert(0, ledger.sha256(snapshot.content))
    new = Claim(
        client=target.client,
        scope=target.scope,
        profile=profile,
        file=str(target.file),
        base=None if base is None else ledger.sha256(base),
        states=tuple(states),
        members=plan.members,
        flags=flags,
    )
    return _Work(snapshot, place, plan, new, base)


def _refuse_unread(target: Target, text: str | None, claim: Claim | None) -> None:
    """Raise ConfigError for a text that the tool itself does not take: it would look set up, and
    the tool would know nothing of it."""
    if target.reading is None:
        return
    try:
        target.reading.form.read(text or "")
    except Uneditable as error:
        earlier = "nothing was changed in it"
        with _understood(target):
            if claim and all(_ours(target.form.read(text or ""), claim)):
                earlier = "what gwproxy wrote there is as it was: only this keeps it from counting"
        raise ConfigError(
            f"{target.reading.tool} does not read {target.file}:{error.line}:{error.column}",
            why=f"line {error.line}, column {error.column}: {error.reason}; it takes "
            f"{target.reading.takes}, and {target.reading.otherwise}",
            hint=f"{earlier}; mend that line, then: gwproxy setup {target.client}",
        ) from None


def _claim_to(target: Target, snapshot: Snapshot) -> tuple[Path, Claim | None]:
    """What is ours in a file, and the path under which that is on record.

    Somebody may have moved the file since and left a link behind, as into a dotfiles repository;
    or our records are gone, and the file itself has to tell.
    """
    known = ledger.claims()
    if snapshot.real in known:
        return snapshot.real, known[snapshot.real]
    for place, claim in known.items():
        has_moved = claim.file == str(snapshot.path) and files.is_gone(place)
        if has_moved or files.real_path(place) == snapshot.real:
            return place, claim
    return snapshot.real, _traced(target, snapshot)


def _traced(target: Target, snapshot: Snapshot) -> Claim | None:
    """A claim to what only gwproxy can have written; None where there is nothing like it."""
    try:
        tree = target.form.read(snapshot.text or "")
    except Uneditable:
        return None
    found = [each for path in target.traces(tree) for each in claimed_by(path, lookup(tree, path))]
    if not found:
        return None
    file = str(target.file)
    return Claim(target.client, target.scope, "", file, None, (), merged((), found))


def _base(
    target: Target, snapshot: Snapshot, claim: Claim | None, old_base: bytes | None
) -> bytes | None:
    """The file as it would be without us, the user's edits since an earlier setup included."""
    if claim is None or snapshot.content is None:
        return snapshot.content
    if ledger.sha256(snapshot.content) in claim.states:
        return old_base
    with _understood(target):
        plan = plan_undo(target, snapshot.text or "", claim, _text(old_base))
    return None if plan.after is None else _bytes(plan.after)


def _undo(target: Target) -> _Work | None:
    snapshot = files.read(target.file)
    place, claim = _claim_to(target, snapshot)
    if claim is None:
        return None
    text = snapshot.text
    if text is None or snapshot.content is None:
        return _Work(snapshot, place, SetupPlan(target, None, None, ()), claim, None)
    files.refuse_unwritable(snapshot)
    base = ledger.base_of(place, claim)
    with _understood(target):
        if ledger.sha256(snapshot.content) in claim.states:
            plan = restore(target, text, _text(base))
        else:
            plan = plan_undo(target, text, claim, _text(base))
    return _Work(snapshot, place, plan, claim, base)


def _attempted(target: Target, attempt: Callable[[], _T]) -> _T:
    with paths.exclusive_lock(ledger.LOCK):
        for _ in range(ATTEMPTS):
            try:
                return attempt()
            except files.ChangedMeanwhile:
                continue
    raise ConfigError(
        f"{target.file} keeps changing",
        why="another program writes to it faster than gwproxy can",
        hint=f"close {target.client}, then try again; nothing was changed",
    )


def _drop_beside(target: Target, left: str) -> None:
    """Take away the files that are wholly ours, but for one that `left` still names."""
    for name in BESIDE.get(target.client, ()):
        snapshot = files.read(target.file.parent / name)
        if snapshot.content is not None and name not in left:
            ledger.back_up(snapshot.real, snapshot.content)  # somebody may have mended it
            files.delete(snapshot)


def _note(work: _Work) -> None:
    """Record a setup that had nothing to write: for another profile with the same values, with
    other flags, or where the record was lost."""
    known, new = ledger.claims().get(work.place), work.claim
    if known is not None and (known.profile, known.flags) == (new.profile, new.flags):
        return
    if new.members:
        ledger.keep(work.snapshot.real, work.claim, work.base, work.place)


def _back_up(snapshot: Snapshot, without_us: bytes | None) -> None:
    """Copy what is the user's of a file, their latest edits included.

    What we wrote is left out: after `--direct` it is a provider's key, and no copy of that may
    stay behind.
    """
    if without_us:
        ledger.back_up(snapshot.real, without_us)


def _guard_size(plan: SetupPlan) -> None:
    """A last look from outside: no setup may lose half of a file that it did not mean to change.

    OpenClaw keeps a rule like this after start-ups that cut a file to a tenth
    (openclaw/openclaw#64419).
    """
    before, after = len(plan.before or ""), len(plan.after or "")
    meant = sum(
        len(canonical(edit.old)) + _BYTES_BESIDE_A_VALUE
        for edit in plan.edits
        if edit.old is not ABSENT
    )
    if after < before / 2 and before - after > meant:
        raise ConfigError(
            f"gwproxy leaves {plan.target.file} alone",
            why=f"the change would shrink it from {before} to {after} characters",
            hint="this is a fault of gwproxy; please report it",
        )


@contextlib.contextmanager
def _understood(target: Target) -> Iterator[None]:
    """The seam where trouble in a text becomes an error for a person."""
    try:
        yield
    except Uneditable as error:
        raise ConfigError(
            f"gwproxy cannot edit {target.file}",
            why=f"line {error.line}, column {error.column}: {error.reason}",
            hint="mend the file; nothing was changed in it",
        ) from None


def _bytes(text: str | None) -> bytes:
    return (text or "").encode()


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode()


def _form_of(claim: Claim) -> TextFormat:
    if claim.scope == vscode.SCOPE:
        return PAIRS_JSON
    return TOML if claim.file.endswith(".toml") else JSON

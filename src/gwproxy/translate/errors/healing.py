"""What to change when an upstream refuses a request for its form.

A refusal is read by the grammar of its validator (`grammars`) or known by its words (`refusals`),
and answered by a change of `Quirks`: members to omit, flags and values. Nothing here touches a
request. Edits and passes then do what the changed quirks say, for one repetition and, where the
host and not the one request is the reason, for all requests that follow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from msgspec import Struct, field

from gwproxy.translate.dialect_facts import Dialect
from gwproxy.translate.errors import grammars
from gwproxy.translate.errors.grammars import RefusalReading, RefusedPath
from gwproxy.translate.errors.refusals import REFUSAL_RULES
from gwproxy.translate.errors.remedies import (
    EDITED,
    OF_KINDS,
    Changes,
    Steps,
    is_of_schema,
    steps_of_kind,
    steps_of_member,
    steps_unsaid,
)
from gwproxy.translate.errors.reports import complaints_in
from gwproxy.translate.hub import UNHEEDED, Failure, FailureKind
from gwproxy.translate.omittable import is_of, pattern_of
from gwproxy.translate.quirks import Quirks, QuirkValue

# A refusal of the request as it is: nothing was worked on, so nothing was billed. FastAPI's
# validation, which many hosts have in front of them, says 422 (https://fastapi.tiangolo.com).
_STATUSES: Final[Mapping[FailureKind, frozenset[int]]] = {
    FailureKind.INVALID: frozenset({400, 422}),
    FailureKind.TOO_LARGE: frozenset({413}),
    # An earlier response that is not there; nothing else that is missing can be helped.
    FailureKind.NOT_FOUND: frozenset({404}),
}
REFUSED: Final = frozenset().union(*_STATUSES.values())


class Remedy(Struct, frozen=True):
    """What to change: `changes` of quirks by name, `omits` the patterns to leave out; `cause` is
    for people. `lasting`: the host wants it for every request; else the one request was at fault.
    `guessed`: no grammar was read, the message only mentions what is left out."""

    cause: str
    changes: dict[str, QuirkValue] = field(default_factory=dict)
    omits: tuple[str, ...] = ()
    lasting: bool = True
    guessed: bool = False

    def applied(self, quirks: Quirks) -> Quirks:
        omit = tuple(dict.fromkeys((*quirks.omit, *self.omits)))
        return dataclasses.replace(quirks, **cast(Any, {"omit": omit, **self.changes}))

    @property
    def named(self) -> list[str]:
        flags = [f"{name}={flag_text(value)}" for name, value in self.changes.items()]
        return [*(f"omit={pattern}" for pattern in self.omits), *flags]

    def __str__(self) -> str:
        return ", ".join(self.named)


class _Way(Struct, frozen=True):
    """How the refused body was made: its dialect, the quirks that are followed by edits on relayed
    bytes, and whether it was relayed (`faithful`)."""

    upstream: Dialect
    edited: frozenset[str]
    faithful: bool


def flag_text(value: QuirkValue) -> str:
    """A flag's value as a person types it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "|".join(value)
    return repr(value) if isinstance(value, str) and not value.strip() else str(value)


def heal(
    failure: Failure, quirks: Quirks, *, upstream: Dialect, faithful: bool, ordered: bool = False
) -> Iterator[Remedy]:
    """What to change before sending the request again, the mildest first; none where nothing known
    could help.

    `faithful`: the body was relayed, so that of the quirks only those counted that edit it.
    `ordered`: it ended with an order to compact.
    """
    if failure.code == UNHEEDED:
        yield Remedy("an order to compact is not heeded", {"compaction": False})
    if failure.status not in _STATUSES.get(failure.kind, ()):
        return
    way = _Way(upstream, EDITED.get(upstream, frozenset()), faithful)
    known = list(_of_words(failure, quirks, way))
    if failure.kind is not FailureKind.INVALID:
        yield from known
        return
    reading = grammars.read(failure.message, failure.param)
    left_out = [] if reading is None else list(_less(reading, quirks, upstream))
    left_out += [] if reading is None else _flatter(reading, quirks, way)
    # A value's neighbour is less of a change than no value; a member that goes, than all that a
    # rebuilt request loses.
    near = [one for one in known if one.changes.keys() == {"efforts"}]
    yield from near
    known = [one for one in known if one not in near]
    yield from (*left_out, *known) if faithful else (*known, *left_out)
    if reading is not None:
        yield from _instead(reading, quirks, way)
    elif not known:
        yield from _guessed(failure.message, quirks, way)
        steps = steps_unsaid(failure.message, failure.param)
        changes = _next_step(steps, quirks, way) if steps else None
        if changes is not None:
            yield Remedy("a kind of tool or item may be refused", changes, guessed=True)
    if ordered:
        yield Remedy("an order to compact may be refused", {"compaction": False}, lasting=False)


def is_refused_again(remedy: Remedy, failure: Failure, upstream: Dialect) -> bool:
    """Whether `failure` still names what `remedy` has left out."""
    reading = grammars.read(failure.message, failure.param)
    named = () if reading is None else reading.named
    return any(_pattern(one, upstream) in remedy.omits for one in named)


def _less(reading: RefusalReading, quirks: Quirks, upstream: Dialect) -> Iterator[Remedy]:
    """Leaves out every member that the refusal names and that may be left out, at once."""
    earned = (_pattern(named, upstream) for named in reading.named)
    new = [pattern for pattern in earned if pattern is not None and pattern not in quirks.omit]
    if new:
        patterns = tuple(dict.fromkeys(new))
        yield Remedy(f"{', '.join(patterns)} is refused ({reading.writer})", omits=patterns)


def _flatter(reading: RefusalReading, quirks: Quirks, way: _Way) -> Iterator[Remedy]:
    """Has tools of a refused kind sent as functions, and items as text."""
    for named in reading.named:
        if named.path[:1] in ((), ("tools",), ("tool_choice",), ("input",)) and not named.header:
            steps = steps_of_kind(named.value)
            changes = _next_step(steps, quirks, way) if steps else None
            if changes is not None:
                yield Remedy(f"the kind {named.value} is refused", changes)


def _instead(reading: RefusalReading, quirks: Quirks, way: _Way) -> Iterator[Remedy]:
    """Avoids members that may not just be left out; as the last resort rebuilds this request."""
    for named in reading.named:
        beta = named.value if named.header else None
        changes = _next_step(steps_of_member(named.path, beta or ""), quirks, way)
        if changes is not None and changes != {"rebuild": True}:
            cause = f"{_words(named)} is refused ({reading.writer})"
            yield Remedy(cause, changes, lasting=not is_of_schema(named.path))
    if way.faithful:
        yield Remedy(f"{_words(reading.named[0])} is refused", {"rebuild": True}, lasting=False)


def _pattern(named: RefusedPath, upstream: Dialect) -> str | None:
    return pattern_of(upstream, _words(named), named.value)


def _words(named: RefusedPath) -> str:
    return named.header or ".".join(str(step) for step in named.path)


def _guessed(message: str, quirks: Quirks, way: _Way) -> Iterator[Remedy]:
    for name in grammars.mentioned(message):
        pattern = pattern_of(way.upstream, name)
        if pattern is not None and pattern not in quirks.omit:
            yield Remedy(f"{pattern} may be refused", omits=(pattern,), guessed=True)
        elif pattern is None and (steps := steps_of_member(tuple(name.split(".")), "")):
            changes = _next_step(steps, quirks, way)
            if changes is not None:
                yield Remedy(f"{name} may be refused", changes, guessed=True)


def _of_words(failure: Failure, quirks: Quirks, way: _Way) -> Iterator[Remedy]:
    said = list(dict.fromkeys((failure.message, *complaints_in(failure.message))))
    if failure.param and failure.param not in failure.message:
        said.append(f"{failure.param}: {failure.message}")
    for rule in REFUSAL_RULES:
        relayed = rule.relayed
        if rule.kind is not failure.kind or (relayed is None and way.faithful):
            continue
        match = next(filter(None, map(rule.words.search, said)), None)
        if match is None:
            continue
        cause = rule.cause.format(*match.groups())
        omits = tuple(one for one in rule.omits if is_of(way.upstream, one))
        if not set(omits) <= set(quirks.omit):
            yield Remedy(cause, omits=omits, lasting=rule.lasts({}))
        steps = rule.steps(match[1]) if callable(rule.steps) else rule.steps
        if not steps:
            continue
        changes = _next_step(steps, quirks, way, relayed or 0)
        if changes is not None:
            yield Remedy(cause, changes, lasting=rule.lasts(changes))


def _next_step(
    steps: Steps, quirks: Quirks, way: _Way, relayed: int = 0
) -> dict[str, QuirkValue] | None:
    """The changes of the first step after those in force; None where no step is left. A relayed
    request begins with step `relayed`; in it only quirks were in force that are edits on its bytes,
    so that of the others the last step is still to be tried."""
    names = frozenset(name for step in steps for name in step)
    kinds = bool(names & OF_KINDS)
    if kinds and not way.edited >= OF_KINDS:
        return None  # other dialects have no such kinds
    by_edit = kinds or (bool(names) and names <= way.edited)
    reached = [number for number, step in enumerate(steps) if _is_in_force(step, quirks)]
    if way.faithful and not by_edit:
        return {"rebuild": True, **(steps[max((relayed, *reached))] if steps else {})}
    following = reached[-1] + 1 if reached else 0
    if following >= len(steps):
        return {"rebuild": True} if way.faithful and not kinds else None
    step = steps[following]
    return {name: value for name, value in step.items() if getattr(quirks, name) != value}


def _is_in_force(step: Changes, quirks: Quirks) -> bool:
    return all(getattr(quirks, name) == value for name, value in step.items())

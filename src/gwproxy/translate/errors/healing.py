"""What to change when an upstream refuses a request for the way it was spoken to.

A refusal is recognised by one of the rules of `refusals` and answered by a change of `Quirks`:
flags and values, data like the quirks themselves. Nothing here touches a request. The renderers
and repair passes do what the changed quirks say, for one repetition and, where the host and not
the one request is the reason, for all requests that follow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, cast

from msgspec import Struct

from gwproxy.translate.errors.refusals import REFUSAL_RULES, Changes, Steps
from gwproxy.translate.hub import Failure, FailureKind
from gwproxy.translate.quirks import Quirks, QuirkValue

# A refusal of the request as it is: nothing was worked on, so nothing was billed. FastAPI's
# validation, which many hosts have in front of them, says 422 (https://fastapi.tiangolo.com).
_STATUSES: Final[Mapping[FailureKind, frozenset[int]]] = {
    FailureKind.INVALID: frozenset({400, 422}),
    FailureKind.TOO_LARGE: frozenset({413}),
}
REFUSED: Final = frozenset().union(*_STATUSES.values())


class Remedy(Struct, frozen=True):
    """`cause` in a few words for people, `changes` of quirks by the flag's name. `lasting`: it is
    the host that wants it so; else the one request was at fault."""

    cause: str
    changes: dict[str, QuirkValue]
    lasting: bool

    def applied(self, quirks: Quirks) -> Quirks:
        return dataclasses.replace(quirks, **cast(Any, self.changes))

    @property
    def named(self) -> list[str]:
        return [f"{name}={flag_text(value)}" for name, value in self.changes.items()]

    def __str__(self) -> str:
        return ", ".join(self.named)


def flag_text(value: QuirkValue) -> str:
    """A flag's value as a person types it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "|".join(value)
    return repr(value) if isinstance(value, str) and not value.strip() else str(value)


def heal(failure: Failure, quirks: Quirks, *, faithful: bool) -> Remedy | None:
    """What to change before asking again, or None when nothing is known that could help.

    `faithful`: the body was relayed as it came, so that the quirks had no part in it.
    """
    if failure.status not in _STATUSES.get(failure.kind, ()):
        return None
    for rule in REFUSAL_RULES:
        match = rule.words.search(failure.message)
        if match is None or rule.kind is not failure.kind:
            continue
        steps = rule.steps(match[1]) if callable(rule.steps) else rule.steps
        changes = _next_step(steps, quirks, faithful=faithful)
        if changes is not None:
            return Remedy(rule.cause.format(*match.groups()), changes, rule.lasting)
    return None


def _next_step(steps: Steps, quirks: Quirks, *, faithful: bool) -> dict[str, QuirkValue] | None:
    """The changes of the first step after those in force; in a relayed request none was."""
    reached = [number for number, step in enumerate(steps) if _is_in_force(step, quirks)]
    if faithful:
        first = {} if reached or not steps else steps[0]
        return {"rebuild": True, **first}
    following = reached[-1] + 1 if reached else 0
    if following >= len(steps):
        return None
    step = steps[following]
    return {name: value for name, value in step.items() if getattr(quirks, name) != value}


def _is_in_force(step: Changes, quirks: Quirks) -> bool:
    return all(getattr(quirks, name) == value for name, value in step.items())

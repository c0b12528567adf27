"""What refusals have taught, for each profile and model, and the repetitions that they earn.

`translate.errors.healing` knows what a refusal means; here is what is done about it: the quirks of
a route with what was learned, a remedy that a person's own settings do not forbid, and the memory
of what helped, in the state folder's file of lessons where one is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, TypeVar

from gwproxy import paths
from gwproxy.errors import GwproxyError
from gwproxy.profiles import learned
from gwproxy.profiles.learned import Lesson
from gwproxy.profiles.profile import Profile
from gwproxy.proxy.exchange.ageing import Sessions, begins
from gwproxy.proxy.live import Live
from gwproxy.proxy.log import LOGGER
from gwproxy.proxy.routing.route import Route
from gwproxy.proxy.worker import Worker
from gwproxy.translate.errors.healing import Remedy, heal, is_refused_again
from gwproxy.translate.hub import Failure
from gwproxy.translate.quirks import QuirkValue

T = TypeVar("T")

_MOST_LESSONS: Final = 1000
"""In memory, for servers that keep no file: a client can name any number of models."""


@dataclass(frozen=True, slots=True)
class Healed:
    """A route whose quirks `remedy` has changed, since what was `said`."""

    route: Route
    remedy: Remedy
    said: str


@dataclass(frozen=True, slots=True)
class Trial:
    """A route on which `session` does without `lesson`."""

    route: Route
    lesson: Lesson
    session: str


class Healing:
    """`keeps` says that lessons are written to the state folder and followed there: a person may
    have them forgotten while we run."""

    def __init__(
        self, *, keeps: bool, look_s: float = 0.0, today: Callable[[], date] = date.today
    ) -> None:
        self._today = today
        self._own: dict[tuple[str, str, str, QuirkValue], Lesson] = {}
        self._sessions = Sessions()
        self._guesses: dict[tuple[str, str, tuple[str, ...]], None] = {}
        self._file = None
        if keeps:
            self._file = Live(paths.learned_file(), learned.load, _report, look_s=look_s)
        self.worker = Worker(
            "what providers teach cannot be kept",
            "answers go on, and the next refusal teaches it again",
            "what providers teach is kept again",
        )
        if keeps and (count := learned.count_too_wide()):
            LOGGER.info("%d lessons of an older version are not used: they changed too much", count)

    def informed(self, route: Route, session: str = "") -> Route:
        """`route` with what its upstream has taught, and taught when `session` began."""
        return _following(route, self._sessions.pinned(route, session, self._of(route)))

    def trial(self, route: Route, session: str, body: bytes) -> Trial | None:
        """The lesson that the first request of a new session tries without, when one is due."""
        if not (self._sessions.is_new(route, session) and begins(body)):
            return None
        lessons = self._of(route)
        lesson = self._sessions.due(lessons, self._today())
        if lesson is None:
            return None
        rest = [one for one in lessons if one is not lesson]
        return Trial(_following(route, rest), lesson, session)

    def begin(self, trial: Trial) -> bool:
        """Begin `trial`, and say whether it may be: no other tries its lesson. `leave` it then."""
        return self._sessions.begin_trial(trial.lesson)

    def leave(self, trial: Trial) -> None:
        """End `trial`, whatever came of it."""
        self._sessions.end_trial(trial.lesson)

    async def outgrown(self, trial: Trial) -> None:
        """Drop the lesson of `trial`, which the host took: who begins now does without it."""
        lesson = trial.lesson
        LOGGER.info("%s (%s): %s no longer", lesson.profile, lesson.model, lesson.why)
        self._sessions.outgrow(lesson, trial.route, trial.session)
        if self._file is None:
            self._own.pop(learned.place(lesson), None)
            return
        await self._change(learned.drop, lesson)

    async def still_refused(self, trial: Trial) -> None:
        """Keep the lesson of `trial`, which the host refused again, and rest it for longer."""
        lesson = trial.lesson
        day = self._today().isoformat()
        await self._keep([replace(lesson, tried=day, trials=lesson.trials + 1)])

    def lessons(self, profile: Profile) -> tuple[Lesson, ...]:
        """The lessons of the host of `profile`, for all its models."""
        known = self._file.get() if self._file is not None else tuple(self._own.values())
        return learned.in_force(known, profile)

    async def forget(self, lesson: Lesson) -> None:
        """Drop `lesson`, which a person does not want any more. Raises ConfigError."""
        if self._file is None:
            self._own.pop(learned.place(lesson), None)
        else:
            await asyncio.to_thread(learned.drop, lesson)

    def _of(self, route: Route) -> list[Lesson]:
        return [one for one in self.lessons(route.profile) if one.model == route.model]

    def remedies(
        self, failure: Failure, route: Route, *, faithful: bool, ordered: bool = False
    ) -> Iterator[Healed]:
        """The routes on which to ask once more, the one with the mildest change first. What a
        person has set by hand stays as it is: the refusal is then theirs to read."""
        quirks = route.quirks
        to = route.dialect
        found = list(heal(failure, quirks, upstream=to, faithful=faithful, ordered=ordered))
        if any(self._is_a_persons(remedy, route) for remedy in found):
            return
        for remedy in found:
            applied = replace(route, quirks=remedy.applied(quirks))
            yield Healed(applied, remedy, failure.message)

    @staticmethod
    def _is_a_persons(remedy: Remedy, route: Route) -> bool:
        return any(
            learned.is_set_by_hand(route.profile, name)
            for name, value in remedy.changes.items()
            if getattr(route.quirks, name) != value
        )

    async def judge(self, healed: Healed, failure: Failure) -> None:
        """Learn `healed`, though it was refused as well with `failure`, if the upstream now
        complains of something else that can be mended: the change has helped."""
        route, remedy = healed.route, healed.remedy
        if failure.message == healed.said or is_refused_again(remedy, failure, route.dialect):
            return
        others = heal(failure, route.quirks, upstream=route.dialect, faithful=False)
        other = next(others, None)
        if other is not None and other.cause != remedy.cause:
            await self.learn(healed)

    async def learn(self, healed: Healed) -> None:
        """Keep `healed`, which has helped, as lessons, if it is the upstream that wants it so."""
        route, remedy = healed.route, healed.remedy
        LOGGER.warning("%s (%s): %s; %s", route.profile.name, route.model, remedy.cause, remedy)
        if not remedy.lasting or (remedy.guessed and self._is_new_guess(route, remedy)):
            return
        day = self._today().isoformat()
        relayed = route.quirks.rebuild
        kept: list[tuple[str, QuirkValue, bool]] = [
            ("omit", (pattern,), False) for pattern in remedy.omits
        ]
        kept += [(n, value, relayed) for n, value in remedy.changes.items() if n != "rebuild"]
        await self._keep(
            [
                Lesson(route.profile.name, route.model, quirk, value, day, remedy.cause, rebuilt)
                for quirk, value, rebuilt in kept
            ]
        )

    def _is_new_guess(self, route: Route, remedy: Remedy) -> bool:
        """Whether it is seen for the first time: what only seems to have helped may be chance."""
        guess = (route.profile.name, route.model, (*remedy.omits, *remedy.changes))
        if guess in self._guesses:
            return False
        self._guesses[guess] = None
        _bound(self._guesses)
        return True

    async def _keep(self, lessons: list[Lesson]) -> None:
        if self._file is None:
            self._own |= {learned.place(one): one for one in lessons}
            _bound(self._own)
            return
        await self._change(learned.add, lessons)

    async def _change(self, change: Callable[[T], None], what: T) -> None:
        with self.worker.piece_of_work():
            await asyncio.to_thread(change, what)
        if self._file is not None:
            self._file.written()


def _following(route: Route, lessons: Sequence[Lesson]) -> Route:
    if not lessons:
        return route
    flags: dict[str, QuirkValue] = {one.quirk: one.value for one in lessons if one.quirk != "omit"}
    # Bytes cannot follow it: such a request is rebuilt as the one that taught it was.
    if any(one.relayed for one in lessons) and "rebuild" not in flags:
        flags["rebuild"] = True
    omits = tuple(p for one in lessons if one.quirk == "omit" for p in learned.names(one))
    return replace(route, quirks=Remedy("", flags, omits).applied(route.quirks))


def _bound(known: dict[Any, Any]) -> None:
    while len(known) > _MOST_LESSONS:
        del known[next(iter(known))]


def _report(error: GwproxyError) -> None:
    LOGGER.error("%s", error.what)

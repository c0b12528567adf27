"""What refusals have taught, for each profile and model, and the one repetition that they earn.

`translate.healing` knows what a refusal means; here is what is done about it: the quirks of a
route with what was learned, a remedy that a person's own settings do not forbid, and the memory
of what helped, in the state folder's file of lessons where one is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, cast

from gwproxy import paths
from gwproxy.errors import ConfigError, GwproxyError
from gwproxy.profiles import learned
from gwproxy.profiles.learned import Lesson
from gwproxy.proxy.live import Live
from gwproxy.proxy.log import LOGGER
from gwproxy.proxy.route import Route
from gwproxy.translate.errors.healing import Remedy, heal
from gwproxy.translate.hub import Failure

_MOST_LESSONS: Final = 1000
"""In memory, for servers that keep no file: a client can name any number of models."""


@dataclass(frozen=True, slots=True)
class Healed:
    """A route whose quirks `remedy` has changed."""

    route: Route
    remedy: Remedy


class Healing:
    """`keeps` says that lessons are written to the state folder and followed there: a person may
    have them forgotten while we run."""

    def __init__(self, *, keeps: bool, today: Callable[[], date] = date.today) -> None:
        self._today = today
        self._own: dict[tuple[str, str, str], Lesson] = {}
        self._file = Live(paths.learned_file(), learned.load, _report) if keeps else None

    def informed(self, route: Route) -> Route:
        """`route` with what its upstream has taught."""
        lessons = [
            lesson
            for lesson in learned.in_force(self._lessons(), route.profile)
            if lesson.model == route.model
        ]
        if not lessons:
            return route
        flags = {lesson.quirk: lesson.value for lesson in lessons}
        return replace(route, quirks=replace(route.quirks, **cast(Any, flags)))

    def _lessons(self) -> tuple[Lesson, ...]:
        return self._file.get() if self._file is not None else tuple(self._own.values())

    def remedy(self, failure: Failure, route: Route, *, faithful: bool) -> Healed | None:
        """The route on which to ask once more. What a person has set by hand stays as it is: the
        refusal is then theirs to read."""
        found = heal(failure, route.quirks, faithful=faithful)
        if found is None:
            return None
        if any(learned.is_set_by_hand(route.profile, name) for name in found.changes):
            return None
        return Healed(replace(route, quirks=found.applied(route.quirks)), found)

    async def judge(self, healed: Healed, failure: Failure) -> None:
        """The repetition was refused as well. When the upstream now complains of something else
        that can be mended, the first change has helped, and the next request brings the other."""
        other = heal(failure, healed.route.quirks, faithful=False)
        if other is not None and other.cause != healed.remedy.cause:
            await self.learn(healed)

    async def learn(self, healed: Healed) -> None:
        """It helped: keep it, if it is the upstream that wants it so."""
        route, remedy = healed.route, healed.remedy
        LOGGER.warning("%s (%s): %s; %s", route.profile.name, route.model, remedy.cause, remedy)
        if not remedy.lasting:
            return
        day = self._today().isoformat()
        lessons = [
            Lesson(route.profile.name, route.model, name, value, day, remedy.cause)
            for name, value in remedy.changes.items()
        ]
        if self._file is None:
            self._own |= {(one.profile, one.model, one.quirk): one for one in lessons}
            while len(self._own) > _MOST_LESSONS:
                del self._own[next(iter(self._own))]
            return
        try:
            await asyncio.to_thread(learned.add, lessons)
        except ConfigError as error:
            LOGGER.warning("what was learned cannot be kept: %s: %s", error.what, error.why)


def _report(error: GwproxyError) -> None:
    LOGGER.error("%s", error.what)

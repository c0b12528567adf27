"""When a lesson is tried anew, and for whom: hosts change, and what one refused in spring it may
take in autumn.

A lesson is left aside for the first request of a session, one lesson at a time, a day after it was
learned, then after a week, then every month. Where the host takes the request, the lesson is gone;
but sessions that began with it keep it, since the bytes of their history are cached. Only clients
that name their session are believed to begin one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from gwproxy.profiles import learned
from gwproxy.profiles.learned import Lesson
from gwproxy.proxy.routing.route import Route

_WAITS_DAYS: Final = (1, 7, 30)
# Claude Code, opencode, Codex.
_SESSION_HEADERS: Final = ("x-claude-code-session-id", "x-session-id", "session-id")
# A subagent of Claude Code, a thread of Codex.
_STRAND_HEADERS: Final = ("x-claude-code-agent-id", "thread-id")
_GOES_ON: Final = re.compile(
    rb'"role"\s*:\s*"assistant"|"previous_response_id"\s*:\s*"|"type"\s*:\s*"function_call'
)
_MOST_SESSIONS: Final = 1000


def session_named(headers: Mapping[str, str]) -> str:
    """The client's name for its session; empty where it has none."""
    return next((headers[name] for name in _SESSION_HEADERS if headers.get(name)), "")


def strand_named(headers: Mapping[str, str]) -> str:
    """The client's name for a conversation that runs beside others of its session."""
    return next((headers[name] for name in _STRAND_HEADERS if name in headers), "")


def begins(body: bytes) -> bool:
    """Whether `body` has no history."""
    return _GOES_ON.search(body) is None


def is_due(lesson: Lesson, today: date) -> bool:
    """Whether it is time to see if the host still refuses."""
    try:
        since = date.fromisoformat(lesson.tried or lesson.day)
    except ValueError:
        return False
    wait = _WAITS_DAYS[min(lesson.trials, len(_WAITS_DAYS) - 1)]
    return (today - since).days >= wait


class Sessions:
    """The sessions that run, and the lessons that they began with."""

    def __init__(self) -> None:
        self._began: dict[tuple[str, str, str], tuple[Lesson, ...]] = {}
        self._outgrown: set[tuple[object, ...]] = set()
        self._tried: set[tuple[object, ...]] = set()

    def pinned(self, route: Route, session: str, lessons: Iterable[Lesson]) -> tuple[Lesson, ...]:
        """`lessons`, and what `session` keeps although it was outgrown since."""
        now = tuple(lessons)
        if not session:
            return now
        began = self._began.setdefault(_key(route, session), now)
        while len(self._began) > _MOST_SESSIONS:
            del self._began[next(iter(self._began))]
        known = {learned.place(one) for one in now}
        kept = (one for one in began if learned.place(one) in self._outgrown - known)
        return (*now, *kept)

    def is_new(self, route: Route, session: str) -> bool:
        """Whether nothing was asked on `route` in `session` before."""
        return bool(session) and _key(route, session) not in self._began

    def due(self, lessons: Iterable[Lesson], today: date) -> Lesson | None:
        """The first lesson that may be tried now."""
        untried = (one for one in lessons if learned.place(one) not in self._tried)
        return next((one for one in untried if is_due(one, today)), None)

    def begin_trial(self, lesson: Lesson) -> bool:
        """Begin to try `lesson`, and say whether nobody tries it already."""
        begun = learned.place(lesson) not in self._tried
        self._tried.add(learned.place(lesson))
        return begun

    def end_trial(self, lesson: Lesson) -> None:
        """Let others try `lesson`."""
        self._tried.discard(learned.place(lesson))

    def outgrow(self, lesson: Lesson, route: Route, session: str) -> None:
        """Let `session` go on without `lesson`, and those that began before with it."""
        self._outgrown.add(learned.place(lesson))
        began = self._began.get(_key(route, session), ())
        self._began[_key(route, session)] = tuple(one for one in began if one != lesson)


def _key(route: Route, session: str) -> tuple[str, str, str]:
    return route.profile.name, route.model, session

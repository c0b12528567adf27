"""What the page reads, as JSON, and the two things that it changes: a lesson is forgotten, and
capturing is switched for as long as this server runs.

Nothing is worked out here that others know; it is put into the page's shape. There is no key in it:
of keys where they came from and their masks.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

from aiohttp import web

from gwproxy import __version__
from gwproxy.errors import GwproxyError
from gwproxy.profiles import learned
from gwproxy.profiles.key_hosts import hosts_of
from gwproxy.profiles.learned import Lesson
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.quirks import (
    DEFAULT,
    QUIRKS,
    quirk_origin,
    quirk_values,
    settable_quirks,
)
from gwproxy.proxy.inspector.asking import PageRefused, members_of, number_of, only
from gwproxy.proxy.log import LOGGER
from gwproxy.proxy.queries import exchanges
from gwproxy.proxy.queries.status import News
from gwproxy.proxy.records.captures import Captured
from gwproxy.proxy.records.ledger import GROUPINGS, Grouping, Line, Period, days_back
from gwproxy.proxy.routing.route import Routes
from gwproxy.proxy.services import Services

_DAYS: Final = 14
_MOST_DAYS: Final = 3660
_MOST_LINES: Final = 1000


class Views:
    """`routes` gives those in force; `news` is what has happened since the start."""

    def __init__(self, services: Services, routes: Callable[[], Routes], news: News) -> None:
        self._services = services
        self._routes = routes
        self._news = news
        self._asked: Mapping[str, Callable[[web.BaseRequest], Awaitable[dict[str, Any]]]] = {
            "exchanges": self._exchanges,
            "usage": self._usage,
            "profiles": self._profiles,
        }
        self._ordered: Mapping[str, Callable[[web.BaseRequest], Awaitable[dict[str, Any]]]] = {
            "lessons/forget": self._forget,
            "capture": self._switch,
        }

    async def answer(self, request: web.BaseRequest, path: str) -> dict[str, Any]:
        """What the page asks for at `path`, which is below `/ui/api/`. Raises PageRefused,
        Failed.
        """
        if (order := self._ordered.get(path)) is not None:
            only(request, "POST")
            return await order(request)
        only(request, "GET")
        if (view := self._asked.get(path)) is not None:
            return await view(request)
        first, _, rest = path.partition("/")
        request_id, _, part = rest.partition("/")
        if first == "exchanges" and part == "capture":
            return await self._capture(request_id)
        if first == "exchanges" and not part:
            return await self._exchange(request_id)
        raise PageRefused(404, "there is nothing here")

    async def follow(
        self,
        request: web.BaseRequest,
        head: Mapping[str, str],
        shown: Callable[[bytes], bytes],
    ) -> web.StreamResponse:
        """The events of `exchanges.stream`, as long as the page is there and `shown` lets them."""
        return await exchanges.stream(self._services, self._routes, request, head, shown)

    # --- read ------------------------------------------------------------------------------------

    async def _exchanges(self, request: web.BaseRequest) -> dict[str, Any]:
        choice = exchanges.choice_of(request.query)
        return {"exchanges": await exchanges.several(self._services, self._routes(), choice)}

    async def _usage(self, request: web.BaseRequest) -> dict[str, Any]:
        by = request.query.get("by", "day")
        if by not in GROUPINGS:
            raise PageRefused(400, f"by is one of {', '.join(GROUPINGS)}")
        days = number_of(request, "days", _DAYS, _MOST_DAYS)
        period = Period(round(days_back(days, time.time()) * 1000))
        lines = await asyncio.to_thread(self._services.ledger.sums, cast("Grouping", by), period)
        shown = _largest(lines)
        left_out = len(lines) - len(shown)
        return {"lines": [_line(line) for line in shown], "left_out": left_out}

    async def _profiles(self, request: web.BaseRequest) -> dict[str, Any]:
        config, captures = self._routes().config, self._services.captures
        told = await self._news.report(config, self._services)
        known = {one["name"]: one for one in told["profiles"]}
        return {
            "version": __version__,
            "default": config.default or None,
            "captures": told["captures"],
            "capture_forced": captures.for_this_run is not None,
            "can_capture": captures.exists,
            "profiles": [
                self._profile(profile, known[profile.name]) for profile in config.profiles.values()
            ],
        }

    def _profile(self, profile: Profile, status: Mapping[str, Any]) -> dict[str, Any]:
        key, answered = status["key"] or {}, status["last_answered"] or {}
        hosts = list(hosts_of(profile))
        return {
            "name": profile.name,
            "model": profile.model,
            "hosts": hosts,
            "dialects": list(profile.dialects),
            "key": {"source": key["source"], "masked": key["masked"]} if key else None,
            "key_trouble": key.get("trouble"),
            "cooling_s": status["cooling_s"],
            "last_success_ms": answered["at"] * 1000 if answered else None,
            "in_flight": status["in_flight"],
            "waiting": status["waiting"],
            "quirks": _quirks(profile),
            "lessons": [
                _lesson(lesson, hosts) for lesson in self._services.healing.lessons(profile)
            ],
        }

    async def _exchange(self, request_id: str) -> dict[str, Any]:
        exchange = await exchanges.one(self._services, self._routes(), request_id)
        captured = await asyncio.to_thread(self._services.captures.has, request_id)
        return {"exchange": exchange, "captured": captured}

    async def _capture(self, request_id: str) -> dict[str, Any]:
        captured = await asyncio.to_thread(self._services.captures.read, request_id)
        if captured is None:
            raise PageRefused(404, "this exchange was not captured")
        return _captured(captured)

    # --- changed ---------------------------------------------------------------------------------

    async def _forget(self, request: web.BaseRequest) -> dict[str, Any]:
        asked = await members_of(request, self._services.limits, profile=str, id=str)
        profile = self._routes().config.profiles.get(asked["profile"])
        healing = self._services.healing
        lessons = healing.lessons(profile) if profile else ()
        found = next((one for one in lessons if _id_of(one) == asked["id"]), None)
        if found is None:
            raise PageRefused(404, "there is no such lesson (any more)")
        try:
            await healing.forget(found)
        except GwproxyError as error:
            raise PageRefused(503, ": ".join(filter(None, (error.what, error.why)))) from error
        LOGGER.info("%s (%s): %s is forgotten", found.profile, found.model, found.why)
        return {"forgotten": True}

    async def _switch(self, request: web.BaseRequest) -> dict[str, Any]:
        asked = await members_of(request, self._services.limits, on=bool)
        captures = self._services.captures
        if not captures.exists:
            raise PageRefused(409, "this server has no place for captures")
        captures.for_this_run = asked["on"]
        # Whoever looks at the log only is to know that words are kept.
        LOGGER.info("capturing is switched %s for this run", "on" if asked["on"] else "off")
        return {"captures": captures.are_wanted(self._routes().config.serve.capture)}


def _largest(lines: list[Line]) -> list[Line]:
    """As many as a page can bear, in their order: of ten years there may be as many sessions as
    rows."""
    if len(lines) <= _MOST_LINES:
        return lines
    by_size = sorted(lines, key=lambda line: line.input_total + line.output, reverse=True)
    kept = {id(line) for line in by_size[:_MOST_LINES]}
    return [line for line in lines if id(line) in kept]


def _line(line: Line) -> dict[str, Any]:
    return {
        "group": line.group,
        "exchanges": line.exchanges,
        "failed": line.failed,
        "input_tokens": line.input_total,
        "cached_tokens": line.cache_read,
        "output_tokens": line.output,
        "cost_unit": line.cost_unit or None,
        "cost_micro": line.cost_micro,
        "unpriced": line.unpriced,
    }


def _quirks(profile: Profile) -> list[dict[str, Any]]:
    """Those that somebody has set, in the order of their declaration."""
    values = quirk_values(profile)
    origins = {quirk.name: quirk_origin(profile, quirk.name) for quirk in settable_quirks()}
    return [
        {
            "name": name,
            "value": values[name],
            "source": origin,
            "why": QUIRKS[name].about.meaning,
        }
        for name, origin in origins.items()
        if origin != DEFAULT
    ]


def _lesson(lesson: Lesson, hosts: list[str]) -> dict[str, Any]:
    return {
        "id": _id_of(lesson),
        "name": ", ".join(learned.names(lesson)),
        "value": lesson.value,
        "words": lesson.why,
        "day": max(lesson.day, lesson.tried),
        "host": " ".join(hosts),
        "model": lesson.model,
    }


def _id_of(lesson: Lesson) -> str:
    """The same for as long as the lesson is known, whatever is learned besides."""
    return hashlib.sha256(repr(learned.place(lesson)).encode()).hexdigest()[:16]


def _captured(found: Captured) -> dict[str, Any]:
    came = found.content["request"]
    return {
        "cut": found.cut,
        "in": {"path": came["path"], "headers": came["headers"], "body": came["body"]},
        "tries": [{"times": [], **one} for one in found.content["upstream"]],
        "out": found.answer,
        "out_times": found.content.get("answer_times", []),
    }

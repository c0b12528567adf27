"""What the running gateway tells of itself to whoever has its token: `GET /v1/status`.

No prompts and no keys: of a key where it came from and its mask.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gwproxy import __version__
from gwproxy.profiles import credentials
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.store import Config
from gwproxy.proxy.record import ExchangeRecord
from gwproxy.proxy.records.ledger import Entry, Latest, latest, shape
from gwproxy.translate.wire import jsonio

if TYPE_CHECKING:
    from gwproxy.proxy.services import Services

_KEPT_ERRORS: Final = 10
"""What fits on a screen; the log has them all."""

_KEPT_ALARMS: Final = 3

_TIMES: Final = (
    *("host", "duration_ms", "queued_ms", "own_ms", "wait_ms", "stream_ms", "output_tokens"),
)


class News:
    """What has happened since the start, and the last of what the ledger has from before."""

    def __init__(self) -> None:
        self._started_at_s = time.time()
        self._answered = 0
        self._failed = 0
        self._errors: deque[Entry] = deque(maxlen=_KEPT_ERRORS)
        self._last_answered: dict[str, Entry] = {}
        self._before: Latest | None = None

    def add(self, entry: Entry) -> None:
        """Count an exchange that has ended."""
        if entry.failed:
            self._failed += 1
            self._errors.append(entry)
        elif not entry.error_kind:
            self._answered += 1
            self._last_answered[entry.profile] = entry

    async def report(self, config: Config, services: Services) -> dict[str, Any]:
        """The body of the answer."""
        exchanges = services.feed.running()
        if self._before is None:
            self._before = await asyncio.to_thread(
                services.ledger.latest, self._started_at_s, _KEPT_ERRORS
            )
        keys = await asyncio.to_thread(
            lambda: {name: _key(one, services) for name, one in config.profiles.items()}
        )
        return {
            "name": "gwproxy",
            "version": __version__,
            "pid": os.getpid(),
            "started": round(self._started_at_s),
            "uptime_s": round(time.time() - self._started_at_s),
            "default": config.default,
            "captures": services.captures.are_wanted(config.serve.capture),
            "profiles": [
                _profile(profile, services, exchanges)
                | {"key": keys[name], "last_answered": self._last_answer_of(name)}
                for name, profile in config.profiles.items()
            ],
            "in_flight": [_running(record) for record in exchanges],
            "answered": self._answered,
            "failed": self._failed,
            "last_errors": self._last_errors(),
            "cache_alarms": self._cache_alarms(services),
            "thoughts": len(services.thoughts),
            "ledger": asdict(services.ledger.state),
            "workers": [asdict(worker.state) for worker in services.workers],
        }

    def _last_errors(self) -> list[dict[str, Any]]:
        assert self._before is not None
        failed = (*self._before.failed, *self._errors)
        return [*map(_error, failed)][-_KEPT_ERRORS:]

    def _cache_alarms(self, services: Services) -> list[dict[str, Any]]:
        """Of each session the last one, the latest last."""
        assert self._before is not None
        now = services.cache_watch.standing
        return [*map(_alarm, self._before.alarmed), *now][-_KEPT_ALARMS:]

    def _last_answer_of(self, profile: str) -> dict[str, Any] | None:
        assert self._before is not None
        before = {entry.profile: entry for entry in self._before.answered}
        last = (before | self._last_answered).get(profile)
        return None if last is None else _answer(last)


def told_by_file(path: Path) -> dict[str, Any]:
    """What the ledger's file tells where no gateway runs: the last errors and alarms, and by
    profile the last answer. Raises StorageTrouble."""
    found = latest(path, time.time(), _KEPT_ERRORS)
    return {
        "last_errors": [*map(_error, found.failed)],
        "cache_alarms": [*map(_alarm, found.alarmed)][-_KEPT_ALARMS:],
        "last_answered": {entry.profile: _answer(entry) for entry in found.answered},
    }


def _ended_at_s(entry: Entry) -> int:
    """By a clock, which shows no second that has not come: the log has the beginning."""
    return (entry.started_ms + entry.duration_ms) // 1000


def _error(entry: Entry) -> dict[str, Any]:
    return {
        "at": _ended_at_s(entry),
        "request_id": entry.request_id,
        "client": entry.client,
        "profile": entry.profile,
        "model": entry.model_used,
        # What a client was told instead is in its log.
        "status": entry.upstream_status or entry.status,
        "kind": entry.error_kind,
        "error": entry.error,
        **_times(entry),
    }


def _answer(entry: Entry) -> dict[str, Any]:
    """One that went well."""
    first_ms = entry.first_byte_ms
    return {
        "at": _ended_at_s(entry),
        "request_id": entry.request_id,
        "client": entry.client,
        "model": entry.model_used,
        "first_byte_s": None if first_ms is None else first_ms / 1000,
        "duration_s": entry.duration_ms / 1000,
        "losses": list(entry.codes),
        **_times(entry),
    }


def _times(entry: Entry) -> dict[str, Any]:
    """Where the time went, as everybody sees it."""
    told = shape(entry)
    return {name: told[name] for name in _TIMES}


def _alarm(entry: Entry) -> dict[str, Any]:
    told = jsonio.loads(entry.cache_alarm)
    return {
        "at": _ended_at_s(entry),
        "since": _ended_at_s(entry),
        "request_id": entry.request_id,
        "client": entry.client,
        "session": entry.session or None,
        "profile": entry.profile,
        "changed_by": told["changed_by"],
        "words": told["words"],
        "turns": 1,
        "lost_tokens": told["lost_tokens"],
        "over": None,  # nobody has looked since
    }


def _key(profile: Profile, services: Services) -> dict[str, Any] | None:
    """Where this process has its key from; None where it has not asked the keyring yet."""
    seen = services.keys.seen(profile)
    if seen is not None:
        masked = seen.secret.masked if seen.secret else None
        return {"source": str(seen.source), "masked": masked, "trouble": None}
    found = credentials.describe_of_process(profile)
    if found is None:
        return None
    return {
        "source": str(found.source),
        "masked": found.masked or None,
        "trouble": found.trouble or None,
    }


def _profile(
    profile: Profile, services: Services, exchanges: list[ExchangeRecord]
) -> dict[str, Any]:
    return {
        "name": profile.name,
        "model": profile.model,
        "cooling_s": round(services.health.cooling_s(profile)) or None,
        "waiting": services.concurrency.waiting(profile),
        "in_flight": sum(record.profile == profile.name for record in exchanges),
    }


def _running(record: ExchangeRecord) -> dict[str, Any]:
    return {
        "request_id": record.request_id,
        "client": record.client,
        "profile": record.profile,
        "model": record.model_used,
        "stream": record.streamed,
        "for_s": round(record.elapsed_s(), 1),
    }

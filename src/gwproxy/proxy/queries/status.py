"""What the running gateway tells of itself to whoever has its token: `GET /v1/status`.

No prompts and no keys: of a key where it came from and its mask.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from gwproxy import __version__
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.store import Config
from gwproxy.proxy.log import CLIENT_GONE, Record

if TYPE_CHECKING:
    from gwproxy.proxy.services import Services

_KEPT_ERRORS: Final = 10
"""What fits on a screen; the log has them all."""


class News:
    """What has happened since the start."""

    def __init__(self) -> None:
        self._started_at_s = time.time()
        self._answered = 0
        self._failed = 0
        self._errors: deque[dict[str, Any]] = deque(maxlen=_KEPT_ERRORS)

    def add(self, record: Record) -> None:
        """An exchange has ended."""
        if not record.error_kind:
            self._answered += 1
            return
        self._failed += 1
        if record.status == CLIENT_GONE:
            return  # nobody's fault
        self._errors.append(
            {
                "at": round(time.time()),
                "request_id": record.request_id,
                "client": record.client,
                "profile": record.profile,
                "model": record.model_used,
                "status": record.status,
                "kind": record.error_kind,
                "error": record.error,
            }
        )

    def report(
        self, config: Config, running: Iterable[Record], services: Services
    ) -> dict[str, Any]:
        """The body of the answer. `running` are the other requests that are being answered."""
        now_s = asyncio.get_running_loop().time()
        exchanges = [record for record in running if record.generating]
        return {
            "name": "gwproxy",
            "version": __version__,
            "pid": os.getpid(),
            "started": round(self._started_at_s),
            "uptime_s": round(time.time() - self._started_at_s),
            "default": config.default,
            "captures": config.serve.capture and services.captures.exists,
            "profiles": [
                _profile(profile, services, exchanges) for profile in config.profiles.values()
            ],
            "in_flight": [_running(record, now_s) for record in exchanges],
            "answered": self._answered,
            "failed": self._failed,
            "last_errors": list(self._errors),
            "thoughts": len(services.thoughts),
            "ledger": asdict(services.ledger.state),
            "workers": [asdict(worker.state) for worker in services.workers],
        }


def _profile(profile: Profile, services: Services, exchanges: list[Record]) -> dict[str, Any]:
    seen = services.keys.seen(profile)
    key = None
    if seen is not None:
        key = {"source": str(seen.source), "masked": seen.secret.masked if seen.secret else None}
    return {
        "name": profile.name,
        "model": profile.model,
        "key": key,
        "cooling_s": round(services.standing.cooling_s(profile)) or None,
        "waiting": services.lanes.waiting(profile),
        "in_flight": sum(record.profile == profile.name for record in exchanges),
    }


def _running(record: Record, now_s: float) -> dict[str, Any]:
    return {
        "request_id": record.request_id,
        "client": record.client,
        "profile": record.profile,
        "model": record.model_used,
        "stream": record.streamed,
        "for_s": round(now_s - record.started_s, 1),
    }

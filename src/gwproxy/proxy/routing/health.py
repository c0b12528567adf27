"""How each profile fares just now: which of them to pass over while another one can serve.

A profile is passed over for a while after several connections that were never made, and for as
long as it asked for after it refused with 429, 503 or 529. One whose key or account is refused is
no fallback until its record changes. All of this matters only where a profile names a `fallback`:
without an alternative nobody is turned away because of the past.

Kept in memory, told by `status`. Knows no request and no socket.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gwproxy.profiles.profile import Profile

_FAILURES: Final = 5
_WINDOW_S: Final = 30.0
"""So many connections that failed within this: one may be a hiccup, five are an outage."""

_OUTAGE_S: Final = 15.0
"""How long not to try a host that is not there; most restarts are over by then."""

_REFUSED_S: Final = 5.0
_LONGEST_REFUSED_S: Final = 60.0
"""After a 429, 503 or 529 without `retry-after`, and the most of it that is believed: a provider
that asks for an hour may well answer in a minute, and one question costs nothing."""

_DENIED_S: Final = 300.0
"""A key that was replaced in the keyring changes no record; ask again after five minutes."""


@dataclass(slots=True)
class _Past:
    failures: deque[float] = field(default_factory=lambda: deque(maxlen=_FAILURES))
    cool_until: float = 0.0
    denied_until: float = 0.0
    denied: Profile | None = None


class ProfileHealth:
    """What has become of each profile's requests of late; `clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._past: defaultdict[str, _Past] = defaultdict(_Past)
        self._answered: set[str] = set()

    def unreached(self, profile: Profile) -> None:
        """Note that nothing could be sent to `profile`."""
        past, now = self._past[profile.name], self._clock()
        past.failures.append(now)
        if len(past.failures) == _FAILURES and now - past.failures[0] <= _WINDOW_S:
            past.cool_until = now + _OUTAGE_S

    def refused(self, profile: Profile, retry_after_s: float | None) -> None:
        """Note that `profile` had no time: 429, 503 or 529."""
        wait_s = _REFUSED_S if retry_after_s is None else min(retry_after_s, _LONGEST_REFUSED_S)
        past = self._past[profile.name]
        past.cool_until = max(past.cool_until, self._clock() + wait_s)

    def denied(self, profile: Profile) -> None:
        """Note that `profile` takes no key of ours, or has no money left: 401, 402 or 403."""
        past = self._past[profile.name]
        past.denied, past.denied_until = profile, self._clock() + _DENIED_S

    def answered(self, profile: Profile) -> None:
        """Note that `profile` answers: what was before counts no more."""
        self._answered.add(profile.name)
        self._past.pop(profile.name, None)

    def has_answered(self, profile: Profile) -> bool:
        """Whether `profile` has answered since we run."""
        return profile.name in self._answered

    def cooling_s(self, profile: Profile) -> float:
        """For how many seconds more to pass `profile` over; 0 when there is no reason to."""
        past = self._past.get(profile.name)
        return 0.0 if past is None else max(0.0, past.cool_until - self._clock())

    def serves_as_fallback(self, profile: Profile) -> bool:
        """Whether another profile's requests may go to `profile`."""
        past = self._past.get(profile.name)
        if past is None or past.denied != profile:
            return True
        return self._clock() >= past.denied_until

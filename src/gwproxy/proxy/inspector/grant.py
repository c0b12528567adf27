"""Who the inspector lets in: one-time codes, and the secrets that pages get for them.

    code    made for whoever has the local token, good once and for a minute. It stands in the
            fragment of an address, which a browser sends to nobody.
    secret  what the page swaps it for, and shows with each request. It opens nothing else.

Both are 256 bits of chance, held in memory alone, compared in constant time and each with all that
there are. With another local token nobody is let in any more: who replaces it wants that.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

CODE_S: Final = 60.0
"""A browser that has to be started first takes ten."""

MOST_CODES: Final = 8
"""Who asks again and again wants the last one."""

SECRET_S: Final = 12 * 3600.0
"""Without a request; a page that is open asks all the time."""

MOST_SECRETS: Final = 16
"""Pages of one person; the one that was silent for longest goes."""

MOST_WRONG: Final = 20
WRONG_S: Final = 60.0
"""No guess is ever right; but nobody is to try at the speed of this machine."""

_BYTES: Final = 32


class NotAdmitted(Exception):
    """The code is wrong, was used, or is too old."""


class TooManyTries(Exception):
    """There were so many wrong codes lately that none is looked at."""


class Grants:
    """The codes and secrets that are good now; `clock` gives seconds that only ever get more."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._token = ""
        self._codes: dict[str, float] = {}
        self._secrets: dict[str, float] = {}
        self._wrong: deque[float] = deque(maxlen=MOST_WRONG)

    def follow(self, token: str) -> None:
        """Forget everybody if this is another local token than before."""
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            self._token = token
            self._codes.clear()
            self._secrets.clear()

    def code(self) -> str:
        """A fresh code."""
        self._age()
        _make_room(self._codes, MOST_CODES)
        code = secrets.token_urlsafe(_BYTES)
        self._codes[code] = self._clock()
        return code

    def enter(self, code: str) -> str:
        """The secret that `code` is swapped for. Raises NotAdmitted, TooManyTries."""
        now_s = self._clock()
        if len(self._wrong) == MOST_WRONG and now_s - self._wrong[0] < WRONG_S:
            raise TooManyTries
        self._age()
        found = _same(code, self._codes)
        if found is None:
            self._wrong.append(now_s)
            raise NotAdmitted
        del self._codes[found]
        _make_room(self._secrets, MOST_SECRETS)
        secret = secrets.token_urlsafe(_BYTES)
        self._secrets[secret] = now_s
        return secret

    def admits(self, secret: str) -> bool:
        """Whether it is the secret of a page that was let in; it is then in use."""
        self._age()
        found = _same(secret, self._secrets)
        if found is None:
            return False
        del self._secrets[found]
        self._secrets[found] = self._clock()
        return True

    def _age(self) -> None:
        now_s = self._clock()
        self._codes = {one: at for one, at in self._codes.items() if now_s - at < CODE_S}
        self._secrets = {one: at for one, at in self._secrets.items() if now_s - at < SECRET_S}


def _same(given: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `given` is. Each is compared, in constant time."""
    presented = given.encode("utf-8", "surrogateescape")
    found = None
    for one in known:
        if hmac.compare_digest(presented, one.encode()):
            found = one
    return found


def _make_room(held: dict[str, float], most: int) -> None:
    """The oldest go; those that were used last stand last."""
    while len(held) >= most:
        del held[next(iter(held))]

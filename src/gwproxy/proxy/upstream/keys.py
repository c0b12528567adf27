"""The upstreams' keys, asked for once per profile and kept in memory.

A keyring may ask a person to unlock it and a key command may wait for a fingerprint, so the
asking happens in a thread, one at a time for each profile. The kind of place never matters here.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator

from msgspec import structs

from gwproxy.errors import CredentialError, GwproxyError
from gwproxy.profiles.credentials import FoundKey
from gwproxy.profiles.profile import KeyRef, Profile
from gwproxy.proxy import failures
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.upstream import hints
from gwproxy.translate.hub import Failure, FailureKind

_Asked = tuple[KeyRef, str | None, str | None]
"""On what a key depends: where it is kept, and whom it goes to."""


def _asked(profile: Profile) -> _Asked:
    return profile.key, profile.anthropic_url, profile.openai_url


class Keys:
    """`resolve` finds a profile's key; it may block, until `end` ends what it waits for, and raises
    CredentialError."""

    def __init__(
        self, resolve: Callable[[Profile], FoundKey], end: Callable[[], None] = lambda: None
    ) -> None:
        self._end = end
        self._resolve = resolve
        self._found: dict[str, tuple[_Asked, FoundKey]] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._ever_seen: set[str] = set()
        self._closed = False

    def close(self) -> None:
        """Tell whoever waits for a key command that there is no key, at once."""
        self._closed = True
        self._end()

    async def get(self, profile: Profile) -> str | None:
        """The key of `profile`, or None where it needs none. Raises Failed."""
        try:
            found = await self.find(profile)
        except GwproxyError as error:
            raise Failed(failures.from_error(error)) from error
        return found.secret.reveal() if found.secret is not None else None

    async def find(self, profile: Profile) -> FoundKey:
        """The key of `profile` and where it came from. Raises CredentialError."""
        known = self._known(profile)
        if known is not None:
            return known
        async with self._asking[profile.name]:
            known = self._known(profile)
            if known is None:
                if self._closed:
                    raise CredentialError("gwproxy is stopping")
                known = await asyncio.to_thread(self._resolve, profile)
                self._found[profile.name] = (_asked(profile), known)
                if known.secret is not None:
                    self._ever_seen.add(known.secret.reveal())
        return known

    def seen(self, profile: Profile) -> FoundKey | None:
        """The key of `profile` if it was in use, without asking for it."""
        return self._known(profile)

    def _known(self, profile: Profile) -> FoundKey | None:
        where, found = self._found.get(profile.name, (None, None))
        # A profile that now names another place for its key has another key; and one that leads
        # elsewhere must be asked for anew whether its key may go there.
        return found if where == _asked(profile) else None

    def forget(self, profile: Profile) -> None:
        """Have the next request ask for the key again, which the upstream refused: it may be a new
        one."""
        self._found.pop(profile.name, None)

    def judged(self, profile: Profile, failure: Failure) -> Failure:
        """`failure`, which an upstream told of, and where it refuses the key of `profile` what to
        do about that: only the person at this machine can. The next request asks for it anew."""
        if failure.kind is not FailureKind.AUTHENTICATION:
            return failure
        self.forget(profile)
        words = f"{failure.message} ({hints.key_words(profile, failure.upstream_status)})"
        return structs.replace(failure, message=words, retryable=False)

    def ever_seen(self) -> Iterator[str]:
        """Every key that was in use, for taking them out of a log."""
        yield from self._ever_seen

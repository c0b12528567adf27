"""Which upstream, which model, which dialect: pure, from the configuration and the request.

In this order (the first that applies): the profile in the path; `NAME/model` as the requested
model, where NAME is a profile; the first `[[routes]]` entry whose glob fits; the default profile.
Nothing here knows sockets, keys or the clock.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlsplit

from gwproxy.errors import ConfigError
from gwproxy.profiles.model_facts import facts_of
from gwproxy.profiles.prices import Prices
from gwproxy.profiles.profile import Profile, StreamMode
from gwproxy.profiles.quirks import quirk_values
from gwproxy.profiles.store import Config
from gwproxy.proxy import failures
from gwproxy.proxy.failures import Failed
from gwproxy.translate.dialect_facts import Dialect
from gwproxy.translate.hub import Failure
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import FACTS

_SUFFIX: Final = re.compile(r"(?:\[[^\[\]]*\])+$")
"""`claude-sonnet-4-6[1m]`: Claude Code's wish for a context window, never part of a name."""


_MOST_FOUND: Final = 64
"""Routes that are kept: a tool asks for two or three models, again and again."""


@functools.lru_cache(256)
def _host_of(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


Mapped = Callable[[Profile, str], str]


@dataclass(frozen=True, slots=True)
class Route:
    """Where one exchange goes. `model` is the upstream's name of it, `url` the full address."""

    profile: Profile
    model: str
    dialect: Dialect
    url: str
    quirks: Quirks

    def streams(self, asked: bool) -> bool:
        """Whether the upstream is to stream, when the client `asked` for a stream or not."""
        mode: StreamMode = self.profile.stream
        return asked if mode == "auto" else mode == "always"

    @property
    def host(self) -> str:
        """The upstream's host, with its port where that is not the usual one."""
        return _host_of(self.url)

    @property
    def header(self) -> str:
        """The value of `x-gwproxy-route`."""
        return f"{self.profile.name}; {self.dialect}; {self.model}"


class Routes:
    """All routes of one configuration. Made anew when the configuration changes."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._quirks: dict[tuple[str, tuple[str, ...]], Quirks] = {}
        self._found: dict[tuple[str, str, Dialect], Route] = {}

    def prices_of(self, profile: str) -> Prices | None:
        """What the profile of that name costs, where that is known."""
        found = self.config.profiles.get(profile)
        return found.prices if found else None

    def find(self, pinned: str, requested: str, client: Dialect) -> Route:
        """The route of a request of `client`'s dialect for the model `requested`.

        `pinned` is the profile named in the path, or "". Raises Failed.
        """
        asked = pinned, requested, client
        route = self._found.get(asked)
        if route is None:
            name, model = self._choose(pinned, strip_suffix(requested))
            route = self._to(self.profile(name), model, client)
            if len(self._found) >= _MOST_FOUND:  # a client can name any number of models
                self._found.clear()
            self._found[asked] = route
        return route

    def fallbacks(self, route: Route, requested: str, client: Dialect) -> list[Route]:
        """Where the same request may go when `route` cannot take it, in order. The fallbacks of a
        fallback do not count: a request never wanders, and never comes back."""
        found = []
        wanted = strip_suffix(requested).removeprefix(f"{route.profile.name}/")
        for name in dict.fromkeys(route.profile.fallback):
            if name == route.profile.name:
                continue  # a profile that is its own fallback would ask, and pay, twice
            try:
                profile = self.profile(name)
                found.append(self._to(profile, mapped_model(profile, wanted), client))
            except Failed:
                continue  # one that has no address now, like a demo that does not run
        return found

    def as_asked(self, pinned: str, requested: str, endpoint: str) -> Route:
        """The route of a request to an `endpoint` of OpenAI's that is passed on as it is: its model
        is the one that the request, or a rule, names. Raises Failed."""
        name, model = self._choose(pinned, requested, lambda _, unmapped: unmapped)
        profile = self.profile(name)
        url = profile.url(endpoint)
        if url is None:
            raise Failed(failures.no_such_upstream_route(endpoint, name))
        return Route(profile, model, Dialect.CHAT, url, self.quirks_of(profile, model))

    def _to(self, profile: Profile, model: str, client: Dialect) -> Route:
        """The best way to `profile`: in the client's own dialect, else whichever loses least.
        Raises Failed."""
        spoken = [dialect for dialect in profile.dialects if dialect != client]
        spoken.sort(key=lambda dialect: FACTS[dialect].preference)
        for dialect in (client, *spoken) if client in profile.dialects else spoken:
            url = profile.url(FACTS[dialect].endpoint)
            if url is not None:
                model = model or profile.model
                return Route(profile, model, dialect, url, self.quirks_of(profile, model))
        raise Failed(_no_address(profile))

    def _choose(self, pinned: str, requested: str, mapped: Mapped | None = None) -> tuple[str, str]:
        """The name of the profile and the upstream's model."""
        mapped = mapped or mapped_model
        if pinned:
            explicit = requested.removeprefix(f"{pinned}/")
            if explicit != requested:
                return pinned, explicit
            return pinned, mapped(self.profile(pinned), requested)
        prefix, slash, rest = requested.partition("/")
        if slash and rest and prefix in self.config.profiles:
            # Whoever spells the profile out means this very model.
            return prefix, rest
        for rule in self.config.routes:
            if rule.fits(requested):
                return rule.profile, rule.model or mapped(self.profile(rule.profile), requested)
        default = self.profile("")
        return default.name, mapped(default, requested)

    def profile(self, name: str) -> Profile:
        """The profile called `name`, or for "" the default one. Raises Failed."""
        try:
            return self.config.profile(name or None)
        except ConfigError as error:
            failure = failures.unknown_profile(error) if name else failures.from_error(error)
            raise Failed(failure) from error

    def quirks_of(self, profile: Profile, model: str) -> Quirks:
        """The quirks of the profile and the model as the translation wants them."""
        facts = facts_of(model)  # a client can name any number of models, but they are of few kinds
        place = profile.name, facts.names if facts is not None else ()
        quirks = self._quirks.get(place)
        if quirks is None:
            quirks = Quirks(**cast(Any, quirk_values(profile, model)))
            self._quirks[place] = quirks
        return quirks


def strip_suffix(model: str) -> str:
    return _SUFFIX.sub("", model)


def mapped_model(profile: Profile, requested: str) -> str:
    """The upstream's name for what a client `requested`.

    A model that the profile lists passes. So does any `claude-…` where the upstream is real
    Claude; everywhere else those, and names that nobody knows, become the profile's model.
    """
    if requested == profile.model or requested in profile.models:
        return requested
    own = (profile.model, *profile.models)
    if requested.startswith("claude-") and any(model.startswith("claude-") for model in own):
        return requested
    return profile.model


def _no_address(profile: Profile) -> Failure:
    hint = (
        "start it with `gwproxy serve --profile demo`"
        if profile.is_built_in
        else f"gwproxy profile set {profile.name} openai_url=…"
    )
    return failures.unconfigured(f"the profile {profile.name} has no address to send to", hint)

"""Profile: the user's named record of one upstream, as a value.

A profile says where an upstream is, what it speaks, how it wants its key and how it misbehaves.
It holds a *reference* to the key and never the key. Profiles are made by
`gwproxy.profiles.record.make_profile`, which merges a preset with the user's overrides and
checks every value; this module only says what a checked profile is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from gwproxy.profiles.prices import Prices
from gwproxy.translate.dialect_facts import Base, Dialect, DialectFacts
from gwproxy.translate.quirks import QuirkValue
from gwproxy.translate.registry import FACTS

StreamMode = Literal["auto", "always", "never"]
"""Whether the upstream streams: find out, only streams, cannot stream."""

STREAM_MODES: Final[tuple[StreamMode, ...]] = ("auto", "always", "never")


FIRST_BYTE_TIMEOUT_S: Final = 600.0
"""A thinking model, or an upstream that cannot stream, stays silent for minutes. Strongwall's
page tells clients to wait 600 s; whoever gives up earlier pays for an answer it never sees."""

IDLE_TIMEOUT_S: Final = 300.0
"""Silence between two bytes of a stream that has begun. Claude Code itself gives up after 300 s
(its gateway page); it never sees that limit, since it is sent pings meanwhile."""


@dataclass(frozen=True, slots=True)
class KeyRef:
    """Where a profile's key is to be found; never the key itself.

    `keyring` (the default) needs nothing more; `env` has `variable`, `command` has `command` (an
    argument list, run without a shell), `file` has `path`, and `none` is an upstream that
    asks for no key. `hosts` are those that the profile put a key into the keyring for, None where
    it put none there: the keyring is also where a missing variable is looked for.
    """

    kind: Literal["keyring", "env", "command", "file", "none"] = "keyring"
    variable: str = ""
    command: tuple[str, ...] = ()
    path: Path | None = None
    hosts: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """One upstream, checked and with every default filled in.

    `anthropic_url` has no version segment, `openai_url` has one; neither ends in a slash. A
    dialect stands in `dialects` only if its URL is there (the built-in `demo` has none until
    it runs). `auth` names, for each dialect, `x-api-key`, `bearer` or the header that takes the
    bare key. `models` are known ids besides `model`. Limits are tokens, timeouts seconds.
    `quirks` are the overrides of preset and user over the declared defaults.
    `max_concurrent` is how many requests the account takes at once, None for no limit.
    `overridden` names the settings that come from config.toml and not from the preset; a
    quirk appears there as `quirks.NAME`, a header as `headers.NAME`.
    """

    name: str
    preset: str
    model: str
    anthropic_url: str | None = None
    openai_url: str | None = None
    dialects: tuple[Dialect, ...] = ()
    models: tuple[str, ...] = ()
    stream: StreamMode = "auto"
    auth: Mapping[Dialect, str] = field(default_factory=lambda: MappingProxyType({}))
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    quirks: Mapping[str, QuirkValue] = field(default_factory=lambda: MappingProxyType({}))
    key: KeyRef = KeyRef()
    context_window: int | None = None
    max_output_tokens: int | None = None
    first_byte_timeout_s: float = FIRST_BYTE_TIMEOUT_S
    idle_timeout_s: float = IDLE_TIMEOUT_S
    fallback: tuple[str, ...] = ()
    max_concurrent: int | None = None
    prices: Prices | None = None
    overridden: frozenset[str] = frozenset()

    @property
    def is_built_in(self) -> bool:
        """Whether the upstream is our own simulated provider, which has no address of its own."""
        return self.preset == "demo"

    @property
    def all_models(self) -> tuple[str, ...]:
        """`model` and then `models`, each once."""
        return tuple(dict.fromkeys((self.model, *self.models)))

    def base(self, setting: Base) -> str | None:
        """The address that `setting` has."""
        return self.openai_url if setting == "openai_url" else self.anthropic_url

    def at(self, setting: Base, address: str) -> Profile:
        """The same, with `address` as its only one."""
        if setting == "openai_url":
            return replace(self, openai_url=address, anthropic_url=None)
        return replace(self, anthropic_url=address, openai_url=None)

    def url(self, endpoint: str) -> str | None:
        """The full address of `endpoint`, or None when the profile has no base for it. `models`,
        which all dialects have, is asked where the `lister` is."""
        for facts in (self.lister, *FACTS.values()):
            if endpoint in facts.paths:
                base = self.base(facts.base)
                return base and base + facts.paths[endpoint]
        return None

    @property
    def lister(self) -> DialectFacts:
        """The dialect in which the list of models is asked for: one of the OpenAI base where there
        is one, also for a profile that speaks another there."""
        base: Base = "openai_url" if self.openai_url else "anthropic_url"
        return next(facts for facts in FACTS.values() if facts.base == base)

    def auth_for(self, dialect: Dialect) -> str:
        """`x-api-key`, `bearer`, or the name of the header that takes the bare key."""
        return self.auth.get(dialect) or FACTS[dialect].auth

"""What a client is pointed at: an address, a secret, and the profile that will answer.

Pure. Through the gateway the address is on loopback and the secret is the local token; directly
(`--direct`) they are the provider's own. A client module turns this into its own settings and
need not know which of the two it is, but for the names of models and headers.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gwproxy.errors import ConfigError
from gwproxy.profiles.endpoints import is_loopback
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.quirks import quirk_values
from gwproxy.profiles.secret import Secret
from gwproxy.profiles.store import DEFAULT_PORT, ServeSettings
from gwproxy.translate.dialect_facts import Dialect
from gwproxy.translate.registry import FACTS

_PROFILES: Final = "/profiles/"

PATIENCE_BEYOND_OURS_S: Final = 60
"""A client must outlast the gateway, or its own timeout hides the gateway's words."""


@dataclass(frozen=True, slots=True)
class TokenCommand:
    """The command that prints the local token, and the environment that it needs to find it."""

    words: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    windows: bool = False

    @property
    def with_environ(self) -> tuple[str, ...]:
        """The words for a client that cannot set variables. Raises ConfigError on Windows, where
        no program sets them for another one."""
        settings = [f"{name}={value}" for name, value in self.environ.items()]
        if settings and self.windows:
            raise ConfigError(
                f"on Windows a helper cannot be told {' or '.join(self.environ)}",
                hint="leave out --helper",
            )
        return ("env", *settings, *self.words) if settings else self.words

    @property
    def line(self) -> str:
        """The words as one line, which the system's shell reads back."""
        if not self.windows:
            return shlex.join(self.with_environ)
        import subprocess  # for its quoting alone

        return subprocess.list2cmdline(self.with_environ)


@dataclass(frozen=True, slots=True)
class ToolEndpoint:
    """`anthropic` is the base without `/v1`, `openai` the base with it; None where a provider
    that is reached directly has none. `token_file` holds the local token (None where nothing
    does, as for a provider's key); `token_command` is there when the person wants the client to
    run a command for it. `no_proxy` is the list of hosts that keeps a web proxy out of the way to
    here, "" where none is in it. `tool_prompt` is what the tool itself tells a model that it does
    not know (Codex alone wants it back), "" where it has not said.
    """

    profile: Profile
    anthropic: str | None
    openai: str | None
    secret: Secret
    direct: bool = False
    token_command: TokenCommand | None = None
    token_file: Path | None = None
    no_proxy: str = ""
    tool_prompt: str = ""

    @property
    def is_claude(self) -> bool:
        """Whether real Claude answers: only it signs its thinking and checks the signature."""
        return quirk_values(self.profile)["signed_thinking"] is True

    @property
    def names_profile(self) -> bool:
        """Whether it leads to this profile also when another one is the default."""
        return self.direct or urlsplit(self.anthropic or "").path.startswith(_PROFILES)

    def dialect_among(self, known: Iterable[Dialect]) -> Dialect:
        """The first of `known` that the profile speaks, so that nothing is translated; Chat where
        it speaks none of them."""
        return next((each for each in known if each in self.profile.dialects), Dialect.CHAT)

    @property
    def silence_s(self) -> float:
        """How long the gateway waits for a provider that says nothing."""
        return max(self.profile.first_byte_timeout_s, self.profile.idle_timeout_s)

    def key_for(self, dialect: Dialect, client: str) -> str:
        """The secret, for a client that sends it as the dialect's SDK does. Raises ConfigError
        where a provider that is reached directly wants it in another header."""
        auth = self.profile.auth_for(dialect)
        if self.direct and auth != FACTS[dialect].auth:
            raise ConfigError(
                f"{client} cannot talk to {self.profile.name!r} directly",
                why=f"the provider wants its key as {auth}, which {client} does not send there",
                hint="leave out --direct: the gateway sends it",
            )
        return self.secret.reveal()

    def base_for(self, dialect: Dialect, client: str) -> str:
        """The base for one dialect. Raises ConfigError where the provider does not speak it."""
        base = self.openai if FACTS[dialect].base == "openai_url" else self.anthropic
        if base is None or (self.direct and dialect not in self.profile.dialects):
            raise ConfigError(
                f"{client} cannot talk to {self.profile.name!r} directly",
                why=f"it needs the {dialect} dialect, which this provider does not speak",
                hint="leave out --direct: the gateway translates",
            )
        return base


def through_gateway(
    profile: Profile,
    serve: ServeSettings,
    token: Secret,
    *,
    pinned: bool,
    token_command: TokenCommand | None = None,
    token_file: Path | None = None,
) -> ToolEndpoint:
    """The endpoint that is the local gateway; `pinned` puts the profile into the address, for any
    but the default."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(serve.host, serve.host)
    root = f"http://[{host}]:{serve.port}" if ":" in host else f"http://{host}:{serve.port}"
    if pinned:
        root += f"{_PROFILES}{profile.name}"
    return ToolEndpoint(
        profile, root, f"{root}/v1", token, token_command=token_command, token_file=token_file
    )


def is_gateway(address: object) -> bool:
    """Whether a value from a client's settings is an address that only gwproxy gives out.

    A port of one's own is known by the profile in the path alone: other gateways are on loopback
    as well.
    """
    if not isinstance(address, str):
        return False
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    if not is_loopback(parts.hostname or ""):
        return False
    return port == DEFAULT_PORT or parts.path.startswith(_PROFILES)


def straight_to_provider(profile: Profile, key: Secret) -> ToolEndpoint:
    """The endpoint that is the provider itself. Raises ConfigError for one that no coding tool can
    use alone."""
    if profile.is_built_in:
        raise ConfigError("the demo provider lives inside gwproxy", hint="leave out --direct")
    if profile.stream == "never":
        raise ConfigError(
            f"{profile.name!r} cannot be used directly",
            why="it never streams, and a coding tool that gets no stream asks, and pays, twice "
            "for every turn or without end",
            hint="leave out --direct: the gateway makes the stream",
        )
    return ToolEndpoint(profile, profile.anthropic_url, profile.openai_url, key, direct=True)

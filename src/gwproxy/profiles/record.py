"""From a record in config.toml (or the flags of a command) to a checked Profile.

A record is what `[profiles.NAME]` holds: plain TOML values, only what differs from the preset.
Every complaint names the setting, says what is wrong with it and what would do. Settings that
we do not know are left alone (a newer gwproxy may have written them) and reported by
`unknown_settings`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf
from types import MappingProxyType
from typing import Any, Final, TypeVar

from gwproxy import paths
from gwproxy.errors import ConfigError
from gwproxy.profiles import endpoints
from gwproxy.profiles.model_facts import ModelFacts, facts_of
from gwproxy.profiles.presets import PRESETS, Preset
from gwproxy.profiles.prices import BadPrice, Prices, check_price, read_prices
from gwproxy.profiles.profile import STREAM_MODES, KeyRef, Profile
from gwproxy.profiles.quirks import BadQuirk, check_quirk
from gwproxy.profiles.redaction import redact
from gwproxy.profiles.suggest import did_you_mean
from gwproxy.translate.dialect_facts import BEARER, X_API_KEY, Base, Dialect
from gwproxy.translate.quirks import QuirkValue
from gwproxy.translate.registry import DIALECTS, FACTS

NAME_RULE: Final = "lower-case letters, digits and dashes, 1 to 40 of them, dashes inside only"
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
"""Works in a URL path and as GWPROXY_KEY_<NAME>: without underscores, no two names meet there."""

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2

KEY_SETTINGS: Final = ("key", "key_env", "key_command", "key_file")

SETTINGS: Final = (
    "preset",
    "anthropic_url",
    "openai_url",
    "dialects",
    "model",
    "models",
    "stream",
    "auth",
    "headers",
    "quirks",
    *KEY_SETTINGS,
    "context_window",
    "max_output_tokens",
    "first_byte_timeout_s",
    "idle_timeout_s",
    "fallback",
    "max_concurrent",
    "prices",
)

_CREDENTIAL_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "x-api-key", "api-key", "anthropic-auth-token"}
    | {"x-goog-api-key", "cookie"}
)
_OWN_HEADERS: Final = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade"}
    | {"te", "trailer", "keep-alive", "accept-encoding", "content-encoding", "expect"}
)
"""Set by the HTTP client itself; a second copy is request smuggling or a broken body."""

T = TypeVar("T")


def make_profile(
    name: str, record: Mapping[str, object], key_hosts: tuple[str, ...] | None = None
) -> Profile:
    """The profile that `record` describes, its preset's values filled in.

    `key_hosts` are those that its key in the keyring was given for, None where it has none there.
    Raises ConfigError, naming the setting (`profiles.kimi.stream: …`).
    """
    check_name(name)
    reader = _Reader(name, record)
    preset = reader.preset()
    anthropic_url, openai_url = reader.bases(preset)
    dialects = reader.dialects(preset, anthropic_url, openai_url)
    model = reader.model(preset)
    known = facts_of(model) or ModelFacts((), "")
    window = known.context_window or preset.context_window
    most_output = known.max_output_tokens or preset.max_output_tokens
    return Profile(
        name=name,
        preset=preset.name,
        model=model,
        anthropic_url=anthropic_url,
        openai_url=openai_url,
        dialects=dialects,
        models=reader.words("models", preset.models),
        stream=reader.choice("stream", STREAM_MODES, preset.stream),
        auth=reader.auth(preset),
        headers=reader.headers(),
        quirks=reader.quirks(preset),
        key=replace(reader.key(preset), hosts=key_hosts),
        context_window=reader.count("context_window", "tokens", window),
        max_output_tokens=reader.count("max_output_tokens", "tokens", most_output),
        first_byte_timeout_s=reader.seconds("first_byte_timeout_s", preset.first_byte_timeout_s),
        idle_timeout_s=reader.seconds("idle_timeout_s", preset.idle_timeout_s),
        fallback=reader.words("fallback", ()),
        max_concurrent=reader.count("max_concurrent", "requests", None, 10_000),
        prices=reader.prices(),
        overridden=_overridden(record),
    )


def bases_of(name: str, record: Mapping[str, object]) -> tuple[str | None, str | None]:
    """The base URLs that `record` has, for Anthropic and OpenAI clients. Raises ConfigError."""
    reader = _Reader(name, record)
    return reader.bases(reader.preset())


def check_name(name: str) -> str:
    """`name`, if a profile can be called that. Raises ConfigError."""
    if _NAME.fullmatch(name):
        return name
    proposal = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")
    raise ConfigError(
        f"a profile cannot be called {name!r}",
        why=f"a name has {NAME_RULE}",
        hint=f"for example: {proposal or 'kimi'}",
    )


def unknown_settings(name: str, record: Mapping[str, object]) -> tuple[str, ...]:
    """A remark for each setting of `record` that means nothing to this version."""
    return tuple(
        f"profiles.{name}.{key} is not a setting; {did_you_mean(key, SETTINGS)}"
        for key in record
        if key not in SETTINGS
    )


class _Reader:
    """Checked access to one record; every method raises ConfigError naming the setting."""

    def __init__(self, name: str, record: Mapping[str, object]) -> None:
        self._name = name
        self._record = record

    def preset(self) -> Preset:
        name = self._text("preset", "custom")
        if name not in PRESETS:
            raise self._bad(
                "preset", f"there is no preset called {name!r}; {did_you_mean(name, PRESETS)}"
            )
        return PRESETS[name]

    def model(self, preset: Preset) -> str:
        model = self._text("model", preset.model)
        if not model:
            raise self._bad(
                "model",
                "is needed",
                hint="name the model as the provider's documentation does",
            )
        return model

    def bases(self, preset: Preset) -> tuple[str | None, str | None]:
        return (
            self.url("anthropic_url", endpoints.anthropic_base, preset.anthropic_url),
            self.url("openai_url", endpoints.openai_base, preset.openai_url),
        )

    def url(self, key: str, normalise: Callable[[str], str], default: str | None) -> str | None:
        text = self._text(key, "")
        if key not in self._record:
            return default
        if not text:  # "" takes the preset's own URL away
            return None
        try:
            return normalise(text)
        except endpoints.BadUrl as error:
            raise self._bad(key, redact(str(error))) from None

    def dialects(
        self, preset: Preset, anthropic_url: str | None, openai_url: str | None
    ) -> tuple[Dialect, ...]:
        """What the record says; else what the preset says and whatever a given URL adds."""
        if preset.name == "demo":
            return self._dialect_list(preset.dialects)
        if anthropic_url is None and openai_url is None:
            raise self._bad(
                "anthropic_url",
                "a profile needs anthropic_url or openai_url",
                hint="take the base URL from the provider's documentation",
            )
        bases: dict[Base, str | None] = {"anthropic_url": anthropic_url, "openai_url": openai_url}
        if "dialects" not in self._record:
            # What every provider has at such an address; Responses is still the exception.
            wanted = (*preset.dialects, Dialect.ANTHROPIC, Dialect.CHAT)
            return tuple(one for one in DIALECTS if one in wanted and bases[FACTS[one].base])
        dialects = self._dialect_list(())
        for dialect in dialects:
            needed = FACTS[dialect].base
            if bases[needed] is None:
                raise self._bad("dialects", f"{dialect} needs {needed}, which is not set")
        return dialects

    def auth(self, preset: Preset) -> Mapping[Dialect, str]:
        value = self._record.get("auth", {})
        if isinstance(value, str):
            return MappingProxyType(dict.fromkeys(DIALECTS, self._auth_style("auth", value)))
        styles = dict(preset.auth)
        for dialect, style in self._table("auth").items():
            if dialect not in FACTS:
                raise self._bad(f"auth.{dialect}", f"must be one of {', '.join(DIALECTS)}")
            styles[Dialect(dialect)] = self._auth_style(f"auth.{dialect}", style)
        return MappingProxyType(styles)

    def headers(self) -> Mapping[str, str]:
        headers = {}
        for header, value in self._table("headers").items():
            key = f"headers.{header}"
            self._check_header_name(key, header)
            if header.lower() in _CREDENTIAL_HEADERS:
                raise self._bad(
                    key,
                    "carries a key, and config.toml never holds one",
                    hint=f"gwproxy profile key {self._name}",
                )
            if not isinstance(value, str) or not value.isprintable():
                raise self._bad(key, "must be one line of text")
            if redact(value) != value:
                raise self._bad(
                    key,
                    "looks like a key, and config.toml never holds one",
                    hint=f"gwproxy profile key {self._name}",
                )
            headers[header] = value
        return MappingProxyType(headers)

    def quirks(self, preset: Preset) -> Mapping[str, QuirkValue]:
        quirks = dict(preset.quirks)
        for name, value in self._table("quirks").items():
            try:
                quirks[name] = check_quirk(name, value)
            except BadQuirk as error:
                raise self._bad(f"quirks.{name}", str(error)) from None
        return MappingProxyType(quirks)

    def key(self, preset: Preset) -> KeyRef:
        given = [key for key in KEY_SETTINGS if key in self._record]
        if len(given) > 1:
            raise self._bad(given[1], f"{given[0]} is there too; one of them must go")
        match given:
            case []:
                return KeyRef("keyring" if preset.needs_key else "none")
            case ["key_env"]:
                return KeyRef("env", variable=self._variable("key_env"))
            case ["key_command"]:
                command = self.words("key_command", ())
                if not command:
                    raise self._bad("key_command", 'must be a list such as ["pass", "show", "x"]')
                return KeyRef("command", command=command)
            case ["key_file"]:
                path = paths.expanded(self._text("key_file", ""))
                if not path.is_absolute():
                    raise self._bad("key_file", "must be an absolute path")
                return KeyRef("file", path=path)
            case _:
                return KeyRef(self.choice("key", ("keyring", "none"), "keyring"))

    def choice(self, key: str, choices: tuple[T, ...], default: T) -> T:
        value = self._record.get(key, default)
        for choice in choices:
            if value == choice:
                return choice
        raise self._bad(key, f"must be {_either(choices)}, not {_shown(value)}")

    def words(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value = self._record.get(key)
        if value is None:
            return default
        if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
            raise self._bad(key, f"must be a list of texts, not {_shown(value)}")
        return tuple(value)

    def count(self, key: str, of: str, default: int | None, most: float = inf) -> int | None:
        value = self._record.get(key, default)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= most:
            raise self._bad(key, f"must be a number of {of}, not {_shown(value)}")
        return value

    def prices(self) -> Prices | None:
        table = self._table("prices")
        for name, value in table.items():
            try:
                check_price(name, value)
            except BadPrice as error:
                raise self._bad(f"prices.{name}", str(error)) from None
        return read_prices(table)

    def seconds(self, key: str, default: float) -> float:
        value = self._record.get(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1e6:
            raise self._bad(key, f"must be a number of seconds, not {_shown(value)}")
        return float(value)

    def _dialect_list(self, default: tuple[Dialect, ...]) -> tuple[Dialect, ...]:
        words = self.words("dialects", default)
        for word in words:
            if word not in DIALECTS:
                raise self._bad("dialects", f"must be some of {', '.join(DIALECTS)}, not {word!r}")
        if not words:
            raise self._bad("dialects", f"must be some of {', '.join(DIALECTS)}")
        return tuple(dialect for dialect in DIALECTS if dialect in words)

    def _auth_style(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise self._bad(key, f"must be {X_API_KEY}, {BEARER} or the name of a header")
        if value.lower() in (X_API_KEY, BEARER):
            return value.lower()
        self._check_header_name(key, value)
        if value.lower() == "authorization":
            raise self._bad(key, f"{BEARER} is the style that uses Authorization; write that")
        return value

    def _check_header_name(self, key: str, name: str) -> None:
        if not _HEADER_NAME.fullmatch(name):
            raise self._bad(key, f"{redact(name)!r} is not the name of a header")
        if name.lower() in _OWN_HEADERS:
            raise self._bad(key, f"{name} is set by gwproxy itself")

    def _variable(self, key: str) -> str:
        name = self._text(key, "")
        if not _VARIABLE.fullmatch(name):
            raise self._bad(key, "must be the name of an environment variable, not its value")
        return name

    def _text(self, key: str, default: str) -> str:
        value = self._record.get(key, default)
        if not isinstance(value, str):
            raise self._bad(key, f"must be text, not {_shown(value)}")
        return value.strip()

    def _table(self, key: str) -> Mapping[str, Any]:
        value = self._record.get(key, {})
        if not isinstance(value, Mapping):
            raise self._bad(key, f"must be a table, not {_shown(value)}")
        return value

    def _bad(self, key: str, what: str, *, hint: str = "") -> ConfigError:
        return ConfigError(f"profiles.{self._name}.{key}: {what}", hint=hint)


def _overridden(record: Mapping[str, object]) -> frozenset[str]:
    names: set[str] = set()
    for key, value in record.items():
        if key in ("quirks", "headers", "auth", "prices") and isinstance(value, Mapping):
            names.update(f"{key}.{name}" for name in value)
        else:
            names.add(key)
    return frozenset(names)


def _either(choices: tuple[object, ...]) -> str:
    words = [str(choice) for choice in choices]
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _shown(value: object) -> str:
    """`value` as a complaint may show it: a key pasted into the wrong place stays hidden."""
    return f'"{redact(value)}"' if isinstance(value, str) else redact(repr(value))

"""What `gwproxy profile list` and `show` tell of a profile: as data, and as rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Final

from gwproxy.profiles.credentials import KeyStatus
from gwproxy.profiles.learned import Lesson
from gwproxy.profiles.model_facts import facts_of
from gwproxy.profiles.prices import MICRO, Prices
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.quirks import DEFAULT, quirk_origin, quirk_values, settable_quirks
from gwproxy.translate.quirks import QuirkValue
from gwproxy.translate.registry import DIALECTS, FACTS

_LIMITS: Final = ("context_window", "max_output_tokens")
_MODELS: Final = "models"  # which all dialects have, and a person looks for last
_ENDPOINTS: Final = (
    *(name for facts in FACTS.values() for name in facts.paths if name != _MODELS),
    _MODELS,
)


def profile_data(profile: Profile) -> dict[str, object]:
    """A profile as --json shows it."""
    return {
        "name": profile.name,
        "preset": profile.preset,
        "model": profile.model,
        "models": list(profile.models),
        "dialects": list(profile.dialects),
        "anthropic_url": profile.anthropic_url,
        "openai_url": profile.openai_url,
        "endpoints": {one: url for one in _ENDPOINTS if (url := profile.url(one))},
        "stream": profile.stream,
        "auth": {dialect: profile.auth_for(dialect) for dialect in profile.dialects},
        "headers": dict(profile.headers),
        "quirks": _plain(quirk_values(profile)),
        "context_window": profile.context_window,
        "max_output_tokens": profile.max_output_tokens,
        "first_byte_timeout_s": profile.first_byte_timeout_s,
        "idle_timeout_s": profile.idle_timeout_s,
        "fallback": list(profile.fallback),
        "max_concurrent": profile.max_concurrent,
        "prices": _price_data(profile.prices) if profile.prices else None,
    }


def key_data(key: KeyStatus) -> dict[str, object]:
    """Where a key is from, as --json shows it."""
    return {
        "kind": key.source.kind,
        "source": str(key.source),
        "masked": key.masked or None,
        "trouble": key.trouble or None,
    }


def key_text(key: KeyStatus) -> str:
    """`…1a2b  keyring`, or why there is no key."""
    if key.trouble:
        return key.trouble
    return f"{key.masked}  {key.source}" if key.masked else str(key.source)


def setting_rows(profile: Profile, key: KeyStatus) -> Iterator[tuple[str, str, str]]:
    """Each setting with its value and who says so."""
    facts = facts_of(profile.model)

    def origin(name: str) -> str:
        if name in profile.overridden:
            return "config.toml"
        if name in _LIMITS and facts is not None and getattr(facts, name):
            return f"model {profile.model}"
        return f"preset {profile.preset}"

    values = profile_data(profile)
    for name in ("preset", "model", "models", "anthropic_url", "openai_url", "dialects", "stream"):
        value = values[name]
        text = ", ".join(value) if isinstance(value, list) else str(value or "")
        yield name, text, origin(name)
    yield "key", key_text(key), _key_origin(profile, key)
    for dialect in DIALECTS:
        if dialect in profile.dialects:
            name = "auth" if "auth" in profile.overridden else f"auth.{dialect}"
            yield f"auth.{dialect}", profile.auth_for(dialect), origin(name)
    for header, value in profile.headers.items():
        yield f"headers.{header}", value, origin(f"headers.{header}")
    for name in (*_LIMITS, "first_byte_timeout_s", "idle_timeout_s"):
        yield name, _number(values[name]), origin(name)
    if profile.fallback:
        yield "fallback", ", ".join(profile.fallback), origin("fallback")
    if profile.max_concurrent:
        yield "max_concurrent", str(profile.max_concurrent), origin("max_concurrent")
    if profile.prices:
        yield "prices", _price_text(profile.prices), "config.toml"


def _price_data(prices: Prices) -> dict[str, object]:
    """As config.toml says them: tokens by the million, in the unit's own coin."""
    known = {name: value for name, value in asdict(prices).items() if value is not None}
    return {name: value if name == "unit" else value / MICRO for name, value in known.items()}


def _price_text(prices: Prices) -> str:
    said = [f"{name} {value:g}" for name, value in _price_data(prices).items() if name != "unit"]
    return f"{prices.unit}: {', '.join(said)}"


def quirk_rows(profile: Profile, *, everything: bool) -> Iterator[tuple[str, str, str]]:
    """The same of each quirk; without `everything` of those that somebody has set."""
    values = quirk_values(profile)
    for name in (quirk.name for quirk in settable_quirks()):
        origin = quirk_origin(profile, name)
        if everything or origin != DEFAULT:
            yield f"quirk.{name}", quirk_text(values[name]), origin


def lesson_rows(lessons: Iterable[Lesson]) -> Iterator[tuple[str, str, str]]:
    """The same of what a host has taught."""
    for lesson in lessons:
        origin = f"learned {lesson.day} for {lesson.model}: {lesson.why}"
        yield f"quirk.{lesson.quirk}", quirk_text(lesson.value), origin


def _key_origin(profile: Profile, key: KeyStatus) -> str:
    if key.source.kind == "environment" and profile.key.kind != "env":
        return "environment"
    named = {"key", "key_env", "key_command", "key_file"} & profile.overridden
    return "config.toml" if named else f"preset {profile.preset}"


def quirk_text(value: QuirkValue | None) -> str:
    """A value as it is typed; a person reads what None means."""
    if value is None:
        return "unknown (sent)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    # A lone space would look like nothing.
    return repr(value) if isinstance(value, str) and value.isspace() else str(value)


def _number(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _plain(values: Mapping[str, QuirkValue | None]) -> dict[str, object]:
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }

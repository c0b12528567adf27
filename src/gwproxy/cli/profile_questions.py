"""What a person is asked about a provider: which one, where it is, which model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from gwproxy.cli.output import Output
from gwproxy.errors import UsageError
from gwproxy.profiles import endpoints
from gwproxy.profiles.presets import PRESETS, Preset
from gwproxy.profiles.suggest import did_you_mean


def preset_of(output: Output, name: str, given: str | None, *, has_url: bool) -> Preset:
    """The preset that was named; a profile named like one, or with a URL, needs no question."""
    if given is None and name in PRESETS:
        given = name
    if given is None and has_url:
        given = "custom"
    if given is None:
        given = output.ask_until(
            f"Provider ({', '.join(PRESETS)})", lambda text: _known_preset(text).name, "--preset"
        )
    return _known_preset(given)


def _known_preset(name: str) -> Preset:
    """Raises UsageError."""
    if name not in PRESETS:
        raise UsageError(f"there is no preset called {name!r}", why=did_you_mean(name, PRESETS))
    return PRESETS[name]


def ask_missing(output: Output, preset: Preset, record: dict[str, Any]) -> None:
    """Ask for what only the person knows, or name the flag."""
    urls = [key for key in preset.asks if key.endswith("_url")]
    if urls and not any(record.get(key) for key in urls):
        if not output.can_ask():
            raise UsageError(
                f"{preset.name} needs --anthropic-url or --openai-url",
                hint="take the base URL from the provider's documentation",
            )
        for key, words, read in (
            ("anthropic_url", "Anthropic", endpoints.anthropic_base),
            ("openai_url", "OpenAI", endpoints.openai_base),
        ):
            answer = output.ask_until(
                f"{words} base URL (empty if there is none)",
                partial(_base, read),
                f"--{key.replace('_', '-')}",
                optional=True,
            )
            if answer:
                record[key] = answer
    if "model" in preset.asks and not record.get("model"):
        record["model"] = output.ask("Model", flag="--model")


def _base(read: Callable[[str], str], text: str) -> str:
    """A base URL as typed; "" where there is none. Raises UsageError."""
    try:
        if text:
            read(text)
    except endpoints.BadUrl as error:
        raise UsageError(f"{text} cannot be a base URL", why=str(error)) from None
    return text

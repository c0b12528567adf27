"""The providers we know, against what their own pages say."""

from __future__ import annotations

import pytest

from gwproxy.profiles.presets import PRESETS
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.quirks import QUIRKS, check_quirk
from gwproxy.profiles.record import make_profile
from gwproxy.translate.dialect_facts import Dialect

ASKED = {
    "anthropic_url": "https://gateway.example",
    "openai_url": "https://gateway.example",
    "model": "m",
}


def profile_of(name: str) -> Profile:
    return make_profile("x", {"preset": name} | {key: ASKED[key] for key in PRESETS[name].asks})


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_and_what_it_asks_for_make_a_profile(name: str) -> None:
    profile = profile_of(name)
    assert profile.preset == name
    assert profile.dialects
    assert PRESETS[name].source


@pytest.mark.parametrize("name", PRESETS)
def test_presets_set_only_quirks_that_exist_and_differ_from_the_default(name: str) -> None:
    for quirk, value in PRESETS[name].quirks.items():
        assert check_quirk(quirk, value) == value
        assert value != QUIRKS[quirk].default, f"{quirk} is the default anyway"


@pytest.mark.parametrize(
    ("name", "messages", "chat", "responses"),
    [
        (
            "strongwall",
            "https://api.strongwall.ai/v1/messages",
            "https://api.strongwall.ai/v1/chat/completions",
            False,
        ),
        (
            "kimi-k25",
            "https://kimi-k25.com/api/anthropic/v1/messages",
            "https://kimi-k25.com/api/openai/v1/chat/completions",
            True,
        ),
        ("kimi-code", "https://api.kimi.com/coding/v1/messages", None, False),
        (
            "claude-gateway",
            "https://gateway.example/v1/messages",
            "https://gateway.example/v1/chat/completions",
            False,
        ),
    ],
)
def test_addresses_are_those_of_the_providers_pages(
    name: str, messages: str, chat: str | None, responses: bool
) -> None:
    profile = profile_of(name)
    assert profile.url("messages") == messages
    assert profile.url("chat") == chat
    assert ("responses" in profile.dialects) is responses


@pytest.mark.parametrize(
    ("name", "anthropic", "chat"),
    [
        ("strongwall", "x-api-key", "bearer"),
        ("kimi-k25", "bearer", "bearer"),
        ("kimi-code", "x-api-key", "bearer"),
        ("claude-gateway", "x-api-key", "bearer"),
        ("custom", "x-api-key", "bearer"),
    ],
)
def test_each_takes_its_key_in_its_own_way(name: str, anthropic: str, chat: str) -> None:
    profile = profile_of(name)
    assert (profile.auth_for(Dialect.ANTHROPIC), profile.auth_for(Dialect.CHAT)) == (
        anthropic,
        chat,
    )


def test_what_the_pages_warn_about() -> None:
    assert profile_of("strongwall").stream == "never"
    assert all(profile_of(name).stream == "auto" for name in PRESETS if name != "strongwall")
    # "at least 120 s", and for Strongwall "600 s"
    assert profile_of("kimi-code").first_byte_timeout_s >= 120
    assert profile_of("strongwall").first_byte_timeout_s >= 600
    assert "kimi-for-coding" in profile_of("kimi-code").models
    assert profile_of("claude-gateway").model == "claude-sonnet-4-6"
    assert not PRESETS["demo"].needs_key


@pytest.mark.parametrize("name", ["strongwall", "kimi-k25", "kimi-code"])
def test_every_host_of_kimi_gets_the_strict_rules(name: str) -> None:
    profile = profile_of(name)
    assert profile.context_window == 262_144
    assert profile.quirks["rebuild"] is True
    assert profile.quirks["sampling"] == "drop"
    assert profile.quirks["schema"] == "moonshot"
    assert profile.quirks["parallel_flag"] is False
    assert profile.quirks["prefill"] == "partial"


def test_real_claude_is_left_alone() -> None:
    quirks = profile_of("claude-gateway").quirks
    assert "rebuild" not in quirks
    assert quirks["signed_thinking"] is True

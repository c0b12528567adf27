"""From a record in config.toml to a checked profile, and what a bad record is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gwproxy.errors import ConfigError
from gwproxy.profiles.profile import KeyRef, Profile
from gwproxy.profiles.record import check_name, make_profile, unknown_settings
from gwproxy.translate.dialect_facts import Dialect


def made(**record: Any) -> Profile:
    return make_profile("kimi", record)


def complaint(**record: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        make_profile("kimi", record)
    return caught.value


def test_a_preset_fills_everything_in() -> None:
    profile = made(preset="kimi-code")
    assert profile.anthropic_url == "https://api.kimi.com/coding"
    assert profile.openai_url is None
    assert profile.dialects == ("anthropic",)
    assert profile.model == "kimi-k2.5"
    assert profile.stream == "auto"
    assert profile.auth_for(Dialect.ANTHROPIC) == "x-api-key"
    assert profile.key == KeyRef("keyring")
    assert profile.context_window == 262_144
    assert profile.overridden == {"preset"}


def test_endpoints_follow_from_the_bases() -> None:
    profile = made(preset="kimi-k25")
    assert profile.url("messages") == "https://kimi-k25.com/api/anthropic/v1/messages"
    assert profile.url("count_tokens") == (
        "https://kimi-k25.com/api/anthropic/v1/messages/count_tokens"
    )
    assert profile.url("chat") == "https://kimi-k25.com/api/openai/v1/chat/completions"
    assert profile.url("responses") == "https://kimi-k25.com/api/openai/v1/responses"
    assert profile.url("models") == "https://kimi-k25.com/api/openai/v1/models"


def test_models_are_asked_on_the_anthropic_base_when_there_is_no_other() -> None:
    profile = made(preset="kimi-code")
    assert profile.url("models") == "https://api.kimi.com/coding/v1/models"
    assert profile.url("chat") is None
    assert made(model="m", openai_url="https://x.example").url("messages") is None


def test_a_url_of_ones_own_adds_its_dialect() -> None:
    profile = made(preset="kimi-code", openai_url="https://api.kimi.com/coding")
    assert profile.openai_url == "https://api.kimi.com/coding/v1"
    assert profile.dialects == ("anthropic", "chat")


def test_an_empty_url_takes_the_presets_away() -> None:
    profile = made(preset="strongwall", anthropic_url="")
    assert profile.anthropic_url is None
    assert profile.dialects == ("chat",)


def test_dialects_say_what_the_upstream_offers() -> None:
    assert made(preset="strongwall", dialects=["chat"]).dialects == ("chat",)
    # always in one order, whatever order they were written in
    wanted = made(preset="kimi-k25", dialects=["responses", "anthropic"]).dialects
    assert wanted == ("anthropic", "responses")


def test_one_auth_style_is_for_all_and_a_table_for_single_dialects() -> None:
    assert made(preset="strongwall", auth="Bearer").auth_for(Dialect.ANTHROPIC) == "bearer"
    mixed = made(preset="strongwall", auth={"anthropic": "anthropic-auth-token"})
    assert mixed.auth_for(Dialect.ANTHROPIC) == "anthropic-auth-token"
    assert mixed.auth_for(Dialect.CHAT) == "bearer"


def test_quirks_are_merged_over_the_presets() -> None:
    quirks = made(preset="strongwall", quirks={"vision": False}).quirks
    assert quirks["vision"] is False
    assert quirks["schema"] == "moonshot"


def test_overrides_are_known_one_by_one() -> None:
    profile = made(
        preset="strongwall", stream="auto", quirks={"vision": False}, headers={"X-Team": "7"}
    )
    assert profile.overridden == {"preset", "stream", "quirks.vision", "headers.X-Team"}


@pytest.mark.parametrize(
    ("record", "key"),
    [
        ({"key_env": "KIMI_KEY"}, KeyRef("env", variable="KIMI_KEY")),
        (
            {"key_command": ["op", "read", "op://v/i/key"]},
            KeyRef("command", command=("op", "read", "op://v/i/key")),
        ),
        ({"key_file": "/run/secrets/kimi"}, KeyRef("file", path=Path("/run/secrets/kimi"))),
        ({"key": "none"}, KeyRef("none")),
        ({"key": "keyring"}, KeyRef("keyring")),
        ({}, KeyRef("keyring")),
    ],
)
def test_a_key_is_referred_to(record: dict[str, Any], key: KeyRef) -> None:
    assert made(preset="kimi-code", **record).key == key


def test_the_demo_needs_neither_key_nor_address() -> None:
    demo = make_profile("demo", {"preset": "demo"})
    assert demo.is_built_in
    assert demo.key == KeyRef("none")
    assert demo.dialects == ("anthropic", "chat", "responses")
    assert demo.url("messages") is None


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ({"preset": "kimicode"}, "profiles.kimi.preset: there is no preset called 'kimicode'; did"),
        (
            {"preset": "kimi-code", "stream": "yes"},
            'profiles.kimi.stream: must be auto, always or never, not "yes"',
        ),
        ({"preset": "kimi-code", "stream": True}, "profiles.kimi.stream: must be auto, always"),
        ({"model": "m"}, "profiles.kimi.anthropic_url: a profile needs anthropic_url or openai"),
        ({"openai_url": "https://x.example"}, "profiles.kimi.model: is needed"),
        ({"preset": "kimi-code", "model": 7}, "profiles.kimi.model: must be text, not 7"),
        (
            {"preset": "kimi-code", "anthropic_url": "http://api.kimi.com"},
            "profiles.kimi.anthropic_url: http:// to api.kimi.com would send your key",
        ),
        (
            {"preset": "kimi-code", "dialects": ["chat"]},
            "profiles.kimi.dialects: chat needs openai_url, which is not set",
        ),
        (
            {"preset": "kimi-code", "dialects": ["claude"]},
            "profiles.kimi.dialects: must be some of anthropic, chat, responses, not 'claude'",
        ),
        ({"preset": "kimi-code", "dialects": []}, "profiles.kimi.dialects: must be some of"),
        ({"preset": "kimi-code", "models": "a"}, "profiles.kimi.models: must be a list of texts"),
        ({"preset": "kimi-code", "auth": "Authorization"}, "profiles.kimi.auth: bearer is the"),
        ({"preset": "kimi-code", "auth": "a b"}, "profiles.kimi.auth: 'a b' is not the name of a"),
        ({"preset": "kimi-code", "auth": {"grpc": "bearer"}}, "profiles.kimi.auth.grpc: must be"),
        ({"preset": "kimi-code", "headers": []}, "profiles.kimi.headers: must be a table"),
        ({"preset": "kimi-code", "headers": {"a:b": "c"}}, "profiles.kimi.headers.a:b: 'a:b' is"),
        ({"preset": "kimi-code", "headers": {"Host": "x"}}, "profiles.kimi.headers.Host: Host is"),
        ({"preset": "kimi-code", "headers": {"X": "a\r\nb"}}, "profiles.kimi.headers.X: must be"),
        ({"preset": "kimi-code", "quirks": {"vison": True}}, "profiles.kimi.quirks.vison: there"),
        ({"preset": "kimi-code", "quirks": {"vision": 1}}, "profiles.kimi.quirks.vision: vision"),
        ({"preset": "kimi-code", "key": "sesame"}, "profiles.kimi.key: must be keyring or none"),
        ({"preset": "kimi-code", "key_env": "a-b"}, "profiles.kimi.key_env: must be the name"),
        ({"preset": "kimi-code", "key_command": []}, "profiles.kimi.key_command: must be a list"),
        ({"preset": "kimi-code", "key_file": "k"}, "profiles.kimi.key_file: must be an absolute"),
        (
            {"preset": "kimi-code", "key_file": "~no-such-user/k"},
            "~no-such-user/k is no path on this machine",
        ),
        (
            {"preset": "kimi-code", "key_env": "A", "key_file": "/k"},
            "profiles.kimi.key_file: key_env is there too",
        ),
        ({"preset": "kimi-code", "context_window": 0}, "profiles.kimi.context_window: must be a"),
        ({"preset": "kimi-code", "idle_timeout_s": "5"}, "profiles.kimi.idle_timeout_s: must be"),
        ({"preset": "kimi-code", "idle_timeout_s": True}, "profiles.kimi.idle_timeout_s: must be"),
    ],
)
def test_a_complaint_names_the_setting(record: dict[str, Any], what: str) -> None:
    assert complaint(**record).what.startswith(what)


@pytest.mark.parametrize(
    "record",
    [
        {"headers": {"Authorization": "Bearer sk-kimi-canary-0123456789"}},
        {"headers": {"X-Api-Key": "canary-0123456789"}},
        {"headers": {"X-Extra": "sk-kimi-canary-0123456789"}},
        {"key_env": "sk-kimi-canary-0123456789"},
        {"key": "sk-kimi-canary-0123456789"},
        {"stream": "sk-kimi-canary-0123456789"},
        {"anthropic_url": "https://u:sk-kimi-canary-0123456789@api.kimi.com"},
        {"anthropic_url": "sk-kimi-canary-0123456789"},
    ],
)
def test_a_key_in_the_wrong_place_is_refused_and_not_repeated(record: dict[str, Any]) -> None:
    error = complaint(preset="kimi-code", **record)
    assert "canary" not in f"{error.what} {error.why} {error.hint}"


@pytest.mark.parametrize("name", ["kimi", "k", "kimi-2", "7b", "a" * 40])
def test_names_that_work(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "Kimi", "my_kimi", "kimi.code", "-a", "a-", "a/b", "é", "a" * 41, "a b", "a\n"]
)
def test_names_that_would_not_work_in_a_url_or_a_variable(name: str) -> None:
    with pytest.raises(ConfigError, match="a profile cannot be called") as caught:
        check_name(name)
    proposal = caught.value.hint.removeprefix("for example: ")
    assert check_name(proposal)


def test_settings_from_the_future_are_remarked_upon_and_nothing_more() -> None:
    record = {"preset": "kimi-code", "modle": "x"}
    assert made(**record).model == "kimi-k2.5"
    assert unknown_settings("kimi", record) == (
        "profiles.kimi.modle is not a setting; did you mean model?",
    )

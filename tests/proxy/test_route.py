"""Which profile, model and dialect a request gets: pure tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from gwproxy.profiles import store
from gwproxy.profiles.record import make_profile
from gwproxy.profiles.store import Config
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.routing.route import Routes, strip_suffix
from gwproxy.translate.hub import Dialect, FailureKind

ANTHROPIC, CHAT, RESPONSES = Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES

CONFIG = """
default = "kimi"

[profiles.kimi]
preset = "kimi-code"

[profiles.wall]
preset = "strongwall"

[profiles.gate]
preset = "claude-gateway"
anthropic_url = "https://gate.example"
openai_url = "https://gate.example/v1"

[profiles.router]
preset = "custom"
openai_url = "https://router.example/api"
model = "vendor/base"
models = ["vendor/large"]
dialects = ["chat", "responses"]

[[routes]]
match = "*haiku*"
profile = "wall"

[[routes]]
match = "gpt-*"
profile = "router"
model = "vendor/gpt"
"""


@pytest.fixture
def routes() -> Routes:
    return Routes(store.parse(CONFIG, Path("config.toml")))


@pytest.mark.parametrize(
    ("pinned", "requested", "profile", "model"),
    [
        # the default profile, and its model for names that it does not know
        ("", "kimi-k2.5", "kimi", "kimi-k2.5"),
        ("", "kimi-for-coding", "kimi", "kimi-for-coding"),
        ("", "claude-sonnet-4-6", "kimi", "kimi-k2.5"),
        ("", "", "kimi", "kimi-k2.5"),
        ("", "unheard-of", "kimi", "kimi-k2.5"),
        # suffixes are wishes about the context, not names
        ("", "kimi-for-coding[1m]", "kimi", "kimi-for-coding"),
        ("", "claude-sonnet-4-6[1m]", "kimi", "kimi-k2.5"),
        # routes, the first that fits
        ("", "claude-haiku-4-5", "wall", "kimi-k2.5"),
        ("", "claude-haiku-4-5[1m]", "wall", "kimi-k2.5"),
        ("", "gpt-5", "router", "vendor/gpt"),
        # the profile in the model's name comes before the routes, and means this very model
        ("", "router/vendor/large", "router", "vendor/large"),
        ("", "router/somebody/else", "router", "somebody/else"),
        ("", "gate/claude-haiku-4-5", "gate", "claude-haiku-4-5"),
        # a slash is no profile
        ("", "vendor/large", "kimi", "kimi-k2.5"),
        ("", "kimi/", "kimi", "kimi-k2.5"),
        # the path comes before everything
        ("wall", "gpt-5", "wall", "kimi-k2.5"),
        ("router", "vendor/large", "router", "vendor/large"),
        ("router", "router/vendor/small", "router", "vendor/small"),
        ("router", "kimi/kimi-k2.5", "router", "vendor/base"),
        # real Claude knows its family
        ("gate", "claude-opus-4-8", "gate", "claude-opus-4-8"),
        ("gate", "claude-opus-4-8[1m]", "gate", "claude-opus-4-8"),
        ("gate", "gpt-5", "gate", "claude-sonnet-4-6"),
    ],
)
def test_profile_and_model(
    routes: Routes, pinned: str, requested: str, profile: str, model: str
) -> None:
    route = routes.find(pinned, requested, ANTHROPIC)
    assert (route.profile.name, route.model) == (profile, model)


@pytest.mark.parametrize(
    ("profile", "client", "dialect", "url"),
    [
        ("kimi", ANTHROPIC, ANTHROPIC, "https://api.kimi.com/coding/v1/messages"),
        ("kimi", CHAT, ANTHROPIC, "https://api.kimi.com/coding/v1/messages"),
        ("kimi", RESPONSES, ANTHROPIC, "https://api.kimi.com/coding/v1/messages"),
        ("wall", CHAT, CHAT, "https://api.strongwall.ai/v1/chat/completions"),
        ("wall", RESPONSES, CHAT, "https://api.strongwall.ai/v1/chat/completions"),
        ("router", ANTHROPIC, CHAT, "https://router.example/api/v1/chat/completions"),
        ("router", RESPONSES, RESPONSES, "https://router.example/api/v1/responses"),
    ],
)
def test_the_clients_own_dialect_else_the_best(
    routes: Routes, profile: str, client: Dialect, dialect: Dialect, url: str
) -> None:
    route = routes.find(profile, "m", client)
    assert (route.dialect, route.url) == (dialect, url)


def test_quirks_follow_the_profile(routes: Routes) -> None:
    quirks = routes.find("kimi", "m", ANTHROPIC).quirks
    assert quirks.family == "kimi-code"
    assert quirks.rebuild
    assert quirks.context_window == 262_144
    assert routes.find("kimi", "m", CHAT).quirks is quirks


def with_profile(record: Mapping[str, Any], default: str = "p") -> Routes:
    profile = make_profile("p", record)
    return Routes(Config(profiles=MappingProxyType({"p": profile}), default=default))


@pytest.mark.parametrize(
    ("mode", "asked", "streams"),
    [
        ("auto", True, True),
        ("auto", False, False),
        ("always", False, True),
        ("never", True, False),
    ],
)
def test_whether_the_upstream_streams(mode: str, asked: bool, streams: bool) -> None:
    routes = with_profile({"openai_url": "https://x.example", "model": "m", "stream": mode})
    assert routes.find("", "m", CHAT).streams(asked) is streams


def test_an_unknown_pinned_profile_is_not_found(routes: Routes) -> None:
    with pytest.raises(Failed) as caught:
        routes.find("kimmi", "m", ANTHROPIC)
    assert caught.value.failure.status == 404
    assert "did you mean kimi?" in caught.value.failure.message


def test_no_profile_at_all_says_how_to_add_one() -> None:
    with pytest.raises(Failed) as caught:
        Routes(Config()).find("", "m", ANTHROPIC)
    assert caught.value.failure.status == 503
    assert caught.value.failure.retryable is False
    assert "gwproxy profile add" in caught.value.failure.message


def test_demo_without_its_provider_says_how_to_start_it() -> None:
    with pytest.raises(Failed) as caught:
        Routes(Config()).find("demo", "m", ANTHROPIC)
    assert "gwproxy serve --profile demo" in caught.value.failure.message
    assert caught.value.failure.kind is not FailureKind.NOT_FOUND


@pytest.mark.parametrize(
    ("name", "stripped"),
    [("a[1m]", "a"), ("a[1m][x]", "a"), ("a[b]c", "a[b]c"), ("a[", "a["), ("[1m]", "")],
)
def test_suffixes(name: str, stripped: str) -> None:
    assert strip_suffix(name) == stripped

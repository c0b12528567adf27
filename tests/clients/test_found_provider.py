"""A provider in somebody's settings, as a profile: what is taken along, and what never is."""

from __future__ import annotations

from typing import Any

import pytest

from gwproxy.clients.document import Tree
from gwproxy.clients.found_provider import found_in, leads_away, variables_of
from gwproxy.clients.jsonpairs import PAIRS
from gwproxy.errors import CredentialError, GwproxyError
from gwproxy.profiles.record import make_profile

KEY = "sk-" + "k" * 40


def env(base: str, **more: str) -> Tree:
    return {"env": {"ANTHROPIC_BASE_URL": base, "ANTHROPIC_AUTH_TOKEN": KEY} | more}


@pytest.mark.parametrize(
    ("base", "name", "record"),
    [
        ("https://kimi-k25.com/api/anthropic", "kimi-k25", {"preset": "kimi-k25"}),
        ("https://api.kimi.com/coding/", "kimi-code", {"preset": "kimi-code"}),
        ("https://api.strongwall.ai/v1/messages", "strongwall", {"preset": "strongwall"}),
        (
            "https://api.kimi.com/other",
            "kimi-code",
            {"preset": "kimi-code", "anthropic_url": "https://api.kimi.com/other"},
        ),
        (
            "https://api.provider-x.example/anthropic",
            "provider-x",
            {
                "preset": "custom",
                "anthropic_url": "https://api.provider-x.example/anthropic",
                "auth": "bearer",
                "model": "m",
            },
        ),
        (
            "http://127.0.0.1:1234",
            "imported",
            {
                "preset": "custom",
                "anthropic_url": "http://127.0.0.1:1234",
                "auth": "bearer",
                "model": "m",
            },
        ),
    ],
)
def test_a_known_host_gives_its_preset(base: str, name: str, record: dict[str, Any]) -> None:
    more = {"ANTHROPIC_MODEL": "m"} if record["preset"] == "custom" else {}
    found = found_in(env(base, **more))
    assert (found.name, found.record) == (name, record)
    assert found.key.reveal() == KEY
    make_profile(found.name, found.record)


def test_models_limits_and_headers_go_along() -> None:
    found = found_in(
        env(
            "https://llm.example",
            ANTHROPIC_MODEL="big[1m]",
            ANTHROPIC_DEFAULT_HAIKU_MODEL="small",
            ANTHROPIC_SMALL_FAST_MODEL="small",
            CLAUDE_CODE_MAX_CONTEXT_TOKENS="131072",
            CLAUDE_CODE_MAX_OUTPUT_TOKENS="many",
            ANTHROPIC_CUSTOM_HEADERS="X-Team: seven\nX-Api-Secret: hush\nnonsense",
        )
    )
    profile = make_profile(found.name, found.record)
    assert (profile.model, profile.models) == ("big", ("small",))
    assert profile.context_window == 131_072
    assert dict(profile.headers) == {"X-Team": "seven"}
    assert found.left_out == ("the header X-Api-Secret, which may be a secret",)
    assert "hush" not in repr(found.record)


def test_the_key_is_sent_as_it_was() -> None:
    settings: Tree = {
        "env": {"ANTHROPIC_BASE_URL": "https://llm.example", "ANTHROPIC_API_KEY": KEY}
    }
    assert found_in(settings).record["auth"] == "x-api-key"
    # Claude Code sends both; a preset says which of them its provider looks at.
    both = env("https://api.kimi.com/coding", ANTHROPIC_API_KEY="sk-kimi-" + "x" * 40)
    found = found_in(both)
    assert found.key.reveal().startswith("sk-kimi-")
    assert found.left_out == (
        "ANTHROPIC_AUTH_TOKEN, which is another key than the one that is taken",
    )
    assert found_in(env("https://llm.example", ANTHROPIC_API_KEY=KEY)).left_out == ()


def test_a_key_of_a_claude_gateway_names_its_preset() -> None:
    settings = env("https://claude.somebody.example", ANTHROPIC_AUTH_TOKEN="cc_user_" + "x" * 30)
    found = found_in(settings)
    assert found.record == {
        "preset": "claude-gateway",
        "anthropic_url": "https://claude.somebody.example",
    }
    assert found.name == "claude"


@pytest.mark.parametrize("kind", ["oat01", "ort01"])
@pytest.mark.parametrize("variable", ["ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY"])
def test_a_login_is_never_taken(kind: str, variable: str) -> None:
    login = f"sk-ant-{kind}-{'x' * 40}"
    with pytest.raises(CredentialError) as caught:
        found_in(env("https://llm.example", **{variable: login}))
    assert login not in f"{caught.value.what}{caught.value.why}{caught.value.hint}"


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({}, "there is no provider to import"),
        ({"env": []}, "there is no provider to import"),
        ({"env": {"ANTHROPIC_BASE_URL": "  "}}, "there is no provider to import"),
        (env("http://127.0.0.1:4979"), "there is no provider to import"),
        (env("http://localhost:5000/profiles/kimi"), "there is no provider to import"),
        (env("http://llm.example"), "http://llm.example cannot be imported"),
        ({"env": {"ANTHROPIC_BASE_URL": "https://llm.example"}}, "there is no key in it"),
        (
            {"env": {"ANTHROPIC_BASE_URL": "https://llm.example"}, "apiKeyHelper": "pass show x"},
            "there is no key in it, but a command that prints one (apiKeyHelper)",
        ),
    ],
)
def test_what_is_not_imported(settings: Tree, what: str) -> None:
    with pytest.raises(GwproxyError) as caught:
        found_in(settings)
    assert caught.value.what == what


def test_the_list_of_the_editor_is_read_as_well() -> None:
    settings: Tree = {PAIRS: {"ANTHROPIC_BASE_URL": "https://kimi-k25.com/api/anthropic"}}
    assert leads_away(settings)
    assert variables_of({"env": {"A": 1, "B": "", "C": "c"}}) == {"C": "c"}
    assert not leads_away(env("http://127.0.0.1:4979"))

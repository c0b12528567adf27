"""What is known of models: legal, found by name, and between the preset and the person."""

from __future__ import annotations

from typing import Any

import pytest

from gwproxy.profiles.model_facts import KNOWN_MODELS, facts_of
from gwproxy.profiles.presets import PRESETS
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.quirks import check_quirk, quirk_values
from gwproxy.profiles.record import make_profile


def profile(preset: str = "kimi-code", **record: Any) -> Profile:
    return make_profile("x", {"preset": preset, **record})


@pytest.mark.parametrize("facts", KNOWN_MODELS, ids=lambda facts: facts.names[0])
def test_every_line_has_a_source_and_quirks_that_exist(facts: Any) -> None:
    assert facts.source
    assert facts.context_window
    assert facts.max_output_tokens
    for quirk, value in facts.quirks.items():
        assert check_quirk(quirk, value) == value


@pytest.mark.parametrize(
    ("model", "window", "quirks"),
    [
        ("kimi-k2.5", 262_144, {"thinking_switch": "thinking", "vision": True}),
        ("Kimi-K2.6", 262_144, {"thinking_switch": "thinking", "thinking_always": False}),
        ("kimi-k2.7-code-highspeed", 262_144, {"thinking_always": True, "forced_tools": "auto"}),
        ("kimi-k2-thinking-turbo", 262_144, {"thinking_always": True, "vision": False}),
        ("kimi-k2-0711-preview", 131_072, {"thinking_switch": "none", "min_output": 0}),
        ("kimi-k2-0905-preview", 262_144, {"thinking_switch": "none", "forced_tools": "allow"}),
        ("k3", 1_048_576, {"thinking_switch": "effort", "efforts": ("low", "high", "max")}),
        ("k3-256k", 262_144, {"thinking_always": True, "named_tool": False}),
    ],
)
def test_one_host_serves_models_of_several_kinds(
    model: str, window: int, quirks: dict[str, Any]
) -> None:
    values = quirk_values(profile(), model)
    assert values["context_window"] == window
    assert {name: values[name] for name in quirks} == quirks
    assert values["schema"] == "moonshot"  # the host stays the host


def test_claude_before_4_6_thinks_within_a_budget() -> None:
    gateway = profile("claude-gateway", anthropic_url="https://gate.example")
    assert quirk_values(gateway)["adaptive_thinking"] is True
    assert quirk_values(gateway, "claude-opus-5-5")["adaptive_thinking"] is True
    older = ("claude-haiku-4-5-20251001", "claude-sonnet-4-20250514", "claude-opus-4-1")
    for model in older:
        assert quirk_values(gateway, model)["adaptive_thinking"] is False


@pytest.mark.parametrize("model", ["gpt-5", "moonshotai/kimi-k2.5", "k3000", "", "claude-opus-5"])
def test_of_other_names_nothing_is_known(model: str) -> None:
    assert facts_of(model) is None


def test_what_a_person_sets_comes_first() -> None:
    mine = profile(model="k3", context_window=9000, quirks={"thinking_always": False})
    values = quirk_values(mine)
    assert (values["context_window"], values["max_output"]) == (9000, 131_072)
    assert (values["thinking_always"], values["named_tool"]) == (False, False)
    assert quirk_values(mine, "k3-256k")["context_window"] == 9000


def test_the_profiles_own_limits_are_those_of_its_model() -> None:
    assert profile(model="k3").context_window == 1_048_576
    assert (
        profile("custom", openai_url="https://x.example", model="k3").max_output_tokens == 131_072
    )


@pytest.mark.parametrize("name", PRESETS)
def test_presets_and_facts_agree_on_the_presets_own_model(name: str) -> None:
    preset = PRESETS[name]
    facts = facts_of(preset.model)
    if facts is not None:
        assert (facts.context_window, facts.max_output_tokens) == (
            preset.context_window,
            preset.max_output_tokens,
        )
        assert {quirk: preset.quirks[quirk] for quirk in facts.quirks} == facts.quirks

"""`gwproxy models`: the provider's own list, for nothing, or what the profile knows."""

from __future__ import annotations

from dataclasses import replace

from gwproxy.simulator import DEMO, KIMI_CODE, PlayedRefusal
from gwproxy.simulator.routes import PlayedKind
from support.background import Background
from support.cli import InProcess


def add(command: InProcess, url: str, *more: str) -> None:
    arguments = ("--openai-url", url, "--model", "demo-1", "--no-key")
    ran = command("profile", "add", "up", *arguments, *more)
    assert ran.code == 0, ran


def test_the_providers_list(command: InProcess, background: Background) -> None:
    provider = background.provider(replace(DEMO, models=("demo-0", "demo-1", "demo-2")))
    add(command, provider.openai_url)
    ran = command("models")
    assert ran.stdout.splitlines() == ["demo-0", "demo-1", "demo-2"]
    assert ran.stderr == ""
    data = command("models", "up", "--json").envelope["data"]
    assert data["source"] == "provider"
    assert [m["id"] for m in data["models"] if m["default"]] == ["demo-1"]
    assert provider.billed == 0


def test_a_model_that_is_not_in_the_list(command: InProcess, background: Background) -> None:
    provider = background.provider(replace(DEMO, models=("other",)))
    add(command, provider.openai_url)
    ran = command("models")
    assert ran.stdout.splitlines() == ["other"]
    assert "next: gwproxy profile set up model=MODEL\n" in ran.stderr


def test_what_the_profile_knows(command: InProcess, background: Background) -> None:
    provider = background.provider(replace(KIMI_CODE, lists_models=False))
    url = provider.anthropic_url
    arguments = ("--preset", "kimi-code", "--anthropic-url", url, "--no-key")
    assert command("profile", "add", "kimi", *arguments).code == 0
    ran = command("models", "kimi")
    assert ran.stdout.splitlines() == ["kimi-k2.5", "kimi-for-coding"]
    assert "has no list" in ran.stderr


def test_the_demo(command: InProcess) -> None:
    assert command("models", "demo").stdout.splitlines() == ["demo-1"]


def test_trouble_is_told_apart(command: InProcess, background: Background) -> None:
    provider = background.provider(DEMO)
    add(command, provider.openai_url)
    provider.will(PlayedRefusal(401, "Invalid Authentication"), kinds=[PlayedKind.MODELS])
    ran = command("models")
    assert ran.code == 5
    assert "the key is refused (401): Invalid Authentication" in ran.stderr
    assert "hint: gwproxy profile key up" in ran.stderr
    assert command("models", "nobody").code == 3
    assert command("profile", "set", "up", "openai_url=http://127.0.0.1:1").code == 0
    assert "connection refused" in command("models").stderr

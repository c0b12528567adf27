"""`gwproxy init`: from nothing to a tool that works, by flags and by questions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gwproxy.simulator import DEMO, Kind, Refusal
from support.background import Background
from support.cli import InProcess, gwproxy_on_terminal

pytestmark = pytest.mark.usefixtures("port")


def by_flags(url: str) -> tuple[str, ...]:
    where = ("--name", "up", "--openai-url", url, "--model", "demo-1", "--no-key")
    return ("init", *where, "--tool", "claude-code", "--yes")


def test_by_flags_and_again(
    command: InProcess, background: Background, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    provider = background.provider(DEMO)
    ran = command(*by_flags(provider.openai_url), "--start", "run")
    assert ran.code == 0, ran
    assert ran.stderr.splitlines()[-1] == "next: gwproxy run -- claude"
    assert ran.stderr.count("next: ") == 1  # the steps in between are this command's own
    assert not (tmp_path / ".claude").exists()
    assert provider.billed == 0

    again = command("init", "--tool", "claude-code", "--yes", "--start", "run")
    assert (again.code, "the provider is up already" in again.stderr) == (0, True)
    assert command("profile", "list", "--json").envelope["data"]["default"] == "up"


def test_what_the_free_check_refuses_ends_it(command: InProcess, background: Background) -> None:
    provider = background.provider(DEMO)
    provider.will(Refusal(401, "No"), kinds=[Kind.MODELS])
    ran = command(*by_flags(provider.openai_url), "--start", "run")
    assert ran.code == 4
    assert ran.stderr.endswith("next: gwproxy init\n")


def test_a_person_chooses_by_number_or_name_and_a_typo_is_asked_again(
    command: InProcess, gwproxy_home: Path
) -> None:
    answers = ["kimmi-code", "6", "run"]
    ran = gwproxy_on_terminal("init", answers=answers)
    assert ran.code == 0, ran
    assert "  3  kimi-code " in ran.stderr
    assert "'kimmi-code' is none of these: did you mean kimi-code?" in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("next: gwproxy run -- ")
    data = command("profile", "list", "--json").envelope["data"]
    assert json.dumps(data["profiles"]).count('"preset": "demo"') == 1


def test_without_a_keyring_other_ways_are_offered_before_a_key_is_asked_for(
    gwproxy_home: Path,
) -> None:
    ran = gwproxy_on_terminal("init", "--preset", "kimi-code", answers=["\x03"])
    assert ran.code == 130
    assert "there is no keyring here" in ran.stderr
    assert "  1  env " in ran.stderr
    assert "API key" not in ran.stderr


def test_without_a_terminal_what_is_missing_is_named(command: InProcess) -> None:
    ran = command("init")
    assert (ran.code, "--preset" in ran.stderr) == (2, True)
    assert command("init", "--start", "never").code == 2

"""`gwproxy import`: shown first, the key into the keyring, and nothing of theirs changed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.cli import InProcess, gwproxy_on_terminal
from support.keyrings import stored
from support.profiles import KEY

BASE = "https://api.kimi.com/coding/"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key_file: Path) -> Path:
    """A home whose Claude Code asks Kimi Code directly."""
    home = tmp_path / "home"
    (home / ".claude").mkdir(parents=True)
    (tmp_path / "project").mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path / "project")
    file = home / ".claude" / "settings.json"
    env = {"ANTHROPIC_BASE_URL": BASE, "ANTHROPIC_API_KEY": KEY}
    file.write_text(json.dumps({"env": env}))
    return file


def test_without_a_word_it_is_only_shown(
    settings: Path, command: InProcess, key_file: Path, gwproxy_home: Path
) -> None:
    config = (gwproxy_home / "config.toml").read_text()
    ran = command("import")
    assert ran.code == 0
    assert [line.split(maxsplit=1) for line in ran.stdout.splitlines()] == [
        ["profile", "kimi-code"],
        ["preset", "kimi-code"],
        ["key", f"…{KEY[-4:]}, for api.kimi.com only"],
        ["from", str(settings)],
    ]
    assert ran.stderr == "nothing was changed\nnext: gwproxy import --yes\n"
    assert KEY not in ran.stdout + ran.stderr
    assert not key_file.exists()
    assert (gwproxy_home / "config.toml").read_text() == config
    data = command("import", "--json").envelope["data"]
    assert (data["status"], data["record"]) == ("would add", {"preset": "kimi-code"})


def test_the_key_goes_into_the_keyring_and_the_file_stays(
    settings: Path, command: InProcess, key_file: Path, gwproxy_home: Path
) -> None:
    before = settings.read_bytes()
    ran = command("import", "--yes")
    assert ran.code == 0, ran
    assert "kimi-code is added (anthropic); its key" in ran.stderr
    assert f"{settings} is as it was" in ran.stderr
    assert settings.read_bytes() == before
    assert stored(key_file) == {"gwproxy:kimi-code api-key": KEY}
    assert KEY not in (gwproxy_home / "config.toml").read_text() + ran.stdout + ran.stderr
    (profile,) = command("profile", "list", "--json").envelope["data"]["profiles"]
    assert profile["anthropic_url"] == "https://api.kimi.com/coding"
    again = command("import", "--yes")
    assert (again.code, "there is a profile called kimi-code already" in again.stderr) == (2, True)
    assert "--name" in again.stderr
    data = command("import", "--name", "other", "--yes", "--json").envelope["data"]
    assert (data["status"], data["name"]) == ("added", "other")


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("answer", "added"), [("y", True), ("n", False)])
def test_on_a_terminal_it_asks(settings: Path, key_file: Path, answer: str, added: bool) -> None:
    ran = gwproxy_on_terminal("import", answers=[answer])
    assert ran.code == 0
    assert "for api.kimi.com and nowhere else? [y/N]" in ran.stderr
    assert key_file.exists() is added


def test_a_file_that_is_named_and_a_model_that_is_missing(
    settings: Path, command: InProcess, tmp_path: Path
) -> None:
    file = tmp_path / "mine.json"
    env = {"ANTHROPIC_BASE_URL": "https://llm.example", "ANTHROPIC_AUTH_TOKEN": KEY}
    file.write_text("// mine\n" + json.dumps({"env": env}))
    ran = command("import", str(file), "--yes")
    assert (ran.code, "--model" in ran.stderr) == (2, True)
    data = command("import", str(file), "--model", "m-9", "--json").envelope["data"]
    assert (data["name"], data["record"]["model"], data["host"]) == ("llm", "m-9", "llm.example")
    assert command("import", str(tmp_path / "none.json")).code == 2
    file.write_text("{")
    assert command("import", str(file)).code == 3


def test_settings_of_a_project_are_nobodys_own(settings: Path, command: InProcess) -> None:
    settings.unlink()
    local = Path(".claude/settings.json")
    local.parent.mkdir()
    local.write_text(json.dumps({"env": {"ANTHROPIC_BASE_URL": BASE, "ANTHROPIC_API_KEY": KEY}}))
    ran = command("import")
    assert (ran.code, "there is no provider to import" in ran.stderr) == (3, True)
    assert command("import", str(local)).code == 0


def test_what_leads_to_us_already_is_not_imported(settings: Path, command: InProcess) -> None:
    command("profile", "add", "demo-1", "--preset", "demo")
    command("setup", "claude-code", "--yes")
    ran = command("import", "--yes")
    assert (ran.code, "leads to gwproxy already" in ran.stderr) == (3, True)


def test_a_login_of_anthropic_stays_where_it_is(
    settings: Path, command: InProcess, key_file: Path
) -> None:
    login = "sk-ant-oat01-" + "x" * 40
    settings.write_text(settings.read_text().replace(KEY, login))
    ran = command("import", "--yes")
    assert ran.code == 4
    assert login not in ran.stdout + ran.stderr
    assert not key_file.exists()

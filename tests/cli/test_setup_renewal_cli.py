"""What was set up and is not right any more: named by `setup --list` and `doctor`, renewed by
`setup --all`, and told by whoever makes it so."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gwproxy.profiles.local_token import TOKEN_VARIABLE
from support.cli import InProcess, Ran

BEFORE = '{\n  "hooks": {}\n}\n'
TOOLS = ("claude-code", "openclaw", "opencode", "codex")


@pytest.fixture
def settings(tmp_path: Path, kimi: Ran, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Claude Code's settings file in a home with nothing else, and a project to stand in."""
    home, project = tmp_path / "home", tmp_path / "project"
    (home / ".claude").mkdir(parents=True)
    project.mkdir()
    file = home / ".claude" / "settings.json"
    file.write_text(BEFORE)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))
    monkeypatch.chdir(project)
    return file


@pytest.fixture
def codex(settings: Path) -> Path:
    return settings.parent.parent / ".codex" / "config.toml"


def env_of(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text())["env"])


def listed(command: InProcess, client: str = "claude-code") -> tuple[str, list[str]]:
    """The standing of a client's only setup and its reasons, as `setup --list` has them."""
    clients = command("setup", "--list", "--json").envelope["data"]["clients"]
    (found,) = next(each["setups"] for each in clients if each["client"] == client)
    return found["standing"], found["reasons"]


def diagnosed(command: InProcess) -> list[dict[str, Any]]:
    found = command("doctor", "--json").envelope["data"]["findings"]
    return [one for one in found if one["area"] == "tools"]


def add_other(command: InProcess) -> None:
    flags = ("--preset", "custom", "--anthropic-url", "http://127.0.0.1:9", "--model", "m-9")
    assert command("profile", "add", "other", *flags, "--no-key").code == 0


def test_another_token_is_seen_and_written(settings: Path, command: InProcess) -> None:
    assert command("setup", "claude-code", "--yes").code == 0
    assert listed(command) == ("in place", [])
    assert diagnosed(command)[0]["level"] == "ok"
    command("token", "--rotate")

    assert listed(command) == ("stale", ["the token is another one now"])
    ran = command("setup", "--list")
    assert f"{settings}: the token is another one now\nnext: gwproxy setup --all\n" in ran.stderr
    (finding,) = diagnosed(command)
    assert (finding["level"], finding["hint"]) == ("failed", "gwproxy setup --all")
    assert finding["words"].endswith("settings.json: the token is another one now")

    before = settings.read_bytes()
    shown = command("setup", "--all", "--dry-run")
    assert shown.stdout.startswith(f"--- {settings}\n")
    assert command("setup", "--all").code == 2  # nobody to ask
    assert settings.read_bytes() == before
    ran = command("setup", "--all", "--yes")
    assert (ran.code, ran.stdout) == (0, f"{settings}\n")
    assert env_of(settings)["ANTHROPIC_AUTH_TOKEN"] == command("token").stdout.strip()
    assert listed(command) == ("in place", [])
    again = command("setup", "--all", "--yes")
    assert (again.code, again.stdout) == (0, "")
    assert again.stderr == "all is as it would be written now\n"
    command("setup", "--undo", "--all", "--yes")
    assert settings.read_text() == BEFORE
    assert command("setup", "--all").stderr == "nothing is set up here\n"


def test_another_port_is_seen_in_every_tool(
    settings: Path, command: InProcess, gwproxy_home: Path
) -> None:
    for client in TOOLS:
        assert command("setup", client, "--yes").code == 0
    config = gwproxy_home / "config.toml"
    config.write_text(config.read_text() + "\n[serve]\nport = 5123\n")
    for client in TOOLS:
        standing, (reason,) = listed(command, client)
        assert standing == "stale", client
        assert "http://127.0.0.1:5123" in reason
        assert "http://127.0.0.1:4979" in reason
    assert {one["level"] for one in diagnosed(command)} == {"failed"}
    data = command("setup", "--all", "--yes", "--json").envelope["data"]
    assert (data["status"], len(data["renewed"]), data["failed"]) == ("changed", 4, [])
    assert {one["level"] for one in diagnosed(command)} == {"ok"}


def test_one_tool_alone_is_renewed(settings: Path, command: InProcess) -> None:
    command("setup", "claude-code", "--yes")
    command("setup", "codex", "--yes")
    command("token", "--rotate")
    assert command("setup", "codex", "--all", "--yes").code == 0
    assert listed(command, "codex") == ("in place", [])
    assert listed(command)[0] == "stale"


def test_a_token_that_is_not_in_this_shell_any_more(
    settings: Path, command: InProcess, gwproxy_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "a-token-of-my-own-choice")
    command("setup", "claude-code", "--yes")
    assert listed(command) == ("in place", [])
    monkeypatch.delenv(TOKEN_VARIABLE)
    assert listed(command) == ("stale", ["the token that was written is gone"])
    assert not (gwproxy_home / "token").exists()  # looking makes none
    assert command("setup", "--all", "--yes").code == 0
    assert env_of(settings)["ANTHROPIC_AUTH_TOKEN"] == command("token").stdout.strip()


def test_a_profile_that_is_gone_has_no_other_put_in_its_place(
    settings: Path, command: InProcess
) -> None:
    add_other(command)
    command("setup", "claude-code", "--profile", "other", "--yes")
    command("setup", "codex", "--yes")
    command("token", "--rotate")
    command("profile", "remove", "other", "--yes")
    assert listed(command) == ("stale", ["there is no profile called 'other'"])
    finding = next(one for one in diagnosed(command) if one["words"].startswith("Claude Code"))
    assert finding["level"] == "failed"
    assert finding["hint"] == "gwproxy setup claude-code --profile NAME"
    before = settings.read_bytes()
    ran = command("setup", "--all", "--yes")
    assert ran.code == 3
    assert f"error: {settings}: there is no profile called 'other'" in ran.stderr
    assert "gwproxy setup claude-code --undo" in ran.stderr
    assert settings.read_bytes() == before
    assert listed(command, "codex") == ("in place", [])


def test_what_was_set_up_for_the_default_follows_it(
    settings: Path, codex: Path, command: InProcess
) -> None:
    add_other(command)
    command("setup", "claude-code", "--yes")
    command("setup", "codex", "--profile", "other", "--yes")
    ran = command("profile", "use", "other")
    assert ran.stderr.splitlines() == [
        "other is the default profile now",
        f"{settings} follows; its models and limits are still kimi's",
        "next: gwproxy setup --all",
    ]
    assert "env.ANTHROPIC_MODEL would be m-9 now, not kimi-k2.5" in listed(command)[1]
    assert diagnosed(command)[0]["level"] == "note"
    assert command("setup", "--all", "--yes").code == 0
    assert env_of(settings)["ANTHROPIC_MODEL"] == "m-9"

    command("setup", "codex", "--profile", "kimi", "--yes")
    ran = command("profile", "use", "kimi")
    assert f"{codex} stays with" not in ran.stderr
    ran = command("profile", "use", "other")
    assert f"{codex} stays with kimi, which it names" in ran.stderr
    assert "/profiles/kimi" in codex.read_text()


def test_the_flags_of_the_first_time_are_asked_again(
    settings: Path, codex: Path, command: InProcess
) -> None:
    codex.parent.mkdir()
    codex.write_text('model = "gpt-5"\n')
    command("setup", "claude-code", "--helper", "--yes")
    command("setup", "codex", "--default", "--yes")
    command("profile", "set", "kimi", "model=kimi-k9")
    assert command("setup", "--all", "--yes").code == 0
    assert "apiKeyHelper" in settings.read_text()
    assert env_of(settings)["ANTHROPIC_AUTH_TOKEN"] == ""
    assert env_of(settings)["ANTHROPIC_MODEL"] == "kimi-k9"
    assert 'model = "kimi-k9"' in codex.read_text()
    assert {one["level"] for one in diagnosed(command)} == {"ok"}


def test_a_file_of_a_project_is_renewed_from_anywhere(
    settings: Path, command: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = Path.cwd() / ".claude" / "settings.local.json"
    command("setup", "claude-code", "--scope", "local", "--yes")
    command("token", "--rotate")
    monkeypatch.chdir(tmp_path)
    assert command("setup", "--all", "--yes").stdout == f"{local}\n"
    assert env_of(local)["ANTHROPIC_AUTH_TOKEN"] == command("token").stdout.strip()


def test_what_the_user_has_changed_since_stays(settings: Path, command: InProcess) -> None:
    command("setup", "claude-code", "--yes")
    old, new = '"ANTHROPIC_MODEL": "kimi-k2.5"', '"ANTHROPIC_MODEL": "other/m-9"'
    settings.write_text(settings.read_text().replace(old, new))
    assert listed(command) == ("changed since", [])
    command("token", "--rotate")
    assert command("setup", "--all", "--yes").code == 0
    assert env_of(settings)["ANTHROPIC_MODEL"] == "other/m-9"
    assert env_of(settings)["ANTHROPIC_AUTH_TOKEN"] == command("token").stdout.strip()
    command("setup", "claude-code", "--undo", "--yes")
    assert env_of(settings) == {"ANTHROPIC_MODEL": "other/m-9"}


def test_a_file_that_is_gone_is_not_made_again(settings: Path, command: InProcess) -> None:
    command("setup", "claude-code", "--yes")
    settings.unlink()
    command("token", "--rotate")
    assert listed(command) == ("gone", [])
    assert command("setup", "--all", "--yes").code == 0
    assert not settings.exists()


def test_a_record_from_before_flags_were_noted(
    settings: Path, codex: Path, command: InProcess, gwproxy_home: Path
) -> None:
    add_other(command)
    command("setup", "claude-code", "--yes")
    command("setup", "codex", "--profile", "other", "--yes")
    record = gwproxy_home / "setup.json"
    document = json.loads(record.read_text())
    for claim in document["files"].values():
        del claim["flags"]
    record.write_text(json.dumps(document))
    assert listed(command) == listed(command, "codex") == ("in place", [])
    command("token", "--rotate")
    assert command("setup", "--all", "--yes").code == 0
    assert "/profiles/other" in codex.read_text()
    assert env_of(settings)["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:4979"


def test_a_web_proxy_of_another_shell_takes_nothing_away(
    settings: Path, command: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    command("setup", "claude-code", "--yes")
    written = env_of(settings)["NO_PROXY"]
    monkeypatch.delenv("HTTPS_PROXY")
    assert listed(command) == ("in place", [])
    command("token", "--rotate")
    command("setup", "--all", "--yes")
    assert env_of(settings)["NO_PROXY"] == written


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_file_that_cannot_be_written_is_compared_all_the_same(
    settings: Path, command: InProcess
) -> None:
    command("setup", "claude-code", "--yes")
    settings.chmod(0o400)
    assert listed(command) == ("in place", [])
    command("token", "--rotate")
    assert listed(command)[0] == "stale"
    ran = command("setup", "--all", "--yes")
    assert (ran.code, "it is read-only" in ran.stderr) == (3, True)

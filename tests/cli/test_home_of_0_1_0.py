"""Every version reads the home that 0.1.0 left, and takes back what that version wrote.

By the real commands and files alone, so that it outlives whatever is done inside. A failure here is
a person whose upgrade loses something: the fixture is never changed.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from gwproxy.simulator import DEMO
from gwproxy.simulator.conversation import PlayedSaying
from support import old_home
from support.background import Background
from support.cli import InProcess
from support.keyrings import FILE_VARIABLE, stored
from support.old_home import OldHome
from support.provider import seen
from support.serving import Serve, serve

__all__ = ["serve"]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the home is one of Linux")

TOOLS = ("claude-code", "openclaw", "opencode", "codex")
FAKE_TOOL = "#!/bin/sh\nexit 0\n"


@pytest.fixture
def old(
    tmp_path: Path, gwproxy_home: Path, background: Background, monkeypatch: pytest.MonkeyPatch
) -> OldHome:
    """The home, with the environment in which it was made."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("systemctl", "journalctl"):
        (programs / name).write_text(FAKE_TOOL)
        (programs / name).chmod(0o755)
    provider = background.provider(DEMO)
    old = old_home.put("home-0.1.0", tmp_path / "home", provider.anthropic_url)
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(old.keyring))
    for name, value in {
        "HOME": str(old.home),
        "GWPROXY_HOME": str(old.state),
        FILE_VARIABLE: str(keys),
        "CLOUD_KEY": "fixture-key-of-cloud",
        "PATH": f"{programs}:/usr/bin:/bin",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(old.home / "project")
    return old


def keys_of() -> dict[str, str]:
    return stored(Path(os.environ[FILE_VARIABLE]))


def known(then: Any, now: Any) -> Any:
    """`now` without the members of objects that 0.1.0 did not have: there may be more of them."""
    if isinstance(then, dict) and isinstance(now, dict):
        return {key: known(each, now[key]) for key, each in then.items() if key in now}
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        return [known(*both) for both in zip(then, now, strict=True)]
    return now


# --- it is read ---------------------------------------------------------------------------------


def test_every_profile_is_as_it_was_with_its_key(old: OldHome, command: InProcess) -> None:
    then = old.said("profile-list")
    data = command("profile", "list", "--json").envelope["data"]
    for profile in data["profiles"]:
        # A list need not run a command or open a keyring to say where a key is; `show` does.
        shown = command("profile", "show", profile["name"], "--json")
        assert shown.code == 0, shown
        assert shown.stderr == ""
    assert known(then, data) == then
    assert keys_of() == old.keyring


@pytest.mark.parametrize(
    ("profile", "lessons"),
    [
        ("kimi", {}),  # "no cache marks" changed too much
        ("house", {"sampling": "drop"}),
        ("bare", {"sampling": "drop"}),
        ("wall", {}),
    ],
)
def test_what_was_learned_is_in_force_and_can_be_forgotten(
    old: OldHome, command: InProcess, profile: str, lessons: dict[str, Any]
) -> None:
    def learned() -> dict[str, Any]:
        data = command("profile", "show", profile, "--json").envelope["data"]
        return {each["quirk"]: each["value"] for each in data["learned"]}

    assert learned() == lessons
    assert command("profile", "forget", profile).code == 0
    assert learned() == {}


@pytest.mark.parametrize("by", ["profile", "model", "client"])
def test_usage_is_what_it_was_to_the_last_token(old: OldHome, command: InProcess, by: str) -> None:
    then = old.said(f"usage-by-{by}")
    ran = command("usage", "--since", "2020-01-01", "--by", by, "--json")
    assert ran.code == 0, ran
    lines = known(then, ran.envelope["data"]["lines"])
    for line, before in zip(lines, then, strict=True):
        # 0.1.0 counted refusals, which cost nothing, among what has no known cost.
        refused = before.pop("unpriced") - line.pop("unpriced")
        assert 0 <= refused <= before["failed"]
    assert lines == then


def test_a_server_answers_with_every_key_and_goes_on_counting(
    old: OldHome, command: InProcess, serve: Serve
) -> None:
    serving = serve()
    body = {"model": "demo-1", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
    for profile in ("kimi", "wall", "cloud", "house", "bare"):
        status, answer = serving.ask(f"/profiles/{profile}/v1/messages", body)
        assert status == 200, (profile, answer)
    ran = command("status", "--json")
    assert ran.code == 0, ran
    assert serving.stop().code == 0
    then = {each["group"]: each["exchanges"] for each in old.said("usage-by-profile")}
    lines = command("usage", "--since", "2020-01-01", "--by", "profile", "--json")
    now = {each["group"]: each["exchanges"] for each in lines.envelope["data"]["lines"]}
    assert now == {profile: count + 1 for profile, count in then.items()}


def test_captures_can_be_asked_again(old: OldHome, command: InProcess) -> None:
    kept = {file.stem for file in (old.state / "captures").iterdir()}
    assert len(kept) == 5
    ran = command("replay", "--json")
    assert ran.code == 0, ran
    assert all(request_id in ran.stdout for request_id in kept)


def test_kept_responses_are_there_and_can_be_followed(
    old: OldHome, background: Background, serve: Serve
) -> None:
    provider = background.provider(DEMO)
    config = old.state / "config.toml"
    config.write_text(config.read_text().replace(old.provider, provider.anthropic_url))
    then = old.said("responses")
    serving = serve()
    for response in then:
        status, now = serving.ask(f"/v1/responses/{response['id']}")
        assert (status, known(response, now)) == (200, response)
    last = then[1]
    body = {"model": "m", "input": "Sure?", "previous_response_id": last["id"]}
    status, answer = serving.ask("/profiles/cloud/v1/responses", body)
    assert (status, answer["previous_response_id"]) == (200, last["id"])
    entries = seen(provider.generations[-1]).entries
    told = [entry.text for entry in entries if isinstance(entry, PlayedSaying)]
    assert told[0] == "My cat is called Minka."
    assert told[2] == "What is she called?"
    assert told[4:] == ["Sure?"]


# --- it is taken back ---------------------------------------------------------------------------


def setups(command: InProcess) -> dict[tuple[str, str], str]:
    """The standing of each file by tool and file."""
    data = command("setup", "--list", "--json").envelope["data"]
    return {
        (each["client"], one["file"]): one["standing"]
        for each in data["clients"]
        for one in each["setups"]
    }


def ours_in(folder: Path, old: OldHome) -> list[Path]:
    """The files outside of our own folder in which something of gwproxy is left."""
    files = [path for path in folder.rglob("*") if path.is_file() and old.state not in path.parents]
    return [
        path
        for path in files
        if any(word in path.read_text() for word in ("gwproxy", "fixture-local-token", ":4979"))
    ]


def test_every_setup_is_known(old: OldHome, command: InProcess) -> None:
    standings = setups(command)
    assert len(standings) == 9
    assert set(standings.values()) == {"in place"}
    assert {Path(file) for _, file in standings} | {
        old.home / ".config" / "systemd" / "user" / "gwproxy.service"
    } == set(ours_in(old.home, old))


@pytest.mark.parametrize("tool", TOOLS)
def test_an_undo_gives_back_the_very_bytes(old: OldHome, command: InProcess, tool: str) -> None:
    fresh = old.home / "fresh"
    mine = [Path(file) for client, file in setups(command) if client == tool]
    for where in ((), ("--home", str(fresh))):
        ran = command("setup", tool, "--undo", "--yes", *where)
        assert ran.code == 0, ran
        told = [line.partition(": ")[0] for line in ran.stderr.splitlines()]
        assert set(told) <= {"restored", "deleted"}, ran
    if tool == "claude-code":
        assert command("setup", tool, "--undo", "--yes", "--scope", "project").code == 0
    assert len(mine) == (3 if tool == "claude-code" else 2)
    (there_before,) = [file for file in mine if file.exists()]
    assert there_before.read_bytes() == old.before(str(there_before.relative_to(old.home)))
    assert [client for client, _ in setups(command) if client == tool] == []


@pytest.mark.parametrize(
    ("tool", "file", "ours", "edited", "kept"),
    [
        (
            "claude-code",
            ".claude/settings.json",
            '"API_TIMEOUT_MS": "660000"',
            '"API_TIMEOUT_MS": "1"',
            '"API_TIMEOUT_MS": "1"',
        ),
        (
            "codex",
            ".codex/config.toml",
            "notifications = true",
            "notifications = false # since",
            "notifications = false # since",
        ),
        ("codex", ".codex/config.toml", 'model = "cloud-model"', 'model = "mine"', '"mine"'),
        ("openclaw", ".openclaw/openclaw.json", "port: 18789", "port: 18790", "port: 18790"),
        (
            "opencode",
            ".config/opencode/opencode.jsonc",
            '"autoupdate": false',
            '"autoupdate": true',
            '"autoupdate": true',
        ),
    ],
)
def test_an_undo_keeps_what_a_person_has_changed_since(
    old: OldHome, command: InProcess, tool: str, file: str, ours: str, edited: str, kept: str
) -> None:
    settings = old.home / file
    text = settings.read_text()
    assert text.count(ours) == 1
    settings.write_text(text.replace(ours, edited))
    assert command("setup", tool, "--undo", "--yes").code == 0
    assert kept in settings.read_text()
    assert settings not in ours_in(old.home, old)


def test_a_setup_over_an_old_one_can_be_undone_to_the_very_bytes(
    old: OldHome, command: InProcess
) -> None:
    for tool in TOOLS:
        ran = command("setup", tool, "--profile", "wall", "--default", "--yes")
        # 0.1.0 wrote into a file with comments, which Claude Code does not read.
        assert (ran.code, "does not read" in ran.stderr) == (
            (3, True) if tool == "claude-code" else (0, False)
        )
    assert command("setup", "--undo", "--all", "--yes").code == 0
    for name in old.tools_files:
        assert (old.home / name).read_bytes() == old.before(name)


def test_a_service_is_known_and_removed(
    old: OldHome, command: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    unit = old.home / ".config" / "systemd" / "user" / "gwproxy.service"
    data = command("service", "status", "--json").envelope["data"]
    assert (data["installed"], data["file"]) == (True, str(unit))
    assert command("service", "uninstall").stdout == f"removed {unit}\n"
    assert not unit.exists()


def test_a_profile_goes_with_its_key(old: OldHome, command: InProcess) -> None:
    for profile in ("kimi", "reserve"):
        ran = command("profile", "remove", profile, "--yes")
        assert ran.code == 0, ran
    assert keys_of() == {}
    for profile in ("cloud", "house", "bare"):
        assert command("profile", "remove", profile, "--yes").code == 0
    assert (old.home / "keys" / "house").exists()
    assert "# gwproxy, my own notes" in (old.state / "config.toml").read_text()


def test_a_renamed_profile_keeps_its_key_and_what_it_learned(
    old: OldHome, command: InProcess
) -> None:
    assert command("profile", "rename", "kimi", "moon").code == 0
    data = command("profile", "show", "moon", "--json").envelope["data"]
    assert data["key"]["masked"] == "…kimi"
    assert data["learned"] == []
    assert len(keys_of()) == 2


def test_nothing_of_it_is_left_in_anybody_elses_files(
    old: OldHome, command: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert command("setup", "--undo", "--all", "--yes").code == 0
    assert command("service", "uninstall").code == 0
    assert setups(command) == {}
    assert ours_in(old.home, old) == []
    for name in old.tools_files:
        assert (old.home / name).read_bytes() == old.before(name)
    for name in ("fresh", "project"):
        assert [path for path in (old.home / name).rglob("*") if path.is_file()] == []

"""Claude Code in VS Code: where its settings are, what they are to say, and what outranks them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clients.surroundings import KIMI, TOKEN, gateway, places
from gwproxy.clients import claude_code, vscode
from gwproxy.clients.jsonpairs import PAIRS
from gwproxy.clients.plan import SetupWish, plan_setup

HOME = "/home/me"


@pytest.mark.parametrize(
    ("platform", "environ", "file"),
    [
        ("linux", {}, f"{HOME}/.config/Code/User/settings.json"),
        ("linux", {"XDG_CONFIG_HOME": "/xdg"}, "/xdg/Code/User/settings.json"),
        ("darwin", {}, f"{HOME}/Library/Application Support/Code/User/settings.json"),
        ("win32", {"APPDATA": "/roaming"}, "/roaming/Code/User/settings.json"),
        ("win32", {}, f"{HOME}/AppData/Roaming/Code/User/settings.json"),
    ],
)
def test_the_users_settings(platform: str, environ: dict[str, str], file: str) -> None:
    found = vscode.target("vscode", places(environ, platform=platform))
    assert (found.file, found.client, found.scope) == (Path(file), "claude-code", "vscode")


def test_another_edition_counts_where_it_alone_has_settings() -> None:
    insiders = f"{HOME}/.config/Code - Insiders/User/settings.json"
    usual = f"{HOME}/.config/Code/User/settings.json"
    assert vscode.target("vscode", places(files={insiders: "{}"})).file == Path(insiders)
    assert vscode.target("vscode", places(files={insiders: "{}", usual: "{}"})).file == Path(usual)


def test_the_variables_are_those_of_claude_code_and_no_login_is_asked_for() -> None:
    target = vscode.target("vscode", places())
    text = plan_setup(target, None, vscode.wishes(gateway(), {}, default=False)).after or ""
    document = json.loads(text)
    pairs = {each["name"]: each["value"] for each in document.pop(PAIRS)}
    assert pairs == claude_code.environment(gateway())
    assert pairs["ANTHROPIC_AUTH_TOKEN"] == TOKEN.reveal()
    assert document == {"claudeCode.disableLoginPrompt": True}
    traces = vscode.traces(target.form.read(text))
    assert {path[1] for path in traces} == pairs.keys()
    assert vscode.traces({PAIRS: {"ANTHROPIC_BASE_URL": "https://api.example"}}) == []


def test_what_outranks_it() -> None:
    mine = vscode.wishes(gateway(), {}, default=False)
    (sync,) = vscode.remarks("vscode", mine, places())
    assert "settingsSync.ignoredSettings" in sync
    assert vscode.remarks("vscode", [SetupWish((PAIRS, "A"), "1")], places()) == []
    settings = f"{HOME}/.claude/settings.json"
    workspace = "/projects/app/.vscode/settings.json"
    there = {
        settings: '{"env": {"ANTHROPIC_MODEL": "opus"}}',
        workspace: f'{{"{PAIRS}": [] /* mine */}}',
    }
    found = vscode.remarks("vscode", mine, places(files=there))
    assert found[0].startswith(f"{workspace} has a list of its own")
    assert found[-1] == f"{settings} outranks what is written here: env.ANTHROPIC_MODEL"


def test_what_a_person_is_told() -> None:
    assert vscode.notes(KIMI)[-1].endswith("Reload Window")
    assert vscode.start(gateway(), ()) == "code"

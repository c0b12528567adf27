"""`gwproxy setup claude-code --vscode`: the same rules for the settings of VS Code."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwproxy.clients.jsonpairs import PAIRS, PAIRS_JSON
from support.cli import InProcess, Ran
from support.profiles import KEY

BEFORE = """{
\t// mine
\t"editor.tabSize": 2,
\t"claudeCode.environmentVariables": [{"name": "EDITOR", "value": "vi"}],
}
"""


@pytest.fixture
def settings(tmp_path: Path, kimi: Ran, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user settings of a VS Code, not written yet."""
    home, project = tmp_path / "home", tmp_path / "project"
    project.mkdir()
    file = home / ".config" / "Code" / "User" / "settings.json"
    file.parent.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.chdir(project)
    return file


def variables(file: Path) -> dict[str, str]:
    found = PAIRS_JSON.read(file.read_text())[PAIRS]
    assert isinstance(found, dict)
    return found


def test_it_is_shown_written_listed_renewed_and_taken_back(
    settings: Path, command: InProcess
) -> None:
    settings.write_text(BEFORE)
    shown = command("setup", "claude-code", "--vscode", "--dry-run")
    token = command("token").stdout.strip()
    assert '"ANTHROPIC_BASE_URL"' in shown.stdout
    assert token not in shown.stdout + shown.stderr
    assert command("setup", "claude-code", "--vscode").code == 2  # nobody to ask
    assert settings.read_text() == BEFORE

    ran = command("setup", "claude-code", "--vscode", "--yes")
    assert (ran.code, ran.stdout) == (0, f"{settings}\n")
    assert "then: code\nundo: gwproxy setup claude-code --undo --vscode\n" in ran.stderr
    text = settings.read_text()
    assert text.startswith(BEFORE.partition("}],")[0])
    assert KEY not in text
    assert variables(settings)["EDITOR"] == "vi"
    assert variables(settings)["ANTHROPIC_AUTH_TOKEN"] == token
    assert command("setup", "claude-code", "--vscode").stdout == ""
    assert settings.read_text() == text

    clients = command("setup", "--list", "--json").envelope["data"]["clients"]
    (one,) = clients[0]["setups"]
    assert (one["scope"], one["standing"], one["file"]) == ("vscode", "in place", str(settings))
    command("token", "--rotate")
    assert f"{settings}: the token is another one now" in command("setup", "--list").stderr
    assert command("setup", "--all", "--yes").stdout == f"{settings}\n"
    assert variables(settings)["ANTHROPIC_AUTH_TOKEN"] == command("token").stdout.strip()
    assert command("setup", "claude-code", "--undo", "--vscode", "--yes").code == 0
    assert settings.read_text() == BEFORE


def test_undo_keeps_what_was_added_since_and_leaves_no_token(
    settings: Path, command: InProcess
) -> None:
    settings.write_text(BEFORE)
    command("setup", "claude-code", "--vscode", "--yes")
    text = PAIRS_JSON.assign(settings.read_text(), (PAIRS, "PAGER"), "less")
    settings.write_text(text.replace("// mine", "// still mine"))
    command("setup", "claude-code", "--undo", "--yes")
    left = settings.read_text()
    assert variables(settings) == {"EDITOR": "vi", "PAGER": "less"}
    assert "// still mine" in left
    assert "disableLoginPrompt" not in left


def test_both_are_set_up_beside_each_other(settings: Path, command: InProcess) -> None:
    own = settings.parents[3] / ".claude" / "settings.json"
    assert command("setup", "claude-code", "--yes").stdout == f"{own}\n"
    assert command("setup", "claude-code", "--vscode", "--yes").stdout == f"{settings}\n"
    assert command("setup", "claude-code", "--undo", "--vscode", "--yes").stdout == f"{settings}\n"
    assert own.exists()
    assert not settings.exists()
    command("setup", "claude-code", "--vscode", "--yes")
    undone = command("setup", "claude-code", "--undo", "--yes").stdout.splitlines()
    assert sorted(undone) == sorted([str(own), str(settings)])


def test_where_there_is_no_vs_code_nothing_is_made(settings: Path, command: InProcess) -> None:
    settings.parent.rmdir()
    ran = command("setup", "claude-code", "--vscode", "--yes")
    assert ran.code == 3
    assert f"why: {settings.parent} is not there" in ran.stderr
    assert not settings.parent.exists()
    ran = command("setup", "claude-code", "--vscode", "--print")
    assert ran.code == 0
    assert '"claudeCode.environmentVariables": [' in ran.stdout


def test_a_file_that_it_does_not_understand_is_left_alone(
    settings: Path, command: InProcess
) -> None:
    for text in (f'{{"{PAIRS}": "?"}}', "{'single': 1}", "{"):
        settings.write_text(text)
        assert command("setup", "claude-code", "--vscode", "--yes").code == 3
        assert settings.read_text() == text


@pytest.mark.parametrize(
    "arguments",
    [
        ("codex", "--vscode"),
        ("--vscode",),
        ("claude-code", "--vscode", "--scope", "user"),
        ("claude-code", "--vscode", "--helper"),
    ],
)
def test_flags_that_do_not_go_together(
    settings: Path, command: InProcess, arguments: tuple[str, ...]
) -> None:
    assert command("setup", *arguments, "--yes").code == 2

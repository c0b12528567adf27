"""`gwproxy setup`: what it prints where, what it asks, what it refuses, what it leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gwproxy.cli.codex_prompt import prompt_of
from gwproxy.clients import codex_models
from support.cli import InProcess, Ran, gwproxy_on_terminal
from support.profiles import KEY

BEFORE = '{\n  "hooks": {}\n}\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a settings file, and a project to stand in."""
    home, project = tmp_path / "home", tmp_path / "project"
    (home / ".claude").mkdir(parents=True)
    project.mkdir()
    settings = home / ".claude" / "settings.json"
    settings.write_text(BEFORE)
    settings.chmod(0o600)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))
    monkeypatch.chdir(project)
    return home


@pytest.fixture
def settings(home: Path, kimi: Ran) -> Path:
    return home / ".claude" / "settings.json"


def env_of(settings: Path) -> dict[str, Any]:
    return dict(json.loads(settings.read_text())["env"])


def test_setup_writes_says_what_comes_next_and_undo_restores(
    settings: Path, command: InProcess, gwproxy_home: Path
) -> None:
    ran = command("setup", "claude-code", "--yes")
    assert (ran.code, ran.stdout) == (0, f"{settings}\n")
    assert ran.stderr.splitlines() == [
        "written: the rest of it stays as it was",
        "auto mode: kimi judges no tool calls; Claude Code checks them by requests of its own, "
        "which are billed (and refuses them where CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC is set)",
        "next: gwproxy serve",
        "then: claude",
        "undo: gwproxy setup claude-code --undo",
    ]
    assert env_of(settings)["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:4979"
    token = (gwproxy_home / "token").read_text().strip()
    assert env_of(settings)["ANTHROPIC_AUTH_TOKEN"] == token
    assert KEY not in settings.read_text()

    again = command("setup", "claude-code")
    assert (again.code, again.stdout) == (0, "")
    assert again.stderr == f"Claude Code is set up already: {settings}\n"

    undone = command("setup", "claude-code", "--undo", "--yes")
    assert (undone.code, undone.stdout) == (0, f"{settings}\n")
    assert undone.stderr == "restored: gwproxy is out of it, and the rest of it stays as it is\n"
    assert settings.read_text() == BEFORE
    assert command("setup", "claude-code", "--undo").stderr == "there is nothing to undo\n"


def test_a_dry_run_shows_the_difference_and_changes_nothing(
    settings: Path, command: InProcess, gwproxy_home: Path
) -> None:
    ran = command("setup", "claude-code", "--dry-run")
    assert (ran.code, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"--- {settings}\n+++ {settings}\n")
    assert '+    "ANTHROPIC_MODEL": "kimi-k2.5",' in ran.stdout
    assert (gwproxy_home / "token").read_text().strip() not in ran.stdout
    assert settings.read_text() == BEFORE
    assert not (gwproxy_home / "setup.json").exists()


def test_without_a_terminal_it_needs_yes(settings: Path, command: InProcess) -> None:
    ran = command("setup", "claude-code")
    assert ran.code == 2
    assert "error: this needs --yes" in ran.stderr
    assert settings.read_text() == BEFORE
    assert command("setup", "claude-code", "--json").envelope["error"]["exit_code"] == 2


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("answer", "changed"), [("y", True), ("n", False)])
def test_on_a_terminal_it_shows_first_and_asks(settings: Path, answer: str, changed: bool) -> None:
    ran = gwproxy_on_terminal("setup", "claude-code", answers=[answer])
    assert ran.code == 0
    assert '+    "ANTHROPIC_MODEL": "kimi-k2.5",' in ran.stderr
    assert f"Write this to {settings}?" in ran.stderr
    assert ("nothing was changed" in ran.stderr) is not changed
    assert (settings.read_text() != BEFORE) is changed


def test_json_tells_everything_and_no_secret(
    settings: Path, command: InProcess, gwproxy_home: Path
) -> None:
    ran = command("setup", "claude-code", "--yes", "--json")
    assert ran.stderr == ""
    data = ran.envelope["data"]
    token = (gwproxy_home / "token").read_text().strip()
    assert token not in ran.stdout
    assert data["status"] == "changed"
    assert (data["client"], data["scope"], data["profile"]) == ("claude-code", "user", "kimi")
    assert data["file"] == str(settings)
    assert data["start"] == "claude"
    assert [note.split(":")[0] for note in data["notes"]] == ["auto mode"]
    edits = {".".join(edit["path"]): (edit["old"], edit["new"]) for edit in data["edits"]}
    assert edits["env.ANTHROPIC_AUTH_TOKEN"] == (None, f"…{token[-4:]}")
    assert command("setup", "claude-code", "--yes", "--json").envelope["data"]["status"] == (
        "unchanged"
    )
    undone = command("setup", "--undo", "--all", "--yes", "--json").envelope["data"]
    assert [each["file"] for each in undone["undone"]] == [str(settings)]


def test_a_named_profile_is_pinned_in_the_address(settings: Path, command: InProcess) -> None:
    command("profile", "add", "wall", "--preset", "strongwall", "--no-key")
    command("setup", "claude-code", "--profile", "kimi", "--yes")
    assert env_of(settings)["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:4979"
    command("setup", "claude-code", "--profile", "wall", "--yes")
    assert env_of(settings)["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:4979/profiles/wall"


def test_the_address_follows_the_configuration(
    settings: Path, command: InProcess, gwproxy_home: Path
) -> None:
    config = gwproxy_home / "config.toml"
    config.write_text(config.read_text() + "\n[serve]\nport = 5123\n")
    command("setup", "claude-code", "--yes")
    assert env_of(settings)["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:5123"


def test_a_file_of_ours_alone_is_created_and_deleted(settings: Path, command: InProcess) -> None:
    settings.unlink()
    ran = command("setup", "claude-code", "--yes")
    assert ran.stdout == f"{settings}\n"
    assert "created: there was no such file" in ran.stderr
    ran = command("setup", "claude-code", "--undo", "--yes")
    assert (ran.stdout, settings.exists()) == (f"{settings}\n", False)
    assert ran.stderr == "deleted: without gwproxy there is nothing in it\n"


def test_another_home_is_set_up_from_here(
    settings: Path, command: InProcess, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    ran = command("setup", "opencode", "--home", str(other), "--yes")
    file = other / ".config" / "opencode" / "opencode.json"
    assert ran.stdout == f"{file}\n"
    assert json.loads(file.read_text())["model"] == "gwproxy/kimi-k2.5"
    assert settings.read_text() == BEFORE


def test_every_client_is_set_up_listed_and_undone(
    settings: Path, home: Path, command: InProcess
) -> None:
    for client in ("claude-code", "openclaw", "opencode", "codex"):
        assert command("setup", client, "--yes").code == 0
    config = tomllib.loads((home / ".codex" / "config.toml").read_text())
    assert config["model_provider"] == "gwproxy"
    clients = command("setup", "--list", "--json").envelope["data"]["clients"]
    assert {each["client"]: each["setups"][0]["standing"] for each in clients} == {
        "claude-code": "in place",
        "openclaw": "in place",
        "opencode": "in place",
        "codex": "in place",
    }
    table = command("setup", "--list").stdout.splitlines()
    assert table[0].split() == ["CLIENT", "INSTALLED", "SCOPE", "PROFILE", "STATE", "FILE"]
    assert table[1].split() == ["claude-code", "no", "user", "kimi", "in", "place", str(settings)]
    assert len(command("setup", "--undo", "--all", "--yes").stdout.splitlines()) == 4
    assert settings.read_text() == BEFORE
    assert not (home / ".codex" / "config.toml").exists()
    assert "not set up" in command("setup", "--list").stdout


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder in PATH, with Claude Code and Codex in it."""
    folder = tmp_path / "no-programs"
    folder.mkdir()
    for name in ("claude", "codex"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


def test_an_installed_client_is_offered(settings: Path, command: InProcess, programs: Path) -> None:
    ran = command("setup")
    assert ran.code == 0
    assert "found Codex: gwproxy setup codex\n" in ran.stderr
    assert "found OpenCode" not in ran.stderr


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_on_a_terminal_one_after_the_other_is_offered(settings: Path, programs: Path) -> None:
    ran = gwproxy_on_terminal("setup", answers=["n", "y", "y"], environ={"PATH": str(programs)})
    assert ran.code == 0
    assert ran.stderr.count(" now? [y/N]: ") == 2
    assert settings.read_text() == BEFORE
    assert (settings.parent.parent / ".codex" / "config.toml").exists()


def test_all_that_is_found_is_set_up_without_a_question(
    settings: Path, command: InProcess, programs: Path
) -> None:
    settings.write_text("{")
    ran = command("setup", "--yes")
    assert ran.code == 3
    assert f"error: Claude Code does not read {settings}:1:2" in ran.stderr
    assert (settings.parent.parent / ".codex" / "config.toml").exists()
    settings.write_text(BEFORE)
    assert command("setup", "--yes").code == 0
    assert "env" in settings.read_text()


def test_without_a_tool_or_a_profile_the_next_step_is_named(home: Path, command: InProcess) -> None:
    ran = command("setup")
    assert ran.code == 0
    assert "none of these tools is in PATH" in ran.stderr
    assert "next: gwproxy profile add kimi --preset kimi-code\n" in ran.stderr
    assert command("setup", "--yes").code == 3


def test_an_undo_keeps_later_edits_and_says_so(settings: Path, command: InProcess) -> None:
    command("setup", "claude-code", "--yes")
    text = settings.read_text().replace('"hooks": {}', '"hooks": {"mine": []}')
    settings.write_text(text.replace('"API_TIMEOUT_MS": "660000"', '"API_TIMEOUT_MS": "1"'))
    ran = command("setup", "claude-code", "--undo", "--yes")
    assert "env.API_TIMEOUT_MS is yours: you have changed it since setup" in ran.stderr
    assert settings.read_text() == (
        '{\n  "hooks": {"mine": []},\n  "env": {\n    "API_TIMEOUT_MS": "1"\n  }\n}\n'
    )


def test_a_file_that_cannot_be_undone_keeps_no_other(
    settings: Path, home: Path, command: InProcess
) -> None:
    command("setup", "claude-code", "--yes")
    command("setup", "codex", "--yes")
    settings.write_text("{")
    ran = command("setup", "--undo", "--all", "--yes")
    assert (ran.code, ran.stdout) == (3, f"{home / '.codex' / 'config.toml'}\n")
    assert f"error: gwproxy cannot edit {settings}\n" in ran.stderr
    settings.write_text(BEFORE)
    assert command("setup", "--undo", "--all", "--yes").code == 0
    assert command("setup", "--undo", "--all").stderr == "there is nothing to undo\n"


@pytest.mark.parametrize("client", ["claude-code", "openclaw", "opencode", "codex"])
def test_an_undo_without_a_record_takes_what_only_gwproxy_writes(
    settings: Path, home: Path, command: InProcess, gwproxy_home: Path, client: str
) -> None:
    command("setup", client, "--yes")
    shutil.rmtree(gwproxy_home / "backups", ignore_errors=True)
    (gwproxy_home / "setup.json").unlink()
    shown = command("setup", client, "--undo", "--dry-run")
    assert "no record of a setup; what only gwproxy writes goes" in shown.stderr
    ran = command("setup", "--undo", "--all", "--yes")
    assert ran.code == 0
    assert settings.read_text() == BEFORE
    left = [path.read_text() for path in home.rglob("*") if path.is_file() and path != settings]
    assert [text for text in left if "gwproxy" in text] == []


def test_a_projects_file_without_a_record_has_to_be_asked_for(
    settings: Path, command: InProcess, gwproxy_home: Path
) -> None:
    command("setup", "claude-code", "--scope", "project", "--yes")
    (gwproxy_home / "setup.json").unlink()
    assert command("setup", "--undo", "--all").stderr == "there is nothing to undo\n"
    assert command("setup", "claude-code", "--undo").stderr == "there is nothing to undo\n"
    assert command("setup", "claude-code", "--undo", "--scope", "project", "--yes").code == 0
    assert not (Path.cwd() / ".claude" / "settings.json").exists()


def test_an_entry_that_somebody_has_extended_is_not_taken_for_ours(
    settings: Path, home: Path, command: InProcess
) -> None:
    command("setup", "opencode", "--yes")
    file = home / ".config" / "opencode" / "opencode.json"
    file.write_text(file.read_text().replace('"options": {', '"options": {"timeout": 5,'))
    command("setup", "opencode", "--undo", "--yes")
    kept = file.read_text()
    assert '"timeout": 5' in kept
    assert command("setup", "opencode", "--undo").stderr == "there is nothing to undo\n"
    assert file.read_text() == kept


def test_an_undo_elsewhere_names_what_is_set_up(settings: Path, command: InProcess) -> None:
    command("setup", "claude-code", "--yes")
    ran = command("setup", "claude-code", "--scope", "local", "--undo")
    assert ran.code == 0
    assert f"set up: claude-code in {settings}" in ran.stderr


@pytest.mark.parametrize(
    ("scope", "file"), [("project", "settings.json"), ("local", "settings.local.json")]
)
def test_scopes_of_a_project(
    settings: Path, command: InProcess, tmp_path: Path, scope: str, file: str
) -> None:
    (tmp_path / "project" / ".git").mkdir()
    ran = command("setup", "claude-code", "--scope", scope, "--yes")
    written = tmp_path / "project" / ".claude" / file
    assert ran.stdout == f"{written}\n"
    assert f"undo: gwproxy setup claude-code --undo --scope {scope}" in ran.stderr
    document = json.loads(written.read_text())
    if scope == "project":
        # Everybody who has the project sees this file: the token is none of their business.
        assert document["apiKeyHelper"] == "gwproxy token"
        assert document["env"]["ANTHROPIC_AUTH_TOKEN"] == ""
        assert "git work tree" not in ran.stderr
    else:
        assert "git work tree" in ran.stderr
    assert command("setup", "claude-code", "--undo", "--scope", scope, "--yes").code == 0
    assert not written.exists()
    assert settings.read_text() == BEFORE


def test_a_helper_runs_our_own_command(settings: Path, command: InProcess) -> None:
    command("setup", "claude-code", "--helper", "--yes")
    helper = json.loads(settings.read_text())["apiKeyHelper"]
    assert helper.endswith(" token")
    assert "GWPROXY_HOME=" in helper


def test_a_file_that_others_can_read_is_warned_of(settings: Path, command: InProcess) -> None:
    settings.chmod(0o644)
    ran = command("setup", "claude-code", "--yes")
    assert f"warning: others can read {settings}" in ran.stderr
    assert settings.stat().st_mode & 0o777 == 0o644


def test_a_stronger_scope_and_a_shell_export_are_warned_of(
    settings: Path, command: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = tmp_path / "project" / ".claude" / "settings.local.json"
    local.parent.mkdir()
    local.write_text('{"env": {"ANTHROPIC_BASE_URL": "https://elsewhere.example"}}')
    monkeypatch.setenv("CLAUDE_CODE_USE_BEDROCK", "1")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example")
    ran = command("setup", "claude-code", "--dry-run")
    warnings = [line for line in ran.stderr.splitlines() if line.startswith("warning: ")]
    assert warnings == [
        f"warning: {local} outranks what is written here: env.ANTHROPIC_BASE_URL",
        "warning: CLAUDE_CODE_USE_BEDROCK is set in your shell: Claude Code goes there and not "
        "to gwproxy; unset it",
        "warning: HTTP_PROXY (the shell) is a web proxy: NO_PROXY is written too, the present "
        "list and this machine; for Claude Code and all that it starts it replaces the shell's",
    ]


def test_a_default_model_stays_unless_asked(settings: Path, home: Path, command: InProcess) -> None:
    config = home / ".codex" / "config.toml"
    config.parent.mkdir()
    config.write_text('model = "gpt-5.6"\n')
    ran = command("setup", "codex", "--yes")
    assert "your default model stays as it is; --default would replace it" in ran.stderr
    assert "next: gwproxy serve\nthen: codex -c model_provider=gwproxy -m kimi-k2.5\n" in ran.stderr
    assert tomllib.loads(config.read_text())["model"] == "gpt-5.6"
    command("setup", "codex", "--default", "--yes")
    assert tomllib.loads(config.read_text())["model"] == "kimi-k2.5"
    command("setup", "codex", "--undo", "--yes")
    assert config.read_text() == 'model = "gpt-5.6"\n'


# A Codex that asks the provider of its overrides, as the real one does, and nothing else.
_CODEX = """
import json, os, re, sys, urllib.error, urllib.request
if "debug" in sys.argv:
    print(json.dumps({"models": [{"slug": "its-own"}]}))
    sys.exit()
url = re.search(r'base_url="([^"]+)"', " ".join(sys.argv))[1]
with open(os.environ["CODEX_HOME"] + "/../asked", "a") as file:
    print(sorted(os.environ), file=file)
said = {"role": "developer", "content": [{"type": "input_text", "text": "Be a good coder."}]}
body = json.dumps({"model": "x", "input": [said]}).encode()
try:
    urllib.request.urlopen(urllib.request.Request(url + "/responses", body))
except urllib.error.HTTPError:
    sys.exit(1)
"""


@pytest.fixture
def codex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Codex's program, in PATH; where it was asked it leaves word in `asked`."""
    program = tmp_path / "bin" / "codex"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{_CODEX}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("SECRET_API_KEY", KEY)
    return program


@pytest.mark.skipif(os.name != "posix", reason="a script is no program there")
def test_codex_is_asked_once_for_its_own_prompt_and_told_no_key(
    codex: Path, tmp_path: Path, gwproxy_home: Path
) -> None:
    assert [prompt_of("codex", "m") for _ in range(2)] == ["Be a good coder."] * 2
    assert prompt_of("codex", "its-own") == "", "of that it has an entry, with tools of its own"
    asked = (tmp_path / "asked").read_text()
    assert asked.count("CODEX_HOME") == 1
    assert "SECRET_API_KEY" not in asked
    codex.write_text(f"#!{sys.executable}\nraise SystemExit(3)")
    assert prompt_of("codex", "m") == "", "another program says something else"
    assert prompt_of("no-such-codex", "m") == ""


@pytest.mark.skipif(os.name != "posix", reason="a script is no program there")
def test_the_models_of_the_profile_go_beside_codexs_file_and_away_again(
    settings: Path, home: Path, command: InProcess, codex: Path
) -> None:
    folder = home / ".codex"
    shown = command("setup", "codex", "--dry-run")
    assert f"and the models of the profile to {folder / codex_models.FILE}" in shown.stderr
    assert not folder.exists()
    command("setup", "codex", "--yes")
    config = tomllib.loads((folder / "config.toml").read_text())
    listed = folder / config["model_catalog_json"]
    entry, *_ = json.loads(listed.read_text())["models"]
    assert (entry["slug"], entry["base_instructions"]) == ("kimi-k2.5", "Be a good coder.")
    assert "model_catalog_json" not in command("setup", "codex", "--print").stdout
    # What is on record needs no change, but the list may be of an earlier gwproxy.
    listed.write_text("{}")
    command("setup", "codex", "--yes")
    assert json.loads(listed.read_text())["models"]
    # Still named by somebody, it stays: Codex would not start without it.
    named = f'model_catalog_json = "{listed}"\n'
    whole = (folder / "config.toml").read_text()
    (folder / "config.toml").write_text(whole.replace(f'"{codex_models.FILE}"', f'"{listed}"'))
    command("setup", "codex", "--undo", "--yes")
    assert (folder / "config.toml").read_text().strip() == named.strip()
    assert listed.exists()
    (folder / "config.toml").unlink()
    command("setup", "codex", "--yes")
    command("setup", "codex", "--undo", "--yes")
    assert not list(folder.iterdir())


def test_directly_the_key_is_written_after_plain_words(
    settings: Path, command: InProcess, gwproxy_home: Path
) -> None:
    ran = command("setup", "claude-code", "--direct", "--yes")
    assert "warning: --direct: the key of 'kimi' will stand in" in ran.stderr
    assert KEY not in ran.stdout + ran.stderr
    assert env_of(settings)["ANTHROPIC_API_KEY"] == KEY
    assert env_of(settings)["ANTHROPIC_BASE_URL"] == "https://api.kimi.com/coding"
    assert "next: claude\n" in ran.stderr
    printed = command("setup", "claude-code", "--direct", "--print")
    assert "warning: --direct: the key of 'kimi' stands in this text" in printed.stderr
    records = [path for path in settings.parent.parent.rglob("*") if path.is_file()]
    assert [path for path in records if KEY in path.read_text()] == [settings]
    settings.write_text(settings.read_text() + "// edited since\n")
    command("setup", "claude-code", "--undo", "--yes")
    assert settings.read_text() == BEFORE + "// edited since\n"
    ours = [path for path in gwproxy_home.rglob("*") if path.is_file()]
    assert len(ours) > 3
    assert [path for path in ours if KEY in path.read_text()] == []


def test_a_file_that_cannot_be_parsed_is_named_with_line_and_column(
    settings: Path, command: InProcess
) -> None:
    settings.write_text('{\n  "env": {,\n}\n')
    ran = command("setup", "claude-code", "--yes")
    assert ran.code == 3
    assert ran.stderr == (
        f"error: Claude Code does not read {settings}:2:11\n"
        "why: line 2, column 11: expected a key; it takes JSON without comments and trailing "
        "commas, and otherwise goes on without the whole file, straight to Anthropic\n"
        "hint: nothing was changed in it; mend that line, then: gwproxy setup claude-code\n"
    )
    assert settings.read_text() == '{\n  "env": {,\n}\n'


def test_a_default_model_in_a_weaker_file_stays(home: Path, kimi: Ran, command: InProcess) -> None:
    """OpenCode merges them: ours in the stronger one would take its place."""
    folder = home / ".config" / "opencode"
    folder.mkdir(parents=True)
    (folder / "opencode.json").write_text('{"model": "anthropic/claude"}')
    file = folder / "opencode.jsonc"
    file.write_text("{}")
    ran = command("setup", "opencode", "--yes")
    assert "your default model stays as it is" in ran.stderr
    assert "model" not in json.loads(file.read_text())
    assert command("setup", "opencode", "--yes", "--default").code == 0
    assert json.loads(file.read_text())["model"] == "gwproxy/kimi-k2.5"


def test_a_setup_is_found_where_another_file_counts_now(
    home: Path, kimi: Ran, command: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("setup", "opencode", "--yes").code == 0
    file = home / ".config" / "opencode" / "opencode.json"
    file.with_suffix(".jsonc").write_text('{ // mine\n "share": "disabled" }')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "elsewhere"))
    ran = command("setup", "opencode", "--undo", "--yes")
    assert (ran.code, ran.stdout) == (0, f"{file}\n")
    assert not file.exists()
    assert "mine" in file.with_suffix(".jsonc").read_text()


def test_a_web_proxy_is_kept_out_of_the_way(
    settings: Path, command: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claude Code would send prompts and token to it, from HTTPS_PROXY too."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:1")
    monkeypatch.setenv("NO_PROXY", "corp.example")
    monkeypatch.delenv("no_proxy", raising=False)
    wanted = "corp.example,127.0.0.1,localhost,::1"
    shown = command("setup", "claude-code", "--dry-run").stdout
    assert [line for line in shown.splitlines() if '_proxy"' in line.lower()] == [
        f'+    "NO_PROXY": "{wanted}",',
        f'+    "no_proxy": "{wanted}",',
    ]
    shared = command("setup", "claude-code", "--scope", "project", "--dry-run")
    assert "NO_PROXY" not in shared.stdout
    assert "warning: HTTPS_PROXY (the shell) takes requests to a web proxy: add" in shared.stderr

    assert "HTTPS_PROXY (the shell) is a web proxy" in (
        command("setup", "claude-code", "--yes").stderr
    )
    assert env_of(settings)["no_proxy"] == wanted
    assert "Claude Code is set up already" in command("setup", "claude-code", "--yes").stderr
    local = settings.parent / "settings.local.json"
    monkeypatch.chdir(settings.parent.parent)
    local.write_text('{"env": {"NO_PROXY": "", "no_proxy": ""}}')
    for words in (("doctor",), ("test", "--client", "claude-code", "--free")):
        ran = command(*words)
        assert ran.code != 0
        assert "HTTPS_PROXY (the shell) takes its requests, and the token, to a web" in ran.stdout
    local.unlink()
    assert command("setup", "claude-code", "--undo", "--yes").code == 0
    assert settings.read_text() == BEFORE


def test_a_comment_that_came_after_setup_is_told_and_taken_back_all_the_same(
    settings: Path, command: InProcess
) -> None:
    """Claude Code goes on without the whole file, ours in it: nothing may call that set up."""
    command("setup", "claude-code", "--yes")
    settings.write_text(settings.read_text().replace("{\n", "{\n  // mine\n", 1))
    again = command("setup", "claude-code", "--yes")
    assert again.code == 3
    assert "hint: what gwproxy wrote there is as it was: only this keeps it from" in again.stderr
    for words in (("doctor",), ("test", "--client", "claude-code", "--free")):
        ran = command(*words)
        assert ran.code != 0
        assert "settings.json:2:3: a comment" in ran.stdout
    assert command("setup", "claude-code", "--undo", "--yes").code == 0
    assert settings.read_text() == BEFORE.replace("{\n", "{\n  // mine\n", 1)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["nope"], "does not know 'nope'"),
        (["claude-code", "--print", "--dry-run"], "--print and --dry-run do not go together"),
        (["--undo"], "--undo needs a tool, or --all"),
        (["claude-code", "--undo", "--print"], "--undo does not go with --print"),
        (["--all", "--profile", "kimi"], "--all writes each as it was asked for before"),
        (["--all", "--direct"], "--all writes each as it was asked for before"),
        (["--all", "--list"], "--all does not go with --list"),
        (["claude-code", "--format", "yaml"], "--format is one of settings, env"),
        (["claude-code", "--format", "env"], "--format env goes with --print only"),
        (["claude-code", "--shell", "bash"], "--shell goes with --format env only"),
        (
            ["claude-code", "--print", "--format", "env", "--shell", "tcsh"],
            "--shell is one of bash, zsh, fish, powershell",
        ),
        (["claude-code", "--helper", "--direct"], "--helper and --direct do not go together"),
        (["--print"], "--print needs the name of a tool"),
        (["--scope", "user"], "--scope needs the name of a tool"),
        (["codex", "--scope", "local"], "Codex has no local scope"),
        (["codex", "--print", "--format", "env"], "Codex cannot be configured by environment"),
    ],
)
def test_flags_that_do_not_go_together_are_usage_errors(
    settings: Path, command: InProcess, arguments: list[str], what: str
) -> None:
    ran = command("setup", *arguments)
    assert ran.code == 2
    assert what in ran.stderr.splitlines()[0]
    assert "hint: " in ran.stderr
    assert settings.read_text() == BEFORE


def test_print_gives_the_snippet_alone(settings: Path, command: InProcess) -> None:
    ran = command("setup", "claude-code", "--print")
    assert ran.stderr == f"for {settings}:\n"
    assert json.loads(ran.stdout)["env"]["ANTHROPIC_MODEL"] == "kimi-k2.5"
    assert settings.read_text() == BEFORE
    toml = command("setup", "codex", "--print", "--quiet")
    assert (toml.stderr, tomllib.loads(toml.stdout)["model"]) == ("", "kimi-k2.5")


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("bash", "export ANTHROPIC_MODEL='kimi-k2.5'"),
        ("zsh", "export ANTHROPIC_MODEL='kimi-k2.5'"),
        ("fish", "set -gx ANTHROPIC_MODEL 'kimi-k2.5'"),
        ("powershell", "$env:ANTHROPIC_MODEL = 'kimi-k2.5'"),
    ],
)
def test_print_gives_lines_for_a_shell(
    settings: Path, command: InProcess, shell: str, line: str
) -> None:
    settings.write_text('{"env": {"ANTHROPIC_MODEL": "opus"}}')
    ran = command("setup", "claude-code", "--print", "--format", "env", "--shell", shell)
    assert line in ran.stdout.splitlines()
    assert f"{settings} outranks what is written here: env.ANTHROPIC_MODEL" in ran.stderr
    data = command("setup", "opencode", "--print", "--format", "env", "--json").envelope["data"]
    assert "OPENCODE_CONFIG_CONTENT" in data["text"]


def test_without_a_profile_the_next_command_is_named(
    home: Path, command: InProcess, gwproxy_home: Path
) -> None:
    ran = command("setup", "claude-code", "--yes")
    assert ran.code == 3
    assert "hint: gwproxy profile add" in ran.stderr
    assert (home / ".claude" / "settings.json").read_text() == BEFORE


def test_tools_of_a_profile_that_is_renamed_or_gone_are_named(
    settings: Path, command: InProcess
) -> None:
    flags = ("--preset", "custom", "--anthropic-url", "http://127.0.0.1:9", "--model", "m")
    command("profile", "add", "other", *flags, "--no-key")
    command("setup", "claude-code", "--profile", "other", "--scope", "local", "--yes")
    renamed = command("profile", "rename", "other", "third")
    assert "was set up for other\nnext: gwproxy setup --all\n" in renamed.stderr
    assert command("setup", "--all", "--yes").code == 0
    local = Path(".claude/settings.local.json")
    assert env_of(local)["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:4979/profiles/third"
    assert "was set up for third\nnext: gwproxy setup claude-code --scope local\n" in (
        command("profile", "remove", "third", "--yes").stderr
    )

"""`gwproxy test`: what it says beforehand, shows, stores and exits with."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gwproxy.proxy.serving import Options
from gwproxy.simulator import (
    DEMO,
    KIMI_CODE,
    PlayedKind,
    PlayedRefusal,
    RunningSimulator,
    Streaming,
)
from support.background import Background
from support.cli import InProcess, gwproxy_on_terminal
from support.profiles import KEY

pytestmark = pytest.mark.usefixtures("port")


def add(command: InProcess, name: str, *arguments: str) -> None:
    ran = command("profile", "add", name, *arguments)
    assert ran.code == 0, ran


def add_demo_like(command: InProcess, name: str, base_url: str, *more: str) -> None:
    arguments = ("--openai-url", base_url, "--model", "demo-1", "--no-key", "--dialects", "chat")
    add(command, name, *arguments, *more)


def checks(ran: Any) -> dict[str, dict[str, Any]]:
    """Of the only profile: its checks by name."""
    (profile,) = ran.envelope["data"]["profiles"]
    return {check["check"]: check for check in profile["checks"]}


def test_the_demo_needs_nothing(command: InProcess) -> None:
    ran = command("test", "demo")
    assert ran.code == 0, ran
    lines = ran.stdout.splitlines()
    assert lines[0] == "ok      key: none is needed"
    assert sum(line.startswith("ok") for line in lines) == 16
    assert lines[-1].strip() == "→ gwproxy serve"
    assert ran.stderr.splitlines() == [
        "demo: nothing that is asked here costs anything",
        "demo: all right",
    ]


def test_calls_are_announced_and_counted(command: InProcess, background: Background) -> None:
    provider = background.provider(DEMO)
    add_demo_like(command, "up", provider.openai_url)
    ran = command("test", "--json")
    assert ran.code == 0
    assert ran.stderr == "up: at most 6 tiny questions, which the provider may bill\n"
    (profile,) = ran.envelope["data"]["profiles"]
    assert profile["ok"] is True
    assert profile["calls"] == provider.billed == 5
    assert profile["learned"] == {}

    ran = command("test", "up", "--free")
    assert ran.code == 0
    assert provider.billed == 5
    assert "costs anything" in ran.stderr


def test_the_running_gateway_is_asked_too(
    command: InProcess, background: Background, gwproxy_home: Path
) -> None:
    provider = background.provider(DEMO)
    add_demo_like(command, "up", provider.openai_url)
    gateway = background.gateway(Options(port=0))
    (gwproxy_home / "server.json").write_text(json.dumps({"url": gateway.url}))
    ran = command("test", "up", "--quick", "--json")
    assert ran.code == 0, ran
    assert checks(ran)["through the gateway"]["outcome"] == "ok"
    assert provider.billed == 2


@pytest.mark.parametrize(
    ("refusal", "code"),
    [(PlayedRefusal(401, "Invalid Authentication"), 4), (PlayedRefusal(500, "Oh"), 5)],
    ids=["key", "provider"],
)
def test_exit_codes(
    command: InProcess, background: Background, refusal: PlayedRefusal, code: int
) -> None:
    provider = background.provider(DEMO)
    provider.will(refusal)
    add_demo_like(command, "up", provider.openai_url)
    ran = command("test", "up")
    assert ran.code == code
    assert "failed  chat: a message" in ran.stdout
    assert "1 of 3 checks failed" in ran.stderr


@pytest.mark.parametrize(
    ("status", "code"), [(401, 4), (402, 5), (403, 5), (429, 5), (500, 5), (503, 5), (404, 0)]
)
def test_a_provider_that_lets_nobody_in_is_not_all_right_for_nothing_either(
    command: InProcess, background: Background, status: int, code: int
) -> None:
    provider = background.provider(DEMO)
    provider.will(
        PlayedRefusal(status, "No", headers={"retry-after": "7"}), kinds=[PlayedKind.MODELS]
    )
    add_demo_like(command, "up", provider.openai_url)
    ran = command("test", "up", "--free", "--json")
    assert (ran.code, ran.envelope["status"]) == (code, "failed" if code else "ok")
    if status == 429:
        assert "it asks to wait 7 s" in checks(ran)["models"]["words"]


def test_each_profile_is_named_above_its_checks(command: InProcess, background: Background) -> None:
    provider = background.provider(DEMO)
    for name in ("one", "two"):
        add_demo_like(command, name, provider.openai_url)
    lines = command("test", "one", "two", "--free").stdout.splitlines()
    assert lines[0] == "one"
    assert lines.index("two") == len(lines) // 2


def test_a_refused_key_out_of_a_variable_is_mended_there(
    command: InProcess, background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = background.provider(DEMO)
    provider.will(PlayedRefusal(401, "No"), kinds=[PlayedKind.MODELS])
    add_demo_like(command, "up", provider.openai_url)
    monkeypatch.setenv("GWPROXY_KEY_UP", KEY)
    hint = checks(command("test", "up", "--free", "--json"))["models"]["hint"]
    assert "read -rs GWPROXY_KEY_UP && export GWPROXY_KEY_UP" in hint.splitlines()
    assert "profile key" not in hint


def test_every_profile_and_none_of_that_name(command: InProcess, background: Background) -> None:
    provider = background.provider(DEMO)
    for name in ("one", "two"):
        add_demo_like(command, name, provider.openai_url)
    data = command("test", "--all", "--free", "--json").envelope["data"]
    assert [profile["name"] for profile in data["profiles"]] == ["one", "two"]
    assert command("test", "three").code == 3
    assert command("test", "--free", "--quick").code == 2


def test_what_was_learned_is_stored_when_asked_for(
    command: InProcess, background: Background, gwproxy_home: Path
) -> None:
    provider = background.provider(replace(DEMO, streaming=Streaming.ANSWERS_WHOLE))
    add_demo_like(command, "up", provider.openai_url)
    ran = command("test", "up")
    assert ran.code == 0
    assert "next: gwproxy profile set up stream=never\n" in ran.stderr
    assert "stream" not in _record(gwproxy_home)

    ran = command("test", "up", "--save")
    assert "up: stored stream=never" in ran.stderr
    assert _record(gwproxy_home)["stream"] == "never"
    assert "taught" not in command("test", "up").stderr


def test_on_a_terminal_the_person_is_asked(
    command: InProcess, background: Background, gwproxy_home: Path
) -> None:
    provider = background.provider(replace(DEMO, streaming=Streaming.ANSWERS_WHOLE))
    add_demo_like(command, "up", provider.openai_url)
    ran = gwproxy_on_terminal("test", "up", answers=["n"])
    assert "store stream=never in the profile up? [y/N]: " in ran.stderr
    assert "stream" not in _record(gwproxy_home)
    gwproxy_on_terminal("test", "up", answers=["y"])
    assert _record(gwproxy_home)["stream"] == "never"


def test_no_key_is_ever_shown(
    command: InProcess, background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = background.provider(KIMI_CODE, key="another")
    monkeypatch.setenv("KIMI", KEY)
    url = provider.anthropic_url
    add(command, "kimi", "--preset", "kimi-code", "--anthropic-url", url, "--key-env", "KIMI")
    for flags in ([], ["--json"]):
        ran = command("test", "kimi", *flags)
        assert ran.code == 4
        assert KEY not in ran.stdout + ran.stderr
        assert KEY[-4:] in ran.stdout


# --- the way that a tool is set up to go ---------------------------------------------------------


def claude_settings(home: Path, **variables: str) -> Path:
    file = home / ".claude" / "settings.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"env": variables}))
    return file


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "person"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    return home


def outcome_of(ran: Any) -> dict[str, tuple[str, str]]:
    return {c["check"]: (c["outcome"], c["words"]) for c in ran.envelope["data"]["checks"]}


def test_a_tool_that_is_not_set_up(command: InProcess, home: Path) -> None:
    ran = command("test", "--client", "claude-code", "--json")
    assert ran.code == 3
    outcome, words = outcome_of(ran)["address"]
    assert outcome == "failed"
    assert words == "Claude Code goes to api.anthropic.com (its default), not through gwproxy"


def test_the_way_of_a_tool_is_gone_to_its_end(
    command: InProcess, background: Background, home: Path
) -> None:
    provider = background.provider(DEMO)
    add_demo_like(command, "up", provider.openai_url)
    gateway = background.gateway(Options(port=0))
    token = command("token").stdout.strip()
    file = claude_settings(
        home, ANTHROPIC_BASE_URL=gateway.url, ANTHROPIC_AUTH_TOKEN=token, ANTHROPIC_MODEL="demo-1"
    )
    ran = command("test", "--client", "claude-code", "--json")
    assert ran.code == 0, ran
    assert outcome_of(ran) == {
        "address": ("ok", f"{gateway.url} ({file})"),
        "token": ("ok", "the local token"),
        "gateway": ("ok", outcome_of(ran)["gateway"][1]),
        "through the gateway": ("ok", "answered, as demo-1"),
    }
    assert token not in ran.stdout + ran.stderr
    assert provider.billed == 1
    assert command("test", "--client", "claude-code", "--free").code == 0
    assert provider.billed == 1


def test_a_stale_token_and_a_stronger_file(
    command: InProcess, background: Background, home: Path
) -> None:
    gateway = background.gateway(Options(port=0, default_profile="demo"))
    claude_settings(home, ANTHROPIC_BASE_URL=gateway.url, ANTHROPIC_AUTH_TOKEN="of-last-year-012")
    ran = command("test", "--client", "claude-code", "--json")
    outcome, words = outcome_of(ran)["token"]
    assert (outcome, ran.code) == ("failed", 3)
    assert words == "what it presents (authorization) is not the local token"
    local = home / ".claude" / "settings.local.json"
    local.write_text('{"env": {"ANTHROPIC_BASE_URL": "https://api.anthropic.com"}}')
    ran = command("test", "--client", "claude-code", "--json")
    assert str(local) in outcome_of(ran)["address"][1]


@pytest.fixture
def serving(command: InProcess, background: Background, home: Path, port: int) -> RunningSimulator:
    """A gateway at the port of config.toml, in front of a provider that counts."""
    provider = background.provider(DEMO)
    add_demo_like(command, "up", provider.openai_url)
    background.gateway(Options(port=port))
    return provider


DEFAULT_MODELS = {
    "openclaw": (".openclaw/openclaw.json", '{agents: {defaults: {model: "other/m"}}}'),
    "opencode": (".config/opencode/opencode.json", '{"model": "other/m"}'),
    "codex": (".codex/config.toml", 'model = "m"\nmodel_provider = "other"\n'),
}


@pytest.mark.parametrize("tool", ["claude-code", *DEFAULT_MODELS])
def test_every_tool_goes_the_way_that_setup_wrote(
    command: InProcess, serving: RunningSimulator, home: Path, tool: str
) -> None:
    assert command("setup", tool, "--yes").code == 0
    ran = command("test", "--client", tool, "--json")
    assert ran.code == 0, ran
    outcomes = {name: outcome for name, (outcome, _) in outcome_of(ran).items()}
    assert outcomes == dict.fromkeys(["address", "token", "gateway", "through the gateway"], "ok")
    assert serving.billed == 1
    assert command("token").stdout.strip() not in ran.stdout + ran.stderr
    assert command("test", "--client", tool, "--free").code == 0
    assert serving.billed == 1


@pytest.mark.parametrize("tool", DEFAULT_MODELS)
def test_a_tool_that_starts_with_a_model_of_its_owners(
    command: InProcess, serving: RunningSimulator, home: Path, tool: str
) -> None:
    name, text = DEFAULT_MODELS[tool]
    (home / name).parent.mkdir(parents=True)
    (home / name).write_text(text)
    ran = command("test", "--client", tool, "--json")
    assert ran.code == 3
    assert outcome_of(ran)["address"][0] == "failed"
    assert command("setup", tool, "--yes").code == 0
    ran = command("test", "--client", tool, "--json")
    assert ran.code == 0, ran
    assert outcome_of(ran)["model"][0] == "note"
    assert "starts with other; for gwproxy: " in outcome_of(ran)["model"][1]
    assert outcome_of(ran)["through the gateway"][0] == "ok"


def test_a_helper_is_named_and_not_run(
    command: InProcess, serving: RunningSimulator, home: Path
) -> None:
    for tool in ("claude-code", "openclaw", "codex"):
        assert command("setup", tool, "--yes", "--helper").code == 0
        ran = command("test", "--client", tool, "--json")
        assert ran.code == 0, ran
        outcome, words = outcome_of(ran)["token"]
        assert (outcome, words.startswith("comes from the helper ")) == ("ok", True), words
    assert serving.billed == 3


WRONG = [
    ("codex", "experimental_bearer_token", 'env_key = "NOT_SET" #', "Codex presents none"),
    (
        "codex",
        "experimental_bearer_token",
        'env_key = "NOT_SET"\nexperimental_bearer_token',
        "Codex presents none",
    ),
    ("codex", "http://127.0.0.1", "http://192.0.2.1", "Codex goes to 192.0.2.1 ("),
    ("openclaw", '"mode":', '"mode"', "OpenClaw does not read "),
    ("opencode", "{file:", "{env:NOT_SET}{file:/nowhere", "OpenCode presents none"),
]


@pytest.mark.parametrize(("tool", "old", "new", "words"), WRONG)
def test_what_is_wrong_with_a_configuration(
    command: InProcess,
    serving: RunningSimulator,
    home: Path,
    tool: str,
    old: str,
    new: str,
    words: str,
) -> None:
    assert command("setup", tool, "--yes").code == 0
    file = home / DEFAULT_MODELS[tool][0]
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    ran = command("test", "--client", tool, "--json")
    assert ran.code == 3
    found = [told for outcome, told in outcome_of(ran).values() if outcome == "failed"]
    assert any(words in told for told in found), found
    assert serving.billed == 0


def test_a_client_that_is_not_known_and_names_beside_it(command: InProcess) -> None:
    assert command("test", "--client", "emacs").code == 2
    assert command("test", "demo", "--client", "claude-code").code == 2


def _record(home: Path) -> dict[str, Any]:
    document = tomllib.loads((home / "config.toml").read_text(encoding="utf-8"))
    return dict(document["profiles"]["up"])

"""Starting each client for one run: what outranks its files, and no token in an argument."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from clients.surroundings import CHAT_ONLY, KIMI, TOKEN, gateway, places
from gwproxy.clients import claude_code, codex, openclaw, opencode
from gwproxy.clients.jsontext import JSON
from gwproxy.clients.known import CLIENTS
from gwproxy.clients.launch import Launch, child_environment, launch_other
from gwproxy.errors import ConfigError

SCRATCH = Path("/state/run/1")


@pytest.mark.parametrize("name", CLIENTS)
def test_the_token_is_in_no_argument(name: str) -> None:
    launch = CLIENTS[name].launch(gateway(), ["-p", "hi"], places(), SCRATCH)
    assert launch.arguments[-2:] == ("-p", "hi")
    assert not any(TOKEN.reveal() in argument for argument in launch.arguments)
    assert all(file.parent == SCRATCH for file in launch.files)


@pytest.mark.parametrize(
    "given",
    [
        ["--settings", "mine.json"],
        ["--settings=mine.json"],
        ["--settings", "/projects/app/mine.json"],
        ["--settings", '{"model": "opus", "env": {"EDITOR": "vi"}}'],
    ],
)
def test_settings_given_to_claude_code_are_taken_in(given: list[str]) -> None:
    files = {"/projects/app/mine.json": '{"model": "opus", "env": {"EDITOR": "vi"}}'}
    arguments = ["--debug", *given, "-p", "hi"]
    launch = claude_code.launch(gateway(), arguments, places(files=files), SCRATCH)
    file = SCRATCH / "settings.json"
    equals = [f"--settings={file}"] if len(given) == 1 else ["--settings", str(file)]
    assert launch.arguments == ("--debug", *equals, "-p", "hi")
    document = json.loads(launch.files[file])
    assert document["model"] == "opus"
    assert document["env"]["EDITOR"] == "vi"
    assert document["env"]["ANTHROPIC_MODEL"] == "kimi-k2.5"
    assert launch.environ["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:4979"


def test_settings_behind_two_dashes_are_a_prompt() -> None:
    launch = claude_code.launch(gateway(), ["--", "--settings", "x"], places(), SCRATCH)
    assert launch.arguments[2:] == ("--", "--settings", "x")


def test_settings_that_cannot_be_read_are_named() -> None:
    with pytest.raises(ConfigError, match=r"cannot read gone\.json"):
        claude_code.launch(gateway(), ["--settings", "gone.json"], places(), SCRATCH)


def test_settings_that_claude_would_not_read_are_refused() -> None:
    """It would go on without them, and so without the gateway."""
    with pytest.raises(ConfigError, match="claude does not read what --settings gives it"):
        claude_code.launch(gateway(), ["--settings", '{"a": 1,}'], places(), SCRATCH)


def test_codex_gets_overrides_that_are_toml_and_a_variable() -> None:
    asked = replace(gateway(), tool_prompt="a prompt")
    launch = codex.launch(asked, ["exec", "hi"], places(), SCRATCH)
    flags, overrides = launch.arguments[:-2:2], launch.arguments[1:-2:2]
    assert set(flags) == {"-c"}
    said = tomllib.loads("\n".join(overrides))
    assert (said["model"], said["model_provider"]) == ("kimi-k2.5", "gwproxy-run")
    provider = said["model_providers"]["gwproxy-run"]
    assert provider["base_url"] == "http://127.0.0.1:4979/v1"
    assert launch.environ == {provider["env_key"]: TOKEN.reveal()}
    listed = json.loads(launch.files[Path(said["model_catalog_json"])])
    assert listed["models"][0]["slug"] == said["model"]
    without = codex.launch(gateway(), ["exec", "hi"], places(), SCRATCH)
    assert not without.files, "a list without Codex's own prompt would leave it without one"
    assert not any("model_catalog_json" in word for word in without.arguments)


def test_opencode_gets_an_inline_configuration() -> None:
    launch = opencode.launch(gateway(CHAT_ONLY), ["run"], places(), SCRATCH)
    document = json.loads(launch.environ["OPENCODE_CONFIG_CONTENT"])
    assert document["model"] == "gwproxy/m-1"


def test_openclaw_gets_a_copy_of_its_configuration() -> None:
    own = "{ channels: { mine: 1 }, agents: { defaults: { model: 'a/b' } } } // by hand\n"
    files = {"/home/me/.openclaw/openclaw.json": own}
    launch = openclaw.launch(gateway(), ["agent"], places(files=files), SCRATCH)
    file = SCRATCH / "openclaw.json"
    assert launch.environ == {"OPENCLAW_CONFIG_PATH": str(file)}
    text = launch.files[file]
    assert text.startswith("{ channels: { mine: 1 }, agents: { defaults: { model: ")
    assert JSON.read(text)["agents"]["defaults"]["model"] == "gwproxy/kimi-k2.5"  # type: ignore[index]


def test_a_configuration_given_to_openclaw_is_copied_instead() -> None:
    files = {"/projects/app/mine.json5": "{ channels: { mine: 1 } }"}
    arguments = ["agent", "exec", "--config", "mine.json5", "hi"]
    launch = openclaw.launch(gateway(), arguments, places(files=files), SCRATCH)
    copy = SCRATCH / "openclaw.json"
    assert launch.arguments == ("agent", "exec", "--config", str(copy), "hi")
    assert "channels: { mine: 1 }" in launch.files[copy]


@pytest.mark.parametrize(
    "text",
    ["{ $include: './more' }", "{ agents: { $include: './a' } }", "{ a: [ { $include: 'b' } ] }"],
)
def test_an_openclaw_configuration_of_several_files_is_included(text: str) -> None:
    files = {"/home/me/.openclaw/openclaw.json": text}
    environ = {"OPENCLAW_INCLUDE_ROOTS": "/srv/shared"}
    launch = openclaw.launch(gateway(), [], places(environ, files=files), SCRATCH)
    assert launch.environ["OPENCLAW_INCLUDE_ROOTS"] == "/srv/shared:/home/me/.openclaw"
    tree = JSON.read(launch.files[SCRATCH / "openclaw.json"])
    assert tree["$include"] == "/home/me/.openclaw/openclaw.json"
    assert set(tree) == {"$include", "models", "agents"}


def test_an_openclaw_configuration_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        openclaw.launch(
            gateway(), [], places(files={"/home/me/.openclaw/openclaw.json": "{"}), SCRATCH
        )
    assert "1:2" in caught.value.why


def test_any_other_program_gets_the_variables_of_the_sdks() -> None:
    launch = launch_other(gateway(KIMI), ["script.py"])
    assert launch.arguments == ("script.py",)
    assert launch.environ == {
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:4979",
        "ANTHROPIC_API_KEY": TOKEN.reveal(),
        "ANTHROPIC_MODEL": "kimi-k2.5",
        "OPENAI_BASE_URL": "http://127.0.0.1:4979/v1",
        "OPENAI_API_KEY": TOKEN.reveal(),
        "OPENAI_MODEL": "kimi-k2.5",
    }


def test_the_childs_environment_hides_keys_and_avoids_proxies() -> None:
    outer = {"PATH": "/bin", "GWPROXY_KEY_KIMI": "sk", "A": "old", "no_proxy": "corp"}
    launch = Launch((), {"A": "new"})
    assert child_environment(outer, launch, ["GWPROXY_KEY_"]) == {
        "PATH": "/bin",
        "A": "new",
        "NO_PROXY": "127.0.0.1,localhost,::1",
        "no_proxy": "corp,127.0.0.1,localhost,::1",
    }

"""`gwproxy doctor`: what is wrong on this machine, what mends it, and nothing secret."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any, cast

import pytest

from gwproxy.proxy import holder
from gwproxy.proxy.records.ledger import Entry
from gwproxy.proxy.serving import Options
from support.background import Background
from support.cli import InProcess, Ran
from support.profiles import KEY


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person without tools, in an empty folder."""
    home = tmp_path / "person"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(home))
    monkeypatch.chdir(home)
    return home


@pytest.fixture(autouse=True)
def port(command: InProcess, gwproxy_home: Path) -> int:
    """A free one: another gwproxy on this machine is not ours to look at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    gwproxy_home.mkdir(mode=0o700, exist_ok=True)
    (gwproxy_home / "config.toml").write_text(f"[serve]\nport = {port}\n")
    return port


def areas(ran: Ran) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in ran.envelope["data"]["findings"]:
        found.setdefault(finding["area"], []).append(finding)
    return found


def troubles(ran: Ran) -> list[dict[str, Any]]:
    return [f for f in ran.envelope["data"]["findings"] if f["level"] != "ok"]


def add(command: InProcess) -> None:
    arguments = ("--openai-url", "http://127.0.0.1:1", "--model", "m", "--no-key")
    assert command("profile", "add", "up", *arguments).code == 0


def test_nothing_is_wrong(command: InProcess) -> None:
    add(command)
    ran = command("doctor", "--json")
    assert ran.code == 0
    assert troubles(ran) == []
    assert areas(ran)["config"][0]["words"].startswith("1 profile in ")
    assert set(areas(ran)) == {"version", "files", "config", "keyring", "keys"} | {
        "token",
        "port",
        "usage",
    }
    people = command("doctor")
    assert people.stderr == "nothing is wrong\n"
    assert people.stdout.splitlines()[0].startswith("ok      version: gwproxy ")


def test_a_folder_whose_name_begins_like_the_home_is_another_one(
    home: Path, command: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is to be pasted into an issue, and followed there."""
    beside = home.with_name(f"{home.name}-s work")
    monkeypatch.setenv("GWPROXY_HOME", str(beside))
    words = [finding["words"] for finding in areas(command("doctor", "--json"))["files"]]
    assert words[0] == f"config folder {beside} (made when it is needed)"
    monkeypatch.setenv("GWPROXY_HOME", str(home / "gateway"))
    words = [finding["words"] for finding in areas(command("doctor", "--json"))["files"]]
    assert words[0] == "config folder ~/gateway (made when it is needed)"


def test_a_broken_configuration_does_not_stop_it(command: InProcess, gwproxy_home: Path) -> None:
    (gwproxy_home / "config.toml").write_text("[profiles\n")
    ran = command("doctor", "--json")
    assert ran.code == 1
    (finding,) = areas(ran)["config"]
    assert finding["level"] == "failed"
    assert "is not valid TOML" in finding["words"]
    assert areas(ran)["usage"]


def test_a_key_that_is_not_there(command: InProcess, key_file: Path) -> None:
    assert command("profile", "add", "kimi", "--preset", "kimi-code", "--key-env", "K").code == 0
    ran = command("doctor", "--json")
    (finding,) = areas(ran)["keys"]
    assert (finding["level"], finding["hint"]) == ("failed", "gwproxy profile key kimi")
    assert ran.code == 1


def test_no_keyring_is_no_fault_where_a_variable_comes_first(
    command: InProcess, gwproxy_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = gwproxy_home / "config.toml"
    config.write_text(config.read_text() + '[profiles.my-kimi]\npreset = "kimi-code"\n')
    assert areas(command("doctor", "--json"))["keyring"][0]["level"] == "failed"
    monkeypatch.setenv("GWPROXY_KEY_MY_KIMI", KEY)
    ran = command("doctor", "--json")
    assert "no profile needs it" in areas(ran)["keyring"][0]["words"]
    assert ran.code == 0


def test_exports_in_the_way(command: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    add(command)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://elsewhere.example")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("GWPROXY_KEY_KIMMI", KEY)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    ran = command("doctor", "--json")
    hints = {finding["hint"] for finding in areas(ran)["environment"]}
    assert hints == {
        "unset ANTHROPIC_BASE_URL",
        "unset OPENAI_API_KEY",
        "unset GWPROXY_KEY_KIMMI",
        "export NO_PROXY=127.0.0.1,localhost",
    }
    assert KEY not in ran.stdout
    assert ran.code == 1


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_folders_that_others_can_write(command: InProcess, gwproxy_home: Path) -> None:
    gwproxy_home.chmod(0o777)
    ran = command("doctor", "--json")
    assert {f["hint"] for f in areas(ran)["files"]} == {f"chmod go-w {gwproxy_home}"}


def test_who_has_the_port(
    command: InProcess, background: Background, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(command)
    gateway = background.gateway(Options(port=port))
    (finding,) = areas(command("doctor", "--json"))["port"]
    assert finding["level"] == "ok"
    assert finding["words"].endswith(f"runs at {gateway.url}")
    background.stop()
    monkeypatch.setattr(holder, "_ASK_S", 0.1)  # whoever listens there never answers
    with socket.create_server(("127.0.0.1", port)):
        (finding,) = areas(command("doctor", "--json"))["port"]
        assert finding["level"] == "failed"
        assert "another program listens there" in finding["words"]
        assert finding["hint"].startswith("gwproxy serve --port ")


def test_what_the_running_gateway_cannot_do(
    command: InProcess, background: Background, port: int, gwproxy_home: Path
) -> None:
    add(command)
    (gwproxy_home / "usage.db").mkdir()
    gateway = background.gateway(Options(port=port, ledger=gwproxy_home / "usage.db"))
    assert "gateway" not in areas(command("doctor", "--json"))
    ledger = gateway.gateway._services.ledger
    ledger.add(Entry(**dict.fromkeys(Entry.__struct_fields__, cast(Any, 1))))
    ledger.close()
    found = areas(command("doctor", "--json"))["gateway"]
    assert [(one["level"], one["words"].partition(" (")[0]) for one in found] == [
        ("failed", "usage cannot be recorded"),
        ("failed", f"1 exchanges wait to be recorded in {gwproxy_home / 'usage.db'}"),
    ]


def test_a_damaged_ledger(command: InProcess, gwproxy_home: Path) -> None:
    (gwproxy_home / "usage.db").write_bytes(b"rubbish" * 1000)
    (gwproxy_home / "usage.db.corrupt-20260101-000000").write_bytes(b"older rubbish")
    ran = command("doctor", "--json")
    levels = [(f["level"], f["words"]) for f in areas(ran)["usage"]]
    assert [level for level, _ in levels] == ["failed", "note"]
    assert "20260101" in levels[1][1]


def test_captured_exchanges_are_not_forgotten(
    command: InProcess, gwproxy_home: Path, port: int
) -> None:
    add(command)
    config = gwproxy_home / "config.toml"
    config.write_text(config.read_text().replace("[serve]", "[serve]\ncapture = true"))
    (finding,) = areas(command("doctor", "--json"))["captures"]
    assert (finding["level"], "prompts" in finding["words"]) == ("note", True)
    config.write_text(config.read_text().replace("capture = true", ""))
    assert "captures" not in areas(command("doctor", "--json"))
    (gwproxy_home / "captures").mkdir()
    (gwproxy_home / "captures" / "req_1.json").write_text("{}")
    (finding,) = areas(command("doctor", "--json"))["captures"]
    assert (finding["level"], finding["hint"]) == ("note", "gwproxy replay --delete")


def test_tools_that_are_here(command: InProcess, home: Path) -> None:
    add(command)
    program = home / "claude"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (finding,) = areas(command("doctor", "--json"))["tools"]
    assert (finding["level"], finding["hint"]) == ("note", "gwproxy setup claude-code")

    assert command("setup", "claude-code", "--yes").code == 0
    finding, auto_mode = areas(command("doctor", "--json"))["tools"]
    assert (finding["level"], auto_mode["level"]) == ("ok", "ok")
    assert "~/.claude/settings.json" in finding["words"]
    assert auto_mode["words"].startswith("auto mode: ")

    # A stronger file sends it elsewhere all the same.
    local = home / ".claude" / "settings.local.json"
    local.write_text(json.dumps({"env": {"ANTHROPIC_BASE_URL": "https://elsewhere.example"}}))
    ran = command("doctor", "--json")
    finding = areas(ran)["tools"][-1]
    assert finding["level"] == "failed"
    assert finding["hint"] == "look into ~/.claude/settings.local.json"


def test_a_report_can_be_shared(
    command: InProcess, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UP_KEY", KEY)
    arguments = ("--openai-url", "http://127.0.0.1:1", "--model", "m", "--key-env", "UP_KEY")
    assert command("profile", "add", "up", *arguments).code == 0
    token = command("token").stdout.strip()
    for flags in ([], ["--json"]):
        ran = command("doctor", *flags)
        for secret in (KEY, token, str(home)):
            assert secret not in ran.stdout + ran.stderr

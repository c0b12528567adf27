"""One envelope for every command: on success, on failure, and before it begins; and a sheet of the
same values for every one that lists something."""

from __future__ import annotations

import csv
import io
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gwproxy import paths
from gwproxy.cli.app import COMMANDS, available_commands, load_command
from gwproxy.cli.output import ENVELOPE_VERSION
from gwproxy.profiles import store
from gwproxy.proxy.serving import Options
from support.background import Background
from support.cli import InProcess, Ran

READING: dict[str, tuple[str, ...]] = {
    "config path": ("config", "path"),
    "demo": ("demo",),
    "log": ("log",),
    "logs": ("logs",),
    "service logs": ("service", "logs"),
    "profile add": ("profile", "add", "new", "--preset", "demo"),
    "profile use": ("profile", "use", "up"),
    "profile set": ("profile", "set", "up", "model=other"),
    "profile forget": ("profile", "forget", "up"),
    "profile rename": ("profile", "rename", "up", "down"),
    "profile remove": ("profile", "remove", "up", "--yes"),
    "profile key": ("profile", "key", "up", "--env", "A_KEY"),
    "doctor": ("doctor",),
    "explain": ("explain", "drop:top_k"),
    "import": ("import",),
    "models": ("models", "demo"),
    "profile list": ("profile", "list"),
    "purge": ("purge",),
    "profile show": ("profile", "show", "up"),
    "replay": ("replay",),
    "service status": ("service", "status"),
    "setup": ("setup", "--list"),
    "status": ("status",),
    "stop": ("stop",),
    "test": ("test", "demo", "--free"),
    "token": ("token",),
    "translate": ("translate", "--to", "chat"),
    "ui": ("ui", "--link"),
    "usage": ("usage",),
}

OF_A_RUNNING_GATEWAY = {"ui"}
"""They have nothing to tell where none runs."""

WITHOUT_JSON = {"completion", "config edit", "init", "run", "serve"}
"""They print a script, are talks, or show what a child prints; `serve --json-logs` is another
thing."""

WITH_JSON_ALONE = {"service install", "service uninstall"}
"""They need a service manager: tests/cli/test_service_cli.py."""

SHEETS = {
    "doctor": "findings",
    "explain": "codes",
    "log": "exchanges",
    "models": "models",
    "profile list": "profiles",
    "profile show": None,
    "purge": "holdings",
    "replay": "captures",
    "setup": "clients",
    "status": "profiles",
    "test": None,
    "usage": "lines",
}
"""The commands that list something, and where in their data it stands, a row for each."""

NO_SHEET = {
    *("demo", "logs", "service install", "service logs", "service status", "service uninstall"),
    *("config path", "import", "stop", "token", "translate", "ui"),
    *("profile add", "profile forget", "profile key", "profile remove", "profile rename"),
    *("profile set", "profile use"),
}
"""They do something, or have one value; of `translate` the request is the value, and a log has
lines and no columns."""

REQUEST = '{"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}'


@pytest.fixture(autouse=True)
def configuration(command: InProcess, gwproxy_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile, and a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    gwproxy_home.mkdir(mode=0o700, exist_ok=True)
    # A service manager that knows nothing yet.
    monkeypatch.setenv("PATH", str(gwproxy_home))
    manager = gwproxy_home / "systemctl"
    manager.write_text("#!/bin/sh\nexit 3\n")
    manager.chmod(0o755)
    log = paths.service_log()
    log.parent.mkdir(mode=0o700, exist_ok=True, parents=True)
    log.write_text("12:00:01 it runs\n")
    (gwproxy_home / "config.toml").write_text(
        f'[serve]\nport = {port}\n[profiles.up]\nopenai_url = "http://127.0.0.1:1/v1"\n'
        'model = "m"\nkey = "none"\n'
    )
    # What there is to import.
    monkeypatch.setenv("HOME", str(gwproxy_home))
    (gwproxy_home / ".claude").mkdir()
    (gwproxy_home / ".claude" / "settings.json").write_text(
        '{"env": {"ANTHROPIC_BASE_URL": "https://api.kimi.com/coding", "ANTHROPIC_API_KEY": "k"}}'
    )


def envelope(ran: Ran) -> dict[str, Any]:
    """stdout is exactly one envelope, and nothing else."""
    found = ran.envelope
    assert found["version"] == ENVELOPE_VERSION == 1
    assert ran.stdout == json.dumps(found, ensure_ascii=False, indent=2) + "\n"
    return found


def available(name: str) -> bool:
    return name.split()[0] in {entry.name for entry in available_commands()}


@pytest.mark.parametrize("name", READING)
def test_success(command: InProcess, background: Background, name: str) -> None:
    if not available(name):
        pytest.skip(f"{name} is not there")
    if name in OF_A_RUNNING_GATEWAY:
        background.gateway(Options(port=store.load().serve.port))
    ran = command(*READING[name], "--json", stdin=REQUEST)
    found = envelope(ran)
    assert (found["status"], found["error"]) == ("ok", None)
    assert isinstance(found["data"], dict)
    assert found["command"] == name


@pytest.mark.parametrize("name", READING)
def test_failure_before_the_command_begins(command: InProcess, name: str) -> None:
    if not available(name):
        pytest.skip(f"{name} is not there")
    ran = command(*READING[name], "--json", "--no-such-flag")
    found = envelope(ran)
    assert (ran.code, found["status"], found["data"]) == (2, "error", None)
    assert set(found["error"]) == {"what", "why", "hint", "exit_code"}
    assert found["error"]["exit_code"] == ran.code


@pytest.mark.parametrize("name", ["models", "profile list", "status", "stop", "test", "usage"])
def test_failure_inside(command: InProcess, gwproxy_home: Path, name: str) -> None:
    (gwproxy_home / "config.toml").write_text("this is = not [ TOML")
    (gwproxy_home / "usage.db").write_bytes(b"rubbish" * 1000)
    ran = command(*READING[name], "--json")
    found = envelope(ran)
    assert (ran.code, found["error"]["exit_code"], found["data"]) == (3, 3, None)


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheet_has_the_rows_of_the_envelope(command: InProcess, name: str) -> None:
    ran = command(*READING[name], "--csv")
    assert ran.code == 0, ran
    rows = list(csv.DictReader(io.StringIO(ran.stdout), strict=True))
    assert all(None not in row for row in rows), "no row is longer than the head"
    place = SHEETS[name]
    if place is not None:
        assert len(rows) == len(command(*READING[name], "--json").envelope["data"][place])
    both = command(*READING[name], "--csv", "--json")
    assert both.envelope["status"] == "ok", "--json is the one that is obeyed"


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheet_is_not_begun_where_the_command_fails(command: InProcess, name: str) -> None:
    ran = command(*READING[name], "--csv", "--no-such-flag")
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr.startswith("error: ")


def test_an_envelope_has_an_end_and_a_sheet_one_kind_of_rows(command: InProcess) -> None:
    ran = command("service", "logs", "--json", "--follow")
    assert (ran.code, envelope(ran)["error"]["hint"]) == (2, "gwproxy service logs --json")
    ran = command("setup", "claude-code", "--csv", "--yes")
    assert (ran.code, ran.stdout) == (2, "")
    assert "hint: gwproxy setup --list --csv" in ran.stderr


def test_every_command_is_accounted_for() -> None:
    """A new command is put into one of these tables, or has no place here."""
    leaves = {
        name: flags
        for entry in available_commands()
        for name, flags in _leaves(load_command(entry), entry.name)
    }
    assert {name.split()[0] for name in leaves} == {entry.name for entry in COMMANDS}
    assert set(leaves) == READING.keys() | WITHOUT_JSON | WITH_JSON_ALONE
    assert {name for name, flags in leaves.items() if "--json" not in flags} == WITHOUT_JSON
    assert {name for name, flags in leaves.items() if "--csv" in flags} == SHEETS.keys()
    assert set(leaves) == SHEETS.keys() | NO_SHEET | WITHOUT_JSON


def _leaves(command: Any, name: str) -> Iterator[tuple[str, set[str]]]:
    """The commands that do something, and their flags."""
    children = getattr(command, "commands", {})
    for child, below in children.items():
        yield from _leaves(below, f"{name} {child}")
    if not children:
        yield name, {flag for parameter in command.params for flag in parameter.opts}

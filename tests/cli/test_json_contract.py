"""One envelope for every command that has --json: on success, on failure, and before it begins."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from gwproxy.cli.app import COMMANDS, available_commands, load_command
from gwproxy.cli.output import ENVELOPE_VERSION
from support.cli import InProcess, Ran

READING: dict[str, tuple[str, ...]] = {
    "config path": ("config", "path"),
    "demo": ("demo",),
    "profile use": ("profile", "use", "up"),
    "profile set": ("profile", "set", "up", "model=other"),
    "profile forget": ("profile", "forget", "up"),
    "profile rename": ("profile", "rename", "up", "down"),
    "profile remove": ("profile", "remove", "up", "--yes"),
    "profile key": ("profile", "key", "up", "--env", "A_KEY"),
    "doctor": ("doctor",),
    "explain": ("explain", "drop:top_k"),
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
    "usage": ("usage",),
}

WITHOUT_JSON = {"completion", "init", "logs", "run", "serve"}
"""They print a script, a log, or what a child prints; `serve --json-logs` is another thing."""

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
    (gwproxy_home / "config.toml").write_text(
        f'[serve]\nport = {port}\n[profiles.up]\nopenai_url = "http://127.0.0.1:1/v1"\n'
        'model = "m"\nkey = "none"\n'
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
def test_success(command: InProcess, name: str) -> None:
    if not available(name):
        pytest.skip(f"{name} is not there")
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


def test_every_command_is_accounted_for() -> None:
    names = {name.split()[0] for name in READING}
    assert {entry.name for entry in COMMANDS} <= names | WITHOUT_JSON
    for entry in available_commands():
        flags = _flags(load_command(entry))
        assert ("--json" in flags) is (entry.name not in WITHOUT_JSON), entry.name


def _flags(command: Any) -> set[str]:
    flags = {flag for parameter in command.params for flag in parameter.opts}
    for child in getattr(command, "commands", {}).values():
        flags |= _flags(child)
    return flags

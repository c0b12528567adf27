"""`gwproxy service` and `logs`: one file, the manager's own commands, and its own words."""

from __future__ import annotations

import plistlib
import sys
from pathlib import Path

import pytest

from gwproxy.cli import service_unit
from support.cli import InProcess
from support.profiles import KEY

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no manager that gwproxy knows")


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What systemctl and journalctl were told; `exit` in their folder is their exit code."""
    tools = tmp_path / "tools"
    tools.mkdir()
    said = tools / "said"
    (tools / "exit").write_text("0")
    for name in ("systemctl", "journalctl"):
        program = tools / name
        program.write_text(
            f"#!/bin/sh\necho {name} \"$@\" >> '{said}'\necho 'so it goes' >&2\n"
            f"read code < '{tools}/exit'; exit $code\n"
        )
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/bin:/usr/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    return said


def add(command: InProcess) -> None:
    arguments = ("--openai-url", "http://127.0.0.1:1", "--model", "m", "--key-env", "UP_KEY")
    assert command("profile", "add", "up", *arguments).code == 0


def test_the_whole_life_of_a_service(
    command: InProcess, said: Path, tmp_path: Path, gwproxy_home: Path
) -> None:
    add(command)
    unit = tmp_path / ".config" / "systemd" / "user" / "gwproxy.service"
    assert command("service", "status").stdout == "not installed\n"

    shown = command("service", "install", "--dry-run")
    assert "ExecStart=" in shown.stdout
    assert not unit.exists()
    assert not said.exists()

    ran = command("service", "install")
    assert (ran.code, ran.stdout) == (0, f"installed {unit}\n")
    text = unit.read_text()
    assert f'ExecStart="{sys.executable}" "-m" "gwproxy" "serve"' in text
    assert f'Environment="GWPROXY_HOME={gwproxy_home}"' in text
    assert said.read_text().splitlines() == [
        "systemctl --user daemon-reload",
        "systemctl --user enable --now gwproxy.service",
    ]
    data = command("service", "status", "--json").envelope["data"]
    assert (data["installed"], data["running"], data["up_to_date"]) == (True, True, True)

    said.unlink()
    assert command("logs").code == 0
    assert said.read_text().startswith("journalctl --user --user-unit gwproxy.service")

    said.unlink()
    assert command("service", "uninstall").code == 0
    assert not unit.exists()
    assert said.read_text().splitlines() == [
        "systemctl --user disable --now gwproxy.service",
        "systemctl --user daemon-reload",
    ]
    again = command("service", "uninstall")
    assert (again.code, again.stdout) == (0, "there is no service of gwproxy\n")


def test_a_key_that_a_service_cannot_see(
    command: InProcess, said: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UP_KEY", KEY)
    add(command)
    ran = command("service", "install")
    assert "which a service does not see" in ran.stderr
    assert KEY not in ran.stdout + ran.stderr


def test_the_managers_own_words(command: InProcess, said: Path) -> None:
    add(command)
    (said.parent / "exit").write_text("1")
    ran = command("service", "install")
    assert ran.code == 1
    assert "error: systemctl --user daemon-reload failed\nwhy: so it goes\n" in ran.stderr


def test_nothing_to_serve(command: InProcess, said: Path) -> None:
    ran = command("service", "install")
    assert (ran.code, said.exists()) == (3, False)


def test_no_log_without_a_service(command: InProcess, said: Path) -> None:
    ran = command("logs")
    assert ran.code == 2
    assert "hint: gwproxy service install" in ran.stderr


def test_no_manager(command: InProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    ran = command("service", "status")
    assert ran.code == 2
    assert "has no service manager that gwproxy knows" in ran.stderr


def test_words_of_a_unit_mean_themselves() -> None:
    assert service_unit._systemd_word('a "b" 100% \\') == '"a \\"b\\" 100%% \\\\"'


def test_a_dollar_means_itself_in_either_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setattr(sys, "executable", "/opt/py$thon")
    unit = service_unit.service_here({"GWPROXY_HOME": "/home/me/$tate"}).content.decode()
    assert 'ExecStart="/opt/py$$thon" "-m" "gwproxy" "serve"\n' in unit
    assert 'Environment="GWPROXY_HOME=/home/me/$tate"\n' in unit


def test_launchd(monkeypatch: pytest.MonkeyPatch, gwproxy_home: Path) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    service = service_unit.service_here({"GWPROXY_HOME": str(gwproxy_home)})
    agent = plistlib.loads(service.content)
    assert agent["ProgramArguments"][-1] == "serve"
    assert agent["EnvironmentVariables"] == {"GWPROXY_HOME": str(gwproxy_home)}
    assert agent["StandardErrorPath"] == str(gwproxy_home / "serve.log")
    assert service.file.name == "org.gwproxy.serve.plist"
    assert service.install[0][:2] == ("launchctl", "bootstrap")

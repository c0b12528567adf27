"""`gwproxy service` and `logs`: one file, the manager's own commands, and its own words."""

from __future__ import annotations

import os
import plistlib
import socket
import sys
from pathlib import Path

import pytest

from gwproxy import paths
from gwproxy.cli import service, service_log, service_unit
from gwproxy.proxy import holder
from support.cli import InProcess
from support.profiles import KEY
from support.raw import free_port

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
    monkeypatch.setattr(service, "_STARTING_S", 0.0)
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "GWPROXY_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return said


def add(command: InProcess, *key: str) -> None:
    key = key or ("--key-env", "UP_KEY")
    arguments = ("--openai-url", "http://127.0.0.1:1", "--model", "m", *key)
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
        "systemctl --user enable gwproxy.service",
        "systemctl --user restart gwproxy.service",
    ]
    data = command("service", "status", "--json").envelope["data"]
    assert (data["installed"], data["running"], data["up_to_date"]) == (True, True, True)

    said.unlink()
    assert command("service", "logs").code == 0
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


def test_a_failed_install_leaves_things_as_they_were(
    command: InProcess, said: Path, tmp_path: Path
) -> None:
    add(command)
    unit = tmp_path / ".config" / "systemd" / "user" / "gwproxy.service"
    (said.parent / "exit").write_text("1")
    assert command("service", "install").code == 1
    assert command("service", "status").stdout == "not installed\n"
    unit.write_text("[Unit]\n# an older one\n")
    assert command("service", "install").code == 1
    assert unit.read_text() == "[Unit]\n# an older one\n"
    # And what cannot be stopped is taken out all the same.
    ran = command("service", "uninstall")
    assert (ran.code, unit.exists()) == (0, False)
    assert "warning: systemctl --user disable --now gwproxy.service failed: so it goes" in (
        ran.stderr
    )


def test_a_second_install_puts_the_new_file_to_work(command: InProcess, said: Path) -> None:
    add(command)
    for _ in range(2):
        said.unlink(missing_ok=True)
        assert command("service", "install").code == 0
        assert "systemctl --user restart gwproxy.service" in said.read_text()


def test_a_port_that_somebody_holds_is_told_before_anything_is_written(
    command: InProcess, said: Path, gwproxy_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holder, "_ASK_S", 0.1)  # whoever listens there never answers
    add(command)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (gwproxy_home / "config.toml").open("a") as config:
            config.write(f"[serve]\nport = {port}\n")
        ran = command("service", "install")
    assert (ran.code, said.exists()) == (3, False)
    assert f"error: the service could not listen on port {port}\n" in ran.stderr


def test_what_matters_of_the_shell_is_taken_along_and_no_secret(
    command: InProcess, said: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    add(command, "--key-command", "mytool")
    along = {
        "XDG_CONFIG_HOME": str(tmp_path / "c o"),
        "SSL_CERT_FILE": "/etc/own.pem",
        "https_proxy": "http://proxy.example:1",
        "NO_PROXY": "corp",
    }
    secret = {"HTTPS_PROXY": "http://me:pass-word@proxy.example:1", "GWPROXY_TOKEN": "t" * 40}
    for name, value in (along | secret).items():
        monkeypatch.setenv(name, value)
    ran = command("service", "install")
    unit = (tmp_path / "c o" / "systemd" / "user" / "gwproxy.service").read_text()
    for name in ("PATH", *along):
        assert f'Environment="{name}={os.environ[name]}"' in unit
    for name, value in secret.items():
        assert f"warning: {name} holds a secret" in ran.stderr
        assert value not in unit + ran.stdout + ran.stderr
    # Another shell, the same service.
    monkeypatch.delenv("https_proxy")
    assert command("service", "status", "--json").envelope["data"]["up_to_date"]


def test_nothing_to_serve(command: InProcess, said: Path) -> None:
    ran = command("service", "install")
    assert (ran.code, said.exists()) == (3, False)


def test_no_log_without_a_service(command: InProcess, said: Path) -> None:
    ran = command("service", "logs")
    assert ran.code == 2
    assert "hint: gwproxy service install\n  gwproxy serve --detach\n" in ran.stderr


def test_the_old_name_of_the_log_says_the_new_one(command: InProcess, said: Path) -> None:
    add(command)
    assert command("service", "install").code == 0
    said.unlink()
    ran = command("logs", "--follow")
    assert ran.code == 0
    assert "gwproxy logs is called gwproxy service logs now" in ran.stderr
    assert "--follow" in said.read_text()
    assert "  logs " not in command("--help").stdout


def test_a_profile_and_a_port_of_its_own(
    command: InProcess, said: Path, gwproxy_home: Path
) -> None:
    add(command)
    ran = command("service", "install", "--profile", "nobody")
    assert (ran.code, said.exists()) == (3, False)
    assert command("service", "install", "--port", "0").code == 2
    own = ("--profile", "up", "--port", str(free_port()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        with (gwproxy_home / "config.toml").open("a") as config:
            config.write(f"[serve]\nport = {taken}\n")
        # It is its own port that must be free.
        assert command("service", "install", *own).code == 0
    data = command("service", "status", "--json").envelope["data"]
    assert (data["flags"], data["up_to_date"]) == (list(own), True)
    unit = Path(data["file"])
    assert f'"serve" "--profile" "up" "--port" "{own[-1]}"\n' in unit.read_text()
    unit.write_text(unit.read_text().replace("RestartSec=2", "RestartSec=9"))
    again = command("service", "status").stderr
    assert f"  gwproxy service install {' '.join(own)}\n" in again


def test_no_manager(command: InProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    ran = command("service", "status")
    assert ran.code == 2
    assert "has no service manager that gwproxy knows" in ran.stderr
    assert "hint: gwproxy serve --detach\n" in ran.stderr
    assert command("service", "logs").code == 2


def test_words_of_a_unit_mean_themselves() -> None:
    assert service_unit._systemd_word('a "b" 100% \\') == '"a \\"b\\" 100%% \\\\"'


def test_a_dollar_means_itself_in_either_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setattr(sys, "executable", "/opt/py$thon")
    service = service_unit.service_here({"GWPROXY_HOME": "/home/me/$tate"}, flags=('$ 100% "',))
    unit = service.content.decode()
    assert service.flags_in(service.content) == ('$ 100% "',)
    assert 'ExecStart="/opt/py$$thon" "-m" "gwproxy" "serve" "$$ 100%% \\""\n' in unit
    assert 'Environment="GWPROXY_HOME=/home/me/$tate"\n' in unit


def test_launchd(monkeypatch: pytest.MonkeyPatch, gwproxy_home: Path) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    service = service_unit.service_here({"GWPROXY_HOME": str(gwproxy_home)})
    agent = plistlib.loads(service.content)
    assert agent["ProgramArguments"][-1] == "serve"
    own = service_unit.service_here(flags=("--port", "5000"))
    assert plistlib.loads(own.content)["ProgramArguments"][-3:] == ["serve", "--port", "5000"]
    assert (service.flags_in(own.content), own.flags_in(b"?")) == (("--port", "5000"), ())
    assert agent["EnvironmentVariables"] == {"GWPROXY_HOME": str(gwproxy_home)}
    assert agent["StandardErrorPath"] == str(gwproxy_home / "serve.log")
    assert service.file.name == "org.gwproxy.serve.plist"
    assert [command[1] for command in service.install] == ["bootout", "bootstrap", "kickstart"]
    # There may be none to end.
    assert {command[1] for command in service.may_fail} == {"bootout"}
    assert agent["KeepAlive"] == {"Crashed": True}
    assert not service.differs(service.content)
    assert service.differs(b"[Unit]")


@pytest.mark.parametrize("append", [True, False])
def test_the_log_under_launchd_is_bounded(
    gwproxy_home: Path, monkeypatch: pytest.MonkeyPatch, append: bool
) -> None:
    monkeypatch.setattr(service_log, "MOST_BYTES", 1000)
    gwproxy_home.mkdir()
    with paths.service_log().open("a" if append else "w") as stderr:
        bounded = service_log.bounded(stderr)
        for number in range(500):
            bounded.write(f"line {number:03}\n")
            bounded.flush()
            assert paths.service_log().stat().st_size <= 1000
    lines = paths.service_log().read_text().splitlines()
    assert 50 <= len(lines) <= 111
    assert lines == [f"line {number:03}" for number in range(500 - len(lines), 500)]


def test_a_file_of_a_persons_own_is_theirs(
    gwproxy_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_log, "MOST_BYTES", 10)
    with (tmp_path / "mine.log").open("w") as stderr:
        bounded = service_log.bounded(stderr)
        for _ in range(9):
            bounded.write("line\n")
            bounded.flush()
    assert (tmp_path / "mine.log").read_text() == "line\n" * 9

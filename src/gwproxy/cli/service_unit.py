"""The gateway as a service of the logged-in user: what the file says, and who is to be told.

systemd on Linux (https://www.freedesktop.org/software/systemd/man/systemd.service.html), launchd
on macOS (launchd.plist(5)). Never a service of the machine: the keyring is the user's. Texts and
command lines only; nothing here writes or runs.
"""

from __future__ import annotations

import os
import plistlib
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gwproxy import paths
from gwproxy.errors import UsageError

UNIT: Final = "gwproxy.service"
LABEL: Final = "org.gwproxy.serve"

# systemd's own word for "in the way of nothing": the keyring is reached by D-Bus, and config.toml
# and the ledger are written in the home folder, so stricter sandboxes would break both.
_UNIT_TEXT: Final = """\
[Unit]
Description=gwproxy, a local gateway for coding tools
After=network-online.target

[Service]
Type=exec
ExecStart={command}
{environment}Restart=on-failure
RestartSec=2
# Exit codes of configuration and credentials: starting again does not mend them.
RestartPreventExitStatus=2 3 4
UMask=0077
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True, slots=True)
class Service:
    """One kind of service manager. `log` is the command that shows what the gateway said;
    `follow` the same, without an end."""

    manager: str
    file: Path
    content: bytes
    install: tuple[tuple[str, ...], ...]
    uninstall: tuple[tuple[str, ...], ...]
    is_running: tuple[str, ...]
    log: tuple[str, ...]
    follow: tuple[str, ...]


def service_here(environ: Mapping[str, str] | None = None) -> Service:
    """The service for this machine. Raises UsageError where there is no manager that we know."""
    environ = os.environ if environ is None else environ
    if sys.platform == "darwin":
        return _launchd(environ)
    if sys.platform.startswith("linux") and shutil.which("systemctl"):
        return _systemd(environ)
    raise UsageError(
        "this system has no service manager that gwproxy knows",
        why="it knows systemd (Linux) and launchd (macOS)",
        hint="start `gwproxy serve` with your session, by a login item or the Task Scheduler",
    )


def serve_command() -> tuple[str, ...]:
    """How this very gwproxy is started again, by absolute path."""
    started_as = Path(sys.argv[0])
    found = shutil.which("gwproxy")
    if started_as.stem == "gwproxy" and found:
        return (str(Path(found).absolute()), "serve")
    return (sys.executable, "-m", "gwproxy", "serve")


def _systemd(environ: Mapping[str, str]) -> Service:
    config = environ.get("XDG_CONFIG_HOME")
    folder = (Path(config) if config else Path.home() / ".config") / "systemd" / "user"
    home = environ.get(paths.HOME_VARIABLE)
    line = f"Environment={_systemd_word(f'{paths.HOME_VARIABLE}={home}')}\n" if home else ""
    # Only in a command line has `$` a meaning (systemd.exec(5), Environment=).
    command = " ".join(_systemd_word(word).replace("$", "$$") for word in serve_command())
    content = _UNIT_TEXT.format(command=command, environment=line).encode()
    control = ("systemctl", "--user")
    journal = ("journalctl", "--user", "--user-unit", UNIT, "--output", "cat", "--no-hostname")
    return Service(
        manager="systemd",
        file=folder / UNIT,
        content=content,
        install=((*control, "daemon-reload"), (*control, "enable", "--now", UNIT)),
        uninstall=((*control, "disable", "--now", UNIT), (*control, "daemon-reload")),
        is_running=(*control, "is-active", "--quiet", UNIT),
        log=(*journal, "--lines", "200", "--no-pager"),
        follow=(*journal, "--lines", "20", "--follow"),
    )


def _systemd_word(text: str) -> str:
    """One word in a unit: quoted, `%` taken literally."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _launchd(environ: Mapping[str, str]) -> Service:
    file = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    log = str(paths.state_dir() / "serve.log")
    home = environ.get(paths.HOME_VARIABLE)
    content = plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": list(serve_command()),
            "EnvironmentVariables": {paths.HOME_VARIABLE: home} if home else {},
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "StandardErrorPath": log,
            "Umask": 0o077,
        }
    )
    domain = f"gui/{os.getuid()}"
    return Service(
        manager="launchd",
        file=file,
        content=content,
        install=(("launchctl", "bootstrap", domain, str(file)),),
        uninstall=(("launchctl", "bootout", f"{domain}/{LABEL}"),),
        is_running=("launchctl", "print", f"{domain}/{LABEL}"),
        log=("tail", "-n", "200", log),
        follow=("tail", "-n", "20", "-f", log),
    )


def shown(command: Sequence[str]) -> str:
    """A command line for a person."""
    return " ".join(command)

"""The gateway as a service of the logged-in user: what the file says, and who is to be told.

systemd on Linux (https://www.freedesktop.org/software/systemd/man/systemd.service.html), launchd
on macOS (launchd.plist(5)). Never a service of the machine: the keyring is the user's. Texts and
command lines only; nothing here writes or runs.
"""

from __future__ import annotations

import os
import plistlib
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from xml.parsers.expat import ExpatError

from gwproxy import paths
from gwproxy.clients.web_proxy import NO_PROXY, VARIABLES
from gwproxy.errors import UsageError
from gwproxy.profiles.local_token import TOKEN_VARIABLE

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


# What leads the gateway to its files and to the network, and no secret: a service manager starts
# it without what the shell has. A key_command needs PATH besides.
_TAKEN_ALONG: Final = (
    paths.HOME_VARIABLE,
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    *VARIABLES,
    *NO_PROXY,
)

_COMMAND: Final = re.compile(r"^ExecStart=(.*)$", re.MULTILINE)

_HAS_PASSWORD: Final = re.compile(r"[^/]*//[^/]*@|[^/]*@")


@dataclass(frozen=True, slots=True)
class Service:
    """One kind of service manager. `install` starts what is written in place of what runs; of its
    commands those that end what may not run (`may_fail`) need not succeed. `answers` is a question
    to the manager itself. `log` is the command
    that shows what the gateway said; `follow` the same, without an end. `left_behind` are the
    variables of the shell that matter, hold a secret, and are in no file."""

    manager: str
    file: Path
    content: bytes
    install: tuple[tuple[str, ...], ...]
    uninstall: tuple[tuple[str, ...], ...]
    is_running: tuple[str, ...]
    answers: tuple[str, ...]
    log: tuple[str, ...]
    follow: tuple[str, ...]
    may_fail: frozenset[tuple[str, ...]] = frozenset()
    left_behind: tuple[str, ...] = ()

    def differs(self, written: bytes) -> bool:
        """Whether a file says something else than this one, whatever shell wrote it."""
        return _without_environment(written) != _without_environment(self.content)

    def flags_in(self, written: bytes) -> tuple[str, ...]:
        """What stands behind `serve` in a file that `install` wrote; nothing in any other."""
        words = _command_in(written)
        return tuple(words[words.index("serve") + 1 :]) if "serve" in words else ()


def manages() -> bool:
    """Whether this machine has a service manager that gwproxy knows."""
    return _system() == "darwin" or (
        _system().startswith("linux") and shutil.which("systemctl") is not None
    )


def _system() -> str:
    return sys.platform  # what a type checker knows of it would hide the other systems


def service_here(
    environ: Mapping[str, str] | None = None,
    *,
    runs_commands: bool = False,
    flags: tuple[str, ...] = (),
) -> Service:
    """The service for this machine, which runs `gwproxy serve FLAGS`; `runs_commands` where a key
    comes from a command of the person's. Raises UsageError where there is no manager that we
    know."""
    environ = os.environ if environ is None else environ
    named = (*_TAKEN_ALONG, "PATH") if runs_commands else _TAKEN_ALONG
    along = {name: environ[name] for name in named if environ.get(name)}
    secret = [name for name in VARIABLES if _HAS_PASSWORD.match(along.get(name, ""))]
    for name in secret:
        del along[name]
    left_behind = (*secret, *(name for name in (TOKEN_VARIABLE,) if environ.get(name)))
    if not manages():
        raise UsageError(
            "this system has no service manager that gwproxy knows",
            why="it knows systemd (Linux) and launchd (macOS)",
            hint="gwproxy serve --detach",
        )
    command = serve_command(*flags)
    if _system() == "darwin":
        return replace(_launchd(along, command), left_behind=left_behind)
    folder = environ.get("XDG_CONFIG_HOME")
    return replace(_systemd(along, folder, command), left_behind=left_behind)


def serve_command(*flags: str) -> tuple[str, ...]:
    """How this very gwproxy is started again, by absolute path."""
    started_as = Path(sys.argv[0])
    found = shutil.which("gwproxy")
    if started_as.stem == "gwproxy" and found:
        return (str(Path(found).absolute()), "serve", *flags)
    return (sys.executable, "-m", "gwproxy", "serve", *flags)


def flags_of(given: Mapping[str, object]) -> tuple[str, ...]:
    """The options as they are typed; one that is None or False was not given."""
    words: list[str] = []
    for name, value in given.items():
        if value is not None and value is not False:
            words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return tuple(words)


def _without_environment(content: bytes) -> object:
    if content.startswith(b"["):
        return [line for line in content.splitlines() if not line.startswith(b"Environment=")]
    try:
        return plistlib.loads(content) | {"EnvironmentVariables": {}}
    except (ValueError, ExpatError):
        return content


def _command_in(written: bytes) -> list[str]:
    """The command line in a unit or an agent; nothing where it is neither."""
    try:
        if not written.startswith(b"["):
            return [str(word) for word in plistlib.loads(written)["ProgramArguments"]]
        line = _COMMAND.search(written.decode())
        text = line[1].replace("$$", "$").replace("%%", "%") if line else ""
        return shlex.split(text)
    except (ValueError, KeyError, TypeError, ExpatError):
        return []


def _systemd(along: Mapping[str, str], config: str | None, serve: Sequence[str]) -> Service:
    folder = (Path(config) if config else Path.home() / ".config") / "systemd" / "user"
    lines = [f"Environment={_systemd_word(f'{name}={value}')}\n" for name, value in along.items()]
    # Only in a command line has `$` a meaning (systemd.exec(5), Environment=).
    command = " ".join(_systemd_word(word).replace("$", "$$") for word in serve)
    content = _UNIT_TEXT.format(command=command, environment="".join(lines)).encode()
    control = ("systemctl", "--user")
    journal = ("journalctl", "--user", "--user-unit", UNIT, "--output", "cat", "--no-hostname")
    return Service(
        manager="systemd",
        file=folder / UNIT,
        content=content,
        install=(
            (*control, "daemon-reload"),
            (*control, "enable", UNIT),
            (*control, "restart", UNIT),
        ),
        uninstall=((*control, "disable", "--now", UNIT), (*control, "daemon-reload")),
        is_running=(*control, "is-active", "--quiet", UNIT),
        answers=(*control, "show-environment"),
        log=(*journal, "--lines", "200", "--no-pager"),
        follow=(*journal, "--lines", "20", "--follow"),
    )


def _systemd_word(text: str) -> str:
    """One word in a unit: quoted, `%` taken literally."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _launchd(along: Mapping[str, str], serve: Sequence[str]) -> Service:
    file = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    log = str(paths.service_log())
    content = plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": list(serve),
            "EnvironmentVariables": dict(along),
            "RunAtLoad": True,
            # Not after an exit code: a wrong configuration would start it again for ever.
            "KeepAlive": {"Crashed": True},
            "StandardErrorPath": log,
            "Umask": 0o077,
        }
    )
    domain = f"gui/{_user()}"
    end = ("launchctl", "bootout", f"{domain}/{LABEL}")
    return Service(
        manager="launchd",
        file=file,
        content=content,
        install=(
            end,
            ("launchctl", "bootstrap", domain, str(file)),
            ("launchctl", "kickstart", f"{domain}/{LABEL}"),
        ),
        uninstall=(end,),
        is_running=("launchctl", "print", f"{domain}/{LABEL}"),
        answers=("launchctl", "print", domain),
        log=("tail", "-n", "200", log),
        follow=("tail", "-n", "20", "-f", log),
        may_fail=frozenset({end}),
    )


def _user() -> int:
    user = 0
    if sys.platform != "win32":  # where there is no launchd to ask
        user = os.getuid()
    return user


def shown(command: Sequence[str]) -> str:
    """A command line for a person."""
    return " ".join(command)

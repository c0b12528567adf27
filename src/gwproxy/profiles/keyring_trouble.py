"""What can be wrong with an OS keyring, and the ways out for the very situation a person is in.

Pure but for `Situation.here`. `credentials` meets the exceptions of the keyring library and names
them as a `KeyringTroubleKind`; here each becomes a KeyringError whose hint can be followed on this
machine. The library's own texts are not shown: they recommend plaintext backends.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from gwproxy.errors import KeyringError
from gwproxy.profiles.secret import Source


class KeyringTroubleKind(Enum):
    """The ways in which a keyring fails people (jaraco/keyring #54, #162, #355, #477, #531)."""

    LOCKED = "locked"
    NO_SERVICE = "no service"
    NO_BUS = "no bus"
    TIMED_OUT = "timed out"
    NOT_KEPT = "not kept"
    UNTRUSTED = "untrusted backend"
    TOO_LONG = "too long"
    FAILED = "failed"


class KeyringTrouble(Exception):
    """Raised inside the credential seam only; `explain` turns it into words."""

    def __init__(self, trouble: KeyringTroubleKind, detail: str = "") -> None:
        super().__init__(trouble.value)
        self.trouble = trouble
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Situation:
    """What of this session decides where else a key can be kept."""

    platform: str = "linux"
    ssh: bool = False
    container: bool = False
    wsl: bool = False
    desktop: bool = False

    @classmethod
    def here(cls, environ: Mapping[str, str]) -> Situation:
        return cls(
            platform=sys.platform,
            ssh=bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY")),
            container=_is_container(environ),
            wsl=bool(environ.get("WSL_DISTRO_NAME") or environ.get("WSL_INTEROP")),
            desktop=bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")),
        )


@dataclass(frozen=True, slots=True)
class Asker:
    """The profile for which the keyring was asked.

    `adding` is the beginning of the `profile add` command that was running, "" when the profile
    is there already.
    """

    profile: str
    adding: str = ""

    def command(self, flag: str) -> str:
        """The command that puts the key elsewhere: `flag` is `env VAR`, `command …`, `file …`."""
        if self.adding:
            return f"{self.adding} --key-{flag}"
        return f"gwproxy profile key {self.profile} --{flag}"


_CONTAINER_MARKS: Final = ("/.dockerenv", "/run/.containerenv")  # Docker, Podman


def key_variable(profile: str) -> str:
    """The environment variable that overrides the key of `profile`."""
    return f"GWPROXY_KEY_{profile.replace('-', '_').upper()}"


def renewal(profile: str, source: Source, platform: str = sys.platform) -> str:
    """What puts a new key in the place of one that came from `source`, for a hint: a command, or
    where to change it. A variable wins over all else, so no command of ours would help."""
    match source.kind:
        case "environment":
            return f"the key came from {source.detail}; give it the new one:\n" + reading(
                source.detail, platform
            )
        case "file" | "command":
            return f"the key came from the {source}: put the new one there"
        case _:
            return f"gwproxy profile key {profile}"


def reading(variable: str, platform: str = sys.platform) -> str:
    """The command of a shell that reads a key into `variable`, without showing it."""
    if platform == "win32":
        return f"$env:{variable} = Read-Host -MaskInput"
    return f"read -rs {variable} && export {variable}"


def explain(trouble: KeyringTrouble, asker: Asker, situation: Situation) -> KeyringError:
    """The error that a person in `situation` can act upon."""
    what, why, first_aid = _words(trouble, situation)
    ways = _ways_out(asker, situation)
    hint = [*first_aid, "or keep the key elsewhere:" if first_aid else "keep the key elsewhere:"]
    return KeyringError(what, why=why, hint="\n".join([*hint, *ways]))


def _words(trouble: KeyringTrouble, situation: Situation) -> tuple[str, str, list[str]]:
    match trouble.trouble:
        case KeyringTroubleKind.LOCKED:
            return "the keyring is locked", _why_locked(situation), _unlock(situation)
        case KeyringTroubleKind.NO_SERVICE:
            return (
                "no keyring service runs in this session",
                "the session bus answers, but nothing on it keeps secrets",
                ["install one and log in again (Debian, Ubuntu: apt install gnome-keyring)"],
            )
        case KeyringTroubleKind.NO_BUS:
            return "there is no keyring here", _why_no_bus(situation), []
        case KeyringTroubleKind.TIMED_OUT:
            return (
                f"the keyring did not answer within {trouble.detail}",
                "its service hangs, or a question for its password is waiting on the desktop",
                ["answer that question or restart the service, then try again"],
            )
        case KeyringTroubleKind.NOT_KEPT:
            return (
                "the keyring took the key but did not keep it",
                "what was read back is not what was written",
                [],
            )
        case KeyringTroubleKind.UNTRUSTED:
            return (
                f"the keyring backend {trouble.detail} is not used for keys",
                "it keeps nothing, or keeps it where others can read it",
                ["take keyring_backend out of config.toml to use the system's own keyring"],
            )
        case KeyringTroubleKind.TOO_LONG:
            return (
                "the key is too long for the Windows Credential Manager",
                trouble.detail,
                [],
            )
        case KeyringTroubleKind.FAILED:
            return "the keyring failed", trouble.detail, []


def _why_locked(situation: Situation) -> str:
    if situation.platform == "darwin":
        return "macOS keeps the login keychain locked outside the desktop session"
    if situation.ssh:
        return "nobody can be asked for its password over SSH"
    if situation.desktop:
        return "it asked for its password and did not get it"
    return "there is no desktop here on which it could ask for its password"


def _unlock(situation: Situation) -> list[str]:
    if situation.platform == "darwin":
        return ["security unlock-keychain, then try again"]
    if situation.desktop and not situation.ssh:
        return ["try again and answer the question for its password"]
    return ["unlock it (gnome-keyring-daemon --unlock reads its password), then try again"]


def _why_no_bus(situation: Situation) -> str:
    if situation.container:
        return "a container has no desktop session and so no keyring"
    if situation.ssh:
        return "this SSH session has no D-Bus session bus"
    if situation.wsl:
        return "WSL has no keyring of its own unless one is installed and started"
    return "this session has no D-Bus session bus (sudo, cron and services have none)"


def _ways_out(asker: Asker, situation: Situation) -> list[str]:
    """Other places for the key, each with what to type; the variable first, as it works
    everywhere. Words stand on a line of their own: a command is to be pasted."""
    variable = key_variable(asker.profile)
    ways = ["in a variable of this shell:"]
    if situation.container and not asker.adding:
        ways = [f"in a variable, which the container is started with: -e {variable}"]
    else:
        ways.append(f"  {reading(variable, situation.platform)}")
        if asker.adding:
            ways.append(f"  {asker.command(f'env {variable}')}")
    return [
        *ways,
        "with a password manager:",
        "  " + asker.command(f"command 'pass show {asker.profile}'"),
        "in a file that only you can read:",
        f"  {asker.command('file PATH')}",
    ]


def _is_container(environ: Mapping[str, str]) -> bool:
    return "KUBERNETES_SERVICE_HOST" in environ or any(
        Path(mark).exists() for mark in _CONTAINER_MARKS
    )

"""Where a new profile's key is to be: the ways that work on this machine, and which of them."""

from __future__ import annotations

import os
import re
import shutil
from typing import Final

from gwproxy import paths
from gwproxy.cli.options import KeyFlags
from gwproxy.cli.output import Output
from gwproxy.errors import CredentialError, KeyringError, UsageError
from gwproxy.profiles import changes, credentials, store
from gwproxy.profiles.keyring_trouble import key_variable

_VARIABLE: Final = re.compile(r"[A-Za-z_]\w*")

_MANAGERS: Final = {
    "op": "op read op://VAULT/ITEM/FIELD",
    "pass": "pass show NAME",
    "gopass": "gopass show -o NAME",
    "bw": "bw get password NAME",
    "rbw": "rbw get NAME",
    "security": "security find-generic-password -w -s NAME",
}
"""Password managers with a command line, and what each prints a secret with."""


def ask_way(output: Output, profile: str) -> KeyFlags:
    """Where the key is, asked for on a terminal. Raises KeyringError where nobody is there to
    answer and no keyring keeps it."""
    ways = {
        "env": "a variable of your shell",
        "command": f"a command that prints it{_example()}",
        "file": "a file that only you can read",
    }
    try:
        credentials.stored_key(profile, credentials.keyring_of(store.load()))
    except KeyringError as error:
        if not output.can_ask():
            raise
        output.talk(f"{error.what}: {error.why}. Your key can be kept elsewhere.")
    else:
        if not output.can_ask():
            return KeyFlags()
        ways = {"keyring": "your system's own, open while you are logged in", **ways}
    while True:
        way = output.choose("Keep the key in", ways, "--key-stdin or --key-env")
        if way == "keyring":
            return KeyFlags()
        words, read = _ASKED[way]
        usual = key_variable(profile)
        given = usual if way == "env" and os.environ.get(usual) else ""
        another = "" if given else " (empty for another way)"
        flag = f"--key-{way}"
        text = output.ask_until(f"{words}{another}", read, flag, default=given, optional=True)
        if text:
            return KeyFlags(**{way: text})  # type: ignore[arg-type]


def _example() -> str:
    here = (example for program, example in _MANAGERS.items() if shutil.which(program))
    return f", such as {example}" if (example := next(here, "")) else ", of a password manager"


def _variable(text: str) -> str:
    """Raises UsageError."""
    name = text.removeprefix("$")
    if not name:
        return ""
    if not _VARIABLE.fullmatch(name):
        raise UsageError("this is no name of a variable", why="letters, digits and _")
    if not os.environ.get(name):
        raise UsageError(f"{name} is not set in this shell", why="export it before gwproxy init")
    return name


def _command(text: str) -> str:
    """Raises UsageError."""
    program = changes.split_command(text)[0] if text else ""
    if program and not shutil.which(program):
        raise UsageError(f"{program} is not here", why="neither a program in PATH nor a file")
    return text


def _file(text: str) -> str:
    """Raises UsageError."""
    if not text:
        return ""
    try:
        credentials.read_key_file(paths.expanded(text).absolute())
    except CredentialError as error:
        said = [part for part in (error.why, error.hint) if part]
        raise UsageError(error.what, why="; ".join(said)) from None
    return text


_ASKED: Final = {
    "env": ("Variable", _variable),
    "command": ("Command", _command),
    "file": ("File", _file),
}

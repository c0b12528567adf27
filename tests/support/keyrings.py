"""Keyrings for tests: one in memory, and backends of the keyring library for real commands.

A command in a process of its own is given `FileBackend` by name in config.toml, which is how a
person would choose a backend too.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from gwproxy.profiles.keyring_trouble import KeyringTrouble, KeyringTroubleKind
from gwproxy.profiles.secret import Secret

FILE_VARIABLE = "TEST_KEYRING_FILE"


class MemoryKeyring:
    """A well-behaved keyring; `trouble` makes every call fail."""

    def __init__(self, **keys: str) -> None:
        self.keys = dict(keys)
        self.trouble: KeyringTroubleKind | None = None

    def read(self, profile: str) -> Secret | None:
        self._fail()
        value = self.keys.get(profile)
        return None if value is None else Secret(value)

    def write(self, profile: str, secret: Secret) -> None:
        self._fail()
        self.keys[profile] = secret.reveal()

    def delete(self, profile: str) -> bool:
        self._fail()
        return self.keys.pop(profile, None) is not None

    def _fail(self) -> None:
        if self.trouble is not None:
            raise KeyringTrouble(self.trouble)


class FileBackend(KeyringBackend):
    """Keeps everything in the JSON file that TEST_KEYRING_FILE names."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        return stored(_path()).get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        _write({**stored(_path()), f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        keys = stored(_path())
        if keys.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError("no such password")
        _write(keys)


class ForgetfulBackend(FileBackend):
    """Says nothing and stores nothing, like keyring.backends.null."""

    priority = 1

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class LockedBackend(FileBackend):
    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("Failed to unlock the collection!")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked("Failed to unlock the collection!")


class SilentBackend(FileBackend):
    """Never answers, as a stopped Secret Service does not."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        time.sleep(3600)
        return None


class BrokenBackend(FileBackend):
    """Fails with a text that has a key in it, as careless code does."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError("cannot handle sk-kimi-canary-in-an-exception")


def stored(path: Path) -> dict[str, str]:
    """What the backends above have stored in `path`."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def use_backend(home: Path, name: str) -> None:
    """Name one of the backends of `support.keyrings` in config.toml."""
    home.mkdir(mode=0o700, exist_ok=True)
    config = home / "config.toml"
    kept = config.read_text(encoding="utf-8").splitlines() if config.exists() else []
    kept = [line for line in kept if not line.startswith("keyring_backend")]
    lines = [f'keyring_backend = "support.keyrings.{name}"', *kept]
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _path() -> Path:
    return Path(os.environ[FILE_VARIABLE])


def _write(keys: dict[str, str]) -> None:
    _path().write_text(json.dumps(keys), encoding="utf-8")

"""Fixtures for the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.background import background
from support.cli import InProcess, Ran
from support.profiles import KEY
from support.raw import free_port

__all__ = ["background", "kimi"]


@pytest.fixture
def kimi(command: InProcess, key_file: Path) -> Ran:
    """The profile `kimi`, its key in the keyring."""
    ran = command("profile", "add", "kimi", "--preset", "kimi-code", "--key-stdin", stdin=KEY)
    assert ran.code == 0, ran
    return ran


@pytest.fixture
def port(gwproxy_home: Path) -> int:
    """Another gwproxy on this machine must not be asked: the port is a free one."""
    port = free_port()
    gwproxy_home.mkdir(exist_ok=True)
    (gwproxy_home / "config.toml").write_text(f"[serve]\nport = {port}\n")
    return port

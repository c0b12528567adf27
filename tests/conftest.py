"""Fixtures for every test: nothing of this machine leaks in, and nothing leaks out.

Before any test the environment loses everything that steers gwproxy, its clients or a keyring,
and HOME points to an empty folder. GWPROXY_HOME points nowhere on purpose: a test that reads or
writes our own files asks for `gwproxy_home`, or fails.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.cli import InProcess
from support.keyrings import FILE_VARIABLE, MemoryKeyring, use_backend
from support.running import (
    pytest_cmdline_main,
    pytest_collection,
    pytest_configure,
    pytest_configure_node,
)

__all__ = [
    "pytest_cmdline_main",
    "pytest_collection",
    "pytest_configure",
    "pytest_configure_node",
]

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

STEERING = (
    "GWPROXY_",
    "ANTHROPIC_",
    "OPENAI_",
    "CLAUDE_",
    "CODEX_",
    "OPENCODE_",
    "OPENCLAW_",
    "XDG_",
    "PYTHON_KEYRING_",
    "SSH_",
    "WSL_",
)
"""Beginnings of variables that change what is tested."""

SINGLE = ("DISPLAY", "WAYLAND_DISPLAY", "NO_COLOR", "FORCE_COLOR", "http_proxy", "https_proxy")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """What a background job of a shell ignores, and hands on to all its children, is heard."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An environment that only the tests decide about."""
    home = tmp_path_factory.mktemp("home")
    whole_run = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        whole_run = whole_run.parent
    with pytest.MonkeyPatch.context() as patch:
        if sys.dont_write_bytecode:  # beside the sources, that is; else each command compiles all
            patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
            patch.setenv("PYTHONPYCACHEPREFIX", str(whole_run / "compiled"))
        for name in list(os.environ):
            if name.startswith(STEERING) or name in SINGLE or name.upper().endswith("_PROXY"):
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("GWPROXY_HOME", f"{os.devnull}/no-home-in-this-test")
        # Unset, clients would look for the bus of the person who runs the tests.
        patch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={home}/no-bus")
        patch.setenv("TERM", "dumb")
        yield


@pytest.fixture
def gwproxy_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty GWPROXY_HOME; also for the commands that the test starts."""
    home = tmp_path / "gwproxy"
    monkeypatch.setenv("GWPROXY_HOME", str(home))
    return home


@pytest.fixture
def command(
    gwproxy_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> InProcess:
    """Runs command lines in this process, in an empty GWPROXY_HOME."""
    return InProcess(capsys, monkeypatch)


@pytest.fixture
def memory_keyring() -> MemoryKeyring:
    """A keyring to be handed to what is tested."""
    return MemoryKeyring()


@pytest.fixture
def key_file(gwproxy_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file behind the keyring that config.toml names; real commands use it."""
    use_backend(gwproxy_home, "FileBackend")
    path = gwproxy_home.parent / "keys.json"
    monkeypatch.setenv(FILE_VARIABLE, str(path))
    return path

"""--help is fast: it loads none of the heavy libraries and starts no other process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.cli import InProcess, environment

HEAVY = {
    "aiohttp",
    "asyncio",
    "keyring",
    "msgspec",
    "pydantic",
    "rich",
    "secretstorage",
    "sqlite3",
    "tomlkit",
}


def imported_by(*arguments: str) -> set[str]:
    """The top-level names of all modules that `gwproxy ARGUMENTS…` imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "gwproxy", *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["token"], ["profile", "--help"], ["profile", "add", "--help"]],
    ids=" ".join,
)
def test_light_commands_load_nothing_heavy(gwproxy_home: Path, arguments: list[str]) -> None:
    assert not imported_by(*arguments) & HEAVY


@pytest.mark.parametrize("asked", ["__profiles", "__models"])
def test_the_names_for_a_tab_load_not_even_typer(gwproxy_home: Path, asked: str) -> None:
    assert not imported_by(asked) & {*HEAVY, "typer", "platformdirs", "subprocess"}


def test_help_shows_every_command_that_is_there(command: InProcess) -> None:
    ran = command("--help")
    assert (ran.code, ran.stderr) == (0, "")
    assert command().stdout == ran.stdout
    for name in ("profile", "token", "completion"):
        assert f"  {name} " in ran.stdout


def test_help_of_a_command_shows_no_python(command: InProcess) -> None:
    assert "  PROFILE  These profiles.\n" in command("test", "--help").stdout
    assert "<" not in command("profile", "rename", "--help").stdout


def test_help_of_a_command_shows_its_options(command: InProcess) -> None:
    ran = command("profile", "add", "-h")
    assert (ran.code, ran.stderr) == (0, "")
    assert "--preset strongwall|kimi-k25|kimi-code|claude-gateway|custom|demo" in ran.stdout
    assert "--key-stdin" in ran.stdout

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
        check=False,
    )
    assert done.returncode in (0, 1, 4), done.stderr  # doctor finds trouble, and no key is there
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["token"], ["profile", "--help"], ["profile", "add", "--help"]],
    ids=" ".join,
)
def test_light_commands_load_nothing_heavy(gwproxy_home: Path, arguments: list[str]) -> None:
    assert not imported_by(*arguments) & HEAVY


@pytest.mark.parametrize(
    "arguments",
    [["doctor"], ["status"], ["models", "demo"], ["models", "kimi"], ["setup", "--list"], []],
    ids=" ".join,
)
def test_what_asks_no_provider_loads_neither_the_http_library_nor_pydantic(
    gwproxy_home: Path, arguments: list[str]
) -> None:
    gwproxy_home.mkdir(mode=0o700)
    text = '[profiles.kimi]\npreset = "kimi-code"\nkey_env = "NO_SUCH_VARIABLE"\n'
    (gwproxy_home / "config.toml").write_text(text)
    assert not imported_by(*arguments) & {"aiohttp", "pydantic", "tomlkit"}


def test_nobody_loads_pydantic_to_read_what_was_typed(gwproxy_home: Path) -> None:
    words = ["profile", "add", "a", "--preset", "strongwall", "--header", "A: b", "--no-key"]
    assert "pydantic" not in imported_by(*words)
    assert "pydantic" not in imported_by("service", "install", "--port", "5000", "--dry-run")


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


def test_to_see_what_is_set_up_loads_nothing_that_changes_files(gwproxy_home: Path) -> None:
    """`serve` looks at it before it answers."""
    code = (
        "import sys; from gwproxy.cli.hints import tools_set_up; assert tools_set_up() == [];"
        "sys.exit('gwproxy.clients.change' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], env=environment()).returncode == 0

"""The frame of every command: exit codes, envelopes, Ctrl-C, and mistakes of our own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gwproxy import __version__
from gwproxy.cli import app
from gwproxy.errors import (
    ConfigError,
    CredentialError,
    GwproxyError,
    KeyringError,
    UpstreamError,
    UsageError,
)
from support.cli import InProcess, environment, gwproxy_on_terminal


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make `gwproxy token` raise `error`."""

    def raise_it() -> None:
        raise error

    monkeypatch.setattr("gwproxy.profiles.local_token.local_token", raise_it)


def test_the_version(command: InProcess) -> None:
    assert command("--version").stdout == f"gwproxy {__version__}\n"


def test_a_mistyped_command_is_guessed(command: InProcess) -> None:
    ran = command("profil", "list")
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr.splitlines()[:2] == [
        "error: there is no command 'profil'",
        "why: did you mean profile?",
    ]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["token", "--no-such"], "there is no option --no-such"),
        (["profile", "ad"], "there is no command 'ad'"),
        (["service", "stat"], "there is no command 'stat'"),
        (["profile", "show"], "PROFILE is missing"),
        (["profile", "list", "extra"], "'extra' is more than this takes"),
        (["profile", "add", "x", "--preset"], "--preset needs a value"),
        (["serve", "--port", "x"], "--port takes a number from 0 to 65535, not 'x'"),
        (["serve", "--port", "70000"], "--port takes a number from 0 to 65535, not '70000'"),
    ],
)
def test_a_malformed_command_line_exits_with_2(
    command: InProcess, arguments: list[str], what: str
) -> None:
    ran = command(*arguments)
    assert (ran.code, ran.stdout) == (2, "")
    lines = ran.stderr.splitlines()
    assert lines[0] == f"error: {what}"
    assert lines[-1].startswith("hint: gwproxy ")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["no-such", "--json"], ""),
        (["token", "--json", "--no-such"], "token"),
        (["profile", "show", "--json"], "profile show"),
        (["profile", "--json", "show", "x"], "profile show"),
    ],
)
def test_errors_before_a_command_begins_are_envelopes_too(
    command: InProcess, arguments: list[str], name: str
) -> None:
    ran = command(*arguments)
    assert (ran.code, ran.stderr) == (2, "")
    assert ran.envelope["status"] == "error"
    assert ran.envelope["command"] == name
    assert ran.envelope["error"]["exit_code"] == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (GwproxyError("x"), 1),
        (UsageError("x"), 2),
        (ConfigError("x"), 3),
        (CredentialError("x"), 4),
        (KeyringError("x"), 4),
        (UpstreamError("x"), 5),
    ],
)
def test_every_kind_of_error_has_its_exit_code(
    command: InProcess, monkeypatch: pytest.MonkeyPatch, error: GwproxyError, code: int
) -> None:
    raising(monkeypatch, error)
    assert command("token").code == code
    ran = command("token", "--json")
    assert (ran.code, ran.envelope["error"]["exit_code"]) == (code, code)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), EOFError()])
def test_an_interruption_exits_with_130(
    command: InProcess, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    raising(monkeypatch, error)
    ran = command("token")
    assert (ran.code, ran.stdout) == (130, "")
    assert ran.stderr.strip() == "interrupted"
    ran = command("token", "--json")
    assert (ran.code, ran.envelope["error"]["exit_code"]) == (130, 130)


def test_a_mistake_of_ours_is_short_kind_and_without_keys(
    command: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, ValueError("bad sk-kimi-canary-0123456789"))
    ran = command("token")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[:2] == [
        "error: gwproxy stumbled over a mistake of its own",
        "why: ValueError: bad [masked]",
    ]
    assert "Traceback" not in ran.stderr


def test_debug_shows_where_it_came_from_and_still_no_keys(
    command: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, ValueError("bad sk-kimi-canary-0123456789"))
    monkeypatch.setenv("GWPROXY_DEBUG", "")
    for ran in (command("--debug", "token"),):
        assert "Traceback" in ran.stderr
        assert "canary" not in ran.stderr
    monkeypatch.setenv("GWPROXY_DEBUG", "1")
    assert "Traceback" in command("token").stderr


def test_a_mistake_of_ours_is_an_envelope_with_json(
    command: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, ValueError("bad"))
    ran = command("token", "--json")
    assert ran.code == 1
    assert ran.envelope["error"]["why"] == "ValueError: bad"


def test_a_reader_that_goes_away_is_no_trouble(gwproxy_home: Path) -> None:
    script = f"{sys.executable} -m gwproxy --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1)  # depends on who is faster
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", [["--help"], ["usage", "--json"], ["token"]])
def test_a_full_disk_is_no_mistake_of_ours(gwproxy_home: Path, arguments: list[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no device here that is always full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gwproxy", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "error: cannot write to stdout\nwhy: No space left on device\n"


def test_streams_that_are_not_there_are_no_trouble(gwproxy_home: Path) -> None:
    script = f"{sys.executable} -m gwproxy status <&- >&- 2>&-"
    done = subprocess.run(["bash", "-c", script], env=environment(), check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_fewer_letters_than_ours_are_enough(gwproxy_home: Path, encoding: str) -> None:
    environ = environment({"PYTHONIOENCODING": encoding, "A_KEY": "sk-0123456789abcdef"})

    def said(*arguments: str) -> str:
        words = [sys.executable, "-m", "gwproxy", *arguments]
        done = subprocess.run(
            words, capture_output=True, env=environ, encoding=encoding, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    add = ("profile", "add", "up", "--preset", "strongwall", "--key-env", "A_KEY", "--quiet")
    said(*add, "--model", "モデル")
    listed = said("profile", "list")
    assert ("…cdef" if encoding == "cp1252" else "...cdef") in listed
    assert " ??? " in listed
    (profile,) = json.loads(said("profile", "list", "--json"))["data"]["profiles"]
    assert profile["model"] == "モデル"


@pytest.mark.parametrize("columns", [40, 60])
def test_help_keeps_within_a_narrow_terminal_and_tears_no_word(
    command: InProcess, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    for words in _every_command():
        monkeypatch.setenv("COLUMNS", "1000")
        whole = set(re.findall(r"[A-Za-z]+", command(*words, "--help").stdout))
        monkeypatch.setenv("COLUMNS", str(columns))
        narrow = command(*words, "--help").stdout
        assert max(map(len, narrow.splitlines())) <= columns, words
        assert set(re.findall(r"[A-Za-z]+", narrow)) == whole, words


def _every_command() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [()]
    for entry in app.available_commands():
        found.append((entry.name,))
        children = getattr(app.load_command(entry), "commands", {})
        found += [(entry.name, child) for child in children]
    return found


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_ctrl_c_at_a_prompt_changes_nothing(gwproxy_home: Path, key_file: Path, key: str) -> None:
    before = (gwproxy_home / "config.toml").read_text()
    ran = gwproxy_on_terminal("profile", "add", "kimi", "--preset", "kimi-code", answers=[key])
    assert (ran.code, ran.stdout) == (130, "")
    assert ran.stderr.rstrip().endswith("interrupted")
    assert "Traceback" not in ran.stderr
    assert (gwproxy_home / "config.toml").read_text() == before


def test_help_of_every_command_is_the_line_of_the_list() -> None:
    for entry in app.available_commands():
        command = app.load_command(entry)
        assert command.get_short_help_str(limit=200) == entry.help, entry.name

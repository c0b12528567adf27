"""`gwproxy serve --detach`: a gateway that outlives the terminal, until `gwproxy stop`."""

from __future__ import annotations

import json
import os
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gwproxy.cli import detach, service_log
from gwproxy.profiles.local_token import local_token
from support.cli import InProcess, gwproxy

DEMO = ("serve", "--detach", "--profile", "demo", "--port", "0")


@pytest.fixture(autouse=True)
def ended(gwproxy_home: Path) -> Iterator[None]:
    """Nothing that a failed test has started goes on."""
    yield
    while list(gwproxy_home.glob("server*.json")):
        assert gwproxy("stop").code == 0


def word_of(home: Path) -> dict[str, Any]:
    return dict(json.loads((home / "server.json").read_text()))


def test_its_whole_life(gwproxy_home: Path) -> None:
    ran = gwproxy(*DEMO)
    assert ran.code == 0, ran
    url = ran.stdout.strip()
    word = word_of(gwproxy_home)
    assert word["url"] == url
    if hasattr(os, "getsid"):
        assert os.getsid(word["pid"]) == word["pid"] != os.getsid(0)
    log = gwproxy_home / "serve.log"
    assert f"it says more in {log}\nstop: gwproxy stop\n" in ran.stderr
    assert log.stat().st_mode & 0o077 == 0

    head = {"x-api-key": local_token().reveal()}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/models", headers=head)) as answer:
        assert answer.status == 200
    assert gwproxy("stop").stdout == f"stopped {url}\n"
    said = gwproxy("service", "logs", environ={"PATH": ""})
    assert (said.code, said.stderr) == (0, "")
    assert f"listening  {url} " in said.stdout
    assert "stop       gwproxy stop\n" in said.stdout


def test_its_flags_are_handed_on(gwproxy_home: Path) -> None:
    ran = gwproxy(*DEMO, "--quiet", "--json-logs", "--log-level", "debug", "--capture")
    assert (ran.code, ran.stderr) == (0, "")
    assert "listening" not in (gwproxy_home / "serve.log").read_text()
    arguments = Path(f"/proc/{word_of(gwproxy_home)['pid']}/cmdline")
    if arguments.exists():
        words = arguments.read_bytes().decode().split("\0")
        for flag in ("--quiet", "--json-logs", "--log-level", "--capture", "--profile"):
            assert flag in words
        assert "--detach" not in words


def test_what_is_wrong_is_told_before_it_starts(command: InProcess, gwproxy_home: Path) -> None:
    assert command("serve", "--detach").code == 3
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        ran = command("serve", "--detach", "--profile", "demo", "--port", port)
    assert (ran.code, f"port {port} of 127.0.0.1 is taken" in ran.stderr) == (3, True)
    assert not (gwproxy_home / "serve.log").exists()


def test_what_only_the_gateway_finds_is_told_here(gwproxy_home: Path) -> None:
    gwproxy_home.mkdir(mode=0o700)
    (gwproxy_home / "serve.log").write_text("error: of yesterday\nwhy: long ago\n")
    ran = gwproxy(*DEMO, environ={"GWPROXY_TOKEN": "short"})
    plain = gwproxy(*DEMO[:1], *DEMO[2:], environ={"GWPROXY_TOKEN": "short"})
    assert (ran.code, ran.stdout) == (plain.code, "") == (4, "")
    assert ran.stderr == plain.stderr


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"error: a\nwhy: b\nhint: c\n  d\nlater\n", ("a", "b", "c\nd")),
        (b"error: a\nhint: c\n", ("a", "", "c")),
        (b"Killed\n", ("the gateway did not start", "Killed", "see LOG")),
        (b"", ("the gateway did not start", "it ended with 7", "see LOG")),
    ],
)
def test_its_last_words(tmp_path: Path, said: bytes, told: tuple[str, str, str]) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"error: before\n" + said)
    error = detach._what_it_said(log, len(b"error: before\n"), 7)
    assert (error.what, error.why, error.hint.replace(str(log), "LOG")) == told
    assert error.exit_code == 7


def test_a_log_is_followed_also_where_its_older_half_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_log, "_POLL_S", 0.0)
    log = tmp_path / "log"
    log.write_text("".join(f"{number}\n" for number in range(1000)))
    lines = service_log.follow(log, go_on=True)
    assert [next(lines) for _ in range(200)] == [f"{number}\n" for number in range(800, 1000)]
    log.write_text("new\n")
    assert next(lines) == "new\n"

"""`gwproxy status` and `gwproxy stop`: what the port itself says, and an end that is one."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gwproxy.cli.status import span
from gwproxy.profiles.secret import Secret
from gwproxy.proxy import holder
from gwproxy.proxy.records.ledger import Entry, LedgerFile
from gwproxy.proxy.serving import Options
from gwproxy.simulator import DEMO, PlayedRefusal
from support.background import Background, until
from support.cli import InProcess, environment
from support.exchanges import ANSWERED, REFUSED
from support.profiles import KEY

T = TypeVar("T")

pytestmark = pytest.mark.usefixtures("port")


def add(command: InProcess, url: str, name: str = "up") -> None:
    arguments = ("--openai-url", url, "--model", "demo-1", "--key-env", "UP_KEY")
    ran = command("profile", "add", name, *arguments)
    assert ran.code == 0, ran


def test_nothing_runs(command: InProcess, port: int) -> None:
    ran = command("status")
    assert (ran.code, ran.stdout) == (0, f"gwproxy does not run at http://127.0.0.1:{port}\n")
    assert "next: gwproxy profile add" in ran.stderr
    data = command("status", "--json").envelope["data"]
    assert (data["running"], data["held_by"], data["profiles"]) == (False, None, [])


def test_another_program_has_the_port(command: InProcess, port: int, gwproxy_home: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
    data = _with_server(port, answer, lambda: command("status", "--json").envelope["data"])
    assert data["running"] is False


def _with_server(port: int, answer: bytes, ask: Any) -> Any:

    with socket.create_server(("127.0.0.1", port)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            connection.recv(4096)
            connection.sendall(answer)
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            return ask()
        finally:
            thread.join()


def test_what_a_running_gateway_tells(
    command: InProcess,
    background: Background,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UP_KEY", KEY)
    provider = background.provider(DEMO)
    provider.will(PlayedRefusal(500, "the engine is on fire"))
    add(command, provider.openai_url)
    gateway = background.gateway(Options(port=port))
    assert command("test", "up", "--quick").code == 5  # directly: that one is the planned refusal
    assert command("test", "up", "--quick").code == 0
    provider.will(PlayedRefusal(500, "the engine is on fire"))
    assert _ask_through(gateway.url, command("token").stdout.strip()) == 500

    data = command("status", "--json").envelope["data"]
    assert data["running"] is True
    assert (data["url"], data["default"], data["pid"]) == (gateway.url, "up", os.getpid())
    assert (data["answered"], data["failed"]) == (1, 1)
    (profile,) = data["profiles"]
    assert profile["key"] == {"source": "environment variable UP_KEY", "masked": "…abcd"}
    (error,) = data["last_errors"]
    assert (error["status"], error["profile"]) == (500, "up")
    assert "on fire" in error["error"]
    assert data["ledger"] == {"path": "", "trouble": "", "waiting": 0, "lost": 0}

    ran = command("status")
    assert ran.stdout.startswith(f"gwproxy {data['version']} runs at {gateway.url} (process ")
    assert "1 answered, 1 failed, 0 running" in ran.stdout
    assert re.search(r"up \*  +demo-1  127\S+  …abcd  environment variable UP_KEY", ran.stdout)
    assert "on fire" in ran.stdout
    assert KEY not in ran.stdout + ran.stderr + json.dumps(data)


def test_a_restart_forgets_neither_the_last_errors_nor_the_last_answer(
    command: InProcess,
    background: Background,
    port: int,
    gwproxy_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UP_KEY", KEY)
    provider = background.provider(DEMO)
    add(command, provider.openai_url)
    options = Options(port=port, ledger=gwproxy_home / "usage.db")
    token = command("token").stdout.strip()
    first = background.gateway(options)
    assert _ask_through(first.url, token, "messages", max_tokens=9, top_k=3) == 200
    provider.will(PlayedRefusal(503, f"the engine is busy, {KEY} or not"))
    assert _ask_through(first.url, token) == 503
    before = command("status", "--json").envelope["data"]
    background.stop()

    background.gateway(options)
    after = command("status", "--json").envelope["data"]
    assert (after["answered"], after["failed"]) == (0, 0)
    (error,) = after["last_errors"]
    assert abs(error.pop("at") - before["last_errors"][0].pop("at")) <= 1
    assert error == before["last_errors"][0]
    assert "[masked]" in error["error"]
    (answer,) = (one["last_answered"] for one in after["profiles"])
    assert answer["request_id"] == before["profiles"][0]["last_answered"]["request_id"]
    assert answer["losses"] == ["drop:top_k"]
    ran = command("status")
    year = time.strftime("%Y-")
    assert re.search(rf"{year}\S+ \S+  up:demo-1  in \S+ s.*{answer['request_id']}", ran.stdout)
    assert "left out (drop): top_k" in ran.stdout
    assert re.search(rf"{year}\S+ \S+  503  up:.*busy.*{error['request_id']}", ran.stdout)


def test_where_no_gateway_runs_the_ledger_says_what_took_so_long_or_failed(
    command: InProcess, gwproxy_home: Path
) -> None:
    add(command, "http://127.0.0.1:1/v1")
    slow = replace(ANSWERED, profile="up", sent_s=0.1, heard_s=62.0, duration_s=70.5)
    late = replace(
        REFUSED, request_id="req_2", queued_s=39.9, sent_s=40.0, heard_s=40.9, duration_s=41.0
    )
    database = LedgerFile.open(gwproxy_home / "usage.db")
    database.insert([Entry.of(record, None) for record in (slow, late)])
    database.close()
    ran = command("status")
    answer = next(line for line in ran.stdout.splitlines() if slow.request_id in line)
    assert "in 70.5 s, the first byte after 0.5 s; most of it, 61.9 s, waiting for " in answer
    failure = next(line for line in ran.stdout.splitlines() if "req_2" in line)
    assert "overloaded" in failure
    assert "most of it, 39.9 s, waiting for a place" in failure
    assert "next: gwproxy log last --errors" in ran.stderr
    data = command("status", "--json").envelope["data"]
    assert data["running"] is False
    assert data["profiles"][0]["last_answered"]["wait_ms"] == 61_900
    assert command("log", "last", "--errors").stdout.splitlines()[0].endswith("req_2")


def test_a_key_is_told_as_the_gateway_has_it(
    command: InProcess,
    background: Background,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A background gateway shares this process, so its own environment is what a look at the
    server's route tells, and this shell's is changed in between."""
    add(command, "http://127.0.0.1:1/v1")
    background.gateway(Options(port=port))
    asked = holder.ask

    async def with_another_environment(*arguments: Any) -> Any:
        monkeypatch.setenv("UP_KEY", KEY)
        told = await asked(*arguments)
        monkeypatch.delenv("UP_KEY")
        return told

    monkeypatch.setattr(holder, "ask", with_another_environment)
    (profile,) = command("status", "--json").envelope["data"]["profiles"]
    assert profile["key"] == {"source": "environment variable UP_KEY", "masked": "…abcd"}
    assert profile["key_trouble"] is None

    async def without_it(*arguments: Any) -> Any:
        monkeypatch.delenv("UP_KEY", raising=False)
        told = await asked(*arguments)
        monkeypatch.setenv("UP_KEY", KEY)
        return told

    monkeypatch.setattr(holder, "ask", without_it)
    (profile,) = command("status", "--json").envelope["data"]["profiles"]
    assert "no key" in profile["key_trouble"]


def test_what_its_workers_could_not_do(
    command: InProcess, background: Background, port: int, gwproxy_home: Path
) -> None:
    gateway = background.gateway(Options(port=port, ledger=gwproxy_home / "usage.db"))
    ledger = gateway.gateway._services.ledger
    assert "recorded" not in command("status").stderr
    odd: dict[str, Any] = dict.fromkeys(Entry.__struct_fields__, "caf\udce9")
    ledger.add(Entry(**odd | {"request_id": "req_odd"}))
    ledger.close()
    ran = command("status")
    assert "usage cannot be recorded: 1 since the start, the last for UnicodeEnc" in ran.stderr
    data = command("status", "--json").envelope["data"]
    assert (data["ledger"]["trouble"], data["ledger"]["lost"]) == ("", 1)
    assert [one["failed"] for one in data["workers"]] == [1, 0, 0, 0, 0, 0, 0]
    assert "UnicodeEncodeError" in command("doctor").stdout


def test_a_prompt_cache_that_broke_is_told_with_its_reason(
    command: InProcess,
    background: Background,
    port: int,
    gwproxy_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UP_KEY", KEY)
    add(command, background.provider(DEMO).openai_url)
    options = Options(port=port, ledger=gwproxy_home / "usage.db")
    token = command("token").stdout.strip()
    url = background.gateway(options).url
    turns = [{"role": "user", "content": "hi " * 50}]
    for tool in ("Read", "Read", "Write"):
        system = [{"type": "text", "text": f"{tool}: " + "You write code. " * 500}]
        told = {"max_tokens": 9, "messages": turns, "system": system}
        assert _ask_through(url, token, "messages", **told) == 200
        turns += [{"role": "assistant", "content": "Hello."}, {"role": "user", "content": "go on"}]

    def settled() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = command("status", "--json").envelope["data"]["cache_alarms"]
        return found

    (alarm,) = until(settled)
    assert (alarm["profile"], alarm["changed_by"], alarm["over"]) == ("up", "the tool", False)
    ran = command("status")
    said = " ".join(ran.stdout.split())
    assert "prompt caches that broke" in said
    assert f"up {alarm['words']}; it is not read again yet" in said
    background.stop()
    background.gateway(options)
    (again,) = settled()
    assert (again["words"], again["over"]) == (alarm["words"], None)


def _ask_through(url: str, token: str, path: str = "chat/completions", **more: Any) -> int:
    import urllib.error
    import urllib.request

    question = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **more}
    body = json.dumps(question).encode()
    request = urllib.request.Request(f"{url}/v1/{path}", body, {"authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_status_is_for_whoever_has_the_token(
    command: InProcess, background: Background, port: int
) -> None:
    another = Secret("of-another-gateway-012345")
    background.gateway(Options(port=port, default_profile="demo", read_token=lambda: another))
    for name in ("status", "stop"):
        ran = command(name)
        assert ran.code == 4
        assert "has another token" in ran.stderr


def test_where_keys_are_is_told_without_a_server(
    command: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UP_KEY", KEY)
    add(command, "http://127.0.0.1:1")
    ran = command("status")
    assert "…abcd  environment variable UP_KEY" in ran.stdout
    assert "next: gwproxy serve\n" in ran.stderr
    monkeypatch.delenv("UP_KEY")
    (profile,) = command("status", "--json").envelope["data"]["profiles"]
    assert profile["key_trouble"]


def test_stop_when_nothing_runs(command: InProcess, port: int) -> None:
    ran = command("stop")
    assert ran.code == 0
    assert ran.stdout == f"nothing to stop: gwproxy does not run at http://127.0.0.1:{port}\n"
    assert command("stop", "--json").envelope["data"]["stopped"] is False


@pytest.fixture
def served(gwproxy_home: Path) -> Iterator[subprocess.Popen[str]]:
    """`gwproxy serve --profile demo` as a process of its own, listening."""
    with subprocess.Popen(
        [sys.executable, "-m", "gwproxy", "serve", "--profile", "demo"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def test_stop_really_stops(command: InProcess, served: subprocess.Popen[str], port: int) -> None:
    assert command("status", "--json").envelope["data"]["pid"] == served.pid
    ran = command("stop")
    assert (ran.code, ran.stdout) == (0, f"stopped http://127.0.0.1:{port}\n")
    assert served.wait(timeout=30) == 0
    assert command("status", "--json").envelope["data"]["running"] is False


@pytest.mark.parametrize(
    "edit", ["[serve\nbroken", "deep = " + "[" * 10_000], ids=["no TOML", "deeper than it is read"]
)
def test_a_broken_edit_is_told_and_stops_neither_status_nor_stop(
    command: InProcess,
    served: subprocess.Popen[str],
    port: int,
    gwproxy_home: Path,
    edit: str,
) -> None:
    (gwproxy_home / "config.toml").write_text(edit)
    data = command("status", "--json").envelope["data"]
    assert (data["running"], data["url"]) == (True, f"http://127.0.0.1:{port}")
    assert "not valid TOML" in data["config_trouble"]["what"]
    ran = command("status")
    assert (ran.code, "the last good configuration stays in force" in ran.stderr) == (0, True)
    assert command("stop").code == 0
    assert command("status").code == 3


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.4, "4 s"), (75, "1 min"), (3 * 3600 + 120, "3 h 2 min"), (100_000, "1 d 3 h")],
)
def test_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text

"""`gwproxy log` against a real gateway and a simulated provider, over sockets."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from gwproxy.proxy.records.ledger import Entry, LedgerFile
from gwproxy.proxy.serving import Options
from gwproxy.proxy.serving import RunningGateway as Gateway
from gwproxy.simulator import DEMO, PlayedRefusal, RunningSimulator
from support.background import Background
from support.cli import TIMEOUT_S, InProcess, environment
from support.exchanges import ANSWERED, AT_MS, PRICES, REFUSED
from support.lines import Lines
from support.questions import CODEX, message


@pytest.fixture
def provider(background: Background, gwproxy_home: Path, port: int) -> RunningSimulator:
    """A simulated one that speaks Chat alone, and the profile `up` for it."""
    provider = background.provider(DEMO)
    (gwproxy_home / "config.toml").write_text(
        f'[serve]\nport = {port}\n[profiles.up]\nopenai_url = "{provider.openai_url}"\n'
        'model = "demo-1"\nkey = "none"\nprices.input = 1\nprices.output = 2\n'
    )
    return provider


@pytest.fixture
def gateway(
    background: Background, provider: RunningSimulator, port: int, gwproxy_home: Path
) -> Gateway:
    return background.gateway(options(port, gwproxy_home))


def options(port: int, home: Path, **more: Any) -> Options:
    return Options(port=port, ledger=home / "usage.db", captures=home / "captures", **more)


def written(home: Path, *entries: Entry) -> None:
    """The ledger of a gateway that ran once."""
    database = LedgerFile.open(home / "usage.db")
    database.insert(entries)
    database.close()


def entry(number: int, **changes: Any) -> Entry:
    record = replace(ANSWERED, request_id=f"req_{number:024x}", started_ms=AT_MS + number)
    return structs.replace(Entry.of(record, PRICES), **changes)


# --- rows ----------------------------------------------------------------------------------------


def test_what_to_do_where_there_is_nothing_yet(command: InProcess, port: int) -> None:
    ran = command("log")
    assert (ran.code, ran.stdout) == (0, "")
    assert "nothing has passed through the gateway yet" in ran.stderr
    assert "next: gwproxy init" in ran.stderr
    ran = command("log", "--errors")
    assert "no exchange is like that" in ran.stderr
    assert command("log", "last").code == 2
    assert command("log", "--json").envelope["data"]["exchanges"] == []
    assert command("log", "--csv").stdout == "request_id,started_ms,state\n"


def test_rows_of_the_running_gateway(
    command: InProcess, provider: RunningSimulator, gateway: Gateway
) -> None:
    status, first = message(gateway.url, top_k=3)
    assert status == 200
    provider.will(PlayedRefusal(400, "that was not a request at all"))
    assert message(gateway.url, CODEX)[0] == 400
    ran = command("log")
    assert (ran.code, ran.stderr) == (0, "")
    answered, refused = ran.stdout.splitlines()
    for said in (" 200 ", "claude-cli/2.1.330", "up:claude-sonnet-4-6 → demo-1", first, "top_k"):
        assert said in answered
    assert re.search(r"\$0\.\d{4} ", answered)
    for said in (" 400 ", "codex_cli_rs/0.141.0", "that was not a request at all"):
        assert said in refused
    assert "\x1b" not in ran.stdout

    data = command("log", "--json").envelope["data"]
    assert data["source"] == gateway.url
    assert [one["state"] for one in data["exchanges"]] == ["done", "failed"]
    sheet = list(csv.DictReader(io.StringIO(command("log", "--csv").stdout)))
    assert [row["status"] for row in sheet] == ["200", "400"]

    def statuses(*flags: str) -> list[int]:
        found = command("log", "--json", *flags).envelope["data"]["exchanges"]
        return [one["status"] for one in found]

    assert statuses("--errors") == [400]
    assert statuses("--client", "claude") == [200]
    assert statuses("--profile", "up", "--since", "1h") == [200, 400]
    assert statuses("--since", "2099-01-01") == []
    assert statuses("--limit", "1") == [400]
    assert statuses("--session", "no such") == []


def test_rows_out_of_the_file_where_no_gateway_runs(
    command: InProcess, port: int, gwproxy_home: Path
) -> None:
    written(gwproxy_home, *(entry(number) for number in range(30)))
    ran = command("log")
    assert (ran.code, ran.stderr) == (0, "")
    rows = ran.stdout.splitlines()
    assert len(rows) == 25
    assert f"req_{29:024x}" in rows[-1]
    data = command("log", "--json", "-n", "2").envelope["data"]
    assert data["source"] == str(gwproxy_home / "usage.db")
    assert [one["request_id"] for one in data["exchanges"]] == [
        f"req_{number:024x}" for number in (28, 29)
    ]
    assert command("log", "--profile", "nobody").code == 3


def test_more_than_a_gateway_lists_at_once(
    command: InProcess,
    gateway: Gateway,
    gwproxy_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Many of them in the same millisecond.
    same = [entry(number, started_ms=AT_MS + number // 3) for number in range(20)]
    written(gwproxy_home, *same)
    monkeypatch.setattr("gwproxy.cli.exchanges._MOST_AT_ONCE", 7)
    found = command("log", "--json", "-n", "17").envelope["data"]["exchanges"]
    assert len({one["request_id"] for one in found}) == 17
    times = [one["started_ms"] for one in found]
    assert times == sorted(times)
    assert times[-1] == AT_MS + 6


def test_a_limit_that_is_none(command: InProcess, port: int) -> None:
    assert command("log", "-n", "0").code == 2
    assert command("log", "--since", "yesterday").code == 2
    assert command("log", "-f", "last").code == 2
    assert command("log", "-f", "--csv").code == 2


# --- one -----------------------------------------------------------------------------------------


def test_one_explained_by_every_name_that_it_has(
    command: InProcess, gateway: Gateway, provider: RunningSimulator
) -> None:
    _, other = message(gateway.url)
    _, request_id = message(gateway.url, top_k=3)
    (exchange,) = [
        one
        for one in command("log", "--json").envelope["data"]["exchanges"]
        if one["request_id"] == request_id
    ]
    upstreams = exchange["upstream_request_id"]
    names = (request_id, request_id[:12], request_id[4:11], upstreams, "last")
    for name in names:
        ran = command("log", name)
        assert ran.code == 0, ran
        assert f"exchange              {request_id}" in ran.stdout
    assert "went to               up at 127.0.0.1:" in ran.stdout
    assert "top_k was left out  (drop:top_k)" in ran.stdout
    assert "translated: the tool speaks anthropic, the provider chat" in ran.stdout
    assert "next: gwproxy explain drop:top_k\n" in ran.stderr
    # It was not captured: that is said, and how the next one would be.
    assert "gwproxy serve --capture" in ran.stderr
    assert "gwproxy replay" not in ran.stderr
    data = command("log", request_id, "--json").envelope["data"]
    assert (data["exchange"], data["captured"]) == (exchange, False)
    assert data["why"]["drop:top_k"] == ["only the Messages format has it"]
    ran = command("log", "req_")
    assert (ran.code, ran.stdout) == (2, "")
    assert other in ran.stderr and request_id in ran.stderr
    ran = command("log", "nosuch")
    assert (ran.code, ran.stdout) == (2, "")
    assert "no exchange is called 'nosuch'" in ran.stderr


def test_what_a_refusal_taught_is_told_with_its_day_and_how_to_forget_it(
    command: InProcess,
    background: Background,
    provider: RunningSimulator,
    port: int,
    gwproxy_home: Path,
) -> None:
    gateway = background.gateway(options(port, gwproxy_home, learns=True))
    provider.will(
        PlayedRefusal(400, "Unsupported parameter: 'top_p' is not supported with this model.")
    )
    assert message(gateway.url, top_p=0.5)[0] == 200
    first = command("log", "last").stdout
    assert "what was changed on the way" in first
    assert "asked again, since " in first
    assert message(gateway.url, top_p=0.5)[0] == 200
    ran = command("log", "last")
    assert "asked again" not in ran.stdout
    assert "top_p was left out  (drop:top_p)" in ran.stdout
    taught = r"learned on \d{4}-\d\d-\d\d from a refusal of demo-1: .*forget up '(\S+)'\)"
    found = re.search(taught, ran.stdout)
    assert found, ran.stdout
    assert command("profile", "forget", "up", found[1]).code == 0


def test_one_that_was_captured_can_be_asked_again(
    command: InProcess,
    background: Background,
    provider: RunningSimulator,
    port: int,
    gwproxy_home: Path,
) -> None:
    gateway = background.gateway(options(port, gwproxy_home, capture=True))
    _, request_id = message(gateway.url)
    background.stop()
    ran = command("log", "last")
    assert f"next: gwproxy replay {request_id} --show" in ran.stderr
    assert "--capture" not in ran.stderr
    assert command("log", "last", "--json").envelope["data"]["captured"] is True


def test_one_that_failed_says_so_also_after_a_restart(
    command: InProcess, port: int, gwproxy_home: Path
) -> None:
    written(gwproxy_home, Entry.of(REFUSED, PRICES))
    ran = command("log", "last")
    assert "it failed (529)" in ran.stdout
    assert REFUSED.outcome.error in ran.stdout
    assert "the provider said 503" in ran.stdout


# --- as they come --------------------------------------------------------------------------------


@pytest.fixture
def following() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def follow(
    started: list[subprocess.Popen[str]], *flags: str, environ: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "gwproxy", "log", "-f", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment(environ),
    )
    started.append(process)
    return process


def test_rows_come_as_exchanges_end_also_of_the_next_gateway(
    background: Background,
    provider: RunningSimulator,
    port: int,
    gwproxy_home: Path,
    following: list[subprocess.Popen[str]],
) -> None:
    written(gwproxy_home, entry(1))
    process = follow(following)
    out, talk = Lines(process.stdout), Lines(process.stderr)
    assert entry(1).request_id in out.wait_for("req_")
    talk.wait_for("the gateway does not run; waiting for one")
    for _ in range(2):
        gateway = background.gateway(options(port, gwproxy_home))
        _, request_id = message(gateway.url)
        assert request_id in out.wait_for("req_")
        background.stop()
        talk.wait_for("the gateway does not run; waiting for one")
    process.send_signal(signal.SIGINT)
    assert process.wait(TIMEOUT_S) == 130
    assert (out.rest(), talk.rest()) == ([], [])


def test_one_object_a_line(
    gateway: Gateway, provider: RunningSimulator, following: list[subprocess.Popen[str]]
) -> None:
    _, before = message(gateway.url)
    process = follow(following, "--json", "--errors")
    out = Lines(process.stdout)
    ids = []
    # Until it follows; the first of them it may have found in the list.
    provider.will(PlayedRefusal(400, "that was not a request at all"))
    _, failed = message(gateway.url)
    ids.append(json.loads(out.wait_for("{"))["request_id"])
    assert ids == [failed]
    process.send_signal(signal.SIGINT)
    assert process.wait(TIMEOUT_S) == 130
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert before not in "".join(out.rest())


def test_a_reader_that_goes_away_ends_it_quietly(
    gateway: Gateway, following: list[subprocess.Popen[str]]
) -> None:
    message(gateway.url)
    process = follow(following)
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    message(gateway.url)
    assert process.wait(TIMEOUT_S) == 1
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_a_token_of_another_gateway_is_told_and_ends_it(
    gateway: Gateway, following: list[subprocess.Popen[str]]
) -> None:
    process = follow(following, environ={"GWPROXY_TOKEN": "another-token-of-another-gateway"})
    assert process.wait(TIMEOUT_S) == 4
    assert process.stderr is not None
    assert "has another token" in process.stderr.read()

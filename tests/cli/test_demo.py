"""`gwproxy demo`: all of it works without a key, a network, a keyring or a file of ours."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gwproxy.cli import demo_run
from gwproxy.cli.demo_run import CAST, Cast, run_demo
from gwproxy.simulator import DEMO, KIMI_K25, PlayedRefusal, scenario
from support.cli import InProcess, gwproxy


def test_every_conversation_holds_its_checks(command: InProcess) -> None:
    ran = command("demo")
    assert ran.code == 0, ran.stdout + ran.stderr
    header, *rows = ran.stdout.splitlines()
    assert header.split()[:2] == ["provider", "tool"]
    assert len(rows) == 12
    assert all(row.split()[4:6] == ["ok", "ok"] for row in rows)
    assert rows[0].endswith("as it came, model mapped")
    assert "24 conversations of two turns, 48 upstream requests" in ran.stderr
    assert "gwproxy setup claude-code" in ran.stderr


def test_json_tells_what_happened_on_the_way(command: InProcess) -> None:
    envelope = command("demo", "--json").envelope
    assert envelope["status"] == "ok"
    assert envelope["data"]["ok"] is True
    told = {
        (c["provider"], c["client_dialect"], c["streamed"]): c
        for c in envelope["data"]["conversations"]
    }
    assert len(told) == 24
    assert told["demo", "anthropic", True]["on_the_way"] == [
        {"what": "as it came", "detail": ""},
        {
            "what": "model mapped",
            "detail": "claude-sonnet-4-6 → demo-1; demo-1 → claude-sonnet-4-6",
        },
    ]
    renamed = told["kimi-code", "chat", False]
    assert renamed["upstream_dialect"] == "anthropic"
    details = [step["detail"] for step in renamed["on_the_way"]]
    assert details[:2] == [
        "chat → anthropic → chat",
        "gpt-5.5 → kimi-k2.5; kimi-for-coding → gpt-5.5",
    ]
    made = {step["what"] for step in told["strongwall", "responses", True]["on_the_way"]}
    assert "stream made" in made
    assert all(c["upstream_requests"] == 2 for c in told.values())


def test_nothing_of_the_user_is_read_or_written(
    command: InProcess, gwproxy_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gwproxy_home.mkdir()
    broken = gwproxy_home / "config.toml"
    broken.write_text("this is = not [ TOML")
    monkeypatch.setattr("keyring.get_password", _no_keyring)
    monkeypatch.setattr(socket, "getaddrinfo", _only_loopback(socket.getaddrinfo))
    assert command("demo", "--quiet").code == 0
    assert [path.name for path in gwproxy_home.iterdir()] == ["config.toml"]


def _no_keyring(*_: object) -> str:
    raise AssertionError("the demo asked a keyring")


def _only_loopback(resolve: Any) -> Any:
    def guarded(host: Any, *rest: Any, **named: Any) -> Any:
        assert host in (None, "127.0.0.1", "localhost"), f"the demo looked {host} up"
        return resolve(host, *rest, **named)

    return guarded


def test_quiet_leaves_the_table_alone(command: InProcess) -> None:
    ran = command("demo", "--quiet")
    assert ran.stdout.startswith("provider")
    assert ran.stderr == ""


def test_a_provider_that_fails_fails_the_demo(
    command: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = replace(DEMO, faults=(PlayedRefusal(503, "all engines are down"),))
    monkeypatch.setattr(demo_run, "CAST", (Cast("demo", broken, ("chat",)),))
    ran = command("demo")
    assert ran.code == 1
    assert ran.stdout.count("FAILED") == 6
    assert "demo, chat, streamed: HTTP 503" in ran.stderr
    assert "all engines are down" in ran.stderr
    assert "gwproxy setup" not in ran.stderr


CHAT_ONLY = replace(KIMI_K25, dialects=frozenset({"chat"}))


async def problems(cast: Cast) -> set[str]:
    return {problem for told in await run_demo([cast]) for problem in told.problems}


async def test_the_checks_see_what_is_wrong() -> None:
    assert await problems(Cast("kimi-k25", CHAT_ONLY, ("chat",))) == set()
    unthinking = replace(CHAT_ONLY, thinks=False)
    found = await problems(Cast("kimi-k25", unthinking, ("chat",)))
    assert found == {"the thinking did not arrive"}


async def test_an_unexpected_answer_is_a_problem() -> None:
    found = await problems(Cast("kimi-k25", CHAT_ONLY, ("chat",), scenario("No.")))
    assert found == {"the first answer does not stop for its tool calls"}


def test_the_cast_are_presets() -> None:
    assert [cast.preset for cast in CAST] == ["demo", "kimi-k25", "kimi-code", "strongwall"]


def test_as_a_process_of_its_own() -> None:
    ran = gwproxy("demo", "--json", environ={"GWPROXY_HOME": "/dev/null/nowhere"})
    assert ran.code == 0, ran.stderr
    assert ran.envelope["data"]["ok"] is True

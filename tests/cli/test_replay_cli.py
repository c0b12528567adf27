"""`gwproxy replay`: what was captured is listed, shown, asked again of any profile, and deleted."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from gwproxy import paths
from gwproxy.cli.replay_words import difference, rows_of
from gwproxy.proxy.records.said import CapturedSaying
from gwproxy.proxy.serving import Options
from gwproxy.simulator import DEMO, PlayedRefusal, RunningSimulator
from support.background import Background
from support.cli import InProcess, gwproxy_on_terminal
from support.profiles import KEY


@pytest.fixture
def providers(
    command: InProcess,
    background: Background,
    monkeypatch: pytest.MonkeyPatch,
    gwproxy_home: Path,
) -> tuple[RunningSimulator, RunningSimulator]:
    """Profiles `first` and `second`, and one exchange with the first, captured."""
    monkeypatch.setenv("UP_KEY", KEY)
    gwproxy_home.mkdir(exist_ok=True)
    (gwproxy_home / "config.toml").write_text("[serve]\ncapture = true\n")
    first, second = background.provider(DEMO, key=KEY), background.provider(DEMO, key=KEY)
    add = ("profile", "add", "--model", "demo-1", "--key-env", "UP_KEY")
    assert command(*add, "first", "--openai-url", first.openai_url).code == 0
    assert command(*add, "second", "--anthropic-url", second.anthropic_url).code == 0
    for_a_while = Background()
    gateway = for_a_while.gateway(
        Options(port=0, default_profile="first", captures=paths.captures_dir())
    )
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    request = urllib.request.Request(
        f"{gateway.url}/v1/chat/completions",
        json.dumps(body).encode(),
        {"authorization": f"Bearer {command('token').stdout.strip()}", "user-agent": "tool/1"},
    )
    with urllib.request.urlopen(request) as response:
        assert response.status == 200
        response.read()
    for_a_while.close()  # with its end everything is kept
    return first, second


def test_nothing_yet(command: InProcess) -> None:
    ran = command("replay")
    assert (ran.code, ran.stdout) == (0, "")
    assert "gwproxy serve --capture" in ran.stderr
    assert command("replay", "--json").envelope["data"]["captures"] == []


def test_the_list_and_one_of_it(
    command: InProcess, providers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    (captured,) = command("replay", "--json").envelope["data"]["captures"]
    assert (captured["status"], captured["profile"], captured["client"]) == (200, "first", "tool/1")
    shown = captured["request_id"][:12]
    ran = command("replay")
    assert ran.stdout.splitlines()[1].startswith(shown)
    assert "chat → first:chat" in ran.stdout
    whole = command("replay", "last", "--show", "--json").envelope["data"]
    assert whole["exchange"]["request_id"] == captured["request_id"]
    shown = command("replay", shown, "--show").stdout
    told = {line.split()[0]: line for line in shown.splitlines() if line.split()}
    assert told["id"].endswith(captured["request_id"])
    assert told["answered"].startswith("answered     200, in ")
    assert "says" in told


def test_asked_again_of_another_profile(
    command: InProcess, providers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    first, second = providers
    before = len(first.generations)
    ran = command("replay", "last", "--profile", "second")
    assert ran.code == 0, ran
    assert "asking second one question, which the provider may bill" in ran.stderr
    lines = {line.split()[0]: line.split()[1:] for line in ran.stdout.splitlines()}
    assert lines["profile"] == ["first", "second"]
    assert lines["speaks"] == ["chat", "anthropic"]
    assert lines["status"] == ["200", "200"]
    half = len(lines["says"]) // 2
    assert lines["says"][:half] == lines["says"][half:] != []
    assert "both answers are the same" in ran.stdout
    assert (len(first.generations), len(second.generations)) == (before, 1)
    assert ("user-agent", "tool/1") in [
        (name.lower(), value) for name, value in second.generations[0].headers
    ]
    assert KEY not in ran.stdout + ran.stderr


def test_the_same_profile_unless_one_is_named(
    command: InProcess, providers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    first, second = providers
    ran = command("replay", "last", "--json")
    data = ran.envelope["data"]
    assert (data["before"]["profile"], data["now"]["profile"]) == ("first", "first")
    assert "data: [DONE]" in data["answer"]
    assert data["difference"] == "both answers are the same"
    assert data["before"]["said"] == data["now"]["said"]
    assert data["now"]["said"]["text"]
    assert (len(first.generations), len(second.generations)) == (2, 0)
    assert len(command("replay", "--json").envelope["data"]["captures"]) == 2


def test_a_refusal_is_told_by_the_exit_code(
    command: InProcess, providers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    _, second = providers
    second.will(PlayedRefusal(402, "no money left"))
    ran = command("replay", "last", "-p", "second")
    assert ran.code == 5
    assert "no money left" in ran.stdout
    assert "one of them is no answer" in ran.stdout
    second.will(PlayedRefusal(402, "no money left"))
    assert command("replay", "last", "-p", "second", "--json").envelope["status"] == "failed"


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (CapturedSaying("a"), CapturedSaying("a"), "both answers are the same"),
        (CapturedSaying("a"), CapturedSaying("b"), "the words differ"),
        (
            CapturedSaying("a", calls=("f {}",)),
            CapturedSaying("b", calls=("f {}",)),
            "the words differ, the tool calls are the same",
        ),
        (
            CapturedSaying("a", calls=("f {}",)),
            CapturedSaying("a"),
            "the words are the same, the tool calls differ",
        ),
        (CapturedSaying(error="x"), CapturedSaying(error="y"), "both failed"),
    ],
)
def test_what_differs_is_said(before: CapturedSaying, now: CapturedSaying, words: str) -> None:
    assert difference(before, now) == words
    assert next(rows_of(before, now))[1:] == (before.text, now.text)


def test_a_person_is_asked_before_the_provider_is(
    command: InProcess, providers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    _, second = providers
    ask = ("replay", "last", "-p", "second")
    ran = gwproxy_on_terminal(*ask, answers=["n"])
    assert (ran.code, ran.stdout, "nothing was asked" in ran.stderr) == (0, "", True)
    assert not second.generations
    assert gwproxy_on_terminal(*ask, "--yes").code == 0
    assert len(second.generations) == 1


def test_deleted(command: InProcess, providers: tuple[RunningSimulator, RunningSimulator]) -> None:
    assert command("replay", "--delete").stdout == "deleted 1 exchange\n"
    assert list(paths.captures_dir().iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [("nothing",), ("last", "--delete"), ("--show",), ("--profile", "first"), ("last", "-p", "no")],
)
def test_what_cannot_be_meant(
    command: InProcess,
    providers: tuple[RunningSimulator, RunningSimulator],
    arguments: tuple[str, ...],
) -> None:
    ran = command("replay", *arguments)
    assert ran.code in (2, 3)
    assert ran.stdout == ""
    assert "error:" in ran.stderr


def test_half_a_request_is_not_asked_again(
    command: InProcess, providers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    (file,) = paths.captures_dir().iterdir()
    file.write_text(json.dumps(json.loads(file.read_text()) | {"cut": True}))
    ran = command("replay", "last")
    assert ran.code == 2
    assert "too large" in ran.stderr
    assert len(providers[0].generations) == 1

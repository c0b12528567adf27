"""`gwproxy translate`: a filter that sends nothing and hides nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.profiles import learned
from gwproxy.profiles.learned import Lesson
from support.cli import InProcess, gwproxy_on_terminal

MESSAGES: dict[str, Any] = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 100,
    "top_k": 5,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "hi"}],
}


def filtered(command: InProcess, body: Any, *flags: str) -> Any:
    return command("translate", *flags, stdin=json.dumps(body))


def test_the_body_is_data_and_the_losses_are_talk(command: InProcess) -> None:
    ran = filtered(command, MESSAGES, "--to", "chat")
    assert ran.code == 0
    sent = json.loads(ran.stdout)
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
    ]
    assert sent["max_tokens"] == 100
    assert ran.stderr.splitlines() == [
        "repaired: sampling (what the model fixes or its host does not know)",
        "not carried: top_k was left out: only the Messages format has it (drop:top_k)",
    ]


@pytest.mark.parametrize("source", ["anthropic", "chat", "responses"])
@pytest.mark.parametrize("target", ["anthropic", "chat", "responses"])
def test_every_pair(command: InProcess, source: str, target: str) -> None:
    turn = {"role": "user", "content": "hi"}
    body = {"input": "hi"} if source == "responses" else {"messages": [turn]}
    limit = {"max_tokens": 9} if source == "anthropic" else {}
    ran = filtered(
        command, {"model": "m", **body, **limit}, "--from", source, "--to", target, "--json"
    )
    data = ran.envelope["data"]
    assert (data["from"], data["to"]) == (source, target)
    assert data["relayed"] is (source == target)
    assert "hi" in json.dumps(data["body"])


def test_a_profile_brings_its_rules(command: InProcess) -> None:
    assert command("profile", "add", "kimi", "--preset", "kimi-code", "--no-key").code == 0
    schema = {"type": "object", "properties": {"x": {"oneOf": [{"type": "string"}]}}}
    tool = {"name": "2-look", "description": "d", "input_schema": schema}
    body = {**MESSAGES, "tools": [tool], "temperature": 0.3}
    data = filtered(command, body, "--profile", "kimi", "--json").envelope["data"]
    assert data["to"] == "anthropic"
    assert data["model"] == data["body"]["model"] == "kimi-k2.5"
    assert "temperature" not in data["body"]
    passes = {one["name"] for one in data["passes"]}
    assert {"sampling", "tool schemas"} <= passes
    assert all(one["why"] for one in data["passes"])
    assert any(loss.startswith("drop:temperature") for loss in data["losses"])
    people = filtered(command, body, "--profile", "kimi")
    assert "repaired: sampling (" in people.stderr


def test_every_lesson_and_every_edit_is_shown_with_its_path(command: InProcess) -> None:
    address = "https://up.example"
    made = command(
        "profile", "add", "up", "--anthropic-url", address, "--model", "up-model", "--no-key",
        "--stream", "never", "--quirk", "omit=tools[type=advisor_20260301],speed",
    )  # fmt: skip
    assert made.code == 0, made.stderr
    why = "the member context_management"
    learned.add(
        Lesson("up", "up-model", "omit", (pattern,), "2026-11-02", why)
        for pattern in ("context_management", "system[].cache_control.ttl")
    )
    mark = {"type": "ephemeral", "ttl": "1h"}
    body = {
        **MESSAGES,
        "stream": True,
        "system": [
            {"type": "text", "text": "a"},
            {"type": "text", "text": "b", "cache_control": mark},
        ],
        "tools": [
            {"name": "a", "input_schema": {}},
            {"type": "advisor_20260301", "name": "advisor"},
        ],
        "context_management": {"edits": []},
    }
    data = filtered(command, body, "--profile", "up", "--json").envelope["data"]
    assert data["relayed"]
    assert [(one["path"], one["now"]) for one in data["edits"]] == [
        ("model", '"up-model"'),
        ("stream", None),
        ("tools[type=advisor_20260301]", None),
        ("context_management", None),
        ("system[1].cache_control.ttl", None),
    ]
    assert data["edits"][-1]["why"] == "omit=system[].cache_control.ttl"
    assert [one["name"] for one in data["lessons"]] == [
        "context_management",
        "system[].cache_control.ttl",
    ]
    assert {"context-management", "fast-mode", "advisor-tool"} <= set(data["betas_left_out"])
    people = filtered(command, body, "--profile", "up").stderr.splitlines()
    assert people[0] == "relayed as it came, but for these edits"
    assert f"learned: context_management, since 2026-11-02 ({why})" in people
    assert "edited: context_management left out (omit=context_management)" in people
    assert "edited: fast-mode left out of anthropic-beta" in people
    said = "not carried: context_management was left out (drop:context_management)"
    assert said in people


def test_a_value_that_gave_way_is_shown_with_the_one_in_its_place(command: InProcess) -> None:
    older = "omit=reasoning_effort=max>high"
    flags = ("--openai-url", "https://up.example/v1", "--model", "m", "--no-key", "--quirk", older)
    assert command("profile", "add", "up", *flags).code == 0
    body = {"model": "m", "messages": MESSAGES["messages"], "reasoning_effort": "max"}
    ran = filtered(command, body, "--from", "chat", "--profile", "up")
    assert f'edited: reasoning_effort is now "high" ({older})' in ran.stderr.splitlines()


def test_the_same_request_gives_the_same_bytes(command: InProcess) -> None:
    first, second = (filtered(command, MESSAGES, "--to", "responses").stdout for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("flags", "stdin", "code", "says"),
    [
        (["--to", "chat"], "no json", 2, "not valid JSON"),
        (["--to", "klingon"], "{}", 2, "'klingon' is not a dialect"),
        (["--profile", "nobody"], "{}", 3, "there is no profile called 'nobody'"),
        (["--to", "chat"], '{"model":"m","messages":7,"max_tokens":1}', 2, "messages"),
    ],
)
def test_what_cannot_be(
    command: InProcess, flags: list[str], stdin: str, code: int, says: str
) -> None:
    command("profile", "add", "kimi", "--preset", "kimi-code", "--no-key")
    ran = command("translate", *flags, stdin=stdin)
    assert (ran.code, ran.stdout) == (code, "")
    assert says in ran.stderr


def test_the_default_profile_is_meant_where_none_is_named(command: InProcess) -> None:
    ran = filtered(command, MESSAGES)
    assert (ran.code, "translated into what?" in ran.stderr) == (2, True)
    command("profile", "add", "kimi", "--preset", "kimi-code", "--no-key")
    named = filtered(command, MESSAGES, "--profile", "kimi")
    assert filtered(command, MESSAGES).stdout == named.stdout


def test_on_a_terminal_it_says_what_it_waits_for(command: InProcess) -> None:
    ran = gwproxy_on_terminal("translate", "--to", "chat")
    assert ran.code == 2
    assert "< request.json" in ran.stderr


def test_an_image_that_the_server_would_fetch_is_shown_by_its_address(command: InProcess) -> None:
    assert command("profile", "add", "kimi", "--preset", "kimi-code", "--no-key").code == 0
    image = {"type": "image", "source": {"type": "url", "url": "https://example.com/x.png"}}
    body = {**MESSAGES, "messages": [{"role": "user", "content": [image]}]}
    data = filtered(command, body, "--profile", "kimi", "--json").envelope["data"]
    (shown,) = data["body"]["messages"][0]["content"]
    assert shown["source"]["data"] == "(the image at https://example.com/x.png)"
    assert data["passes"][0]["name"] == "images"
    assert "emu:messages.image" in data["losses"]

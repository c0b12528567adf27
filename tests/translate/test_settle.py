"""Thinking, effort, sampling and a forced tool: on a relayed body's bytes as in the hub."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from msgspec import structs

from gwproxy.translate.bridge import CODECS
from gwproxy.translate.hub import Dialect, Request
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.effort import force_tools, set_budget, set_thinking
from gwproxy.translate.passes.thinking import fill_reasoning, replay
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.settle import settled
from gwproxy.translate.wire.splice import found, path_of
from support.bridges import bridge_of

A, C, R = Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES
EVERY = pytest.mark.parametrize("dialect", [A, C, R])

HELLO = [{"role": "user", "content": "hi"}]
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
CALL = {"type": "tool_use", "id": "c", "name": "b", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "c", "content": "seen"}


def looping(*thoughts: Any) -> list[dict[str, Any]]:
    """A tool loop that runs."""
    return [
        *HELLO,
        {"role": "assistant", "content": [*thoughts, CALL]},
        {"role": "user", "content": [RESULT]},
    ]


# What each says of thinking, of the choice, and before it: dialect, members.
THINKING: dict[Dialect, list[dict[str, Any]]] = {
    A: [
        {},
        {"thinking": {"type": "adaptive", "display": "omitted"}},
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        {
            "thinking": {"type": "adaptive"},
            "output_config": {"effort": "medium"},
            "max_tokens": 900,
        },
        {"thinking": {"type": "adaptive"}, "messages": looping(THOUGHT)},
        {"thinking": {"type": "adaptive"}, "messages": looping()},
        {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        {
            "thinking": {"type": "enabled", "budget_tokens": 5000},
            "output_config": {"task_budget": {"total": 1}},
        },
        {"thinking": {"type": "disabled"}, "output_config": {"effort": "medium"}},
        {"output_config": {"effort": "medium", "task_budget": {"total": 1}}},
    ],
    C: [{}, *({"reasoning_effort": effort} for effort in ("none", "low", "medium", "high"))],
    R: [{}, *({"reasoning": {"effort": effort}} for effort in ("none", "low", "medium"))],
}
NAMED: dict[Dialect, dict[str, Any]] = {
    A: {"type": "tool", "name": "b", "disable_parallel_tool_use": True},
    C: {"type": "function", "function": {"name": "b"}},
    R: {"type": "function", "name": "b"},
}
CHOICES: dict[Dialect, list[dict[str, Any]]] = {
    dialect: [{}, {"tool_choice": named}, {"tool_choice": any_}, {"tool_choice": auto}]
    for (dialect, named), any_, auto in zip(
        NAMED.items(),
        ({"type": "any"}, "required", "required"),
        ({"type": "auto"}, "auto", "auto"),
        strict=True,
    )
}
FLAGS: list[dict[str, Any]] = [
    {"adaptive_thinking": False},
    {"adaptive_thinking": False, "signed_thinking": True},
    {"adaptive_thinking": True, "thinking_budgets": False},
    {"efforts": ("low", "high", "max")},
    {"efforts": ("none", "low", "high"), "forced_tools": "no_thinking"},
    {"forced_tools": "no_thinking"},
    {"forced_tools": "auto"},
    {"forced_tools": "no_thinking", "adaptive_thinking": False},
    {"named_tool": False},
    {"thinking_switch": "none"},
    {"thinking_always": True, "efforts": ("none", "low", "medium", "high")},
]


def tools(dialect: Dialect) -> list[dict[str, Any]]:
    schema = {"type": "object", "properties": {}}
    if dialect is A:
        return [{"name": name, "input_schema": schema} for name in "ab"]
    made = [{"name": name, "parameters": schema} for name in "ab"]
    if dialect is C:
        return [{"type": "function", "function": one} for one in made]
    return [{"type": "function", **one} for one in made]


def bodies(dialect: Dialect) -> list[dict[str, Any]]:
    start: dict[str, Any] = {"model": "m", "x": [1]}
    start |= {"input": "hi"} if dialect is R else {"messages": HELLO}
    start |= {"max_tokens": 9000} if dialect is A else {}
    return [
        {**start, "tools": tools(dialect), **thinking, **choice, "y": 2}
        for thinking, choice in itertools.product(THINKING[dialect], CHOICES[dialect])
    ]


def edited(dialect: Dialect, body: bytes, losses: Losses, **flags: Any) -> bytes:
    codec = CODECS[dialect]
    assert codec.settings is not None
    return settled(body, codec.settings, codec.parse_request, codec.facts, Quirks(**flags), losses)


def passed(dialect: Dialect, body: bytes, losses: Losses, **flags: Any) -> Request:
    """What the passes make of the whole request."""
    codec = CODECS[dialect]
    quirks = Quirks(**flags).decided(own=True)
    request = codec.parse_request(body, Losses())
    for one in (force_tools, set_thinking, replay, set_budget):
        request = one(request, codec.facts, quirks, losses)
    return request


def wishes(request: Request) -> tuple[Any, ...]:
    said = [(turn.role, turn.blocks) for turn in request.turns if turn.role == "user"]
    off = request.thinking.effort if request.thinking.effort != "none" else None
    thinking = structs.replace(request.thinking, effort=off, show=None)
    return thinking, request.tool_choice, [tool.name for tool in request.tools], said


@EVERY
@pytest.mark.parametrize("flags", FLAGS, ids=str)
def test_the_edits_say_what_the_passes_say(dialect: Dialect, flags: dict[str, Any]) -> None:
    codec = CODECS[dialect]
    changed = 0
    for one in bodies(dialect):
        body = json.dumps(one).encode()
        if "efforts" not in flags and b'"none"' in body:
            continue  # nobody knows whether the host takes it
        adapts = b'"adaptive"' in body or "adaptive_thinking" not in flags
        if b'"effort": "medium"' in body and not adapts:
            continue  # whoever thinks by budgets alone may take an effort all the same
        losses, wanted_losses = Losses(), Losses()
        sent = edited(dialect, body, losses, **flags)
        wanted = passed(dialect, body, wanted_losses, **flags)
        assert wishes(codec.parse_request(sent, Losses())) == wishes(wanted), one
        assert set(losses) == set(wanted_losses), one
        assert edited(dialect, sent, Losses(), **flags) == sent
        changed += sent is not body
    assert changed or (dialect is not A and "adaptive_thinking" in flags)


@EVERY
@pytest.mark.parametrize("flags", [*FLAGS, {"sampling": "drop"}], ids=str)
def test_what_says_nothing_of_it_stays_byte_for_byte(
    dialect: Dialect, flags: dict[str, Any]
) -> None:
    """Each other member as it was printed, over many lines, with numbers that no reader prints
    again; what a member that changes holds beside it, too."""
    touched = {"thinking", "output_config", "reasoning", "reasoning_effort", "tool_choice", "tools"}
    for one in bodies(dialect):
        text = json.dumps(one, indent=3).replace('"y": 2', '"y" : 2.10').encode()
        sent = edited(dialect, text, Losses(), **flags)
        for name in one.keys() - touched - {"messages", "input"}:
            where = path_of(name)
            assert list(found(sent, where)) == list(found(text, where))
        for path in ("messages[0].content", "tools[0].name", "output_config.task_budget"):
            kept = [value for _, value in found(sent, path_of(path))]
            assert kept == [value for _, value in found(text, path_of(path))] or "[0]" in path
        assert (sent is text) == (json.loads(sent) == json.loads(text))


def test_a_call_without_thoughts_gets_the_placeholder_and_no_other_does() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "b", "arguments": "{}"}}
    lost: list[dict[str, Any]] = [
        {},
        {"reasoning_content": None},
        {"reasoning_content": "\n"},
        {"reasoning": ""},
    ]
    kept: list[dict[str, Any]] = [{"reasoning_content": "hm"}, {"reasoning": "hm"}]
    codec, flags = CODECS[C], dict[str, Any](reasoning_placeholder=" ")
    for thoughts in (*lost, *kept):
        for more in ({}, {"reasoning_effort": "none"}):
            called = {"role": "assistant", "content": None, "tool_calls": [call], **thoughts}
            result = {"role": "tool", "tool_call_id": "c", "content": "seen"}
            said = {"role": "assistant", "content": "none"}
            turns = [*HELLO, called, result, said]
            body = json.dumps({"model": "m", "messages": turns, **more}).encode()
            losses, wanted_losses = Losses(), Losses()
            sent = edited(C, body, losses, **flags)
            request = codec.parse_request(body, Losses())
            wanted = fill_reasoning(request, codec.facts, Quirks(**flags), wanted_losses)
            assert codec.parse_request(sent, Losses()).turns == wanted.turns
            assert list(losses) == list(wanted_losses)
            assert (sent is body) == (thoughts in kept or bool(more))
            assert edited(C, sent, Losses(), **flags) is sent


@EVERY
def test_nothing_is_settled_where_nobody_knows_of_a_refusal(dialect: Dialect) -> None:
    for one in bodies(dialect):
        body = json.dumps({**one, "temperature": 0.2}).encode()
        assert edited(dialect, body, Losses()) is body


@EVERY
def test_a_model_that_fixes_its_sampling_is_told_what_it_does_anyway(dialect: Dialect) -> None:
    body = b'{"temperature":0.2, "top_p":1 ,"n":2, "seed":7}'
    losses = Losses()
    assert edited(dialect, body, losses, sampling="drop") == b'{"top_p":1 ,"n":2}'
    assert list(losses) == ["drop:temperature", "drop:seed"]


@EVERY
@pytest.mark.parametrize("thinking", ["often", {"type": "sometimes"}, 7, None])
def test_what_is_not_understood_is_the_upstreams_affair(dialect: Dialect, thinking: Any) -> None:
    flags = {"adaptive_thinking": False, "forced_tools": "auto", "efforts": ("low",)}
    for name in ("thinking", "tool_choice", "reasoning", "output_config"):
        if name == "tool_choice" and dialect is R:
            continue  # there a choice is of any kind
        body = json.dumps({"model": "m", name: thinking, "reasoning_effort": 3}).encode()
        assert edited(dialect, body, Losses(), **flags) == body


@EVERY
def test_a_relayed_request_is_settled_and_relayed_all_the_same(dialect: Dialect) -> None:
    named = {"tool_choice": NAMED[dialect], "tools": tools(dialect)}
    start = {"input": "hi"} if dialect is R else {"messages": HELLO}
    quirks = Quirks(forced_tools="auto")
    bridge = bridge_of(dialect, dialect, quirks, stream=False, model="m")
    sent = json.loads(bridge.request(json.dumps({"model": "m", "x": 1, **start, **named}).encode()))
    assert bridge.faithful
    assert (sent["x"], len(sent["tools"])) == (1, 1)
    assert "Answer by calling the tool `b`." in json.dumps(sent)

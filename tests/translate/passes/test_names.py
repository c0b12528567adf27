"""Ids and names that one side refuses are mapped, and mapped back without any memory."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from gwproxy.translate.events import Close, Delta, Event, Open, Start
from gwproxy.translate.hub import (
    Call,
    Dialect,
    Request,
    Result,
    Text,
    Tool,
    ToolChoice,
    ToolReference,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.names import Names, escape_id, fit_name, unescape_id
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import FACTS
from gwproxy.translate.stages.calls import ClientCalls

ANTHROPIC_ID = re.compile(r"^[a-zA-Z0-9_-]+$")


def names_for(upstream: Dialect = Dialect.CHAT, **flags: Any) -> Names:
    return Names(FACTS[upstream], dataclasses.replace(Quirks(), **flags))


def conversation(*ids: str, **fields: object) -> Request:
    calls = tuple(Call(id, "ls", "{}") for id in ids)
    results = tuple(Result(id, (Text("ok"),)) for id in ids)
    turns = (Turn("user", (Text("go"),)), Turn("assistant", calls), Turn("user", results))
    return structs.replace(Request("m", turns), **fields)


def ids_in(request: Request) -> list[str]:
    return [
        block.id if isinstance(block, Call) else block.call_id
        for turn in request.turns
        for block in turn.blocks
        if isinstance(block, Call | Result)
    ]


@given(st.text(min_size=1, max_size=30).filter(lambda s: s.encode("utf-8", "ignore").decode() == s))
def test_every_id_becomes_legal_and_comes_back(native: str) -> None:
    carried = escape_id(native)
    assert ANTHROPIC_ID.match(carried)
    assert unescape_id(carried) == native


def test_kimi_ids_keep_their_style_upstream() -> None:
    names = names_for()
    carried = names.call_id("functions.ls:0", 0)
    assert carried == "gwx_functions-2Els-3A0"
    request = names_for().inward(conversation(carried), Losses())
    assert ids_in(request) == ["functions.ls:0", "functions.ls:0"]


def test_an_id_already_in_the_conversation_gets_a_number() -> None:
    names = names_for()
    names.inward(conversation("gwx_functions-2Els-3A0", "call_0"), Losses())
    assert names.call_id("functions.ls:0", 0) == "gwx_functions-2Els-3A0--2"
    assert names.call_id("functions.ls:0", 1) == "gwx_functions-2Els-3A0--3"
    assert names.call_id("call_0", 2) == "gwx_call_0--2"
    back = names_for().inward(conversation("gwx_functions-2Els-3A0--2", "gwx_call_0--2"), Losses())
    assert ids_in(back) == ["functions.ls:0", "call_0"] * 2


def test_two_calls_of_one_turn_never_share_an_id_upstream() -> None:
    names = names_for()
    carried = [names.call_id("call_0", 0), names.call_id("call_0", 1)]
    assert carried == ["call_0", "gwx_call_0--2"]
    request = names_for().inward(conversation(*carried), Losses())
    assert ids_in(request) == ["call_0", "call_0--2"] * 2


def test_an_id_that_the_client_says_twice_is_left_to_the_passes() -> None:
    """They see the results: with another id here, the first call would have lost its own."""
    twice = Turn("assistant", (Call("a", "f", "{}"), Call("a", "f", "{}")))
    results = Turn("user", (Result("a", (Text("1"),)), Result("a", (Text("2"),))))
    sent = names_for().inward(Request("m", (twice, results)), Losses())
    assert sent.turns == (twice, results)


def test_missing_ids_are_made_up_the_same_on_a_retry() -> None:
    first, again = names_for(), names_for()
    for names in (first, again):
        names.inward(conversation("a"), Losses())
    made = first.call_id("", 0)
    assert made == again.call_id("", 0)
    assert ANTHROPIC_ID.match(made)
    assert first.call_id("", 1) != made


def test_long_ids_are_shortened_alike_on_call_and_result() -> None:
    long = "toolu_" + "x" * 50
    call, result = ids_in(names_for(Dialect.CHAT).inward(conversation(long), Losses()))
    assert call == result
    assert len(call) <= 40
    assert ids_in(names_for(Dialect.RESPONSES).inward(conversation(long), Losses())) == [long] * 2


@pytest.mark.parametrize(
    "name", ["mcp__" + "server_" * 12 + "tool", "with.dots/and spaces", "1starts_with_digit"]
)
def test_tool_names_are_fitted_everywhere_and_restored(name: str) -> None:
    names = names_for(tool_names="letter_first")
    request = conversation("a", tools=(Tool(name),), tool_choice=ToolChoice("tool", name=name))
    request = structs.replace(
        request,
        turns=(
            *request.turns,
            Turn("assistant", (Call("b", name, "{}"),)),
            Turn("user", (Result("b", (ToolReference(name),)),)),
        ),
    )
    sent = names.inward(request, Losses())
    fitted = sent.tools[0].name
    assert re.match(r"^[a-zA-Z_][a-zA-Z0-9_-]{2,63}$", fitted)
    assert sent.tool_choice == ToolChoice("tool", name=fitted)
    assert sent.turns[3].blocks == (Call("b", fitted, "{}"),)
    assert sent.turns[4].blocks == (Result("b", (ToolReference(fitted),)),)
    known = names.known(fitted)
    assert known is not None
    assert known.name == name


def test_different_long_names_stay_different() -> None:
    stem = "x" * 70
    assert fit_name(stem + "a", 64, False) != fit_name(stem + "b", 64, False)
    assert fit_name("$web_search", 64, True) == "$web_search"


def test_free_form_tools_become_functions_and_return() -> None:
    names = names_for()
    tool = Tool("apply_patch", "custom", "Patches files.", grammar=("lark", "start: X"))
    history = Call("c", "apply_patch", "*** Begin\n", custom=True)
    request = Request("m", (Turn("assistant", (history,)),), (tool,))
    losses = Losses()
    sent = names.inward(request, losses)
    assert sent.tools[0].kind == "function"
    assert "start: X" in (sent.tools[0].description or "")
    assert sent.turns[0].blocks == (Call("c", "apply_patch", '{"input":"*** Begin\\n"}'),)
    assert "emu:tools.custom" in losses
    outward = ClientCalls(names, losses, FACTS[Dialect.ANTHROPIC])
    events: list[Event] = [
        Start(),
        Open(0, "call", "d", "apply_patch"),
        Delta(0, '{"inp'),
        Delta(0, 'ut":"a\\n'),
        Delta(0, 'b"}'),
        Close(0),
    ]
    assert outward.feed(events)[1:] == [
        Open(0, "call", "d", "apply_patch", custom=True),
        Delta(0, "a\n"),
        Delta(0, "b"),
        Close(0),
    ]


def test_namespaces_are_flattened_and_return() -> None:
    names = names_for()
    tool = Tool(
        "close_agent",
        description="Closes one.",
        namespace="multi_agent_v1",
        namespace_description="Agents.",
    )
    history = Call("c", "close_agent", "{}", namespace="multi_agent_v1")
    sent = names.inward(Request("m", (Turn("assistant", (history,)),), (tool,)), Losses())
    assert sent.tools[0].name == "multi_agent_v1__close_agent"
    assert sent.tools[0].description == "Agents.\n\nCloses one."
    assert sent.turns[0].blocks == (Call("c", "multi_agent_v1__close_agent", "{}"),)
    opened = ClientCalls(names, Losses(), FACTS[Dialect.ANTHROPIC]).feed(
        [Open(0, "call", "d", "multi_agent_v1__close_agent")]
    )
    assert opened == [Open(0, "call", "d", "close_agent", namespace="multi_agent_v1")]


def test_a_responses_upstream_keeps_free_form_tools_and_namespaces() -> None:
    tools = (Tool("apply_patch", "custom"), Tool("close_agent", namespace="multi_agent_v1"))
    sent = names_for(Dialect.RESPONSES).inward(Request("m", (), tools), Losses())
    assert sent.tools == tools


def test_arguments_are_guarded_for_clients_that_cannot_parse_disorder() -> None:
    losses = Losses()
    events: list[Event] = [Open(0, "call", "a", "f"), Delta(0, '{"a":1}'), Delta(0, '{"b":2}')]
    assert ClientCalls(names_for(), losses, FACTS[Dialect.ANTHROPIC]).feed([*events, Close(0)]) == [
        *events[:2],
        Close(0),
    ]
    assert "emu:tool_arguments" in losses
    assert ClientCalls(names_for(), Losses(), FACTS[Dialect.CHAT]).feed(events) == events

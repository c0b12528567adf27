"""Tools as many and as the upstream takes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.hub import (
    Call,
    Dialect,
    OutputFormat,
    Request,
    Result,
    Text,
    Tool,
    ToolChoice,
    ToolReference,
    Turn,
)
from gwproxy.translate.passes import tools
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire.fields import Malformed, Unsupported
from support.sending import applied

SEARCH = Tool(
    "web_search",
    "hosted",
    native='{"type":"web_search_20250305"}',
    native_dialect=Dialect.ANTHROPIC,
)
BUILTIN = Tool("$web_search", "hosted", native="{}", native_dialect=Dialect.CHAT)
PLACEHOLDER = Tool("DeferredToolPlaceholder", deferred=True)


def offering(*offered: Tool, choice: ToolChoice | None = None, turns: Any = ()) -> Request:
    return Request("m", turns, offered, choice)


def names(request: Request) -> list[str]:
    return [tool.name for tool in request.tools]


# --- hosted --------------------------------------------------------------------------------------


def test_a_hosted_tool_among_others_is_left_out() -> None:
    out, losses = applied(tools.drop_hosted, offering(Tool("read"), SEARCH))
    assert names(out) == ["read"]
    assert losses == ["drop:tools.web_search"]


@pytest.mark.parametrize(
    "request_for_search",
    [offering(SEARCH), offering(Tool("read"), SEARCH, choice=ToolChoice("tool", "web_search"))],
    ids=["alone", "forced"],
)
def test_a_hosted_tool_that_matters_is_refused_by_name(request_for_search: Request) -> None:
    with pytest.raises(Unsupported, match='server tool "web_search" is not available'):
        applied(tools.drop_hosted, request_for_search)


def test_a_host_may_run_tools_of_its_own_dialect() -> None:
    request = offering(SEARCH)
    assert applied(tools.drop_hosted, request, Dialect.ANTHROPIC)[0] is request
    with pytest.raises(Unsupported):
        applied(tools.drop_hosted, request, Dialect.ANTHROPIC, hosted_tools=False)


def test_the_hosts_builtins_stay() -> None:
    request = offering(BUILTIN)
    assert applied(tools.drop_hosted, request, hosted_tools=False)[0] is request
    assert applied(tools.fit_schemas, request, schema="moonshot")[0] is request


# --- deferred ------------------------------------------------------------------------------------


def test_deferred_tools_are_declared_and_the_placeholder_is_not() -> None:
    request = offering(Tool("read"), Tool("WebFetch", deferred=True), PLACEHOLDER)
    out, losses = applied(tools.show_deferred, request)
    assert out.tools == (Tool("read"), Tool("WebFetch"))
    assert losses == ["emu:tools.defer_loading", "drop:tools.DeferredToolPlaceholder"]


def test_a_host_that_loads_tools_later_gets_them_as_they_are() -> None:
    request = offering(Tool("WebFetch", deferred=True), PLACEHOLDER)
    later, flags = tools.show_deferred, {"tool_extras": True}
    assert applied(later, request, Dialect.ANTHROPIC, **flags)[0] is request
    assert "emu:tools.defer_loading" in applied(later, request, Dialect.CHAT, **flags)[1]


def found(*tool_names: str) -> tuple[Turn, ...]:
    references = tuple(ToolReference(name) for name in tool_names)
    return (
        Turn("assistant", (Call("a", "ToolSearch", "{}"),)),
        Turn("user", (Result("a", references),)),
    )


def test_what_a_search_found_is_told_in_words() -> None:
    request = offering(Tool("ToolSearch"), turns=found("WebFetch", "NotebookEdit"))
    out, losses = applied(tools.name_references, request)
    said = Text("Found, and ready to be called: WebFetch, NotebookEdit.")
    assert out.turns[1].blocks == (Result("a", (said,)),)
    assert losses == ["emu:tool_reference"]
    assert applied(tools.name_references, request, tool_references=True)[0] is request


# --- count ---------------------------------------------------------------------------------------


def test_tools_in_use_come_before_the_first_ones() -> None:
    many = [Tool(f"t{n}", deferred=n == 0) for n in range(6)]
    request = offering(*many, choice=ToolChoice("tool", "t5"), turns=found("t4"))
    out, losses = applied(tools.limit_tools, request, max_tools=3)
    assert names(out) == ["t1", "t4", "t5"]
    assert losses == ["drop:tools.t0", "drop:tools.t2", "drop:tools.t3"]


def test_a_list_that_is_short_enough_stays() -> None:
    request = offering(Tool("a"), Tool("b"))
    assert applied(tools.limit_tools, request, max_tools=2)[0] is request


@pytest.mark.parametrize(("mode", "losses"), [("any", ["drop:tool_choice"]), ("auto", [])])
def test_there_is_no_choice_among_no_tools(mode: Any, losses: list[str]) -> None:
    out, said = applied(tools.settle_choice, Request("m", (), tool_choice=ToolChoice(mode)))
    assert (out.tool_choice, said) == (None, losses)


def test_a_choice_must_be_one_of_the_tools() -> None:
    chosen = ToolChoice("tool", "b")
    with pytest.raises(Malformed, match="`b` is not one of the tools"):
        applied(tools.settle_choice, offering(Tool("a"), choice=chosen))
    request = offering(Tool("a"), Tool("b"), choice=chosen)
    assert applied(tools.settle_choice, request) == (request, [])


# --- schemas -------------------------------------------------------------------------------------

LISTING = Tool("names", schema='{"type":"array","items":{"type":"string"}}')


def test_schemas_are_made_legal_and_named() -> None:
    request = offering(Tool("a", schema='{"properties":{"x":{"enum":[1]}}}'), Tool("b"))
    out, losses = applied(tools.fit_schemas, request, schema="moonshot")
    assert json.loads(out.tools[0].schema)["properties"]["x"] == {"enum": [1], "type": "integer"}
    assert out.tools[1] is request.tools[1]
    assert losses == ["emu:tools.a.schema"]


def test_an_open_host_gets_schemas_as_they_are() -> None:
    request = offering(LISTING)
    assert applied(tools.fit_schemas, request)[0] is request


def test_calls_of_a_wrapped_tool_are_wrapped_in_the_history() -> None:
    turns = (Turn("assistant", (Text("x"), Call("a", "names", '["n"]'), Call("b", "read", "{}"))),)
    request = offering(LISTING, turns=turns)
    quirks = Quirks(schema="moonshot")
    assert tools.wrapped_tools(request, quirks) == {"names": "value"}
    out, _ = applied(tools.fit_schemas, request, schema="moonshot")
    assert [b.arguments for b in out.turns[0].blocks[1:]] == ['{"value":["n"]}', "{}"]
    assert tools.wrapped_tools(request, Quirks()) == {}


@pytest.mark.parametrize(("mode", "fitted"), [("native", True), ("prompt", False)])
def test_the_schema_of_an_answer_is_made_legal_where_the_host_reads_it(
    mode: str, fitted: bool
) -> None:
    wanted = OutputFormat("json_schema", '{"enum":["a"]}')
    request = Request("m", (), output_format=wanted)
    out, _ = applied(tools.fit_schemas, request, schema="moonshot", json_schema=mode)
    assert (out is not request) is fitted


def test_of_tools_of_one_name_the_first_is_offered() -> None:
    first, other = Tool("a", description="first"), Tool("a", namespace="n")
    request = offering(first, Tool("b"), Tool("a", description="second"), other)
    out, losses = applied(tools.drop_repeated, request)
    assert out.tools == (first, Tool("b"), other)
    assert losses == ["drop:tools.a"]
    assert applied(tools.drop_repeated, out)[0] is out


def test_the_last_resort_says_the_schema_in_words() -> None:
    schema = '{"type":"object","properties":{"x":{"type":"string"}}}'
    request = offering(
        Tool("a", description="Does a.", schema=schema), Tool("b"), Tool("$web_search")
    )
    out, losses = applied(tools.fit_schemas, request, schema="words")
    words = f"Does a.\n\nArguments, as JSON Schema:\n{schema}"
    assert out.tools == (Tool("a", description=words), Tool("b"), Tool("$web_search"))
    assert losses == ["emu:tools.a.schema"]
    assert applied(tools.fit_schemas, out, schema="words")[0] is out

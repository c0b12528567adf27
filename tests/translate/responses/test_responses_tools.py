"""Tools and the choice among them, as clients offer them and upstreams get them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gwproxy.translate.hub import Cache, Dialect, Request, Text, Tool, ToolChoice, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.responses import request
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Malformed, Unsupported
from support.sending import sent

USER = Turn("user", (Text("hi"),))
PLAIN = Quirks(family="up")
SCHEMA = {"type": "object", "properties": {"n": {"type": "number"}}}
SEARCH = Tool(
    "web_search", "hosted", native='{"type":"web_search"}', native_dialect=Dialect.RESPONSES
)
FOREIGN = Tool("web_search", "hosted", native="{}", native_dialect=Dialect.ANTHROPIC)


def parsed(*tools: Any, **fields: Any) -> tuple[Request, list[str]]:
    losses = Losses()
    body = {"model": "m", "input": "x", "tools": list(tools), **fields}
    return request.parse(jsonio.dumps(body), losses), list(losses)


def tools_of(*tools: Any) -> tuple[Tool, ...]:
    return parsed(*tools)[0].tools


def rendered(
    *tools: Tool, choice: ToolChoice | None = None, quirks: Quirks = PLAIN
) -> tuple[dict[str, Any], list[str]]:
    losses = Losses()
    asked_for = Request("m", (USER,), tools, choice)
    return json.loads(sent(asked_for, Dialect.RESPONSES, quirks, losses)), list(losses)


# --- what clients offer ------------------------------------------------------------------------


def test_a_function() -> None:
    offered = {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA}
    schema = jsonio.dumps(SCHEMA).decode()
    assert tools_of(offered) == (Tool("f", description="d", schema=schema),)
    assert tools_of({**offered, "strict": False})[0].strict is False
    assert tools_of({**offered, "defer_loading": True})[0].deferred is True


@pytest.mark.parametrize("missing", [{}, {"parameters": None}])
def test_a_function_without_parameters(missing: dict[str, None]) -> None:
    assert tools_of({"type": "function", "name": "f", **missing}) == (Tool("f"),)


def test_knobs_that_no_one_else_has_are_named() -> None:
    offered = {"type": "function", "name": "f", "output_schema": {}, "async": True}
    assert parsed(offered)[1] == ["drop:tools.output_schema", "drop:tools.async"]


def test_free_form_tools() -> None:
    form = {"type": "grammar", "syntax": "lark", "definition": "start: x"}
    assert tools_of({"type": "custom", "name": "p", "format": form}) == (
        Tool("p", "custom", grammar=("lark", "start: x")),
    )
    plain = {"type": "custom", "name": "p", "format": {"type": "text"}}
    assert tools_of(plain) == (Tool("p", "custom"),)
    with pytest.raises(Malformed, match=r"tools\[0\]\.format"):
        tools_of({"type": "custom", "name": "p", "format": {"type": "grammar"}})


def test_namespaces_are_flat_in_the_hub() -> None:
    inner = [{"type": "function", "name": "a"}, {"type": "custom", "name": "b"}]
    offered = {"type": "namespace", "name": "ns", "description": "about", "tools": inner}
    assert tools_of(offered) == (
        Tool("a", namespace="ns", namespace_description="about"),
        Tool("b", "custom", namespace="ns", namespace_description="about"),
    )


@pytest.mark.parametrize(
    "offered",
    [
        {"type": "local_shell"},
        {"type": "shell"},
        {"type": "shell", "environment": {"type": "local"}},
        {"type": "apply_patch"},
        {"type": "tool_search", "execution": "client", "parameters": SCHEMA},
    ],
)
def test_tools_that_the_client_runs_are_functions(offered: dict[str, Any]) -> None:
    (tool,) = tools_of(offered)
    assert (tool.name, tool.kind) == (offered["type"], "function")
    assert jsonio.loads(tool.schema)["type"] == "object"


@pytest.mark.parametrize(
    "offered",
    [
        {"type": "image_generation"},
        {"type": "shell", "environment": {"type": "container_auto"}},
        {"type": "tool_search"},
        {"type": "mcp", "server_label": "x", "server_url": "https://x.test"},
        {"type": "something_new"},
    ],
)
def test_tools_that_the_vendor_runs_travel_as_they_came(offered: dict[str, Any]) -> None:
    native = jsonio.dumps(offered).decode()
    hosted = Tool(offered["type"], "hosted", native=native, native_dialect=Dialect.RESPONSES)
    assert tools_of(offered) == (hosted,)


FUNCTION = {"type": "function", "name": "f"}


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        ("auto", ToolChoice()),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("any")),
        ({"type": "function", "name": "f"}, ToolChoice("tool", "f")),
        ({"type": "custom", "name": "p"}, ToolChoice("tool", "p")),
        ({"type": "shell"}, ToolChoice("tool", "shell")),
        ({"type": "web_search_preview"}, ToolChoice("tool", "web_search_preview")),
        ({"type": "mcp", "server_label": "x", "name": "y"}, ToolChoice("tool", "mcp")),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [FUNCTION, {"type": "shell"}]},
            ToolChoice("auto", allowed=("f", "shell")),
        ),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [FUNCTION]},
            ToolChoice("any", allowed=("f",)),
        ),
        (None, None),
    ],
)
def test_choices(given: Any, choice: ToolChoice | None) -> None:
    assert parsed(tool_choice=given)[0].tool_choice == choice


def test_parallel_calls_are_part_of_the_choice() -> None:
    assert parsed(parallel_tool_calls=False)[0].tool_choice == ToolChoice(parallel=False)
    both = parsed(parallel_tool_calls=True, tool_choice="required")[0]
    assert both.tool_choice == ToolChoice("any", parallel=True)


@pytest.mark.parametrize(
    "given",
    [
        "sometimes",
        {"type": "function"},
        {"type": "allowed_tools", "tools": [FUNCTION]},
        {"type": "allowed_tools", "mode": "auto", "tools": []},
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function"}]},
    ],
)
def test_choices_that_are_none(given: Any) -> None:
    with pytest.raises(Malformed, match="tool_choice"):
        parsed(tool_choice=given)


# --- what upstreams get ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strict", "takes", "sent"),
    [(None, True, False), (False, True, False), (True, True, True), (True, False, False)],
)
def test_strict_is_never_left_unsaid(strict: bool | None, takes: bool, sent: bool) -> None:
    """Unsaid, the API tries strict mode, and most schemas are a 400 there."""
    quirks = replace(PLAIN, strict_tools=takes)
    body, _ = rendered(Tool("f", strict=strict), quirks=quirks)
    assert body["tools"] == [
        {
            "type": "function",
            "name": "f",
            "parameters": {"type": "object", "properties": {}},
            "strict": sent,
        }
    ]


def test_a_schema_is_not_printed_anew() -> None:
    schema = '{ "maximum": 1.10 }'
    body = request.render(Request("m", (USER,), (Tool("f", schema=schema),)), PLAIN, Losses())
    assert schema.encode() in body


def test_namespaces_are_whole_again() -> None:
    tools = (
        Tool("a", namespace="ns", namespace_description="about"),
        Tool("x"),
        Tool("b", "custom", namespace="ns", namespace_description="about"),
    )
    first, second = rendered(*tools)[0]["tools"]
    assert (first["type"], first["name"], first["description"]) == ("namespace", "ns", "about")
    assert [tool["name"] for tool in first["tools"]] == ["a", "b"]
    assert second["name"] == "x"


def test_deferred_tools_are_shown_where_nobody_searches() -> None:
    refuses = replace(PLAIN, tool_extras=False)
    _, losses = rendered(Tool("f", deferred=True), quirks=refuses)
    assert losses == ["emu:tools.defer_loading"]
    body, losses = rendered(Tool("f", deferred=True), quirks=replace(PLAIN, tool_extras=True))
    assert (body["tools"][0]["defer_loading"], losses) == (True, [])


def test_a_mark_on_a_tool_is_a_loss() -> None:
    refuses = replace(PLAIN, cache_marks=False)
    assert rendered(Tool("f", cache=Cache()), quirks=refuses)[1] == ["drop:cache_control"]


def test_own_hosted_tools_pass_and_foreign_ones_are_named() -> None:
    body, losses = rendered(Tool("f"), SEARCH, FOREIGN)
    assert body["tools"][1:] == [{"type": "web_search"}]
    assert losses == ["drop:tools.web_search"]


@pytest.mark.parametrize(
    ("tools", "choice"),
    [
        ((FOREIGN,), None),
        ((Tool("f"), FOREIGN), ToolChoice("tool", "web_search")),
    ],
    ids=["alone", "forced"],
)
def test_a_foreign_hosted_tool_that_the_answer_hangs_on_is_refused(
    tools: tuple[Tool, ...], choice: ToolChoice | None
) -> None:
    with pytest.raises(Unsupported, match="web_search"):
        rendered(*tools, choice=choice)


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice(), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("any"), "required"),
        (ToolChoice("tool", "f"), {"type": "function", "name": "f"}),
        (ToolChoice("tool", "p"), {"type": "custom", "name": "p"}),
        (ToolChoice("tool", "web_search"), {"type": "web_search"}),
        (
            ToolChoice("any", allowed=("f", "p")),
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "p"}],
            },
        ),
    ],
)
def test_choices_sent(choice: ToolChoice, sent: Any) -> None:
    body, _ = rendered(Tool("f"), Tool("p", "custom"), SEARCH, choice=choice)
    assert body["tool_choice"] == sent


def test_parallel_calls_sent() -> None:
    one = ToolChoice(parallel=False)
    assert rendered(Tool("f"), choice=one)[0]["parallel_tool_calls"] is False
    body, losses = rendered(Tool("f"), choice=one, quirks=replace(PLAIN, parallel_flag=False))
    assert ("parallel_tool_calls" in body, losses) == (False, ["drop:parallel_tool_calls"])


def test_without_tools_there_is_no_choice() -> None:
    body, _ = rendered(choice=ToolChoice("any", parallel=False))
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & body.keys()

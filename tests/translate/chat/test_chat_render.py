"""The hub → Chat requests, by the upstream's quirks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.chat.request import render
from gwproxy.translate.hub import (
    Cache,
    Dialect,
    Identity,
    OutputFormat,
    Request,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import FACTS
from gwproxy.translate.wire.fields import Malformed, Unsupported
from support.sending import sent

OPEN = Quirks()
KIMI = Quirks(
    family="kimi",
    mid_system="wrap",
    thinking_switch="thinking",
    forced_tools="no_thinking",
    sampling="drop",
    min_output=16_000,
    max_tools=128,
    json_schema="prompt",
)
HI = Turn("user", (Text("hi"),))
F, G = Tool("f"), Tool("g")


def rendered(
    quirks: Quirks = OPEN, turns: tuple[Turn, ...] = (HI,), **members: Any
) -> tuple[dict[str, Any], list[str]]:
    losses = Losses()
    body = sent(Request("m", turns, **members), Dialect.CHAT, quirks, losses)
    return json.loads(body), list(losses)


def body_of(quirks: Quirks = OPEN, **members: Any) -> dict[str, Any]:
    body, losses = rendered(quirks, **members)
    assert losses == []
    return body


def test_the_least_request() -> None:
    assert body_of() == {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def test_a_tool_without_parameters_takes_an_object() -> None:
    (tool,) = body_of(tools=(Tool("f", schema="{}"),))["tools"]
    assert tool["function"]["parameters"] == {"type": "object", "properties": {}}


def test_streams_ask_for_usage_where_the_upstream_takes_that() -> None:
    assert body_of(stream=True)["stream_options"] == {"include_usage": True}
    body = body_of(Quirks(usage_in_stream=False), stream=True)
    assert body["stream"] is True and "stream_options" not in body
    assert not {"stream", "stream_options"} & set(body_of())


# --- limits, sampling, the rest --------------------------------------------------------------


@pytest.mark.parametrize(
    ("quirks", "asked", "sent", "losses"),
    [
        (OPEN, 500, 500, []),
        (OPEN, None, None, []),
        (OPEN, 64_000, 32_768, ["clamp:max_tokens=32768"]),
        (OPEN, 0, 1, ["raise:max_tokens=1"]),
        (KIMI, None, 32_768, []),
        (KIMI, 500, 16_000, ["raise:max_tokens=16000"]),
        (KIMI, 1, 1, []),
        (KIMI, 20_000, 20_000, []),
        (Quirks(min_output=16_000, max_output=8000), 500, 8000, ["raise:max_tokens=8000"]),
    ],
)
def test_the_output_limit(
    quirks: Quirks, asked: int | None, sent: int | None, losses: list[str]
) -> None:
    body, found = rendered(quirks, max_tokens=asked)
    assert (body.get("max_tokens"), found) == (sent, losses)


def test_a_small_limit_is_enough_without_thinking() -> None:
    body = body_of(KIMI, max_tokens=500, thinking=Thinking("off"))
    assert (body["max_tokens"], body["thinking"]) == (500, {"type": "disabled"})


def test_the_name_of_the_limit() -> None:
    quirks = Quirks(max_tokens_field="max_completion_tokens")
    assert body_of(quirks, max_tokens=5)["max_completion_tokens"] == 5


def test_sampling_is_passed_or_dropped() -> None:
    sampling = Sampling(0.7, 0.9, 40, 0.1, 0.2, 3)
    body, losses = rendered(sampling=sampling)
    assert losses == ["drop:top_k"]
    assert (body["temperature"], body["top_p"], body["seed"]) == (0.7, 0.9, 3)
    assert (body["frequency_penalty"], body["presence_penalty"]) == (0.1, 0.2)
    body, losses = rendered(Quirks(sampling="drop"), sampling=sampling)
    assert set(body) == {"model", "messages"}
    assert losses == [
        "drop:temperature",
        "drop:top_p",
        "drop:top_k",
        "drop:frequency_penalty",
        "drop:presence_penalty",
        "drop:seed",
    ]


def test_stop_sequences() -> None:
    assert body_of(stop=("a", "b"))["stop"] == ["a", "b"]
    body, losses = rendered(stop=("a", "b", "c", "d", "e"))
    assert (body["stop"], losses) == (["a", "b", "c", "d"], ["drop:stop"])
    body, losses = rendered(Quirks(stop_sequences=False), stop=("a",))
    assert "stop" not in body and losses == ["drop:stop"]


def test_who_asks() -> None:
    identity = Identity("ann", "session", None)
    assert rendered(identity=identity)[1] == ["drop:user"]
    assert body_of(Quirks(user_id="keep"), identity=identity)["user"] == "ann"
    hashed = body_of(Quirks(user_id="hash"), identity=identity)["user"]
    assert len(hashed) == 64 and hashed != "ann"
    long = Identity("x" * 65)
    assert len(body_of(Quirks(user_id="keep"), identity=long)["user"]) == 64


def test_the_cache_key_is_the_same_for_one_conversation() -> None:
    quirks = Quirks(prompt_cache_key=True)
    key = body_of(quirks, identity=Identity(session="s"))["prompt_cache_key"]
    assert len(key) == 32
    more = (HI, Turn("assistant", (Text("a"),)), HI)
    assert body_of(quirks, turns=more, identity=Identity(session="s"))["prompt_cache_key"] == key
    assert body_of(quirks, identity=Identity(cache_key="k"))["prompt_cache_key"] == "k"
    unnamed = body_of(quirks)["prompt_cache_key"]
    assert body_of(quirks, turns=more)["prompt_cache_key"] == unnamed
    assert body_of(quirks, turns=(Turn("user", (Text("x"),)),))["prompt_cache_key"] != unnamed


@pytest.mark.parametrize(
    ("members", "losses"),
    [
        ({"service_tier": "auto"}, []),
        ({"service_tier": "flex"}, ["drop:service_tier"]),
        ({"verbosity": "low"}, ["drop:verbosity"]),
        ({"identity": Identity(cache_key="k")}, ["drop:prompt_cache_key"]),
        ({"turns": (Turn("user", (Text("a", Cache()),)),)}, ["drop:cache_control"]),
    ],
)
def test_what_chat_servers_do_not_know(members: dict[str, Any], losses: list[str]) -> None:
    body, found = rendered(**members)
    assert (set(body), found) == ({"model", "messages"}, losses)


# --- an answer that was begun ----------------------------------------------------------------

BEGUN = (HI, Turn("assistant", (Text("{"),)))


def test_an_anthropic_client_may_begin_the_answer() -> None:
    body = body_of(Quirks(prefill="partial"), turns=BEGUN, client=FACTS[Dialect.ANTHROPIC])
    assert body["messages"][-1] == {"role": "assistant", "content": "{", "partial": True}
    with pytest.raises(Unsupported, match="continue an answer"):
        rendered(turns=BEGUN, client=FACTS[Dialect.ANTHROPIC])


@pytest.mark.parametrize("client", [Dialect.CHAT, Dialect.RESPONSES])
def test_others_do_not(client: Dialect) -> None:
    body = body_of(turns=BEGUN, client=FACTS[client])
    assert body["messages"][-1] == {"role": "assistant", "content": "{"}


# --- tools -----------------------------------------------------------------------------------


def test_functions() -> None:
    schema = '{"type":"object","maximum":1.10}'
    losses = Losses()
    tool = Tool("f", description="d", schema=schema, strict=True)
    body = render(Request("m", (HI,), tools=(tool,)), OPEN, losses)
    assert f'"parameters":{schema},"strict":true'.encode() in body, "schemas keep their text"
    function = body_of(tools=(F,))["tools"][0]["function"]
    assert function == {"name": "f", "parameters": {"type": "object", "properties": {}}}


def test_strictness_only_where_it_is_taken() -> None:
    loose = Quirks(strict_tools=False)
    body, losses = rendered(loose, tools=(Tool("f", strict=True),))
    assert "strict" not in body["tools"][0]["function"] and losses == ["drop:tools.strict"]
    assert "strict" not in body_of(loose, tools=(Tool("f", strict=False),))["tools"][0]["function"]


def test_free_form_tools() -> None:
    tool = Tool("patch", "custom", "d", grammar=("lark", "start: X"))
    body = body_of(tools=(tool,), tool_choice=ToolChoice("tool", "patch"))
    grammar = {"syntax": "lark", "definition": "start: X"}
    custom = {
        "name": "patch",
        "description": "d",
        "format": {"type": "grammar", "grammar": grammar},
    }
    assert body["tools"] == [{"type": "custom", "custom": custom}]
    assert body["tool_choice"] == {"type": "custom", "custom": {"name": "patch"}}


SEARCH = Tool("web_search", "hosted", native="{}", native_dialect=Dialect.ANTHROPIC)


def test_a_tool_that_nobody_can_run() -> None:
    body, losses = rendered(tools=(SEARCH, F))
    assert [tool["function"]["name"] for tool in body["tools"]] == ["f"]
    assert losses == ["drop:tools.web_search"]
    with pytest.raises(Unsupported, match="web_search"):
        rendered(tools=(SEARCH,))
    with pytest.raises(Unsupported, match="web_search"):
        rendered(tools=(SEARCH, F), tool_choice=ToolChoice("tool", "web_search"))


def test_tools_of_chat_servers_go_back_to_them() -> None:
    native = '{"type":"builtin_function","function":{"name":"$web_search"}}'
    builtin = Tool("$web_search", "hosted", native=native, native_dialect=Dialect.CHAT)
    options = Tool("web_search_options", "hosted", native="{}", native_dialect=Dialect.CHAT)
    body = body_of(tools=(builtin, options))
    assert body["tools"] == [json.loads(native)]
    assert body["web_search_options"] == {}


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, {}),
        (ToolChoice(), {"tool_choice": "auto"}),
        (ToolChoice("any"), {"tool_choice": "required"}),
        (ToolChoice("none"), {"tool_choice": "none"}),
        (
            ToolChoice("tool", "f"),
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        ),
        (
            ToolChoice("any", parallel=False),
            {"tool_choice": "required", "parallel_tool_calls": False},
        ),
        # What every server does unasked, and strict ones do not want to hear.
        (ToolChoice("auto", parallel=True), {"tool_choice": "auto"}),
    ],
)
def test_the_choice(choice: ToolChoice | None, sent: dict[str, Any]) -> None:
    body = body_of(tools=(F, G), tool_choice=choice)
    names = ("tool_choice", "parallel_tool_calls")
    assert {name: body[name] for name in names if name in body} == sent


@pytest.mark.parametrize("mode", ["auto", "any", "none"])
def test_without_tools_there_is_no_choice(mode: Any) -> None:
    body, losses = rendered(tools=(), tool_choice=ToolChoice(mode, parallel=False))
    assert set(body) == {"model", "messages"}
    assert losses == (["drop:tool_choice"] if mode == "any" else [])


def test_the_choice_among_some() -> None:
    body, losses = rendered(tools=(F, G), tool_choice=ToolChoice("any", None, ("g",)))
    assert [tool["function"]["name"] for tool in body["tools"]] == ["g"]
    assert body["tool_choice"] == "required"
    assert losses == ["emu:tool_choice.allowed_tools"]


def test_the_choice_of_a_tool_that_is_not_there() -> None:
    with pytest.raises(Malformed, match="`x` is not one of the tools"):
        rendered(tools=(F,), tool_choice=ToolChoice("tool", "x"))


def test_the_flag_against_parallel_calls() -> None:
    quirks = Quirks(parallel_flag=False)
    body, losses = rendered(quirks, tools=(F,), tool_choice=ToolChoice(parallel=False))
    assert "parallel_tool_calls" not in body and losses == ["drop:parallel_tool_calls"]
    assert rendered(quirks, tools=(F,), tool_choice=ToolChoice(parallel=True))[1] == []


# --- thinking --------------------------------------------------------------------------------

FEW = Quirks(efforts=("low", "high"))
NONE = Quirks(efforts=("none", "minimal", "low", "medium", "high", "xhigh", "max"))
SWITCH = Quirks(thinking_switch="thinking")
MUTE = Quirks(thinking_switch="none")


@pytest.mark.parametrize(
    ("quirks", "thinking", "sent", "losses"),
    [
        (OPEN, Thinking(), {}, []),
        (OPEN, Thinking("on"), {}, []),
        (OPEN, Thinking("on", "high"), {"reasoning_effort": "high"}, []),
        (OPEN, Thinking(None, "low"), {"reasoning_effort": "low"}, []),
        (
            OPEN,
            Thinking("on", "max"),
            {"reasoning_effort": "high"},
            ["clamp:reasoning_effort=high"],
        ),
        (
            FEW,
            Thinking("on", "medium"),
            {"reasoning_effort": "high"},
            ["clamp:reasoning_effort=high"],
        ),
        (
            FEW,
            Thinking("on", "minimal"),
            {"reasoning_effort": "low"},
            ["clamp:reasoning_effort=low"],
        ),
        (
            OPEN,
            Thinking("budget", None, 4096),
            {"reasoning_effort": "low"},
            [],
        ),
        (
            OPEN,
            Thinking("budget", None, 16_384),
            {"reasoning_effort": "medium"},
            [],
        ),
        (
            OPEN,
            Thinking("budget", None, 31_999),
            {"reasoning_effort": "high"},
            [],
        ),
        (
            OPEN,
            Thinking("budget", None, 70_000),
            {"reasoning_effort": "high"},
            ["clamp:reasoning_effort=high"],
        ),
        (
            NONE,
            Thinking("budget", None, 70_000),
            {"reasoning_effort": "xhigh"},
            [],
        ),
        (NONE, Thinking("off"), {"reasoning_effort": "none"}, []),
        (OPEN, Thinking("off"), {"reasoning_effort": "low"}, ["clamp:reasoning_effort=low"]),
        (OPEN, Thinking(None, "none"), {"reasoning_effort": "low"}, ["clamp:reasoning_effort=low"]),
        (Quirks(efforts=()), Thinking("off"), {}, ["drop:thinking"]),
        (Quirks(efforts=()), Thinking("on", "high"), {}, ["drop:reasoning_effort"]),
        (Quirks(thinking_always=True), Thinking("off"), {}, ["drop:thinking"]),
        (SWITCH, Thinking("off"), {"thinking": {"type": "disabled"}}, []),
        (SWITCH, Thinking("on"), {"thinking": {"type": "enabled"}}, []),
        (
            SWITCH,
            Thinking("on", "high"),
            {"thinking": {"type": "enabled"}},
            ["drop:reasoning_effort"],
        ),
        (
            SWITCH,
            Thinking("budget", None, 9),
            {"thinking": {"type": "enabled"}},
            ["drop:thinking.budget_tokens"],
        ),
        (SWITCH, Thinking(), {}, []),
        (MUTE, Thinking("on"), {}, ["drop:thinking"]),
        (MUTE, Thinking("on", "high"), {}, ["drop:thinking", "drop:reasoning_effort"]),
        (MUTE, Thinking("off"), {}, ["drop:thinking"]),
    ],
)
def test_thinking(
    quirks: Quirks, thinking: Thinking, sent: dict[str, Any], losses: list[str]
) -> None:
    body, found = rendered(quirks, thinking=thinking)
    assert {name: body[name] for name in body if name not in ("model", "messages")} == sent
    assert found == losses


FORCED = ToolChoice("tool", "f")


def test_a_forced_tool_wins_over_thinking() -> None:
    body, losses = rendered(
        KIMI, tools=(F, G), tool_choice=FORCED, thinking=Thinking("on"), max_tokens=500
    )
    assert body["thinking"] == {"type": "disabled"}
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert body["max_tokens"] == 500
    assert losses == ["drop:thinking"]


def test_thinking_is_on_by_default_and_so_is_switched_off_too() -> None:
    body, losses = rendered(KIMI, tools=(F,), tool_choice=ToolChoice("any"))
    assert body["thinking"] == {"type": "disabled"} and losses == ["emu:tool_choice"]
    off = Thinking("off")
    assert rendered(KIMI, tools=(F,), tool_choice=FORCED, thinking=off)[1] == []
    assert "thinking" not in body_of(KIMI, tools=(F,), tool_choice=ToolChoice())
    assert "thinking" not in body_of(tools=(F,), tool_choice=FORCED)


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(forced_tools="auto"),
        Quirks(forced_tools="no_thinking", thinking_switch="thinking", thinking_always=True),
        Quirks(forced_tools="no_thinking", thinking_switch="none"),
    ],
)
def test_a_model_that_always_thinks_is_asked_in_words(quirks: Quirks) -> None:
    body, losses = rendered(quirks, tools=(F, G), tool_choice=FORCED)
    assert body["tool_choice"] == "auto"
    assert [tool["function"]["name"] for tool in body["tools"]] == ["f"]
    assert body["messages"][-1] == {"role": "user", "content": "Answer by calling the tool `f`."}
    assert losses == ["emu:tool_choice"]
    body, _ = rendered(quirks, tools=(F, G), tool_choice=ToolChoice("any"))
    assert len(body["tools"]) == 2
    assert body["messages"][-1]["content"] == "Answer by calling one of the tools."


# --- structured output -----------------------------------------------------------------------

SCHEMA = '{"type":"object","properties":{"title":{"type":"string"}}}'
TITLE = OutputFormat("json_schema", SCHEMA)


def test_a_format_is_said_natively() -> None:
    assert body_of(output_format=TITLE)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "response", "schema": json.loads(SCHEMA), "strict": True},
    }
    named = OutputFormat("json_schema", SCHEMA, "my title!", "d", False)
    assert body_of(output_format=named)["response_format"]["json_schema"] == {
        "name": "my_title_",
        "description": "d",
        "schema": json.loads(SCHEMA),
        "strict": False,
    }
    unsaid = OutputFormat("json_schema", SCHEMA, "n")
    assert "strict" not in body_of(output_format=unsaid)["response_format"]["json_schema"]
    loose = body_of(output_format=OutputFormat("json_object"))["response_format"]
    assert loose == {"type": "json_object"}


def test_a_format_is_said_as_a_tool() -> None:
    quirks = Quirks(json_schema="tool")
    body, losses = rendered(quirks, output_format=TITLE)
    (tool,) = body["tools"]
    assert tool["function"]["parameters"] == json.loads(SCHEMA)
    assert body["tool_choice"]["function"]["name"] == tool["function"]["name"] == "respond_json"
    assert "response_format" not in body and losses == ["emu:response_format"]
    body, _ = rendered(quirks, output_format=TITLE, tools=(F,))
    assert [tool["function"]["name"] for tool in body["tools"]] == ["f", "respond_json"]
    assert body["tool_choice"] == "required"


@pytest.mark.parametrize("wanted", [TITLE, OutputFormat("json_object")])
def test_a_format_is_said_in_words(wanted: OutputFormat) -> None:
    prompt = Turn("system", (Text("s"),))
    body, losses = rendered(KIMI, turns=(prompt, HI), output_format=wanted)
    instructions = body["messages"][0]["content"]
    assert instructions.startswith("s\n\nAnswer with one JSON object and nothing else")
    assert (SCHEMA in instructions) == (wanted is TITLE)
    assert "response_format" not in body and losses == ["emu:response_format"]

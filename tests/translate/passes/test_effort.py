"""Whether the model thinks now, how hard, and what a forced tool has to do with it."""

from __future__ import annotations

from typing import Any

import pytest

from gwproxy.translate.hub import Dialect, Request, Text, Thinking, Tool, ToolChoice, Turn
from gwproxy.translate.passes import effort
from support.sending import applied

HISTORY = (Turn("user", (Text("one"),)),)
TOOLS = (Tool("read"), Tool("write"))


# --- a forced tool -------------------------------------------------------------------------------


def forcing(mode: Any = "tool", **thinking_said: Any) -> Request:
    name = "read" if mode == "tool" else None
    wish = Thinking(**thinking_said)
    return Request("m", HISTORY, TOOLS, ToolChoice(mode, name), thinking=wish)


def test_a_forced_tool_switches_thinking_off() -> None:
    out, losses = applied(
        effort.force_tools,
        forcing(mode="any"),
        forced_tools="no_thinking",
        thinking_switch="thinking",
    )
    assert out.thinking.mode == "off"
    assert out.tool_choice == ToolChoice("any")
    assert losses == ["emu:tool_choice"]


def test_thinking_that_was_asked_for_is_a_loss() -> None:
    request = Request("m", (), TOOLS, ToolChoice("any"), thinking=Thinking("on", effort="high"))
    out, losses = applied(
        effort.force_tools, request, Dialect.ANTHROPIC, forced_tools="no_thinking"
    )
    assert out.thinking.mode == "off"
    assert losses == ["drop:thinking"]


def test_claude_that_was_not_asked_to_think_needs_no_word() -> None:
    request = forcing(mode="any")
    flags = {"forced_tools": "no_thinking", "signed_thinking": True}
    assert applied(effort.force_tools, request, Dialect.ANTHROPIC, **flags) == (request, [])
    told, losses = applied(
        effort.force_tools, request, Dialect.ANTHROPIC, forced_tools="no_thinking"
    )
    assert (told.thinking.mode, losses) == ("off", ["emu:tool_choice"])


def test_a_model_that_always_thinks_is_asked_in_words() -> None:
    out, losses = applied(
        effort.force_tools, forcing(), forced_tools="no_thinking", thinking_always=True
    )
    assert out.tool_choice == ToolChoice("auto")
    assert out.tools == TOOLS[:1]
    assert out.turns == (*HISTORY, Turn("user", (Text("Answer by calling the tool `read`."),)))
    assert losses == ["emu:tool_choice"]


def test_a_host_that_takes_no_name_is_offered_the_forced_tool_alone() -> None:
    out, losses = applied(effort.force_tools, forcing(), named_tool=False)
    assert (out.tools, out.tool_choice) == (TOOLS[:1], ToolChoice("any"))
    assert losses == ["emu:tool_choice"]
    assert applied(effort.force_tools, out, named_tool=False)[0] is out
    request = forcing(mode="any")
    assert applied(effort.force_tools, request, named_tool=False)[0] is request


# --- thinking and effort -------------------------------------------------------------------------

EFFORTS = ("low", "high", "max")


@pytest.mark.parametrize(
    ("asked", "sent", "losses"),
    [
        (Thinking(), Thinking(), []),
        (Thinking(effort="high"), Thinking("on", "high"), []),
        (Thinking("on", "medium"), Thinking("on", "high"), ["clamp:reasoning_effort=high"]),
        (Thinking("on", "xhigh"), Thinking("on", "max"), ["clamp:reasoning_effort=max"]),
        (Thinking("on", "minimal"), Thinking("on", "low"), ["clamp:reasoning_effort=low"]),
        (Thinking("budget", None, 4000), Thinking("on", "low"), []),
        (Thinking("on"), Thinking("on"), []),
        (Thinking("off"), Thinking("on", "low"), ["clamp:reasoning_effort=low"]),
        (Thinking(effort="none"), Thinking("on", "low"), ["clamp:reasoning_effort=low"]),
    ],
)
def test_an_effort_is_the_nearest_one_that_the_host_knows(
    asked: Thinking, sent: Thinking, losses: list[str]
) -> None:
    out, said = applied(effort.set_thinking, Request("m", (), thinking=asked), efforts=EFFORTS)
    assert (out.thinking, said) == (sent, losses)


@pytest.mark.parametrize(
    ("asked", "sent", "losses"),
    [
        (Thinking("on", "high"), Thinking("on"), ["drop:reasoning_effort"]),
        (Thinking("budget", None, 4000), Thinking("on"), ["drop:thinking.budget_tokens"]),
        (Thinking(effort="none"), Thinking("off"), []),
        (Thinking("off"), Thinking("off"), []),
    ],
)
def test_a_host_with_a_switch_gets_the_switch_alone(
    asked: Thinking, sent: Thinking, losses: list[str]
) -> None:
    out, said = applied(
        effort.set_thinking, Request("m", (), thinking=asked), thinking_switch="thinking"
    )
    assert (out.thinking, said) == (sent, losses)


@pytest.mark.parametrize("asked", [Thinking("off"), Thinking(effort="none")])
def test_a_model_that_always_thinks_is_not_told_to_stop(asked: Thinking) -> None:
    out, said = applied(
        effort.set_thinking,
        Request("m", (), thinking=asked),
        thinking_switch="thinking",
        thinking_always=True,
    )
    assert (out.thinking, said) == (Thinking(), ["drop:thinking"])


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (Thinking("on"), Thinking("budget", None, 24_576)),
        (Thinking("on", "low"), Thinking("budget", None, 4096)),
        (Thinking("budget", None, 9000), Thinking("budget", None, 9000)),
        (Thinking("on", "max"), Thinking("budget", None, 63_999)),
    ],
)
def test_a_messages_host_without_adaptive_thinking_gets_a_budget(
    asked: Thinking, sent: Thinking
) -> None:
    request = Request("m", (), max_tokens=100_000, thinking=asked)
    out, _ = applied(effort.set_thinking, request, Dialect.ANTHROPIC, thinking_switch="thinking")
    out, losses = applied(effort.set_budget, out, Dialect.ANTHROPIC, thinking_switch="thinking")
    assert (out.thinking, losses) == (sent, [])


@pytest.mark.parametrize(
    ("budget", "limit", "fitted"),
    [
        (24_576, 32_000, 24_576),
        (24_576, 16_000, 14_976),
        (24_576, 1_500, 1_024),
        (500, 16_000, 1_024),
        (9000, 9001, 9000),
    ],
)
def test_a_budget_stays_below_the_output_limit(budget: int, limit: int, fitted: int) -> None:
    request = Request("m", (), max_tokens=limit, thinking=Thinking("budget", None, budget))
    out, _ = applied(effort.set_budget, request, Dialect.ANTHROPIC)
    assert out.thinking.budget_tokens == fitted


def test_without_room_for_the_least_budget_there_is_no_thinking() -> None:
    request = Request("m", (), max_tokens=1000, thinking=Thinking("budget", None, 5000))
    out, losses = applied(effort.set_budget, request, Dialect.ANTHROPIC)
    assert out.thinking == Thinking("off")
    assert losses == ["drop:thinking"]

"""Which reasoning goes back, and whether the model thinks now."""

from __future__ import annotations

from typing import Any

import pytest

from gwproxy.translate.hub import (
    Call,
    Dialect,
    Reasoning,
    Request,
    Result,
    Seal,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.manners import Manners
from gwproxy.translate.repair import thinking

THOUGHT = Reasoning("hm")
CALLING = Turn("assistant", (THOUGHT, Call("a", "read", "{}")))
ANSWERED = Turn("user", (Result("a", (Text("1"),)),))
HISTORY = (
    Turn("user", (Text("one"),)),
    CALLING,
    ANSWERED,
    Turn("assistant", (THOUGHT, Text("done"))),
    Turn("user", (Text("two"),)),
    CALLING,
    ANSWERED,
)
TOOLS = (Tool("read"), Tool("write"))


def applied(one: Any, request: Request, upstream: Dialect = Dialect.CHAT, **flags: Any) -> Any:
    losses = Losses()
    return one(request, upstream, Manners(**flags), losses), list(losses)


def thoughts(request: Request) -> list[bool]:
    return [any(isinstance(b, Reasoning) for b in turn.blocks) for turn in request.turns]


# --- reasoning that goes back --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keep", "kept"),
    [(None, [1, 3, 5]), (1, [1, 3, 5]), (0, [5])],
)
def test_older_reasoning_is_forgotten_as_asked(keep: int | None, kept: list[int]) -> None:
    request = Request("m", HISTORY, thinking=Thinking("on", keep_turns=keep))
    out, losses = applied(thinking.keep_turns, request)
    assert [n for n, thought in enumerate(thoughts(out)) if thought] == kept
    assert losses == (["emu:thinking.keep"] if keep == 0 else [])


def test_hosts_that_demand_reasoning_with_calls_get_it() -> None:
    request = Request("m", HISTORY, thinking=Thinking("on", keep_turns=0))
    out, _ = applied(thinking.keep_turns, request, thinking_switch="thinking")
    assert [n for n, thought in enumerate(thoughts(out)) if thought] == [1, 5]


@pytest.mark.parametrize(
    ("policy", "kept"), [("all", [1, 3, 5]), ("tool_turns", [1, 5]), ("none", [])]
)
def test_reasoning_is_sent_back_as_the_host_takes_it(policy: str, kept: list[int]) -> None:
    out, losses = applied(thinking.replay, Request("m", HISTORY), reasoning_in=policy)
    assert [n for n, thought in enumerate(thoughts(out)) if thought] == kept
    assert losses == ([] if policy == "all" else ["drop:messages.thinking"])


def test_claude_gets_its_own_signed_thoughts_only() -> None:
    own = Reasoning("a", Seal("claude", "signature", "s"))
    foreign = Reasoning("b", Seal("kimi", "text", "b"))
    unknown = Reasoning("c", foreign_signature="x")
    turn = Turn("assistant", (own, foreign, unknown, THOUGHT, Text("t")))
    out, _ = applied(thinking.replay, Request("m", (turn,)), signed_thinking=True, family="claude")
    assert out.turns[0].blocks == (own, unknown, Text("t"))


def test_a_tool_loop_that_lost_its_thought_goes_on_without_thinking() -> None:
    request = Request("m", HISTORY, thinking=Thinking("budget", budget_tokens=4000))
    out, losses = applied(thinking.replay, request, Dialect.ANTHROPIC, signed_thinking=True)
    assert out.thinking == Thinking("off")
    assert losses == ["drop:messages.thinking", "drop:thinking"]


def test_a_placeholder_stands_in_where_the_manners_have_one() -> None:
    bare = Turn("assistant", (Reasoning(""), Call("a", "read", "{}")))
    request = Request("m", (bare, ANSWERED, CALLING))
    out, losses = applied(thinking.fill_reasoning, request, reasoning_placeholder=" ")
    assert out.turns == (
        Turn("assistant", (Reasoning(" "), Call("a", "read", "{}"))),
        ANSWERED,
        CALLING,
    )
    assert losses == ["synth:messages.thinking"]


def test_a_seal_that_the_host_cannot_read_is_no_thought() -> None:
    sealed = Reasoning("", Seal("openai", "encrypted", "gAAA"))
    bare = Turn("assistant", (sealed, Call("a", "read", "{}")))
    request = Request("m", (bare, ANSWERED))
    for upstream in (Dialect.CHAT, Dialect.ANTHROPIC):
        out, _ = applied(thinking.fill_reasoning, request, upstream, reasoning_placeholder="-")
        assert out.turns[0].blocks == (Reasoning("-"), bare.blocks[1])
    out, _ = applied(thinking.fill_reasoning, request, Dialect.RESPONSES, reasoning_placeholder="-")
    assert out is request


def test_thinking_that_is_off_gets_no_placeholder() -> None:
    bare = Turn("assistant", (Call("a", "read", "{}"),))
    request = Request("m", (bare, ANSWERED), thinking=Thinking("off"))
    out, losses = applied(thinking.fill_reasoning, request, reasoning_placeholder=" ")
    assert out is request
    assert losses == []


def test_reasoning_is_never_invented_by_default() -> None:
    request = Request("m", (Turn("assistant", (Call("a", "read", "{}"),)), ANSWERED))
    out, losses = applied(thinking.fill_reasoning, request)
    assert out is request
    assert losses == []


# --- a forced tool -------------------------------------------------------------------------------


def forcing(mode: Any = "tool", **thinking_said: Any) -> Request:
    name = "read" if mode == "tool" else None
    wish = Thinking(**thinking_said)
    return Request("m", HISTORY[:1], TOOLS, ToolChoice(mode, name), thinking=wish)


def test_a_forced_tool_switches_thinking_off() -> None:
    out, losses = applied(
        thinking.force_tools,
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
        thinking.force_tools, request, Dialect.ANTHROPIC, forced_tools="no_thinking"
    )
    assert out.thinking.mode == "off"
    assert losses == ["drop:thinking"]


def test_claude_that_was_not_asked_to_think_needs_no_word() -> None:
    request = forcing(mode="any")
    out, _ = applied(thinking.force_tools, request, Dialect.ANTHROPIC, forced_tools="no_thinking")
    assert out is request


def test_a_model_that_always_thinks_is_asked_in_words() -> None:
    out, losses = applied(
        thinking.force_tools, forcing(), forced_tools="no_thinking", thinking_always=True
    )
    assert out.tool_choice == ToolChoice("auto")
    assert out.tools == TOOLS[:1]
    assert out.turns == (*HISTORY[:1], Turn("user", (Text("Answer by calling the tool `read`."),)))
    assert losses == ["emu:tool_choice"]


def test_a_host_that_takes_no_name_is_offered_the_forced_tool_alone() -> None:
    out, losses = applied(thinking.force_tools, forcing(), named_tool=False)
    assert (out.tools, out.tool_choice) == (TOOLS[:1], ToolChoice("any"))
    assert losses == ["emu:tool_choice"]
    assert applied(thinking.force_tools, out, named_tool=False)[0] is out
    request = forcing(mode="any")
    assert applied(thinking.force_tools, request, named_tool=False)[0] is request


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
    out, said = applied(thinking.set_thinking, Request("m", (), thinking=asked), efforts=EFFORTS)
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
        thinking.set_thinking, Request("m", (), thinking=asked), thinking_switch="thinking"
    )
    assert (out.thinking, said) == (sent, losses)


@pytest.mark.parametrize("asked", [Thinking("off"), Thinking(effort="none")])
def test_a_model_that_always_thinks_is_not_told_to_stop(asked: Thinking) -> None:
    out, said = applied(
        thinking.set_thinking,
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
        (Thinking(effort="max"), Thinking("budget", None, 63_999)),
    ],
)
def test_a_messages_host_without_adaptive_thinking_gets_a_budget(
    asked: Thinking, sent: Thinking
) -> None:
    request = Request("m", (), thinking=asked)
    out, _ = applied(thinking.set_thinking, request, Dialect.ANTHROPIC, thinking_switch="thinking")
    assert out.thinking == sent


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
    out, _ = applied(thinking.fit_budget, request, Dialect.ANTHROPIC)
    assert out.thinking.budget_tokens == fitted


def test_without_room_for_the_least_budget_there_is_no_thinking() -> None:
    request = Request("m", (), max_tokens=1000, thinking=Thinking("budget", None, 5000))
    out, losses = applied(thinking.fit_budget, request, Dialect.ANTHROPIC)
    assert out.thinking == Thinking("off")
    assert losses == ["drop:thinking"]

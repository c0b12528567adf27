"""Which reasoning of earlier turns goes back."""

from __future__ import annotations

import pytest

from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    Reasoning,
    Refusal,
    Request,
    Result,
    Seal,
    Text,
    Thinking,
    Turn,
)
from gwproxy.translate.passes import thinking
from support.sending import applied

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
    assert losses == (["emu:messages.thinking"] if keep == 0 else [])


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


@pytest.mark.parametrize(
    ("blocks", "kept"),
    [
        ((THOUGHT, Text("t"), THOUGHT), (THOUGHT, Text("t"))),
        ((THOUGHT, Call("a", "read", "{}"), THOUGHT, THOUGHT), (THOUGHT, Call("a", "read", "{}"))),
        ((THOUGHT, Refusal("no"), THOUGHT), (THOUGHT, Refusal("no"))),
        ((THOUGHT,), ()),
        ((THOUGHT, Text("t")), (THOUGHT, Text("t"))),
    ],
)
def test_a_reasoning_item_that_led_to_nothing_stays_here(
    blocks: tuple[Block, ...], kept: tuple[Block, ...]
) -> None:
    """OpenAI's alone refuses it: "provided without its required following item"."""
    request = Request("m", (Turn("assistant", blocks), Turn("user", (Text("go on"),))))
    out, losses = applied(thinking.replay, request, Dialect.RESPONSES)
    assert out.turns[0].blocks == kept
    assert losses == ([] if kept == blocks else ["drop:messages.thinking"])
    for other in (Dialect.CHAT, Dialect.ANTHROPIC):
        assert applied(thinking.replay, request, other) == (request, [])


def test_a_tool_loop_that_lost_its_thought_goes_on_without_thinking() -> None:
    request = Request("m", HISTORY, thinking=Thinking("budget", budget_tokens=4000))
    out, losses = applied(thinking.replay, request, Dialect.ANTHROPIC, signed_thinking=True)
    assert out.thinking == Thinking("off")
    assert losses == ["drop:messages.thinking", "drop:thinking"]


def test_a_placeholder_stands_in_where_the_quirks_have_one() -> None:
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

"""Calls that leaked into an answer's words become calls, wherever the stream is cut."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.translate.events import Close, Delta, End, Event, Finish, Open, Start, fold
from gwproxy.translate.hub import Call, Dialect, Reasoning, Reply, Stop, StopReason, Text
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.stages.leaked import LeakedCalls
from support.bridges import bridge_of
from support.hub_grammar import Grammar

NAMES = frozenset({"ls", "mcp.read"})
LS = '<|tool_call_begin|>functions.ls:0<|tool_call_argument_begin|>{"a": "<|x|>"}<|tool_call_end|>'
READ = "<|tool_call_begin|> mcp.read:1 <|tool_call_argument_begin|> <|tool_call_end|>"
SECTION = f"<|tool_calls_section_begin|>{LS}\n{READ}<|tool_calls_section_end|>"
CALLS = (Call("functions.ls:0", "ls", '{"a": "<|x|>"}'), Call("mcp.read:1", "mcp.read", "{}"))


def pieces(text: str, cuts: list[int]) -> list[str]:
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[start:end] for start, end in itertools.pairwise(edges)] or [text]


def block(index: int, kind: Any, *fragments: str) -> list[Event]:
    opened = Open(index, kind, "c", "ls") if kind == "call" else Open(index, kind)
    return [opened, *(Delta(index, one) for one in fragments), Close(index)]


def run(
    *blocks: list[Event], names: frozenset[str] = NAMES, reason: StopReason = StopReason.END
) -> Reply:
    leaked, grammar = LeakedCalls(names), Grammar(sequential=True)
    events = [Start(), *(event for one in blocks for event in one), Finish(Stop(reason)), End()]
    out = [new for event in events for new in leaked.feed([event])]
    for event in out:
        grammar.check(event)
    reply = fold(out)
    assert isinstance(reply, Reply)
    return reply


@given(st.lists(st.integers(0, 500), max_size=12))
def test_calls_come_out_of_the_text(cuts: list[int]) -> None:
    reply = run(block(0, "text", *pieces(f"I look. < {SECTION} \nDone <", cuts)))
    assert reply.blocks == (Text("I look. <  \nDone <"), *CALLS)
    assert reply.stop.reason is StopReason.TOOL_USE


@given(st.lists(st.integers(0, 500), max_size=12))
def test_calls_come_out_of_thoughts_and_last(cuts: list[int]) -> None:
    thought = block(0, "reasoning", *pieces(f"Hm.{SECTION}", cuts))
    reply = run(thought, block(1, "text", "I look."))
    assert reply.blocks == (Reasoning("Hm."), Text("I look."), *CALLS)


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        (f"\n\n{SECTION}\n", CALLS),
        (LS, CALLS[:1]),
        (LS + READ, CALLS),
        (f"<|tool_call_section_begin|>{LS}<|tool_call_section_end|>", CALLS[:1]),
        (f"<|tool_calls_section_begin|>{LS}", CALLS[:1]),  # the end was swallowed
    ],
)
def test_an_answer_of_nothing_but_calls_has_no_text(text: str, calls: tuple[Call, ...]) -> None:
    assert run(block(0, "text", *text)).blocks == calls


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "a < b <| c",
        "<|tool_call_begin|>",
        LS.replace("functions.ls", "functions.rm"),
        LS.replace('{"a"', "{a"),
        LS.replace('{"a": "<|x|>"}', '["a"]'),
        LS.removesuffix("<|tool_call_end|>"),
        SECTION[:-60],
        f"<|tool_calls_section_begin|>{LS} and then",
        "<|tool_calls_section_begin|><|tool_calls_section_end|>",
        "The mark is <|tool_calls_section_begin|>, as you see.",
    ],
)
def test_what_is_no_whole_call_of_an_offered_tool_stays_text(text: str) -> None:
    reply = run(block(0, "text", *text))
    assert reply.blocks == (Text(text),)
    assert reply.stop.reason is StopReason.END


def test_a_server_that_makes_calls_itself_gets_no_second_ones() -> None:
    own = Call("c", "ls", "{}")
    thought, made = block(0, "reasoning", f"Hm.{LS}"), block(1, "call", "{}")
    assert run(thought, made).blocks == (Reasoning("Hm."), own)
    made = block(0, "call", "{}")
    assert run(made, block(1, "text", LS)).blocks == (own, Text(LS))


def test_an_answer_that_was_cut_off_stays_one() -> None:
    assert run(block(0, "text", LS), reason=StopReason.MAX_TOKENS).stop.reason is (
        StopReason.MAX_TOKENS
    )


# --- at the door ---------------------------------------------------------------------------------


def answer_of(client: Dialect, quirks: Quirks, *, tools: bool, content: str) -> Any:
    """What `client` reads of a Chat answer with that `content`."""
    bridge = bridge_of(client, Dialect.CHAT, quirks, stream=False)
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "go"}]}
    if client is Dialect.ANTHROPIC:
        tool: dict[str, Any] = {"name": "ls", "input_schema": {"type": "object"}}
        body["max_tokens"] = 99
    else:
        tool = {"type": "function", "function": {"name": "ls"}}
    if tools:
        body["tools"] = [tool]
    bridge.request(json.dumps(body).encode())
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = bridge.reply(json.dumps({"id": "1", "choices": [choice]}).encode())
    assert isinstance(answer, bytes)
    return json.loads(answer)


def test_it_is_done_where_it_is_asked_for_and_tools_were_offered() -> None:
    wanted = Quirks(leaked_tools=True)
    (used,) = answer_of(Dialect.ANTHROPIC, wanted, tools=True, content=LS)["content"]
    assert (used["type"], used["name"], used["input"]) == ("tool_use", "ls", {"a": "<|x|>"})
    (text,) = answer_of(Dialect.ANTHROPIC, wanted, tools=False, content=LS)["content"]
    assert text["text"] == LS
    (text,) = answer_of(Dialect.ANTHROPIC, Quirks(), tools=True, content=LS)["content"]
    assert text["text"] == LS


def test_words_are_read_also_where_both_sides_speak_the_same_dialect() -> None:
    wanted = Quirks(leaked_tools=True, inline_think=True)
    answer = answer_of(Dialect.CHAT, wanted, tools=True, content=f"<think>Hm.</think>{LS}")
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["reasoning_content"] == "Hm."
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "ls"

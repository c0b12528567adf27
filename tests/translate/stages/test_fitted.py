"""An answer whose format the prompt alone asked for: the bare JSON, streamed or whole."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gwproxy.translate.events import (
    Close,
    Delta,
    End,
    Event,
    Fail,
    Finish,
    Open,
    Start,
    fold,
    truncated,
)
from gwproxy.translate.hub import (
    Block,
    Call,
    OutputFormat,
    Reasoning,
    Reply,
    Stop,
    StopReason,
    Text,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.stages.fitted import FittedAnswer
from support.hub_grammar import Grammar

WANTED = OutputFormat("json_schema", '{"type":"object","required":["a"]}')
BARE = '{"a": "}"}'
UNFIT = ["drop:response_format"]
PLACES = st.lists(st.integers(0), max_size=8)
# What models make of "nothing else, without code fences".
AROUND = st.sampled_from(
    [
        ("```json\n", "\n```"),
        ("Here you are:\n", ""),
        ("", "\n\nThat is all."),
        ("```\nSo:\n", "```"),
    ]
)


def block(index: int, kind: Any, text: str, places: list[int]) -> list[Event]:
    ends = sorted(place % (len(text) + 1) for place in places)
    parts = [text[a:b] for a, b in itertools.pairwise([0, *ends, len(text)])]
    opened = Open(index, kind, "c", "f") if kind == "call" else Open(index, kind)
    return [opened, *(Delta(index, part) for part in parts), Close(index)]


def stream(*blocks: tuple[Any, str], places: list[int]) -> list[Event]:
    of_blocks = (block(n, kind, text, places) for n, (kind, text) in enumerate(blocks))
    stop = Finish(Stop(StopReason.END))
    return [Start(), *itertools.chain(*of_blocks), stop, End()]


def fitted(events: list[Event], *, live: bool) -> tuple[tuple[Block, ...], list[str]]:
    losses, grammar = Losses(), Grammar(sequential=True)
    stage = FittedAnswer(WANTED, losses, live=live)
    out = [new for event in events for new in stage.feed([event])]
    for event in out:
        grammar.check(event)
    reply = fold(out)
    assert isinstance(reply, Reply)
    return reply.blocks, list(losses)


@given(AROUND, PLACES, st.booleans())
def test_what_stands_around_one_value_is_taken_off(
    around: tuple[str, str], places: list[int], live: bool
) -> None:
    before, behind = around
    events = stream(("reasoning", "hm"), ("text", before + BARE + behind), places=places)
    assert fitted(events, live=live) == ((Reasoning("hm"), Text(BARE)), [])


@pytest.mark.parametrize(
    "words",
    [
        "I cannot say.",
        "",
        "```json\n```",
        f"Either {BARE} or {BARE}.",
        f"{BARE}\n{BARE}",
        '{"a": {"a": 1}, "b": ',
        f'So: {BARE} and {{"b": ',
    ],
)
@given(places=PLACES, live=st.booleans())
def test_words_without_one_value_stay_as_they_are(
    words: str, places: list[int], live: bool
) -> None:
    events = stream(("text", words), places=places)
    assert fitted(events, live=live) == ((Text(words),), UNFIT)


@given(PLACES)
def test_a_fence_that_has_gone_does_not_come_back(places: list[int]) -> None:
    """Only of an answer told live; whoever waits for the whole of it gets it as it is."""
    twice = f"```\n{BARE}\n```\n{BARE}"
    events = stream(("text", twice), places=places)
    assert fitted(events, live=False) == ((Text(twice),), UNFIT)
    assert fitted(events, live=True) == ((Text(twice.removeprefix("```\n")),), UNFIT)


@pytest.mark.parametrize("before", ["", "```json\n", "\n```"])
def test_a_value_that_comes_first_is_told_live(before: str) -> None:
    stage = FittedAnswer(WANTED, Losses(), live=True)
    stage.feed([Start(), Open(0, "text"), Delta(0, before)])
    assert stage.feed([Delta(0, '{"a"')])[-1] == Delta(0, '{"a"')
    assert stage.feed([Delta(0, ": 1")]) == [Delta(0, ": 1")]
    assert stage.feed([Delta(0, "}\nSo it is.")]) == [Delta(0, "}")]
    assert stage.feed([Close(0), Finish(Stop(StopReason.END))])[0] == Close(0)


def test_any_other_answer_waits_for_its_end() -> None:
    stage = FittedAnswer(WANTED, Losses(), live=True)
    events = stream(("text", f"Here: {BARE}"), places=[])
    assert stage.feed(events[:-2]) == [Start()]
    assert stage.feed(events[-2:])[:2] == [Open(0, "text"), Delta(0, BARE)]


@given(st.booleans(), PLACES)
def test_words_in_other_blocks_go_and_thoughts_stay(live: bool, places: list[int]) -> None:
    blocks = (("text", "I think."), ("reasoning", "hm"), ("text", BARE), ("text", "Done."))
    told = fitted(stream(*blocks, places=places), live=live)
    assert told == ((Reasoning("hm"), Text(BARE)), [])
    told = fitted(stream(*blocks[2:], places=places), live=live)
    assert told == ((Text(BARE),), [])
    told = fitted(stream(blocks[2], *blocks[1:3], places=places), live=live)
    assert told == ((Text(BARE), Reasoning("hm"), Text(BARE)), UNFIT)


@given(st.booleans(), PLACES)
def test_words_beside_calls_are_no_answer_yet(live: bool, places: list[int]) -> None:
    for words in (f"I look {BARE} up.", "I look it up."):
        looked = ("text", words), ("call", "{}"), ("text", f"So: {BARE}")
        told = fitted(stream(*looked, places=places), live=live)
        assert told == ((Text(words), Call("c", "f", "{}"), Text(looked[2][1])), [])
    fenced = ("text", f"```\n{BARE}\n```"), ("call", "{}")
    told = fitted(stream(*fenced, places=places), live=live)
    assert told == ((Text(BARE), Call("c", "f", "{}")), [])


FRAGMENTS = st.sampled_from(
    [BARE, "[1, 2]", "[see below]", "{name}", "{", '{"a":', "42", "null", "}", " ", "\n", "So: "]
)
KINDS = st.sampled_from(["text", "text", "reasoning", "call"])


@given(st.lists(st.tuples(KINDS, st.lists(FRAGMENTS, max_size=4).map("".join))), PLACES)
@example([("text", "\n"), ("text", BARE)], [])
@example([("text", f"[see] {BARE}")], [])
@example([("text", BARE), ("text", "42")], [])
def test_an_answer_without_a_fence_is_the_same_streamed_or_whole(
    blocks: list[tuple[str, str]], places: list[int]
) -> None:
    events = stream(*blocks, places=places)
    assert fitted(events, live=True) == fitted(events, live=False)


def test_what_the_schema_does_not_allow_is_named() -> None:
    events = stream(("text", '```{"b": 1}```'), places=[])
    for live in (False, True):
        told = fitted(events, live=live)
        assert told == ((Text('{"b": 1}'),), ["drop:response_format.schema.required"])


@given(AROUND, st.integers(0), PLACES, st.booleans())
def test_a_failure_says_all_that_came(
    around: tuple[str, str], cut: int, places: list[int], live: bool
) -> None:
    events = stream(("text", BARE.join(around)), places=places)[:-3]
    events = [*events[: cut % len(events)], Fail(truncated())]
    stage = FittedAnswer(WANTED, Losses(), live=live)
    out = [new for event in events for new in stage.feed([event])]
    assert out[-1] == events[-1]
    said, came = ("".join(e.text for e in some if isinstance(e, Delta)) for some in (out, events))
    assert came.endswith(said)

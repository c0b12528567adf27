"""The grammar of a stream, and the hinge between whole answers and streams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.translate.events import (
    DELTA_CHARACTERS,
    Close,
    Delta,
    End,
    Event,
    Fail,
    Finish,
    GrammarError,
    Open,
    Ping,
    Start,
    UsageUpdate,
    fold,
    pieces,
    truncated,
)
from gwproxy.translate.hub import MOST_TOKENS, Failure, Reply, Stop, StopReason, Text, Usage
from support.generated import replies
from support.hub_grammar import Grammar
from support.unfolded import unfold

STOP = Finish(Stop(StopReason.END))
WHOLE: list[Event] = [Start("a"), Open(0, "text"), Delta(0, "hi"), Close(0), STOP, End()]


@given(replies())
def test_fold_is_the_inverse_of_unfold(reply: Reply) -> None:
    assert fold(unfold(reply)) == reply


@given(replies())
def test_unfold_keeps_the_grammar(reply: Reply) -> None:
    grammar = Grammar(sequential=True)
    for event in unfold(reply):
        grammar.check(event)
    grammar.close()


@given(replies())
def test_a_cut_stream_never_folds_into_an_answer(reply: Reply) -> None:
    events = list(unfold(reply))
    for end in range(len(events)):
        assert isinstance(fold(events[:end]), Failure)


def test_usage_accumulates_and_unknown_keeps_what_was_known() -> None:
    events = [
        *WHOLE[:1],
        UsageUpdate(Usage(fresh=10, cache_read=3)),
        *WHOLE[1:4],
        UsageUpdate(Usage(output=7)),
        *WHOLE[4:],
    ]
    reply = fold(events)
    assert isinstance(reply, Reply)
    assert reply.usage == Usage(fresh=10, cache_read=3, output=7)
    assert reply.usage.input_total == 13


@given(st.lists(st.none() | st.integers(), min_size=6, max_size=6))
def test_a_figure_that_no_model_can_have_counted_is_not_known(figures: list[int | None]) -> None:
    possible = [n if n is not None and 0 <= n <= MOST_TOKENS else None for n in figures]
    assert Usage(*figures) == Usage(*possible)


def test_an_odd_figure_leaves_what_was_known() -> None:
    assert Usage(fresh=3, output=7).merged(Usage(fresh=2**63 - 1, output=-1)) == Usage(
        fresh=3, output=7
    )


def test_a_failure_wins_over_what_came_before() -> None:
    failure = truncated()
    assert fold([*WHOLE[:3], Fail(failure)]) == failure


@pytest.mark.parametrize(
    "events",
    [
        [Open(0, "text")],
        [Start(), Start()],
        [Start(), Open(1, "text")],
        [Start(), Delta(0, "x")],
        [Start(), Open(0, "text"), Close(0), Delta(0, "x")],
        [Start(), Open(0, "text"), STOP],
        [Start(), Open(0, "call", "a", "f"), STOP, Close(0)],
        [Start(), End()],
        [Start(), STOP, STOP],
        [*WHOLE, Ping()],
        [Start(), Fail(truncated()), End()],
    ],
    ids=str,
)
def test_the_grammar_refuses(events: list[Event]) -> None:
    grammar = Grammar()
    with pytest.raises(GrammarError):
        for event in events:
            grammar.check(event)


def test_only_the_sequential_grammar_forbids_two_open_blocks() -> None:
    events: list[Event] = [Start(), Open(0, "call", "a", "f"), Open(1, "call", "b", "g")]
    loose = Grammar()
    for event in events:
        loose.check(event)
    strict = Grammar(sequential=True)
    with pytest.raises(GrammarError):
        for event in events:
            strict.check(event)


def test_a_call_without_a_close_is_half_and_left_out() -> None:
    half: list[Event] = [Open(1, "call", "a", "f"), Delta(1, '{"a'), STOP, End()]
    events = [Start(), Open(0, "text"), Delta(0, "x"), Close(0), *half]
    grammar = Grammar(sequential=True)
    for event in events:
        grammar.check(event)
    grammar.close()
    result = fold(events)
    assert isinstance(result, Reply)
    assert (result.blocks, result.half_call) == ((Text("x"),), True)


def test_a_stream_without_an_end_is_noticed() -> None:
    grammar = Grammar()
    for event in WHOLE[:-1]:
        grammar.check(event)
    with pytest.raises(GrammarError):
        grammar.close()


def test_pieces_are_not_cut_inside_a_visible_character() -> None:
    family = "👩\u200d👩\u200d👧"
    text = "x" * (DELTA_CHARACTERS - 1) + family + "e\u0301" * 70
    cut = list(pieces(text))
    assert "".join(cut) == text
    assert not any(piece[0] in "\u200d\u0301" for piece in cut)
    assert family in cut[0]

"""Interleaved blocks come out one after another, nothing lost and nothing crossed."""

from __future__ import annotations

from hypothesis import given
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
from gwproxy.translate.hub import Failure, Reply, Stop, StopReason
from gwproxy.translate.stages.sequencer import MAX_WAITING_CHARACTERS, Sequencer
from support.generated import replies
from support.hub_grammar import Grammar
from support.unfolded import unfold


@st.composite
def interleavings(draw: st.DrawFn) -> tuple[Reply, list[Event]]:
    """An answer, and a stream of it in which blocks overlap in a random but legal way."""
    reply = draw(replies())
    events = list(unfold(reply))
    bodies: dict[int, list[Event]] = {}
    frame: list[Event] = []
    for event in events:
        index = getattr(event, "index", None)
        (frame if index is None else bodies.setdefault(index, [])).append(event)
    pending = dict(bodies)
    out: list[Event] = [frame[0]]
    opened = 0
    while pending:
        ready = [i for i in pending if i <= opened]
        index = draw(st.sampled_from(sorted(ready)))
        event = pending[index].pop(0)
        opened += isinstance(event, Open)
        out.append(event)
        if not pending[index]:
            del pending[index]
    return reply, out + frame[1:]


@given(interleavings(), st.integers(1, 7))
def test_any_interleaving_folds_to_the_same_answer(
    case: tuple[Reply, list[Event]], size: int
) -> None:
    reply, events = case
    loose, strict = Grammar(), Grammar(sequential=True)
    for event in events:
        loose.check(event)
    sequencer = Sequencer()
    out: list[Event] = []
    for start in range(0, len(events), size):
        out += sequencer.feed(events[start : start + size])
    for event in out:
        strict.check(event)
    strict.close()
    assert fold(out) == reply


def test_the_first_open_block_is_live() -> None:
    sequencer = Sequencer()
    out = sequencer.feed([Start(), Open(0, "call", "a", "f"), Open(1, "call", "b", "g")])
    assert out == [Start(), Open(0, "call", "a", "f")]
    assert sequencer.feed([Delta(1, "B"), Delta(0, "A")]) == [Delta(0, "A")]
    assert sequencer.feed([Close(0)]) == [Close(0), Open(1, "call", "b", "g"), Delta(1, "B")]
    assert sequencer.feed([Delta(1, "b")]) == [Delta(1, "b")]


def test_a_failure_drops_what_still_waits() -> None:
    sequencer = Sequencer()
    sequencer.feed([Start(), Open(0, "text"), Open(1, "call", "b", "g"), Delta(1, "{")])
    failure = Fail(truncated())
    assert sequencer.feed([failure]) == [failure]


def test_waiting_blocks_are_bounded() -> None:
    sequencer = Sequencer()
    sequencer.feed([Start(), Open(0, "text"), Open(1, "call", "b", "g")])
    out = sequencer.feed([Delta(1, "x" * (MAX_WAITING_CHARACTERS + 1)), Delta(0, "late")])
    assert isinstance(out[0], Fail)
    assert isinstance(fold([Start(), *out]), Failure)
    later: list[Event] = [Close(0), Finish(Stop(StopReason.END)), End()]
    assert sequencer.feed(later) == []

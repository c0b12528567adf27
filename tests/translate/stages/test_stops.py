"""Stop sequences matched on the text channel alone, wherever the stream is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gwproxy.translate.events import Close, Delta, End, Event, Finish, Open, Start, fold
from gwproxy.translate.hub import Call, Reply, Stop, StopReason, Text
from gwproxy.translate.stages.stops import StopMatcher


def stream(pieces: list[str], kind: str = "text") -> list[Event]:
    deltas = [Delta(0, piece) for piece in pieces]
    end: list[Event] = [Close(0), Finish(Stop(StopReason.END)), End()]
    return [Start(), Open(0, kind, "c", "f"), *deltas, *end]  # type: ignore[arg-type]


def run(sequences: tuple[str, ...], events: list[Event]) -> Reply:
    matcher = StopMatcher(sequences)
    reply = fold([out for event in events for out in matcher.feed([event])])
    assert isinstance(reply, Reply)
    return reply


@given(
    st.lists(st.text(alphabet="abEND", max_size=4), max_size=8),
    st.lists(st.text(alphabet="abEND", min_size=1, max_size=3), min_size=1, max_size=3),
)
def test_the_text_ends_before_the_first_match(pieces: list[str], sequences: list[str]) -> None:
    text = "".join(pieces)
    reply = run(tuple(sequences), stream(pieces))
    hits = [text.index(s) for s in sequences if s in text]
    expected = text[: min(hits)] if hits else text
    assert reply.blocks == (Text(expected),)
    assert (reply.stop.reason is StopReason.STOP_SEQUENCE) == bool(hits)
    if hits:
        assert reply.stop.sequence in sequences
        assert text[len(expected) :].startswith(str(reply.stop.sequence))


def test_a_match_over_two_deltas() -> None:
    reply = run(("END",), stream(["abE", "NDxyz"]))
    assert reply.blocks == (Text("ab"),)
    assert reply.stop == Stop(StopReason.STOP_SEQUENCE, "stop", "END")


def test_tool_arguments_are_not_searched() -> None:
    reply = run(("END",), stream(['{"a":"', 'END"}'], "call"))
    assert reply.blocks == (Call("c", "f", '{"a":"END"}'),)
    assert reply.stop.reason is StopReason.END

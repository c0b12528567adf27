"""Laws of every dialect's answers, over recorded streams, generated answers and hostile bytes."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from gwproxy.translate.bridge import CODECS
from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.events import Delta, Event, Fail, Open, fold, truncated
from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    Reasoning,
    Refusal,
    Reply,
    Stop,
    StopReason,
    Text,
    Usage,
)
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS
from gwproxy.translate.stages.sequencer import Sequencer
from support import (
    anthropic_grammar,
    anthropic_sdk,
    chat_grammar,
    chat_wire,
    responses_grammar,
    responses_sdk,
    responses_wire,
)
from support import anthropic_wire as messages_wire
from support.generated import JSON_VALUES, replies
from support.golden import FIXTURES
from support.hostile import FRAMES
from support.reading import Wire
from support.unfolded import unfold

pytestmark = pytest.mark.fuzz

ANTHROPIC, CHAT, RESPONSES = Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES
WIRES: dict[Dialect, Wire] = {
    ANTHROPIC: messages_wire.WIRE,
    CHAT: chat_wire.WIRE,
    RESPONSES: responses_wire.WIRE,
}
# Of Chat, which has three kinds of client, tests/translate/chat/test_chat_reply.py tells.
except_chat = pytest.mark.parametrize("dialect", [ANTHROPIC, RESPONSES])
every_dialect = pytest.mark.parametrize("dialect", DIALECTS)
# Shared machines stall; what is judged here is meaning, never time.
untimed = settings(deadline=None)
PLACES = st.lists(st.integers(0), max_size=12)


def one_identity_each(answer: Reply) -> bool:
    """Clients tell calls apart by their ids, which are unique when they come to a writer."""
    ids = [block.id for block in answer.blocks if isinstance(block, Call)]
    return len(ids) == len(set(ids))


ANSWERS = replies().filter(one_identity_each)


def context(*, shown: bool = True) -> ReplyContext:
    numbers = itertools.count()
    return ReplyContext(
        model="asked",
        new_id=lambda prefix: f"{prefix}{next(numbers)}",
        created=7,
        show_reasoning=shown,
        include_usage=True,
        family="up",
    )


def written(dialect: Dialect, events: Iterable[Event], *, shown: bool = True) -> bytes:
    return CODECS[dialect].writer(context(shown=shown)).write(list(events))


def built(dialect: Dialect, answer: Reply, *, shown: bool = True) -> bytes:
    return CODECS[dialect].build_reply(answer, context(shown=shown))


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    ends = sorted(place % (len(data) + 1) for place in places)
    return [data[a:b] for a, b in itertools.pairwise([0, *ends, len(data)])]


def merged(events: Iterable[Event]) -> list[Event]:
    """The events with neighbouring deltas joined: what chunking must not change."""
    out: list[Event] = []
    for event in events:
        last = out[-1] if out else None
        if isinstance(event, Delta) and isinstance(last, Delta) and last.index == event.index:
            out[-1] = Delta(event.index, last.text + event.text)
        else:
            out.append(event)
    return out


# --- read in any chunking, and cut anywhere ------------------------------------------------------


RECORDED = pytest.mark.parametrize(
    "path",
    [
        path
        for path in sorted(FIXTURES.glob("*/**/*.sse"))
        if not path.stem.endswith((".client", ".to-client", ".rendered"))
    ],
    ids=lambda path: path.stem,
)


def recorded(path: Path) -> tuple[Wire, bytes]:
    return WIRES[Dialect(path.relative_to(FIXTURES).parts[0])], path.read_bytes()


@RECORDED
@untimed
@given(places=PLACES)
def test_any_chunking_of_a_recorded_stream_says_the_same(path: Path, places: list[int]) -> None:
    wire, data = recorded(path)
    assert wire.read(b"", chunks=cut(data, places)) == wire.read(data)


@RECORDED
def test_a_recorded_stream_byte_by_byte_says_the_same(path: Path) -> None:
    wire, data = recorded(path)
    assert wire.read(b"", chunks=[bytes([byte]) for byte in data]) == wire.read(data)


@RECORDED
def test_a_recorded_stream_cut_anywhere_is_never_another_answer(path: Path) -> None:
    """Behind the reason to stop everything has been said."""
    wire, data = recorded(path)
    complete = fold(wire.read(data))
    for end in range(len(data)):
        result = fold(wire.read(data[:end]))
        if isinstance(result, Reply):
            assert isinstance(complete, Reply)
            assert re.search(rb'_reason": ?"|"response\.(?:completed|incomplete)', data[:end])
            assert result.blocks == complete.blocks


@every_dialect
@untimed
@given(ANSWERS, PLACES, st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_chunks_and_line_ends_do_not_matter(
    dialect: Dialect, answer: Reply, places: list[int], line_end: bytes
) -> None:
    data = written(dialect, unfold(answer))
    chunks = cut(data.replace(b"\n", line_end), places)
    assert merged(WIRES[dialect].read(b"", chunks=chunks)) == merged(WIRES[dialect].read(data))


# The word after which an answer may count as whole; before it, and within its event, never.
REASONS = {ANTHROPIC: b'"stop_reason":"', CHAT: b'"finish_reason":"'}


def unfinished(dialect: Dialect, data: bytes) -> int:
    """How many bytes of a stream are surely not all of it."""
    if dialect is RESPONSES:
        return len(data) - 2  # the line ends of its last event may be missing
    return data.index(b"}", data.index(REASONS[dialect])) + 1


@every_dialect
@untimed
@given(ANSWERS, st.integers(0))
def test_a_stream_cut_anywhere_is_never_a_success(
    dialect: Dialect, answer: Reply, place: int
) -> None:
    data = written(dialect, unfold(answer))
    end = place % unfinished(dialect, data)
    assert isinstance(WIRES[dialect].read(data[:end])[-1], Fail)
    assert not isinstance(WIRES[dialect].read(data)[-1], Fail)


# --- hostile upstreams ---------------------------------------------------------------------------


def one_id_each(events: Iterable[Event]) -> list[Event]:
    """The names of a bridge see to it that ids are there and unique."""
    return [
        structs.replace(event, id=f"id{event.index}")
        if isinstance(event, Open) and event.kind == "call"
        else event
        for event in events
    ]


@every_dialect
@untimed
@given(data=st.data())
def test_hostile_frames_become_what_a_strict_client_reads(
    dialect: Dialect, data: st.DataObject
) -> None:
    stream = b"".join(data.draw(st.lists(FRAMES[dialect], max_size=12)))
    quirks = data.draw(st.sampled_from([Quirks(), Quirks(inline_think=True, json_schema="tool")]))
    events = WIRES[dialect].read(b"", quirks, cut(stream, data.draw(PLACES)))
    ended = STRICT[dialect](written(dialect, one_id_each(Sequencer().feed(events))))
    assert (ended is None) == isinstance(events[-1], Fail)


@every_dialect
@untimed
@given(st.one_of(st.binary(max_size=200), JSON_VALUES.map(lambda v: json.dumps(v).encode())))
def test_bytes_that_are_no_answer_are_a_failure(dialect: Dialect, data: bytes) -> None:
    assert isinstance(WIRES[dialect].whole(data)[-1], Fail)
    assert isinstance(WIRES[dialect].read(data)[-1], Fail)


# --- written: a stream is the whole answer -------------------------------------------------------


def strict_messages(stream: bytes) -> Any:
    seen = anthropic_grammar.collect(stream)
    assert seen.ended == (seen.error is None)
    return anthropic_sdk.bare(seen.message) if seen.ended else None


def strict_chat(stream: bytes) -> Any:
    seen = chat_grammar.collect(stream, include_usage=True)
    assert seen.ended == (seen.error is None)
    return seen.message if seen.ended else None


def strict_responses(stream: bytes) -> Any:
    terminal = responses_grammar.check(stream)
    return None if terminal["status"] == "failed" else terminal


# What a strict client has read; None for a failure.
STRICT: dict[Dialect, Callable[[bytes], Any]] = {
    ANTHROPIC: strict_messages,
    CHAT: strict_chat,
    RESPONSES: strict_responses,
}


@except_chat
@untimed
@given(ANSWERS, st.booleans())
def test_a_strict_client_reads_every_stream_as_the_whole_answer(
    dialect: Dialect, answer: Reply, shown: bool
) -> None:
    read = STRICT[dialect](written(dialect, unfold(answer), shown=shown))
    whole = json.loads(built(dialect, answer, shown=shown))
    assert read == (anthropic_sdk.bare(whole) if dialect is ANTHROPIC else whole)


@except_chat
@settings(untimed, max_examples=50)  # the SDKs take their time
@given(ANSWERS, st.booleans())
def test_the_sdk_reads_every_stream_as_the_whole_answer(
    dialect: Dialect, answer: Reply, shown: bool
) -> None:
    sdk = {ANTHROPIC: anthropic_sdk, RESPONSES: responses_sdk}[dialect]
    if dialect is RESPONSES:  # whose helper raises for an answer that was cut by a limit
        answer = structs.replace(answer, stop=Stop(StopReason.TOOL_USE))
    read = sdk.accumulated(written(dialect, unfold(answer), shown=shown))
    assert read == sdk.whole(built(dialect, answer, shown=shown))


@every_dialect
@untimed
@given(ANSWERS, st.integers(0))
def test_a_failure_anywhere_is_a_legal_end_and_no_success(
    dialect: Dialect, answer: Reply, place: int
) -> None:
    events = list(unfold(answer))
    writer = CODECS[dialect].writer(context())
    failing = [*events[: place % (len(events) - 1)], Fail(truncated())]
    assert STRICT[dialect](b"".join(writer.write([e]) + writer.ping() for e in failing)) is None


@every_dialect
@untimed
@given(ANSWERS)
def test_the_same_answer_gives_the_same_bytes(dialect: Dialect, answer: Reply) -> None:
    assert written(dialect, unfold(answer)) == written(dialect, unfold(answer))
    assert built(dialect, answer) == built(dialect, answer)


# --- and is read again ---------------------------------------------------------------------------


def sayable(dialect: Dialect, answer: Reply) -> list[Block]:
    """What the dialect can say: nothing empty; whoever has sealed the thoughts."""
    blocks: list[Block] = []
    for block in answer.blocks:
        match block:
            case Text() | Refusal() | Reasoning() if not block.text:
                continue
            case Refusal() if dialect is ANTHROPIC:
                blocks.append(Text(block.text))
            case Reasoning():
                blocks.append(Reasoning(block.text))
            case _:
                blocks.append(block)
    if dialect is CHAT:  # whose body has one text of each kind, its parts set off by blank lines
        kinds = (Reasoning, Text, Refusal)
        texts = ["".join(b.text for b in blocks if isinstance(b, kind)) for kind in kinds]
        said = [kind(t.replace("\n\n", "")) for kind, t in zip(kinds, texts, strict=True) if t]
        return [*said, *(block for block in blocks if isinstance(block, Call))]
    if dialect is ANTHROPIC:
        return blocks
    joined: list[Block] = []
    for block in blocks:  # neighbours are parts of one message
        last = joined[-1] if joined else None
        if isinstance(block, Text | Refusal) and type(block) is type(last):
            joined[-1] = type(block)(last.text + block.text)
        else:
            joined.append(block)
    return joined


@every_dialect
@untimed
@given(ANSWERS)
def test_what_is_written_is_read_again(dialect: Dialect, answer: Reply) -> None:
    whole = fold(WIRES[dialect].whole(built(dialect, answer)))
    streamed = fold(WIRES[dialect].read(written(dialect, unfold(answer))))
    for again in (whole, streamed):
        assert isinstance(again, Reply)
        assert sayable(dialect, again) == sayable(dialect, answer)
        if answer.usage.input_total is not None:
            assert again.usage.input_total == answer.usage.input_total
        if answer.usage.output is not None:
            assert again.usage.output == answer.usage.output


COUNT = st.integers(1, 10**6)


@every_dialect
@given(st.builds(Usage, COUNT, COUNT, COUNT, output=COUNT, reasoning=COUNT))
def test_usage_survives_the_way_there_and_back(dialect: Dialect, usage: Usage) -> None:
    answer = Reply("x", "m", (Text("a"),), Stop(StopReason.END), usage)
    again = fold(WIRES[dialect].whole(built(dialect, answer)))
    assert isinstance(again, Reply)
    assert again.usage == usage


NEAREST = {StopReason.CONTEXT_FULL: StopReason.MAX_TOKENS, StopReason.PAUSE: StopReason.MAX_TOKENS}


@every_dialect
@pytest.mark.parametrize("reason", [one for one in StopReason if one is not StopReason.TOOL_USE])
def test_a_reason_to_stop_is_read_again_or_the_nearest(
    dialect: Dialect, reason: StopReason
) -> None:
    sequence = "END" if reason is StopReason.STOP_SEQUENCE else None
    answer = Reply("x", "m", (Text("a"),), Stop(reason, sequence=sequence))
    again = fold(WIRES[dialect].whole(built(dialect, answer)))
    assert isinstance(again, Reply)
    if dialect is RESPONSES and sequence:  # it has no word for them
        reason, sequence = StopReason.END, None
    elif dialect is not ANTHROPIC:
        reason = NEAREST.get(reason, reason)
    assert (again.stop.reason, again.stop.sequence) == (reason, sequence)
    assert again.created == (None if dialect is ANTHROPIC else 7)

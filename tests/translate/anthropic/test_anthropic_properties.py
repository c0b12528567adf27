"""Laws of the Messages dialect, over generated answers, requests and disorder."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from gwproxy.translate.anthropic import reply, request
from gwproxy.translate.anthropic.reader import Reader
from gwproxy.translate.anthropic.writer import Writer
from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.events import Delta, Event, Fail, fold
from gwproxy.translate.grammar import Grammar
from gwproxy.translate.hub import (
    Block,
    Cache,
    Call,
    Dialect,
    Failure,
    Identity,
    Media,
    OutputFormat,
    Reasoning,
    Refusal,
    Reply,
    Request,
    Result,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolReference,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import FACTS
from support.anthropic_grammar import collect
from support.anthropic_sdk import accumulated, bare, whole
from support.anthropic_wire import PING, PLAIN, STOP, closed, frame, opened, read, start, stopped
from support.generated import ARGUMENTS, OBJECTS, TEXTS, TOOL_NAMES, replies
from support.sending import sent
from support.unfolded import unfold

CONTEXT = ReplyContext(model="asked", new_id=lambda prefix: f"{prefix}fresh", family="kimi")
HIDING = ReplyContext(
    model="asked", new_id=lambda p: f"{p}fresh", family="kimi", show_reasoning=False
)
EVERYTHING = Quirks(
    family="claude",
    adaptive_thinking=True,
    efforts=("low", "medium", "high", "xhigh", "max"),
    documents=True,
    tool_extras=True,
    tool_references=True,
    cache_marks=True,
    user_id="keep",
    max_output=10**6,
    context_window=10**9,
)
VISIBLE = TEXTS.filter(lambda text: bool(text.strip()))


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


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    begins = [0, *ends]
    return [data[begin:end] for begin, end in zip(begins, ends, strict=False)]


def stream_of(answer: Reply) -> bytes:
    """The stream of an upstream, made by our own writer, which the SDK judges below."""
    return Writer(CONTEXT).write(unfold(answer))


# --- reading -------------------------------------------------------------------------------------


@given(replies(), st.lists(st.integers(0), max_size=12), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_chunks_do_not_matter(answer: Reply, places: list[int], line_end: bytes) -> None:
    data = stream_of(answer)
    ended = data.replace(b"\n", line_end)

    assert merged(read(ended, chunks=cut(ended, places))) == merged(read(data))


@given(replies(), st.integers(0))
def test_a_cut_stream_never_ends_as_a_success(answer: Reply, place: int) -> None:
    data = stream_of(answer)
    reason_at = data.index(b"event: message_delta")
    short = data[: place % (data.index(b"}", reason_at) + 1)]
    events = read(short)

    assert isinstance(events[-1], Fail)
    assert isinstance(fold(events), Failure)


INDEXES = st.integers(-1, 3)
PIECES = st.one_of(
    st.builds(lambda t: {"type": "text_delta", "text": t}, TEXTS),
    st.builds(lambda t: {"type": "thinking_delta", "thinking": t}, TEXTS),
    st.builds(lambda t: {"type": "signature_delta", "signature": t}, TEXTS),
    st.builds(lambda t: {"type": "input_json_delta", "partial_json": t}, TEXTS),
    st.just({"type": "news", "text": 5}),
    st.none(),
)
HEADS = st.one_of(
    st.just({"type": "text", "text": ""}),
    st.just({"type": "thinking", "thinking": "t", "signature": "S"}),
    st.just({"type": "redacted_thinking", "data": "D"}),
    st.builds(lambda i: {"type": "tool_use", "id": "a", "name": "A", "input": i}, OBJECTS),
    st.just({"type": "server_tool_use", "name": "web_search", "input": {}}),
    st.just({"type": "tool_use"}),
    st.just({}),
)
FRAMES: st.SearchStrategy[bytes] = st.one_of(
    st.builds(
        lambda i, h: frame({"type": "content_block_start", "index": i, "content_block": h}),
        INDEXES,
        HEADS,
    ),
    st.builds(
        lambda i, d: frame({"type": "content_block_delta", "index": i, "delta": d}), INDEXES, PIECES
    ),
    st.builds(lambda i: frame(closed(i)), INDEXES),
    st.sampled_from(
        [
            frame(start()),
            frame(start(usage=None)),
            frame(PING),
            frame(STOP),
            frame(stopped(None)),
            frame(stopped("end_turn")),
            frame({"type": "error", "error": {"type": "api_error", "message": "x"}}),
            frame({"type": "news"}),
            frame(opened(0, "text")),
            b"data: [DONE]\n\n",
            b": comment\n\n",
        ]
    ),
    st.binary(max_size=30),
)


@given(st.lists(FRAMES, max_size=12), st.lists(st.integers(0), max_size=5))
def test_hostile_frames_never_break_the_grammar(frames: list[bytes], places: list[int]) -> None:
    data = b"".join(frames)

    for event in read(data, chunks=cut(data, places) if data else ()):
        assert event is not None  # `read` has checked each of them


@given(st.binary(max_size=200))
def test_any_body_is_an_answer_or_a_failure(body: bytes) -> None:
    grammar = Grammar(sequential=True)
    for event in Reader(PLAIN).whole(body):
        grammar.check(event)
    grammar.close()


# --- writing -------------------------------------------------------------------------------------


@given(replies(), st.sampled_from([CONTEXT, HIDING]))
def test_a_strict_client_reads_every_stream_as_the_whole_answer(
    answer: Reply, context: ReplyContext
) -> None:
    collected = collect(Writer(context).write(unfold(answer)))

    assert bare(collected.message) == bare(json.loads(reply.build(answer, context)))


@settings(max_examples=40, deadline=None)
@given(replies(), st.sampled_from([CONTEXT, HIDING]))
def test_the_sdk_reads_every_stream_as_the_whole_answer(
    answer: Reply, context: ReplyContext
) -> None:
    stream = Writer(context).write(unfold(answer))

    assert accumulated(stream) == whole(reply.build(answer, context))


@given(replies(), st.integers(0))
def test_a_failure_anywhere_is_a_legal_end(answer: Reply, place: int) -> None:
    events = list(unfold(answer))
    failing = events[: place % len(events)]
    failure = Failure(kind=fold([]).kind, message="x", status=502)  # type: ignore[union-attr]

    assert collect(Writer(CONTEXT).write([*failing, Fail(failure)])).error is not None


@given(replies())
def test_what_was_written_is_read_again(answer: Reply) -> None:
    """Thoughts apart, which come back in their seal, and refusals, which are text here."""
    again = fold(Reader(PLAIN).whole(reply.build(answer, CONTEXT)))
    assert isinstance(again, Reply)
    said = [Text(b.text) if isinstance(b, Refusal) else b for b in answer.blocks]

    kept = [b for b in said if isinstance(b, Call) or (isinstance(b, Text) and b.text)]
    assert [b for b in again.blocks if not isinstance(b, Reasoning)] == kept


# --- requests ------------------------------------------------------------------------------------

CACHES = st.one_of(st.none(), st.just(Cache("1h")))
SCHEMAS = st.dictionaries(TOOL_NAMES, OBJECTS, max_size=2).map(
    lambda p: json.dumps({"type": "object", "properties": p}, ensure_ascii=False)
)
USER_BLOCKS: st.SearchStrategy[Block] = st.one_of(
    st.builds(Text, VISIBLE),
    st.builds(Media, st.just("image"), st.just("base64"), st.just("/9j/4A"), st.just("image/jpeg")),
    st.builds(Media, st.just("image"), st.just("url"), TEXTS),
    st.builds(
        Media,
        st.just("document"),
        st.just("text"),
        TEXTS,
        st.just("text/plain"),
        st.one_of(st.none(), TEXTS),
        st.one_of(st.none(), TEXTS),
    ),
)
RESULT_BLOCKS = st.one_of(
    st.just(()),
    st.builds(Text, VISIBLE).map(lambda text: (text,)),
    st.lists(st.one_of(USER_BLOCKS, st.builds(ToolReference, TOOL_NAMES)), max_size=3).map(tuple),
)
THOUGHTS = st.builds(Reasoning, VISIBLE, st.none(), st.just("EqQB"))


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Turn, ...]:
    """As Claude Code holds them: prompt, question, then loops of calls and results."""
    turns: list[Turn] = []
    if draw(st.booleans()):
        turns.append(
            Turn("system", tuple(draw(st.lists(st.builds(Text, VISIBLE, CACHES), max_size=2))))
        )
    turns = [turn for turn in turns if turn.blocks]
    turns.append(Turn("user", tuple(draw(st.lists(USER_BLOCKS, min_size=1, max_size=3)))))
    number = 0
    for _ in range(draw(st.integers(0, 3))):
        count = draw(st.integers(0, 2))
        calls = [
            Call(f"toolu_{number + i}", draw(TOOL_NAMES), draw(ARGUMENTS)) for i in range(count)
        ]
        number += count
        said: list[Block] = [*draw(st.lists(THOUGHTS, max_size=1)), Text(draw(VISIBLE)), *calls]
        results = [Result(call.id, draw(RESULT_BLOCKS), draw(st.booleans())) for call in calls]
        more = draw(st.lists(USER_BLOCKS, min_size=0 if calls else 1, max_size=2))
        turns += [Turn("assistant", tuple(said)), Turn("user", (*results, *more))]
    return tuple(turns)


TOOLS = st.lists(
    st.builds(
        Tool,
        TOOL_NAMES,
        description=st.one_of(st.none(), TEXTS),
        schema=SCHEMAS,
        strict=st.sampled_from([None, True, False]),
        deferred=st.booleans(),
        cache=CACHES,
    ),
    max_size=2,
    unique_by=lambda tool: tool.name,
).map(tuple)
THINKING = st.one_of(
    st.just(Thinking()),
    st.just(Thinking("off")),
    st.builds(Thinking, st.just("on"), st.sampled_from([None, "low", "medium", "high", "max"])),
    st.builds(Thinking, st.just("budget"), budget_tokens=st.integers(1024, 5000)),
)
FORMATS = st.one_of(
    st.none(), st.builds(OutputFormat, st.just("json_schema"), SCHEMAS, strict=st.just(True))
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Requests that hold nothing an Anthropic upstream with every extra could not take."""
    tools = draw(TOOLS)
    thinking = draw(THINKING)
    choices = [
        None,
        ToolChoice(),
        ToolChoice("any"),
        ToolChoice("none"),
        ToolChoice(parallel=False),
    ]
    sampling = Sampling(draw(st.sampled_from([None, 0.5])), None, draw(st.sampled_from([None, 5])))
    return Request(
        draw(TOOL_NAMES),
        draw(conversations()),
        tools,
        draw(st.sampled_from(choices)) if tools else None,
        draw(st.integers(6000, 10**6)),
        tuple(draw(st.lists(VISIBLE, max_size=2))),
        sampling if thinking.mode in (None, "off") else Sampling(),
        thinking,
        draw(FORMATS),
        draw(st.booleans()),
        identity=draw(st.sampled_from([Identity(), Identity("u")])),
        service_tier=draw(st.sampled_from([None, "auto", "standard_only"])),
        client=FACTS[Dialect.ANTHROPIC],
    )


@given(requests())
def test_what_is_rendered_is_parsed_to_the_same(wanted: Request) -> None:
    losses = Losses()
    body = sent(wanted, Dialect.ANTHROPIC, EVERYTHING, losses)
    again = structs.replace(request.parse(body, losses), client=wanted.client)

    assert set(losses) <= {"clamp:cache_control=4"}
    if not losses:
        assert again == wanted
    assert sent(again, Dialect.ANTHROPIC, EVERYTHING, Losses()) == body


@given(conversations(), st.sampled_from(["native", "wrap"]))
def test_a_longer_conversation_keeps_the_bytes_of_the_shorter_one(
    conversation: tuple[Turn, ...], mid_system: Any
) -> None:
    """With reminders where Claude Code puts them: after each turn of the user."""
    quirks = Quirks(documents=True, mid_system=mid_system)
    told: list[Turn] = []
    bodies: list[bytes] = []
    for turn in conversation:
        told.append(turn)
        if turn.role == "user":
            told.append(Turn("system", (Text("reminder"),)))
            wanted = Request("m", tuple(told), client=FACTS[Dialect.ANTHROPIC])
            bodies.append(sent(wanted, Dialect.ANTHROPIC, quirks, Losses()))

    for shorter, longer in itertools.pairwise(bodies):
        assert longer.startswith(shorter.removesuffix(b"]}]}"))


ANY_BLOCKS: st.SearchStrategy[Block] = st.one_of(
    USER_BLOCKS,
    THOUGHTS,
    st.builds(Call, st.sampled_from(["a", "b", "c"]), TOOL_NAMES, TEXTS),
    st.builds(Result, st.sampled_from(["a", "b", "c"]), RESULT_BLOCKS),
)
ROLES = st.sampled_from(["system", "user", "assistant"])


def placed(role: Any, blocks: Sequence[Block]) -> Turn:
    """A turn with those blocks that its role can hold."""
    kinds: tuple[type, ...] = {
        "system": (Text,),
        "user": (Text, Media, Result),
        "assistant": (Text, Reasoning, Call),
    }[role]
    return Turn(role, tuple(block for block in blocks if isinstance(block, kinds)))


ANY_TURNS = st.lists(st.builds(placed, ROLES, st.lists(ANY_BLOCKS, max_size=4)), max_size=8).map(
    tuple
)


@given(
    ANY_TURNS,
    st.sampled_from(["native", "wrap"]),
    st.sampled_from([None, FACTS[Dialect.ANTHROPIC]]),
)
def test_any_history_becomes_one_that_the_api_accepts(
    turns: tuple[Turn, ...], mid_system: Any, client: DialectFacts | None
) -> None:
    quirks = Quirks(documents=True, mid_system=mid_system, family="kimi")
    body = sent(Request("m", turns, client=client), Dialect.ANTHROPIC, quirks, Losses())

    check_lawful(json.loads(body)["messages"])
    again = structs.replace(request.parse(body, Losses()), client=client)
    assert sent(again, Dialect.ANTHROPIC, quirks, Losses()) == body or client is None


def check_lawful(messages: list[Any]) -> None:
    """What the API's 400s are about."""
    assert messages[0]["role"] == "user"
    waiting: list[str] = []
    used: set[str] = set()
    for before, message in zip([None, *messages], messages, strict=False):
        assert before is None or before["role"] != message["role"]
        if message["role"] == "system":
            assert before["role"] == "user"
            continue
        content = message["content"]
        assert content
        kinds = [block["type"] for block in content]
        results = [b["tool_use_id"] for b in content if b["type"] == "tool_result"]
        assert sorted(results) == sorted(waiting)
        assert kinds[: len(results)] == ["tool_result"] * len(results)
        waiting = [b["id"] for b in content if b["type"] == "tool_use"]
        assert kinds[len(kinds) - len(waiting) :] == ["tool_use"] * len(waiting)
        assert not used & set(waiting)
        used |= set(waiting)
        assert all(block["text"].strip() for block in content if block["type"] == "text")
        assert all(isinstance(b["input"], dict) for b in content if b["type"] == "tool_use")
    assert not waiting

"""Laws of the Chat dialect, over all recorded streams and over generated ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwproxy.translate.chat.reader import Reader
from gwproxy.translate.chat.reply import build
from gwproxy.translate.chat.request import parse, render
from gwproxy.translate.chat.writer import Writer
from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.events import Delta, End, Event, Fail, Open, fold
from gwproxy.translate.grammar import Grammar
from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    Identity,
    Media,
    OutputFormat,
    Reasoning,
    Reply,
    Request,
    Result,
    Sampling,
    Stop,
    StopReason,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    Turn,
    Usage,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.stages.sequencer import Sequencer
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Rejected
from support.chat_grammar import collect
from support.chat_wire import PLAIN, call, chunk, frame, read, stream
from support.generated import ARGUMENTS, TEXTS, TOOL_NAMES, USAGES
from support.golden import FIXTURES
from support.sending import sent

STREAMS = sorted(
    path for path in (FIXTURES / "chat" / "streams").glob("*.sse") if ".to-" not in path.name
)
CONTEXT = ReplyContext(model="m", new_id=lambda prefix: prefix + "fresh", include_usage=True)

# --- streams ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
@given(data=st.data())
def test_any_chunking_says_the_same(path: Path, data: st.DataObject) -> None:
    whole = path.read_bytes()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=12)))
    chunks = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert read(whole, chunks=chunks) == read(whole)


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_byte_by_byte_says_the_same(path: Path) -> None:
    whole = path.read_bytes()
    assert read(whole, chunks=[bytes([byte]) for byte in whole]) == read(whole)


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_a_cut_anywhere_never_ends_as_a_success(path: Path) -> None:
    """Except behind the finish reason, where everything has been said."""
    whole = path.read_bytes()
    complete = fold(read(whole))
    for cut in range(len(whole)):
        result = fold(read(whole[:cut]))
        if isinstance(result, Reply):
            assert isinstance(complete, Reply)
            assert b'"finish_reason":"' in whole[:cut]
            assert result.blocks == complete.blocks


FRAGMENTS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.sampled_from(["", "a", "{", "}", "\ud83d"]),
    TEXTS,
)
PIECES = st.fixed_dictionaries(
    {},
    optional={
        "index": st.one_of(st.integers(0, 2), FRAGMENTS),
        "id": st.one_of(st.sampled_from(["a", "b"]), FRAGMENTS),
        "type": FRAGMENTS,
        "function": st.one_of(
            FRAGMENTS,
            st.fixed_dictionaries(
                {},
                optional={
                    "name": st.one_of(st.sampled_from(["f", "g"]), FRAGMENTS),
                    "arguments": st.one_of(FRAGMENTS, st.just({"a": 1})),
                },
            ),
        ),
    },
)
DELTAS = st.one_of(
    FRAGMENTS,
    st.fixed_dictionaries(
        {},
        optional={
            "role": FRAGMENTS,
            "content": st.one_of(FRAGMENTS, st.lists(st.just({"type": "text", "text": "x"}))),
            "reasoning_content": FRAGMENTS,
            "reasoning": FRAGMENTS,
            "refusal": FRAGMENTS,
            "tool_calls": st.one_of(FRAGMENTS, st.lists(st.one_of(PIECES, FRAGMENTS), max_size=3)),
            "function_call": st.one_of(FRAGMENTS, PIECES),
        },
    ),
)
CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "index": st.one_of(st.just(0), FRAGMENTS),
        "delta": DELTAS,
        "finish_reason": st.one_of(FRAGMENTS, st.sampled_from(["stop", "error", "tool_calls"])),
        "usage": st.one_of(FRAGMENTS, st.just({"prompt_tokens": 1})),
    },
)
FRAMES = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "id": FRAGMENTS,
            "model": FRAGMENTS,
            "created": FRAGMENTS,
            "choices": st.one_of(FRAGMENTS, st.lists(st.one_of(CHOICES, FRAGMENTS), max_size=2)),
            "usage": st.one_of(FRAGMENTS, st.just({"completion_tokens": 1.5})),
            "error": st.one_of(st.none(), FRAGMENTS),
        },
    ),
    FRAGMENTS,
)
THINKING = Quirks(inline_think=True, json_schema="tool")


@given(
    st.lists(
        st.one_of(FRAMES.map(lambda f: frame(json.dumps(f).encode())), st.binary()), max_size=8
    ),
    st.sampled_from([PLAIN, THINKING]),
)
def test_hostile_frames_keep_the_grammar(frames: list[bytes], quirks: Quirks) -> None:
    reader = Reader(quirks)
    events = [event for data in frames for event in reader.feed(data)] + reader.finish()
    grammar = Grammar()
    for event in events:
        grammar.check(event)
    grammar.close()
    written = Writer(CONTEXT).write(one_id_each(Sequencer().feed(events)))
    assert collect(written, include_usage=True).ended == isinstance(events[-1], End)


def one_id_each(events: list[Event]) -> list[Event]:
    """The names of a bridge see to it that ids are there and unique."""
    return [
        Open(event.index, "call", f"id{event.index}", event.name, event.custom)
        if isinstance(event, Open) and event.kind == "call"
        else event
        for event in events
    ]


@given(st.data(), st.lists(st.tuples(TOOL_NAMES, ARGUMENTS), min_size=1, max_size=4))
def test_interleaved_calls_are_byte_exact(
    data: st.DataObject, calls: list[tuple[str, str]]
) -> None:
    """Any number of calls, cut anywhere, their pieces in any order that keeps each call's own."""
    waiting = []
    for index, (name, arguments) in enumerate(calls):
        cuts = sorted(data.draw(st.sets(st.integers(0, len(arguments)), max_size=4)))
        edges = zip([0, *cuts], [*cuts, len(arguments)], strict=True)
        pieces = [call(index, arguments=arguments[a:b]) for a, b in edges]
        waiting.append([call(index, f"call_{index}", name, ""), *pieces])
    frames = []
    while remaining := [queue for queue in waiting if queue]:
        frames.append(data.draw(st.sampled_from(remaining)).pop(0))
    result = fold(read(stream(*frames, chunk(finish="tool_calls"))))
    assert isinstance(result, Reply)
    got = {block.id: block for block in result.blocks if isinstance(block, Call)}
    assert got == {
        f"call_{index}": Call(f"call_{index}", name, arguments)
        for index, (name, arguments) in enumerate(calls)
    }


# Small, and yet all that JSON and UTF-8 stumble over; blank ones are nobody's words.
WORDS = st.text('ab "\\\n\u2028é☕日😀', min_size=1, max_size=6).map(lambda text: f"w{text}")
COUNT = st.integers(0, 10**6)
ANSWERS = st.builds(
    lambda reasoning, text, calls, stop, usage: Reply(
        "chatcmpl-1",
        "m",
        tuple(block for block in (reasoning, text, *calls) if block is not None),
        stop if not calls or stop.reason is StopReason.MAX_TOKENS else Stop(StopReason.TOOL_USE),
        usage,
        7,
    ),
    st.one_of(st.none(), st.builds(Reasoning, WORDS)),
    st.one_of(st.none(), st.builds(Text, WORDS)),
    st.lists(
        st.builds(Call, st.from_regex(r"\Acall_[a-z]{4}\Z"), st.just("ls"), st.just('{"x": 1.10}')),
        max_size=3,
        unique_by=lambda call: call.id,
    ),
    st.sampled_from(
        [
            Stop(StopReason.END),
            Stop(StopReason.MAX_TOKENS),
            Stop(StopReason.REFUSAL),
            Stop(StopReason.STOP_SEQUENCE, None, "END"),
        ]
    ),
    USAGES,
)


@given(ANSWERS)
def test_an_answer_survives_the_way_there_and_back(reply: Reply) -> None:
    """What Chat can say; whose thoughts they are is what the reading side puts to them."""
    body = build(reply, CONTEXT)
    stream_of_it = Writer(CONTEXT).write(read_back(body))
    for result in (fold(Reader(PLAIN).whole(body)), fold(read(stream_of_it))):
        assert isinstance(result, Reply)
        assert [strip(block) for block in result.blocks] == list(reply.blocks)
        assert (result.id, result.model, result.created) == ("chatcmpl-1", "m", 7)
        assert (result.stop.reason, result.stop.sequence) == (
            reply.stop.reason,
            reply.stop.sequence,
        )


def read_back(body: bytes) -> list[Event]:
    events = Reader(PLAIN).whole(body)
    assert not isinstance(events[-1], Fail)
    return events


def strip(block: Block) -> Block:
    return Reasoning(block.text) if isinstance(block, Reasoning) else block


@given(st.builds(Usage, fresh=COUNT, cache_read=COUNT, output=COUNT, reasoning=COUNT))
def test_usage_survives_the_way_there_and_back(usage: Usage) -> None:
    reply = Reply("x", "m", (Text("a"),), Stop(StopReason.END), usage)
    result = fold(Reader(PLAIN).whole(build(reply, CONTEXT)))
    assert isinstance(result, Reply)
    assert result.usage == usage


# --- requests --------------------------------------------------------------------------------

EVERYTHING = Quirks(
    text_parts="parts",
    tool_media=True,
    efforts=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    max_output=10**9,
    context_window=10**10,
    documents=True,
    user_id="keep",
    prompt_cache_key=True,
)
PICTURES = st.sampled_from(
    [
        Media("image", "base64", "iVBORw0KGgo=", "image/png"),
        Media("image", "url", "https://example.org/a.png", detail="low"),
        Media("audio", "base64", "AAAA", "audio/wav"),
    ]
)
SAID = st.one_of(st.builds(Text, WORDS), PICTURES)
SCHEMAS = st.sampled_from(
    [
        '{"type":"object","properties":{}}',
        '{"type":"object","maximum":1.10,"z":123456789012345678901}',
    ]
)
TOOLS = st.lists(
    st.one_of(
        st.builds(
            Tool,
            TOOL_NAMES,
            st.just("function"),
            st.one_of(st.none(), TEXTS),
            SCHEMAS,
            st.sampled_from([None, True, False]),
        ),
        st.builds(
            Tool,
            TOOL_NAMES,
            st.just("custom"),
            st.one_of(st.none(), TEXTS),
            grammar=st.sampled_from([None, ("lark", "start: X")]),
        ),
    ),
    max_size=4,
    unique_by=lambda tool: tool.name,
).map(tuple)


@st.composite
def conversations(draw: st.DrawFn, exchanges: st.SearchStrategy[int]) -> tuple[Turn, ...]:
    """What agents send: instructions, questions, answers with calls, and all their results."""
    turns = [Turn("system", tuple(draw(st.lists(st.builds(Text, WORDS), min_size=1, max_size=2))))]
    for number in range(draw(exchanges)):
        turns.append(Turn("user", tuple(draw(st.lists(SAID, min_size=1, max_size=3)))))
        answer: list[Block] = []
        if draw(st.booleans()):
            answer.append(Reasoning(draw(WORDS)))
        names = draw(st.lists(st.sampled_from(["ls", "cat"]), max_size=3))
        if not names or draw(st.booleans()):
            answer.append(Text(draw(WORDS)))
        texts = st.sampled_from(["{}", '{"x": 1.10}', '{"é":[12345678901234567890]}'])
        calls = [Call(f"c{number}-{index}", name, draw(texts)) for index, name in enumerate(names)]
        turns.append(Turn("assistant", (*answer, *calls)))
        if calls:
            results = [Result(c.id, draw(st.sampled_from([(), (Text("ok"),)]))) for c in calls]
            turns.append(Turn("user", tuple(results)))
            if draw(st.booleans()):
                turns.append(Turn("system", (Text(draw(WORDS)),)))
    turns.append(Turn("user", (Text(draw(WORDS)),)))
    return tuple(turns)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    tools = draw(TOOLS)
    modes = [ToolChoice(), ToolChoice("any", parallel=False), ToolChoice("none")]
    modes += [ToolChoice("tool", tool.name) for tool in tools]
    stream = draw(st.booleans())
    number = st.one_of(st.none(), st.floats(0, 2))
    return Request(
        draw(st.sampled_from(["m", "kimi-k2.5"])),
        draw(conversations(st.integers(0, 3))),
        tools=tools,
        tool_choice=draw(st.one_of(st.none(), st.sampled_from(modes))) if tools else None,
        max_tokens=draw(st.one_of(st.none(), st.integers(1, 10**6))),
        stop=tuple(draw(st.lists(TEXTS.filter(str.strip), max_size=4))),
        sampling=draw(
            st.builds(
                Sampling,
                number,
                number,
                st.none(),
                number,
                number,
                st.one_of(st.none(), st.integers(0, 9)),
            )
        ),
        thinking=draw(
            st.sampled_from(
                [Thinking(), Thinking("off"), Thinking("on", "high"), Thinking("on", "max")]
            )
        ),
        output_format=draw(
            st.sampled_from(
                [
                    None,
                    OutputFormat("json_object"),
                    OutputFormat("json_schema", '{"type":"object","minimum":1.10}', "n", "d", True),
                ]
            )
        ),
        stream=stream,
        include_usage=stream,
        identity=Identity(draw(st.one_of(st.none(), st.just("ann"))), None, "key"),
    )


@given(requests())
def test_a_request_survives_the_way_there_and_back(request: Request) -> None:
    losses = Losses()
    assert parse(sent(request, Dialect.CHAT, EVERYTHING, losses), losses) == request
    assert list(losses) == []


MANNERS = st.builds(
    Quirks,
    mid_system=st.sampled_from(["native", "wrap"]),
    text_parts=st.sampled_from(["string", "parts"]),
    reasoning_in=st.sampled_from(["all", "tool_turns", "none"]),
    reasoning_placeholder=st.sampled_from(["", " "]),
    tool_media=st.booleans(),
    thinking_switch=st.sampled_from(["effort", "thinking", "none"]),
    prompt_cache_key=st.booleans(),
)


def messages_of(turns: tuple[Turn, ...], quirks: Quirks) -> bytes:
    body = jsonio.loads(render(Request("m", turns), quirks, Losses()))
    return jsonio.dumps(body["messages"])


@given(conversations(st.integers(1, 4)), MANNERS)
def test_a_longer_history_begins_with_the_bytes_of_the_shorter(
    turns: tuple[Turn, ...], quirks: Quirks
) -> None:
    """Providers cache prompts by their beginning."""
    whole = messages_of(turns, quirks)
    for end in range(1, len(turns)):
        if turns[end].role == "assistant":  # a request ends where an answer is expected
            assert whole.startswith(messages_of(turns[:end], quirks)[:-1])


@settings(max_examples=30)
@given(requests(), MANNERS)
def test_the_same_request_gives_the_same_bytes(request: Request, quirks: Quirks) -> None:
    first, second = Losses(), Losses()
    assert render(request, quirks, first) == render(request, quirks, second)
    assert list(first) == list(second)


@given(
    st.recursive(
        FRAGMENTS,
        lambda inner: st.one_of(
            st.lists(inner),
            st.dictionaries(
                st.sampled_from(
                    ["model", "messages", "role", "content", "type", "tools", "tool_calls"]
                ),
                inner,
            ),
        ),
        max_leaves=12,
    )
)
def test_hostile_requests_are_refused_in_words(value: Any) -> None:
    try:
        parse(json.dumps(value).encode(), Losses())
    except Rejected as refusal:
        assert str(refusal)


def test_deltas_are_as_long_as_they_come() -> None:
    events = read(stream(chunk({"content": "a"}), chunk({"content": "b"}), chunk(finish="stop")))
    assert [event.text for event in events if isinstance(event, Delta)] == ["a", "b"]

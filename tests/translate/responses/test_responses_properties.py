"""Laws of the dialect, over generated answers, conversations and hostile bytes."""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.events import Event, Fail, fold
from gwproxy.translate.grammar import Grammar
from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    Media,
    OutputFormat,
    Reasoning,
    Refusal,
    Reply,
    Request,
    Result,
    Sampling,
    Seal,
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
from gwproxy.translate.responses import reply, request
from gwproxy.translate.responses.reader import Reader
from gwproxy.translate.responses.writer import Writer
from gwproxy.translate.wire import sse
from gwproxy.translate.wire.fields import Rejected
from support import responses_grammar, responses_sdk
from support.generated import ARGUMENTS, TEXTS, TOOL_NAMES, USAGES, replies
from support.responses_wire import UPSTREAM, read
from support.sending import sent
from support.unfolded import unfold

WORDS = TEXTS.filter(str.strip)
# Shared machines stall; what is judged here is meaning, never time.
untimed = settings(deadline=None)
STREAM_EVENTS = sorted(responses_grammar.EVENT_TYPES)


def context(*, shown: bool = True, echo: str | None = None) -> ReplyContext:
    numbers = itertools.count()
    return ReplyContext(
        model="asked-for",
        new_id=lambda prefix: f"{prefix}{next(numbers)}",
        created=7,
        show_reasoning=shown,
        family="up",
        echo=echo,
    )


# --- answers -----------------------------------------------------------------------------------


@untimed
@given(replies(), st.booleans())
def test_a_stream_follows_the_grammar_and_ends_in_the_whole_answer(
    answer: Reply, shown: bool
) -> None:
    written = Writer(context(shown=shown)).write(unfold(answer))
    terminal = responses_grammar.check(written)
    assert terminal == json.loads(reply.build(answer, context(shown=shown)))


def _has_one_identity_each(answer: Reply) -> bool:
    """The SDK tells calls apart by their ids, which are unique when they come to a writer."""
    ids = [block.id for block in answer.blocks if isinstance(block, Call)]
    return len(ids) == len(set(ids))


@settings(untimed, max_examples=50)  # the SDK takes its time
@given(
    replies()
    .map(lambda answer: replace(answer, stop=Stop(StopReason.TOOL_USE)))
    .filter(_has_one_identity_each)
)
def test_the_official_accumulator_agrees_with_the_whole_answer(answer: Reply) -> None:
    written = Writer(context()).write(unfold(answer))
    assert responses_sdk.accumulated(written) == responses_sdk.whole(reply.build(answer, context()))


@untimed
@given(replies(), st.data())
def test_a_failed_stream_is_legal_and_no_success(answer: Reply, data: st.DataObject) -> None:
    events = list(unfold(answer))
    cut = data.draw(st.integers(0, len(events) - 2))
    broken: list[Event] = [*events[:cut], Fail(_failure())]
    writer = Writer(context())
    written = b"".join(writer.write([event]) + writer.ping() for event in broken)
    terminal = responses_grammar.check(written)
    assert terminal["status"] == "failed"


def _failure() -> Any:
    result = fold([])
    assert not isinstance(result, Reply)
    return result


def normal(answer: Reply) -> Reply:
    """What the dialect can say: neighbouring texts are one, empty ones none; thoughts are sealed;
    the reason of the end follows from the content."""
    blocks: list[Block] = []
    for block in answer.blocks:
        last = blocks[-1] if blocks else None
        if _says_nothing(block):
            continue
        if isinstance(block, Text) and isinstance(last, Text):
            blocks[-1] = Text(last.text + block.text)
        elif isinstance(block, Refusal) and isinstance(last, Refusal):
            blocks[-1] = Refusal(last.text + block.text)
        else:
            blocks.append(block)
    return replace(answer, blocks=tuple(blocks))


def _says_nothing(block: Block) -> bool:
    return isinstance(block, Text | Refusal | Reasoning) and not block.text


def words(answer: Reply) -> list[Block]:
    """The blocks, whoever has sealed the thoughts."""
    return [Reasoning(b.text) if isinstance(b, Reasoning) else b for b in answer.blocks]


@untimed
@given(replies())
def test_what_is_written_is_read_again(answer: Reply) -> None:
    written = Writer(context()).write(unfold(answer))
    streamed = fold(read(written))
    whole = fold(Reader(UPSTREAM).whole(reply.build(answer, context())))
    assert isinstance(streamed, Reply)
    assert streamed == whole
    assert words(normal(streamed)) == words(normal(answer))
    assert (streamed.usage.input_total or 0) == (answer.usage.input_total or 0)
    assert (streamed.usage.output or 0) == (answer.usage.output or 0)


@untimed
@given(replies(), st.data())
def test_any_chunking_reads_the_same(answer: Reply, data: st.DataObject) -> None:
    written = Writer(context()).write(unfold(answer))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(written)), max_size=12)))
    chunks = [written[a:b] for a, b in itertools.pairwise([0, *cuts, len(written)])]
    assert read(b"", chunks=chunks) == read(written)


@untimed
@given(replies(), st.data())
def test_a_stream_cut_anywhere_is_never_a_success(answer: Reply, data: st.DataObject) -> None:
    written = Writer(context()).write(unfold(answer))
    whole = len(written.removesuffix(b"\n\n"))
    cut = data.draw(st.integers(0, whole - 1))
    assert isinstance(read(written[:cut])[-1], Fail)
    assert not isinstance(read(written[:whole])[-1], Fail)


@untimed
@given(replies())
def test_the_same_answer_gives_the_same_bytes(answer: Reply) -> None:
    assert Writer(context()).write(unfold(answer)) == Writer(context()).write(unfold(answer))
    assert reply.build(answer, context()) == reply.build(answer, context())


# --- hostile upstreams -------------------------------------------------------------------------

_ANY = st.one_of(st.none(), st.integers(-1, 3), TEXTS, st.booleans(), st.just([]), st.just({}))
_PARTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["output_text", "refusal", "summary_text", "other"])},
    optional={"text": _ANY, "refusal": _ANY, "annotations": _ANY},
)
_ITEMS = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "function_call", "custom_tool_call", "reasoning", "x"])},
    optional={
        "id": _ANY,
        "call_id": _ANY,
        "name": _ANY,
        "arguments": _ANY,
        "input": _ANY,
        "content": st.one_of(_ANY, st.lists(_PARTS, max_size=2)),
        "summary": st.one_of(_ANY, st.lists(_PARTS, max_size=2)),
        "encrypted_content": _ANY,
    },
)
_EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(STREAM_EVENTS)},
    optional={
        "item_id": _ANY,
        "output_index": _ANY,
        "content_index": _ANY,
        "summary_index": _ANY,
        "delta": _ANY,
        "text": _ANY,
        "arguments": _ANY,
        "item": st.one_of(_ANY, _ITEMS),
        "response": st.one_of(
            _ANY,
            st.fixed_dictionaries(
                {},
                optional={
                    "id": _ANY,
                    "status": st.one_of(_ANY, st.sampled_from(["completed", "failed", "queued"])),
                    "output": st.one_of(_ANY, st.lists(_ITEMS, max_size=2)),
                    "usage": _ANY,
                    "error": _ANY,
                },
            ),
        ),
        "error": _ANY,
    },
)


@untimed
@given(st.lists(_EVENTS, max_size=8))
def test_a_hostile_stream_keeps_the_grammar(values: list[Any]) -> None:
    data = b"".join(sse.encode(str(v["type"]), json.dumps(v).encode()) for v in values)
    read(data)


@untimed
@given(st.binary(max_size=200))
def test_bytes_that_are_no_stream_end_in_a_failure(data: bytes) -> None:
    reader = Reader(UPSTREAM)
    grammar = Grammar()
    for event in reader.feed(data) + reader.finish():
        grammar.check(event)
    grammar.close()


@untimed
@given(st.one_of(st.binary(max_size=60), st.builds(lambda v: json.dumps(v).encode(), _ITEMS)))
def test_a_body_that_is_no_answer_is_a_failure(body: bytes) -> None:
    assert isinstance(Reader(UPSTREAM).whole(body)[-1], Fail)


# --- requests ----------------------------------------------------------------------------------

_SEALS = st.one_of(
    st.builds(Seal, st.just("up"), st.just("encrypted"), WORDS, st.just("rs_1")),
    st.builds(Seal, st.just("up"), st.just("text"), st.just(""), st.just("rs_2")),
)
_IMAGES = st.one_of(
    st.just(Media("image", "base64", "AAAA", "image/png", detail="auto")),
    st.just(Media("image", "url", "https://example.com/y.png", detail="low")),
    st.just(Media("document", "base64", "JVBERi0xLg==", "application/pdf", "a.pdf")),
)
_SAID = st.one_of(st.builds(Text, WORDS), st.builds(Refusal, WORDS))
_TOLD = st.lists(st.one_of(st.builds(Text, WORDS), _IMAGES), min_size=1, max_size=3)


@st.composite
def exchanges(draw: st.DrawFn, number: int) -> list[Turn]:
    """Something said by the user, an answer with calls, and what came of them."""
    turns = [Turn(draw(st.sampled_from(["user", "user", "system"])), tuple(draw(_TOLD)))]
    calls = [
        Call(
            f"call_{number}_{index}",
            draw(TOOL_NAMES),
            draw(TEXTS) if custom else draw(ARGUMENTS),
            custom,
            None if custom else draw(st.sampled_from([None, "ns"])),
        )
        for index, custom in enumerate(draw(st.lists(st.booleans(), max_size=3)))
    ]
    blocks: list[Block] = [*draw(st.lists(_SAID, min_size=1, max_size=2)), *calls]
    if draw(st.booleans()):
        seal = draw(_SEALS)
        # Where there is no text the item has its summary alone, and that may be empty.
        text = draw(WORDS if seal.kind == "text" else TEXTS)
        blocks.insert(0, Reasoning(text, seal))
    turns.append(Turn("assistant", tuple(blocks)))
    if calls:
        results = tuple(
            Result(c.id, tuple(draw(st.lists(st.builds(Text, WORDS), max_size=2))), False, c.custom)
            for c in calls
        )
        turns.append(Turn("user", results))
    return turns


_TOOLS = st.one_of(
    st.builds(
        Tool,
        TOOL_NAMES,
        st.just("function"),
        st.one_of(st.none(), WORDS),
        ARGUMENTS,
        st.booleans(),
    ),
    st.builds(
        lambda name, grammar: Tool(name, "custom", "free", grammar=grammar),
        TOOL_NAMES,
        st.one_of(st.none(), st.tuples(st.sampled_from(["lark", "regex"]), WORDS)),
    ),
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    rounds = draw(st.integers(1, 3))
    turns = [turn for number in range(rounds) for turn in draw(exchanges(number))]
    tools = tuple(draw(st.lists(_TOOLS, max_size=3, unique_by=lambda tool: tool.name)))
    names = [tool.name for tool in tools]
    choice = None
    if names:
        parallel = draw(st.one_of(st.none(), st.booleans()))
        choice = draw(
            st.one_of(
                st.sampled_from([ToolChoice("auto"), ToolChoice("any"), ToolChoice("none")]).map(
                    lambda plain: replace(plain, parallel=parallel)
                ),
                st.sampled_from(names).map(lambda n: ToolChoice("tool", n, parallel=parallel)),
                st.just(ToolChoice("any", allowed=tuple(names), parallel=parallel)),
            )
        )
    return Request(
        "m",
        (*turns, Turn("user", (Text("now"),))),
        tools,
        choice,
        draw(st.one_of(st.none(), st.integers(16, 10**6))),
        sampling=draw(
            st.builds(
                Sampling, st.one_of(st.none(), st.just(0.25)), st.one_of(st.none(), st.just(0.5))
            )
        ),
        thinking=draw(
            st.sampled_from(
                [
                    Thinking(show="omitted"),
                    Thinking("on", "high", show="summary"),
                    Thinking("on", "low", show="omitted"),
                    Thinking("off", show="omitted"),
                ]
            )
        ),
        output_format=draw(
            st.one_of(
                st.none(),
                st.just(OutputFormat("json_object")),
                st.builds(OutputFormat, st.just("json_schema"), ARGUMENTS, TOOL_NAMES),
            )
        ),
        stream=draw(st.booleans()),
        verbosity=draw(st.sampled_from([None, "low"])),
    )


OPEN = dataclasses.replace(
    UPSTREAM, efforts=("none", "low", "high"), max_output=10**9, context_window=10**10
)


def rendered(asked_for: Request) -> bytes:
    losses = Losses()
    body = sent(asked_for, Dialect.RESPONSES, OPEN, losses)
    assert list(losses) == []
    return body


@untimed
@given(requests())
def test_a_rendered_request_is_parsed_again(asked_for: Request) -> None:
    parsed = request.parse(rendered(asked_for), Losses())
    assert _opened(replace(parsed, echo=None)) == asked_for


def _opened(parsed: Request) -> Request:
    """To a parser the upstream's own ciphertext is somebody's: here it is known whose."""
    return replace(
        parsed, turns=tuple(replace(t, blocks=tuple(map(_known, t.blocks))) for t in parsed.turns)
    )


def _known(block: Block) -> Block:
    if isinstance(block, Reasoning) and block.seal is not None:
        return replace(block, seal=replace(block.seal, family="up"))
    if isinstance(block, Reasoning):
        return replace(block, seal=Seal("up", "text", "", "rs_2"))
    return block


@untimed
@given(requests())
def test_the_same_request_gives_the_same_bytes(asked_for: Request) -> None:
    assert rendered(asked_for) == rendered(asked_for)


@untimed
@given(requests(), st.data())
def test_a_longer_history_begins_with_the_shorter_ones_bytes(
    asked_for: Request, data: st.DataObject
) -> None:
    users = [i for i, t in enumerate(asked_for.turns) if t.role == "user" and _speaks(t)]
    end = data.draw(st.sampled_from(users))
    shorter = rendered(replace(asked_for, turns=asked_for.turns[: end + 1]))
    assert rendered(asked_for).startswith(shorter.removesuffix(b"]}"))


def _speaks(turn: Turn) -> bool:
    return not any(isinstance(block, Result) for block in turn.blocks)


_JSON: st.SearchStrategy[Any] = st.recursive(
    _ANY, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2)
)
_WIRE_ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            ["message", "reasoning", "function_call", "function_call_output", "shell_call", "odd"]
        ),
        "role": st.sampled_from(["user", "assistant", "developer", "nobody"]),
        "content": _JSON,
        "call_id": _JSON,
        "name": _JSON,
        "arguments": _JSON,
        "output": _JSON,
        "action": _JSON,
        "summary": _JSON,
        "id": _JSON,
    },
)


@untimed
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "model": st.one_of(st.just("m"), _JSON),
            "input": st.one_of(_JSON, st.lists(_WIRE_ITEMS, max_size=3)),
            "tools": _JSON,
            "tool_choice": _JSON,
            "reasoning": _JSON,
            "text": _JSON,
            "include": _JSON,
        },
    )
)
def test_a_hostile_request_is_refused_with_words(body: dict[str, Any]) -> None:
    try:
        request.parse(json.dumps(body).encode(), Losses())
    except Rejected as error:
        assert str(error)


@untimed
@given(replies(), USAGES)
def test_usage_counts_cached_tokens_once(answer: Reply, usage: Usage) -> None:
    body = json.loads(reply.build(replace(answer, usage=usage), context()))["usage"]
    if usage == Usage():
        assert body is None
    else:
        assert body["input_tokens"] == (usage.input_total or 0)
        assert body["total_tokens"] == body["input_tokens"] + body["output_tokens"]


def test_stops_have_a_place() -> None:
    for reason in StopReason:
        answer = Reply("", "m", (Text("x"),), Stop(reason))
        assert json.loads(reply.build(answer, context()))["status"] in ("completed", "incomplete")

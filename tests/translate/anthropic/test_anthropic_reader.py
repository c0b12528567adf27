"""What the reader makes of an upstream's stream, in order and in disorder."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.events import Ping, Start, UsageUpdate
from gwproxy.translate.hub import (
    Call,
    Dialect,
    FailureKind,
    Opaque,
    Reasoning,
    Seal,
    StopReason,
    Text,
    Usage,
)
from support.anthropic_wire import (
    PING,
    PLAIN,
    STOP,
    closed,
    delta,
    failure_of,
    frame,
    json_piece,
    opened,
    read,
    reply_of,
    signed,
    start,
    stopped,
    stream,
    text,
    thought,
    whole_stream,
)

CALL = opened(1, "tool_use", id="toolu_1", name="Bash", input={})


def test_a_usual_stream() -> None:
    data = stream(
        start({"input_tokens": 9, "cache_read_input_tokens": 4, "output_tokens": 1}),
        opened(0, "thinking", thinking="", signature=""),
        PING,
        thought(0, "let me "),
        thought(0, "see"),
        signed(0, "EqQB"),
        closed(0),
        opened(1, "text", text=""),
        text(1, "Hi"),
        closed(1),
        opened(2, "tool_use", id="toolu_1", name="Bash", input={}),
        json_piece(2, ""),
        json_piece(2, '{"command":'),
        json_piece(2, ' "ls"}'),
        closed(2),
        stopped("tool_use", {"output_tokens": 20, "output_tokens_details": {"thinking_tokens": 5}}),
        STOP,
    )

    reply = reply_of(data)

    assert reply.id == "msg_up"
    assert reply.model == "kimi-for-coding"
    assert reply.blocks == (
        Reasoning("let me see", Seal("kimi", "signature", "EqQB")),
        Text("Hi"),
        Call("toolu_1", "Bash", '{"command": "ls"}'),
    )
    assert reply.stop.reason is StopReason.TOOL_USE
    assert reply.stop.raw == "tool_use"
    assert reply.usage == Usage(fresh=9, cache_read=4, output=20, reasoning=5)


def test_a_ping_stays_a_ping() -> None:
    assert Ping() in read(whole_stream(PING))


# --- blocks in disorder --------------------------------------------------------------------------


def test_numbers_may_have_gaps_interleave_and_come_again() -> None:
    data = whole_stream(
        opened(3, "text", text=""),
        opened(7, "tool_use", id="a", name="A", input={}),
        text(3, "x"),
        json_piece(7, "{}"),
        text(3, "y"),
        closed(7),
        closed(3),
        opened(3, "text", text=""),
        text(3, "z"),
        closed(3),
    )

    # A block is numbered when there is something in it: the call came first.
    assert reply_of(data).blocks == (Call("a", "A", "{}"), Text("xy"), Text("z"))


def test_blocks_that_came_whole_at_their_start() -> None:
    data = whole_stream(
        opened(0, "text", text="whole text"),
        closed(0),
        opened(1, "tool_use", id="a", name="A", input={"n": 1}),
        closed(1),
    )

    assert reply_of(data).blocks == (Text("whole text"), Call("a", "A", '{"n": 1}'))


def test_input_at_the_start_is_not_doubled_by_deltas() -> None:
    data = whole_stream(
        opened(0, "tool_use", id="a", name="A", input={"n": 1}), json_piece(0, '{"n":1}'), closed(0)
    )

    assert reply_of(data).blocks == (Call("a", "A", '{"n":1}'),)


def test_a_call_without_arguments_has_an_empty_object() -> None:
    assert reply_of(whole_stream(CALL, closed(1))).blocks == (Call("toolu_1", "Bash", "{}"),)


def test_empty_blocks_are_not_opened() -> None:
    data = whole_stream(
        opened(0, "text", text=""),
        closed(0),
        opened(1, "thinking", thinking="", signature=""),
        closed(1),
    )

    assert reply_of(data).blocks == ()


def test_a_thought_of_which_only_the_signature_is_given() -> None:
    data = whole_stream(opened(0, "thinking", thinking="", signature=""), signed(0, "S"), closed(0))

    assert reply_of(data).blocks == (Reasoning("", Seal("kimi", "signature", "S")),)


def test_a_signature_at_the_start_of_the_block() -> None:
    data = whole_stream(opened(0, "thinking", thinking="t", signature="S"), closed(0))

    assert reply_of(data).blocks == (Reasoning("t", Seal("kimi", "signature", "S")),)


def test_a_redacted_thought() -> None:
    data = whole_stream(opened(0, "redacted_thinking", data="D"), closed(0))

    assert reply_of(data).blocks == (Reasoning("", Seal("kimi", "redacted", "D"), hidden=True),)


def test_a_thought_inside_a_text_block_is_a_block_of_its_own() -> None:
    data = whole_stream(
        opened(0, "text", text=""), text(0, "a"), thought(0, "b"), text(0, "c"), closed(0)
    )

    assert reply_of(data).blocks == (Text("a"), Reasoning("b"), Text("c"))


def test_text_before_any_start() -> None:
    data = stream(text(0, "a"), stopped(), STOP)

    assert read(data)[0] == Start()
    assert reply_of(data).blocks == (Text("a"),)


def test_a_server_tool_travels_as_it_came() -> None:
    found = {"type": "web_search_result", "url": "https://x.test/", "title": "X"}
    data = whole_stream(
        opened(0, "server_tool_use", id="srvtoolu_1", name="web_search", input={}),
        json_piece(0, '{"query":'),
        json_piece(0, ' "q"}'),
        closed(0),
        opened(1, "web_search_tool_result", tool_use_id="srvtoolu_1", content=[found]),
        closed(1),
    )

    asked, given = reply_of(data).blocks

    assert isinstance(asked, Opaque)
    assert asked.dialect is Dialect.ANTHROPIC
    assert json.loads(asked.native)["input"] == {"query": "q"}
    assert asked.text == '[web_search "q"]'
    assert isinstance(given, Opaque)
    assert json.loads(given.native)["content"] == [found]
    assert given.text == "- X (https://x.test/)"


def test_a_native_block_stays_on_one_line() -> None:
    frames = (
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,\n'
        b'data: "content_block":{"type":"odd",\ndata: "n": 1.10}}\n\n'
    )

    (block,) = reply_of(stream(start()) + frames + stream(closed(0), stopped(), STOP)).blocks

    assert isinstance(block, Opaque)
    assert block.native == '{"type":"odd","n":1.10}'


def test_the_two_halves_of_a_character_in_two_events() -> None:
    halves = [
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"%b"}}\n\n' % half
        for half in (b"a\\ud83d", b"\\ude00b", b"c\\ud83d")
    ]
    data = stream(start(), opened(0, "text", text="")) + b"".join(halves)

    (block,) = reply_of(data + stream(closed(0), stopped(), STOP)).blocks

    assert block == Text("a\N{GRINNING FACE}bc\N{REPLACEMENT CHARACTER}")


# --- usage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ({"input_tokens": 5}, {"output_tokens": 3}, Usage(fresh=5, output=3)),
        (None, {"input_tokens": 5, "output_tokens": 3}, Usage(fresh=5, output=3)),
        # a host that forgot the input in its last event
        ({"input_tokens": 5}, {"input_tokens": 0, "output_tokens": 3}, Usage(fresh=5, output=3)),
        # everything came from the cache: that zero is true
        (
            {"input_tokens": 5},
            {"input_tokens": 0, "cache_read_input_tokens": 5, "output_tokens": 3},
            Usage(fresh=0, cache_read=5, output=3),
        ),
        (
            {"input_tokens": 5, "cached_tokens": 4},
            {"output_tokens": 3},
            Usage(fresh=5, cache_read=4, output=3),
        ),
        (
            {
                "input_tokens": 5,
                "cache_creation_input_tokens": 9,
                "cache_creation": {"ephemeral_1h_input_tokens": 2},
            },
            {"output_tokens": 3, "cache_read_input_tokens": None},
            Usage(fresh=5, cache_write=9, cache_write_1h=2, output=3),
        ),
        ({"input_tokens": "many"}, {"output_tokens": 3}, Usage(output=3)),
        (None, None, Usage()),
    ],
)
def test_usage(first: Any, last: Any, expected: Usage) -> None:
    end = {**stopped(), "usage": last}

    assert reply_of(stream(start(first), end, STOP)).usage == expected


def test_the_first_figures_come_with_the_start() -> None:
    events = read(whole_stream())

    assert isinstance(events[0], Start)
    assert isinstance(events[1], UsageUpdate)


# --- the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", StopReason.END),
        ("max_tokens", StopReason.MAX_TOKENS),
        ("refusal", StopReason.REFUSAL),
        ("pause_turn", StopReason.PAUSE),
        ("model_context_window_exceeded", StopReason.CONTEXT_FULL),
        ("compaction", StopReason.END),
        ("whatever", StopReason.END),
        ("length", StopReason.MAX_TOKENS),
        ("content_filter", StopReason.REFUSAL),
        ("stop", StopReason.END),
        ("tool_use", StopReason.END),  # although nothing was called
    ],
)
def test_reasons_to_stop(word: str, reason: StopReason) -> None:
    assert reply_of(stream(start(), stopped(word), STOP)).stop.reason is reason


@pytest.mark.parametrize("word", ["end_turn", "whatever", None])
def test_calls_mean_tool_use_whatever_the_word(word: str | None) -> None:
    data = stream(start(), CALL, closed(1), stopped(word), STOP)

    assert reply_of(data).stop.reason is StopReason.TOOL_USE


def test_a_limit_stays_a_limit_although_there_are_calls() -> None:
    data = whole_stream(CALL, json_piece(1, '{"a'), closed(1), reason="max_tokens")

    assert reply_of(data).stop.reason is StopReason.MAX_TOKENS


def test_the_stop_sequence_and_the_refusal_are_told() -> None:
    hit = stopped("stop_sequence", stop_sequence="END")
    no = stopped("refusal", stop_details={"type": "refusal", "explanation": "not that"})

    assert reply_of(stream(start(), hit, STOP)).stop.sequence == "END"
    assert reply_of(stream(start(), no, STOP)).stop.explanation == "not that"


def test_the_end_without_message_stop_or_without_a_reason() -> None:
    said = stream(start(), opened(0, "text", text=""), text(0, "a"))

    assert reply_of(said + stream(closed(0), stopped())).blocks == (Text("a"),)
    assert reply_of(said + stream(STOP)).blocks == (Text("a"),)
    assert reply_of(said + stream(stopped())).blocks == (Text("a"),)  # no content_block_stop


def test_a_stream_cut_short_is_a_failure() -> None:
    said = stream(start(), opened(0, "text", text=""), text(0, "a"), closed(0))

    for data in (said, said + frame(stopped())[:-40], b"", stream(PING), stream(STOP)):
        failure = failure_of(data)
        assert failure.kind is FailureKind.UPSTREAM
        assert "before it was complete" in failure.message


# --- failures ------------------------------------------------------------------------------------


def test_an_error_event_ends_the_stream() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}

    failure = failure_of(stream(start(), error, text(0, "late"), STOP))

    assert failure.kind is FailureKind.OVERLOADED
    assert failure.message == "Overloaded"
    assert failure.raw_type == "overloaded_error"


@pytest.mark.parametrize(
    "data",
    [
        b'data: {"error":{"message":"boom","type":"server_error"}}\n\n',
        b'event: error\ndata: {"error":{"message":"boom","type":"server_error"}}\n\n',
        b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"boom"}}\n\n',
    ],
)
def test_errors_of_other_shapes(data: bytes) -> None:
    failure = failure_of(data)

    assert failure.message == "boom"
    assert failure.kind is FailureKind.INTERNAL


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([opened(0, "text", text=""), opened(0, "text", text="")], "began twice"),
        ([json_piece(0, "{}")], "no call"),
        ([opened(0, "text", text=""), json_piece(0, "{}")], "no call"),
        ([opened(0, "tool_use", id="a", name="A", input={}), text(0, "x")], "kind call"),
        ([opened(0, "tool_use", id="a", input={})], "without a name"),
        ([opened(0, "server_tool_use", name="x"), json_piece(0, "{"), closed(0)], "input"),
        ([opened(0, "text", text=[1])], "content block 0"),
    ],
)
def test_what_cannot_be_understood_is_a_failure(frames: list[dict[str, Any]], why: str) -> None:
    failure = failure_of(stream(start(), *frames, STOP))

    assert failure.kind is FailureKind.UPSTREAM
    assert why in failure.message


def test_data_that_is_no_json() -> None:
    failure = failure_of(stream(start()) + b"data: <html>502</html>\n\n")

    assert "502" in failure.message


def test_somebodys_extras_are_nothing() -> None:
    extras = (
        b"data: [DONE]\n\n: comment\n\nevent: vendor_news\ndata: {}\n\ndata:\n\n"
        b'event: x\ndata: [1]\n\ndata: {"type":"content_block_delta","index":"one","delta":5}\n\n'
    )

    assert reply_of(stream(start()) + extras + stream(stopped(), STOP)).blocks == ()


def test_events_named_by_the_event_line_only() -> None:
    bare = [{k: v for k, v in value.items() if k != "type"} for value in (start(), stopped(), STOP)]
    names = ("message_start", "message_delta", "message_stop")
    data = b"".join(
        b"event: %b\ndata: %b\n\n" % (name.encode(), json.dumps(value).encode())
        for name, value in zip(names, bare, strict=True)
    )

    assert reply_of(data).stop.reason is StopReason.END


def test_a_second_start_is_no_start() -> None:
    events = read(stream(start(), start(id="msg_2"), stopped(), STOP))

    assert [event for event in events if isinstance(event, Start)] == [
        Start("msg_up", "kimi-for-coding")
    ]


def test_unknown_deltas_say_nothing() -> None:
    data = whole_stream(
        opened(0, "text", text=""),
        delta(0, "citations_delta", citation={"type": "char_location"}),
        text(0, "a"),
        closed(0),
    )

    assert reply_of(data, PLAIN).blocks == (Text("a"),)

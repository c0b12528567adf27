"""The Chat stream reader: every disorder of an upstream ends in the grammar, or in Fail."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from gwproxy.translate.chat.calls import MAX_BLANKS
from gwproxy.translate.chat.reader import Reader
from gwproxy.translate.events import Close, Delta, End, Fail, Finish, Open, Start, UsageUpdate, fold
from gwproxy.translate.hub import (
    Call,
    FailureKind,
    Reasoning,
    Refusal,
    Reply,
    Seal,
    Stop,
    StopReason,
    Text,
    Usage,
)
from gwproxy.translate.quirks import Quirks
from support.chat_wire import (
    DONE,
    PLAIN,
    call,
    chunk,
    failure_of,
    frame,
    piece,
    read,
    reply_of,
    stop_of,
    stream,
)
from support.generated import ARGUMENTS, TOOL_NAMES

STOP = chunk(finish="stop")
SEAL = Seal("kimi", "text", "")


def usage(**figures: Any) -> dict[str, Any]:
    return {"choices": [], "usage": figures}


# --- the ordinary stream ---------------------------------------------------------------------


def test_an_ordinary_answer() -> None:
    data = stream(
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "Let me"}),
        chunk({"reasoning_content": " see."}),
        chunk({"content": "Hello"}),
        call(0, "call_1", "ls", ""),
        call(0, arguments='{"path"'),
        call(0, arguments=':"."}'),
        chunk(finish="tool_calls"),
        usage(prompt_tokens=9, completion_tokens=4, total_tokens=13),
    )
    assert read(data) == [
        Start("chatcmpl-1", "kimi-k2.5", 7),
        Open(0, "reasoning"),
        Delta(0, "Let me"),
        Delta(0, " see."),
        Close(0, SEAL),
        Open(1, "text"),
        Delta(1, "Hello"),
        Close(1),
        Open(2, "call", "call_1", "ls"),
        Delta(2, '{"path"'),
        Delta(2, ':"."}'),
        UsageUpdate(Usage(fresh=9, output=4)),
        Close(2),
        Finish(Stop(StopReason.TOOL_USE, "tool_calls")),
        End(),
    ]


def test_content_of_the_first_chunk_is_kept() -> None:
    assert reply_of(stream(chunk({"role": "assistant", "content": "A"}), STOP)).blocks == (
        Text("A"),
    )


def test_events_leave_as_their_bytes_arrive() -> None:
    reader = Reader(PLAIN)
    reader.feed(frame(chunk({"role": "assistant", "content": ""})))
    assert reader.feed(frame(chunk({"content": "a"}))) == [Open(0, "text"), Delta(0, "a")]
    assert reader.feed(frame(chunk({"content": "b"}))) == [Delta(0, "b")]


@pytest.mark.parametrize(
    "noise",
    [
        b": OPENROUTER PROCESSING\n\n",
        b"data:\n\n",
        b"event: message\nid: 3\n\n",
        frame({"id": "x", "object": "", "choices": []}),
        frame(chunk({"content": None, "tool_calls": None, "reasoning_content": None})),
        frame(chunk({"content": "", "tool_calls": [], "reasoning_content": ""})),
        frame(chunk({"tool_calls": [{}]})),
        frame({"id": None, "choices": None, "model": None}),
        frame({"choices": [{"delta": None}]}),
        frame({"choices": [{"index": 1, "delta": {"content": "second answer"}}]}),
        frame({"type": "ping"}),
    ],
)
def test_noise_says_nothing(noise: bytes) -> None:
    data = noise + frame(chunk({"content": "a"})) + noise + frame(chunk({"content": "b"}))
    data += frame(STOP) + noise + DONE
    assert reply_of(data).blocks == (Text("ab"),)


def test_sloppy_framing_is_read() -> None:
    data = stream(chunk({"content": "é\u2028日"}), STOP).replace(b"data: ", b"data:")
    assert reply_of(data.replace(b"\n", b"\r\n")).blocks == (Text("é\u2028日"),)


# --- prose -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning", "reasoning_text"])
def test_reasoning_has_three_names_and_its_seal_says_which(name: str) -> None:
    reply = reply_of(stream(chunk({name: "hm"}), chunk({"content": "a"}), STOP))
    data = "" if name == "reasoning_content" else name
    assert reply.blocks == (Reasoning("hm", structs.replace(SEAL, data=data)), Text("a"))


def test_reasoning_under_two_names_at_once_is_said_once() -> None:
    both = chunk({"reasoning_content": "hm", "reasoning": "hm"})
    assert reply_of(stream(both, both, STOP)).blocks == (Reasoning("hmhm", SEAL),)


def test_reasoning_after_text_is_a_block_of_its_own() -> None:
    reply = reply_of(
        stream(
            chunk({"content": "a"}),
            chunk({"reasoning_content": "hm"}),
            chunk({"content": "b"}),
            STOP,
        )
    )
    assert reply.blocks == (Text("a"), Reasoning("hm", SEAL), Text("b"))


def test_text_after_a_call_is_a_block_of_its_own() -> None:
    data = stream(chunk({"content": "a"}), call(0, "c", "f", "{}"), chunk({"content": "b"}), STOP)
    assert reply_of(data).blocks == (Text("a"), Call("c", "f", "{}"), Text("b"))


def test_a_call_without_arguments_is_not_overtaken_by_text() -> None:
    data = stream(call(0, "c", "f"), chunk({"content": "b"}), STOP)
    assert reply_of(data).blocks == (Call("c", "f", ""), Text("b"))


def test_content_as_a_list_of_parts() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert reply_of(stream(chunk({"content": parts}), STOP)).blocks == (Text("ab"),)


def test_halves_of_a_character_are_joined_over_events() -> None:
    data = stream(
        b'{"choices":[{"delta":{"content":"a\\ud83d"}}]}',
        b'{"choices":[{"delta":{"content":"\\ude00b"}}]}',
        STOP,
    )
    assert reply_of(data).blocks == (Text("a😀b"),)


def test_half_a_character_that_stays_alone_is_replaced() -> None:
    data = stream(
        b'{"choices":[{"delta":{"content":"a\\ud83d"}}]}',
        b'{"choices":[{"delta":{"reasoning_content":"\\ude00 \\ud83d"}}]}',
        b'{"choices":[{"delta":{"content":"x\\ud83dy"}}]}',
        STOP,
    )
    assert reply_of(data).blocks == (
        Text("a\ufffd"),
        Reasoning("\ufffd \ufffd", SEAL),
        Text("x\ufffdy"),
    )


def test_a_refusal_in_words() -> None:
    reply = reply_of(stream(chunk({"refusal": "I can"}), chunk({"refusal": "not."}), STOP))
    assert reply.blocks == (Refusal("I cannot."),)
    assert reply.stop.reason is StopReason.REFUSAL


THINKING = Quirks(family="kimi", inline_think=True)


@pytest.mark.parametrize(
    ("pieces", "thought", "said"),
    [
        (["<think>a</think>b"], "a", "b"),
        (["<th", "ink>", "a</", "think", ">\n\nb"], "a", "b"),
        (["\n<think>\na < b </thi", "ng></think>c <think>d</think>"], "a < b </thing>", None),
        (["<think>never closed"], "never closed", ""),
        (["no thought <think>x</think>"], "", "no thought <think>x</think>"),
        (["<thin"], "", "<thin"),
    ],
)
def test_inline_thinking_is_split_off_at_the_head(
    pieces: list[str], thought: str, said: str | None
) -> None:
    chunks = [chunk({"content": text}) for text in pieces]
    reply = reply_of(stream(*chunks, STOP), THINKING)
    said = "c <think>d</think>" if said is None else said
    expected = [Reasoning(thought, SEAL)] if thought else []
    assert reply.blocks == (*expected, *([Text(said)] if said else []))


def test_inline_thinking_is_text_unless_the_upstream_is_known_for_it() -> None:
    reply = reply_of(stream(chunk({"content": "<think>a</think>b"}), STOP))
    assert reply.blocks == (Text("<think>a</think>b"),)


# --- tool calls ------------------------------------------------------------------------------


def calls_of(*values: Any) -> list[tuple[str, str, str]]:
    blocks = reply_of(stream(*values, STOP)).blocks
    return [(b.id, b.name, b.arguments) for b in blocks if isinstance(b, Call)]


def test_interleaved_parallel_calls() -> None:
    assert calls_of(
        call(0, "a", "f", ""),
        call(1, "b", "g", ""),
        call(0, arguments="{"),
        call(1, arguments='{"x":'),
        call(0, arguments="}"),
        call(1, arguments="1}"),
    ) == [("a", "f", "{}"), ("b", "g", '{"x":1}')]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([call(0, "a", "ls", '{"p":1}')], id="whole call in one chunk"),
        pytest.param([call(1, "a", "ls", '{"p":1}')], id="first index is one"),
        pytest.param([call(None, "a", "ls", '{"p"'), call(arguments=":1}")], id="no index"),
        pytest.param(
            [call(0, "a", "ls", '{"p"'), call(0, "a", "ls", ":1}")], id="all of it repeated"
        ),
        pytest.param(
            [call(0, "a", "ls", ""), call(0, "", "", '{"p"'), call(0, "", "", ":1}")],
            id="empty strings later",
        ),
        pytest.param(
            [call(0, "a", "ls", '{"p"'), call(0, "z9", arguments=":1}")], id="a fresh id each time"
        ),
        pytest.param(
            [call(0, "a", "l"), call(0, None, "s"), call(0, arguments='{"p":1}')], id="split name"
        ),
        pytest.param([call(0, "a", "l"), call(0, None, "ls", '{"p":1}')], id="growing name"),
        pytest.param([call(0, "a", arguments='{"p"'), call(0, None, "ls", ":1}")], id="late name"),
        pytest.param([call(0, None, "ls"), call(0, "a", arguments='{"p":1}')], id="late id"),
        pytest.param([call(0, "a", "ls"), call(0, arguments={"p": 1})], id="object arguments"),
        pytest.param([call("0", "a", "ls", '{"p":1}')], id="index as text"),  # type: ignore[arg-type]
    ],
)
def test_one_call_however_it_comes(values: list[Any]) -> None:
    assert calls_of(*values) == [("a", "ls", '{"p":1}')]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([call(0, "a", "f", "{}"), call(0, "b", "g", "{}")], id="one index, new id"),
        pytest.param(
            [call(0, "a", "f", "{}"), call(0, "b"), call(0, "b", "g", "{}")], id="new id, late name"
        ),
        pytest.param(
            [
                call(None, "a", "f", "{"),
                call(None, "b", "g", "{"),
                call(None, "a", arguments="}"),
                call(None, "b", arguments="}"),
            ],
            id="ids only, interleaved",
        ),
        pytest.param(
            [
                call(0, "a", "f", "{"),
                call(0, "b", "g", "{"),
                call(0, "a", arguments="}"),
                call(0, "b", arguments="}"),
            ],
            id="one index, interleaved by id",
        ),
        pytest.param(
            [chunk({"tool_calls": [piece(None, "a", "f", "{}"), piece(None, "b", "g", "{}")]})],
            id="two whole calls, no index",
        ),
        pytest.param(
            [
                chunk({"tool_calls": [piece(None, "a", "f", "{"), piece(None, "b", "g", "{")]}),
                chunk({"tool_calls": [piece(arguments="}"), piece(arguments="}")]}),
            ],
            id="two calls by position",
        ),
    ],
)
def test_two_calls_however_they_come(values: list[Any]) -> None:
    assert calls_of(*values) == [("a", "f", "{}"), ("b", "g", "{}")]


def test_calls_that_share_an_id_are_told_apart_by_their_index() -> None:
    assert calls_of(call(0, "x", "f", "{"), call(1, "x", "g", "{}"), call(0, "x", None, "}")) == [
        ("x", "f", "{}"),
        ("x", "g", "{}"),
    ]


def test_calls_without_id_and_index_are_told_apart_by_being_whole() -> None:
    assert calls_of(call(None, None, "f", '{"a":1}'), call(None, None, "f", '{"a":2}')) == [
        ("", "f", '{"a":1}'),
        ("", "f", '{"a":2}'),
    ]


def test_a_legacy_function_call_is_a_call() -> None:
    data = stream(
        chunk({"function_call": {"name": "f", "arguments": ""}}),
        chunk({"function_call": {"arguments": "{}"}}),
        chunk(finish="function_call"),
    )
    assert reply_of(data).blocks == (Call("", "f", "{}"),)
    assert stop_of(data).reason is StopReason.TOOL_USE


def test_a_free_form_call() -> None:
    custom = {
        "index": 0,
        "id": "c",
        "type": "custom",
        "custom": {"name": "patch", "input": "*** B"},
    }
    data = stream(chunk({"tool_calls": [custom]}), STOP)
    assert reply_of(data).blocks == (Call("c", "patch", "*** B", custom=True),)


def test_a_call_without_a_name_is_no_answer() -> None:
    failure = failure_of(stream(call(0, "a", arguments="{}"), chunk(finish="tool_calls")))
    assert failure.kind is FailureKind.UPSTREAM
    assert "without a name" in failure.message


def test_blanks_without_end_are_broken_off() -> None:
    blanks = [call(0, arguments=" " * 100) for _ in range(MAX_BLANKS // 100 + 1)]
    data = stream(call(0, "a", "f", '{"a":1'), *blanks, done=False)
    assert "without end" in failure_of(data).message


def test_many_blanks_among_arguments_are_none() -> None:
    parts = [call(0, arguments=text) for _ in range(MAX_BLANKS) for text in ("  ", "1,")]
    assert len(calls_of(call(0, "a", "f", "["), *parts)[0][2]) == 4 * MAX_BLANKS + 1


# --- the end ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", StopReason.END),
        ("end_turn", StopReason.END),
        ("eos", StopReason.END),
        ("whatever", StopReason.END),
        ("tool_calls", StopReason.END),  # without any call
        ("length", StopReason.MAX_TOKENS),
        ("max_tokens", StopReason.MAX_TOKENS),
        ("MAX_TOKENS", StopReason.MAX_TOKENS),
        ("content-filter", StopReason.REFUSAL),
        ("model_context_window_exceeded", StopReason.CONTEXT_FULL),
    ],
)
def test_finish_reasons(word: str, reason: StopReason) -> None:
    assert stop_of(stream(chunk({"content": "a"}), chunk(finish=word))) == Stop(reason, word)


@pytest.mark.parametrize("word", ["stop", "tool_calls", "tool_call", "function_call", "tool_use"])
def test_an_answer_with_calls_stops_for_them(word: str) -> None:
    assert stop_of(stream(call(0, "a", "f", "{}"), chunk(finish=word))) == Stop(
        StopReason.TOOL_USE, word
    )


def test_half_a_call_stays_cut_off() -> None:
    reply = reply_of(stream(call(0, "a", "f", '{"path":"/et'), chunk(finish="length")))
    assert reply.stop.reason is StopReason.MAX_TOKENS
    assert reply.blocks == (Call("a", "f", '{"path":"/et'),)


def test_the_stop_sequence_where_the_upstream_names_it() -> None:
    data = stream(chunk({"content": "a"}), chunk(finish="stop", stop_reason="END"))
    assert stop_of(data) == Stop(StopReason.STOP_SEQUENCE, "stop", "END")
    data = stream(chunk({"content": "a"}), chunk(finish="stop", stop_reason=151643))
    assert stop_of(data) == Stop(StopReason.END, "stop")


def test_a_finish_reason_that_is_repeated_or_followed_by_words() -> None:
    data = stream(chunk({"content": "a"}), STOP, STOP, chunk({"content": "b"}), STOP)
    assert reply_of(data).blocks == (Text("ab"),)


def test_done_without_a_finish_reason_is_an_end() -> None:
    assert stop_of(stream(chunk({"content": "a"}))) == Stop(StopReason.END)
    assert stop_of(stream(call(0, "a", "f", "{}"))) == Stop(StopReason.TOOL_USE)


def test_a_finish_reason_without_done_is_an_end() -> None:
    assert reply_of(stream(chunk({"content": "a"}), STOP, done=False)).blocks == (Text("a"),)


def test_neither_is_a_failure() -> None:
    failure = failure_of(stream(chunk({"content": "a"}), done=False))
    assert failure.kind is FailureKind.UPSTREAM
    assert failure.status == 502
    assert "before it was complete" in failure.message


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", DONE, stream({"choices": []}, usage(prompt_tokens=1))]
)
def test_nothing_at_all_is_a_failure(data: bytes) -> None:
    assert failure_of(data).status == 502


def test_an_end_inside_an_event_is_a_cut_even_after_the_reason_to_stop() -> None:
    ended = stream(chunk({"content": "a"}), STOP, done=False)
    torn = frame({"choices": [], "usage": {"prompt_tokens": 1}})[:-12]
    for data in (ended + torn, ended.rstrip(), ended + b"data: [DONE"):
        assert "before it was complete" in failure_of(data).message
    assert reply_of(ended).blocks == (Text("a"),)


def test_nothing_counts_after_done() -> None:
    data = stream(chunk({"content": "a"}), STOP) + stream(chunk({"content": "b"}))
    assert reply_of(data).blocks == (Text("a"),)


def test_done_needs_no_blank_line() -> None:
    data = stream(chunk({"content": "a"}), STOP, done=False)
    assert reply_of(data + b"data: [DONE]").blocks == (Text("a"),)


# --- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ({"error": {"message": "boom", "type": "server_error"}}, FailureKind.INTERNAL, "boom"),
        ({"error": "boom"}, FailureKind.UPSTREAM, "boom"),
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}},
            FailureKind.OVERLOADED,
            "busy",
        ),
        ({"code": 429, "message": "slow down"}, FailureKind.RATE_LIMIT, "slow down"),
        (
            {"choices": [], "error": {"message": "no money", "code": "insufficient_quota"}},
            FailureKind.BILLING,
            "no money",
        ),
        (
            {"choices": [{"finish_reason": "error", "error": {"code": 502, "message": "gone"}}]},
            FailureKind.UPSTREAM,
            "gone",
        ),
        (
            {"error": {"message": json.dumps({"error": {"message": "inner"}}), "type": None}},
            FailureKind.UPSTREAM,
            "inner",
        ),
    ],
)
def test_errors_in_a_stream(value: Any, kind: FailureKind, message: str) -> None:
    failure = failure_of(stream(chunk({"content": "a"}), value, chunk({"content": "b"}), STOP))
    assert (failure.kind, failure.message) == (kind, message)


def test_an_error_that_is_null_is_none() -> None:
    assert reply_of(stream({**chunk({"content": "a"}), "error": None}, STOP)).blocks == (Text("a"),)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("error", FailureKind.UPSTREAM),
        ("insufficient_system_resource", FailureKind.OVERLOADED),
        ("network_error", FailureKind.UPSTREAM),
    ],
)
def test_a_finish_reason_that_is_a_failure(word: str, kind: FailureKind) -> None:
    broken = chunk({"content": "b"}, word, usage={"prompt_tokens": 1, "completion_tokens": 1})
    failure = failure_of(stream(chunk({"content": "a"}), broken))
    assert failure.kind is kind
    assert word in failure.message


@pytest.mark.parametrize(
    "junk", [b"<html>502</html>", b"nonsense", b"[1]", b'"text"', b"{", b"\xff"]
)
def test_what_is_not_json_is_a_failure(junk: bytes) -> None:
    assert failure_of(stream(chunk({"content": "a"}), junk, STOP)).kind is FailureKind.UPSTREAM


def test_an_event_without_end_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gwproxy.translate.wire.sse.MAX_EVENT_BYTES", 1000)
    events = read(b"data: " + b"x" * 2000)
    assert isinstance(events[-1], Fail)


# --- usage -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        (
            {
                "prompt_tokens": 1000,
                "completion_tokens": 50,
                "prompt_tokens_details": {"cached_tokens": 800},
                "completion_tokens_details": {"reasoning_tokens": 20},
            },
            Usage(fresh=200, cache_read=800, output=50, reasoning=20),
        ),
        (
            {
                "prompt_tokens": 1100,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 800, "cache_write_tokens": 100},
            },
            Usage(fresh=200, cache_read=800, cache_write=100, output=5),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 1, "cached_tokens": 4},
            Usage(fresh=6, cache_read=4, output=1),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 1, "prompt_cache_hit_tokens": 4},
            Usage(fresh=6, cache_read=4, output=1),
        ),
        # A server that counts additively: more was cached than there was prompt.
        (
            {"prompt_tokens": 10, "completion_tokens": 1, "cached_tokens": 90},
            Usage(fresh=10, cache_read=90, output=1),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": None, "prompt_tokens_details": None},
            Usage(fresh=10),
        ),
        ({"prompt_tokens": 10.0, "completion_tokens": "3"}, Usage(fresh=10, output=3)),
    ],
)
def test_usage_is_disjoint(figures: dict[str, Any], expected: Usage) -> None:
    assert (
        reply_of(stream(chunk({"content": "a"}), STOP, {"choices": [], "usage": figures})).usage
        == expected
    )


FIGURES = {"prompt_tokens": 10, "completion_tokens": 79}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([chunk(finish="stop", usage=FIGURES)], id="in the last choice"),
        pytest.param([chunk(finish="stop") | {"usage": FIGURES}], id="beside the last choice"),
        pytest.param([usage(**FIGURES), STOP], id="before the finish reason"),
        pytest.param([STOP, {"usage": FIGURES}], id="without choices"),
        pytest.param([STOP, {"choices": [], "x_groq": {"usage": FIGURES}}], id="Groq"),
        pytest.param(
            [
                chunk({"content": "b"}) | {"usage": {"prompt_tokens": 10, "completion_tokens": 3}},
                STOP | {"usage": FIGURES},
            ],
            id="on every chunk",
        ),
        pytest.param(
            [STOP | {"usage": FIGURES}, {"choices": [], "usage": None}], id="null at last"
        ),
    ],
)
def test_usage_wherever_it_stands(values: list[Any]) -> None:
    assert reply_of(stream(chunk({"content": "a"}), *values)).usage == Usage(fresh=10, output=79)


def test_no_usage_is_unknown_and_not_zero() -> None:
    assert reply_of(stream(chunk({"content": "a"}), STOP)).usage == Usage()


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


def test_deltas_are_as_long_as_they_come() -> None:
    events = read(stream(chunk({"content": "a"}), chunk({"content": "b"}), chunk(finish="stop")))
    assert [event.text for event in events if isinstance(event, Delta)] == ["a", "b"]

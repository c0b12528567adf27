"""What a client gets: Claude Code's rules, one by one, and the official SDK's opinion."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import anthropic
import pytest

from gwproxy.translate.anthropic.writer import Writer
from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.events import (
    Close,
    Delta,
    End,
    Event,
    Fail,
    Finish,
    Open,
    Ping,
    Start,
    UsageUpdate,
    truncated,
)
from gwproxy.translate.hub import (
    Call,
    Dialect,
    Failure,
    FailureKind,
    Opaque,
    Reasoning,
    Refusal,
    Reply,
    Seal,
    Stop,
    StopReason,
    Text,
    Usage,
)
from gwproxy.translate.wire import seal
from support.anthropic_grammar import Collected, collect
from support.anthropic_sdk import accumulated
from support.unfolded import unfold

CONTEXT = ReplyContext(
    model="claude-sonnet-5",
    new_id=lambda prefix: f"{prefix}fresh",
    input_estimate=77,
    request_id="req_1",
    family="kimi",
)
HIDING = ReplyContext(
    model="m", new_id=lambda prefix: f"{prefix}x", show_reasoning=False, family="kimi"
)
ENDING: tuple[Event, ...] = (Finish(Stop(StopReason.END)), End())


def reply(*blocks: Any, reason: StopReason = StopReason.END, usage: Usage | None = None) -> Reply:
    return Reply("chatcmpl-9", "up", blocks, Stop(reason), usage or Usage(fresh=5, output=3))


def written(events: Iterable[Event], context: ReplyContext = CONTEXT) -> bytes:
    """The stream, one event a write, as a slow upstream gives them."""
    writer = Writer(context)
    return b"".join(writer.write([event]) for event in events)


def seen(events: Iterable[Event], context: ReplyContext = CONTEXT) -> Collected:
    events = list(events)
    data = written(events, context)
    at_once = Writer(context).write(events)
    assert collect(at_once).content == collect(data).content
    return collect(data)


def test_a_whole_conversation_turn() -> None:
    blocks = (
        Reasoning("hm", Seal("kimi", "signature", "S")),
        Text("Hello"),
        Call("toolu_1", "Bash", '{"command":"ls"}'),
    )
    stream = seen(unfold(reply(*blocks, reason=StopReason.TOOL_USE)))

    assert stream.message["id"] == "msg_9"
    assert stream.message["model"] == "claude-sonnet-5"
    assert stream.message["stop_reason"] == "tool_use"
    assert stream.content == [
        {
            "type": "thinking",
            "thinking": "hm",
            "signature": seal.wrap(Seal("kimi", "signature", "S")),
        },
        {"type": "text", "text": "Hello"},
        {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls"}},
    ]


def test_the_exact_bytes_of_a_small_stream() -> None:
    """Claude Code needs `event:` lines, and nothing that it does not know."""
    events: list[Event] = [Start("msg_a"), Open(0, "text"), Delta(0, 'a"\n'), Close(0)]

    assert Writer(CONTEXT).write([*events, UsageUpdate(Usage(2)), *ENDING]).decode() == (
        'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_a",'
        '"type":"message","role":"assistant","model":"claude-sonnet-5","content":[],'
        '"stop_reason":null,"stop_sequence":null,'
        '"usage":{"input_tokens":77,"output_tokens":0}}}\n\n'
        'event: ping\ndata: {"type":"ping"}\n\n'
        'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        '"content_block":{"type":"text","text":""}}\n\n'
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        '"delta":{"type":"text_delta","text":"a\\"\\n"}}\n\n'
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn",'
        '"stop_sequence":null},"usage":{"input_tokens":2,"output_tokens":1}}\n\n'
        'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )


# --- the start and pings -------------------------------------------------------------------------


def test_the_first_event_has_the_true_figures_if_they_came_with_the_start() -> None:
    usage = UsageUpdate(Usage(fresh=5, cache_read=2, output=1))
    stream = collect(Writer(CONTEXT).write([Start("a"), usage, *ENDING]))

    assert stream.first_usage == {
        "input_tokens": 5,
        "cache_read_input_tokens": 2,
        "output_tokens": 0,
    }


def test_the_first_event_goes_out_with_the_start() -> None:
    assert Writer(CONTEXT).write([Start("a")]).startswith(b"event: message_start")


def test_a_ping_before_the_start_opens_the_stream() -> None:
    writer = Writer(CONTEXT)
    data = writer.ping() + writer.ping() + writer.write([Ping(), Start("late"), Ping()])
    stream = collect(data + writer.write(ENDING))

    assert stream.names[:5] == ["message_start", "ping", "ping", "ping", "ping"]
    assert stream.message["id"] == "msg_fresh"
    assert stream.first_usage == {"input_tokens": 77, "output_tokens": 0}


def test_pings_in_the_middle_keep_their_place() -> None:
    writer = Writer(CONTEXT)
    events: list[Event] = [Start(), Open(0, "text"), Delta(0, "a"), Ping(), Delta(0, "b")]
    data = writer.write(events) + writer.ping() + writer.write([Close(0), *ENDING])

    assert collect(data).content == [{"type": "text", "text": "ab"}]
    assert collect(data).names[3:7] == [
        "content_block_delta",
        "ping",
        "content_block_delta",
        "ping",
    ]


def test_after_the_end_there_is_nothing() -> None:
    writer = Writer(CONTEXT)
    collect(writer.write([Start(), *ENDING]))

    assert writer.ping() == b""
    assert writer.write([Ping(), Fail(truncated())]) == b""


# --- blocks --------------------------------------------------------------------------------------


def test_an_answer_without_content_ends_all_the_same() -> None:
    stream = seen([Start(), *ENDING])

    assert stream.content == []
    assert stream.message["stop_reason"] == "end_turn"


def test_empty_blocks_are_not_shown_and_leave_no_gap() -> None:
    blocks = (Text(""), Reasoning(""), Refusal(""), Text("a"), Text(""), Text("b"))

    assert seen(unfold(reply(*blocks))).content == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]


def test_a_refusal_is_text_and_the_reason_is_told() -> None:
    stop = Stop(StopReason.REFUSAL, explanation="policy")
    stream = seen(unfold(Reply("i", "m", (Refusal("I will not."),), stop)))

    assert stream.content == [{"type": "text", "text": "I will not."}]
    assert stream.message["stop_details"] == {
        "type": "refusal",
        "category": None,
        "explanation": "policy",
    }


def test_a_call_without_arguments_starts_and_stops() -> None:
    stream = seen([Start(), Open(0, "call", "a", "A"), Close(0), *ENDING])

    assert stream.content == [{"type": "tool_use", "id": "a", "name": "A", "input": {}}]


def test_free_form_input_is_an_object() -> None:
    blocks = (Call("a", "apply_patch", 'say "hi"', custom=True),)

    assert seen(unfold(reply(*blocks))).content[0]["input"] == {"input": 'say "hi"'}


def test_a_server_tool_has_its_input_as_deltas() -> None:
    native = '{"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"q"}}'
    blocks = (Opaque(Dialect.ANTHROPIC, "server_tool_use", native),)
    stream = seen(unfold(reply(*blocks)))

    assert stream.content == [json.loads(native)]
    assert stream.names.count("content_block_delta") == 1


def test_blocks_of_another_dialect_are_not_shown() -> None:
    blocks = (Opaque(Dialect.RESPONSES, "web_search_call", "{}"), Text("a"))

    assert seen(unfold(reply(*blocks))).content == [{"type": "text", "text": "a"}]


# --- thoughts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "sealed"),
    [
        (Reasoning("t"), Seal("kimi", "text", "")),
        (Reasoning("t", Seal("o", "encrypted", "E", "rs_1")), Seal("o", "encrypted", "E", "rs_1")),
        (Reasoning("", Seal("c", "signature", "S")), Seal("c", "signature", "S")),
    ],
)
def test_every_thought_has_one_signature_that_carries_its_seal(
    block: Reasoning, sealed: Seal
) -> None:
    """OpenCode and OpenClaw drop a thought whose signature is empty."""
    (shown,) = seen(unfold(reply(block))).content
    opened = seal.unwrap(shown["signature"])

    assert opened == seal.Opened(sealed, None)
    assert shown["thinking"] == block.text


def test_a_hidden_thought_keeps_its_text_in_the_seal() -> None:
    (shown,) = seen(unfold(reply(Reasoning("secret", Seal("kimi", "text", "")))), HIDING).content
    opened = seal.unwrap(shown["signature"])

    assert shown["thinking"] == ""
    assert opened == seal.Opened(Seal("kimi", "text", ""), "secret")
    assert b"secret" not in written(unfold(reply(Reasoning("secret"))), HIDING)


def test_a_hidden_thought_begins_at_its_first_word() -> None:
    """The client shows that the model thinks, although not what."""
    data = Writer(HIDING).write([Start(), Open(0, "reasoning"), Delta(0, "a")])

    assert data.count(b"content_block_start\n") == 1
    assert b"thinking_delta" not in data


def test_a_redacted_thought() -> None:
    block = Reasoning("", Seal("claude", "redacted", "D"), hidden=True)
    (shown,) = seen(unfold(reply(block))).content

    assert shown["type"] == "redacted_thinking"
    assert seal.unwrap(shown["data"]) == seal.Opened(Seal("claude", "redacted", "D"), None)


# --- the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (StopReason.END, "end_turn"),
        (StopReason.TOOL_USE, "tool_use"),
        (StopReason.MAX_TOKENS, "max_tokens"),
        (StopReason.REFUSAL, "refusal"),
        (StopReason.CONTEXT_FULL, "model_context_window_exceeded"),
        (StopReason.PAUSE, "pause_turn"),
    ],
)
def test_reasons_to_stop(reason: StopReason, word: str) -> None:
    assert seen(unfold(reply(reason=reason))).message["stop_reason"] == word


def test_the_stop_sequence_is_named() -> None:
    stop = Stop(StopReason.STOP_SEQUENCE, sequence="END")
    stream = seen(unfold(Reply("i", "m", (Text("a"),), stop)))

    assert stream.message["stop_sequence"] == "END"


def test_complete_figures_at_the_end() -> None:
    usage = Usage(3, 4, 10, 2, 20, 8)

    assert seen(unfold(reply(Text("a"), usage=usage))).message["usage"] == {
        "input_tokens": 3,
        "cache_creation_input_tokens": 10,
        "cache_read_input_tokens": 4,
        "output_tokens": 20,
        "cache_creation": {"ephemeral_5m_input_tokens": 8, "ephemeral_1h_input_tokens": 2},
        "output_tokens_details": {"thinking_tokens": 8},
    }


def test_figures_that_nobody_told_are_estimated_and_never_null() -> None:
    stream = seen(unfold(reply(Text("a" * 9), usage=Usage())))

    assert stream.message["usage"] == {"input_tokens": 77, "output_tokens": 3}


def test_cached_input_alone_is_not_topped_up_by_the_estimate() -> None:
    stream = seen(unfold(reply(usage=Usage(cache_read=50, output=1))))

    assert stream.message["usage"]["input_tokens"] == 0


# --- failures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [
        [],
        [Start()],
        [Start(), Open(0, "text")],
        [Start(), Open(0, "text"), Delta(0, "a")],
        [Start(), Open(0, "reasoning"), Delta(0, "a")],
        [Start(), Open(0, "call", "a", "A"), Delta(0, '{"a')],
        [Start(), Open(0, "text"), Delta(0, "a"), Close(0), Finish(Stop(StopReason.END))],
    ],
)
def test_a_failure_closes_what_is_open_and_ends_as_one(before: list[Event]) -> None:
    failure = Failure(FailureKind.OVERLOADED, "busy", 503)
    writer = Writer(CONTEXT)
    data = writer.write([*before, Fail(failure), *ENDING]) + writer.ping()
    stream = collect(data)

    assert stream.error == {"type": "overloaded_error", "message": "busy"}
    assert not stream.ended
    assert b"message_delta" not in data
    assert data.endswith(b'"request_id":"req_1"}\n\n')


def test_a_failure_leaves_a_call_open() -> None:
    """Claude Code runs a call whose block was stopped, and ignores the error after it."""
    before: list[Event] = [Start(), Open(0, "call", "a", "A"), Delta(0, '{"a')]
    data = Writer(CONTEXT).write([*before, Fail(Failure(FailureKind.UPSTREAM, "cut", 502))])
    assert b"content_block_stop" not in data
    assert collect(data).half_call


def test_an_overflow_in_the_stream_has_the_words_that_make_claude_code_compact() -> None:
    failure = Failure(FailureKind.CONTEXT, "x", 400, context_tokens=9, context_limit=8)
    stream = collect(Writer(CONTEXT).write([Fail(failure)]))

    assert stream.error is not None
    assert stream.error["message"] == "prompt is too long: 9 tokens > 8 maximum"


# --- the official SDK ----------------------------------------------------------------------------


def test_the_sdk_accumulates_what_was_said() -> None:
    blocks = (
        Reasoning("hm"),
        Text("Hello é☕"),
        Call("toolu_1", "Bash", '{"command":"ls","n":1}'),
        Call("toolu_2", "Read", "{}"),
    )
    message = accumulated(written(unfold(reply(*blocks, reason=StopReason.TOOL_USE))))

    assert message["stop_reason"] == "tool_use"
    assert [block["type"] for block in message["content"]] == [
        "thinking",
        "text",
        "tool_use",
        "tool_use",
    ]
    assert message["content"][2]["input"] == {"command": "ls", "n": 1}
    assert message["usage"] == {"input_tokens": 5, "output_tokens": 3}


def test_the_sdk_raises_on_a_failed_stream() -> None:
    data = written([Start(), Open(0, "text"), Delta(0, "a"), Fail(truncated())])

    with pytest.raises(anthropic.APIStatusError, match="before it was complete"):
        accumulated(data)

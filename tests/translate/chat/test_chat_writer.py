"""The Chat stream writer: what it writes, a strict client reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.chat.writer import Writer
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
    Block,
    Call,
    Dialect,
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
from gwproxy.translate.wire.seal import unwrap
from support.chat_grammar import Collected, collect
from support.unfolded import unfold

CONTEXT = ReplyContext(model="my-model", new_id=lambda prefix: prefix + "fresh", created=5)
END = Stop(StopReason.END)


def written(*blocks: Block, context: ReplyContext = CONTEXT, stop: Stop = END) -> Collected:
    reply = Reply("msg_1", "upstream-model", blocks, stop, Usage(fresh=3, output=2))
    data = Writer(context).write(unfold(reply))
    seen = collect(data, include_usage=context.include_usage)
    assert seen.ended
    return seen


def frames(data: bytes) -> list[Any]:
    lines = data.decode().split("\n\n")[:-1]
    return [json.loads(line.removeprefix("data: ")) for line in lines if "[DONE]" not in line]


def test_an_ordinary_answer() -> None:
    seen = written(
        Reasoning("hm", Seal("kimi", "text", "")),
        Text("Hello"),
        Call("call_1", "ls", '{"path":"."}'),
        Call("call_2", "cat", "{}"),
        stop=Stop(StopReason.TOOL_USE),
    )
    assert (seen.id, seen.model, seen.created) == ("chatcmpl-1", "my-model", 5)
    assert seen.finish_reason == "tool_calls"
    assert seen.message == {
        "role": "assistant",
        "reasoning_content": "hm",
        "content": "Hello",
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "ls", "arguments": '{"path":"."}'},
            },
            {"id": "call_2", "type": "function", "function": {"name": "cat", "arguments": "{}"}},
        ],
    }


def test_the_bytes_of_a_small_answer() -> None:
    data = Writer(CONTEXT).write(unfold(Reply("x", "m", (Text('"é'),), END, created=9)))
    head = (
        'data: {"id":"chatcmpl-x","object":"chat.completion.chunk","created":9,'
        '"model":"my-model","choices":[{"index":0,"delta":'
    )
    assert data.decode().split("\n\n") == [
        head + '{"role":"assistant","content":""},"finish_reason":null}]}',
        head + '{"content":"\\"é"},"finish_reason":null}]}',
        head + '{},"finish_reason":"stop"}]}',
        "data: [DONE]",
        "",
    ]


def test_the_role_says_null_where_no_text_begins() -> None:
    """So that collecting a stream of calls alone gives the null of a whole answer."""
    assert written(Call("c", "f", "{}")).message["content"] is None
    assert written(Text("a")).message["content"] == "a"
    assert written().message == {"role": "assistant", "content": None}


def test_adjacent_texts_are_one_and_others_have_a_gap() -> None:
    assert written(Text("a"), Text("b")).message["content"] == "ab"
    seen = written(Text("a"), Call("c", "f", "{}"), Text(""), Text("b"), Text("c"))
    assert seen.message["content"] == "a\n\nbc"
    assert written(Reasoning("hm"), Text("a")).message["content"] == "a"
    seen = written(Reasoning("x"), Text("a"), Reasoning(""), Reasoning("y"))
    assert seen.message["reasoning_content"] == "x\n\ny"


@pytest.mark.parametrize(
    ("stop", "word"),
    [
        (Stop(StopReason.END), "stop"),
        (Stop(StopReason.TOOL_USE), "tool_calls"),
        (Stop(StopReason.MAX_TOKENS), "length"),
        (Stop(StopReason.CONTEXT_FULL), "length"),
        (Stop(StopReason.PAUSE), "length"),
        (Stop(StopReason.REFUSAL), "content_filter"),
        (Stop(StopReason.STOP_SEQUENCE, None, "END"), "stop"),
    ],
)
def test_finish_reasons(stop: Stop, word: str) -> None:
    seen = written(Text("a"), stop=stop)
    assert (seen.finish_reason, seen.stop_reason) == (word, stop.sequence)


def test_calls_are_said_to_be_the_reason_even_if_the_upstream_forgot() -> None:
    assert written(Call("c", "f", "{}")).finish_reason == "tool_calls"
    assert written(Call("c", "f", "{"), stop=Stop(StopReason.MAX_TOKENS)).finish_reason == "length"


def test_a_refusal_in_words_and_one_with_an_explanation() -> None:
    seen = written(Refusal("No."), stop=Stop(StopReason.REFUSAL))
    assert (seen.message["refusal"], seen.finish_reason) == ("No.", "stop")
    seen = written(Text("a"), stop=Stop(StopReason.REFUSAL, explanation="unsafe"))
    assert (seen.message["refusal"], seen.finish_reason) == ("unsafe", "content_filter")


def test_usage_comes_last_and_only_if_asked_for() -> None:
    context = ReplyContext(model="m", new_id=str, include_usage=True)
    assert written(Text("a")).usage is None
    assert written(Text("a"), context=context).usage == {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "total_tokens": 5,
    }


def test_usage_counts_cached_tokens_inside() -> None:
    context = ReplyContext(model="m", new_id=str, include_usage=True)
    usage = Usage(fresh=200, cache_read=800, cache_write=100, output=5, reasoning=2)
    data = Writer(context).write(unfold(Reply("x", "m", (Text("a"),), END, usage)))
    assert collect(data, include_usage=True).usage == {
        "prompt_tokens": 1100,
        "completion_tokens": 5,
        "total_tokens": 1105,
        "prompt_tokens_details": {"cached_tokens": 800, "cache_write_tokens": 100},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }


def test_unknown_usage_is_left_out() -> None:
    context = ReplyContext(model="m", new_id=str, include_usage=True)
    data = Writer(context).write(unfold(Reply("x", "m", (Text("a"),), END)))
    seen = collect(data, include_usage=True)
    assert seen.ended and seen.usage is None


def test_usage_after_the_finish_is_the_one_that_counts() -> None:
    context = ReplyContext(model="m", new_id=str, include_usage=True)
    events: list[Event] = [
        Start(),
        UsageUpdate(Usage(fresh=1)),
        Finish(END),
        UsageUpdate(Usage(fresh=7, output=8)),
        End(),
    ]
    seen = collect(Writer(context).write(events), include_usage=True)
    assert seen.usage is not None and seen.usage["total_tokens"] == 15


# --- reasoning and seals ---------------------------------------------------------------------

SIGNED = Seal("claude", "signature", "Eq…")


def test_a_seal_rides_beside_the_reasoning_that_is_shown() -> None:
    opened = unwrap(written(Reasoning("hm", SIGNED)).message["reasoning_seal"])
    assert opened is not None
    assert (opened.seal, opened.text) == (SIGNED, None)
    assert "reasoning_seal" not in written(Reasoning("hm", Seal("kimi", "text", ""))).message


@pytest.mark.parametrize("seal", [SIGNED, Seal("kimi", "text", "")])
def test_hidden_reasoning_travels_inside_the_seal(seal: Seal) -> None:
    context = ReplyContext(model="m", new_id=str, show_reasoning=False)
    message = written(Reasoning("hm", seal), Text("a"), context=context).message
    assert "reasoning_content" not in message
    opened = unwrap(message["reasoning_seal"])
    assert opened is not None
    assert (opened.seal, opened.text) == (seal, "hm")


def test_redacted_reasoning_is_a_seal_alone() -> None:
    message = written(Reasoning("", Seal("claude", "redacted", "D"), hidden=True)).message
    assert set(message) == {"role", "content", "reasoning_seal"}


# --- calls of other kinds --------------------------------------------------------------------


def test_a_free_form_call_comes_in_one_piece() -> None:
    message = written(Call("c", "patch", "*** B", custom=True), Call("d", "f", "{}")).message
    assert message["tool_calls"][0] == {
        "id": "c",
        "type": "custom",
        "custom": {"name": "patch", "input": "*** B"},
    }


def test_a_client_of_functions_gets_one_function_call() -> None:
    context = ReplyContext(model="m", new_id=str, legacy_functions=True)
    seen = written(Call("c", "f", '{"a":1}'), Call("d", "g", "{}"), context=context)
    assert seen.message["function_call"] == {"name": "f", "arguments": '{"a":1}'}
    assert "tool_calls" not in seen.message
    assert seen.finish_reason == "function_call"


def test_native_blocks_of_others_are_not_for_chat_clients() -> None:
    hosted = Opaque(Dialect.ANTHROPIC, "server_tool_use", "{}")
    assert written(Text("a"), hosted, Text("b")).message["content"] == "a\n\nb"


# --- trouble ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [
        [],
        [Start()],
        [Start(), Open(0, "text"), Delta(0, "a")],
        [Start(), Open(0, "call", "c", "f"), Delta(0, '{"a')],
        [Start(), Open(0, "reasoning"), Delta(0, "a"), Close(0)],
    ],
)
def test_a_failed_stream_does_not_look_finished(before: list[Event]) -> None:
    data = Writer(CONTEXT).write([*before, Fail(truncated())])
    seen = collect(data)
    assert not seen.ended
    assert seen.finish_reason is None
    assert seen.error is not None and seen.error["type"] == "server_error"


def test_a_ping_is_a_comment_at_any_time() -> None:
    writer = Writer(CONTEXT)
    events = list(unfold(Reply("x", "m", (Text("a"),), END)))
    data = writer.ping()
    for event in events:
        data += writer.write([event]) + (writer.ping() if not isinstance(event, End) else b"")
    assert collect(data).message["content"] == "a"
    assert collect(data).comments == len(events)
    assert Writer(CONTEXT).write([Ping()]) == writer.ping()


def test_an_upstream_without_an_id_gets_a_fresh_one() -> None:
    data = Writer(CONTEXT).write([Start("functions/ü"), Finish(END), End()])
    assert collect(data).id == "chatcmpl-functions"
    data = Writer(CONTEXT).write([Start(), Finish(END), End()])
    assert collect(data).id == "chatcmpl-fresh"


def test_half_a_character_becomes_a_mark_of_its_loss() -> None:
    text: list[Event] = [Open(0, "text"), Delta(0, "a\ud83d"), Close(0)]
    events = [Start(), *text, Finish(END), End()]
    assert collect(Writer(CONTEXT).write(events)).message["content"] == "a\ufffd"


def test_empty_deltas_say_nothing() -> None:
    events: list[Event] = [
        Start(),
        Open(0, "text"),
        Delta(0, ""),
        Delta(0, "a"),
        Delta(0, ""),
        Close(0),
        Finish(END),
        End(),
    ]
    assert len(frames(Writer(CONTEXT).write(events))) == 3

"""Half a tool call is never the end of an answer that looks complete, streamed or whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.bridge import Bridge
from gwproxy.translate.hub import Dialect, Failure, Stop, StopReason
from gwproxy.translate.registry import DIALECTS
from gwproxy.translate.wire import sse
from support.anthropic_grammar import collect
from support.bridges import new_bridge

REQUESTS = {
    Dialect.ANTHROPIC: b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"}]}',
    Dialect.CHAT: b'{"model":"m","messages":[{"role":"user","content":"q"}]}',
    Dialect.RESPONSES: b'{"model":"m","input":"q","tools":[{"type":"custom","name":"patch"}]}',
}
CUT_SHORT = StopReason.MAX_TOKENS

WORDS = pytest.mark.parametrize(
    ("arguments", "word", "reason"),
    [
        ('{"path":"/tmp/x', "tool_calls", CUT_SHORT),
        ('{"path":"/tmp/x', "stop", CUT_SHORT),
        ('{"path":"/tmp/x', "length", CUT_SHORT),
        ('{"path":"/tmp/x', "content_filter", StopReason.REFUSAL),
        ('{"path":"/tmp/x', None, None),
        ('{"path":"/tmp/x"}', "tool_calls", StopReason.TOOL_USE),
        ('{"path":"/tmp/x"}{"more', "tool_calls", StopReason.TOOL_USE),
        ("{'path'", "tool_calls", StopReason.TOOL_USE),  # nonsense from its beginning
        ("", "tool_calls", StopReason.TOOL_USE),
        ("", None, StopReason.TOOL_USE),
    ],
)


def bridge(client: Dialect, *, stream: bool) -> Bridge:
    return new_bridge(client, Dialect.CHAT, REQUESTS[client], stream=stream)


def chat(place: str, arguments: str, word: str | None, name: str = "rm") -> bytes:
    function = {"name": name, "arguments": arguments}
    call = {"index": 0, "id": "call_1", "type": "function", "function": function}
    choice = {"index": 0, place: {"tool_calls": [call]}, "finish_reason": word}
    return json.dumps({"id": "c", "model": "up", "created": 1, "choices": [choice]}).encode()


def streamed(made: Bridge, event: bytes) -> Any:
    stream = made.stream()
    stream.feed(b"data: " + event + b"\n\n")
    stream.feed(b"data: [DONE]\n\n")
    assert stream.over
    return stream.failure


@pytest.mark.parametrize("streams", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("client", list(DIALECTS))
@pytest.mark.parametrize(
    ("arguments", "word", "whole"),
    [
        ("{}", "length", False),
        ("{}", "tool_calls", True),
        ("", "length", False),
        ('{"a":1}', "length", True),
        ("{'path'", "length", False),
        ('{"a":1', "tool_calls", False),
    ],
)
def test_half_a_call_is_left_out_and_told(
    client: Dialect, streams: bool, arguments: str, word: str, whole: bool
) -> None:
    asked = bridge(client, stream=False)
    if streams:
        collector = asked.collect()
        collector.feed(b"data: " + chat("delta", arguments, word) + b"\n\ndata: [DONE]\n\n")
        body = collector.finish()
    else:
        body = asked.reply(chat("message", arguments, word))
    assert isinstance(body, bytes)
    assert (b'"rm"' in body) is whole
    assert ("drop:half_call" in asked.tally.losses) is not whole


def test_what_follows_half_a_call_is_not_told() -> None:
    """A Messages client has one open block at a time, and half a call is never closed."""
    asked = bridge(Dialect.ANTHROPIC, stream=True)
    calls = json.loads(chat("delta", '{"a', "tool_calls"))
    second = {"index": 1, "id": "call_2", "function": {"name": "ls", "arguments": "{}"}}
    calls["choices"][0]["delta"]["tool_calls"].append(second)
    stream = asked.stream()
    out = stream.feed(b"data: " + json.dumps(calls).encode() + b"\n\ndata: [DONE]\n\n")
    assert collect(out).half_call
    assert b"call_2" not in out


def test_a_relayed_stream_that_is_cut_within_a_call_is_not_told_to_stop_it() -> None:
    asked = new_bridge(
        Dialect.ANTHROPIC,
        Dialect.ANTHROPIC,
        REQUESTS[Dialect.ANTHROPIC],
        stream=True,
        rebuild=False,
    )
    start = {"id": "m", "type": "message", "role": "assistant", "model": "up", "content": []}
    call = {"type": "tool_use", "id": "toolu_1", "name": "rm", "input": {}}
    stream = asked.stream()
    out = b"".join(
        stream.feed(sse.encode(str(event["type"]), json.dumps(event).encode()))
        for event in (
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": call},
        )
    )
    out += stream.finish()
    assert b"event: error" in out
    assert b"content_block_stop" not in out


def reason_of(stop: Stop | None) -> StopReason | None:
    return None if stop is None else stop.reason


@pytest.mark.parametrize("client", list(DIALECTS))
@WORDS
def test_an_answer_is_as_complete_as_its_calls(
    client: Dialect, arguments: str, word: str | None, reason: StopReason | None
) -> None:
    asked = bridge(client, stream=True)
    failure = streamed(asked, chat("delta", arguments, word))
    assert (failure is None, reason_of(asked.tally.stop)) == (reason is not None, reason)
    whole = bridge(client, stream=False)
    result = whole.reply(chat("message", arguments, word))
    assert isinstance(result, Failure) is (reason is None)
    assert reason_of(whole.tally.stop) == reason


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ('{"input":"*** Begin', CUT_SHORT),
        ('{"inp', CUT_SHORT),
        ('{"input":"*** Begin"', StopReason.TOOL_USE),  # the text itself is whole
        ('{"input":"*** Begin"}', StopReason.TOOL_USE),
        ("*** Begin", StopReason.TOOL_USE),
        ("", StopReason.TOOL_USE),
    ],
)
def test_half_a_text_for_a_free_form_tool(arguments: str, reason: StopReason) -> None:
    asked = bridge(Dialect.RESPONSES, stream=True)
    assert streamed(asked, chat("delta", arguments, "tool_calls", "patch")) is None
    assert reason_of(asked.tally.stop) == reason

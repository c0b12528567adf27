"""Half a tool call is never the end of an answer that looks complete, streamed or whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.bridge import Bridge
from gwproxy.translate.hub import Dialect, Failure, Stop, StopReason
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


def reason_of(stop: Stop | None) -> StopReason | None:
    return None if stop is None else stop.reason


@pytest.mark.parametrize("client", list(Dialect))
@WORDS
def test_an_answer_is_as_complete_as_its_calls(
    client: Dialect, arguments: str, word: str | None, reason: StopReason | None
) -> None:
    asked = bridge(client, stream=True)
    failure = streamed(asked, chat("delta", arguments, word))
    assert (failure is None, reason_of(asked.stop)) == (reason is not None, reason)
    whole = bridge(client, stream=False)
    result = whole.reply(chat("message", arguments, word))
    assert isinstance(result, Failure) is (reason is None)
    assert reason_of(whole.stop) == reason


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
    assert reason_of(asked.stop) == reason

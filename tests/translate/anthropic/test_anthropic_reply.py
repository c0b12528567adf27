"""Whole answers, both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.anthropic import reply
from gwproxy.translate.anthropic.reader import Reader
from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.events import Event, Fail, fold
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
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import seal
from support.anthropic_sdk import whole
from support.reading import checked

CONTEXT = ReplyContext(model="asked", new_id=lambda prefix: f"{prefix}fresh", family="kimi")
PLAIN = Quirks(family="kimi")


def laid_out(body: dict[str, Any], quirks: Quirks = PLAIN) -> list[Event]:
    return checked(Reader(quirks).whole(json.dumps(body).encode()), sequential=True)


def message(*content: Any, **members: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "kimi-for-coding",
        "content": list(content),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 4},
    } | members


def read(body: dict[str, Any]) -> Reply:
    result = fold(laid_out(body))
    assert isinstance(result, Reply)
    return result


def build(*blocks: Any, stop: Stop | None = None, context: ReplyContext = CONTEXT) -> Any:
    stop = stop or Stop(StopReason.END)
    return json.loads(reply.build(Reply("x1", "up", blocks, stop, Usage(3, output=4)), context))


# --- reading -------------------------------------------------------------------------------------


def test_a_whole_answer() -> None:
    body = message(
        {"type": "thinking", "thinking": "hm", "signature": "S"},
        {"type": "redacted_thinking", "data": "D"},
        {"type": "text", "text": "Hello"},
        {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"n": 1}},
        stop_reason="tool_use",
    )

    assert read(body) == Reply(
        "msg_1",
        "kimi-for-coding",
        (
            Reasoning("hm", Seal("kimi", "signature", "S")),
            Reasoning("", Seal("kimi", "redacted", "D"), hidden=True),
            Text("Hello"),
            Call("toolu_1", "Bash", '{"n": 1}'),
        ),
        Stop(StopReason.TOOL_USE, "tool_use"),
        Usage(fresh=3, output=4),
    )


def test_numbers_in_arguments_are_not_printed_anew() -> None:
    given = '{"n":1.10,"i":12345678901234567890123}'
    body = b'{"content":[{"type":"tool_use","id":"a","name":"A","input":%b}]}' % given.encode()
    result = fold(Reader(PLAIN).whole(body))

    assert isinstance(result, Reply)
    assert result.blocks == (Call("a", "A", given),)


def test_an_answer_without_a_reason_to_stop() -> None:
    assert read(message(stop_reason=None)).stop == Stop(StopReason.END)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}', "overloaded", "x"),
        (b'{"error":{"type":"rate_limit_error","message":"slow"}}', "rate_limit", "slow"),
        (b'{"choices":[]}', "upstream", "a message without content"),
        (b"{}", "upstream", "a message without content"),
        (b"<html><title>Oops</title></html>", "upstream", "Oops"),
        (b"", "upstream", "could not be understood"),
        (b'{"content":[{"type":"text","text":5}]}', "upstream", "content block 0"),
    ],
)
def test_what_is_no_answer(body: bytes, kind: str, words: str) -> None:
    (*_, last) = Reader(PLAIN).whole(body)

    assert isinstance(last, Fail)
    assert last.failure.kind is FailureKind(kind)
    assert words in last.failure.message


def test_a_block_that_fails_leaves_no_end_behind() -> None:
    events = laid_out(message({"type": "text", "text": "a"}, {"type": "tool_use", "input": {}}))

    assert isinstance(fold(events), Failure)


# --- building ------------------------------------------------------------------------------------


def test_a_built_answer() -> None:
    blocks = (
        Reasoning("hm", Seal("kimi", "signature", "S")),
        Text("Hello"),
        Refusal("no"),
        Text(""),
        Reasoning(""),
        Call("toolu_1", "Bash", '{"n":1}'),
    )

    assert build(*blocks, stop=Stop(StopReason.TOOL_USE)) == {
        "id": "msg_x1",
        "type": "message",
        "role": "assistant",
        "model": "asked",
        "content": [
            {
                "type": "thinking",
                "thinking": "hm",
                "signature": seal.wrap(Seal("kimi", "signature", "S")),
            },
            {"type": "text", "text": "Hello"},
            {"type": "text", "text": "no"},
            {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"n": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 4},
    }


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ("", {}),
        ("null", {}),
        ('"{\\"a\\":1}"', {"a": 1}),
        ("[1]", {"value": [1]}),
        ('{"a":1}{"b":2}', {"a": 1}),
        ('{"a":1,"b":"cut', {"a": 1}),
        ("ls -l", {"value": "ls -l"}),
    ],
)
def test_input_is_always_an_object(arguments: str, given: dict[str, Any]) -> None:
    assert build(Call("a", "A", arguments))["content"][0]["input"] == given


def test_a_hidden_thought_is_carried_unseen() -> None:
    hiding = ReplyContext(model="m", new_id=str, show_reasoning=False, family="kimi")
    (shown,) = build(Reasoning("secret"), context=hiding)["content"]

    assert shown["thinking"] == ""
    assert seal.unwrap(shown["signature"]) == seal.Opened(Seal("kimi", "text", ""), "secret")


def test_native_blocks_return_as_they_came() -> None:
    native = '{"type":"web_search_tool_result","n":1.10}'
    built = reply.build(
        Reply(
            "",
            "",
            (
                Opaque(Dialect.ANTHROPIC, "web_search_tool_result", native),
                Opaque(Dialect.RESPONSES, "x", "{}"),
            ),
            Stop(StopReason.PAUSE),
        ),
        CONTEXT,
    )

    assert b'"content":[' + native.encode() + b"]" in built
    assert json.loads(built)["id"] == "msg_fresh"


def test_the_sdk_reads_it() -> None:
    blocks = (Reasoning("hm"), Text("Hello"), Call("toolu_1", "Bash", '{"n":1}'))
    body = build(*blocks, stop=Stop(StopReason.STOP_SEQUENCE, sequence="END"))

    assert whole(json.dumps(body).encode()) == body

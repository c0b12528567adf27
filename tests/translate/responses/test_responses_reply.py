"""Whole Responses answers: bodies that are none, and what the official SDK makes of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.events import Fail, fold
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
from gwproxy.translate.responses import reply
from gwproxy.translate.responses.reader import Reader
from gwproxy.translate.wire import jsonio
from support import responses_grammar, responses_sdk
from support.generated import USAGES
from support.responses_wire import UPSTREAM

CONTEXT = ReplyContext(model="my-model", new_id=lambda prefix: prefix + "1", created=7, family="up")


def failure_of(body: Any) -> Failure:
    data = body if isinstance(body, bytes) else jsonio.dumps(body)
    (*_, event) = Reader(UPSTREAM).whole(data)
    assert isinstance(event, Fail)
    return event.failure


def read(**response: Any) -> Reply:
    body = {"id": "resp_1", "model": "m", "status": "completed", "output": [], **response}
    result = fold(Reader(UPSTREAM).whole(jsonio.dumps(body)))
    assert isinstance(result, Reply)
    return result


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"<html>busy</html>", FailureKind.UPSTREAM, "not valid JSON"),
        (b"[]", FailureKind.UPSTREAM, "expected"),
        ({}, FailureKind.UPSTREAM, "without output"),
        ({"status": "in_progress", "output": []}, FailureKind.UPSTREAM, "in_progress"),
        ({"error": {"message": "no", "type": "not_found_error"}}, FailureKind.NOT_FOUND, "no"),
        ({"message": "upstream is down"}, FailureKind.UPSTREAM, "upstream is down"),
        (
            {"status": "failed", "output": [], "error": {"code": "server_error", "message": "x"}},
            FailureKind.INTERNAL,
            "x",
        ),
        (
            {"output": [{"type": "function_call", "arguments": "{}"}]},
            FailureKind.UPSTREAM,
            "output",
        ),
    ],
)
def test_what_is_no_answer_is_a_failure(body: Any, kind: FailureKind, words: str) -> None:
    failure = failure_of(body)
    assert failure.kind is kind
    assert words in failure.message


def test_a_whole_answer_is_read() -> None:
    items = [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "gAAA",
        },
        {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"n":1.10}'},
    ]
    answer = read(output=items, created_at=5.0, usage={"input_tokens": 3, "output_tokens": 2})
    assert answer == Reply(
        "resp_1",
        "m",
        (
            Reasoning("hm", Seal("up", "encrypted", "gAAA", "rs_1")),
            Text("Hi"),
            Call("c1", "f", '{"n":1.10}'),
        ),
        Stop(StopReason.TOOL_USE, "completed"),
        Usage(3, None, None, None, 2),
        5,
    )


def test_a_body_without_status_counts_as_completed() -> None:
    assert read(status=None).stop == Stop(StopReason.END, None)


def test_the_official_sdk_reads_the_whole_answer() -> None:
    answer = Reply(
        "resp_1",
        "m",
        (Reasoning("hm"), Text("Hi"), Refusal("no"), Call("c1", "f", "{}")),
        Stop(StopReason.TOOL_USE),
        Usage(3, 1, 1, None, 2, 1),
    )
    body = reply.build(answer, CONTEXT)
    responses_grammar.check_response(json.loads(body))
    assert responses_sdk.whole(body) == responses_sdk.bare(json.loads(body))


def test_native_and_foreign_items_in_a_whole_answer() -> None:
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    native = Opaque(Dialect.RESPONSES, "web_search_call", json.dumps(item))
    foreign = Opaque(Dialect.ANTHROPIC, "server_tool_use", "{}")
    answer = Reply("", "", (Text("a"), foreign, Text("b"), native), Stop(StopReason.END))
    output = json.loads(reply.build(answer, CONTEXT))["output"]
    assert [one["type"] for one in output] == ["message", "message", "web_search_call"]


def test_a_filtered_whole_answer_says_why() -> None:
    stop = Stop(StopReason.REFUSAL, explanation="Policy.")
    body = json.loads(reply.build(Reply("", "", (), stop), CONTEXT))
    assert body["status"] == "incomplete"
    assert body["output"][0]["content"] == [{"type": "refusal", "refusal": "Policy."}]


def test_an_unknown_input_figure_is_estimated_where_the_output_is_known() -> None:
    estimated = ReplyContext(model="m", new_id=lambda prefix: prefix, input_estimate=40)
    answer = Reply("", "", (), Stop(StopReason.END), Usage(output=2))
    assert json.loads(reply.build(answer, estimated))["usage"]["total_tokens"] == 42


@given(USAGES)
def test_usage_counts_cached_tokens_once(usage: Usage) -> None:
    answer = Reply("", "", (), Stop(StopReason.END), usage)
    body = json.loads(reply.build(answer, CONTEXT))["usage"]
    if usage == Usage():
        assert body is None
    else:
        assert body["input_tokens"] == (usage.input_total or 0)
        assert body["total_tokens"] == body["input_tokens"] + body["output_tokens"]

"""The Responses stream writer: what it writes, a strict client reads."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import Any

import openai
import pytest

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
from gwproxy.translate.responses import echo
from gwproxy.translate.responses.kept.replay import replay
from gwproxy.translate.responses.writer import Writer
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.seal import unwrap
from support import responses_grammar, responses_sdk
from support.unfolded import unfold

END = Stop(StopReason.END)


def context(*, shown: bool = True, request: dict[str, Any] | None = None) -> ReplyContext:
    numbers = itertools.count(1)
    return ReplyContext(
        model="my-model",
        new_id=lambda prefix: f"{prefix}{next(numbers)}",
        created=7,
        show_reasoning=shown,
        family="kimi",
        echo=None if request is None else echo.of(jsonio.dumps(request)),
    )


def written(*blocks: Block, stop: Stop = END, to: ReplyContext | None = None) -> dict[str, Any]:
    answer = Reply("msg_up", "upstream-model", blocks, stop, Usage(3, 1, None, None, 2))
    return responses_grammar.check(Writer(to or context()).write(unfold(answer)))


def kinds(stream: bytes) -> list[str]:
    return [event["type"] for event in responses_grammar.events(stream)]


def failed(events: Iterable[Event], failure: Failure | None = None) -> tuple[bytes, dict[str, Any]]:
    stream = Writer(context()).write([*events, Fail(failure or truncated())])
    return stream, responses_grammar.check(stream)


# --- the response ------------------------------------------------------------------------------


def test_ids_and_names_meet_the_client() -> None:
    response = written(Text("Hello"))
    assert (response["id"], response["model"]) == ("resp_up", "my-model")
    assert (response["created_at"], response["completed_at"]) == (7, 7)
    assert response["output"][0]["id"] == "msg_1"


def test_a_response_without_an_upstream_id_gets_a_fresh_one() -> None:
    stream = Writer(context()).write([Start(), Finish(END), End()])
    assert responses_grammar.check(stream)["id"] == "resp_1"


def test_the_request_is_repeated_in_every_lifecycle_event() -> None:
    request = {
        "model": "m",
        "input": "x",
        "instructions": "Be terse.",
        "metadata": {"a": "b"},
        "temperature": 0.3,
        "max_output_tokens": None,
        "reasoning": {"summary": "auto"},
        "text": {"verbosity": "low"},
        "tools": [{"type": "function", "name": "f"}],
        "tool_choice": "required",
        "store": True,
        "previous_response_id": "resp_0",
    }
    stream = Writer(context(request=request)).write(unfold(Reply("", "", (Text("x"),), END)))
    responses_grammar.check(stream)
    responses = [e["response"] for e in responses_grammar.events(stream) if "response" in e]
    assert len(responses) == 3
    for response in responses:
        assert response["instructions"] == "Be terse."
        assert response["metadata"] == {"a": "b"}
        assert response["temperature"] == 0.3
        assert response["reasoning"] == {"effort": None, "summary": "auto"}
        assert response["text"] == {"format": {"type": "text"}, "verbosity": "low"}
        assert response["tool_choice"] == "required"
        assert response["tools"][0]["parameters"] is None
        # Nothing is stored unless the shell says so.
        assert response["store"] is False
        assert response["previous_response_id"] is None


def test_usage_counts_inclusively_with_every_detail() -> None:
    answer = Reply("", "", (Text("x"),), END, Usage(200, 800, 100, 40, 50, 20))
    usage = responses_grammar.check(Writer(context()).write(unfold(answer)))["usage"]
    assert usage == {
        "input_tokens": 1100,
        "input_tokens_details": {
            "cached_tokens": 800,
            "cache_write_tokens": 100,
            "cache_write_tokens_details": {"ttl_30m_tokens": 60, "ttl_12h_tokens": 40},
        },
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 1150,
    }


def test_usage_may_come_last_and_may_be_missing() -> None:
    late: list[Event] = [Start(), Finish(END), UsageUpdate(Usage(output=4)), End()]
    assert responses_grammar.check(Writer(context()).write(late))["usage"]["output_tokens"] == 4
    none = Writer(context()).write([Start(), Finish(END), End()])
    assert responses_grammar.check(none)["usage"] is None


@pytest.mark.parametrize(
    ("stop", "status", "reason"),
    [
        (Stop(StopReason.END), "completed", None),
        (Stop(StopReason.TOOL_USE), "completed", None),
        (Stop(StopReason.STOP_SEQUENCE, sequence="END"), "completed", None),
        (Stop(StopReason.MAX_TOKENS), "incomplete", "max_output_tokens"),
        (Stop(StopReason.CONTEXT_FULL), "incomplete", "max_output_tokens"),
        (Stop(StopReason.PAUSE), "incomplete", "max_output_tokens"),
        (Stop(StopReason.REFUSAL), "incomplete", "content_filter"),
    ],
)
def test_stop_reasons(stop: Stop, status: str, reason: str | None) -> None:
    response = written(Text("x"), stop=stop)
    assert response["status"] == status
    assert response["incomplete_details"] == (None if reason is None else {"reason": reason})
    assert response["output"][-1]["status"] == status


# --- items -------------------------------------------------------------------------------------


def test_the_whole_sequence_of_an_agents_turn() -> None:
    answer = Reply(
        "resp_1",
        "m",
        (Reasoning("hm", Seal("kimi", "text", "")), Text("Hi"), Call("call_1", "ls", "{}")),
        Stop(StopReason.TOOL_USE),
    )
    assert kinds(Writer(context()).write(unfold(answer))) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]


def test_texts_that_follow_one_another_are_one_part() -> None:
    (message,) = written(Text("a"), Text("b"), Refusal("no"), Text("c"))["output"]
    assert [part.get("text", part.get("refusal")) for part in message["content"]] == [
        "ab",
        "no",
        "c",
    ]


def test_text_after_a_call_is_a_new_message() -> None:
    output = written(Text("a"), Call("call_1", "f", "{}"), Text("b"))["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "message"]


def test_a_namespaced_call_comes_back_with_its_namespace() -> None:
    """Codex answers "unsupported call" to `close_agent` alone."""
    (item,) = written(Call("call_1", "close_agent", "{}", namespace="multi_agent_v1"))["output"]
    assert (item["name"], item["namespace"]) == ("close_agent", "multi_agent_v1")


def test_a_free_form_call_streams_as_it_comes() -> None:
    pieces = ["*** Begin Patch\n", '+"q"\n', "*** End Patch\n"]
    events: list[Event] = [
        Start(),
        Open(0, "call", "call_1", "apply_patch", custom=True),
        *(Delta(0, piece) for piece in pieces),
        Close(0),
        Finish(Stop(StopReason.TOOL_USE)),
        End(),
    ]
    stream = Writer(context()).write(events)
    (item,) = responses_grammar.check(stream)["output"]
    assert (item["type"], item["input"]) == ("custom_tool_call", "".join(pieces))
    assert item["id"].startswith("ctc_")
    deltas = [e["delta"] for e in responses_grammar.events(stream) if "delta" in e]
    assert deltas == pieces


def test_item_ids_and_call_ids_differ() -> None:
    (item,) = written(Call("functions.ls:0", "ls", "{}"))["output"]
    assert (item["id"], item["call_id"]) == ("fc_1", "functions.ls:0")


@pytest.mark.parametrize(
    ("declared", "arguments", "expected"),
    [
        (
            {"type": "local_shell"},
            '{"command":["ls"]}',
            {
                "type": "local_shell_call",
                "action": {"env": {}, "command": ["ls"], "type": "exec"},
            },
        ),
        (
            {"type": "shell", "environment": {"type": "local"}},
            '{"commands":["pwd"],"timeout_ms":5}',
            {
                "type": "shell_call",
                "action": {"timeout_ms": 5, "max_output_length": None, "commands": ["pwd"]},
            },
        ),
        (
            {"type": "apply_patch"},
            '{"type":"delete_file","path":"x"}',
            {"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "x"}},
        ),
        (
            {"type": "tool_search", "execution": "client"},
            '{"query":"mail"}',
            {"type": "tool_search_call", "execution": "client", "arguments": {"query": "mail"}},
        ),
    ],
)
def test_a_typed_tools_call_has_the_clients_own_item_type(
    declared: dict[str, Any], arguments: str, expected: dict[str, Any]
) -> None:
    to = context(request={"model": "m", "input": "x", "tools": [declared]})
    call = Call("call_1", declared["type"], arguments)
    stream = Writer(to).write(unfold(Reply("", "", (Text("Now:"), call), END)))
    item = responses_grammar.check(stream)["output"][1]
    assert {name: item[name] for name in expected} == expected
    assert item["call_id"] == "call_1"


def test_a_typed_tools_call_without_an_object_stays_a_function_call() -> None:
    to = context(request={"model": "m", "input": "x", "tools": [{"type": "local_shell"}]})
    events: list[Event] = [
        Start(),
        Open(0, "call", "c", "local_shell"),
        Delta(0, '{"comm'),
        Close(0),
    ]
    stream = Writer(to).write([*events, Finish(Stop(StopReason.MAX_TOKENS)), End()])
    (item,) = [
        e["item"] for e in responses_grammar.events(stream) if e["type"].endswith("item.done")
    ]
    assert (item["type"], item["arguments"], item["status"]) == (
        "function_call",
        '{"comm',
        "incomplete",
    )


def test_a_function_that_is_called_like_a_typed_tool_stays_a_function() -> None:
    to = context(
        request={"model": "m", "input": "x", "tools": [{"type": "function", "name": "shell"}]}
    )
    (item,) = written(Call("call_1", "shell", "{}"), to=to)["output"]
    assert item["type"] == "function_call"


def test_an_item_of_this_dialect_passes_as_it_came() -> None:
    action = {"type": "search", "query": "q"}
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": action}
    native = json.dumps(item)
    response = written(Opaque(Dialect.RESPONSES, "web_search_call", native), Text("x"))
    assert response["output"][0] == item


def test_a_block_of_another_dialect_is_a_loss_said_aloud() -> None:
    opaque = Opaque(Dialect.ANTHROPIC, "server_tool_use", "{}")
    stream = Writer(context()).write(unfold(Reply("", "", (opaque, Text("x")), END)))
    assert [item["type"] for item in responses_grammar.check(stream)["output"]] == ["message"]
    assert b": gwproxy-loss drop:server_tool_use\n\n" in stream


# --- thoughts ----------------------------------------------------------------------------------


def opened(item: dict[str, Any]) -> tuple[Seal, str | None]:
    carried = unwrap(item["encrypted_content"])
    assert carried is not None
    return carried.seal, carried.text


def test_plain_thoughts_are_shown_as_a_summary_and_sealed_with_their_text() -> None:
    item = written(Reasoning("hm", Seal("kimi", "text", "")), Text("x"))["output"][0]
    assert item["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert opened(item) == (Seal("kimi", "text", ""), "hm")


def test_thoughts_that_the_client_did_not_ask_for_travel_in_the_seal_alone() -> None:
    item = written(Reasoning("hm", Seal("kimi", "text", "")), to=context(shown=False))["output"][0]
    assert item["summary"] == []
    assert opened(item) == (Seal("kimi", "text", ""), "hm")


def test_thoughts_without_a_seal_are_the_upstreams() -> None:
    item = written(Reasoning("hm"))["output"][0]
    assert opened(item) == (Seal("kimi", "text", ""), "hm")


def test_a_signature_takes_the_text_it_signs_with_it() -> None:
    item = written(Reasoning("hm", Seal("claude", "signature", "EqQB")))["output"][0]
    assert opened(item) == (Seal("claude", "signature", "EqQB"), "hm")


def test_a_foreign_signature_is_the_upstreams() -> None:
    item = written(Reasoning("hm", foreign_signature="EqQB"))["output"][0]
    assert opened(item) == (Seal("kimi", "signature", "EqQB"), "hm")


def test_redacted_thoughts_show_nothing() -> None:
    hidden = Reasoning("", Seal("claude", "redacted", "ERED"), hidden=True)
    item = written(hidden, Text("x"))["output"][0]
    assert item["summary"] == []
    assert opened(item) == (Seal("claude", "redacted", "ERED"), None)


def test_encrypted_thoughts_keep_the_item_they_belong_to() -> None:
    sealed = Seal("up", "encrypted", "gAAA", "rs_up")
    item = written(Reasoning("summary", sealed))["output"][0]
    assert opened(item) == (sealed, None)


# --- endings -----------------------------------------------------------------------------------


def test_an_answer_that_was_cut_has_an_incomplete_last_item() -> None:
    events: list[Event] = [
        Start(),
        Open(0, "text"),
        Delta(0, "Now:"),
        Close(0),
        Open(1, "call", "call_1", "write"),
        Delta(1, '{"path":"a'),
        Close(1),
        Finish(Stop(StopReason.MAX_TOKENS)),
        End(),
    ]
    response = responses_grammar.check(Writer(context()).write(events))
    assert [item["status"] for item in response["output"]] == ["completed", "incomplete"]
    assert response["output"][1]["arguments"] == '{"path":"a'


def test_a_refusal_in_words_is_a_completed_answer() -> None:
    response = written(Refusal("I won't."), stop=Stop(StopReason.REFUSAL))
    assert response["status"] == "completed"


def test_a_filtered_answer_says_why_in_a_refusal() -> None:
    stop = Stop(StopReason.REFUSAL, explanation="Policy.")
    response = written(Text("Half"), stop=stop)
    assert response["incomplete_details"] == {"reason": "content_filter"}
    assert response["output"][0]["content"][1] == {"type": "refusal", "refusal": "Policy."}


def test_a_failure_closes_what_was_said() -> None:
    stream, response = failed([Start("resp_1"), Open(0, "text"), Delta(0, "Half")])
    assert response["output"][0]["status"] == "incomplete"
    assert kinds(stream)[-3:] == ["response.output_item.done", "error", "response.failed"]


@pytest.mark.parametrize("custom", [False, True])
def test_a_half_call_is_never_done(custom: bool) -> None:
    """Codex runs a call as soon as its item is done."""
    events: list[Event] = [Start(), Open(0, "call", "call_1", "rm", custom), Delta(0, '{"path":"/')]
    stream, response = failed(events)
    assert response["output"] == []
    assert "response.output_item.done" not in kinds(stream)


@pytest.mark.parametrize("explanation", [None, "Policy."])
def test_half_a_call_is_not_done_at_an_end_either(explanation: str | None) -> None:
    stop = Stop(StopReason.REFUSAL, "content_filter", explanation=explanation)
    events: list[Event] = [Start(), Open(0, "call", "call_1", "rm"), Delta(0, '{"path":"/')]
    stream = Writer(context()).write([*events, Finish(stop), End()])
    response = responses_grammar.check(stream)
    assert response["status"] == "incomplete"
    assert [item["type"] for item in response["output"]] == ["message"] * bool(explanation)


def test_a_call_that_was_whole_before_the_failure_is_done() -> None:
    events: list[Event] = [Start(), Open(0, "call", "call_1", "ls"), Delta(0, "{}"), Close(0)]
    assert failed(events)[1]["output"][0]["status"] == "completed"


def test_a_failure_before_anything_else_is_an_error_and_a_failed_response() -> None:
    stream, response = failed([])
    assert kinds(stream) == ["error", "response.failed"]
    assert response["id"] == "resp_1"


def test_nothing_follows_the_terminal_event() -> None:
    """Clients that read every event as JSON stumble over a `[DONE]`, which the vendor does not
    send (openai-python and Codex need none)."""
    whole = Writer(context()).write([Start(), Finish(Stop(StopReason.END)), End()])
    assert kinds(whole)[-1] == "response.completed"
    for stream in (whole, failed([Start()])[0], replay(b'{"id":"resp_1","output":[]}')):
        assert b"[DONE]" not in stream


def test_the_official_sdk_raises_on_the_error_event() -> None:
    failure = Failure(FailureKind.OVERLOADED, "Overloaded", 529)
    stream, _ = failed([Start("resp_1"), Open(0, "text"), Delta(0, "Half")], failure)
    with pytest.raises(openai.APIError, match="Overloaded"):
        responses_sdk.raw_events(stream)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Failure(FailureKind.CONTEXT, "too long", 400), "context_length_exceeded"),
        (Failure(FailureKind.RATE_LIMIT, "slow down", 429), "rate_limit_exceeded"),
        (Failure(FailureKind.BILLING, "no money", 402), "insufficient_quota"),
        (Failure(FailureKind.OVERLOADED, "busy", 529), "server_error"),
        (Failure(FailureKind.UPSTREAM, "cut", 502), "server_error"),
        (Failure(FailureKind.INVALID, "bad", 400), "invalid_prompt"),
        (Failure(FailureKind.INVALID, "bad", 400, code="invalid_image"), "invalid_image"),
    ],
)
def test_failure_codes_are_those_that_codex_acts_upon(failure: Failure, code: str) -> None:
    _, response = failed([Start()], failure)
    assert response["error"] == {"code": code, "message": failure.message}


def test_a_wait_is_said_in_words_that_codex_reads() -> None:
    failure = Failure(FailureKind.RATE_LIMIT, "Too many requests.", 429, retry_after_s=2.5)
    _, response = failed([Start()], failure)
    assert response["error"]["message"] == "Too many requests. Please try again in 2.5s."


def test_pings_are_comments_at_any_time() -> None:
    writer = Writer(context())
    stream = writer.ping()
    for event in unfold(Reply("resp_1", "m", (Text("Hello"), Call("c", "f", "{}")), END)):
        stream += writer.write([Ping(), event]) + writer.ping()
    assert responses_grammar.check(stream)["status"] == "completed"
    assert stream.startswith(b": ping\n\n")

"""The Responses stream reader: upstreams as they are, the grammar as it must be."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import pytest

from gwproxy.translate.events import Delta, End, Fail, Finish, Open, Start, UsageUpdate
from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    FailureKind,
    Opaque,
    Reasoning,
    Refusal,
    Seal,
    Search,
    StopReason,
    Text,
    Usage,
)
from support.responses_wire import (
    added,
    argued,
    completed,
    created,
    done,
    failure_of,
    frame,
    read,
    reply_of,
    said,
)

MESSAGE = {"type": "message", "id": "msg_0", "role": "assistant", "content": []}
CALL = {"type": "function_call", "id": "fc_0", "call_id": "call_1", "name": "ls"}


def test_text_streams_as_it_comes() -> None:
    events = read(created() + added(0, **MESSAGE) + said(0, "Hel") + said(0, "lo") + completed())
    assert events[0] == Start("resp_1", "m")
    assert [event.text for event in events if isinstance(event, Delta)] == ["Hel", "lo"]
    assert events[-1] == End()


def test_a_call_opens_with_its_name() -> None:
    events = read(created() + added(0, **CALL))
    assert Open(0, "call", "call_1", "ls") in events


def test_the_first_event_need_not_be_response_created() -> None:
    events = read(said(0, "Hi") + completed())
    assert (events[0], events[1]) == (Start(), Open(0, "text"))


# The keys under which two parallel calls are announced, go on, are done and are told at the end:
# `output_index` and the item's id, each None where it is not given.
Way: TypeAlias = dict[str, list[tuple[int | None, str | None]]]
ONE_ID: Way = {"added": [(0, "fc"), (1, "fc")]}
WAYS: dict[str, Way] = {
    "as it should be": {"added": [(0, "a"), (1, "b")]},
    "one id for both": ONE_ID,
    "one id for both, which deltas do not give": {**ONE_ID, "delta": [(0, None), (1, None)]},
    "no index": {"added": [(None, "a"), (None, "b")]},
    "no index in deltas": {"added": [(0, "a"), (1, "b")], "delta": [(None, "a"), (None, "b")]},
    "no id": {"added": [(0, None), (1, None)]},
    "an index for both": {"added": [(0, "a"), (0, "b")]},
    "ids that change": {
        "added": [(0, "a"), (1, "b")],
        "delta": [(0, "c"), (1, "d")],
        "done": [(0, "e"), (1, "f")],
        "end": [(0, "g"), (1, "h")],
    },
}


@pytest.mark.parametrize("repeated", [True, False])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_parallel_calls_stay_two(way: Way, repeated: bool) -> None:
    names, arguments = ("read", "write"), ('{"p":1}', '{"q":2}')

    def item(moment: str, k: int, **members: Any) -> dict[str, Any]:
        identity = way.get(moment, way["added"])[k][1]
        call = {"type": "function_call", "call_id": f"call_{k}", "name": names[k]}
        return {**call, **({"id": identity} if identity else {}), **members}

    def event(kind: str, moment: str, k: int, **members: Any) -> bytes:
        index = way.get(moment, way["added"])[k][0]
        return frame(kind, **({} if index is None else {"output_index": index}), **members)

    def delta(k: int, text: str) -> bytes:
        identity = way.get("delta", way["added"])[k][1]
        kind = "response.function_call_arguments.delta"
        return event(kind, "delta", k, delta=text, **({"item_id": identity} if identity else {}))

    data = created()
    for k in (0, 1):
        data += event("response.output_item.added", "added", k, item=item("added", k))
    for piece in (0, 1):
        for k in (0, 1):
            data += delta(k, arguments[k][:3] if piece == 0 else arguments[k][3:])
    for k in (0, 1):
        whole = item("done", k, arguments=arguments[k])
        data += event("response.output_item.done", "done", k, item=whole)
    last = [item("end", k, arguments=arguments[k]) for k in (0, 1)] if repeated else []
    calls = tuple(Call(f"call_{k}", names[k], arguments[k]) for k in (0, 1))
    assert reply_of(data + completed(*last)).blocks == calls


def test_calls_with_one_id_at_one_index_are_told_apart_by_their_call_ids() -> None:
    calls = [{**CALL, "call_id": f"call_{k}", "arguments": "{}"} for k in (0, 1)]
    data = created() + b"".join(added(0, **call) + done(0, **call) for call in calls)
    blocks = (Call("call_0", "ls", "{}"), Call("call_1", "ls", "{}"))
    assert reply_of(data + completed(*calls)).blocks == blocks


def test_a_call_whose_call_id_changes_until_it_is_done_comes_once() -> None:
    later = {**CALL, "call_id": "call_other", "arguments": "{}"}
    data = created() + added(0, **CALL) + argued(0, "{}") + done(0, **later)
    (block,) = reply_of(data + completed({**later, "id": "x", "call_id": "y"})).blocks
    assert block == Call("call_1", "ls", "{}")


def test_events_without_any_key_go_on_with_the_open_item_of_their_kind() -> None:
    def bare(kind: str, delta: str) -> bytes:
        return frame(f"response.{kind}.delta", delta=delta)

    data = created() + bare("reasoning_text", "h") + bare("reasoning_text", "m")
    data += bare("output_text", "H") + bare("output_text", "i")
    said_once = {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}
    data += frame("response.output_item.done", item=said_once)
    assert reply_of(data + completed()).blocks == (Reasoning("hm"), Text("Hi"))


def test_what_is_of_another_kind_is_another_item() -> None:
    data = created() + thought("hm") + said(0, "Hi") + completed()
    assert reply_of(data).blocks == (Reasoning("hm"), Text("Hi"))


def test_an_announcement_may_bring_the_name_that_deltas_waited_for() -> None:
    data = created() + argued(0, '{"a"') + added(0, **CALL) + argued(0, ":1}") + completed()
    assert reply_of(data).blocks == (Call("call_1", "ls", '{"a":1}'),)


def test_an_announcement_after_the_first_words_changes_nothing() -> None:
    data = created() + said(0, "a") + added(0, **{**MESSAGE, "id": None}) + said(0, "b")
    assert reply_of(data + completed()).blocks == (Text("ab"),)


def test_what_comes_after_an_item_is_done_is_not_heard() -> None:
    whole = {**MESSAGE, "content": [{"type": "output_text", "text": "Hi"}]}
    data = created() + done(0, **whole) + done(0, **whole) + said(0, "late") + completed(whole)
    assert reply_of(data).blocks == (Text("Hi"),)
    call = {**CALL, "arguments": "{}"}
    data = created() + done(0, **call) + argued(0, "late") + completed(call)
    assert reply_of(data).blocks == (Call("call_1", "ls", "{}"),)
    rest = {"type": "reasoning", "id": "rs_0", "content": [{"type": "reasoning_text", "text": "a"}]}
    assert reply_of(created() + done(0, **rest) + thought("late") + completed()).blocks == (
        Reasoning("a", Seal("up", "text", "", "rs_0")),
    )


def test_announcements_without_an_item_are_skipped() -> None:
    empty = frame("response.output_item.added", output_index=0)
    empty += frame("response.output_item.done", output_index=0, item=None)
    assert reply_of(created() + empty + summary(0, "") + completed()).blocks == ()


def test_data_that_is_json_and_no_object_is_a_failure() -> None:
    assert "could not be understood" in failure_of(created() + b"data: [1]\n\n").message


def test_a_call_without_arguments_has_none() -> None:
    assert reply_of(created() + done(0, **CALL) + completed()).blocks == (Call("call_1", "ls", ""),)


def test_a_name_that_comes_late_is_waited_for() -> None:
    late = done(0, **CALL, arguments='{"a":1}')
    events = read(created() + argued(0, '{"a"') + argued(0, ":1}") + late + completed())
    call = Open(0, "call", "call_1", "ls")
    assert events.index(call) < events.index(Delta(0, '{"a":1}'))


def test_a_call_that_never_gets_a_name_is_a_failure() -> None:
    failure = failure_of(created() + argued(0, "{}") + completed())
    assert failure.kind is FailureKind.UPSTREAM
    assert "without a name" in failure.message


def test_what_the_deltas_did_not_hold_is_handed_in_from_the_item() -> None:
    data = created() + added(0, **CALL) + argued(0, '{"a"') + done(0, **CALL, arguments='{"a":1}')
    assert reply_of(data + completed()).blocks == (Call("call_1", "ls", '{"a":1}'),)


def test_an_item_that_says_it_otherwise_changes_nothing_that_was_given() -> None:
    """A server that prints the arguments anew, with spaces, must not give us `{"a":1}}`."""
    data = created() + added(0, **CALL) + argued(0, '{"a":1}')
    data += done(0, **CALL, arguments='{"a": 1}') + completed()
    assert reply_of(data).blocks == (Call("call_1", "ls", '{"a":1}'),)


def test_arguments_that_are_an_object_are_printed() -> None:
    data = created() + done(0, **CALL, arguments={"a": 1}) + completed()
    assert reply_of(data).blocks == (Call("call_1", "ls", '{"a": 1}'),)


def test_the_terminal_response_fills_what_no_event_told() -> None:
    text = {"type": "output_text", "text": "Whole."}
    whole = {**MESSAGE, "content": [text]}
    call = {**CALL, "arguments": "{}"}
    assert reply_of(completed(whole, call)).blocks == (Text("Whole."), Call("call_1", "ls", "{}"))


def test_items_with_another_identity_in_the_terminal_response_come_once() -> None:
    """vllm-project/vllm#56285"""
    other = {**MESSAGE, "id": "msg_other", "content": [{"type": "output_text", "text": "Hi"}]}
    data = created() + added(0, **MESSAGE) + said(0, "Hi") + done(0, **{**other, "id": "msg_0"})
    assert reply_of(data + completed(other)).blocks == (Text("Hi"),)


def test_two_parts_of_a_message_are_two_blocks() -> None:
    data = created() + said(0, "a", 0) + said(0, "b", 1) + completed()
    assert reply_of(data).blocks == (Text("a"), Text("b"))


def test_an_unknown_part_does_not_cost_the_answer() -> None:
    parts = [{"type": "output_audio", "data": "x"}, {"type": "output_text", "text": "Hi"}]
    assert reply_of(completed({**MESSAGE, "content": parts})).blocks == (Text("Hi"),)


def test_empty_texts_open_no_block() -> None:
    empty = {**MESSAGE, "content": [{"type": "output_text", "text": ""}]}
    assert reply_of(created() + said(0, "") + completed(empty)).blocks == ()


# --- thoughts ----------------------------------------------------------------------------------


def summary(section: int, delta: str) -> bytes:
    return frame(
        "response.reasoning_summary_text.delta",
        item_id="rs_0",
        output_index=0,
        summary_index=section,
        delta=delta,
    )


def thought(delta: str) -> bytes:
    return frame(
        "response.reasoning_text.delta",
        item_id="rs_0",
        output_index=0,
        content_index=0,
        delta=delta,
    )


def test_sections_of_a_summary_are_apart() -> None:
    data = created() + summary(0, "a") + summary(0, "b") + summary(1, "c") + completed()
    assert reply_of(data).blocks == (Reasoning("ab\n\nc"),)


def test_thoughts_and_their_summary_are_not_said_twice() -> None:
    data = created() + thought("long") + summary(0, "short") + completed()
    assert reply_of(data).blocks == (Reasoning("long"),)


def test_encrypted_thoughts_without_a_word_are_kept() -> None:
    item = {"type": "reasoning", "id": "rs_0", "summary": [], "encrypted_content": "gAAA"}
    data = created() + added(0, **item) + done(0, **item) + completed(item)
    assert reply_of(data).blocks == (Reasoning("", Seal("up", "encrypted", "gAAA", "rs_0")),)


def test_thoughts_that_hold_nothing_are_none() -> None:
    item = {"type": "reasoning", "id": "rs_0", "summary": []}
    assert reply_of(created() + added(0, **item) + done(0, **item) + completed()).blocks == ()


def test_plain_thoughts_belong_to_their_item() -> None:
    item = {"type": "reasoning", "id": "rs_0", "summary": [], "content": []}
    data = created() + thought("hm") + done(0, **item) + completed()
    assert reply_of(data).blocks == (Reasoning("hm", Seal("up", "text", "", "rs_0")),)


# --- what is no text ---------------------------------------------------------------------------


def test_a_hosted_tools_item_comes_whole_and_its_progress_is_no_news() -> None:
    item = {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"query": "q"},
    }
    data = (
        created() + added(0, **item) + frame("response.web_search_call.searching", item_id="ws_1")
    )
    (block,) = reply_of(data + done(0, **item) + completed(item)).blocks
    assert block == Opaque(
        Dialect.RESPONSES,
        "web_search_call",
        json.dumps(item),
        '[web_search "q"]',
        search=Search("ws_1", "q", done=True),
    )


def test_progress_with_members_of_other_types_is_skipped() -> None:
    odd = frame("response.shell_call_output_content.delta", delta={"stdout": "x"}, output_index=0)
    assert reply_of(created() + odd + said(1, "Hi") + completed()).blocks == (Text("Hi"),)


def test_halves_of_a_character_meet() -> None:
    def half(text: str) -> bytes:
        return said(0, "@").replace(b'"@"', f'"{text}"'.encode())

    data = created() + half("\\ud83d") + half("\\ude00") + half("\\ud83d") + completed()
    assert reply_of(data).blocks == (Text("\U0001f600\ufffd"),)


# --- the end -----------------------------------------------------------------------------------


def stop_of(data: bytes) -> StopReason:
    (finish,) = [event for event in read(data) if isinstance(event, Finish)]
    return finish.stop.reason


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("max_output_tokens", StopReason.MAX_TOKENS),
        ("max_messages", StopReason.MAX_TOKENS),
        ("content_filter", StopReason.REFUSAL),
        ("steered", StopReason.END),
        ("something-new", StopReason.MAX_TOKENS),
    ],
)
def test_why_an_answer_is_incomplete(reason: str, stop: StopReason) -> None:
    response = {"id": "r", "status": "incomplete", "incomplete_details": {"reason": reason}}
    assert stop_of(created() + frame("response.incomplete", response=response)) is stop


def test_length_beats_calls() -> None:
    response = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    data = created() + added(0, **CALL) + frame("response.incomplete", response=response)
    assert stop_of(data) is StopReason.MAX_TOKENS


def test_calls_make_a_completed_answer_wait_for_them() -> None:
    assert stop_of(created() + done(0, **CALL, arguments="{}") + completed()) is StopReason.TOOL_USE


def test_usage_is_disjoint() -> None:
    usage = {
        "input_tokens": 1000,
        "input_tokens_details": {
            "cached_tokens": 800,
            "cache_write_tokens": 100,
            "cache_write_tokens_details": {"ttl_30m_tokens": 60, "ttl_12h_tokens": 40},
        },
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 20},
    }
    events = read(created() + completed(usage=usage))
    assert UsageUpdate(Usage(100, 800, 100, 40, 50, 20)) in events


def test_an_upstream_that_counts_apart_is_believed() -> None:
    usage = {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 800}, "output_tokens": 1}
    assert UsageUpdate(Usage(10, 800, None, None, 1)) in read(created() + completed(usage=usage))


@pytest.mark.parametrize(
    "end",
    [b"", b"data: [DONE]\n\n", b'event: response.completed\ndata: {"type":"response.comp'],
    ids=["nothing", "done", "torn"],
)
def test_a_stream_without_its_terminal_event_is_a_failure(end: bytes) -> None:
    failure = failure_of(created() + said(0, "Half") + end)
    assert (failure.kind, failure.status) == (FailureKind.UPSTREAM, 502)


def test_a_terminal_event_without_its_blank_line_counts() -> None:
    assert read((created() + completed()).removesuffix(b"\n\n"))[-1] == End()


@pytest.mark.parametrize(
    "error",
    [
        frame("error", code="rate_limit_exceeded", message="Slow down.", param=None),
        frame("error", error={"type": "rate_limit_error", "message": "Slow down."}),
        frame(
            "response.failed",
            response={"error": {"code": "rate_limit_exceeded", "message": "Slow down."}},
        ),
        frame(
            "response.done",
            response={
                "status": "failed",
                "error": {"code": "rate_limit_exceeded", "message": "Slow down."},
            },
        ),
        b'data: {"error":{"code":"rate_limit_exceeded","message":"Slow down."}}\n\n',
    ],
    ids=["flat", "nested", "failed", "done", "bare"],
)
def test_errors_in_every_shape(error: bytes) -> None:
    failure = failure_of(created() + said(0, "Half") + error)
    assert (failure.kind, failure.message) == (FailureKind.RATE_LIMIT, "Slow down.")


def test_a_failed_response_without_words_is_a_failure() -> None:
    assert "failed" in failure_of(frame("response.failed", response={})).message


@pytest.mark.parametrize("kind", ["created", "queued", "in_progress", "completed", "incomplete"])
@pytest.mark.parametrize("end", [{"status": "cancelled"}, {"error": {"message": "boom"}}])
def test_a_response_that_is_cancelled_or_bears_an_error_has_failed_wherever_it_is_told(
    kind: str, end: dict[str, Any]
) -> None:
    failure = failure_of(said(0, "Half") + frame(f"response.{kind}", response=end) + completed())
    assert ("cancelled" in failure.message) or failure.message == "boom"


def test_garbage_is_a_failure_that_shows_it() -> None:
    failure = failure_of(created() + b"data: <html>busy</html>\n\n")
    assert "busy" in failure.message


def test_blank_data_is_somebodys_keep_alive() -> None:
    assert reply_of(created() + b"data:\n\n" + said(0, "Hi") + completed()).blocks == (Text("Hi"),)


def test_an_endless_event_is_a_failure() -> None:
    events = read(created() + b"data: " + b"x" * (17 * 1024 * 1024))
    assert isinstance(events[-1], Fail)


WHOLE_ITEMS: list[dict[str, Any]] = [
    {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Hm."}],
        "encrypted_content": "E",
    },
    {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Here.", "annotations": []}],
    },
    {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "ls", "arguments": '{"a":1}'},
    {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c2", "name": "free", "input": "x"},
    {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "q"}},
]


@pytest.mark.parametrize("events", [("added",), ("done",), ("added", "done"), ()])
def test_items_that_come_whole_are_taken_of_whatever_event_brings_them(
    events: tuple[str, ...],
) -> None:
    stream = created() + b"".join(
        frame(f"response.output_item.{event}", output_index=index, item=item)
        for index, item in enumerate(WHOLE_ITEMS)
        for event in events
    )
    reply = reply_of(stream + completed(*([] if events else WHOLE_ITEMS)))
    whole = reply_of(completed(*WHOLE_ITEMS))
    assert (reply.blocks, reply.stop) == (whole.blocks, whole.stop)
    assert len(reply.blocks) == len(WHOLE_ITEMS)


@pytest.mark.parametrize(
    ("kind", "members", "block"),
    [
        ("content_part.added", {"part": {"type": "output_text", "text": "a"}}, Text("a")),
        ("content_part.done", {"part": {"type": "output_text", "text": "a"}}, Text("a")),
        ("content_part.done", {"part": {"type": "refusal", "refusal": "a"}}, Refusal("a")),
        ("output_text.done", {"text": "a"}, Text("a")),
        ("reasoning_summary_text.done", {"text": "a"}, Reasoning("a")),
        ("reasoning_text.done", {"text": "a"}, Reasoning("a")),
    ],
)
def test_a_part_that_one_event_alone_brings(
    kind: str, members: dict[str, Any], block: Block
) -> None:
    thinks = isinstance(block, Reasoning)
    item = {"type": "reasoning" if thinks else "message", "id": "i"}
    place = {"output_index": 0, "item_id": "i"}
    stream = created() + added(0, **item) + frame(f"response.{kind}", **place, **members) * 2
    assert reply_of(stream + completed()).blocks == (block,)

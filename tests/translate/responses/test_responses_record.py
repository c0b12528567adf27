"""The response object in an answer: found in any chunking, told its state, played again."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.hub import Call, Reply, Stop, StopReason, Text
from gwproxy.translate.responses import reply
from gwproxy.translate.responses.kept import record, state
from gwproxy.translate.responses.kept.record import Moment, ResponseListener
from gwproxy.translate.responses.kept.replay import replay
from gwproxy.translate.responses.writer import Writer
from gwproxy.translate.wire import sse
from support import responses_grammar, responses_sdk
from support.generated import replies
from support.responses_wire import added, completed, created, done, frame, said
from support.unfolded import unfold

# Shared machines stall; what is judged here is meaning, never time.
untimed = settings(deadline=None)
END = Stop(StopReason.END)


def context() -> ReplyContext:
    numbers = itertools.count()
    return ReplyContext(model="m", new_id=lambda prefix: f"{prefix}{next(numbers)}", created=7)


def written(answer: Reply) -> bytes:
    return Writer(context()).write(unfold(answer))


def heard(parts: Iterable[bytes]) -> tuple[list[bytes], list[Moment]]:
    """What a client would get, and the events that hold a response, told as they were."""
    listener = ResponseListener()
    out: list[bytes] = []
    moments: list[Moment] = []
    for part in parts:
        for piece in listener.feed(part):
            if isinstance(piece, Moment):
                moments.append(piece)
                same = piece.record.restated(
                    piece.record.id, store=False, previous_response_id=None
                )
                piece = piece.told(same)
            out.append(piece)
    return [*out, listener.rest()], moments


@untimed
@given(replies(), st.data())
def test_a_stream_goes_through_unchanged_in_any_chunking(
    answer: Reply, data: st.DataObject
) -> None:
    stream = written(answer)
    ends = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    parts = [stream[a:b] for a, b in itertools.pairwise([0, *ends, len(stream)])]
    out, moments = heard(parts)
    assert responses_grammar.check(b"".join(out)) == responses_grammar.check(stream)
    assert responses_grammar.events(b"".join(out)) == responses_grammar.events(stream)
    assert [moment.record.finished for moment in moments] == [False, False, True]
    kept = moments[-1].record
    whole = json.loads(reply.build(answer, context()))
    assert kept.id == whole["id"]
    assert [json.loads(item) for item in kept.output] == whole["output"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_line_ends_of_every_kind_are_heard(end: bytes) -> None:
    stream = (created() + b": a comment\n\n" + completed()).replace(b"\n", end)
    out, moments = heard(stream[i : i + 1] for i in range(len(stream)))
    assert [moment.record.id for moment in moments] == ["resp_1", "resp_1"]
    assert b": a comment" in b"".join(out)


def test_what_only_speaks_of_responses_is_left_alone() -> None:
    stream = said(0, '{"response":{"id":"resp_9"}}') + frame("x", response=None)
    stream += frame("y", response="resp_9") + b'data: {"response":{"id"\n\n'
    out, moments = heard([stream])
    assert b"".join(out) == stream
    assert not moments


@pytest.mark.parametrize("output", [{"output": []}, {"output": None}])
@pytest.mark.parametrize("indices", [(0, 1), (1, 0), (0, 0), (None, None)])
def test_a_final_object_without_the_items_that_were_streamed_gets_them(
    indices: tuple[Any, Any], output: dict[str, Any]
) -> None:
    items = [{"type": "message", "id": "msg_1"}, {"type": "function_call", "id": "fc_1"}]
    sent = zip(indices, items, strict=True)
    stream = created() + b"".join(done(index, **item) for index, item in sent)
    out, moments = heard([stream + completed(**output)])
    expected = items[::-1] if indices == (1, 0) else items
    assert [json.loads(item) for item in moments[-1].record.output] == expected
    final = json.loads(b"".join(out).rpartition(b"data: ")[2])
    assert final["response"]["output"] == expected


def test_the_final_object_has_the_last_word_on_its_items() -> None:
    stream = created() + done(0, type="message", id="msg_1", content=[])
    whole = {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "x"}]}
    _, moments = heard([stream + completed(whole)])
    assert [json.loads(item) for item in moments[-1].record.output] == [whole]


def test_a_failed_response_is_not_finished() -> None:
    failed = frame("response.failed", response={"id": "resp_1", "status": "failed", "output": []})
    _, moments = heard([created() + failed])
    assert [moment.record.finished for moment in moments] == [False, False]
    assert [moment.record.over for moment in moments] == [False, True]


def test_a_torn_event_comes_out_at_the_end() -> None:
    listener = ResponseListener()
    assert list(listener.feed(b'data: {"type":"response.comp')) == []
    assert listener.rest() == b'data: {"type":"response.comp'
    assert listener.rest() == b""


def test_an_endless_event_is_not_held_for_ever() -> None:
    listener = ResponseListener()
    piece = b"x" * (sse.MAX_EVENT_BYTES // 2)
    out = [b"".join(p for p in listener.feed(piece) if isinstance(p, bytes)) for _ in range(4)]
    assert b"".join(out) == piece * 4
    assert out[0] == b""


def test_a_whole_body_is_read_and_told() -> None:
    body = b'{"id":"resp_1","status":"completed","n":1.10,"store":false,"output":[{"a": 1}]}'
    found = record.read(body)
    assert found is not None
    assert (found.id, found.finished, found.output) == ("resp_1", True, (b'{"a": 1}',))
    told = found.restated("resp_2", store=True, previous_response_id="resp_0")
    assert b'"n":1.10' in told
    assert json.loads(told) == {
        "id": "resp_2",
        "status": "completed",
        "n": 1.1,
        "store": True,
        "output": [{"a": 1}],
        "previous_response_id": "resp_0",
    }


@pytest.mark.parametrize(
    "body", [b"", b"x", b"[]", b"{}", b'{"id":7}', b'{"error":{}}', b'{"id":"r","output":1}']
)
def test_what_is_no_response_is_none(body: bytes) -> None:
    assert record.read(body) is None


@pytest.mark.parametrize("status", ["failed", "in_progress", "queued", "cancelled"])
def test_what_has_not_come_to_an_end_is_not_finished(status: str) -> None:
    found = record.read(b'{"id":"resp_1","status":"%b"}' % status.encode())
    assert found is not None
    assert not found.finished


# --- once more, as a stream ----------------------------------------------------------------------


@untimed
@given(replies())
def test_a_replay_follows_the_grammar_and_ends_in_the_kept_answer(answer: Reply) -> None:
    whole = reply.build(answer, context())
    assert responses_grammar.check(replay(whole)) == json.loads(whole)


def test_a_replay_is_the_same_answer_to_the_official_sdk() -> None:
    calls = (Text("let me see"), Call("call_1", "f", '{"a":1}'), Call("call_2", "p", "x", True))
    whole = reply.build(Reply("", "m", calls, Stop(StopReason.TOOL_USE)), context())
    assert responses_sdk.accumulated(replay(whole)) == responses_sdk.whole(whole)


def test_a_replay_goes_on_where_the_client_was() -> None:
    whole = reply.build(Reply("", "m", (Text("hello"),), END), context())
    events = responses_grammar.events(replay(whole))
    for number in (0, 3, len(events) - 2):
        rest = responses_grammar.events(replay(whole, starting_after=number))
        assert rest == events[number + 1 :]


def test_items_that_we_do_not_know_are_replayed_whole() -> None:
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    whole = {"id": "resp_1", "status": "completed", "output": [item]}
    events = responses_grammar.events(replay(json.dumps(whole).encode()))
    assert [event["item"] for event in events[2:4]] == [item, item]


# --- what of it goes into the next request --------------------------------------------------------


def test_reasoning_that_nobody_can_read_again_stays_behind() -> None:
    sealed = b'{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"abc"}'
    ours = b'{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"gw1.e30"}'
    plain = b'{"type":"reasoning","id":"rs_3","content":[{"type":"reasoning_text","text":"t"}]}'
    dead = b'{"type":"reasoning","id":"rs_4","summary":[{"type":"summary_text","text":"t"}]}'
    said_of = b'{"type":"message","role":"assistant","content":"reasoning"}'
    output = [sealed, ours, plain, dead, said_of]
    assert list(state.carried(output, same_maker=True)) == [sealed, ours, plain, said_of]
    assert list(state.carried(output, same_maker=False)) == [ours, plain, said_of]


def test_an_added_item_is_not_the_response() -> None:
    stream = added(0, type="message", id="response", role="assistant", content=[])
    _, moments = heard([stream])
    assert not moments

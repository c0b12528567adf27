"""A whole answer is the fold of its stream: one reading in every dialect, in any chunking."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwproxy.translate.bridge import CODECS
from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.events import DELTA_CHARACTERS, Delta, Event, fold
from gwproxy.translate.hub import Call, Dialect, Failure, Reply, Stop, StopReason, Text
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS
from support import anthropic_wire, chat_wire, responses_wire
from support.bridges import new_bridge
from support.generated import replies
from support.reading import checked
from support.unfolded import unfold

FIXTURES = Path(__file__).parents[1] / "fixtures"
MANNERS = Quirks(family="up")


def context() -> ReplyContext:
    numbers = itertools.count()
    return ReplyContext(
        model="m", new_id=lambda prefix: f"{prefix}{next(numbers)}", include_usage=True
    )


def result(events: list[Event]) -> Reply | Failure:
    return fold(checked(events))


def whole(dialect: Dialect, body: bytes) -> Any:
    return result(CODECS[dialect].reader(MANNERS).whole(body))


def streamed(dialect: Dialect, *chunks: bytes) -> Any:
    reader = CODECS[dialect].reader(MANNERS)
    events = [event for chunk in chunks for event in reader.feed(chunk)]
    return result([*events, *reader.finish()])


@settings(deadline=None)
@pytest.mark.parametrize("dialect", DIALECTS)
@given(answer=replies(), places=st.lists(st.integers(0), max_size=8))
def test_a_generated_answer(dialect: Dialect, answer: Reply, places: list[int]) -> None:
    # A body of Chat keeps no order among its kinds: what is streamed is what such a body says.
    answer = whole(dialect, CODECS[dialect].build_reply(answer, context()))
    body = CODECS[dialect].build_reply(answer, context())
    stream = CODECS[dialect].writer(context()).write(unfold(answer))
    ends = sorted(place % (len(stream) + 1) for place in places)
    chunks = [stream[a:b] for a, b in itertools.pairwise([0, *ends, len(stream)])]
    assert streamed(dialect, *chunks) == whole(dialect, body)


# --- what upstreams say ------------------------------------------------------------------------


def messages_stream(body: dict[str, Any]) -> bytes:
    """The events of a Messages answer, its blocks whole in their starts."""
    ends = ("stop_reason", "stop_sequence", "stop_details")
    begun = {name: value for name, value in body.items() if name not in (*ends, "content")}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {**begun, "content": []}}]
    for index, block in enumerate(body["content"]):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events.append({"type": "content_block_stop", "index": index})
    stop = {name: body[name] for name in ends if name in body}
    events += [{"type": "message_delta", "delta": stop}, {"type": "message_stop"}]
    return b"".join(map(anthropic_wire.frame, events))


def chat_stream(body: dict[str, Any]) -> bytes:
    """The chunks of a Chat answer: what it says, its end, its usage."""
    (choice,) = body["choices"]
    said = {"index": 0, "delta": choice["message"]}
    end = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
    head = {name: value for name, value in body.items() if name not in ("choices", "usage")}
    chunks: list[dict[str, Any]] = [{**head, "choices": [said]}, {**head, "choices": [end]}]
    chunks += [{**head, "choices": [], "usage": body["usage"]}] if "usage" in body else []
    return chat_wire.stream(*chunks)


def responses_last_event(body: dict[str, Any]) -> bytes:
    return responses_wire.frame("response.completed", response=body)


def responses_items(body: dict[str, Any]) -> bytes:
    """The items of a Responses answer as events, and not again in the object that ends it."""
    begun = {**body, "output": [], "status": "in_progress", "error": None}
    stream = responses_wire.frame("response.created", response=begun)
    for index, item in enumerate(body["output"]):
        stream += responses_wire.added(index, **item) + responses_wire.done(index, **item)
    return stream + responses_wire.frame("response.completed", response={**body, "output": None})


def fixtures() -> Iterator[Any]:
    ways: dict[Dialect, list[Callable[[dict[str, Any]], bytes]]] = {
        Dialect.CHAT: [chat_stream],
        Dialect.RESPONSES: [responses_last_event, responses_items],
    }
    for dialect, streams in ways.items():
        for path in sorted((FIXTURES / dialect / "replies").glob("*.json")):
            if "." in path.stem:
                continue  # what came of one
            for stream in streams:
                body = json.loads(path.read_bytes())
                if body.get("output") or body.get("choices"):
                    yield pytest.param(dialect, stream, body, id=f"{stream.__name__}-{path.stem}")


@pytest.mark.parametrize(("dialect", "stream", "body"), list(fixtures()))
def test_a_recorded_answer(
    dialect: Dialect, stream: Callable[[dict[str, Any]], bytes], body: dict[str, Any]
) -> None:
    read = streamed(dialect, stream(body))
    assert isinstance(read, Reply)
    assert read == whole(dialect, json.dumps(body).encode())


def test_a_messages_answer() -> None:
    body = {
        "id": "msg_1",
        "model": "m",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "S"},
            {"type": "redacted_thinking", "data": "D"},
            {"type": "text", "text": "Hello"},
            {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"q": 1}},
            {"type": "tool_use", "id": "t", "name": "ls", "input": {"n": 1}},
        ],
        "stop_reason": "max_tokens",
        "usage": {"input_tokens": 3, "cache_read_input_tokens": 5, "output_tokens": 4},
    }
    read = streamed(Dialect.ANTHROPIC, messages_stream(body))
    assert isinstance(read, Reply)
    assert read == whole(Dialect.ANTHROPIC, json.dumps(body).encode())


SAID = {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "hi"}]}
CALL = {"type": "function_call", "id": "fc", "call_id": "c1", "name": "f", "arguments": "{}"}
BOOM = {"code": "server_error", "message": "boom"}


@pytest.mark.parametrize(
    ("members", "fails"),
    [
        ({"status": "completed"}, False),
        ({"status": None}, False),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, False),
        ({"status": "incomplete", "output": None}, False),
        ({"status": "completed", "error": {}}, False),
        ({"status": "completed", "error": BOOM}, True),
        ({"status": "completed", "error": "boom"}, True),
        ({"status": "failed"}, True),
        ({"status": "failed", "error": BOOM}, True),
        ({"status": "cancelled"}, True),
        ({"status": "queued"}, True),
        ({"status": "in_progress"}, True),
        ({"status": "odd"}, True),
        ({"status": "completed", "output": None}, True),
        ({"status": "completed", "output": [SAID, SAID, CALL, CALL]}, False),
        ({"status": "completed", "output": [{**CALL, "name": None}]}, True),
    ],
)
def test_what_a_responses_status_means_is_the_same_in_a_streams_last_event(
    members: dict[str, Any], fails: bool
) -> None:
    body = {"id": "resp_1", "model": "m", "output": [SAID], **members}
    read = whole(Dialect.RESPONSES, json.dumps(body).encode())
    assert isinstance(read, Failure) == fails
    assert streamed(Dialect.RESPONSES, responses_last_event(body)) == read


# --- and as a stream for the client ------------------------------------------------------------


@pytest.mark.parametrize("upstream", DIALECTS)
def test_long_texts_come_in_pieces_like_a_stream_and_arguments_whole(upstream: Dialect) -> None:
    words, arguments = "word " * 100, json.dumps({"path": "x" * 500})
    answer = Reply("", "", (Text(words), Call("c", "f", arguments)), Stop(StopReason.TOOL_USE))
    request = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}'
    bridge = new_bridge(Dialect.CHAT, upstream, request, stream=True)
    out = bridge.stream().whole(CODECS[upstream].build_reply(answer, context()))
    deltas = [event for event in chat_wire.read(out) if isinstance(event, Delta)]
    pieces = [event.text for event in deltas if event.index == 0]
    assert "".join(pieces) == words
    assert max(map(len, pieces)) <= DELTA_CHARACTERS
    assert [event.text for event in deltas if event.index == 1] == [arguments]


def sse_of(*events: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


FIRST_HOLDS_ALL: dict[Dialect, tuple[dict[str, Any], Callable[[dict[str, Any]], bytes]]] = {
    Dialect.ANTHROPIC: (
        {
            "id": "msg_1",
            "model": "m",
            "content": [
                {"type": "text", "text": "Hello"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
            ],
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 11, "output_tokens": 4},
        },
        lambda body: sse_of({"type": "message_start", "message": body}, {"type": "message_stop"}),
    ),
    Dialect.CHAT: (
        {
            "id": "c1",
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "content": "Hello",
                        "tool_calls": [
                            {"id": "t1", "function": {"name": "f", "arguments": '{"a":1}'}}
                        ],
                    },
                    "finish_reason": "tool_calls",
                }
            ],
            "usage": {"prompt_tokens": 11, "completion_tokens": 4},
        },
        lambda body: sse_of(
            {**body, "choices": [{**body["choices"][0], "delta": {"role": "assistant"}}]}
        ),
    ),
    Dialect.RESPONSES: (
        {
            "id": "r1",
            "model": "m",
            "status": "completed",
            "output": [
                {"type": "message", "content": [{"type": "output_text", "text": "Hello"}]},
                {"type": "function_call", "call_id": "t1", "name": "f", "arguments": '{"a":1}'},
            ],
            "usage": {"input_tokens": 11, "output_tokens": 4},
        },
        lambda body: sse_of(
            {"type": "response.created", "response": {**body, "status": "in_progress"}},
            {"type": "response.completed", "response": {"id": "r1", "status": "completed"}},
        ),
    ),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_first_event_that_holds_the_answer_is_the_answer(dialect: Dialect) -> None:
    body, stream = FIRST_HOLDS_ALL[dialect]
    read = streamed(dialect, stream(body))
    assert isinstance(read, Reply)
    assert [type(block) for block in read.blocks] == [Text, Call]
    assert read.stop.reason is StopReason.TOOL_USE
    assert read == whole(dialect, json.dumps(body).encode())


def test_what_the_first_event_holds_and_others_say_again_comes_once() -> None:
    head = {"type": "text", "text": "Hel"}
    begun = {"id": "msg_1", "content": [{"type": "text", "text": "First"}, head]}
    read = streamed(
        Dialect.ANTHROPIC,
        sse_of(
            {"type": "message_start", "message": begun},
            {"type": "content_block_start", "index": 1, "content_block": head},
            {
                "type": "content_block_delta",
                "index": 1,
                "delta": {"type": "text_delta", "text": "lo"},
            },
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
            {"type": "message_stop"},
        ),
    )
    assert [block.text for block in read.blocks] == ["First", "Hello"]
    chunks: list[dict[str, Any]] = [
        {"choices": [{"delta": {"content": "Hello"}}]},
        {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]},
    ]
    assert [b.text for b in streamed(Dialect.CHAT, sse_of(*chunks)).blocks] == ["Hello"]


def test_a_stop_in_the_first_event_does_not_make_a_cut_answer_whole() -> None:
    body, _ = FIRST_HOLDS_ALL[Dialect.ANTHROPIC]
    begun = sse_of({"type": "message_start", "message": body})
    assert isinstance(streamed(Dialect.ANTHROPIC, begun), Failure)

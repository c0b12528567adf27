"""An answer between equals whose form changes keeps the members that nobody here knows."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks
from support.bridges import bridge_of
from support.chat_grammar import collect
from support.generated import JSON_VALUES, TEXTS
from support.mutated import with_odd_member
from support.responses_grammar import events

A, C, R = Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES
TURN = b'[{"role":"user","content":"a"}]'
REQUESTS = {
    A: b'{"model":"m","max_tokens":9,"stream":%%b,"safeguards":[{"type":"x"}],"messages":%b}'
    % TURN,
    C: b'{"model":"m","stream":%%b,"stream_options":{"include_usage":true},"messages":%b}' % TURN,
    R: b'{"model":"m","stream":%%b,"input":%b}' % TURN,
}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "novelty": {"n": 1},
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
        {"type": "text", "text": "It is\n\u00e9 good.", "citations": [{"cited_text": "x"}]},
        {"type": "tool_use", "id": "functions.a:0", "name": "a", "input": {"x": [1]}, "caller": 1},
        {"type": "brand_new", "y": {"z": 2}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "container": {"id": "c"},
    "safeguard_results": [{"type": "dangerous_tool_use"}],
    "context_management": {"applied_edits": [{"type": "clear_tool_uses_20250919"}]},
    "usage": {"input_tokens": 3, "output_tokens": 5, "iterations": [1]},
}
COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "system_fingerprint": "fp",
    "citations": ["https://a.test"],
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "It is\n\u00e9 \U0001f600 good, in more than one piece of text.",
                "refusal": None,
                "reasoning_content": "hm",
                "reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "index": 0}],
                "annotations": [{"type": "url_citation"}],
                "novelty": {"n": "1"},
                "tool_calls": [
                    {
                        "id": "functions.a:0",
                        "type": "function",
                        "function": {"name": "a", "arguments": '{"x": [1]}', "y": 1},
                        "extra_content": {"google": {"thought_signature": "s"}},
                    },
                    {"id": "b", "type": "custom", "custom": {"name": "b", "input": "free"}},
                ],
            },
            "logprobs": {"content": [{"token": "It", "logprob": -0.1}]},
            "finish_reason": "stop",
            "stop_reason": 7,
            "content_filter_results": {"hate": {"filtered": False}},
        },
        {
            "index": 1,
            "message": {"role": "assistant", "content": "another"},
            "finish_reason": "stop",
        },
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8, "cost": 0.1},
}
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "status": "completed",
    "novelty": {"n": 1},
    "output": [
        {
            "id": "rs_1",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "content": [{"type": "reasoning_text", "text": "hm hm", "z": 1}],
            "encrypted_content": "gAAA",
        },
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "phase": "final_answer",
            "content": [
                {"type": "output_text", "text": "It is\n\u00e9.", "annotations": [{"type": "q"}]},
                {"type": "brand_new", "y": {"z": 2}},
            ],
        },
        {
            "id": "fc_1",
            "type": "function_call",
            "status": "completed",
            "call_id": "functions.a:0",
            "name": "a",
            "arguments": '{"x": [1]}',
            "caller": 1,
        },
        {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"x": 1}},
    ],
    "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8, "iterations": [1]},
}
ANSWERS = {A: MESSAGE, C: COMPLETION, R: RESPONSE}
SAYING = JSON_VALUES.filter(lambda value: value is not None)
EVERY_DIALECT = pytest.mark.parametrize("dialect", list(ANSWERS))


def made(dialect: Dialect, answer: dict[str, Any] | None = None) -> bytes:
    bridge = bridge_of(dialect, dialect, Quirks(), stream=True, streams=False)
    bridge.request(REQUESTS[dialect] % b"true")
    stream = bridge.stream()
    out = stream.whole(json.dumps(answer or ANSWERS[dialect], indent=1).encode())
    assert stream.over
    assert stream.failure is None
    assert bridge.tally.usage.output == 5
    assert answer is not None or not bridge.tally.losses
    return out


def collected(dialect: Dialect, stream: bytes, step: int = 100_000) -> Any:
    bridge = bridge_of(dialect, dialect, Quirks(), stream=False, streams=True)
    bridge.request(REQUESTS[dialect] % b"false")
    collector = bridge.collect()
    for at in range(0, len(stream), step):
        collector.feed(stream[at : at + step])
    body = collector.finish()
    assert isinstance(body, bytes), body
    assert not bridge.tally.losses
    return json.loads(body)


@EVERY_DIALECT
@pytest.mark.parametrize("step", [1, 100, 100_000])
def test_a_made_stream_put_together_is_the_answer_again(dialect: Dialect, step: int) -> None:
    assert collected(dialect, made(dialect), step) == ANSWERS[dialect]


@EVERY_DIALECT
@given(extras=st.lists(SAYING, min_size=6, max_size=6), text=TEXTS)
@settings(max_examples=40)
def test_whatever_else_an_object_of_the_answer_has_stays(
    dialect: Dialect, extras: list[Any], text: str
) -> None:
    unknown = itertools.cycle(extras)

    def extended(value: Any, name: str = "") -> Any:
        if isinstance(value, list):
            return [extended(one) for one in value]
        if isinstance(value, dict) and name != "input":
            members = {key: extended(member, key) for key, member in value.items()}
            return {**members, "x_new": next(unknown)}
        return text if name in ("text", "content", "thinking") else value

    answer = extended(ANSWERS[dialect])
    assert collected(dialect, made(dialect, answer)) == answer


def test_a_stream_tells_late_what_clients_look_for_at_its_end() -> None:
    (line,) = [line for line in made(A).splitlines() if b'"message_delta"' in line]
    event = json.loads(line.removeprefix(b"data: "))
    assert event["delta"]["safeguard_results"] == MESSAGE["safeguard_results"]
    assert event["delta"]["container"] == MESSAGE["container"]
    assert event["context_management"] == MESSAGE["context_management"]


def test_a_made_chat_stream_is_one_that_strict_clients_read() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "a", "arguments": '{"x": [1]}'}}
    message = {"role": "assistant", "content": "b", "reasoning_content": "c", "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    known = ("id", "object", "created", "model", "usage")
    plain = {**{name: COMPLETION[name] for name in known}, "choices": [choice]}
    seen = collect(made(C, plain), include_usage=True)
    assert seen.message == message
    assert seen.usage == COMPLETION["usage"]
    assert seen.finish_reason == "tool_calls"


def test_a_made_responses_stream_ends_in_the_response_as_it_came() -> None:
    told = events(made(R))
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert told[-1]["response"] == RESPONSE
    done = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert done == RESPONSE["output"]


def test_items_stand_in_for_an_output_that_the_last_event_leaves_empty() -> None:
    lines = [json.dumps(event) for event in events(made(R))]
    lines[-1] = json.dumps({"type": "response.completed", "response": {**RESPONSE, "output": []}})
    stream = "".join(f"data: {line}\n\n" for line in lines).encode()
    assert collected(R, stream) == RESPONSE


@pytest.mark.parametrize(
    ("dialect", "told", "said"),
    [
        (C, {"choices": None, "usage": {"completion_tokens": 5}}, '"completion_tokens":5'),
        (C, {"usage": {"completion_tokens": 5}}, '"completion_tokens":5'),
    ],
)
def test_usage_counts_wherever_a_chunk_has_it(dialect: Dialect, told: Any, said: str) -> None:
    chunks = [{"id": "c", "choices": [{"index": 0, "delta": {"content": "a"}}]}]
    chunks += [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, told]
    stream = "".join(f"data: {json.dumps(one)}\n\n" for one in chunks) + "data: [DONE]\n\n"
    assert said in json.dumps(collected(dialect, stream.encode()), separators=(",", ":"))


BEGUN = {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}}
ENDED: list[dict[str, Any]] = [
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
]


def block_delta(kind: str, text: str) -> dict[str, Any]:
    delta = {"type": f"{kind}_delta", kind: text}
    return {"type": "content_block_delta", "index": 0, "delta": delta}


def block_start(kind: str) -> dict[str, Any]:
    return {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": kind, kind: ""},
    }


@pytest.mark.parametrize(
    ("dialect", "told"),
    [
        (A, [BEGUN, block_delta("text", "ab"), *ENDED]),
        (A, [BEGUN, block_start("thinking"), block_delta("text", "ab"), *ENDED]),
        (
            A,
            [
                *(BEGUN, block_start("thinking"), block_delta("thinking", "hm")),
                {"type": "content_block_stop", "index": 0},
                *(block_start("text"), block_delta("text", "ab"), *ENDED),
            ],
        ),
        (
            C,
            [
                {"choices": [{"index": 0, "delta": {"content": "a\ud83d"}}]},
                {"choices": [{"index": 0, "delta": {"content": "\ude00b"}}]},
                {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            ],
        ),
        (
            R,
            [
                {"type": "response.output_text.delta", "output_index": 0, "delta": "ab"},
                {"type": "response.completed", "response": {**RESPONSE, "output": []}},
            ],
        ),
        (
            R,
            [
                {
                    "type": "response.output_item.done",
                    "output_index": 0,
                    "item": RESPONSE["output"][1],
                },
                {"type": "response.completed", "response": {**RESPONSE, "output": None}},
            ],
        ),
    ],
)
def test_a_stream_in_disorder_loses_no_word_when_it_is_put_together(
    dialect: Dialect, told: list[dict[str, Any]]
) -> None:
    stream = "".join(f"data: {json.dumps(one)}\n\n" for one in told).encode()
    whole = json.dumps(collected(dialect, stream), ensure_ascii=False)
    assert any(words in whole for words in ('"ab"', '"a\U0001f600b"', "It is"))


@EVERY_DIALECT
def test_a_cut_stream_is_no_answer(dialect: Dialect) -> None:
    bridge = bridge_of(dialect, dialect, Quirks(), stream=False, streams=True)
    bridge.request(REQUESTS[dialect] % b"false")
    collector = bridge.collect()
    ends = {A: b"event: message_delta", C: b'"finish_reason":"', R: b"event: response.completed"}
    collector.feed(made(dialect).partition(ends[dialect])[0])
    assert not isinstance(collector.finish(), bytes)


HALF = '{"x": [1'


def test_half_a_call_is_none_whatever_the_form_becomes() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "a", "arguments": HALF}}
    message = {"content": "b", "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "length"}
    stream = made(C, {**COMPLETION, "choices": [choice]})
    assert b'"finish_reason":"length"' in stream
    item = {**RESPONSE["output"][2], "arguments": HALF, "status": "incomplete"}
    why = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    told = events(made(R, {**RESPONSE, "output": [item], **why}))
    assert "response.output_item.done" not in [event["type"] for event in told]


@EVERY_DIALECT
@given(data=st.data())
@settings(max_examples=150)
def test_what_makes_no_sense_in_an_answer_whose_form_changes_breaks_nothing(
    dialect: Dialect, data: st.DataObject
) -> None:
    lines = [line for line in made(dialect).splitlines() if line.startswith(b"data: {")]
    number = data.draw(st.integers(0, len(lines) - 1))
    lines[number] = (
        b"data: " + json.dumps(data.draw(with_odd_member(json.loads(lines[number][6:])))).encode()
    )
    collector = bridge_of(dialect, dialect, Quirks(), stream=False, streams=True)
    collector.request(REQUESTS[dialect] % b"false")
    collecting = collector.collect()
    collecting.feed(b"\n\n".join(lines) + b"\n\n")
    collecting.finish()
    bridge = bridge_of(dialect, dialect, Quirks(), stream=True, streams=False)
    bridge.request(REQUESTS[dialect] % b"true")
    stream = bridge.stream()
    stream.whole(json.dumps(data.draw(with_odd_member(ANSWERS[dialect]))).encode())
    assert stream.over


def test_a_model_that_is_no_text_becomes_the_one_that_the_client_asked_for() -> None:
    """Only Chat answers are read so leniently; the others are then no answers."""
    bridge = bridge_of(C, C, Quirks(), stream=False, streams=False)
    bridge.request(REQUESTS[C] % b"false")
    answer = bridge.reply(json.dumps({**COMPLETION, "model": 1.5}).encode())
    assert isinstance(answer, bytes)
    assert json.loads(answer) == COMPLETION

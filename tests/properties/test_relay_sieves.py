"""A relayed stream is understood as if every event were read, although most are passed over."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwproxy.translate.bridge import CODECS
from gwproxy.translate.events import Event, Lost, Ping
from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS
from gwproxy.translate.wire import sse
from support import anthropic_wire, chat_wire, responses_wire

pytestmark = pytest.mark.fuzz

EVERY_DIALECT = pytest.mark.parametrize("dialect", list(DIALECTS))
HOLE = "HOLE"
USAGE = {"prompt_tokens": 7, "completion_tokens": 3}
NAMED = {"usage": USAGE, "error": {"message": "no"}, "finish_reason": "stop", "name": "f"}
TOOL = {"name": "usage", "schema": {"enum": ["error", "finish_reason", '"usage":{']}}
# Of a text as it stands in the event: legal and not, with all that may be taken for structure.
SPELLINGS = [
    *("a", "é", "\U0001f600", r"\"", r"\\", r"\n", r"\u0065", r"\ud83d", "\\", "\0", "\t"),
    *(r"\"usage\":{\"prompt_tokens\":9}", r"\"error\":{}", "[DONE]", "message_stop", "null"),
]
TORN = ['"', "\n", "\n\n", '"}', '"},"finish_reason":null}]}\n\n', "\n\ndata: [DONE]\n\n", "\r\n"]
CHAT_TORN = [
    *TORN,
    '"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1},"x":[{"y":{"z":"',
    '"},"finish_reason":null}],"\\u0065rror":{"message":"no"},"x":[{"y":{"z":"',
]


def _chat() -> list[bytes]:
    words = [
        chat_wire.chunk({"content": HOLE}),
        chat_wire.chunk({"content": None, "reasoning_content": HOLE}) | {"usage": None},
        chat_wire.chunk({"role": "assistant", "content": HOLE, "refusal": None}, logprobs=TOOL),
        chat_wire.call(0, "call_1", "usage", HOLE),
        chat_wire.call(0, None, None, HOLE),
        chat_wire.chunk({"content": HOLE}, "length"),
        chat_wire.chunk({"refusal": HOLE}),
        chat_wire.chunk({"content": HOLE}, usage=USAGE),
        chat_wire.chunk({"content": HOLE}) | {"x_groq": {"usage": USAGE}},
        chat_wire.chunk({"content": HOLE}) | {"error": {"message": HOLE}},
        chat_wire.chunk({"content": [{"type": "text", "text": HOLE}]}),
        chat_wire.chunk({"content": HOLE}, index=1),
        {"content": HOLE, "message": HOLE, "object": "error"},
        {"choices": [], "content": HOLE},
    ]
    rest: list[Any] = [chat_wire.chunk({}, "stop"), chat_wire.chunk(), {"choices": [], **NAMED}]
    events = [chat_wire.frame(value) for value in (*words, *rest, b"[DONE]", b"{")]
    events += [
        b"data: " + json.dumps(one, separators=(",", ":")).encode() + b"\n\n" for one in words
    ]
    return [*events, events[0].replace(b'"finish_reason"', b'"\\u0066inish_reason"'), b": ping\n\n"]


def _messages() -> list[bytes]:
    values = [
        anthropic_wire.text(0, HOLE),
        anthropic_wire.json_piece(1, HOLE),
        anthropic_wire.thought(0, HOLE),
        anthropic_wire.opened(1, "tool_use", id="toolu_1", name="usage", input={}),
        anthropic_wire.opened(0, "text", text=HOLE),
        anthropic_wire.closed(0),
        anthropic_wire.stopped(usage={"output_tokens": 3}),
        {"type": "error", "error": {"type": "overloaded_error", "message": HOLE}},
        {"type": "ping"},
        {"type": "new", "error": {"message": HOLE}},
        anthropic_wire.start(),
    ]
    events = [anthropic_wire.frame(value) for value in values]
    tight = json.dumps(values[0], separators=(",", ":")).encode()
    events.append(b"event: content_block_delta\ndata: " + tight + b"\n\n")
    return [*events, anthropic_wire.frame(anthropic_wire.STOP), b"data: [DONE]\n\n"]


def _responses() -> list[bytes]:
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "usage"}
    return [
        responses_wire.said(0, HOLE),
        responses_wire.argued(1, HOLE),
        responses_wire.frame("response.refusal.delta", output_index=0, delta=HOLE),
        responses_wire.added(1, **call, arguments=""),
        responses_wire.done(1, **call, arguments=HOLE),
        responses_wire.frame("error", message=HOLE),
        responses_wire.frame("response.new", error={"message": HOLE}),
        responses_wire.completed(usage={"input_tokens": 7, "output_tokens": 3}),
        b"data: [DONE]\n\n",
    ]


KNOWN = {
    Dialect.CHAT: (b"", _chat(), SPELLINGS + CHAT_TORN),
    Dialect.ANTHROPIC: (
        anthropic_wire.frame(anthropic_wire.start()),
        _messages(),
        SPELLINGS + TORN,
    ),
    Dialect.RESPONSES: (responses_wire.created(), _responses(), SPELLINGS + TORN),
}


@st.composite
def streams(draw: st.DrawFn, dialect: Dialect) -> bytes:
    """Runs of events of one make and many texts, of whole events at its end."""
    first, events, spellings = KNOWN[dialect]
    texts = st.lists(st.sampled_from(spellings), min_size=0, max_size=3).map("".join)
    stream = first
    makes = draw(st.lists(st.sampled_from(events), min_size=1, max_size=4))
    for event in draw(st.lists(st.sampled_from(makes), min_size=1, max_size=8)):
        for text in draw(st.lists(texts, min_size=1, max_size=14)):
            stream += event.replace(HOLE.encode(), text.encode())
    return stream + b"\n\n"


def heard(dialect: Dialect, reads: list[bytes], *, sieved: bool) -> tuple[list[Event], bool, bytes]:
    tap = CODECS[dialect].tap(Quirks())
    decoder = tap.decoder if sieved else sse.Decoder()
    events = [event for read in reads for event in tap.read(decoder.feed(read))]
    over, closing = tap.over, tap.closing()
    events += tap.finish()
    return [event for event in events if not isinstance(event, Lost | Ping)], over, closing


@EVERY_DIALECT
@given(data=st.data())
@settings(max_examples=400)
def test_what_is_passed_over_would_have_told_nothing(dialect: Dialect, data: st.DataObject) -> None:
    stream = data.draw(streams(dialect))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12))
    edges = [0, *sorted(cuts), len(stream)]
    reads = [stream[a:b] for a, b in itertools.pairwise(edges)]
    expected = heard(dialect, [stream], sieved=False)
    assert heard(dialect, reads, sieved=True) == expected
    assert heard(dialect, [stream], sieved=True) == expected


@pytest.mark.parametrize("together", [1, 3, 2000])
@EVERY_DIALECT
def test_nearly_all_is_passed_over(dialect: Dialect, together: int) -> None:
    first, (event, *_), _ = KNOWN[dialect]
    texts = [rf"word {n} \"\n\" " if n % 7 == 0 else f"word {n}" for n in range(2000)]
    events = [event.replace(HOLE.encode(), text.encode()) for text in texts]
    decoder = CODECS[dialect].tap(Quirks()).decoder
    decoder.feed(first)
    reads = [b"".join(events[n : n + together]) for n in range(0, len(events), together)]
    assert sum(len(decoder.feed(read)) for read in reads) < 10

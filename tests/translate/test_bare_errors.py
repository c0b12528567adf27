"""An error that stands in a stream as JSON without `data:`: its words reach the client."""

from __future__ import annotations

import itertools
import json

import pytest

from gwproxy.translate.bridge import Bridge
from gwproxy.translate.events import Fail
from gwproxy.translate.hub import Dialect, Failure
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS
from support import anthropic_wire, chat_wire, responses_wire
from support.bridges import bridge_of

A, C, R = Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES
WIRES = {A: anthropic_wire.WIRE, C: chat_wire.WIRE, R: responses_wire.WIRE}
ASKED: dict[Dialect, dict[str, object]] = {
    A: {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
    C: {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
    R: {"model": "m", "input": "Hi"},
}
BEGUN = {
    A: b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message",'
    b'"role":"assistant","model":"up","content":[],"stop_reason":null,"stop_sequence":null,'
    b'"usage":{"input_tokens":1,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"Hello"}}\n\n',
    C: b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"up","choices":'
    b'[{"index":0,"delta":{"role":"assistant","content":"Hello"},"finish_reason":null}]}\n\n',
    R: b'event: response.created\ndata: {"type":"response.created","response":{"id":"r",'
    b'"object":"response","status":"in_progress","model":"up","output":[]}}\n\n'
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta",'
    b'"item_id":"i","output_index":0,"content_index":0,"delta":"Hello"}\n\n',
}
WORDS = "the GPUs are gone"
ERROR = {"error": {"message": WORDS, "type": "server_error"}}
ONE_LINE = json.dumps(ERROR).encode()
BARE = {
    "at the end": ONE_LINE,
    "a line": ONE_LINE + b"\n",
    "an event": ONE_LINE + b"\n\n",
    "of many lines": json.dumps(ERROR, indent=2).encode() + b"\n\n",
    "with a name": b"event: error\n" + ONE_LINE + b"\n\n",
    "before the terminator": ONE_LINE + b"\ndata: [DONE]\n\n",
    "of CRLF lines": ONE_LINE + b"\r\n\r\ndata: [DONE]\r\n\r\n",
}
every_way = pytest.mark.parametrize(
    ("client", "upstream"), list(itertools.product(DIALECTS, DIALECTS))
)


def begun(client: Dialect, upstream: Dialect, *, stream: bool) -> Bridge:
    bridge = bridge_of(client, upstream, Quirks(), stream=stream, streams=True)
    bridge.request(json.dumps(ASKED[client] | {"stream": stream}).encode())
    return bridge


@every_way
@pytest.mark.parametrize("bare", BARE.values(), ids=BARE)
@pytest.mark.parametrize("piece", [7, 100_000])
def test_a_stream_ends_with_the_words_of_the_host(
    client: Dialect, upstream: Dialect, bare: bytes, piece: int
) -> None:
    stream = begun(client, upstream, stream=True).stream()
    sent, out = BEGUN[upstream] + bare, b""
    for start in range(0, len(sent), piece):
        out += b"" if stream.over else stream.feed(sent[start : start + piece])
    out += b"" if stream.over else stream.finish()

    assert stream.sent_failure is not None
    assert stream.sent_failure.message == WORDS
    last = WIRES[client].read(out)[-1]
    assert isinstance(last, Fail)
    assert WORDS in last.failure.message
    assert b"Hello" in out
    assert ONE_LINE not in out.splitlines()


@every_way
@pytest.mark.parametrize("bare", BARE.values(), ids=BARE)
def test_a_collected_answer_is_the_failure(client: Dialect, upstream: Dialect, bare: bytes) -> None:
    collector = begun(client, upstream, stream=False).collect()
    collector.feed(BEGUN[upstream] + bare)
    result = collector.finish()
    assert isinstance(result, Failure)
    assert result.message == WORDS


def test_an_error_event_without_an_envelope_keeps_its_words() -> None:
    stream = begun(C, A, stream=True).stream()
    flat = json.dumps({"type": "error", "message": WORDS}).encode()
    out = stream.feed(BEGUN[A] + b"event: error\ndata: " + flat + b"\n\n")
    assert WORDS.encode() in out


@pytest.mark.parametrize("line", [b'{"note":"no \\"error\\" here"}', b'{"error":', b"error"])
def test_other_lines_without_data_are_passed_over(line: bytes) -> None:
    stream = begun(C, C, stream=True).stream()
    end = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"up","choices":'
    end += b'[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    stream.feed(BEGUN[C] + line + b"\n\n" + end)
    assert stream.over or not stream.finish()
    assert stream.sent_failure is None

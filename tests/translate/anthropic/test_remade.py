"""An answer between equals whose form changes keeps the members that nobody here knows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks
from support.bridges import bridge_of

A = Dialect.ANTHROPIC
REQUEST = b'{"model":"m","max_tokens":9,"stream":%b,"messages":[{"role":"user","content":"a"}]}'
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


def made() -> bytes:
    bridge = bridge_of(A, A, Quirks(), stream=True, streams=False)
    bridge.request(REQUEST % b"true")
    stream = bridge.stream()
    out = stream.whole(json.dumps(MESSAGE, indent=1).encode())
    assert stream.over
    assert stream.failure is None
    assert bridge.tally.usage.output == 5
    return out


def collected(stream: bytes, step: int) -> Any:
    bridge = bridge_of(A, A, Quirks(), stream=False, streams=True)
    bridge.request(REQUEST % b"false")
    collector = bridge.collect()
    for at in range(0, len(stream), step):
        collector.feed(stream[at : at + step])
    body = collector.finish()
    assert isinstance(body, bytes), body
    return json.loads(body)


@pytest.mark.parametrize("step", [1, 100, 100_000])
def test_a_made_stream_put_together_is_the_answer_again(step: int) -> None:
    assert collected(made(), step) == MESSAGE


def test_a_stream_tells_late_what_clients_look_for_at_its_end() -> None:
    (line,) = [line for line in made().splitlines() if b'"message_delta"' in line]
    event = json.loads(line.removeprefix(b"data: "))
    assert event["delta"]["safeguard_results"] == MESSAGE["safeguard_results"]
    assert event["delta"]["container"] == MESSAGE["container"]
    assert event["context_management"] == MESSAGE["context_management"]


def test_a_cut_stream_is_no_answer() -> None:
    bridge = bridge_of(A, A, Quirks(), stream=False, streams=True)
    bridge.request(REQUEST % b"false")
    collector = bridge.collect()
    collector.feed(made().partition(b"event: message_delta")[0])
    assert not isinstance(collector.finish(), bytes)

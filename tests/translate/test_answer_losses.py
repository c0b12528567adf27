"""What an answer holds and a client's dialect has no place for is named, streamed or whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.bridge import Bridge
from gwproxy.translate.hub import Dialect
from gwproxy.translate.registry import DIALECTS
from support.bridges import new_bridge

CITATION = {"type": "web_search_result_location", "url": "https://a.example", "cited_text": "x"}
SEARCH = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "q"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []}
URL = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}

REQUESTS = {
    Dialect.ANTHROPIC: b'{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"q"}]}',
    Dialect.CHAT: b'{"model":"m","messages":[{"role":"user","content":"q"}]}',
    Dialect.RESPONSES: b'{"model":"m","input":"q"}',
}


def bridge(client: Dialect, upstream: Dialect, *, stream: bool) -> Bridge:
    return new_bridge(client, upstream, REQUESTS[client], stream=stream)


def messages_answer(*content: dict[str, Any]) -> dict[str, Any]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "up"}
    usage = {"input_tokens": 1, "output_tokens": 1}
    return head | {"content": list(content), "stop_reason": "end_turn", "usage": usage}


def messages_events(*content: dict[str, Any]) -> bytes:
    """The same as a stream; texts and citations as deltas."""
    events: list[dict[str, Any]] = [{"type": "message_start", "message": messages_answer()}]
    for index, block in enumerate(content):
        start = {key: value for key, value in block.items() if key != "citations"}
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        for citation in block.get("citations", ()):
            delta = {"type": "citations_delta", "citation": citation}
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    events += [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}]
    events += [{"type": "message_stop"}]
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


@pytest.mark.parametrize(
    ("client", "content", "losses"),
    [
        (
            Dialect.CHAT,
            [SEARCH, FOUND, {"type": "text", "text": "a", "citations": [CITATION, CITATION]}],
            ["drop:server_tool_use", "drop:web_search_tool_result", "drop:citations"],
        ),
        (Dialect.CHAT, [{"type": "news", "x": 1}, {"type": "text", "text": "a"}], ["drop:news"]),
        (Dialect.CHAT, [{"type": "text", "text": "a", "citations": []}], []),
        (Dialect.CHAT, [{"type": "text", "text": "a", "citations": None}], []),
        (Dialect.ANTHROPIC, [SEARCH, FOUND], []),
    ],
)
def test_what_only_messages_can_say(
    client: Dialect, content: list[dict[str, Any]], losses: list[str]
) -> None:
    whole = bridge(client, Dialect.ANTHROPIC, stream=False)
    assert isinstance(whole.reply(json.dumps(messages_answer(*content)).encode()), bytes)
    assert list(whole.tally.losses) == losses
    if content[-1].get("citations", ()) is None:
        return  # a stream has no such delta
    streamed = bridge(client, Dialect.ANTHROPIC, stream=True)
    stream = streamed.stream()
    stream.feed(messages_events(*content))
    assert stream.over
    assert stream.failure is None
    assert list(streamed.tally.losses) == losses


@pytest.mark.parametrize(("found", "losses"), [([URL], ["drop:citations"]), ([], []), (None, [])])
def test_what_only_chat_can_say(found: Any, losses: list[str]) -> None:
    words = {"role": "assistant", "content": "a", "annotations": found}
    head = {"id": "c", "model": "up", "created": 1}
    whole = bridge(Dialect.ANTHROPIC, Dialect.CHAT, stream=False)
    choice = {"index": 0, "message": words, "finish_reason": "stop"}
    assert isinstance(whole.reply(json.dumps(head | {"choices": [choice]}).encode()), bytes)
    assert list(whole.tally.losses) == losses
    streamed = bridge(Dialect.ANTHROPIC, Dialect.CHAT, stream=True)
    stream = streamed.stream()
    choice = {"index": 0, "delta": words, "finish_reason": "stop"}
    stream.feed(b"data: " + json.dumps(head | {"choices": [choice]}).encode() + b"\n\n")
    stream.finish()
    assert stream.failure is None
    assert list(streamed.tally.losses) == losses


@pytest.mark.parametrize("client", list(DIALECTS))
@pytest.mark.parametrize(("found", "losses"), [([URL], ["drop:citations"]), ([], []), (None, [])])
def test_what_only_responses_can_say(client: Dialect, found: Any, losses: list[str]) -> None:
    part = {"type": "output_text", "text": "a", "annotations": found}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}
    answer = {"id": "resp_1", "model": "up", "status": "completed", "output": [item]}
    whole = bridge(client, Dialect.RESPONSES, stream=False)
    assert isinstance(whole.reply(json.dumps(answer).encode()), bytes)
    assert list(whole.tally.losses) == losses
    streamed = bridge(client, Dialect.RESPONSES, stream=True)
    stream = streamed.stream()
    for event in (
        {"type": "response.created", "response": answer | {"output": []}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": answer},
    ):
        stream.feed(b"data: " + json.dumps(event).encode() + b"\n\n")
    assert (stream.over, stream.failure) == (True, None)
    assert list(streamed.tally.losses) == losses

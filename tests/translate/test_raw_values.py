"""Raw JSON of either side that enters a stream: there a line break ends an event."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS
from gwproxy.translate.responses.kept import record
from gwproxy.translate.wire import sse
from support.bridges import bridge_of

SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}
REQUESTS: dict[Dialect, dict[str, Any]] = {
    Dialect.ANTHROPIC: {
        "model": "m",
        "max_tokens": 9,
        "stream": True,
        "tools": [{"name": "f", "input_schema": SCHEMA}],
        "messages": [{"role": "user", "content": "x"}],
    },
    Dialect.CHAT: {
        "model": "m",
        "stream": True,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
        "messages": [{"role": "user", "content": "x"}],
    },
    Dialect.RESPONSES: {
        "model": "m",
        "stream": True,
        "store": False,
        "tools": [{"type": "function", "name": "f", "parameters": SCHEMA}],
        "metadata": {"a": "b"},
        "input": "x",
    },
}
RESULT = {"type": "web_search_result", "url": "https://x.test/", "title": "X", "page_age": None}
ANSWERS: dict[Dialect, dict[str, Any]] = {
    Dialect.ANTHROPIC: {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "up",
        "content": [
            {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}},
            {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [RESULT]},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"q": "x"}},
            {"type": "text", "text": "hello"},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    },
    Dialect.CHAT: {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "up",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": "hello",
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "f", "arguments": '{\n "q": "x"\n}'},
                        }
                    ],
                },
            }
        ],
    },
    Dialect.RESPONSES: {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "up",
        "output": [
            {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "x"}},
            {"type": "file_search_call", "id": "fs_1", "queries": ["x"], "results": [{"score": 1}]},
            {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "c1",
                "name": "f",
                "arguments": "{}",
            },
            {"type": "message", "content": [{"type": "output_text", "text": "hello"}]},
        ],
        "usage": {"input_tokens": 3, "output_tokens": 2},
    },
}
_LINE = re.compile(rb"(?:event: [a-z_.]+|data: (.*)|: .*)?\Z")


def printed(value: object, ends: str) -> bytes:
    return json.dumps(value, indent=2).replace("\n", ends).encode()


def datas(stream: bytes) -> list[Any]:
    """The data of a stream of which each line is one that the protocol knows."""
    found = [_LINE.match(line) for line in stream.split(b"\n")]
    assert all(found), stream.decode()
    data = [match[1] for match in found if match and match[1]]
    return [json.loads(one) for one in data if one != b"[DONE]"]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
def test_what_is_printed_over_many_lines_stays_one_event(
    client: Dialect, upstream: Dialect, ends: str
) -> None:
    bridge = bridge_of(client, upstream, Quirks(), stream=True, streams=False)
    bridge.request(printed(REQUESTS[client], ends))
    stream = bridge.stream().whole(printed(ANSWERS[upstream], ends))
    assert "hello" in json.dumps(datas(stream))
    if client == upstream:
        kinds = re.findall(r'"type": "(\w+_(?:search\w*|tool_use))"', json.dumps(datas(stream)))
        sent = re.findall(r'"type": "(\w+_(?:search\w*|tool_use))"', json.dumps(ANSWERS[upstream]))
        assert set(sent) <= set(kinds)


def test_a_kept_response_is_told_on_one_line() -> None:
    body = printed(ANSWERS[Dialect.RESPONSES], "\n")
    kept = record.read(body)
    assert kept is not None
    told = kept.restated("resp_2", store=True, previous_response_id=None)
    (data,) = datas(sse.encode("response.completed", told))
    assert (data["id"], len(data["output"])) == ("resp_2", 4)

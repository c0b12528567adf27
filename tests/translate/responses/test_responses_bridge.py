"""Codex and its like through the whole core, to upstreams that speak another dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.bridge import Bridge
from gwproxy.translate.hub import Dialect, Failure
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio
from support import golden, responses_grammar
from support.bridges import bridge_of

KIMI = Quirks(family="kimi")
CODEX = json.loads((golden.FIXTURES / "responses" / "requests" / "codex-first.json").read_bytes())


def bridge_to(upstream: Dialect, *, stream: bool = True) -> Bridge:
    return bridge_of(
        Dialect.RESPONSES, upstream, KIMI, stream=stream, asked="asked-for", model="the-model"
    )


def chat_stream(*deltas: dict[str, Any], finish: str = "tool_calls") -> bytes:
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    frames = [b"data: " + jsonio.dumps({"id": "chatcmpl-1", **chunk}) for chunk in chunks]
    return b"\n\n".join([*frames, b"data: [DONE]", b""])


def chat_call(name: str, *pieces: str) -> list[dict[str, Any]]:
    first = {"index": 0, "id": "call_9", "type": "function"}
    deltas: list[dict[str, Any]] = [
        {"tool_calls": [{**first, "function": {"name": name, "arguments": ""}}]}
    ]
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": p}}]} for p in pieces]
    return deltas


def through(bridge: Bridge, answer: bytes, size: int = 40) -> tuple[bytes, dict[str, Any]]:
    """The client's stream of an upstream's, a few bytes a read; and its last response."""
    streaming = bridge.stream()
    parts = [streaming.feed(answer[i : i + size]) for i in range(0, len(answer), size)]
    stream = b"".join([*parts, streaming.finish()])
    return stream, responses_grammar.check(stream)


def test_codex_to_a_chat_upstream() -> None:
    bridge = bridge_to(Dialect.CHAT)
    sent = json.loads(bridge.request(jsonio.dumps(CODEX)))
    roles = [message["role"] for message in sent["messages"]]
    assert roles == ["system", "system", "user", "user"]
    functions = {tool["function"]["name"]: tool["function"] for tool in sent["tools"]}
    assert list(functions) == [
        "exec_command",
        "write_stdin",
        "apply_patch",
        "multi_agent_v1__close_agent",
        "multi_agent_v1__send_input",
        "get_goal",
    ]
    assert "*** Begin Patch" in functions["apply_patch"]["description"]
    assert "drop:tools.web_search" in bridge.tally.losses
    assert "drop:client_metadata" in bridge.tally.losses


def test_a_patch_comes_back_as_free_text_while_it_streams() -> None:
    bridge = bridge_to(Dialect.CHAT)
    bridge.request(jsonio.dumps(CODEX))
    patch = '*** Begin Patch\n*** Add File: a.txt\n+"café"\n*** End Patch\n'
    arguments = json.dumps({"input": patch})
    stream, response = through(
        bridge, chat_stream(*chat_call("apply_patch", arguments[:20], arguments[20:]))
    )
    (item,) = response["output"]
    assert (item["type"], item["name"], item["input"]) == ("custom_tool_call", "apply_patch", patch)
    deltas = [e for e in responses_grammar.events(stream) if "input.delta" in e["type"]]
    assert len(deltas) > 1


def test_a_namespaced_call_finds_its_namespace_again() -> None:
    bridge = bridge_to(Dialect.CHAT)
    bridge.request(jsonio.dumps(CODEX))
    call = chat_call("multi_agent_v1__close_agent", '{"target":"x"}')
    (item,) = through(bridge, chat_stream(*call))[1]["output"]
    assert (item["name"], item["namespace"]) == ("close_agent", "multi_agent_v1")
    assert item["arguments"] == '{"target":"x"}'


def test_thoughts_come_back_to_the_upstream_that_thought_them() -> None:
    bridge = bridge_to(Dialect.CHAT)
    bridge.request(jsonio.dumps(CODEX))
    thoughts = {"reasoning_content": "Let me see: café"}
    call = chat_call("exec_command", '{"cmd":"ls"}')
    _, response = through(bridge, chat_stream(thoughts, {"content": "Looking."}, *call))
    assert response["output"][0]["summary"][0]["text"] == "Let me see: café"
    output = {"type": "function_call_output", "call_id": "call_9", "output": "a.txt"}
    following = {**CODEX, "input": [*CODEX["input"], *response["output"], output]}
    sent = json.loads(bridge_to(Dialect.CHAT).request(jsonio.dumps(following)))
    assistant, tool = sent["messages"][-2:]
    assert assistant["reasoning_content"] == "Let me see: café"
    assert assistant["content"] == "Looking."
    assert assistant["tool_calls"][0]["id"] == tool["tool_call_id"] == "call_9"


def test_the_second_request_begins_with_the_firsts_history() -> None:
    first = bridge_to(Dialect.CHAT).request(jsonio.dumps(CODEX))
    said = {"role": "assistant", "content": [{"type": "output_text", "text": "Done."}]}
    more = {**CODEX, "input": [*CODEX["input"], said, {"role": "user", "content": "Thanks."}]}
    second = bridge_to(Dialect.CHAT).request(jsonio.dumps(more))
    before = json.loads(first)["messages"]
    assert json.loads(second)["messages"][: len(before)] == before


@pytest.mark.parametrize("upstream", [Dialect.CHAT, Dialect.ANTHROPIC])
def test_a_cut_stream_fails_aloud(upstream: Dialect) -> None:
    bridge = bridge_to(upstream)
    bridge.request(jsonio.dumps(CODEX))
    answer = {
        Dialect.CHAT: b'data: {"choices":[{"index":0,"delta":{"content":"Half"}}]}\n\n',
        Dialect.ANTHROPIC: b'event: message_start\ndata: {"type":"message_start","message":'
        b'{"id":"msg_1","model":"m","usage":{"input_tokens":1,"output_tokens":0}}}\n\n',
    }[upstream]
    stream, response = through(bridge, answer)
    assert response["status"] == "failed"
    assert b"event: error" in stream


def test_a_whole_answer_for_a_client_that_wants_a_stream() -> None:
    bridge = bridge_to(Dialect.CHAT)
    bridge.request(jsonio.dumps(CODEX))
    message = {"role": "assistant", "content": "Hello"}
    body = {"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    response = responses_grammar.check(bridge.stream().whole(jsonio.dumps(body)))
    assert response["output"][0]["content"][0]["text"] == "Hello"
    assert response["model"] == "asked-for"


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_an_answer_in_the_background_is_promised_under_the_name_asked_for(status: str) -> None:
    bridge = bridge_to(Dialect.RESPONSES, stream=False)
    bridge.request(b'{"model":"asked-for","input":"x","background":true}')
    body = b'{"id":"resp_1", "model":"the-model","status":"%b","output":[]}' % status.encode()
    assert bridge.reply(body) == body.replace(b"the-model", b"asked-for")


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":"resp_1","model":"m","status":"cancelled","output":[]}',
        b'{"model":"m","status":"queued"}',
        b'{"id":"resp_1","model":"m","status":"queued","error":{"message":"no"}}',
        b'{"status":7}',
    ],
)
def test_what_promises_nothing_is_a_failure(body: bytes) -> None:
    bridge = bridge_to(Dialect.RESPONSES, stream=False)
    bridge.request(b'{"model":"asked-for","input":"x","background":true}')
    assert isinstance(bridge.reply(body), Failure)

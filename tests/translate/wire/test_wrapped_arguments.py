"""A tool whose arguments are no object: wrapped for a host of Moonshot's dialect, and back."""

from __future__ import annotations

import itertools
import json
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from gwproxy.translate.bridge import Bridge, request_head
from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks
from support.bridges import bridge_of

LIST = {"type": "array", "items": {"type": "string"}}
OBJECT = {"type": "object", "properties": {"value": {"type": "string"}}}


def bridge_for(body: bytes, client: Dialect, *, streams: bool) -> Bridge:
    quirks, head = Quirks(schema="moonshot", rebuild=True), request_head(body)
    return bridge_of(client, Dialect.CHAT, quirks, stream=head.stream, streams=streams)


def request(client: Dialect, *, stream: bool) -> bytes:
    tools: list[dict[str, Any]]
    if client is Dialect.ANTHROPIC:
        tools = [{"name": "pick", "input_schema": LIST}, {"name": "say", "input_schema": OBJECT}]
    else:
        functions = [{"name": "pick", "parameters": LIST}, {"name": "say", "parameters": OBJECT}]
        tools = [{"type": "function", "function": one} for one in functions]
        if client is Dialect.RESPONSES:
            tools = [{"type": "function", "strict": False, **one} for one in functions]
    said = "input" if client is Dialect.RESPONSES else "messages"
    body: dict[str, Any] = {"model": "m", said: [{"role": "user", "content": "go"}], "tools": tools}
    if client is Dialect.ANTHROPIC:
        body["max_tokens"] = 99
    return json.dumps({**body, "stream": stream}).encode()


def call(index: int, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"index": index, "id": f"c{index}", "type": "function", "function": function}


CALLS = [call(0, "pick", '{"value": ["n", "m"]}'), call(1, "say", '{"value":"hi"}')]
ANSWER = json.dumps(
    {
        "id": "1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "tool_calls": CALLS},
                "finish_reason": "tool_calls",
            }
        ],
    }
).encode()


def given_arguments(client: Dialect, answer: dict[str, Any]) -> list[Any]:
    if client is Dialect.ANTHROPIC:
        return [block["input"] for block in answer["content"]]
    if client is Dialect.CHAT:
        calls = answer["choices"][0]["message"]["tool_calls"]
        return [json.loads(one["function"]["arguments"]) for one in calls]
    return [json.loads(item["arguments"]) for item in answer["output"]]


@pytest.mark.parametrize(
    ("client", "picked"),
    [
        (Dialect.ANTHROPIC, {"value": ["n", "m"]}),  # where arguments are always an object
        (Dialect.CHAT, ["n", "m"]),
        (Dialect.RESPONSES, ["n", "m"]),
    ],
)
def test_the_client_gets_what_its_own_schema_says(client: Dialect, picked: Any) -> None:
    body = request(client, stream=False)
    bridge = bridge_for(body, client, streams=False)
    sent = json.loads(bridge.request(body))
    assert sent["tools"][0]["function"]["parameters"]["properties"] == {"value": LIST}
    answer = bridge.reply(ANSWER)
    assert isinstance(answer, bytes)
    assert given_arguments(client, json.loads(answer)) == [picked, {"value": "hi"}]


@hypothesis.given(st.lists(st.integers(0, len(CALLS[0]["function"]["arguments"])), max_size=4))
def test_in_a_stream_too_cut_anywhere(cuts: list[int]) -> None:
    body = request(Dialect.CHAT, stream=True)
    bridge = bridge_for(body, Dialect.CHAT, streams=True)
    bridge.request(body)
    whole = CALLS[0]["function"]["arguments"]
    edges = sorted({0, len(whole), *cuts})
    deltas = [call(0, "pick", "")] + [
        {"index": 0, "function": {"arguments": whole[start:end]}}
        for start, end in itertools.pairwise(edges)
    ]
    stream = bridge.stream()
    out = b""
    for delta in deltas:
        chunk = {"choices": [{"index": 0, "delta": {"tool_calls": [delta]}}]}
        out += stream.feed(b"data: %b\n\n" % json.dumps(chunk).encode())
    out += stream.feed(
        b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}\n\n'
        b"data: [DONE]\n\n"
    )
    told = [
        piece["function"].get("arguments", "")
        for line in out.decode().split("\n\n")
        if line.startswith("data: {")
        for choice in json.loads(line[6:])["choices"]
        for piece in choice["delta"].get("tool_calls", [])
    ]
    assert json.loads("".join(told)) == ["n", "m"]


@pytest.mark.parametrize("given", [["n"], {"value": ["n"]}])
def test_a_call_goes_back_as_the_host_made_it(given: Any) -> None:
    body = json.loads(request(Dialect.ANTHROPIC, stream=False))
    made = {"type": "tool_use", "id": "c0", "name": "pick", "input": given}
    result = {"type": "tool_result", "tool_use_id": "c0", "content": "ok"}
    body["messages"] += [
        {"role": "assistant", "content": [made]},
        {"role": "user", "content": [result]},
    ]
    sent = json.dumps(body).encode()
    rendered = json.loads(bridge_for(sent, Dialect.ANTHROPIC, streams=False).request(sent))
    (again,) = rendered["messages"][1]["tool_calls"]
    assert json.loads(again["function"]["arguments"]) == {"value": ["n"]}


def test_half_a_wrapped_call_is_told_as_cut_short() -> None:
    body = request(Dialect.CHAT, stream=False)
    bridge = bridge_for(body, Dialect.CHAT, streams=False)
    bridge.request(body)
    answer = bridge.reply(ANSWER.replace(rb"[\"n\", \"m\"]}", rb"[\"n"))
    assert isinstance(answer, bytes)
    assert json.loads(answer)["choices"][0]["finish_reason"] == "length"

"""A Responses host that takes function tools only: what a relayed request becomes, and how its
calls come back."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from gwproxy.translate.bridge import Bridge
from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks
from support import responses_grammar
from support.bridges import bridge_of

R = Dialect.RESPONSES
KINDS = ("custom_tools", "namespaces", "client_tools", "added_tools", "agent_items")
FUNCTIONS_ONLY = Quirks(**dict.fromkeys((*KINDS, "hosted_tools"), False))  # type: ignore[arg-type]
PATCH = '*** Begin Patch\n*** Add File: a.txt\n+"café"\n*** End Patch\n'

SCHEMA = {"type": "object", "properties": {"m": {"type": "string"}}}
EXEC = {"type": "function", "name": "exec", "parameters": SCHEMA, "strict": False}
SPAWN = {"type": "function", "name": "spawn", "parameters": SCHEMA, "strict": True}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/s"}
CUSTOM = {"type": "custom", "name": "apply_patch", "description": "patch", "format": GRAMMAR}
SPACE = {"type": "namespace", "name": "agents", "description": "many", "tools": [SPAWN]}
SHELL = {"type": "local_shell"}
SEARCH = {"type": "tool_search", "execution": "client", "description": "more tools"}
WEB = {"type": "web_search"}
FOUND = {"type": "function", "name": "found", "parameters": SCHEMA, "strict": False}
ADDED = {"type": "custom", "name": "late", "description": "added"}

SAID = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "b3BhcXVl"}
TASK = {"type": "encrypted_content", "encrypted_content": "List."}
HISTORY: list[dict[str, Any]] = [
    {"type": "additional_tools", "role": "developer", "tools": [ADDED, EXEC]},
    SAID,
    {"type": "agent_message", "id": "amsg_1", "author": "/a", "content": [TASK]},
    {"type": "not_known_yet", "wordless": 1},
    THOUGHT,
    {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "apply_patch"}
    | {"input": PATCH},
    {"type": "custom_tool_call_output", "id": "ctco_1", "call_id": "c1", "output": "done"},
    {"type": "function_call", "id": "fc_2", "call_id": "c2", "name": "spawn"}
    | {"namespace": "agents", "arguments": '{"m": "x"}', "status": "completed"},
    {"type": "function_call_output", "call_id": "c2", "output": [SAID["content"][0]]},
    {"type": "local_shell_call", "id": "lsh_1", "call_id": "c3", "status": "completed"}
    | {"action": {"type": "exec", "command": ["ls"], "env": {}}},
    {"type": "local_shell_call_output", "call_id": "c3", "output": "a.txt"},
    {"type": "tool_search_call", "call_id": "c4", "execution": "client"}
    | {"status": "completed", "arguments": {"query": "more"}},
    {"type": "tool_search_output", "call_id": "c4", "execution": "client"}
    | {"status": "completed", "tools": [FOUND]},
    {"type": "function_call", "id": "fc_5", "call_id": "c5", "name": "exec", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c5", "output": "ok"},
]
REST = {
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "key",
    "client_metadata": {"a": "b"},
    "parallel_tool_calls": True,
    "novelty": {"deep": [1.0]},
}
REQUEST: dict[str, Any] = {
    "model": "m",
    "input": HISTORY,
    "tools": [CUSTOM, EXEC, SPACE, SHELL, SEARCH, WEB],
    **REST,
}


def asked(
    request: dict[str, Any], quirks: Quirks = FUNCTIONS_ONLY, **how: Any
) -> tuple[Bridge, dict[str, Any]]:
    """The bridge of a relayed request, and what its upstream gets."""
    bridge = bridge_of(R, R, quirks, stream=how.pop("stream", False), model="m", **how)
    sent = bridge.request(json.dumps(request).encode())
    assert bridge.relays
    return bridge, json.loads(sent)


def test_all_tools_and_their_history_are_functions() -> None:
    bridge, sent = asked(REQUEST)
    assert {tool["type"] for tool in sent["tools"]} == {"function"}
    names = [tool["name"] for tool in sent["tools"]]
    expected = ["apply_patch", "exec", "agents__spawn", "local_shell", "tool_search"]
    assert names == [*expected, "late", "found"]
    assert GRAMMAR["definition"] in sent["tools"][0]["description"]
    items = sent["input"]
    kinds = {"message", "reasoning", "function_call", "function_call_output"}
    assert {item["type"] for item in items} == kinds
    calls = [item for item in items if item["type"] == "function_call"]
    outputs = [item for item in items if item["type"] == "function_call_output"]
    assert [one["call_id"] for one in calls] == [one["call_id"] for one in outputs]
    assert {one["name"] for one in calls} <= set(names)
    assert json.loads(calls[0]["arguments"]) == {"input": PATCH}
    assert json.loads(calls[2]["arguments"])["command"] == ["ls"]
    assert not any(
        item.get("namespace") or item.get("id", "fc").startswith("ctc") for item in items
    )
    assert items[1]["content"] == [
        {"type": "input_text", "text": "[message of the agent /a]\nList."}
    ]
    losses = {"emu:tools.custom", "emu:input.additional_tools", "emu:messages.agent_message"}
    assert {*losses, "drop:messages.not_known_yet"} <= set(bridge.tally.losses)
    # What no such tool is about goes up as it came.
    assert {name: sent[name] for name in REST} == REST
    for item in (SAID, THOUGHT, *HISTORY[-2:]):
        assert item in items


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_refused_changes(kind: str) -> None:
    refused: dict[str, Any] = {kind: False}
    _, sent = asked(REQUEST, dataclasses.replace(Quirks(), **refused))
    moved = {
        "custom_tools": {"custom"},
        "namespaces": {"namespace"},
        "client_tools": {"local_shell", "tool_search"},
        "added_tools": set(),
        "agent_items": set(),
    }[kind]
    kept = [tool for tool in REQUEST["tools"] if tool["type"] not in moved]
    assert [tool for tool in sent["tools"] if tool in kept] == kept
    assert not moved & {tool["type"] for tool in sent["tools"]}
    for item, quirk in (("additional_tools", "added_tools"), ("agent_message", "agent_items")):
        assert any(one["type"] == item for one in sent["input"]) is (kind != quirk)


def test_a_request_without_such_tools_keeps_every_byte_and_so_does_its_answer() -> None:
    body = (
        b'{ "model":"m", "novelty" : 1.0,\n"tools":[ {"type":"function","name":"a"} ],"input":"x"}'
    )
    answer = b'{"id":"r", "status":"completed","model" : "m","output":[ ]}'
    bridge = bridge_of(R, R, FUNCTIONS_ONLY, stream=False, model="m")
    assert bridge.request(body) == body
    assert bridge.reply(answer) == answer


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "custom", "name": "apply_patch"}, {"type": "function", "name": "apply_patch"}),
        ({"type": "function", "name": "spawn"}, {"type": "function", "name": "agents__spawn"}),
        ({"type": "local_shell"}, {"type": "function", "name": "local_shell"}),
        ({"type": "function", "name": "exec"}, {"type": "function", "name": "exec"}),
        ({"type": "web_search"}, {"type": "web_search"}),
        ("required", "required"),
        (
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "namespace", "name": "agents"}],
            },
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "agents__spawn"}],
            },
        ),
    ],
)
def test_the_choice_follows(choice: Any, expected: Any) -> None:
    _, sent = asked({**REQUEST, "tool_choice": choice})
    assert sent["tool_choice"] == expected
    # A tool that must be called is not taken away.
    forced = isinstance(choice, dict) and choice["type"] == "web_search"
    assert any(tool["type"] == "web_search" for tool in sent["tools"]) is forced


def test_a_hosts_own_tool_alone_is_the_hosts_to_refuse() -> None:
    request = {"model": "m", "input": "x", "tools": [WEB]}
    assert asked(request)[1] == request


# --- the answer ----------------------------------------------------------------------------------

CALLS = {
    "apply_patch": json.dumps({"input": PATCH}),
    "agents__spawn": '{"m": "x"}',
    "local_shell": '{"command": ["ls", "-l"]}',
    "exec": '{"m": "y"}',
}


def upstream_stream(calls: dict[str, str], finish: str = "tool_calls") -> bytes:
    """A strict stream of functions' calls, as a good host sends it."""
    functions = [{**EXEC, "name": name} for name in calls]
    body = {"model": "m", "input": "x", "stream": True, "tools": functions}
    host = bridge_of(R, Dialect.CHAT, Quirks(), stream=True, asked="m", model="m")
    host.request(json.dumps(body).encode())
    stream = host.stream()
    deltas: list[Any] = [{"role": "assistant", "content": "fine"}]
    for index, (name, arguments) in enumerate(calls.items()):
        head = {"index": index, "id": f"call_{index}", "type": "function"}
        deltas.append({"tool_calls": [{**head, "function": {"name": name, "arguments": ""}}]})
        for piece in (arguments[:20], arguments[20:]):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    chunks = [{"index": 0, "delta": delta} for delta in deltas]
    chunks.append({"index": 0, "delta": {}, "finish_reason": finish})
    data = [b"data: " + json.dumps({"id": "1", "choices": [one]}).encode() for one in chunks]
    out = stream.feed(b"\n\n".join([*data, b"data: [DONE]", b""]))
    responses_grammar.check(out)
    return out


def told(bridge: Bridge, answer: bytes, size: int) -> bytes:
    stream = bridge.stream()
    parts = [stream.feed(answer[at : at + size]) for at in range(0, len(answer), size)]
    return b"".join([*parts, stream.finish()])


def check_calls(output: list[dict[str, Any]]) -> None:
    patch, spawn, shell, run = (item for item in output if item["type"] != "message")
    assert (patch["type"], patch["name"], patch["input"]) == (
        "custom_tool_call",
        "apply_patch",
        PATCH,
    )
    assert "arguments" not in patch
    assert (spawn["type"], spawn["name"], spawn["namespace"]) == (
        "function_call",
        "spawn",
        "agents",
    )
    assert spawn["arguments"] == CALLS["agents__spawn"]
    assert shell["type"] == "local_shell_call"
    assert shell["action"]["command"] == ["ls", "-l"]
    assert (run["type"], run["arguments"]) == ("function_call", CALLS["exec"])
    assert "namespace" not in run


@pytest.mark.parametrize("size", [1, 7, 200, 100_000])
def test_calls_come_back_as_the_client_knows_them_while_they_stream(size: int) -> None:
    bridge, _ = asked(REQUEST, stream=True)
    stream = told(bridge, upstream_stream(CALLS), size)
    response = responses_grammar.check(stream)
    check_calls(response["output"])
    assert response["tools"] == REQUEST["tools"]
    events = responses_grammar.events(stream)
    deltas = [e["delta"] for e in events if e["type"] == "response.custom_tool_call_input.delta"]
    assert (len(deltas) > 1, "".join(deltas)) == (True, PATCH)
    # The next turn tells them to the host as it told them.
    _, sent = asked({**REQUEST, "input": [SAID, *response["output"]]})
    calls = [item for item in sent["input"] if item["type"] == "function_call"]
    assert {one["name"]: json.loads(one["arguments"]) for one in calls} == {
        name: {**({"env": {}} if name == "local_shell" else {}), **json.loads(text)}
        for name, text in CALLS.items()
    }


def test_a_whole_answer_and_one_that_is_remade_say_the_same() -> None:
    upstream = upstream_stream(CALLS)
    body = json.dumps(responses_grammar.check(upstream)).encode()
    whole = asked(REQUEST)[0].reply(body)
    assert isinstance(whole, bytes)
    check_calls(json.loads(whole)["output"])
    made = told_whole(asked(REQUEST, stream=True, streams=False)[0], body)
    check_calls(responses_grammar.check(made)["output"])
    collector = asked(REQUEST, stream=False, streams=True)[0].collect()
    collector.feed(upstream)
    collected = collector.finish()
    assert isinstance(collected, bytes)
    check_calls(json.loads(collected)["output"])


def told_whole(bridge: Bridge, body: bytes) -> bytes:
    return bridge.stream().whole(body)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_free_form_call_that_was_cut_is_not_told_as_one(streamed: bool) -> None:
    """As a function its arguments were no JSON, and nobody ran it; its half text would be run."""
    half = json.dumps({"input": PATCH})[:30]
    upstream = upstream_stream({"apply_patch": "{}"}).replace(b'"{}"', json.dumps(half).encode())
    bridge, _ = asked(REQUEST, stream=streamed)
    if streamed:
        stream = told(bridge, upstream, 50)
        kinds = [event["type"] for event in responses_grammar.events(stream)]
        assert "response.custom_tool_call_input.done" not in kinds
        response = responses_grammar.events(stream)[-1]["response"]
        assert kinds[-1] == "response.incomplete"
    else:
        whole = bridge.reply(
            json.dumps(responses_grammar.events(upstream)[-1]["response"]).encode()
        )
        assert isinstance(whole, bytes)
        response = json.loads(whole)
    assert [item["type"] for item in response["output"]] == ["message"]
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}

"""What a request expects a server to remember, and how one that remembers nothing serves it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.responses import ResponseItem
from pydantic import TypeAdapter

from gwproxy.translate.losses import Losses
from gwproxy.translate.responses import request
from gwproxy.translate.responses.kept import state
from gwproxy.translate.responses.kept.state import State
from gwproxy.translate.wire.fields import Rejected


def test_storing_is_the_default() -> None:
    assert state.stateful(b'{"model":"m","input":"x"}') == State(True, None, ())
    assert state.stateful(b'{"store":null,"input":"x"}').store is True
    assert state.stateful(b'{"store":false,"input":"x"}').store is False


def test_what_a_request_leans_on() -> None:
    body = (
        b'{"previous_response_id":"resp_1","input":[{"type":"item_reference","id":"msg_1"},'
        b'{"role":"user","content":"item_reference"}]}'
    )
    assert state.stateful(body) == State(True, "resp_1", ("msg_1",))


def test_a_reference_need_not_say_its_type() -> None:
    body = b'{"input":[{"id":"a"},{"type":null,"id":"b"},{"role":"user","id":"c","content":"x"}]}'
    assert state.stateful(body).references == ("a", "b")
    assert state.items(body, {"a": b"1", "b": b"2", "c": b"3"})[:2] == [b"1", b"2"]


def test_what_only_the_vendor_can_do_is_seen() -> None:
    assert state.stateful(b'{"input":"x","background":true}').remote
    assert state.stateful(b'{"input":"x","conversation":{"id":"conv_1"}}').remote
    assert not state.stateful(b'{"input":"x","background":false,"conversation":null}').remote


@pytest.mark.parametrize("body", [b"[]", b"x", b'{"store":1}', b'{"previous_response_id":5}'])
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(Rejected):
        state.stateful(body)


def test_a_string_is_one_message() -> None:
    assert state.items(b'{"input":"caf\\u00e9"}') == [
        b'{"type":"message","role":"user","content":"caf\\u00e9"}'
    ]


@pytest.mark.parametrize("body", [b"{}", b'{"input":null}', b'{"input":[]}'])
def test_no_input_is_no_items(body: bytes) -> None:
    assert state.items(body) == []


def test_items_keep_their_bytes() -> None:
    items = state.items(b'{"input":[ {"role": "user", "content":"a"} , {"n":1.10}]}')
    assert items == [b'{"role": "user", "content":"a"}', b'{"n":1.10}']


def test_a_request_that_leans_on_another_stands_alone() -> None:
    body = (
        b'{"model":"m","previous_response_id":"resp_1","store":true,"temperature":0.50,"input":"b"}'
    )
    earlier = [b'{"role":"user","content":"a"}', b'{"role":"assistant","content":"A"}']
    resolved = state.resolve(body, [*earlier, *state.items(body)])
    assert b'"temperature":0.50' in resolved
    assert json.loads(resolved) == {
        "model": "m",
        "temperature": 0.5,
        "store": False,
        "input": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "A"},
            {"type": "message", "role": "user", "content": "b"},
        ],
    }
    roles = [turn.role for turn in request.parse(resolved, Losses()).turns]
    assert roles == ["user", "assistant", "user"]


def test_references_become_their_items() -> None:
    body = b'{"model":"m","input":[{"type":"item_reference","id":"msg_1"},{"n":1.10}]}'
    known = {"msg_1": b'{"role":"assistant","content":"A"}'}
    assert state.items(body, known) == [known["msg_1"], b'{"n":1.10}']
    assert state.items(body, {"msg_1": b""}) == [b'{"n":1.10}']
    with pytest.raises(Rejected, match=r"input\[0\]"):
        request.parse(state.resolve(body, state.items(body)[:1]), Losses())


@pytest.mark.parametrize(
    ("include", "asked"),
    [
        (b"", ["reasoning.encrypted_content"]),
        (b',"include":null', ["reasoning.encrypted_content"]),
        (b',"include":["a"]', ["a", "reasoning.encrypted_content"]),
        (b',"include":["reasoning.encrypted_content"]', ["reasoning.encrypted_content"]),
    ],
)
def test_reasoning_is_asked_for_in_a_form_that_can_come_back(
    include: bytes, asked: list[str]
) -> None:
    resolved = state.resolve(b'{"input":"x"%b}' % include, (), sealed=True)
    assert json.loads(resolved)["include"] == asked


def test_input_is_listed_with_ids_and_parts() -> None:
    given = [
        b'{"role":"user","content":"hi"}',
        b'{"type":"message","id":"msg_1","role":"assistant","content":"ho","status":"incomplete"}',
        b'{"type":"function_call_output","call_id":"c","output":"1.10"}',
        b'{"role":"user","content":[{"type":"input_text","text":"x"}]}',
    ]
    items = [json.loads(item) for item in state.listed(given, "resp_1")]
    ids = state.item_ids(given, "resp_1")
    assert [item["id"] for item in items] == ids
    assert [item_id.partition("_")[0] for item_id in ids] == ["msg", "msg", "item", "msg"]
    assert items[0]["content"] == [{"type": "input_text", "text": "hi"}]
    assert (items[0]["type"], items[0]["status"]) == ("message", "completed")
    assert items[1]["content"] == [{"type": "output_text", "text": "ho", "annotations": []}]
    assert (items[1]["id"], items[1]["status"]) == ("msg_1", "incomplete")
    assert items[2]["output"] == "1.10"
    assert items[2]["status"] == "completed"
    assert items[3]["content"] == [{"type": "input_text", "text": "x"}]
    # The same item has the same id whenever it is asked for, and no other response has it.
    assert state.item_ids(given, "resp_1") == ids
    assert set(state.item_ids(given, "resp_2")) & set(ids) == {"msg_1"}


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": "hi"},
        {"role": "developer", "content": [{"type": "input_text", "text": "x"}]},
        {"role": "assistant", "content": "ho"},
        {"type": "reasoning", "summary": []},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
        {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "1"},
        {
            "type": "shell_call",
            "call_id": "c",
            "action": {"commands": ["ls"], "timeout_ms": None, "max_output_length": None},
            "environment": None,
        },
    ],
)
def test_what_is_listed_is_what_the_sdk_expects(item: dict[str, Any]) -> None:
    (listed,) = state.listed([json.dumps(item).encode()], "resp_1")
    assert TypeAdapter(ResponseItem).validate_json(listed).type == item.get("type", "message")

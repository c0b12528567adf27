"""What a request expects a server to remember, and how one that remembers nothing serves it."""

from __future__ import annotations

import json

import pytest

from gwproxy.translate.fields import Rejected
from gwproxy.translate.losses import Losses
from gwproxy.translate.responses import request, state
from gwproxy.translate.responses.state import State


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


@pytest.mark.parametrize("body", [b"[]", b"x", b'{"store":1}', b'{"previous_response_id":5}'])
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(Rejected):
        state.stateful(body)


def test_a_string_is_one_message() -> None:
    assert state.items(b'{"input":"caf\\u00e9"}') == [
        b'{"type":"message","role":"user","content":"caf\\u00e9"}'
    ]


def test_items_keep_their_bytes() -> None:
    items = state.items(b'{"input":[ {"role": "user", "content":"a"} , {"n":1.10}]}')
    assert items == [b'{"role": "user", "content":"a"}', b'{"n":1.10}']


def test_a_request_that_leans_on_another_stands_alone() -> None:
    body = (
        b'{"model":"m","previous_response_id":"resp_1","store":true,"temperature":0.50,"input":"b"}'
    )
    earlier = [b'{"role":"user","content":"a"}', b'{"role":"assistant","content":"A"}']
    resolved = state.resolve(body, earlier)
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
    body = b'{"model":"m","input":[{"type":"item_reference","id":"msg_1"}]}'
    known = {"msg_1": b'{"role":"assistant","content":"A"}'}
    assert json.loads(state.resolve(body, (), known))["input"] == [
        {"role": "assistant", "content": "A"}
    ]
    with pytest.raises(Rejected, match=r"input\[0\]"):
        request.parse(state.resolve(body, ()), Losses())

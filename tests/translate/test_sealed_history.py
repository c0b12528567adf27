"""A history with reasoning that we sealed, towards an upstream of the client's own dialect.

Bytes that pass through would bear our envelope to a maker who takes it for a bad signature
(https://docs.claude.com/en/docs/build-with-claude/extended-thinking: a 400).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.bridge import Bridge
from gwproxy.translate.hub import Dialect, Seal
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import seal
from support.bridges import bridge_of

CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "seen"}
TOOL = {"name": "look", "input_schema": {"type": "object"}}


def claude() -> Bridge:
    quirks = Quirks(family="claude", signed_thinking=True, adaptive_thinking=True)
    return bridge_of(Dialect.ANTHROPIC, Dialect.ANTHROPIC, quirks, stream=True, model="m")


def history(signature: str) -> bytes:
    thought = {"type": "thinking", "thinking": "hm", "signature": signature}
    body = {
        "model": "m",
        "max_tokens": 2000,
        "stream": True,
        "tools": [TOOL],
        "messages": [
            {"role": "user", "content": "look"},
            {"role": "assistant", "content": [thought, CALL]},
            {"role": "user", "content": [RESULT]},
        ],
    }
    return json.dumps(body).encode()


def thoughts(sent: bytes) -> list[Any]:
    blocks = json.loads(sent)["messages"][1]["content"]
    return [block for block in blocks if block["type"] == "thinking"]


def test_a_signature_of_its_own_passes_through() -> None:
    bridge = claude()
    body = history("EqQBCkYIARgCKkD")
    assert bridge.request(body) == body
    assert bridge.faithful


def test_what_another_model_thought_is_not_sent_on() -> None:
    bridge = claude()
    sent = bridge.request(history(seal.wrap(Seal("kimi", "text", ""))))
    assert not bridge.faithful
    assert thoughts(sent) == []
    assert seal.MARK.encode() not in sent


def test_what_it_thought_itself_gets_its_signature_back() -> None:
    sent = claude().request(history(seal.wrap(Seal("claude", "signature", "EqQBCkYIARgCKkD"))))
    assert [block["signature"] for block in thoughts(sent)] == ["EqQBCkYIARgCKkD"]


def test_a_quotation_of_an_envelope_is_none() -> None:
    bridge = claude()
    body = history("EqQB").replace(b"seen", json.dumps('{"signature": "gw1.eyJ"}')[1:-1].encode())
    assert bridge.request(body) == body


@pytest.mark.parametrize("spacing", [":", ": ", " : \n"])
def test_an_envelope_is_found_however_the_json_is_spaced(spacing: str) -> None:
    assert seal.is_in(f'{{"signature"{spacing}"gw1.abc"}}'.encode())


def test_counting_opens_it_too() -> None:
    bridge = claude()
    sent = bridge.count_request(history(seal.wrap(Seal("kimi", "text", ""))))
    assert seal.MARK.encode() not in sent
    assert "max_tokens" not in json.loads(sent)

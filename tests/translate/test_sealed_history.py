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


def claude(*, signed: bool = True) -> Bridge:
    quirks = Quirks(family="claude", signed_thinking=signed, adaptive_thinking=True)
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


THOUGHT = b'{"type": "thinking", "thinking": "hm", "signature": "%b"}, '


@pytest.mark.parametrize("family", ["kimi", "claude"])
@pytest.mark.parametrize("signed", [True, False])
def test_every_byte_but_the_sealed_thought_stays(family: str, signed: bool) -> None:
    """Marks, betas' members and what nobody knows are in a history as before."""
    marked = b'"max_tokens":2000, "safeguards" : [{"type":"x"}],"n":1.10,\n'
    body = history(seal.wrap(Seal(family, "signature", "EqQBCkYIARgCKkD")))
    body = body.replace(b'"max_tokens": 2000, ', marked)
    sealed = THOUGHT % seal.wrap(Seal(family, "signature", "EqQBCkYIARgCKkD")).encode()
    assert body.count(sealed) == 1
    bridge = claude(signed=signed)
    sent = bridge.request(body)
    assert bridge.faithful
    if family == "kimi":
        assert sent == body.replace(sealed, b"")
        assert "drop:messages.thinking" in bridge.tally.losses
    else:
        before, after = body.split(sealed)
        assert sent.startswith(before)
        assert sent.endswith(after)
        assert [block["signature"] for block in thoughts(sent)] == ["EqQBCkYIARgCKkD"]
        assert not bridge.tally.losses


def test_a_message_of_nothing_else_goes_too() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": seal.wrap(Seal("k", "text", ""))}
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [thought]},
        {"role": "user", "content": "b"},
    ]
    sent = claude().request(json.dumps({"model": "m", "messages": turns}).encode())
    assert sent == json.dumps({"model": "m", "messages": [turns[0], turns[2]]}).encode()


def test_a_tool_loop_without_its_thoughts_goes_on_without_manual_thinking() -> None:
    body = history(seal.wrap(Seal("kimi", "text", ""))).replace(
        b'"stream": true', b'"stream": true, "thinking": {"type": "enabled", "budget_tokens": 1024}'
    )
    bridge = claude()
    assert json.loads(bridge.request(body))["thinking"] == {"type": "disabled"}
    assert "drop:thinking" in bridge.tally.losses


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

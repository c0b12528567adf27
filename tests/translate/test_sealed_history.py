"""A history with reasoning that we sealed, towards an upstream of the client's own dialect.

Bytes that pass through would bear our envelope to a maker who takes it for a bad signature
(https://docs.claude.com/en/docs/build-with-claude/extended-thinking: a 400). What goes is the
envelope; every other byte stays.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.translate.bridge import Bridge
from gwproxy.translate.hub import Dialect, Seal
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import seal
from support.bridges import bridge_of
from support.generated import OBJECTS

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


# --- the OpenAI dialects -------------------------------------------------------------------------

ODD = b'"n":1.10 , "novelty":[{"x":\n1}]'
KIMI = Seal("kimi", "text", "", "rs_up")
SECRET = Seal("claude", "encrypted", "gAAA", "rs_up")


def sent_by(dialect: Dialect, body: bytes, family: str = "claude") -> tuple[bytes, Bridge]:
    bridge = bridge_of(dialect, dialect, Quirks(family=family), stream=False, model="m")
    sent = bridge.request(body)
    assert bridge.faithful
    return sent, bridge


def chat(message: bytes) -> bytes:
    return b'{"model":"m",%b,"messages":[{"role":"user","content":"a"},%b]}' % (ODD, message)


def responses(item: bytes) -> bytes:
    return b'{"model":"m",%b,"input":[{"role":"user","content":"a"},%b]}' % (ODD, item)


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        (
            b'{"role":"assistant","reasoning_content":"hm", "content":"b","reasoning_seal":"%b"}',
            b'{"role":"assistant","reasoning_content":"hm", "content":"b"}',
        ),
        (
            b'{"role":"assistant", "reasoning_seal":"%b","reasoning":"hm","x":1.0}',
            b'{"role":"assistant", "reasoning":"hm","x":1.0}',
        ),
    ],
)
def test_a_chat_message_loses_its_envelope_and_nothing_else(message: bytes, sent: bytes) -> None:
    for made in (KIMI, SECRET):
        assert sent_by(Dialect.CHAT, chat(message % seal.wrap(made).encode()))[0] == chat(sent)


def test_thoughts_that_were_hidden_go_as_words() -> None:
    message = b'{"role":"assistant","content":"b","reasoning_seal":"%b","x":1.0}'
    sent, _ = sent_by(Dialect.CHAT, chat(message % seal.wrap(KIMI, "h\u00e9").encode()), "kimi")
    opened = '{"reasoning_content":"h\u00e9","role":"assistant","content":"b","x":1.0}'
    assert sent == chat(opened.encode())


def test_a_chat_message_of_nothing_but_a_secret_goes_too() -> None:
    message = b'{"role":"assistant","content":null,"reasoning_seal":"%b"}'
    redacted = seal.wrap(Seal("claude", "redacted", "x")).encode()
    sent, bridge = sent_by(Dialect.CHAT, chat(message % redacted))
    assert sent == chat(b"").replace(b",]", b"]")
    assert "drop:messages.thinking" in bridge.tally.losses


ITEM = b'{"type":"reasoning", "id":"rs_ours","summary":[ ],"encrypted_content":"%b","x":1.0}'
CALLED = b',{"type":"function_call","id":"fc_1","call_id":"c","name":"a","arguments":"{}"}'


def test_a_reasoning_item_is_opened_for_its_owner_byte_by_byte() -> None:
    body = responses(ITEM % seal.wrap(SECRET).encode() + CALLED)
    sent, bridge = sent_by(Dialect.RESPONSES, body)
    assert sent == responses((ITEM % b"gAAA").replace(b"rs_ours", b"rs_up") + CALLED)
    assert not bridge.tally.losses


def test_an_item_without_its_id_gets_the_one_that_its_maker_gave() -> None:
    """Codex leaves ids out where nothing is stored."""
    item = ITEM.replace(b' "id":"rs_ours",', b"")
    sent, _ = sent_by(Dialect.RESPONSES, responses(item % seal.wrap(SECRET).encode() + CALLED))
    assert sent == responses(item.replace(b"{", b'{"id":"rs_up",', 1) % b"gAAA" + CALLED)


def test_plain_thoughts_go_back_as_thoughts() -> None:
    body = responses(ITEM % seal.wrap(KIMI, "hm").encode() + CALLED)
    (_, item, _) = json.loads(sent_by(Dialect.RESPONSES, body, "kimi")[0])["input"]
    thoughts = {"content": [{"type": "reasoning_text", "text": "hm"}], "summary": []}
    assert item == {"type": "reasoning", "id": "rs_up", "x": 1.0, **thoughts}


@pytest.mark.parametrize("made", [KIMI, Seal("claude", "encrypted", "gAAA")])
def test_an_item_of_somebody_elses_is_taken_away(made: Seal) -> None:
    sent, bridge = sent_by(Dialect.RESPONSES, responses(ITEM % seal.wrap(made).encode() + CALLED))
    assert sent == responses(CALLED[1:])
    assert list(bridge.tally.losses) == ["drop:messages.thinking"]


FOREIGN = seal.wrap(Seal("kimi", "signature", "EqQB"))
SEALED: dict[Dialect, tuple[str, dict[str, Any], dict[str, Any] | None]] = {
    Dialect.ANTHROPIC: (
        "messages",
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "", "signature": FOREIGN}],
        },
        None,
    ),
    Dialect.CHAT: (
        "messages",
        {"role": "assistant", "reasoning_seal": FOREIGN, "reasoning_content": "a", "x": 1.0},
        {"role": "assistant", "reasoning_content": "a", "x": 1.0},
    ),
    Dialect.RESPONSES: ("input", {"type": "reasoning", "encrypted_content": FOREIGN}, None),
}


@pytest.mark.parametrize("dialect", SEALED)
@given(turns=st.lists(st.one_of(st.none(), OBJECTS), max_size=5), others=OBJECTS)
def test_outside_the_envelopes_every_byte_stays(
    dialect: Dialect, turns: list[Any], others: dict[str, Any]
) -> None:
    """None stands for a turn with an envelope."""
    place, sealed, rest = SEALED[dialect]
    given = [sealed if turn is None else turn for turn in turns]
    left = [rest if turn is None else turn for turn in turns if turn is not None or rest]

    def body(history: list[Any]) -> bytes:
        members = {**others, "model": "m", place: history}
        return json.dumps(members, ensure_ascii=False).encode()

    assert sent_by(dialect, body(given))[0] == body(left)

"""Roles, text and names as a host takes them: edits on a relayed body, all else as it came."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.translate.anthropic import FACTS as MESSAGES
from gwproxy.translate.chat import FACTS as CHAT
from gwproxy.translate.dialect_facts import Dialect
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS
from gwproxy.translate.respell import respelled
from support.bridges import bridge_of
from support.generated import JSON_VALUES, TEXTS

AROUND = b'{ "n":1.10,"novelty":[{"x":\n1}],"%b":[%b], "z" : "caf\\u00e9"}'
PLACES = pytest.mark.parametrize("place", [b"messages", b"input"])


def told(place: bytes, messages: bytes, **quirks: Any) -> tuple[bytes, list[str]]:
    losses = Losses()
    return respelled(AROUND % (place, messages), CHAT, Quirks(**quirks), losses), list(losses)


@PLACES
@pytest.mark.parametrize(("ours", "theirs"), [("system", "developer"), ("developer", "system")])
def test_instructions_bear_the_one_role_that_the_host_takes(
    place: bytes, ours: str, theirs: str
) -> None:
    messages = b'{"role" : "%b","content":"a","x":1.0}, {"role":"user","content":"developer"}'
    sent = told(place, messages % theirs.encode(), system_role=ours)
    assert sent == (AROUND % (place, messages % ours.encode()), ["rename:messages.role"])


@PLACES
def test_later_instructions_are_a_reminder_of_the_users(place: bytes) -> None:
    first = b'{"role":"system","content":"a"}, {"role":"user","content":"b" },'
    later = b'{"content":%b,"role":"%b","x":1.0},{"role":"assistant","content":[]}'
    words = b"<system-reminder>\\nc\\n</system-reminder>"
    given = first + later % (b'[{"type":"text","text":"c","y":1.0}]', b"developer")
    wanted = first + later % (b'[{"type":"text","text":"%b","y":1.0}]' % words, b"user")
    assert told(place, given, mid_system="wrap") == (
        AROUND % (place, wanted),
        ["emu:messages.system"],
    )
    given, wanted = first + later % (b'"c"', b"system"), first + later % (b'"%b"' % words, b"user")
    assert told(place, given, mid_system="wrap")[0] == AROUND % (place, wanted)


@PLACES
def test_a_list_of_text_alone_is_one_string(place: bytes) -> None:
    message = b'{"role":"user", "content": %b,"x":1.0}'
    texts = b'[{"type":"text","text":"a\\n"},{"type":"input_text","text":"b","cache_control":{}}]'
    picture = b'[{"type":"text","text":"a"},{"type":"image","source":{}}]'
    others = message % picture + b"," + message % b'"a"' + b"," + message % b"[]"
    others += b"," + message % b'[{"type":"text","text":null}]'
    sent, losses = told(place, message % texts + b"," + others, text_parts="plain")
    assert sent == AROUND % (place, message % b'"a\\n\\n\\nb"' + b"," + others)
    assert losses == ["drop:messages.content.cache_control"]


@pytest.mark.parametrize(
    ("given", "sent", "lost"),
    [
        (
            b'{"x":1.0, "max_tokens" : 9}',
            b'{"x":1.0, "max_completion_tokens" : 9}',
            ["rename:max_tokens"],
        ),
        (
            b'{"max_tokens":9, "max_completion_tokens":8}',
            b'{"max_completion_tokens":8}',
            ["drop:max_tokens"],
        ),
        (b'{"max_completion_tokens":8 }', b'{"max_completion_tokens":8 }', []),
    ],
)
def test_the_limit_goes_by_the_name_that_the_host_knows(
    given: bytes, sent: bytes, lost: list[str]
) -> None:
    quirks, losses = Quirks(max_tokens_field="max_completion_tokens"), Losses()
    assert respelled(given, CHAT, quirks, losses) == sent
    assert list(losses) == lost
    assert respelled(given, MESSAGES, quirks, losses) == given


@given(JSON_VALUES, st.sampled_from(["system", "user"]), TEXTS)
def test_what_it_does_not_understand_stays(value: object, role: str, text: str) -> None:
    message = {"role": role, "content": text, "other": value}
    body = json.dumps({"messages": [message, value], "input": value}).encode()
    quirks = Quirks(system_role="system", text_parts="plain")
    once = respelled(body, CHAT, quirks, Losses())
    assert respelled(once, CHAT, quirks, Losses()) == once
    assert json.loads(once)["messages"][0] == message


def test_nothing_is_respelled_where_nobody_knows_of_a_refusal() -> None:
    messages = b'{"role":"developer","content":[{"type":"text","text":"a"}]}'
    assert told(b"messages", messages + b"," + messages) == (
        AROUND % (b"messages", messages + b"," + messages),
        [],
    )


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_a_relayed_request_is_respelled_and_relayed_all_the_same(dialect: Dialect) -> None:
    place = "input" if dialect is Dialect.RESPONSES else "messages"
    part = {"type": "text", "text": "a"}
    messages = [{"role": "user", "content": [part]}, {"role": "system", "content": "b"}]
    quirks = Quirks(mid_system="wrap", text_parts="plain")
    bridge = bridge_of(dialect, dialect, quirks, stream=False, model="m")
    sent = json.loads(bridge.request(json.dumps({"model": "m", "x": 1, place: messages}).encode()))
    assert bridge.faithful
    assert sent["x"] == 1
    assert [message["role"] for message in sent[place]] == ["user", "user"]
    assert sent[place][0]["content"] == "a"

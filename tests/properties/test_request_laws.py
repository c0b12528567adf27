"""Laws of every dialect's requests: rendered and parsed again, grown longer, and hostile."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from gwproxy.translate.bridge import CODECS, request_head
from gwproxy.translate.hub import Block, Dialect, Reasoning, Request, Seal, Text, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS, FACTS
from gwproxy.translate.wire.fields import Rejected
from gwproxy.translate.wire.jsonio import NotJson
from support.bridges import bridge_of
from support.golden import FIXTURES
from support.hostile import ANY, FRAGMENTS
from support.mutated import mutated, with_odd_member
from support.requests import SURFACES, conversations, requests
from support.sending import sent

pytestmark = pytest.mark.fuzz

every_dialect = pytest.mark.parametrize("dialect", DIALECTS)
untimed = settings(deadline=None)
MANNERS = st.builds(
    Quirks,
    mid_system=st.sampled_from(["native", "wrap"]),
    text_parts=st.sampled_from(["string", "parts"]),
    reasoning_in=st.sampled_from(["all", "tool_turns", "none"]),
    reasoning_placeholder=st.sampled_from(["", " "]),
    tool_media=st.booleans(),
    documents=st.just(True),
    thinking_switch=st.sampled_from(["effort", "thinking", "none"]),
    prompt_cache_key=st.booleans(),
)


def again(dialect: Dialect, body: bytes, wanted: Request, losses: Losses) -> Request:
    """What a parser makes of the body, told whose client and whose ciphertext it is."""
    parsed = CODECS[dialect].parse_request(body, losses)
    turns = parsed.turns
    if dialect is Dialect.RESPONSES:
        turns = tuple(structs.replace(t, blocks=tuple(map(known, t.blocks))) for t in turns)
    return structs.replace(parsed, turns=turns, client=wanted.client, echo=None)


def known(block: Block) -> Block:
    if not isinstance(block, Reasoning):
        return block
    seal = block.seal and structs.replace(block.seal, family="up")
    return structs.replace(block, seal=seal or Seal("up", "text", "", "rs_2"))


@every_dialect
@untimed
@given(data=st.data())
def test_a_request_survives_the_way_there_and_back(dialect: Dialect, data: st.DataObject) -> None:
    of, losses = SURFACES[dialect], Losses()
    wanted = data.draw(requests(of))
    body = sent(wanted, dialect, of.quirks, losses)
    parsed = again(dialect, body, wanted, losses)
    assert set(losses) <= {"clamp:cache_control=4"}
    if not losses:
        assert parsed == wanted
    assert sent(parsed, dialect, of.quirks, Losses()) == body


@every_dialect
@untimed
@given(data=st.data(), quirks=MANNERS, reminded=st.booleans())
def test_a_longer_history_begins_with_the_bytes_of_the_shorter(
    dialect: Dialect, data: st.DataObject, quirks: Quirks, reminded: bool
) -> None:
    """Providers cache prompts by their beginning. With reminders where Claude Code puts them:
    after each turn of the user."""
    turns: list[Turn] = []
    bodies: list[bytes] = []
    for turn in (*data.draw(conversations(SURFACES[dialect], 1)), Turn("assistant", ())):
        if turn.role == "assistant":  # a request ends where an answer is expected
            turns += [Turn("system", (Text("reminder"),))] if reminded else []
            wanted = Request("m", tuple(turns), client=FACTS[dialect])
            bodies.append(history(dialect, sent(wanted, dialect, quirks, Losses())))
        turns.append(turn)
    for shorter, longer in itertools.pairwise(bodies):
        assert longer.startswith(shorter)


def history(dialect: Dialect, body: bytes) -> bytes:
    """The body up to where a longer conversation goes on."""
    if dialect is Dialect.ANTHROPIC:
        return body.removesuffix(b"]}]}")
    return body[: body.rindex(b"}]") + 1]


@every_dialect
@settings(untimed, max_examples=30)
@given(data=st.data(), quirks=MANNERS)
def test_the_same_request_gives_the_same_bytes(
    dialect: Dialect, data: st.DataObject, quirks: Quirks
) -> None:
    wanted, first, second = data.draw(requests(SURFACES[dialect])), Losses(), Losses()
    try:
        body = sent(wanted, dialect, quirks, first)
    except Rejected:
        return
    assert sent(wanted, dialect, quirks, second) == body
    assert list(first) == list(second)


NAMES = ["model", "messages", "input", "role", "content", "type", "tools", "tool_calls", "system"]
VALUES: st.SearchStrategy[Any] = st.recursive(
    FRAGMENTS | ANY,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=12,
)
KINDS = ["message", "reasoning", "function_call", "function_call_output", "shell_call", "odd"]
KINDS += ["text", "image", "tool_use", "tool_result", "thinking", "image_url"]
ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(KINDS),
        "role": st.sampled_from(["user", "assistant", "developer", "tool", "nobody"]),
        **dict.fromkeys(["content", "call_id", "name", "arguments", "output", "action"], VALUES),
        **dict.fromkeys(["summary", "id", "tool_calls", "tool_call_id", "input"], VALUES),
    },
)
HISTORIES = VALUES | st.lists(ITEMS, max_size=3)


@every_dialect
@untimed
@given(
    VALUES
    | st.fixed_dictionaries(
        {"max_tokens": st.just(9)},
        optional={
            "model": st.just("m") | VALUES,
            **dict.fromkeys(["input", "messages"], HISTORIES),
            **dict.fromkeys(["tools", "tool_choice", "reasoning", "text", "include"], VALUES),
            **dict.fromkeys(["system", "thinking", "response_format", "stop"], VALUES),
        },
    )
)
def test_a_hostile_request_is_refused_with_words(dialect: Dialect, body: Any) -> None:
    try:
        CODECS[dialect].parse_request(json.dumps(body).encode(), Losses())
    except Rejected as error:
        assert str(error)


def asked(folder: str) -> list[bytes]:
    """The requests of clients in one folder; what they become bears a second name."""
    files = sorted((FIXTURES / folder).glob("*.json"))
    return [path.read_bytes() for path in files if "." not in path.stem]


ASKED = {
    Dialect.ANTHROPIC: asked("anthropic"),
    Dialect.CHAT: asked("chat/requests"),
    Dialect.RESPONSES: asked("responses/requests"),
}


OPEN_HOST: dict[str, Any] = dict.fromkeys(
    ["hosted_tools", "tool_extras", "tool_references", "cache_marks"], True
)
STRICT_HOST: dict[str, Any] = {
    **dict.fromkeys(["custom_tools", "namespaces", "client_tools", "added_tools"], False),
    **dict.fromkeys(["agent_items", "compaction", "tool_media", "safeguards"], False),
    "json_schema": "prompt",
    "text_parts": "plain",
    "mid_system": "wrap",
    "system_role": "system",
    "call_signature": "s",
    "max_tokens_field": "max_completion_tokens",
}


@every_dialect
@settings(untimed, max_examples=300)
@given(data=st.data())
def test_a_request_of_odd_bytes_is_sent_or_refused_with_words(
    dialect: Dialect, data: st.DataObject
) -> None:
    """On every way, relayed or translated; nothing else comes out of it."""
    if data.draw(st.booleans()):
        body = data.draw(mutated(ASKED[dialect]))
    else:
        whole = json.loads(data.draw(st.sampled_from(ASKED[dialect])))
        body = json.dumps(data.draw(with_odd_member(whole))).encode()
    upstream = data.draw(st.sampled_from(DIALECTS))
    host = data.draw(st.sampled_from([{}, OPEN_HOST, STRICT_HOST]))
    quirks = Quirks(**host, rebuild=data.draw(st.booleans()))
    try:
        head = request_head(body)
        bridge = bridge_of(dialect, upstream, quirks, stream=head.stream, asked=head.model)
        assert b'"up"' in bridge.request(body)
    except (Rejected, NotJson) as error:
        assert str(error)


@every_dialect
@pytest.mark.parametrize("put", [b'{"\xff":1,', b'{"\\u00e9\xff":{},'])
def test_a_request_is_text_also_where_nobody_reads_it(dialect: Dialect, put: bytes) -> None:
    """msgspec skips a member that it does not know, and keeps the bytes of one that is raw."""
    for good in ASKED[dialect]:
        for found in re.finditer(rb"\{(?=\s*\")", good):
            odd = good[: found.start()] + put + good[found.end() :]
            for parse in (CODECS[dialect].read, CODECS[dialect].parse_request):
                with pytest.raises(Rejected):
                    parse(odd, Losses())

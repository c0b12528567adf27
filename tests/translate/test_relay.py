"""Same dialect on both sides: the bytes as they came, the model's name apart."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.translate import relay
from gwproxy.translate.wire.jsonio import NotJson
from support.generated import JSON_VALUES, TEXTS

ODD_BODY = (
    b'{ "messages" : [{"model":"inner","n":1.10,"big":12345678901234567890,'
    b'"s":"\\u00e9 \\"model\\":"}]'
    b' ,\n"meta":{"model":"also inner"}, "model" :  "claude-opus-5-5" , "x":[] }'
)


def test_only_the_top_level_model_changes() -> None:
    out = relay.replace_model(ODD_BODY, "kimi-k2.5")
    assert out == ODD_BODY.replace(b'"claude-opus-5-5"', b'"kimi-k2.5"')


def test_the_value_model_is_not_the_key_model() -> None:
    body = b'{"kind":"model","model":"a"}'
    assert relay.replace_model(body, "b") == b'{"kind":"model","model":"b"}'


@pytest.mark.parametrize("first", ["model", "n"])
def test_a_model_that_is_named_twice_is_replaced_twice(first: str) -> None:
    body = b'{"%b":"a","x":{"model":"inner"},"model" : "b"}' % first.encode()
    out = relay.replace_model(body, "up")
    assert out == body.replace(b'"model":"a"', b'"model":"up"').replace(b'"b"', b'"up"')


def test_a_body_without_a_model_is_refused() -> None:
    with pytest.raises(NotJson):
        relay.replace_model(b'{"messages":[{"model":"inner"}]}', "x")


@given(st.lists(st.tuples(TEXTS, JSON_VALUES), max_size=4), TEXTS, TEXTS, st.integers(0, 4))
def test_replacing_the_model_keeps_every_other_member(
    members: list[tuple[str, object]], old: str, new: str, place: int
) -> None:
    fields = [(key, value) for key, value in members if key != "model"]
    fields.insert(min(place, len(fields)), ("model", old))
    body = json.dumps(dict(fields), ensure_ascii=False, indent=place or None).encode()
    assert json.loads(relay.replace_model(body, new)) == dict(fields) | {"model": new}


USAGE = '{"include_usage":true}'


@pytest.mark.parametrize(
    ("body", "streams", "usage", "sent"),
    [
        (b'{"a":1.10, "stream": true,"b":[]}', False, "", b'{"a":1.10, "b":[]}'),
        (b'{"stream":true,"stream_options":{"x":1},"a":1}', False, "", b'{"a":1}'),
        (b'{"a":1.10 }', True, "", b'{"stream":true,"a":1.10 }'),
        (b'{ "stream":false,"a":1}', True, "", b'{ "stream":true,"a":1}'),
        (b'{"a":1}', True, USAGE, b'{"stream":true,"stream_options":{"include_usage":true},"a":1}'),
        (
            b'{"stream":null,"stream_options":{}}',
            True,
            USAGE,
            b'{"stream":true,"stream_options":{}}',
        ),
    ],
)
def test_a_request_for_a_stream_changes_in_that_alone(
    body: bytes, streams: bool, usage: str, sent: bytes
) -> None:
    assert relay.with_stream(body, streams=streams, usage=usage) == sent


def relayed(events: list[bytes], asked: str) -> bytes:
    splicer = relay.ModelSplicer(asked)
    return b"".join(splicer.splice(event) for event in events)


CHUNK = b'data: {"id":"c","model":"kimi-for-coding","choices":[{"delta":{"content":"%b"}}]}\n\n'
CHAT_EVENTS = [
    CHUNK % b'say \\"model\\":',
    CHUNK % b'\\"kimi-for-coding\\"',
    b"data: [DONE]\n\n",
]


@pytest.mark.parametrize("together", [False, True])
def test_a_relayed_stream_is_renamed(together: bool) -> None:
    events = [b"".join(CHAT_EVENTS)] if together else CHAT_EVENTS
    spaced = [event.replace(b'"model":', b'"model" : ') for event in events]
    expected = b"".join(spaced)
    renamed = b'"model" : "kimi \\"2\\""'
    assert relayed(spaced, 'kimi "2"') == expected.replace(b'"model" : "kimi-for-coding"', renamed)
    assert relayed(spaced, "kimi-for-coding") == expected


@pytest.mark.parametrize("data", [b"data: [DONE]\n\n", b"data:[DONE] \r\n\r\n"])
def test_done_is_left_out_before_an_error_of_ours(data: bytes) -> None:
    said = CHUNK % b"\\ndata: [DONE]"
    assert relay.without_done(said + data) == said
    assert relay.without_done(data + said) == data + said
    assert relay.without_done(said) == said

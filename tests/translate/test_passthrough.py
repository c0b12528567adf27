"""Same dialect on both sides: the bytes as they came, the model's name apart."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.translate import passthrough
from gwproxy.translate.hub import Dialect, Usage
from gwproxy.translate.jsonio import NotJson
from support.generated import JSON_VALUES, TEXTS

ODD_BODY = (
    b'{ "messages" : [{"model":"inner","n":1.10,"big":12345678901234567890,'
    b'"s":"\\u00e9 \\"model\\":"}]'
    b' ,\n"meta":{"model":"also inner"}, "model" :  "claude-opus-5-5" , "x":[] }'
)


def test_only_the_top_level_model_changes() -> None:
    out = passthrough.replace_model(ODD_BODY, "kimi-k2.5")
    assert out == ODD_BODY.replace(b'"claude-opus-5-5"', b'"kimi-k2.5"')


def test_the_value_model_is_not_the_key_model() -> None:
    body = b'{"kind":"model","model":"a"}'
    assert passthrough.replace_model(body, "b") == b'{"kind":"model","model":"b"}'


@pytest.mark.parametrize("first", ["model", "n"])
def test_a_model_that_is_named_twice_is_replaced_twice(first: str) -> None:
    body = b'{"%b":"a","x":{"model":"inner"},"model" : "b"}' % first.encode()
    out = passthrough.replace_model(body, "up")
    assert out == body.replace(b'"model":"a"', b'"model":"up"').replace(b'"b"', b'"up"')


def test_a_body_without_a_model_is_refused() -> None:
    with pytest.raises(NotJson):
        passthrough.replace_model(b'{"messages":[{"model":"inner"}]}', "x")


@given(st.lists(st.tuples(TEXTS, JSON_VALUES), max_size=4), TEXTS, TEXTS, st.integers(0, 4))
def test_replacing_the_model_keeps_every_other_member(
    members: list[tuple[str, object]], old: str, new: str, place: int
) -> None:
    fields = [(key, value) for key, value in members if key != "model"]
    fields.insert(min(place, len(fields)), ("model", old))
    body = json.dumps(dict(fields), ensure_ascii=False, indent=place or None).encode()
    assert json.loads(passthrough.replace_model(body, new)) == dict(fields) | {"model": new}


def relay(stream: bytes, asked: str, cuts: list[int]) -> bytes:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    splicer = passthrough.ModelSplicer(asked)
    out = b"".join(splicer.feed(stream[a:b]) for a, b in itertools.pairwise(edges))
    return out + splicer.finish()


CHUNK = b'data: {"id":"c","model":"kimi-for-coding","choices":[{"delta":{"content":"%b"}}]}\n\n'
CHAT_STREAM = CHUNK % b'say \\"model\\":' + CHUNK % b'\\"kimi-for-coding\\"' + b"data: [DONE]\n\n"


@given(st.lists(st.integers(0, 300), max_size=10))
def test_a_relayed_stream_is_renamed_wherever_it_is_cut(cuts: list[int]) -> None:
    expected = CHAT_STREAM.replace(b'"model":"kimi-for-coding"', b'"model":"kimi-k2.5"')
    assert relay(CHAT_STREAM, "kimi-k2.5", cuts) == expected


def test_a_stream_that_drips_is_renamed_too() -> None:
    stream = CHAT_STREAM.replace(b'"model":', b'"model" : ')
    expected = stream.replace(b'"model" : "kimi-for-coding"', b'"model" : "kimi \\"2\\""')
    assert relay(stream, 'kimi "2"', list(range(len(stream)))) == expected


def test_nothing_is_held_back_but_what_may_be_the_name() -> None:
    splicer = passthrough.ModelSplicer("kimi-k2.5")
    assert splicer.feed(b'data: {"id":"c","mod') == b'data: {"id":"c",'
    assert splicer.feed(b'e":"x","model":"') == b'"mode":"x",'
    endless = b"x" * 600
    assert splicer.feed(endless) == b'"model":"' + endless


def test_a_stream_that_names_the_asked_model_is_untouched() -> None:
    assert relay(CHAT_STREAM, "kimi-for-coding", [7, 90]) == CHAT_STREAM


@pytest.mark.parametrize(
    ("dialect", "stream", "complete"),
    [
        (Dialect.ANTHROPIC, b'data: {"type":"message_stop"}\n\n', True),
        (Dialect.ANTHROPIC, b'data: {"delta":{"stop_reason":"end_turn"}}\n\n', True),
        (Dialect.ANTHROPIC, b'data: {"message":{"stop_reason":null}}\n\n', False),
        (Dialect.ANTHROPIC, b'data: {"message":{"stop_reason":""}}\n\n', False),
        (Dialect.ANTHROPIC, b'data: {"delta":{"text":"\\"message_stop\\""}}\n\n', False),
        (Dialect.CHAT, CHAT_STREAM, True),
        (Dialect.CHAT, b'data: {"choices":[{"finish_reason":"stop"}]}\n\n', True),
        (Dialect.CHAT, b'data: {"choices":[{"finish_reason":null}]}\n\n', False),
        (Dialect.CHAT, b'data: {"error":{"message":"x"}}\n\n', True),
        (Dialect.CHAT, b'data: {"error":null,"choices":[]}\n\n', False),
        (Dialect.CHAT, b'data: {"choices":[{"delta":{"content":"data: [DONE]"}}]}\n\n', False),
        (Dialect.CHAT, b"data: {}\r\n\r\ndata:[DONE]\r\n\r\n", True),
        (Dialect.RESPONSES, b'data: {"type":"response.completed","response":{}}\n\n', True),
        (Dialect.RESPONSES, b'data: {"type":"response.output_text.done"}\n\n', False),
    ],
)
def test_the_tap_knows_a_finished_stream(dialect: Dialect, stream: bytes, complete: bool) -> None:
    tap = passthrough.Tap(dialect)
    for start in range(0, len(stream), 5):
        tap.feed(stream[start : start + 5])
    assert tap.complete is complete


@pytest.mark.parametrize(
    ("dialect", "end"),
    [
        (Dialect.ANTHROPIC, b'event: message_stop\ndata: {"type":"message_stop"}'),
        (Dialect.CHAT, b"data: [DONE]"),
        (Dialect.RESPONSES, b"data: [DONE]"),
        (Dialect.RESPONSES, b'event: response.completed\ndata: {"x":"' + b"x" * 9000 + b'"}'),
    ],
)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_the_tap_knows_the_event_after_which_nothing_comes(
    dialect: Dialect, end: bytes, line_end: bytes
) -> None:
    tap = passthrough.Tap(dialect)
    last = b'data: {"choices":[{"finish_reason":"stop"}],"delta":{"stop_reason":"end_turn"}}\n\n'
    event = end.replace(b'data: {"x"', b'data: {"type":"response.completed","x"')
    seen = []
    for chunk in (last, event[:20], event[20:] + b"\n\n"):
        tap.feed(chunk.replace(b"\n", line_end))
        seen.append(tap.terminated)
    assert seen == [False, False, True]


def test_the_tap_knows_where_events_end() -> None:
    tap = passthrough.Tap(Dialect.CHAT)
    seen = [tap.at_boundary]
    for chunk in (b"data: {", b"}\n\n"):
        tap.feed(chunk)
        seen.append(tap.at_boundary)
    assert seen == [True, False, True]


def test_usage_is_read_from_the_first_and_the_last_events() -> None:
    tap = passthrough.Tap(Dialect.ANTHROPIC)
    start = b'data: {"type":"message_start","message":{"usage":{"input_tokens":9}}}\n\n'
    delta = b'data: {"type":"content_block_delta","delta":{"text":"' + b"x" * 900 + b'"}}\n\n'
    last = b'data: {"type":"message_delta","usage":{"output_tokens":4}}\n\n'
    for chunk in (start, *[delta] * 20, last):
        tap.feed(chunk)
    total = Usage()
    for value in tap.frames():
        total = total.merged(passthrough.usage_of(Dialect.ANTHROPIC, value) or Usage())
    assert (total.fresh, total.output) == (9, 4)

"""The JSON policy at its edges: surrogates, huge numbers, depth, exact text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from gwproxy.translate.wire import jsonio
from support.generated import JSON_VALUES, TEXTS


@given(JSON_VALUES)
def test_what_is_written_reads_back(value: object) -> None:
    assert json.loads(jsonio.dumps(value)) == value


@given(TEXTS)
def test_strings_are_valid_json(text: str) -> None:
    assert json.loads(jsonio.text(text)) == text


def test_a_surrogate_cut_in_half_is_mended_and_not_refused() -> None:
    assert jsonio.loads(b'{"a":"cut \\ud83d"}') == {"a": "cut \ufffd"}
    assert jsonio.loads(b'{"a":"\\ud83d\\ude00"}') == {"a": "😀"}
    assert jsonio.text("\ud83d") == '"\ufffd"'.encode()
    assert jsonio.mend("\ud83d\ude00") == "😀"


def test_raw_json_keeps_its_spelling() -> None:
    raw = b'{"a":1.10,"b":12345678901234567890123,"c":1E5,"d":"\\u00e9\\ud83d\\ude00"}'
    assert jsonio.raw(raw).encode() == raw
    assert jsonio.raw(b'{"a":"\\ud83d"}') == '{"a":"\ufffd"}'
    assert jsonio.raw(b'{"a":"\xff"}') == '{"a":"\ufffd"}', "msgspec looks into no Raw"
    assert jsonio.raw(b'{"a":"\xff\\ud83d"}') == '{"a":"\ufffd\ufffd"}'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"nope",
        b'{"a":NaN}',
        b"[" * 100_000,
        b'{"a":"\xff"}',
        b'{"a":' + b"9" * 5000 + b"}",
    ],
    ids=["empty", "open", "word", "NaN", "deep", "bad utf-8", "5000 digits"],
)
def test_what_is_not_json_is_said_and_nothing_crashes(data: bytes) -> None:
    try:
        value = jsonio.loads(data)
    except jsonio.NotJson as error:
        assert str(error)
    else:
        assert isinstance(value, dict)  # a number too long for some decoders may be taken as one

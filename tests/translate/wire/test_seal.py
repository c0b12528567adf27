"""The envelope that carries sealed reasoning, and what it does with foreign or hostile ones."""

from __future__ import annotations

import base64
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.translate.hub import Seal
from gwproxy.translate.wire import seal
from support.generated import TEXTS


@given(
    st.sampled_from(["signature", "redacted", "encrypted", "text"]),
    TEXTS,
    st.one_of(st.none(), TEXTS.filter(bool)),
    st.one_of(st.none(), TEXTS, TEXTS.map(lambda s: s * 100)),
)
def test_what_goes_in_comes_out(kind: str, data: str, item: str | None, text: str | None) -> None:
    made = Seal("kimi", kind, data, item)  # type: ignore[arg-type]
    carried = seal.wrap(made, text)
    assert carried.isascii()
    assert " " not in carried
    assert seal.unwrap(carried) == seal.Opened(made, text)


@pytest.mark.parametrize(
    "foreign",
    ["", "EqQBCkYIBRgCKkD", "gw1.", "gw1.!!!!", "gw1.e30", "gw1.zAAAA", "gw1.bnVsbA", "gw2.e30"],
)
def test_foreign_and_broken_signatures_are_no_seals(foreign: str) -> None:
    assert seal.unwrap(foreign) is None


def test_an_unknown_kind_is_refused() -> None:
    payload = base64.urlsafe_b64encode(json.dumps({"u": "x", "k": "other"}).encode()).decode()
    assert seal.unwrap(seal.MARK + payload) is None


def test_a_bomb_is_not_unpacked() -> None:
    bomb = json.dumps({"u": "x", "k": "text", "t": "a" * (2 * seal.MAX_BYTES)}).encode()
    packed = base64.urlsafe_b64encode(zlib.compress(bomb)).decode()
    assert seal.unwrap(seal.MARK + "z" + packed) is None


def test_too_much_text_is_left_out_and_the_rest_still_opens() -> None:
    carried = seal.wrap(Seal("kimi", "text", ""), "é" * seal.MAX_BYTES)
    assert len(carried) < 200
    assert seal.unwrap(carried) == seal.Opened(Seal("kimi", "text", ""), None)

"""JSON that comes in pieces."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.growing import Growing
from support.generated import TEXTS


def grown(*pieces: object) -> Growing:
    growing = Growing()
    for piece in pieces:
        growing.add(Raw(jsonio.dumps(piece)))
    return growing


@given(st.lists(st.tuples(st.integers(0, 3), TEXTS), min_size=1))
def test_the_pieces_of_an_element_are_joined_whatever_comes_between(
    told: list[tuple[int, str]],
) -> None:
    pieces = [[{"index": index, "type": "t", "text": text}] for index, text in told]
    expected = [
        {"index": index, "type": "t", "text": "".join(text for at, text in told if at == index)}
        for index in dict.fromkeys(index for index, _ in told)
    ]
    assert json.loads(jsonio.dumps(grown(*pieces).value)) == expected


def test_a_piece_is_added_without_a_look_at_those_that_have_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Thousands of them come in a long thought."""
    growing = grown([{"index": 0, "text": "a"}])
    monkeypatch.delattr(Growing, "value")
    growing.add(Raw(b'[{"index":0,"text":"b"}]'))
    monkeypatch.undo()
    assert growing.value[0]["text"] == "ab"

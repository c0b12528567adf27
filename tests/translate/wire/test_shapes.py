"""Shapes: what is unknown is named, what is wrong is placed, what is right keeps its bytes."""

from __future__ import annotations

import pytest
from msgspec import Raw, Struct

from gwproxy.translate.losses import Losses
from gwproxy.translate.wire.fields import Malformed
from gwproxy.translate.wire.shapes import Shape


class _Words(Struct, forbid_unknown_fields=True, tag_field="type", tag="words"):
    words: str


class _Picture(Struct, forbid_unknown_fields=True, tag_field="type", tag="picture"):
    url: str


class _Letter(Struct, forbid_unknown_fields=True):
    parts: list[_Words | _Picture]
    to: str | list[str] | None = None
    pages: int | None = None
    schema: Raw = Raw()


_SHAPE = Shape(_Letter)


def test_known_members_are_read_without_a_loss() -> None:
    losses = Losses()
    letter = _SHAPE.read(b'{"parts":[{"type":"words","words":"a"}],"to":["b"]}', losses)
    assert letter == _Letter([_Words("a")], ["b"])
    assert list(losses) == []


def test_unknown_members_are_dropped_by_name_wherever_they_stand() -> None:
    losses = Losses()
    body = (
        b'{"x":1,"parts":[{"hue":2,"type":"picture","url":"u"},{"type":"words","hue":3,"words":""}],'
        b'"schema":{"x":1.10}}'
    )
    letter = _SHAPE.read(body, losses)
    assert letter.parts == [_Picture("u"), _Words("")]
    assert bytes(letter.schema) == b'{"x":1.10}', "raw text is not re-printed"
    assert list(losses) == ["drop:x", "drop:parts.hue"]


def test_a_null_that_nobody_knows_is_no_loss() -> None:
    losses = Losses()
    assert _SHAPE.read(b'{"parts":[],"x":null}', losses) == _Letter([])
    assert list(losses) == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b'{"parts":[],"pages":"2"}', "pages: expected integer or null, got string"),
        (b'{"parts":[{"type":"words","words":"a"},{"type":"words"}]}', "parts[1].words: field req"),
        (b'{"parts":[{"type":"song"}]}', "parts[0].type: invalid value 'song'"),
        (b'{"parts":[{"words":"a"}]}', "parts[0].type: field required"),
        (b'{"x":1,"parts":[{"type":"words","words":7}]}', "parts[0].words: expected string, got i"),
        (b"{}", "parts: field required"),
        (b"[]", "expected object, got array"),
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
    ],
)
def test_wrong_members_are_told_with_their_place(body: bytes, complaint: str) -> None:
    with pytest.raises(Malformed) as caught:
        _SHAPE.read(body, Losses())
    assert str(caught.value).startswith(complaint)


def test_a_part_of_a_body_is_told_with_its_place_in_the_whole() -> None:
    losses = Losses()
    with pytest.raises(Malformed, match=r"^letters\[4\]\.parts\[0\]\.type: "):
        _SHAPE.read(b'{"parts":[{"type":"song"}],"x":1}', losses, "letters[4]")
    assert "drop:letters.x" in losses


def test_a_lone_surrogate_does_not_make_the_body_unreadable() -> None:
    letter = _SHAPE.read(b'{"parts":[{"type":"words","words":"a\\ud83d"}],"x":1}', Losses())
    assert letter.parts == [_Words("a\ufffd")]


def test_a_hostile_name_does_not_fill_the_header() -> None:
    losses = Losses()
    _SHAPE.read(b'{"parts":[],"' + b"n" * 5000 + b'":1}', losses)
    assert len(losses.header()) < 100

"""The one JSON value among words, wherever they are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.embedded import Extent, value_in
from support.generated import JSON_VALUES, OBJECTS

# What people and models put around JSON; a bracket that no value has stays a word.
WORDS = st.sampled_from(
    ["", "Here it is:\n", "As {wanted} [see below], 3 of 4: ", "\n```\nDone.", " "]
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ("```\n[1, 2]```\n", "[1, 2]"),
        ('```json\n"a {\\"b\\": 1}"\n```', '"a {\\"b\\": 1}"'),
        ('"only words"', '"only words"'),
        (" 42\n", "42"),
        ('<answer>{"a":"}"}</answer>', '{"a":"}"}'),
        ('Fill {name} in: {"name": "A"}', '{"name": "A"}'),
        ('{"a": 1} or {"a": 2}', None),
        ('```json\n{"a": 1}\n```\n```json\n{"a": 2}\n```', None),
        ('{"a": {"b": 1}, "c": ', None),  # cut: what is whole inside is no answer
        ('{"a": {"b": 1}, c}', None),
        ("I cannot say.", None),
        ("", None),
    ],
)
def test_the_value_that_a_text_holds(text: str, value: str | None) -> None:
    assert value_in(text) == value


@given(JSON_VALUES, WORDS, WORDS)
def test_a_value_is_found_as_it_is_written(value: object, before: str, behind: str) -> None:
    written = jsonio.dumps(value).decode()
    among_words = isinstance(value, dict | list) or not (before + behind).strip()
    found = value_in(before + written + behind)
    assert found == (written if among_words else None)


@given(OBJECTS, st.lists(st.integers(0), max_size=8))
def test_the_end_is_found_in_any_pieces(value: object, places: list[int]) -> None:
    text = jsonio.dumps(value).decode()
    ends = sorted(place % (len(text) + 1) for place in places)
    extent = Extent()
    pieces = [(text + "}")[a:b] for a, b in itertools.pairwise([0, *ends, len(text) + 1])]
    read = 0
    for piece in pieces:
        end = extent.feed(piece)
        if end is not None:
            assert read + end == len(text)
            return
        read += len(piece)
    raise AssertionError("no end")


def test_many_brackets_take_no_time() -> None:
    """Each is looked at once: a hundred thousand of them a thousand times would take minutes."""
    for text in ("{" * 100_000, "[" * 100_000, "[1 " * 100_000, "{}" * 100_000):
        assert value_in(text) is None

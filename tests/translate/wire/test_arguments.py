"""Tool arguments as models really write them."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.translate.wire.arguments import Guard, Unwrapper, as_object, wrap_input
from support.generated import ARGUMENTS, TEXTS


def pieces(text: str, cuts: list[int]) -> list[str]:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(edges)]


def guarded(text: str, size: int = 1) -> tuple[str, bool]:
    guard = Guard()
    out = "".join(guard.feed(text[i : i + size]) for i in range(0, len(text), size))
    return out + guard.close(), guard.mended


CUTS = st.lists(st.integers(0, 200), max_size=8)


@given(ARGUMENTS, CUTS)
def test_whole_arguments_pass_byte_for_byte(arguments: str, cuts: list[int]) -> None:
    guard = Guard()
    out = "".join(guard.feed(piece) for piece in pieces(arguments, cuts))
    assert out + guard.close() == arguments
    assert not guard.mended
    assert guard.complete


@given(ARGUMENTS, st.integers(0, 200), CUTS)
def test_a_cut_call_stays_cut(arguments: str, end: int, cuts: list[int]) -> None:
    cut = arguments[: min(end, len(arguments) - 1)]
    guard = Guard()
    out = "".join(guard.feed(piece) for piece in pieces(cut, cuts)) + guard.close()
    if cut:
        assert out == cut
        with pytest.raises(ValueError, match=r".*"):
            json.loads(out)
    else:
        assert out == "{}"


@given(ARGUMENTS, st.text(min_size=1, max_size=20), CUTS)
def test_what_follows_the_object_is_cut(arguments: str, more: str, cuts: list[int]) -> None:
    guard = Guard()
    out = "".join(guard.feed(piece) for piece in pieces(arguments + more, cuts))
    assert out + guard.close() == arguments
    assert guard.mended == bool(more.strip())


@pytest.mark.parametrize(
    ("written", "read", "mended"),
    [
        ("", "{}", False),
        ("null", "{}", False),
        ('  {"a": [ ], "b": 1.10E5}\n', '{"a": [ ], "b": 1.10E5}', False),
        ('{"a":1}{"b":2}', '{"a":1}', True),
        ('{"text":"two\nlines\tand a tab"}', '{"text":"two\\nlines\\tand a tab"}', True),
        ('"{\\"a\\":1}"', '{"a":1}', True),
        ("[1,2]", '{"value":[1,2]}', True),
        ('"x"', '{"value":"x"}', True),
        ("7", '{"value":7}', True),
        ("no json at all", '{"value":"no json at all"}', True),
        ('{"a":tru }', '{"a":tru', True),
        ('{"a":01}', '{"a":0', True),
        ('{"a":1,}', '{"a":1,', True),
        ("{'a':1}", "{", True),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_disorder(written: str, read: str, mended: bool, size: int) -> None:
    assert guarded(written, size) == (read, mended)


def test_endless_blanks_are_bounded() -> None:
    guard = Guard()
    out = guard.feed('{"a":1' + " " * 10_000 + "}")
    assert len(out) < 3000
    assert guard.mended


@pytest.mark.parametrize(
    ("arguments", "members"),
    [
        ('{"a":1,"b":"cut', {"a": 1}),
        ('{"a":12', {}),
        ('{"a":12,', {"a": 12}),
        ('{"a":true ', {"a": True}),
        ('{"a":{"x":1},"b":[1,', {"a": {"x": 1}}),
        ('{"text":"a\nb","n":1.', {"text": "a\nb"}),
        ("", {}),
        ("[1]", {"value": [1]}),
        ('{"a":1}}', {"a": 1}),
    ],
)
def test_a_torn_call_keeps_only_whole_members(arguments: str, members: dict[str, object]) -> None:
    assert json.loads(as_object(arguments)) == members


@given(ARGUMENTS, st.integers(0, 200))
def test_a_torn_call_never_gains_or_changes_a_member(arguments: str, end: int) -> None:
    whole = json.loads(arguments)
    torn = json.loads(as_object(arguments[:end]))
    assert all(whole[key] == value for key, value in torn.items())


@given(TEXTS, CUTS)
def test_free_form_input_is_unwrapped_as_it_comes(text: str, cuts: list[int]) -> None:
    unwrapper = Unwrapper()
    wrapped = wrap_input(text)
    out = "".join(unwrapper.feed(piece) for piece in pieces(wrapped, cuts))
    assert out + unwrapper.close() == text
    escaped = json.dumps({"input": text}, indent=1)
    unwrapper = Unwrapper()
    out = "".join(unwrapper.feed(piece) for piece in pieces(escaped, cuts))
    assert out + unwrapper.close() == text


def test_free_form_input_streams() -> None:
    unwrapper = Unwrapper()
    assert unwrapper.feed('{"input":"*** Begin\\n') == "*** Begin\n"
    assert unwrapper.feed("*** End") == "*** End"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"patch":"p"}', "p"),
        ('"bare string"', "bare string"),
        ("raw text", "raw text"),
        ("{}", ""),
        ('{"input":"cut \\', "cut "),
        # No escape of JSON: models print paths and patterns as they are.
        ('{"input":"a\\nb C:\\dir \\d\\nc"}', "a\nb C:\\dir \\d\nc"),
        ('{"input":"go \\\n on\\\\\nand"}', "go \\\n on\\\nand"),
        ('{"input":"\\u12 \\nx"}', "\\u12 \nx"),
        ('{"input":"half \\ud83d"}', "half \ufffd"),
        ('{"input":"half \\ud83d","then":"more"}', "half \ufffd"),
        ('{"input":"half \\ud83d\\n"}', "half \ufffd\n"),
        ('{"input":"\\ud83d\\ude00"}', "\U0001f600"),
        ('{"input":"raw\nnewline"}', "raw\nnewline"),
        ('{"other":1,"input":"x"}', "x"),
    ],
)
def test_free_form_input_under_other_shapes(arguments: str, text: str) -> None:
    for size in (1, 4, 100):
        unwrapper = Unwrapper()
        fed = [unwrapper.feed(arguments[i : i + size]) for i in range(0, len(arguments), size)]
        assert "".join(fed) + unwrapper.close() == text

"""Hypothesis strategies for texts that were once good: cut, doubled, shuffled, with odd bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

# What scanners stumble over: marks of JSON, TOML and SSE, odd numbers, escapes and white space.
TOKENS = [*(bytes([one]) for one in b"{}[]:,.\"'`\\\r\n\t #=/*-0\x00\x7f\xff")]
TOKENS += [b'"""', b"'''", b"\\u", b"\\ud800", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xed\xa0\x80"]
TOKENS += [b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b"[" * 3000, b"{" * 3000]
TOKENS += [b"\n\n", b"\r\n\r\n", b"\r\r", b"data:", b"event: ", b"[DONE]", b"//", b"[[", b"]]"]
_EDITS = st.lists(
    st.tuples(st.integers(0), st.integers(0, 40), st.sampled_from(TOKENS), st.integers(0, 3)),
    max_size=6,
)


@st.composite
def mutated(draw: st.DrawFn, corpus: Sequence[bytes]) -> bytes:
    """One of `corpus` after a few edits; each cuts, puts in, doubles or moves some bytes."""
    data = draw(st.sampled_from(corpus))
    for place, length, token, kind in draw(_EDITS):
        at = place % (len(data) + 1)
        piece, rest = data[at : at + length], data[at + length :]
        put = (b"", token, piece + token + piece, piece[::-1])[kind]
        data = data[:at] + put + rest
    return data


_ODD: tuple[Any, ...] = (None, "a", "", 1, 1.5, True, [], {}, [1], [None], {"type": 1})


@st.composite
def with_odd_member(draw: st.DrawFn, value: Any) -> Any:
    """A JSON object with something else at one place in it."""
    copied = json.loads(json.dumps(value))
    *way, last = draw(st.sampled_from(_places(copied)))
    holder = copied
    for step in way:
        holder = holder[step]
    holder[last] = draw(st.sampled_from(_ODD))
    return copied


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps: Any = ()
    if isinstance(value, dict):
        steps = value.items()
    elif isinstance(value, list):
        steps = enumerate(value)
    inner = [place for step, one in steps for place in _places(one, (*path, step))]
    return [path, *inner] if path else inner

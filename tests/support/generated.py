"""Hypothesis strategies for hub values: answers as any upstream might give them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from gwproxy.translate.hub import (
    Block,
    Call,
    Reasoning,
    Refusal,
    Reply,
    Stop,
    StopReason,
    Text,
    Usage,
)
from gwproxy.translate.wire import jsonio

# No surrogates: they are not text. Control characters, quotes and astral planes are.
TEXTS = st.text(
    alphabet=st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from('"\\\n\t{}[]:,\u2028é☕日👩\u200d\ufe0f'),
    ),
    max_size=80,
)
JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
OBJECTS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(TEXTS, JSON_VALUES, max_size=4)
ARGUMENTS = OBJECTS.map(lambda value: jsonio.dumps(value).decode())
CALL_IDS = st.one_of(
    st.from_regex(r"\A(?:call|toolu)_[a-zA-Z0-9]{4,12}\Z"),
    st.from_regex(r"\Afunctions\.[a-z]{1,8}:[0-9]{1,2}\Z"),
)
TOOL_NAMES = st.from_regex(r"\A[a-zA-Z][a-zA-Z0-9_-]{0,20}\Z")
COUNTS = st.one_of(st.none(), st.integers(0, 10**6))
USAGES = st.builds(Usage, COUNTS, COUNTS, COUNTS, st.none(), COUNTS, COUNTS)
CALLS = st.builds(Call, CALL_IDS, TOOL_NAMES, ARGUMENTS)
BLOCKS: st.SearchStrategy[Block] = st.one_of(
    st.builds(Text, TEXTS), st.builds(Refusal, TEXTS), st.builds(Reasoning, TEXTS), CALLS
)


def replies() -> st.SearchStrategy[Reply]:
    """Any answer, blocks in any order."""
    return st.builds(
        Reply,
        st.from_regex(r"\A[a-z0-9]{0,8}\Z"),
        st.just("m"),
        st.lists(BLOCKS, max_size=5).map(tuple),
        st.builds(Stop, st.sampled_from(StopReason)),
        USAGES,
    )

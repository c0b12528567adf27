"""Any history becomes one that the Messages API takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from gwproxy.translate.anthropic import request
from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    Media,
    Reasoning,
    Request,
    Result,
    Text,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import FACTS
from support.generated import TEXTS, TOOL_NAMES
from support.requests import SURFACES
from support.sending import sent

OF = SURFACES[Dialect.ANTHROPIC]
ANY_BLOCKS: st.SearchStrategy[Block] = st.one_of(
    OF.told,
    OF.thoughts,
    st.builds(Call, st.sampled_from(["a", "b", "c"]), TOOL_NAMES, TEXTS),
    st.builds(Result, st.sampled_from(["a", "b", "c"]), OF.results),
)
ROLES = st.sampled_from(["system", "user", "assistant"])


def placed(role: Any, blocks: Sequence[Block]) -> Turn:
    """A turn with those blocks that its role can hold."""
    kinds: tuple[type, ...] = {
        "system": (Text,),
        "user": (Text, Media, Result),
        "assistant": (Text, Reasoning, Call),
    }[role]
    return Turn(role, tuple(block for block in blocks if isinstance(block, kinds)))


ANY_TURNS = st.lists(st.builds(placed, ROLES, st.lists(ANY_BLOCKS, max_size=4)), max_size=8).map(
    tuple
)


@given(
    ANY_TURNS,
    st.sampled_from(["native", "wrap"]),
    st.sampled_from([None, FACTS[Dialect.ANTHROPIC]]),
)
def test_any_history_becomes_one_that_the_api_accepts(
    turns: tuple[Turn, ...], mid_system: Any, client: DialectFacts | None
) -> None:
    quirks = Quirks(documents=True, mid_system=mid_system, family="kimi")
    body = sent(Request("m", turns, client=client), Dialect.ANTHROPIC, quirks, Losses())

    check_lawful(json.loads(body)["messages"])
    again = structs.replace(request.parse(body, Losses()), client=client)
    assert sent(again, Dialect.ANTHROPIC, quirks, Losses()) == body or client is None


def check_lawful(messages: list[Any]) -> None:
    """What the API's 400s are about."""
    assert messages[0]["role"] == "user"
    waiting: list[str] = []
    used: set[str] = set()
    for before, message in zip([None, *messages], messages, strict=False):
        assert before is None or before["role"] != message["role"]
        if message["role"] == "system":
            assert before["role"] == "user"
            continue
        content = message["content"]
        assert content
        kinds = [block["type"] for block in content]
        results = [b["tool_use_id"] for b in content if b["type"] == "tool_result"]
        assert sorted(results) == sorted(waiting)
        assert kinds[: len(results)] == ["tool_result"] * len(results)
        waiting = [b["id"] for b in content if b["type"] == "tool_use"]
        assert kinds[len(kinds) - len(waiting) :] == ["tool_use"] * len(waiting)
        assert not used & set(waiting)
        used |= set(waiting)
        assert all(block["text"].strip() for block in content if block["type"] == "text")
        assert all(isinstance(b["input"], dict) for b in content if b["type"] == "tool_use")
    assert not waiting

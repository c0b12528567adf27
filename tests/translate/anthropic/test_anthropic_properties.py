"""Laws of the Messages dialect, over generated answers, requests and disorder."""

from __future__ import annotations

import itertools
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
    Cache,
    Call,
    Dialect,
    Identity,
    Media,
    OutputFormat,
    Reasoning,
    Request,
    Result,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolReference,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import FACTS
from support.generated import ARGUMENTS, OBJECTS, TEXTS, TOOL_NAMES
from support.sending import sent

EVERYTHING = Quirks(
    family="claude",
    adaptive_thinking=True,
    efforts=("low", "medium", "high", "xhigh", "max"),
    documents=True,
    tool_extras=True,
    tool_references=True,
    cache_marks=True,
    user_id="keep",
    max_output=10**6,
    context_window=10**9,
)
VISIBLE = TEXTS.filter(lambda text: bool(text.strip()))


# --- requests ------------------------------------------------------------------------------------

CACHES = st.one_of(st.none(), st.just(Cache("1h")))
SCHEMAS = st.dictionaries(TOOL_NAMES, OBJECTS, max_size=2).map(
    lambda p: json.dumps({"type": "object", "properties": p}, ensure_ascii=False)
)
USER_BLOCKS: st.SearchStrategy[Block] = st.one_of(
    st.builds(Text, VISIBLE),
    st.builds(Media, st.just("image"), st.just("base64"), st.just("/9j/4A"), st.just("image/jpeg")),
    st.builds(Media, st.just("image"), st.just("url"), TEXTS),
    st.builds(
        Media,
        st.just("document"),
        st.just("text"),
        TEXTS,
        st.just("text/plain"),
        st.one_of(st.none(), TEXTS),
        st.one_of(st.none(), TEXTS),
    ),
)
RESULT_BLOCKS = st.one_of(
    st.just(()),
    st.builds(Text, VISIBLE).map(lambda text: (text,)),
    st.lists(st.one_of(USER_BLOCKS, st.builds(ToolReference, TOOL_NAMES)), max_size=3).map(tuple),
)
THOUGHTS = st.builds(Reasoning, VISIBLE, st.none(), st.just("EqQB"))


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Turn, ...]:
    """As Claude Code holds them: prompt, question, then loops of calls and results."""
    turns: list[Turn] = []
    if draw(st.booleans()):
        turns.append(
            Turn("system", tuple(draw(st.lists(st.builds(Text, VISIBLE, CACHES), max_size=2))))
        )
    turns = [turn for turn in turns if turn.blocks]
    turns.append(Turn("user", tuple(draw(st.lists(USER_BLOCKS, min_size=1, max_size=3)))))
    number = 0
    for _ in range(draw(st.integers(0, 3))):
        count = draw(st.integers(0, 2))
        calls = [
            Call(f"toolu_{number + i}", draw(TOOL_NAMES), draw(ARGUMENTS)) for i in range(count)
        ]
        number += count
        said: list[Block] = [*draw(st.lists(THOUGHTS, max_size=1)), Text(draw(VISIBLE)), *calls]
        results = [Result(call.id, draw(RESULT_BLOCKS), draw(st.booleans())) for call in calls]
        more = draw(st.lists(USER_BLOCKS, min_size=0 if calls else 1, max_size=2))
        turns += [Turn("assistant", tuple(said)), Turn("user", (*results, *more))]
    return tuple(turns)


TOOLS = st.lists(
    st.builds(
        Tool,
        TOOL_NAMES,
        description=st.one_of(st.none(), TEXTS),
        schema=SCHEMAS,
        strict=st.sampled_from([None, True, False]),
        deferred=st.booleans(),
        cache=CACHES,
    ),
    max_size=2,
    unique_by=lambda tool: tool.name,
).map(tuple)
THINKING = st.one_of(
    st.just(Thinking()),
    st.just(Thinking("off")),
    st.builds(Thinking, st.just("on"), st.sampled_from([None, "low", "medium", "high", "max"])),
    st.builds(Thinking, st.just("budget"), budget_tokens=st.integers(1024, 5000)),
)
FORMATS = st.one_of(
    st.none(), st.builds(OutputFormat, st.just("json_schema"), SCHEMAS, strict=st.just(True))
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Requests that hold nothing an Anthropic upstream with every extra could not take."""
    tools = draw(TOOLS)
    thinking = draw(THINKING)
    choices = [
        None,
        ToolChoice(),
        ToolChoice("any"),
        ToolChoice("none"),
        ToolChoice(parallel=False),
    ]
    sampling = Sampling(draw(st.sampled_from([None, 0.5])), None, draw(st.sampled_from([None, 5])))
    return Request(
        draw(TOOL_NAMES),
        draw(conversations()),
        tools,
        draw(st.sampled_from(choices)) if tools else None,
        draw(st.integers(6000, 10**6)),
        tuple(draw(st.lists(VISIBLE, max_size=2))),
        sampling if thinking.mode in (None, "off") else Sampling(),
        thinking,
        draw(FORMATS),
        draw(st.booleans()),
        identity=draw(st.sampled_from([Identity(), Identity("u")])),
        service_tier=draw(st.sampled_from([None, "auto", "standard_only"])),
        client=FACTS[Dialect.ANTHROPIC],
    )


@given(requests())
def test_what_is_rendered_is_parsed_to_the_same(wanted: Request) -> None:
    losses = Losses()
    body = sent(wanted, Dialect.ANTHROPIC, EVERYTHING, losses)
    again = structs.replace(request.parse(body, losses), client=wanted.client)

    assert set(losses) <= {"clamp:cache_control=4"}
    if not losses:
        assert again == wanted
    assert sent(again, Dialect.ANTHROPIC, EVERYTHING, Losses()) == body


@given(conversations(), st.sampled_from(["native", "wrap"]))
def test_a_longer_conversation_keeps_the_bytes_of_the_shorter_one(
    conversation: tuple[Turn, ...], mid_system: Any
) -> None:
    """With reminders where Claude Code puts them: after each turn of the user."""
    quirks = Quirks(documents=True, mid_system=mid_system)
    told: list[Turn] = []
    bodies: list[bytes] = []
    for turn in conversation:
        told.append(turn)
        if turn.role == "user":
            told.append(Turn("system", (Text("reminder"),)))
            wanted = Request("m", tuple(told), client=FACTS[Dialect.ANTHROPIC])
            bodies.append(sent(wanted, Dialect.ANTHROPIC, quirks, Losses()))

    for shorter, longer in itertools.pairwise(bodies):
        assert longer.startswith(shorter.removesuffix(b"]}]}"))


ANY_BLOCKS: st.SearchStrategy[Block] = st.one_of(
    USER_BLOCKS,
    THOUGHTS,
    st.builds(Call, st.sampled_from(["a", "b", "c"]), TOOL_NAMES, TEXTS),
    st.builds(Result, st.sampled_from(["a", "b", "c"]), RESULT_BLOCKS),
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

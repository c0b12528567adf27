"""What there is in a request, and that a pass which is about nothing of it need not be entered."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from gwproxy.translate.hub import (
    Cache,
    Call,
    Dialect,
    Media,
    Reasoning,
    Request,
    Result,
    Text,
    Tool,
    ToolReference,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import PASSES, Pass, repair
from gwproxy.translate.passes.content import Content, content_of
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS, FACTS
from gwproxy.translate.wire.fields import Rejected
from support import conversations as given_by

slow = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
upstreams = st.sampled_from(list(DIALECTS))
PICTURE = Media("image", "base64", "iVBORw0KGgo", "image/png")
HELLO = Turn("user", (Text("Hi"),))


def of(*turns: Turn, **members: object) -> set[Content]:
    return content_of(structs.replace(Request("m", turns), **members))


def test_a_plain_question_holds_nothing_to_mend() -> None:
    assert of(Turn("system", (Text("Be brief."),)), HELLO) == set()


@pytest.mark.parametrize(
    ("turn", "content"),
    [
        (Turn("user", (PICTURE,)), {Content.MEDIA}),
        (Turn("user", (Result("a", (PICTURE,)),)), {Content.RESULT, Content.MEDIA}),
        (
            Turn("user", (Result("a", (ToolReference("read"),)),)),
            {Content.RESULT, Content.REFERENCE},
        ),
        (Turn("assistant", (Call("a", "read", "{}"),)), {Content.CALL}),
        (Turn("user", (Text("x", Cache()),)), {Content.MARK}),
        (Turn("user", (Result("a", (Text("x", Cache()),)),)), {Content.RESULT, Content.MARK}),
        (Turn("user", (Text(" \n"),)), {Content.BLANK}),
        (Turn("user", (Result("a", (Text(""),)),)), {Content.RESULT, Content.BLANK}),
        (Turn("user", ()), {Content.BLANK}),
        (Turn("assistant", (Reasoning("Hm."),)), {Content.REASONING, Content.BLANK}),
        (Turn("assistant", (Reasoning("Hm."), Text("Yes."))), {Content.REASONING}),
        (Turn("system", (Text("Now."),)), {Content.LATE_SYSTEM}),
    ],
)
def test_what_is_there_is_found_wherever_it_stands(turn: Turn, content: set[Content]) -> None:
    assert of(HELLO, turn) == content


def test_tools_and_what_they_bear_are_found() -> None:
    assert of(HELLO, tools=(Tool("read"),)) == {Content.TOOL}
    assert of(HELLO, tools=(Tool("read", cache=Cache()),)) == {Content.TOOL, Content.MARK}
    assert of(HELLO, tools=(Tool("read", strict=False),)) == {Content.TOOL, Content.STRICT}
    assert of(HELLO, tools=(Tool("read", deferred=True),)) == {Content.TOOL, Content.DEFERRED}
    assert of(HELLO, tools=(Tool("search", "hosted"),)) == {Content.TOOL, Content.HOSTED}
    twice = of(HELLO, tools=(Tool("read"), Tool("read", schema="{}")))
    assert twice == {Content.TOOL, Content.REPEATED}


@slow
@given(given_by.requests, given_by.quirks, upstreams)
def test_a_pass_leaves_alone_what_it_is_not_about(
    request: Request, quirks: Quirks, upstream: Dialect
) -> None:
    for one in PASSES:
        if one.about:
            other = one.about.isdisjoint(content_of(request))
            asked = request if other else _less(request, one)
            losses = Losses()
            assert one.apply(asked, FACTS[upstream], quirks, losses) is asked, one.name
            assert list(losses) == [], one.name


def _less(request: Request, one: Pass) -> Request:
    """The request without what `one` is about, as far as turns and tools can be left out."""
    turns: list[Turn] = []
    for turn in request.turns:
        blocks = tuple(
            block
            for block in turn.blocks
            if one.about.isdisjoint(of(HELLO, Turn(turn.role, (block, Text("x")))))
        )
        if one.about.isdisjoint(of(HELLO, Turn(turn.role, blocks))):
            turns.append(Turn(turn.role, blocks))
    tools = tuple(tool for tool in request.tools if one.about.isdisjoint(of(HELLO, tools=(tool,))))
    less = structs.replace(request, turns=tuple(turns), tools=tools)
    assert one.about.isdisjoint(content_of(less))
    return less


@slow
@given(given_by.requests, given_by.quirks, upstreams)
@example(Request("m", ()), Quirks(), Dialect.CHAT)
def test_the_passes_that_are_entered_do_what_all_of_them_would(
    request: Request, quirks: Quirks, upstream: Dialect
) -> None:
    facts, told, plainly_told = FACTS[upstream], Losses(), Losses()
    refusal = plain_refusal = ""
    repaired = plain = request
    try:
        repaired = repair(request, facts, quirks, told)
    except Rejected as error:
        refusal = str(error)
    try:
        for one in PASSES:
            plain = one.apply(plain, facts, quirks, plainly_told)
    except Rejected as error:
        plain, plain_refusal = request, str(error)
    assert (repaired, refusal) == (plain, plain_refusal)
    assert list(told) == list(plainly_told)

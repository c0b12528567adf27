"""The simulated client believes a good provider and stumbles over every real disorder."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gwproxy.simulator import (
    DEMO,
    KIMI_CODE,
    KIMI_K25,
    NAMED,
    Delivery,
    Disorder,
    Ending,
    Manners,
    PlayedRefusal,
    RunningSimulator,
    Streaming,
    scenario,
    strictly,
)
from gwproxy.simulator.caller import Unfit, talk
from gwproxy.simulator.conversation import DialectName
from simulator.asking import DIALECTS
from support.provider import StartProvider

GOOD: list[tuple[Manners, DialectName]] = [
    *((DEMO, dialect) for dialect in DIALECTS),
    (strictly(DEMO), "anthropic"),
    (strictly(DEMO), "chat"),
    (strictly(DEMO), "responses"),
    (strictly(KIMI_CODE), "anthropic"),
    (NAMED["claude-gateway"], "anthropic"),
    (replace(KIMI_K25, chat_disorders=frozenset()), "chat"),
    (KIMI_K25, "responses"),
]


def base_of(provider: RunningSimulator, dialect: DialectName) -> str:
    if dialect == "anthropic":
        return provider.anthropic_url
    return provider.openai_url.removesuffix("/v1")


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("manners", "dialect"), GOOD)
async def test_a_good_provider_is_understood(
    start_provider: StartProvider, manners: Manners, dialect: DialectName, streamed: bool
) -> None:
    provider = await start_provider(manners, key="the key")
    held = await talk(
        base_of(provider, dialect), dialect, model="demo-1", token="the key", streamed=streamed
    )
    assert held.calling.answer.thinking
    assert "12 °C, rain" in held.reporting.answer.text
    assert [r.streamed for r in provider.generations] == [streamed, streamed]
    for turn, recorded in zip((held.calling, held.reporting), provider.generations, strict=True):
        assert recorded.figures is not None
        assert turn.answer.prompt_tokens == recorded.figures.prompt
        assert turn.answer.output_tokens == recorded.figures.output


# What an SDK would survive, or would never notice, this client may survive as well.
IN_ANY_DIALECT = {Disorder.COMMENTS, Disorder.NO_SPACE, Disorder.HUGE_EVENT, Disorder.EVENT_NAMES}
HARMLESS = {
    "anthropic": IN_ANY_DIALECT
    | {Disorder.LATE_REASONING, Disorder.CACHED_AT_TOP, Disorder.REPEATED_FINISH},
    "chat": IN_ANY_DIALECT
    | {
        Disorder.LATE_REASONING,
        Disorder.NULL_CONTENT,
        Disorder.EMPTY_CALL_LISTS,
        Disorder.NULL_ARGUMENTS,
        Disorder.CACHED_AT_TOP,
        Disorder.WHOLE_CALLS,
        Disorder.NO_EVENT_NAMES,
        Disorder.USAGE_EVERYWHERE,
        Disorder.USAGE_IN_CHOICE,
        Disorder.REASONING_TWICE,
        Disorder.REASONING_AS_REASONING,
        Disorder.REASONING_AS_TEXT,
        Disorder.THINK_TAGS,
        Disorder.LEAKED_CALLS,
    },
    "responses": IN_ANY_DIALECT,
}


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_every_other_disorder_of_a_stream_is_noticed(
    start_provider: StartProvider, dialect: DialectName
) -> None:
    believed = set()
    for disorder in Disorder:
        provider = await start_provider(DEMO)
        provider.will(disorder)
        try:
            await talk(provider.base_url, dialect, model="m", token="t", streamed=True)
            believed.add(disorder)
        except Unfit:
            assert len(provider.generations) == 1
    assert believed <= HARMLESS[dialect]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("ending", [one for one in Ending if one is not Ending.SILENCE])
async def test_a_broken_stream_is_never_taken_for_a_whole_one(
    provider: RunningSimulator, dialect: DialectName, ending: Ending
) -> None:
    provider.will(Delivery(after_events=6, then=ending))
    with pytest.raises(Unfit):
        await talk(provider.base_url, dialect, model="m", token="t", streamed=True)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_other_kind_of_answer_is_not_accepted(
    start_provider: StartProvider, dialect: DialectName
) -> None:
    for streaming, streamed in ((Streaming.ANSWERS_WHOLE, True), (Streaming.ALWAYS_STREAMS, False)):
        provider = await start_provider(replace(DEMO, streaming=streaming))
        with pytest.raises(Unfit, match="was asked for"):
            await talk(provider.base_url, dialect, model="m", token="t", streamed=streamed)


async def test_refusals_and_unexpected_answers_are_quoted(start_provider: StartProvider) -> None:
    provider = await start_provider(DEMO, scenario("I would rather not."))
    with pytest.raises(Unfit, match="does not stop for its tool calls"):
        await talk(provider.base_url, "chat", model="m", token="t", streamed=False)
    provider.will(PlayedRefusal(503, "not now"))
    with pytest.raises(Unfit, match=r"HTTP 503: .*not now"):
        await talk(provider.base_url, "chat", model="m", token="t", streamed=False)

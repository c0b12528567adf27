"""What exchanges cost: the same in every dialect, and with prompt caching as each vendor has it."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.simulator import CLAUDE_GATEWAY, DEMO, PlayedAnswer, PlayedFigures, PlayedQuestion
from gwproxy.simulator.conversation import DialectName, PlayedSaying
from gwproxy.simulator.figures import Caching, PromptCache, prompt_tokens, tokens
from simulator.asking import DIALECTS, Json, ask, question
from support.provider import StartProvider


def asked(*texts: str, marked: int = 0) -> PlayedQuestion:
    entries = tuple(PlayedSaying("user", text) for text in texts)
    return PlayedQuestion(dialect="chat", model="m", entries=entries, marked=marked)


TEXTS = st.lists(st.text(max_size=40), min_size=1, max_size=6)


@given(TEXTS, TEXTS, st.sampled_from(["none", "prefix", "marked"]), st.integers(0, 7))
def test_the_parts_of_a_prompt_add_up(
    first: list[str], second: list[str], caching: Caching, marked: int
) -> None:
    cache = PromptCache()
    for texts in (first, second, first + second):
        request = asked(*texts, marked=min(marked, len(texts) + 1))
        figures = cache.figures(request, PlayedAnswer("a"), caching)
        assert figures.prompt == prompt_tokens(request)
        assert min(figures.cached, figures.written) >= 0
        assert figures.fresh >= 1


def test_a_longer_history_reads_the_shorter_ones_prefix() -> None:
    cache = PromptCache()
    short, long = asked("a" * 400, "b" * 400), asked("a" * 400, "b" * 400, "c" * 400)
    assert cache.figures(short, PlayedAnswer(), "prefix").cached == 0
    assert cache.figures(long, PlayedAnswer(), "prefix").cached == prompt_tokens(short)
    changed = asked("A" + "a" * 399, "b" * 400, "c" * 400)
    assert cache.figures(changed, PlayedAnswer(), "prefix").cached == 3, (
        "only the (empty) tools match"
    )


def test_marks_decide_what_is_written_and_read() -> None:
    cache = PromptCache()
    texts = ("a" * 400, "b" * 400)
    unmarked = cache.figures(asked(*texts), PlayedAnswer(), "marked")
    assert (unmarked.cached, unmarked.written) == (0, 0)
    # The mark is on the first text; the tools before it are a segment of their own.
    first = cache.figures(asked(*texts, marked=2), PlayedAnswer(), "marked")
    again = cache.figures(asked(*texts, marked=2), PlayedAnswer(), "marked")
    assert (first.cached, again.written) == (0, 0)
    assert first.written == again.cached == 3 + 3 + tokens("user:" + "a" * 400)
    assert first.fresh == again.fresh


async def figures_of(
    start_provider: StartProvider, dialect: DialectName, **members: Any
) -> tuple[PlayedFigures, Json]:
    provider = await start_provider(DEMO)
    received = await ask(provider, dialect, question(dialect, **members))
    assert received.status == 200
    figures = provider.requests[0].figures
    assert figures is not None
    if members.get("stream"):
        return figures, streamed_usage(dialect, received.events)
    return figures, received.json["usage"]


def streamed_usage(dialect: DialectName, events: list[tuple[str | None, Any]]) -> Json:
    match dialect:
        case "anthropic":
            return next(data["usage"] for name, data in events if name == "message_delta")
        case "chat":
            return next(d["usage"] for _, d in reversed(events) if d != "[DONE]" and "usage" in d)
        case "responses":
            return next(
                data["response"]["usage"] for name, data in events if name == "response.completed"
            )


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_streamed_and_whole_cost_the_same(
    start_provider: StartProvider, dialect: DialectName
) -> None:
    whole, said = await figures_of(start_provider, dialect)
    extra = {"stream_options": {"include_usage": True}} if dialect == "chat" else {}
    streamed, told = await figures_of(start_provider, dialect, stream=True, **extra)
    assert (whole, said) == (streamed, told)


async def test_every_dialect_costs_the_same_and_says_it_in_its_own_way(
    start_provider: StartProvider,
) -> None:
    found = {dialect: await figures_of(start_provider, dialect) for dialect in DIALECTS}
    figures = found["anthropic"][0]
    assert {f for f, _ in found.values()} == {figures}
    assert found["anthropic"][1]["input_tokens"] == figures.fresh
    assert found["chat"][1]["prompt_tokens"] == figures.prompt
    assert found["responses"][1]["input_tokens"] == figures.prompt
    details = found["responses"][1]["output_tokens_details"]
    assert details == {"reasoning_tokens": figures.reasoning}


async def test_a_claude_gateway_caches_what_is_marked_and_reports_usage_afterwards(
    start_provider: StartProvider,
) -> None:
    provider = await start_provider(CLAUDE_GATEWAY)
    system = [{"type": "text", "text": "s" * 4000, "cache_control": {"type": "ephemeral"}}]
    body = question("anthropic", system=system)
    first = await ask(provider, "anthropic", body)
    second = await ask(provider, "anthropic", copy.deepcopy(body))
    usages = [r.json["usage"] for r in (first, second)]
    assert usages[0]["cache_creation_input_tokens"] == usages[1]["cache_read_input_tokens"] > 1000
    assert usages[0]["cache_read_input_tokens"] == usages[1]["cache_creation_input_tokens"] == 0

    url = f"{provider.base_url}/v1/usage/{second.headers['request-id']}"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        report = await response.json()
    assert report["input_tokens"] == usages[1]["input_tokens"]
    assert report["cache_read_input_tokens"] == usages[1]["cache_read_input_tokens"]
    assert report["model"] == "demo-1"


async def test_a_provider_without_caching_never_reads_a_cache(
    start_provider: StartProvider,
) -> None:
    provider = await start_provider(replace(DEMO, caching="none"))
    for _ in range(2):
        received = await ask(provider, "chat", question("chat"))
        assert received.json["usage"]["prompt_tokens_details"] == {"cached_tokens": 0}

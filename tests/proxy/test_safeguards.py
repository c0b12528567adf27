"""Verdicts on tool calls: asked of an upstream that gives them, else the client is told to check by
itself; none is ever made up, and nobody is billed for a no."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from gwproxy.profiles import learned
from gwproxy.profiles.learned import Lesson
from gwproxy.simulator import DEMO, KIMI_CODE, PlayedRefusal, RunningSimulator, Streaming
from support.gateway import KEY, StartGateway, TestGateway, messages
from support.provider import StartProvider, record

ORDER = [{"type": "dangerous_tool_use", "classifier_context": {"v": 1}}]
BETA = "dangerous-tool-use-2026-09-03"
REFUSED = PlayedRefusal(422, "safeguards: Extra inputs are not permitted")


async def ask(
    gateway: TestGateway, session: str = "", path: str = "/v1/messages", **members: Any
) -> tuple[int, Any]:
    headers = {"anthropic-beta": BETA} | ({"x-claude-code-session-id": session} if session else {})
    body = messages(**{"safeguards": ORDER, **members})
    async with gateway.post(path, body, headers=headers) as response:
        text = await response.text()
    return response.status, json.loads(text) if text.startswith("{") else text


def says_no(answer: tuple[int, Any]) -> bool:
    """What Claude Code acts upon: a 400 whose words name the member."""
    status, body = answer
    error = body["error"]
    return (status, error["type"]) == (400, "invalid_request_error") and error[
        "message"
    ].startswith("safeguards: ")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {"dialects": ["chat"]},
        {"dialects": ["responses"]},
        {"quirks": {"rebuild": True}},
        {"quirks": {"safeguards": False}},
        # Its answers are looked through, and what comes out of that has no verdicts.
        {"quirks": {"leaked_tools": True}},
    ],
)
async def test_where_nobody_judges_the_client_is_told(
    start_gateway: StartGateway, provider: RunningSimulator, settings: dict[str, Any], stream: bool
) -> None:
    gateway = await start_gateway({"up": record(provider, **settings)})
    assert says_no(await ask(gateway, stream=stream))
    assert provider.requests == []
    for nothing in (None, list[str]()):
        assert (await ask(gateway, stream=stream, safeguards=nothing))[0] == 200


async def test_tokens_are_counted_all_the_same(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider(KIMI_CODE, key=KEY)
    kimi = {"preset": "kimi-code", "anthropic_url": provider.anthropic_url}
    gateway = await start_gateway({"up": kimi})
    status, counted = await ask(gateway, path="/v1/messages/count_tokens")
    assert (status, counted["input_tokens"] > 0) == (200, True)
    assert says_no(await ask(gateway))
    assert provider.billed == 0


async def test_elsewhere_the_order_goes_out_with_its_beta(
    start_gateway: StartGateway, provider: RunningSimulator
) -> None:
    gateway = await start_gateway({"up": record(provider)})
    assert (await ask(gateway))[0] == 200
    (seen,) = provider.generations
    assert seen.body["safeguards"] == ORDER
    assert dict(seen.headers)["anthropic-beta"] == BETA


@pytest.mark.parametrize(
    "refused",
    [REFUSED, PlayedRefusal(400, f"Unexpected value(s) `{BETA}` for the `anthropic-beta` header.")],
)
async def test_a_no_of_the_upstream_is_put_into_words_that_the_client_knows(
    start_gateway: StartGateway,
    provider: RunningSimulator,
    gwproxy_home: Path,
    refused: PlayedRefusal,
) -> None:
    """And is not asked for again, but by a session that begins a day later."""
    gateway = await start_gateway({"up": record(provider)}, options={"learns": True})
    provider.will(refused)
    assert says_no(await ask(gateway, "one"))
    assert says_no(await ask(gateway, "two"))
    assert len(provider.generations) == 1
    (lesson,) = learned.load()
    assert (lesson.quirk, lesson.value) == ("safeguards", False)
    before = (date.today() - timedelta(2)).isoformat()
    learned.add([replace(lesson, day=before)])
    provider.will(refused)
    assert says_no(await ask(gateway, "three"))
    assert len(provider.generations) == 2
    (lesson,) = learned.load()
    assert (lesson.tried, lesson.trials) == (date.today().isoformat(), 1)


async def test_an_upstream_that_has_learned_to_judge_is_found_out(
    start_gateway: StartGateway, provider: RunningSimulator, gwproxy_home: Path
) -> None:
    gateway = await start_gateway({"up": record(provider)}, options={"learns": True})
    before = (date.today() - timedelta(2)).isoformat()
    learned.add([Lesson("up", "demo-1", "safeguards", False, before, "safeguards is refused")])
    assert (await ask(gateway, "new"))[0] == 200
    assert learned.load() == ()
    assert provider.generations[-1].body["safeguards"] == ORDER


@pytest.mark.parametrize("streaming", [Streaming.REFUSES_STREAMS, Streaming.REFUSES_WHOLE])
async def test_an_answer_of_another_form_is_asked_for_it_too(
    start_gateway: StartGateway, start_provider: StartProvider, streaming: Streaming
) -> None:
    """That the verdicts come through it is shown in tests/translate/test_remade.py."""
    provider = await start_provider(replace(DEMO, streaming=streaming))
    stream = "never" if streaming is Streaming.REFUSES_STREAMS else "always"
    gateway = await start_gateway({"up": record(provider, stream=stream)})
    status, _ = await ask(gateway, stream=stream == "never")
    assert status == 200
    assert provider.generations[-1].body["safeguards"] == ORDER

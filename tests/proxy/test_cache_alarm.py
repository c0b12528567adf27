"""The cache alarm of a real gateway: it rings when a provider's cache is not read, says why, and
says nothing as long as tools do what tools do."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from gwproxy.proxy.records.prompt_cache import turn, watch
from gwproxy.proxy.records.prompt_cache.turn import Put
from gwproxy.simulator import (
    CLAUDE_GATEWAY,
    DEMO,
    PlayedAnswer,
    PlayedQuestion,
    PlayedRefusal,
    RunningSimulator,
)
from gwproxy.translate.dialect_facts import ATTRIBUTION
from support.agents import Agent, ClaudeCode
from support.background import until
from support.gateway import KEY, StartGateway, TestGateway
from support.provider import StartProvider
from support.sessions import AGENTS, converse, hold_session

PROMPT: Final = "You write code, and you do it with care. " * 400
MARK: Final = {"cache_control": {"type": "ephemeral"}}
SESSION: Final = {"x-claude-code-session-id": "s-1", "user-agent": "claude-cli/2.1.330 (external)"}


def plain(asked: PlayedQuestion) -> PlayedAnswer:
    return PlayedAnswer("Done.")


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text, **more}]}


DONE: Final = {"role": "assistant", "content": [{"type": "text", "text": "Done."}]}


def asked(*words: str, system: Any = None, **more: Any) -> dict[str, Any]:
    """A request of a tool after so many questions."""
    turns: list[Any] = []
    for word in words:
        turns += [said(word), DONE]
    turns[-2:] = [said(words[-1], **MARK)]
    return {
        "model": "m",
        "max_tokens": 1000,
        "system": system or [{"type": "text", "text": PROMPT, **MARK}],
        "messages": turns,
        **more,
    }


def without_notice(agent: Agent) -> None:
    """As `gwproxy setup` has it."""
    shape = agent.shape

    def bare() -> dict[str, Any]:
        body = shape()
        return {**body, "system": body["system"][1:]}

    agent.shape = bare  # type: ignore[method-assign]


async def ask(
    gateway: TestGateway, body: Mapping[str, Any], headers: Mapping[str, str] = SESSION
) -> str:
    async with gateway.post("/v1/messages", body, headers=headers) as response:
        assert response.status == 200, await response.read()
        await response.read()
        return response.headers["x-gwproxy-request-id"]


async def told(gateway: TestGateway, request_id: str) -> dict[str, Any]:
    await gateway.server.gateway._services.cache_watch.settle()
    async with gateway.get(f"/v1/exchanges/{request_id}") as response:
        found: dict[str, Any] = (await response.json())["exchange"]
        return found


async def alarm_of(gateway: TestGateway, request_id: str) -> dict[str, Any]:
    alarm: dict[str, Any] | None = (await told(gateway, request_id))["cache_alarm"]
    assert alarm is not None
    return alarm


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if "prompt cache" in r.getMessage()]


@pytest.fixture
async def claude(
    start_gateway: StartGateway, start_provider: StartProvider
) -> tuple[RunningSimulator, TestGateway]:
    """A provider whose cache has to be marked, and a gateway before it."""
    provider = await start_provider(CLAUDE_GATEWAY, plain, key=KEY)
    record = {"preset": "claude-gateway", "anthropic_url": provider.anthropic_url}
    return provider, await start_gateway({"p": record})


# What the tool sends first and then, and what of it parts; `chat` has its prompt as a turn.
BREAKS: Final[Mapping[str, tuple[Any, Any, str, str]]] = {
    "its prompt": (
        asked("one"),
        asked("one", "two", system=[{"type": "text", "text": f"It is 12:01. {PROMPT}", **MARK}]),
        "system[0].text",
        "messages[0].content",
    ),
    "its first tool": (
        asked("one", tools=[{"name": "Read", "input_schema": {"type": "object"}}]),
        asked("one", "two", tools=[{"name": "Write", "input_schema": {"type": "object"}}]),
        "tools[0].name",
        "tools[0].function.name",
    ),
}


@pytest.mark.parametrize(
    ("dialect", "caching"), [("anthropic", "marked"), ("anthropic", "prefix"), ("chat", "prefix")]
)
@pytest.mark.parametrize("name", BREAKS)
async def test_the_tool_changes(
    start_gateway: StartGateway,
    start_provider: StartProvider,
    caplog: pytest.LogCaptureFixture,
    name: str,
    dialect: Any,
    caching: Any,
) -> None:
    first, second, path, chat_path = BREAKS[name]
    manners = replace(DEMO, dialects=frozenset({dialect}), caching=caching)
    provider = await start_provider(manners, plain)
    url = {"anthropic": "anthropic_url", "chat": "openai_url"}[dialect]
    address = provider.anthropic_url if dialect == "anthropic" else provider.openai_url
    gateway = await start_gateway({"p": {url: address, "model": "demo-1"}})
    if caching == "prefix":  # before it is read for the first time nobody knows that there is one
        await ask(gateway, first)
    await ask(gateway, first)
    with caplog.at_level(logging.WARNING, "gwproxy"):
        broken = await ask(gateway, second)
        alarm = await alarm_of(gateway, broken)
    assert alarm["changed_by"] == "the tool"
    sent = provider.generations[-1].raw
    assert alarm["parts_at"] == (path if dialect == "anthropic" else chat_path)
    assert sent[alarm["parts_at_byte"] :].startswith((b"It is", b"Write"))
    assert 0.9 < alarm["was"] <= 1
    assert alarm["is"] < 0.1
    (warning,) = warnings(caplog)
    assert warning == f"claude-cli/2.1.330, p: {alarm['words']}"
    assert f"gwproxy log {broken}" in alarm["words"]


async def test_it_is_said_once_and_stands_in_every_row_until_it_is_over(
    start_gateway: StartGateway, start_provider: StartProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """A provider that does not say what it writes reads nothing, turn by turn."""
    provider = await start_provider(replace(DEMO, caching="prefix"), plain)
    gateway = await start_gateway({"p": {"anthropic_url": provider.anthropic_url, "model": "d"}})
    caplog.set_level(logging.WARNING, "gwproxy")
    words = ["w"]
    for _ in range(2):
        await ask(gateway, asked(*words))
        words.append("w")
    at = [{"type": "text", "text": f"It is 12:{n}. {PROMPT}"} for n in range(3)]
    for n in range(3):
        broken = await ask(gateway, asked(*words, system=[at[n]]))
        alarm = await alarm_of(gateway, broken)
        assert (alarm["changed_by"], alarm["is"] < 0.01) == ("the tool", True)
        words.append("w")
    assert len(warnings(caplog)) == 1
    (standing,) = await standing_in(gateway)
    assert (standing["turns"], standing["session"], standing["over"]) == (3, "s-1", False)
    assert standing["lost_tokens"] > 3 * 3000
    again = await ask(gateway, asked(*words, system=[at[2]]))
    assert (await told(gateway, again))["cache_alarm"] is None
    (standing,) = await standing_in(gateway)
    assert standing["over"] is True


async def standing_in(gateway: TestGateway) -> list[dict[str, Any]]:
    async with gateway.get("/v1/status") as response:
        found: list[dict[str, Any]] = (await response.json())["cache_alarms"]
        return found


async def test_the_attribution_block_changes(claude: tuple[RunningSimulator, TestGateway]) -> None:
    _, gateway = claude

    def system(number: int) -> list[Any]:
        notice = {"type": "text", "text": f"{ATTRIBUTION} cch={number};"}
        return [notice, {"type": "text", "text": PROMPT, **MARK}]

    await ask(gateway, asked("one", system=system(1)))
    alarm = await alarm_of(gateway, await ask(gateway, asked("one", "two", system=system(2))))
    assert (alarm["changed_by"], alarm["parts_at"]) == ("the attribution block", "system[0].text")


async def test_a_lesson_changes(claude: tuple[RunningSimulator, TestGateway]) -> None:
    provider, gateway = claude
    tools = [{"name": "Read", "input_schema": {"type": "object"}, "strict": True}]
    await ask(gateway, asked("one", tools=tools))
    words = "tools.0.strict: Extra inputs are not permitted"
    provider.will(PlayedRefusal(400, words, error_type="invalid_request_error"))
    provider.forgets_prompts()  # a member of a tool is no words in its books
    alarm = await alarm_of(gateway, await ask(gateway, asked("one", "two", tools=tools)))
    assert alarm["changed_by"] == "a lesson", alarm
    assert "gwproxy profile forget p 'tools[].strict'" in alarm["words"]
    assert alarm["parts_at"] == "tools[0]"


async def test_a_failover_and_the_way_back(
    start_gateway: StartGateway, start_provider: StartProvider, caplog: pytest.LogCaptureFixture
) -> None:
    one = await start_provider(CLAUDE_GATEWAY, plain)
    two = await start_provider(CLAUDE_GATEWAY, plain)
    gateway = await start_gateway(
        {
            "one": {"anthropic_url": one.anthropic_url, "model": "claude-sonnet-4-6"}
            | {"fallback": ["two"]},
            "two": {"anthropic_url": two.anthropic_url, "model": "claude-sonnet-4-6"},
        }
    )
    await ask(gateway, asked("one"))
    one.will(PlayedRefusal(529, "overloaded"))
    alarm = await alarm_of(gateway, await ask(gateway, asked("one", "two")))
    assert (alarm["changed_by"], alarm["parts_at_byte"]) == ("a failover", None)
    assert "two took the place of one" in alarm["words"]


async def test_our_own_translation_changes(
    start_gateway: StartGateway, start_provider: StartProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of ours does that, so it is done to it."""
    provider = await start_provider(replace(DEMO, dialects=frozenset({"chat"})), plain)
    gateway = await start_gateway({"p": {"openai_url": provider.openai_url, "model": "demo-1"}})
    await ask(gateway, asked("one"))
    await ask(gateway, asked("one", "two"))

    def changed(came: bytes, sent: bytes, *rest: Any) -> Put:
        return Put(came, sent.replace(b"You write", b"We write", 1), *rest)

    monkeypatch.setattr("gwproxy.proxy.exchange.question.Put", changed)
    provider.forgets_prompts()
    alarm = await alarm_of(gateway, await ask(gateway, asked("one", "two", "three")))
    assert (alarm["changed_by"], alarm["parts_at"]) == ("gwproxy", "messages[0].content")


async def test_the_provider_forgets(claude: tuple[RunningSimulator, TestGateway]) -> None:
    provider, gateway = claude
    await ask(gateway, asked("one"))
    provider.forgets_prompts()
    alarm = await alarm_of(gateway, await ask(gateway, asked("one", "two")))
    assert (alarm["changed_by"], alarm["parts_at"]) == ("the provider", None)


async def test_the_row_keeps_it(
    start_gateway: StartGateway, start_provider: StartProvider, gwproxy_home: Path
) -> None:
    provider = await start_provider(CLAUDE_GATEWAY, plain)
    ledger = {"ledger": gwproxy_home / "usage.db"}
    record = {"p": {"anthropic_url": provider.anthropic_url, "model": "claude-sonnet-4-6"}}
    gateway = await start_gateway(record, options=ledger)
    await ask(gateway, asked("one"))
    written = gateway.server.gateway._services.ledger
    await asyncio.to_thread(until, lambda: written.state.waiting == 0)
    provider.forgets_prompts()
    broken = await ask(gateway, asked("one", "two"))
    alarm = await alarm_of(gateway, broken)
    await asyncio.to_thread(written.close)
    later = await start_gateway(record, options=ledger)
    assert (await told(later, broken))["cache_alarm"] == alarm
    (standing,) = await standing_in(later)
    assert (standing["request_id"], standing["words"]) == (broken, alarm["words"])


async def test_a_watcher_hears_of_it_although_the_exchange_was_over(
    claude: tuple[RunningSimulator, TestGateway],
) -> None:
    provider, gateway = claude
    await ask(gateway, asked("one"))
    provider.forgets_prompts()
    async with asyncio.timeout(10), gateway.get("/v1/events") as response:
        broken = await ask(gateway, asked("one", "two"))
        async for line in response.content:
            if line.startswith(b'data: {"request_id"'):
                told = json.loads(line.removeprefix(b"data: "))
                if told["cache_alarm"] is not None:
                    assert told["request_id"] == broken
                    break


# --- what is no alarm ----------------------------------------------------------------------------


@pytest.mark.parametrize("named", [True, False], ids=["with a session", "nameless"])
@pytest.mark.parametrize("upstream", ["anthropic", "anthropic marked", "chat", "responses"])
@pytest.mark.parametrize("agent", AGENTS)
async def test_no_agent_at_work_rings_it(
    start_gateway: StartGateway,
    start_provider: StartProvider,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    agent: str,
    upstream: str,
    named: bool,
) -> None:
    """Ten turns with a compaction, each token counted."""
    monkeypatch.setattr(turn, "LEAST_TOKENS", 1)
    monkeypatch.setattr(watch, "LEAST_TOKENS", 1)
    dialect: Any
    dialect, _, marked = upstream.partition(" ")
    manners = replace(DEMO, dialects=frozenset({dialect}), caching="marked" if marked else "prefix")
    provider = await start_provider(manners, converse)
    address = provider.anthropic_url if dialect == "anthropic" else provider.openai_url
    kind = "anthropic_url" if dialect == "anthropic" else "openai_url"
    gateway = await start_gateway({"p": {kind: address, "model": "demo-1", "dialects": [dialect]}})
    one = AGENTS[agent]()
    sets_marks = isinstance(one, ClaudeCode)
    if sets_marks and dialect == "anthropic":
        without_notice(one)
    if named:
        one.headers = {**one.headers, "x-claude-code-session-id": "s-1"}
    caplog.set_level(logging.WARNING, "gwproxy")
    await hold_session(gateway, one)
    was_watched = gateway.server.gateway._services.cache_watch.size > 0
    assert was_watched is (sets_marks or not marked)
    await gateway.server.gateway._services.cache_watch.settle()
    assert await standing_in(gateway) == []
    assert warnings(caplog) == []

"""What only Claude Code does: deferred tools, subagents, its other ways to a token."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from gwproxy.simulator import Delivery, Ending, PlayedRefusal
from gwproxy.simulator.conversation import (
    Called,
    PlayedAnswer,
    PlayedCall,
    PlayedQuestion,
    PlayedResult,
)
from real_clients.coding_tools import CLAUDE_CODE
from real_clients.installed import needs
from real_clients.stage import SetStage
from real_clients.tasks import LONG, WRITE_AND_REPORT, with_subagent, with_tool
from support.upstreams import CHAT_ONLY, CLAUDE, UPSTREAMS, Upstream

pytestmark = [pytest.mark.clients, needs("claude")]

UPSTREAM = pytest.mark.parametrize("upstream", UPSTREAMS)
TOOL_SEARCH = with_tool("ToolSearch", query="select:WebFetch,NotebookEdit", max_results=5)


@UPSTREAM
async def test_as_people_configure_it_by_hand(set_stage: SetStage, upstream: str) -> None:
    stage = await set_stage(UPSTREAMS[upstream])
    await stage.perform(CLAUDE_CODE, WRITE_AND_REPORT, stage.by_hand())


@UPSTREAM
async def test_a_tool_that_was_searched_for_is_offered(set_stage: SetStage, upstream: str) -> None:
    """The result of the search is made of `tool_reference` blocks, which hardly anybody takes."""
    stage = await set_stage(UPSTREAMS[upstream])
    finished = await stage.perform(CLAUDE_CODE, TOOL_SEARCH, stage.by_hand())
    assert "WebFetch" in {tool.name for tool in finished.turns[1].tools}


async def test_real_claude_searches_for_tools_as_it_was_set_up(set_stage: SetStage) -> None:
    stage = await set_stage(CLAUDE)
    stage.set_up("claude-code")
    finished = await stage.perform(CLAUDE_CODE, TOOL_SEARCH)
    # Passed through as they came: Claude knows what to make of them.
    assert '"type":"tool_reference"' in stage.provider.generations[1].raw.decode()
    assert len(finished.turns) == TOOL_SEARCH.turns


@UPSTREAM
async def test_a_subagent_does_its_part(set_stage: SetStage, upstream: str) -> None:
    stage = await set_stage(UPSTREAMS[upstream])
    stage.set_up("claude-code")
    await stage.perform(CLAUDE_CODE, with_subagent())


@pytest.mark.parametrize("upstream", [CHAT_ONLY, CLAUDE], ids=["translated", "relayed"])
async def test_a_call_that_was_cut_off_is_not_run(set_stage: SetStage, upstream: Upstream) -> None:
    """It runs a call whose block was stopped, whatever follows, and resumes one left open."""
    stage = await set_stage(upstream)
    stage.provider.will(Delivery(after_events=12, then=Ending.ENDS_EARLY))
    command = CLAUDE_CODE.command(LONG.prompt, stage.home)
    ran = await stage.run(command, {**CLAUDE_CODE.environment, **stage.by_hand()})
    assert ran.code == 0, ran
    cut, resumed = stage.turns()[:2]
    assert resumed.entries[: len(cut.entries)] == cut.entries
    assert not any(isinstance(entry, Called | PlayedResult) for entry in resumed.entries)


async def test_it_runs_a_command_for_the_token(set_stage: SetStage) -> None:
    stage = await set_stage(CHAT_ONLY)
    stage.set_up("claude-code", "--helper")
    settings = (stage.home / ".claude" / "settings.json").read_text(encoding="utf-8")
    assert stage.gateway.token not in settings
    await stage.perform(CLAUDE_CODE, WRITE_AND_REPORT)


async def test_a_wrong_token_stops_it_at_once(set_stage: SetStage) -> None:
    """Without `x-should-retry: false` it would try again for minutes."""
    stage = await set_stage(CHAT_ONLY)
    wrong = {**stage.by_hand(), "ANTHROPIC_AUTH_TOKEN": "not-the-token"}
    ran = await stage.run(
        CLAUDE_CODE.command("hello", stage.home), {**CLAUDE_CODE.environment, **wrong}
    )
    assert ran.code != 0
    assert stage.gateway.log.count("  claude-cli/") == 1, stage.gateway.log
    assert stage.provider.requests == []


# A real Claude behind a reseller, under its preset and under none.
BARE = replace(CLAUDE, preset="custom", settings={"dialects": ["anthropic"], "model": CLAUDE.model})
# What is refused, what then goes of the body and of the betas.
REFUSED = {
    "context_management": (
        "context_management: Extra inputs are not permitted",
        rb',"context_management":\{"edits":\[\{[^]]*\]\}',
        "context-management",
    ),
    "ttl": (
        "system.1.cache_control.ephemeral.ttl: Extra inputs are not permitted",
        rb',"ttl":"1h"',
        "extended-cache-ttl",
    ),
}


@pytest.mark.parametrize("upstream", [CLAUDE, BARE], ids=["preset", "bare"])
@pytest.mark.parametrize("member", REFUSED)
async def test_one_refused_member_goes_and_nothing_else(
    set_stage: SetStage, upstream: Upstream, member: str
) -> None:
    """Of ten turns and more each has its marks, betas, metadata, adaptive thinking and tools."""
    words, gone, beta = REFUSED[member]
    stage = await set_stage(upstream)
    stage.provider.will(PlayedRefusal(400, words))
    variables = {**stage.by_hand(), "ENABLE_PROMPT_CACHING_1H": "1"}
    command = CLAUDE_CODE.command(LONG.prompt, stage.home)
    ran = await stage.run(command, {**CLAUDE_CODE.environment, **variables})
    assert ran.code == 0, ran
    refused, *turns = [one for one in stage.provider.generations if one.body.get("tools")]
    assert len(turns) == LONG.turns
    assert refused.body["thinking"]["type"] == "adaptive"
    assert refused.body["metadata"]["user_id"]
    assert turns[0].raw == re.sub(gone, b"", refused.raw) != refused.raw
    betas = (refused.header("anthropic-beta") or "").split(",")
    assert [name for name in betas if name.startswith(beta)]
    kept = ",".join(name for name in betas if not name.startswith(beta))
    heads = []
    for turn in turns:
        assert (turn.status, turn.query) == (200, refused.query)
        assert turn.header("anthropic-beta") == kept
        heads.append({name: value for name, value in turn.body.items() if name != "messages"})
        assert turn.raw.count(b'"cache_control":{') == refused.raw.count(b'"cache_control":{')
    assert heads == heads[:1] * len(turns)
    cached = [turn.figures.cached for turn in turns if turn.figures]
    assert all(before < after for before, after in pairwise(cached)), cached


@pytest.mark.parametrize(
    ("verdict", "runs"),
    [("<block>no</block>", True), ("<block>yes</block>", False), ("Bananas are yellow.", False)],
)
@pytest.mark.parametrize("upstream", ["chat-only", "anthropic-only"])
async def test_auto_mode_checks_by_itself_where_nobody_judges(
    set_stage: SetStage, tmp_path: Path, upstream: str, verdict: str, runs: bool
) -> None:
    """It is told so before anybody is billed, and what it cannot make out it does not run."""
    kept = tmp_path / "home" / "precious"
    call = PlayedCall("Bash", json.dumps({"command": f"rm -rf {kept}", "description": "Clean up"}))

    def conversation(asked: PlayedQuestion) -> PlayedAnswer:
        if not asked.tools:  # its own check, by the same model
            return PlayedAnswer(verdict)
        called = any(isinstance(entry, PlayedResult) for entry in asked.entries)
        return PlayedAnswer("FINISHED") if called else PlayedAnswer(thinking="Hm.", calls=(call,))

    stage = await set_stage(UPSTREAMS[upstream], conversation)
    kept.mkdir()
    command = ["claude", "-p", "Clean up.", "--permission-mode", "auto"]
    ran = await stage.run(command, {"IS_SANDBOX": "1", **stage.by_hand()})
    assert (ran.code, ran.stdout.strip()) == (0, "FINISHED"), ran
    assert kept.exists() is not runs, ran
    assert b'"safeguards"' not in b"".join(one.raw for one in stage.provider.requests)
    checks = [one for one in stage.provider.generations if not one.body.get("tools")]
    assert checks and all(one.status == 200 for one in stage.provider.generations)

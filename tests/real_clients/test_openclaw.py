"""What only OpenClaw does: it checks its own configuration, and drives Claude Code."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from real_clients.coding_tools import CLAUDE_CODE, OPENCLAW, openclaw_settings
from real_clients.installed import needs
from real_clients.stage import SetStage
from real_clients.tasks import WRITE_AND_REPORT
from support.upstreams import ANTHROPIC_ONLY, CHAT_ONLY, CHAT_THAT_THINKS, UPSTREAMS, Upstream

pytestmark = [pytest.mark.clients, needs("openclaw")]


@pytest.mark.parametrize("upstream", UPSTREAMS)
async def test_it_accepts_what_setup_wrote(set_stage: SetStage, upstream: str) -> None:
    stage = await set_stage(UPSTREAMS[upstream])
    stage.set_up("openclaw")
    ran = await stage.run(["openclaw", "config", "validate", "--json"])
    assert ran.code == 0, ran


async def test_it_runs_a_command_for_the_token(set_stage: SetStage) -> None:
    stage = await set_stage(CHAT_ONLY)
    stage.set_up("openclaw", "--helper")
    await stage.perform(OPENCLAW, WRITE_AND_REPORT)


@needs("claude")
@pytest.mark.parametrize(
    "upstream",
    [pytest.param(CHAT_THAT_THINKS, id="chat"), pytest.param(ANTHROPIC_ONLY, id="anthropic")],
)
async def test_it_drives_claude_code(set_stage: SetStage, upstream: Upstream) -> None:
    """Claude Code keeps its own settings then, and is asked for a model that no provider here
    has; OpenClaw offers it forty tools of its own."""
    stage = await set_stage(upstream)
    stage.set_up("claude-code")
    settings = openclaw_settings(stage.home)
    settings.parent.mkdir(mode=0o700)
    model = {"primary": "claude-cli/claude-sonnet-5"}
    settings.write_text(json.dumps({"agents": {"defaults": {"model": model}}}))
    settings.chmod(0o600)
    driver = replace(OPENCLAW, environment=CLAUDE_CODE.environment)
    await stage.perform(driver, WRITE_AND_REPORT)

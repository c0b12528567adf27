"""`gwproxy run -- claude …`: a gateway for one client alone, and no file of its user touched.

Another gateway serves meanwhile, and is never asked.
"""

from __future__ import annotations

import pytest

from real_clients.coding_tools import CODING_TOOLS, CodingTool
from real_clients.installed import needs
from real_clients.stage import SetStage
from real_clients.tasks import after_looking_at_the_environment
from support.upstreams import ANTHROPIC_ONLY, CHAT_THAT_THINKS, Upstream

pytestmark = pytest.mark.clients

SETTINGS = (
    ".claude/settings.json",
    ".codex/config.toml",
    ".config/opencode/opencode.json",
    ".openclaw/openclaw.json",
)


@pytest.mark.parametrize(
    "upstream",
    [
        pytest.param(CHAT_THAT_THINKS, id="chat-that-thinks"),
        pytest.param(ANTHROPIC_ONLY, id="anthropic-only"),
    ],
)
@pytest.mark.parametrize(
    "tool", [pytest.param(tool, marks=needs(tool.program), id=tool.name) for tool in CODING_TOOLS]
)
async def test_it_runs_with_a_gateway_of_its_own(
    set_stage: SetStage, tool: CodingTool, upstream: Upstream
) -> None:
    stage = await set_stage(upstream)
    by_way_of, variables = stage.own_gateway()
    # The model looks at the client's environment: the provider's key must not be in it.
    task = after_looking_at_the_environment()
    await stage.perform(tool, task, variables, by_way_of=by_way_of)
    assert stage.spoken() == set()
    assert not [name for name in SETTINGS if (stage.home / name).exists()]

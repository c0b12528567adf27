"""What only Codex does: tools in a namespace and free-form ones, pictures and other bytes as tool
output."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gwproxy.simulator import Rule
from real_clients.coding_tools import CODEX
from real_clients.installed import needs
from real_clients.stage import SetStage
from real_clients.tasks import FILE, IMAGE, PICTURE, PNG, WRITE_AND_REPORT, with_patch, with_tool
from support.upstreams import CHAT_ONLY, RESPONSES_ONLY, UPSTREAMS, Upstream

pytestmark = [pytest.mark.clients, needs("codex")]

UPSTREAM = pytest.mark.parametrize("upstream", UPSTREAMS)


@UPSTREAM
async def test_a_tool_in_a_namespace_is_called(set_stage: SetStage, upstream: str) -> None:
    """Only Responses has namespaces; elsewhere the tool has a name of both, and back again."""
    native = upstream == "responses-only"
    name = "close_agent" if native else "multi_agent_v1__close_agent"
    stage = await set_stage(UPSTREAMS[upstream])
    stage.set_up("codex")
    task = replace(with_tool(name, target="nobody-9a"), shows=("nobody-9a",))
    await stage.perform(CODEX, task)


@UPSTREAM
async def test_a_picture_is_viewed(set_stage: SetStage, upstream: str) -> None:
    stage = await set_stage(UPSTREAMS[upstream])
    stage.set_up("codex")
    task = with_tool("view_image", path=str(stage.work / PICTURE))
    await stage.perform(CODEX, replace(task, given=IMAGE.given))
    assert stage.has_shown(PNG)


@UPSTREAM
async def test_control_characters_in_output_do_no_harm(set_stage: SetStage, upstream: str) -> None:
    """Codex has no tool for reading files, so the shell prints the picture's bytes."""
    stage = await set_stage(UPSTREAMS[upstream])
    stage.set_up("codex")
    await stage.perform(CODEX, replace(IMAGE, shows=("IHDR",)))


async def test_it_runs_a_command_for_the_token(set_stage: SetStage) -> None:
    stage = await set_stage(CHAT_ONLY)
    stage.set_up("codex", "--helper")
    settings = (stage.home / ".codex" / "config.toml").read_text(encoding="utf-8")
    assert stage.gateway.token not in settings
    finished = await stage.perform(CODEX, WRITE_AND_REPORT)
    # With a command it also asks which models there are.
    assert "/v1/models" in stage.gateway.log
    assert "failed to refresh available models" not in finished.ran.stderr


FUNCTIONS_ONLY = Upstream(
    replace(
        RESPONSES_ONLY.manners,
        models=("gpt-5.5",),
        rules=frozenset({Rule.FUNCTION_TOOLS}),
    ),
    "custom",
    {"model": "gpt-5.5", "dialects": ["responses"]},
)
PATCH = "*** Begin Patch\n*** Add File: hello.txt\n+first\n*** End Patch\n"


async def test_a_host_that_takes_functions_only_patches_files(set_stage: SetStage) -> None:
    """What it refuses in the first turn it is told in its way, and in later turns at once."""
    stage = await set_stage(FUNCTIONS_ONLY)
    stage.set_up("codex")
    task = with_patch(PATCH, "first\n")
    ran = await stage.run(CODEX.command(task.prompt, stage.home))
    assert '"type":"file_change"' in ran.stdout
    assert (stage.work / FILE).read_text(encoding="utf-8") == task.writes[FILE]
    assert task.says[0] in CODEX.final_text(ran.stdout)
    refused = ["custom", "tool_search", "web_search"]
    asked = stage.provider.generations
    assert [one.status for one in asked] == [400] * len(refused) + [200] * task.turns
    first = {tool["type"] for tool in asked[0].body["tools"]}
    assert first == {"function", *refused}
    assert "apply_patch" in {tool["name"] for tool in asked[-1].body["tools"]}

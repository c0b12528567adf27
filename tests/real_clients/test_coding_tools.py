"""Claude Code, OpenCode, OpenClaw and Codex, the real ones, as `gwproxy setup` configures them.

Each does its tasks through `gwproxy serve` on every kind of provider. Where Linux allows it they
run without any network but loopback (`isolation.py`).
"""

from __future__ import annotations

from typing import Any

import pytest

from gwproxy.simulator.conversation import DialectName
from real_clients.coding_tools import (
    CLAUDE_CODE,
    CODEX,
    CODING_TOOLS,
    OPENCLAW,
    OPENCODE,
    CodingTool,
)
from real_clients.installed import needs
from real_clients.stage import SetStage
from real_clients.tasks import (
    FAILING,
    IMAGE,
    LONG,
    PARALLEL,
    PNG,
    READ_BACK,
    WRITE_AND_REPORT,
    Task,
)
from support.upstreams import SIGNS_ITS_THINKING, UPSTREAMS

pytestmark = pytest.mark.clients

DIALECTS: tuple[DialectName, ...] = ("anthropic", "chat", "responses")

# The strictest provider of each format; Claude Code and Codex start fast enough for all of them.
PICKY = ("chat-that-thinks", "anthropic-only")


def case(tool: CodingTool, *more: Any) -> Any:
    """A parameter set that is skipped where the tool is not installed."""
    names = [each.name if isinstance(each, Task) else str(each) for each in more]
    return pytest.param(tool, *more, marks=needs(tool.program), id="-".join([tool.name, *names]))


@pytest.mark.parametrize(
    ("tool", "upstream"), [case(tool, name) for tool in CODING_TOOLS for name in UPSTREAMS]
)
async def test_it_writes_a_file_and_reports(
    set_stage: SetStage, tool: CodingTool, upstream: str
) -> None:
    stage = await set_stage(UPSTREAMS[upstream])
    stage.set_up(tool.name)
    await stage.perform(tool, WRITE_AND_REPORT)


@pytest.mark.parametrize(
    ("tool", "task", "upstream"),
    [
        case(tool, task, name)
        for tool in CODING_TOOLS
        for task in (PARALLEL, FAILING, READ_BACK, LONG)
        for name in (UPSTREAMS if tool in (CLAUDE_CODE, CODEX) else PICKY)
    ],
)
async def test_it_does_every_task(
    set_stage: SetStage, tool: CodingTool, task: Task, upstream: str
) -> None:
    stage = await set_stage(UPSTREAMS[upstream])
    stage.set_up(tool.name)
    await stage.perform(tool, task)


@pytest.mark.parametrize(
    ("tool", "upstream"),
    [
        case(tool, name)
        for tool in (CLAUDE_CODE, OPENCODE, OPENCLAW)
        for name in (UPSTREAMS if tool is CLAUDE_CODE else PICKY)
    ],
)
async def test_an_image_reaches_the_model(
    set_stage: SetStage, tool: CodingTool, upstream: str
) -> None:
    stage = await set_stage(UPSTREAMS[upstream])
    stage.set_up(tool.name)
    await stage.perform(tool, IMAGE)
    assert stage.has_shown(PNG)


@pytest.mark.parametrize(
    ("tool", "speaks", "upstream"),
    [
        case(tool, dialect, name)
        for tool in (OPENCODE, OPENCLAW)
        for dialect in DIALECTS
        for name in UPSTREAMS
    ],
)
async def test_it_works_in_each_dialect_that_it_has(
    set_stage: SetStage, tool: CodingTool, speaks: DialectName, upstream: str
) -> None:
    """Whatever `gwproxy setup` found best for the provider that was the default one then."""
    stage = await set_stage(UPSTREAMS[upstream])
    stage.set_up_for(tool.name, speaks)
    await stage.perform(tool, PARALLEL)
    assert stage.spoken() == {speaks}


@pytest.mark.parametrize("tool", [case(OPENCODE), case(OPENCLAW)])
async def test_thoughts_sent_back_as_bare_words_are_signed_again(
    set_stage: SetStage, tool: CodingTool
) -> None:
    """More than ten turns with thinking, on a host that checks its signatures."""
    stage = await set_stage(SIGNS_ITS_THINKING)
    stage.set_up_for(tool.name, "chat")
    await stage.perform(tool, LONG)
    assert stage.spoken() == {"chat"}

"""What a person reads where the provider refuses, and how often the provider is asked before that.

A row of the table is one refusal; of each tool stand there the words on the screen and how
often it asked (a title for the session is not counted). A tool that goes on after a while is
refused once, and reads an answer then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import pytest

from gwproxy.simulator import PlayedRefusal, client_gate, in_prompt, quota_used_up
from real_clients.coding_tools import CLAUDE_CODE, CODEX, OPENCLAW, OPENCODE, CodingTool
from real_clients.installed import needs
from real_clients.stage import PROFILE, SetStage
from support.upstreams import CHAT_ONLY, CLAUDE, Upstream

pytestmark = pytest.mark.clients

WORDS: Final = "Zork says no"
ANSWER: Final = "Zork says yes"
PROMPT: Final = in_prompt([{"text": ANSWER}])


@dataclass(frozen=True, slots=True)
class Row:
    """`reads` is on the screen of the tool of that name after so many turns were asked for."""

    refusal: PlayedRefusal
    reads: Mapping[str, tuple[str, int]]


_KEY: Final = f"{WORDS} (the provider refuses the key of the profile {PROFILE} with HTTP 401"
_GATE: Final = client_gate()
_GOES_ON: Final = {
    "claude-code": (ANSWER, 1),
    "codex": (ANSWER, 1),
    "opencode": (ANSWER, 1),
    "openclaw": (ANSWER, 1),
}

TABLE: Final[Mapping[str, Row]] = {
    "401 key": Row(
        PlayedRefusal(401, WORDS),
        {
            "claude-code": (f"API Error: 400 {_KEY}", 1),
            "codex": (_KEY, 1),
            "opencode": (f"Error: {_KEY}", 1),
            "openclaw": ("authentication failed, HTTP 400", 1),
        },
    ),
    "402 money": Row(
        PlayedRefusal(402, WORDS),
        {
            "claude-code": (f"API Error: 402 {WORDS}", 1),
            "codex": (f"402 Payment Required: {WORDS}", 6),
            "opencode": (f"Error: {WORDS}", 1),
            "openclaw": ("returned a billing error", 1),
        },
    ),
    "403 gate": Row(
        _GATE,
        {
            "claude-code": (f"API Error: 403 {_GATE.message}", 1),
            "codex": (f"403 Forbidden: {_GATE.message}", 6),
            "opencode": (f"Error: {_GATE.message}", 6),  # over a minute
            "openclaw": ("HTTP 403", 1),
        },
    ),
    "404 model": Row(
        PlayedRefusal(404, f"{WORDS}: not found the model k9", "resource_not_found_error"),
        {
            "claude-code": ("There's an issue with the selected model", 2),
            "codex": (WORDS, 1),
            "opencode": (f"Error: {WORDS}", 1),
            "openclaw": ("The selected model was not found by the provider", 1),
        },
    ),
    "413 large": Row(
        PlayedRefusal(413, WORDS),
        {
            "claude-code": ("Request too large (max 32MB)", 1),
            "codex": (WORDS, 6),
            "opencode": (f"Error: {WORDS}", 1),
            "openclaw": ("provider rejected the request schema or tool payload", 1),
        },
    ),
    "429 with retry-after": Row(PlayedRefusal(429, WORDS, headers={"retry-after": "1"}), _GOES_ON),
    "429 money": Row(
        replace(quota_used_up(), message=WORDS),
        {
            "claude-code": (f"API Error: 402 {WORDS}", 1),
            "codex": (f"402 Payment Required: {WORDS}", 6),
            "opencode": (f"Error: {WORDS}", 1),
            "openclaw": ("returned a billing error", 1),
        },
    ),
    # Codex repeats a 429 only if it is told when, and has no words for it.
    "429": Row(PlayedRefusal(429, WORDS), _GOES_ON | {"codex": ("last status: 429", 1)}),
    "500": Row(PlayedRefusal(500, WORDS), _GOES_ON),
    "503": Row(PlayedRefusal(503, WORDS), _GOES_ON),
}

_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_FOR_PROGRAMS: Final = ("--json", "--output-format", "--format", "json")


def cases() -> list[object]:
    """Every row with every tool, and Claude Code once more where its own dialect is relayed."""
    ways = [(tool, CHAT_ONLY, "") for tool in (CLAUDE_CODE, CODEX, OPENCODE, OPENCLAW)]
    return [
        pytest.param(tool, upstream, name, marks=needs(tool.program), id=f"{tool.name}{way}-{name}")
        for tool, upstream, way in [*ways, (CLAUDE_CODE, CLAUDE, "-relayed")]
        for name in TABLE
    ]


@pytest.mark.parametrize(("tool", "upstream", "name"), cases())
async def test_a_person_reads(
    set_stage: SetStage, tool: CodingTool, upstream: Upstream, name: str
) -> None:
    row = TABLE[name]
    words, turns = row.reads[tool.name]
    goes_on = words == ANSWER
    always = () if goes_on else (row.refusal,)
    stage = await set_stage(replace(upstream, manners=replace(upstream.manners, faults=always)))
    stage.set_up(tool.name)
    if goes_on:
        stage.provider.will(row.refusal, times=turns + tool.side_requests)
    command = [word for word in tool.command(PROMPT, stage.home) if word not in _FOR_PROGRAMS]
    ran = await stage.run(command, tool.environment)
    screen = _COLOURS.sub("", f"{ran.stdout}\n{ran.stderr}")
    assert words in screen, f"{screen}\n{stage.gateway.log}"
    assert (ran.code == 0) == goes_on
    assert goes_on or len(stage.turns()) == turns, stage.gateway.log

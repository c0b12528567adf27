"""The coding tools: how each is started for one task, kept from going out, and read afterwards.

What they are configured with is not decided here: `gwproxy setup` does that. The switches below
only turn off what has nothing to do with the task (updates, catalogues, telemetry, sharing).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

TIME_LIMIT_S: Final = 240
"""For one task on a busy machine; OpenClaw alone takes a quarter of a minute to start."""


@dataclass(frozen=True, slots=True)
class CodingTool:
    """`name` is what `gwproxy setup` calls it. `command` makes the arguments from the prompt and
    the home folder, `final_text` finds the model's last words in stdout. `side_requests` are
    those of a task that are no turn of it, such as one for a title."""

    name: str
    program: str
    command: Callable[[str, Path], list[str]]
    final_text: Callable[[str], str]
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    side_requests: int = 0


def _claude_code_command(prompt: str, home: Path) -> list[str]:
    return ["claude", "-p", prompt, "--dangerously-skip-permissions", "--output-format", "json"]


def _claude_code_text(stdout: str) -> str:
    answer = json.loads(stdout)
    assert answer["is_error"] is False, answer
    return str(answer["result"])


CLAUDE_CODE: Final = CodingTool(
    name="claude-code",
    program="claude",
    command=_claude_code_command,
    final_text=_claude_code_text,
    environment={
        # Without it Claude Code refuses to skip its questions for root, as which CI runs.
        "IS_SANDBOX": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    },
)


def _opencode_command(prompt: str, home: Path) -> list[str]:
    return ["opencode", "run", "--auto", "--format", "json", prompt]


def _opencode_text(stdout: str) -> str:
    events = _json_lines(stdout)
    assert not [event for event in events if event["type"] == "error"], stdout
    return str([event["part"]["text"] for event in events if event["type"] == "text"][-1])


OPENCODE: Final = CodingTool(
    name="opencode",
    program="opencode",
    command=_opencode_command,
    final_text=_opencode_text,
    environment={
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_SHARE": "1",
    },
    side_requests=1,  # the session's title
)


def openclaw_settings(home: Path) -> Path:
    """The file that OpenClaw is told to use."""
    return home / ".openclaw" / "openclaw.json"


def _openclaw_command(prompt: str, home: Path) -> list[str]:
    settings = str(openclaw_settings(home))
    limit = str(TIME_LIMIT_S)
    return [
        *("openclaw", "agent", "exec", "--config", settings, "--cwd", ".", "--json"),
        *("--timeout", limit, prompt),
    ]


def _openclaw_text(stdout: str) -> str:
    answer = json.loads(stdout[stdout.index("{") :])
    assert answer["ok"], answer
    return str(answer["final"])


OPENCLAW: Final = CodingTool(
    name="openclaw", program="openclaw", command=_openclaw_command, final_text=_openclaw_text
)


def _codex_command(prompt: str, home: Path) -> list[str]:
    return [
        *("codex", "exec", "--skip-git-repo-check", "--json"),
        "--dangerously-bypass-approvals-and-sandbox",
        *("-c", "check_for_update_on_startup=false", "-c", "analytics.enabled=false"),
        prompt,
    ]


def _codex_text(stdout: str) -> str:
    items = [event.get("item", {}) for event in _json_lines(stdout)]
    return str([item["text"] for item in items if item.get("type") == "agent_message"][-1])


CODEX: Final = CodingTool(
    name="codex", program="codex", command=_codex_command, final_text=_codex_text
)

CODING_TOOLS: Final = (CLAUDE_CODE, OPENCODE, OPENCLAW, CODEX)


def _json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

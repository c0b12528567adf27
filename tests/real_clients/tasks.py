"""What the real clients are given to do: a prompt that carries its own script.

The simulated provider plays the script (`gwproxy.simulator.script`), the client runs the tools,
and what must be true afterwards stands here beside it. A digest in the final text shows that a
file was written, a command run, and its output carried to the model and back.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from gwproxy.simulator import in_prompt

TEXT: Final = (
    "café ☕ 日本語\n\"quoted\" 'single' back\\slash \\n not-a-newline\ttab\n$HOME `x` {y}\n"
)
FILE: Final = "hello.txt"
PICTURE: Final = "picture.png"

# Two by two pixels.
PNG: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEklEQVR4nGM4IScnd0KOAUIBAB3SBBHfPB1bAAAAAElF"
    "TkSuQmCC"
)

# Enough for several hundred stream events in one tool call.
_LONG_TEXT: Final = "".join(f"line {number} {'x' * 60}\n" for number in range(400))
_LONG_TURNS: Final = 8


@dataclass(frozen=True, slots=True)
class Task:
    """`turns` is how often the model must be asked, `writes` what must then be in the work folder,
    `says` what the final text must hold, `shows` what the model must have got from the tools.
    `given` are files to start with."""

    name: str
    steps: tuple[Mapping[str, Any], ...]
    turns: int
    says: tuple[str, ...]
    shows: tuple[str, ...] = ()
    writes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    given: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def prompt(self) -> str:
        script = in_prompt([dict(step) for step in self.steps])
        return f"Carry out the task that your instructions hold, step by step. {script}"


def digest(text: str) -> str:
    """As `_DIGEST` prints it."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_DIGEST: Final = {"run": f"sha256sum {FILE} | cut -c1-16"}
_WRITE: Final = {"write": {"path": FILE, "content": TEXT}}
_REPORT: Final = {"text": "REPORT {RESULT}"}


def _ending_in_report(
    name: str,
    *before: Mapping[str, Any],
    text: str = TEXT,
    more_turns: int = 0,
    shows: tuple[str, ...] = (),
    given: Mapping[str, bytes] | None = None,
) -> Task:
    steps = (*before, _DIGEST, _REPORT)
    return Task(
        name,
        steps,
        turns=len(steps) + more_turns,
        says=("REPORT", digest(text)),
        shows=shows,
        writes={FILE: text},
        given=given or {},
    )


WRITE_AND_REPORT: Final = _ending_in_report("write", _WRITE)

PARALLEL: Final = _ending_in_report(
    "parallel",
    {"calls": [{"run": "echo one-e7"}, {"run": "echo two-4b"}, _WRITE]},
    shows=("one-e7", "two-4b"),
)

FAILING: Final = _ending_in_report(
    "failing", {"run": "cat no-such-file-5c"}, _WRITE, shows=("no-such-file-5c",)
)

READ_BACK: Final = _ending_in_report("read", _WRITE, {"read": FILE}, shows=("café ☕ 日本語",))

LONG: Final = _ending_in_report(
    "long",
    {"write": {"path": FILE, "content": _LONG_TEXT}},
    *({"run": f"echo turn-{number}"} for number in range(_LONG_TURNS)),
    text=_LONG_TEXT,
    shows=tuple(f"turn-{number}" for number in range(_LONG_TURNS)),
)

IMAGE: Final = _ending_in_report("image", {"read": PICTURE}, _WRITE, given={PICTURE: PNG})

TASKS: Final = (WRITE_AND_REPORT, PARALLEL, FAILING, READ_BACK, LONG, IMAGE)


def with_tool(name: str, **arguments: object) -> Task:
    """A task whose first step calls exactly this tool of the client."""
    return _ending_in_report(name, {"tool": name, "input": arguments}, _WRITE)


def with_patch(patch: str, text: str) -> Task:
    """Codex's free-form tool writes the file, as the function that stands in for it."""
    steps = ({"tool": "apply_patch", "input": {"input": patch}}, _DIGEST, _REPORT)
    return Task("patch", steps, turns=len(steps), says=(digest(text),), writes={FILE: text})


def with_subagent() -> Task:
    """Claude Code starts a second conversation, which writes the file."""
    inner = in_prompt([dict(_WRITE), {"text": "SUBAGENT DONE"}])
    agent = {
        "tool": "Agent",
        "input": {
            "description": "write a file",
            "subagent_type": "general-purpose",
            "prompt": f"Do this. {inner}",
            "run_in_background": False,
        },
    }
    return _ending_in_report("subagent", agent, more_turns=2, shows=("SUBAGENT DONE",))


def after_looking_at_the_environment() -> Task:
    """The model has the client print its variables first."""
    return _ending_in_report("environment", {"run": "env"}, _WRITE, shows=("PATH=",))

"""A script that travels inside the user's prompt, so that any real client can be driven.

The prompt holds `GWSCRIPT:<base64url of a JSON list of steps>:END`; it survives every gateway
because it is plain text. One step is one assistant turn:

    {"write": {"path": P, "content": C}}   call the client's own file-writing tool (or its shell)
    {"read": P}                            call its file-reading tool (or its shell)
    {"run": COMMAND}                       call its shell tool
    {"tool": NAME, "input": {…}}           call exactly this tool
    {"calls": [step, …]}                   several of the above in parallel
    {"text": T}                            final text; {RESULT} is the last tool result,
                                           {RESULTS} all results of the last turn, joined by |

The next step follows from the number of calls since the script was seen. Pure.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import re
import shlex

from gwproxy.simulator import toolbox
from gwproxy.simulator.conversation import (
    Called,
    Entry,
    PlayedAnswer,
    PlayedCall,
    PlayedQuestion,
    PlayedResult,
    PlayedSaying,
    PlayedTool,
    by_assistant,
)
from gwproxy.simulator.wire import Json, WireRefused, record, records, string

MARK = re.compile(r"GWSCRIPT:([A-Za-z0-9_\-=]+):END")
WORKING_DIRECTORY = re.compile(
    r"(?:working directory|cwd)(?: is)?:\s*`?(/[^\s`<]+)|<cwd>(/[^<]+)</cwd>", re.IGNORECASE
)
BUSY = "Working on it."
THINKING = 'Next comes step {step}: café ☕ "quoted"\nand a second line.'
FINISHED = "The script is finished."


def in_prompt(steps: list[Json]) -> str:
    """The text to put into a prompt so that these steps are played."""
    encoded = base64.urlsafe_b64encode(json.dumps(steps).encode())
    return f"GWSCRIPT:{encoded.decode()}:END"


def scripted(asked: PlayedQuestion) -> PlayedAnswer | None:
    """The next answer of the script in the prompt; None where there is no script.

    A request without tools (a title, a summary) is not the scripted conversation unless tools
    were already used in it or none are needed.

    Raises:
        WireRefused: 400, the script is damaged or asks for a tool that the client does not have.
    """
    found = _script(asked.entries)
    if found is None:
        return None
    steps, later = found
    made = [entry for entry in later if isinstance(entry, Called)]
    if not asked.tools and not made and any(_single_calls(step) for step in steps):
        return None
    number, step = _next_step(steps, len(made))
    thinking = THINKING.format(step=number)
    calls = tuple(_call(single, asked) for single in _single_calls(step))
    if calls:
        return PlayedAnswer(string(step.get("say"), "say") or BUSY, thinking=thinking, calls=calls)
    return PlayedAnswer(_final_text(string(step.get("text"), "text"), later), thinking=thinking)


def _script(entries: tuple[Entry, ...]) -> tuple[list[Json], tuple[Entry, ...]] | None:
    for index in range(len(entries) - 1, -1, -1):
        entry = entries[index]
        if isinstance(entry, PlayedSaying) and entry.role != "assistant":
            marks = MARK.findall(entry.text)
            if marks:
                return _decoded(marks[-1]), entries[index + 1 :]
    return None


def _decoded(encoded: str) -> list[Json]:
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        return records(json.loads(base64.urlsafe_b64decode(padded)), "script")
    except (binascii.Error, ValueError) as error:
        # A script mangled on the way is a finding about the gateway, not something to hide.
        raise WireRefused(
            400, f"simulator: the script in the prompt is damaged: {error}"
        ) from error


def _single_calls(step: Json) -> list[Json]:
    if "calls" in step:
        return records(step["calls"], "script.calls")
    return [] if "text" in step else [step]


def _next_step(steps: list[Json], calls_made: int) -> tuple[int, Json]:
    done = 0
    for number, step in enumerate(steps):
        calls = len(_single_calls(step))
        if (calls == 0 and done == calls_made) or done + calls > calls_made:
            return number, step
        done += calls
    return len(steps), steps[-1] if steps and "text" in steps[-1] else {"text": FINISHED}


def _final_text(text: str, later: tuple[Entry, ...]) -> str:
    returned = {entry.call_id: entry for entry in later if isinstance(entry, PlayedResult)}
    runs = [
        [entry for entry in run if isinstance(entry, Called)]
        for own, run in itertools.groupby(later, by_assistant)
        if own
    ]
    calls = next((run for run in reversed(runs) if run), [])
    results = [returned[c.call_id].text.strip() for c in calls if c.call_id in returned]
    text = text.replace("{RESULTS}", "|".join(results))
    return text.replace("{RESULT}", results[-1] if results else "")


def _call(step: Json, asked: PlayedQuestion) -> PlayedCall:
    if "tool" in step:
        return _named(step, asked)
    if "write" in step:
        return _write(record(step["write"], "script.write"), asked)
    if "read" in step:
        return _read(string(step["read"], "script.read"), asked)
    if "run" in step:
        return _run(string(step["run"], "script.run"), asked)
    raise WireRefused(400, f"simulator: the script holds a step of no known kind: {sorted(step)}")


def _named(step: Json, asked: PlayedQuestion) -> PlayedCall:
    for tool in asked.tools:
        if tool.name == step["tool"]:
            given = step.get("input", {})
            if isinstance(given, str):
                return PlayedCall(
                    tool.name, given, freeform=tool.freeform, namespace=tool.namespace
                )
            return toolbox.filled(tool, **record(given, "script.input"))
    raise _missing(repr(step["tool"]), asked)


def _write(wanted: Json, asked: PlayedQuestion) -> PlayedCall:
    path = _absolute(string(wanted.get("path"), "script.write.path"), asked)
    content = string(wanted.get("content"), "script.write.content")
    tool = toolbox.find(asked.tools, toolbox.WRITING_TOOLS)
    if tool is not None and not tool.freeform:
        path_name = toolbox.parameter(tool, toolbox.PATH_PARAMETERS)
        text_name = toolbox.parameter(tool, toolbox.TEXT_PARAMETERS)
        if path_name and text_name:
            return toolbox.filled(tool, **{path_name: path, text_name: content})
    return _run(f"printf %s {shlex.quote(content)} > {shlex.quote(path)}", asked)


def _read(path: str, asked: PlayedQuestion) -> PlayedCall:
    path = _absolute(path, asked)
    tool = toolbox.find(asked.tools, toolbox.READING_TOOLS)
    name = toolbox.parameter(tool, toolbox.PATH_PARAMETERS) if tool else None
    if tool and name:
        return toolbox.filled(tool, **{name: path})
    return _run(f"cat {shlex.quote(path)}", asked)


def _run(command: str, asked: PlayedQuestion) -> PlayedCall:
    tool: PlayedTool | None = toolbox.find(asked.tools, toolbox.SHELL_TOOLS)
    name = toolbox.parameter(tool, toolbox.COMMAND_PARAMETERS) if tool else None
    if tool is None or name is None:
        raise _missing("shell", asked)
    return toolbox.shell_call(tool, name, command)


def _absolute(path: str, asked: PlayedQuestion) -> str:
    """Claude Code's tools take absolute paths only; its prompt says where it works."""
    if path.startswith("/"):
        return path
    text = "\n".join(entry.text for entry in asked.entries if isinstance(entry, PlayedSaying))
    found = WORKING_DIRECTORY.search(text)
    return f"{found[1] or found[2]}/{path}" if found else path


def _missing(wanted: str, asked: PlayedQuestion) -> WireRefused:
    names = ", ".join(tool.name for tool in asked.tools) or "none at all"
    return WireRefused(400, f"simulator: the client offers no {wanted} tool; it offers {names}")

"""The conversation that the simulated provider holds when nobody wrote another one.

It works with every client: it thinks, calls a tool that the client offers (two in parallel when
two places are named), and reports what the tool said. A tool of a real coding agent is called
only when its name says that it looks and does not touch, so that `gwproxy serve --profile demo`
can be tried in a real working directory.
"""

from __future__ import annotations

import re

from gwproxy.simulator import toolbox
from gwproxy.simulator.conversation import (
    PlayedAnswer,
    PlayedCall,
    PlayedQuestion,
    PlayedResult,
    PlayedTool,
    fresh_results,
    last_question,
)
from gwproxy.simulator.wire import compact

HARMLESS_TOOLS = ("glob", "ls", "list", "listfiles", "listdirectory")
HARMLESS_WORD = re.compile(
    r"^(get|list|look|find|search|fetch|show|current|time|forecast|demo|echo|ping)(?![a-z])"
    r"|weather",
    re.IGNORECASE,
)
PLACES = re.compile(r"\b(?:in|and|of|for|at) ([A-ZÀ-Þ][\w’'-]+)")
PLACE_PARAMETERS = ("city", "location", "place", "town")
PATTERN_PARAMETERS = ("pattern", "glob")
SHELL_GREETING = "echo 'The simulated provider says hello.'"

# A working directory can list thousands of files; the answer only has to show that it arrived.
MAX_REPORTED_CHARACTERS = 600


def demo_conversation(asked: PlayedQuestion) -> PlayedAnswer:
    """The built-in answer to any request."""
    results = fresh_results(asked.entries)
    if asked.answer_schema is not None:
        found = toolbox.instance(asked.answer_schema)
        return PlayedAnswer(compact(found), thinking="The client wants JSON of a certain shape.")
    forced = _forced(asked)
    if forced is not None:
        return PlayedAnswer(thinking="The client insists on a tool.", calls=_calls(forced, asked))
    if results:
        return PlayedAnswer(_report(results), thinking="The tool has answered; I can report it.")
    tool = _inviting(asked)
    if tool is not None:
        thinking = f"The user wants something that {tool.name} can tell. I shall call it."
        return PlayedAnswer("Let me look that up.", thinking=thinking, calls=_calls(tool, asked))
    return PlayedAnswer(_greeting(asked), thinking="Nothing to look up. A greeting will do.")


def _forced(asked: PlayedQuestion) -> PlayedTool | None:
    match asked.tool_choice.kind:
        case "any":
            return _inviting(asked) or next(iter(asked.tools), None)
        case "tool":
            wanted = asked.tool_choice.name
            return next((tool for tool in asked.tools if tool.name == wanted), None)
    return None


def _inviting(asked: PlayedQuestion) -> PlayedTool | None:
    if asked.tool_choice.kind == "none":
        return None
    weather = (tool for tool in asked.tools if "weather" in tool.name.lower())
    harmless = (tool for tool in asked.tools if HARMLESS_WORD.search(tool.name))
    return (
        next(weather, None)
        or toolbox.find(asked.tools, HARMLESS_TOOLS)
        or next(harmless, None)
        or toolbox.find(asked.tools, toolbox.SHELL_TOOLS)
    )


def _calls(tool: PlayedTool, asked: PlayedQuestion) -> tuple[PlayedCall, ...]:
    place = toolbox.parameter(tool, PLACE_PARAMETERS)
    pattern = toolbox.parameter(tool, PATTERN_PARAMETERS)
    command = toolbox.parameter(tool, toolbox.COMMAND_PARAMETERS)
    if place is not None:
        places = PLACES.findall(last_question(asked.entries)) or ["Paris"]
        return tuple(toolbox.filled(tool, **{place: name}) for name in dict.fromkeys(places))
    if pattern is not None:
        return (toolbox.filled(tool, **{pattern: "*"}),)
    if command is not None:
        return (toolbox.shell_call(tool, command, SHELL_GREETING),)
    return (toolbox.filled(tool),)


def _report(results: tuple[PlayedResult, ...]) -> str:
    said = [
        ("It failed: " if result.failed else "") + result.text.strip()[:MAX_REPORTED_CHARACTERS]
        for result in results
    ]
    return "The tool says: " + " | ".join(said)


def _greeting(asked: PlayedQuestion) -> str:
    question = " ".join(last_question(asked.entries).split())[:80]
    return (
        "Hello from the simulated provider: no key, no network, no model. "
        f"You asked “{question}” and I can only say that it arrived — café ☕."
    )

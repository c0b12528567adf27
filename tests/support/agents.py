"""Coding agents as they shape their requests, each holding one long session in its dialect.

    agent = ClaudeCode(session)
    agent.say("read a and b")           what the person types
    agent.heard(heard)                  an answer, put into the history as this agent keeps it
    agent.give(calls, image=False)      what its tools gave back
    agent.compact()                     the history becomes a summary
    agent.body(streamed)                the next request

The habits (fields, roles, what is lost) are those of the agents' own requests; no word is theirs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from gwproxy.simulator.caller import CallerAnswer
from gwproxy.simulator.caller.answers import CallerCall
from gwproxy.simulator.conversation import DialectName

Json = dict[str, Any]

# One red pixel.
PNG: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
PATH: Final[Json] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"path": {"type": ["string", "null"], "description": "Where."}},
    "required": ["path"],
    "additionalProperties": False,
}
TOOL_NAMES: Final = ("Read", "Screenshot", "ToolSearch")
LATER: Final = "mcp__tickets__list"
SUMMARY: Final = "Summary of the work so far: files were read."


class Agent:
    """What all have in common. `patience` is how often it repeats what was refused."""

    dialect: DialectName
    patience = 0
    headers: Mapping[str, str] = {"user-agent": "an-agent/1.0"}

    def __init__(self) -> None:
        self.history: list[Json] = []
        self.asked = 0

    def say(self, text: str) -> None:
        raise NotImplementedError

    def heard(self, heard: CallerAnswer) -> None:
        raise NotImplementedError

    def give(self, calls: Iterable[CallerCall], *, image: bool = False) -> None:
        raise NotImplementedError

    def compact(self) -> None:
        self.history = []
        self.say(SUMMARY)

    def body(self, streamed: bool) -> Json:
        self.asked += 1
        return {**self.shape(), "stream": streamed}

    def shape(self) -> Json:
        raise NotImplementedError


class ClaudeCode(Agent):
    dialect: DialectName = "anthropic"
    headers: Mapping[str, str] = {
        "user-agent": "claude-cli/2.1.330 (external, cli)",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "claude-code-20250219,context-management-2025-06-27,"
        "effort-2025-11-24,advanced-tool-use-2025-11-20",
    }

    def say(self, text: str) -> None:
        blocks = [{"type": "text", "text": text}]
        self.history.append({"role": "user", "content": blocks})
        if len(self.history) == 1:
            self.history.append({"role": "system", "content": "Tools can be found by search."})

    def heard(self, heard: CallerAnswer) -> None:
        self.history.append({"role": "assistant", "content": heard.turn})

    def give(self, calls: Iterable[CallerCall], *, image: bool = False) -> None:
        results = []
        for call in calls:
            content: Any = f"the contents of {call.arguments.get('path')}"
            if call.name == "ToolSearch":
                content = [{"type": "tool_reference", "tool_name": LATER}]
            elif image:
                source = {"type": "base64", "media_type": "image/png", "data": PNG}
                content = [{"type": "image", "source": source}]
            results.append({"type": "tool_result", "tool_use_id": call.call_id, "content": content})
        self.history.append({"role": "user", "content": results})

    def shape(self) -> Json:
        mark = {"type": "ephemeral", "ttl": "1h"}
        tools: list[Json] = [
            {"name": name, "description": name, "input_schema": PATH, "eager_input_streaming": True}
            for name in TOOL_NAMES
        ]
        tools.append(
            {"name": LATER, "description": "l", "input_schema": PATH, "defer_loading": True}
        )
        *before, last = self.history
        content = last["content"]
        if isinstance(content, list):
            content = [*content[:-1], {**content[-1], "cache_control": {"type": "ephemeral"}}]
        return {
            "model": "claude-sonnet-4-6",
            "max_tokens": 32_000,
            "system": [
                {"type": "text", "text": f"x-anthropic-billing-header: cch={self.asked:05x};"},
                {"type": "text", "text": "You write code.", "cache_control": mark},
            ],
            "messages": [*before, {**last, "content": content}],
            "tools": tools,
            "thinking": {"type": "adaptive"},
            "output_config": {"effort": "medium"},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            "metadata": {"user_id": '{"device_id":"d","session_id":"s-1"}'},
        }


class Sanitizing(ClaudeCode):
    """Throws thinking away, as clients do that hold its signature to be worthless."""

    def heard(self, heard: CallerAnswer) -> None:
        kept = [block for block in heard.turn if block["type"] != "thinking"]
        self.history.append({"role": "assistant", "content": kept})


class OpenCode(Agent):
    """Keeps reasoning, and shows images in a turn of the user's."""

    dialect: DialectName = "chat"

    def say(self, text: str) -> None:
        self.history.append({"role": "user", "content": text})

    def heard(self, heard: CallerAnswer) -> None:
        self.history.append(heard.turn)

    def give(self, calls: Iterable[CallerCall], *, image: bool = False) -> None:
        for call in calls:
            text = f"the contents of {call.arguments.get('path')}"
            self.history.append(
                {"role": "tool", "tool_call_id": self.call_id(call), "content": text}
            )
        if image:
            url = {"url": f"data:image/png;base64,{PNG}"}
            self.history.append(
                {"role": "user", "content": [{"type": "image_url", "image_url": url}]}
            )

    def call_id(self, call: CallerCall) -> str:
        return call.call_id

    def shape(self) -> Json:
        functions = [
            {"name": name, "description": name, "parameters": PATH, "strict": False}
            for name in TOOL_NAMES
        ]
        return {
            "model": "kimi-k2.5",
            "max_tokens": 32_000,
            "temperature": 0.3,
            "top_p": 0.9,
            "messages": [{"role": "system", "content": "You write code."}, *self.history],
            "tools": [{"type": "function", "function": function} for function in functions],
            "tool_choice": "auto",
            "stream_options": {"include_usage": True},
        }

    def body(self, streamed: bool) -> Json:
        body = super().body(streamed)
        if not streamed:
            del body["stream_options"]
        return body


class OpenClaw(OpenCode):
    """Loses reasoning, keeps letters and digits of ids, and speaks as the developer."""

    def heard(self, heard: CallerAnswer) -> None:
        turn = {k: v for k, v in heard.turn.items() if k in ("role", "content", "tool_calls")}
        for call in turn.get("tool_calls") or ():
            call["id"] = _letters_and_digits(call["id"])
            # Parsed and printed anew.
            arguments = json.loads(call["function"]["arguments"])
            call["function"]["arguments"] = json.dumps(arguments)
        self.history.append(turn)

    def call_id(self, call: CallerCall) -> str:
        return _letters_and_digits(call.call_id)

    def shape(self) -> Json:
        body = super().shape()
        body["messages"][0] = {"role": "developer", "content": "You write code."}
        body["store"] = False
        body["reasoning_effort"] = "medium"
        body["max_completion_tokens"] = body.pop("max_tokens")
        return body


class Codex(Agent):
    dialect: DialectName = "responses"

    def say(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        self.history.append({"type": "message", "role": "user", "content": content})

    def heard(self, heard: CallerAnswer) -> None:
        self.history.extend(heard.turn)

    def give(self, calls: Iterable[CallerCall], *, image: bool = False) -> None:
        for call in calls:
            output: Any = f"the contents of {call.arguments.get('path')}"
            if image:
                url = f"data:image/png;base64,{PNG}"
                output = [{"type": "input_image", "image_url": url}]
            self.history.append(
                {"type": "function_call_output", "call_id": call.call_id, "output": output}
            )

    def shape(self) -> Json:
        permissions = [{"type": "input_text", "text": "You may read files."}]
        tools: list[Json] = [
            {
                "type": "function",
                "name": name,
                "description": name,
                "parameters": PATH,
                "strict": False,
            }
            for name in TOOL_NAMES
        ]
        grammar = {"type": "grammar", "syntax": "lark", "definition": 'start: "x"'}
        tools.append(
            {"type": "custom", "name": "apply_patch", "description": "p", "format": grammar}
        )
        tools.append({"type": "web_search"})
        return {
            "model": "kimi-k2.5",
            "instructions": "You write code.",
            "input": [
                {"type": "message", "role": "developer", "content": permissions},
                *self.history,
            ],
            "tools": tools,
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            "reasoning": {"effort": "medium", "summary": "auto"},
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": "019a-session",
            "text": {"verbosity": "low"},
        }


class ForgetfulCodex(Codex):
    """A Responses client that does not ask for the seals, and sends no reasoning back."""

    def heard(self, heard: CallerAnswer) -> None:
        self.history.extend(item for item in heard.turn if item["type"] != "reasoning")

    def shape(self) -> Json:
        body = super().shape()
        del body["include"]
        return body


def _letters_and_digits(call_id: str) -> str:
    return re.sub("[^a-zA-Z0-9]", "", call_id)

"""A strict Chat Completions client: reads a stream, refuses what any client might stumble over.

It shares no code with the gateway. What it collects is what an SDK's accumulator gives, so that a
stream can be compared with a whole answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


class ChatGrammarError(AssertionError):
    """The stream breaks a rule that some client relies on."""


@dataclass
class Collected:
    """What a stream said. `ended` is True only for a finished answer."""

    id: str = ""
    model: str = ""
    created: int = 0
    message: dict[str, Any] = field(default_factory=dict)
    finish_reason: str | None = None
    stop_reason: str | None = None
    usage: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    chunks: int = 0
    comments: int = 0
    ended: bool = False


def collect(data: bytes, *, include_usage: bool = False) -> Collected:
    """Reads a whole stream. Raises ChatGrammarError; a stream may end in an error, but not open."""
    client = _Client(include_usage)
    _require(data == b"" or data.endswith(b"\n\n"), "the last event is cut off")
    for event in data.decode().split("\n\n")[:-1]:
        client.event(event)
    _require(client.seen.ended or client.seen.error is not None, "neither [DONE] nor an error")
    return client.seen


def _require(condition: object, why: str) -> None:
    if not condition:
        raise ChatGrammarError(why)


class _Client:
    def __init__(self, include_usage: bool) -> None:
        self.seen = Collected()
        self._include_usage = include_usage
        self._calls: list[dict[str, Any]] = []

    def event(self, event: str) -> None:
        if event.startswith(":"):
            _require("\n" not in event, "a comment of several lines")
            self.seen.comments += 1
            return
        _require(event.startswith("data: ") and "\n" not in event, f"not one data line: {event!r}")
        _require(not self.seen.ended, "something after [DONE]")
        _require(self.seen.error is None, "something after an error")
        text = event.removeprefix("data: ")
        if text == "[DONE]":
            _require(self.seen.finish_reason, "[DONE] without a finish reason")
            self.seen.ended = True
            return
        value = json.loads(text)
        if "error" in value:
            self._error(value)
        else:
            self._chunk(value)

    def _error(self, value: dict[str, Any]) -> None:
        _require(set(value) == {"error"}, "an error beside other members")
        _require(set(value["error"]) == {"message", "type", "param", "code"}, "an odd error")
        _require(value["error"]["message"], "an error without words")
        self.seen.error = value["error"]

    def _chunk(self, chunk: dict[str, Any]) -> None:
        known = {"id", "object", "created", "model", "choices"}
        known |= {"usage"} if self._include_usage else set()
        _require(set(chunk) == known, f"members {sorted(chunk)}")
        _require(chunk["object"] == "chat.completion.chunk", "wrong object")
        same = (chunk["id"], chunk["model"], chunk["created"])
        if self.seen.chunks == 0:
            self.seen.id, self.seen.model, self.seen.created = same
            _require(self.seen.id.startswith("chatcmpl-"), "an id of another kind")
        _require(same == (self.seen.id, self.seen.model, self.seen.created), "identity changed")
        self.seen.chunks += 1
        _require(self.seen.usage is None, "a chunk after the usage")
        if not chunk["choices"]:
            _require(self._include_usage and chunk["usage"], "a chunk without choices")
            _require(self.seen.finish_reason, "usage before the finish reason")
            self.seen.usage = chunk["usage"]
            return
        _require(chunk.get("usage") is None, "usage beside a choice")
        _require(len(chunk["choices"]) == 1, "several choices")
        self._choice(chunk["choices"][0])

    def _choice(self, choice: dict[str, Any]) -> None:
        _require(set(choice) <= {"index", "delta", "finish_reason", "stop_reason"}, "odd choice")
        _require(choice["index"] == 0, "another choice")
        _require(self.seen.finish_reason is None, "a choice after the finish reason")
        delta = choice["delta"]
        if choice["finish_reason"] is not None:
            _require(delta == {}, "a delta beside the finish reason")
            _require(self.seen.message, "a finish before the role")
            self.seen.finish_reason = choice["finish_reason"]
            self.seen.stop_reason = choice.get("stop_reason")
            return
        _require("stop_reason" not in choice, "a stop reason before the end")
        _require(delta, "an empty delta")
        if self.seen.chunks == 1:
            _require(set(delta) == {"role", "content"}, "the first delta is not the role")
            _require(delta["role"] == "assistant" and delta["content"] in ("", None), "odd role")
            self.seen.message = {"role": "assistant", "content": delta["content"]}
        else:
            self._delta(delta)

    def _delta(self, delta: dict[str, Any]) -> None:
        _require(len(delta) == 1, "several things in one delta")
        ((name, value),) = delta.items()
        if name == "tool_calls":
            _require(len(value) == 1, "several calls in one delta")
            self._call(value[0])
        elif name == "function_call":
            self._legacy_call(value)
        else:
            known = ("content", "reasoning_content", "refusal", "reasoning_seal")
            _require(name in known, f"unknown delta {name}")
            _require(isinstance(value, str) and value, f"{name} without text")
            self.seen.message[name] = (self.seen.message.get(name) or "") + value

    def _call(self, piece: dict[str, Any]) -> None:
        index = piece["index"]
        if index == len(self._calls):
            kind = str(piece.get("type"))
            _require(set(piece) == {"index", "id", "type", kind}, f"a call begins with {piece}")
            _require(piece["id"] and piece[kind]["name"], "a call without id or name")
            _require(piece["id"] not in [call["id"] for call in self._calls], "an id twice")
            if kind == "function":
                _require(piece[kind]["arguments"] == "", "arguments in a call's first delta")
            self._calls.append({name: piece[name] for name in ("id", "type", kind)})
            self.seen.message["tool_calls"] = self._calls
            return
        _require(index == len(self._calls) - 1, f"call {index} is not the open one")
        _require(set(piece) == {"index", "function"}, f"a call goes on with {piece}")
        _require(set(piece["function"]) == {"arguments"}, "more than arguments")
        self._calls[index]["function"]["arguments"] += piece["function"]["arguments"]

    def _legacy_call(self, piece: dict[str, Any]) -> None:
        call = self.seen.message.get("function_call")
        if call is None:
            _require(piece.get("name") and piece["arguments"] == "", "an odd first function_call")
            self.seen.message["function_call"] = dict(piece)
        else:
            _require(set(piece) == {"arguments"}, "a function's name twice")
            call["arguments"] += piece["arguments"]

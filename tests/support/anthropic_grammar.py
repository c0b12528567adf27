"""A strict Messages client: reads a stream, refuses what any client might stumble over.

It shares no code with the gateway. What it collects is what an SDK's accumulator gives, so that a
stream can be compared with a whole answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

_STOP_REASONS = {
    "end_turn",
    "tool_use",
    "max_tokens",
    "stop_sequence",
    "refusal",
    "pause_turn",
    "model_context_window_exceeded",
}
_CUT_SHORT = {"max_tokens", "refusal", "model_context_window_exceeded"}
_STARTS: dict[str, dict[str, Any]] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
    "server_tool_use": {"input": {}},
}
_DELTAS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("thinking", "signature"),
    "input_json_delta": ("tool_use", "partial_json"),
}


class AnthropicGrammarError(AssertionError):
    """The stream breaks a rule that some client relies on."""


@dataclass
class Collected:
    """What a stream said. `ended` is True only for a finished answer."""

    message: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    first_usage: dict[str, Any] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    half_call: bool = False
    ended: bool = False

    @property
    def content(self) -> list[dict[str, Any]]:
        content = self.message.get("content", [])
        assert isinstance(content, list)
        return content


def collect(data: bytes) -> Collected:
    """Reads a whole stream. Raises AnthropicGrammarError; it may end in an error, but not open."""
    client = _Client()
    _require(data == b"" or data.endswith(b"\n\n"), "the last event is cut off")
    for event in data.decode().split("\n\n")[:-1]:
        client.event(event)
    _require(client.seen.ended or client.seen.error is not None, "neither message_stop nor error")
    return client.seen


def _require(condition: object, why: str) -> None:
    if not condition:
        raise AnthropicGrammarError(why)


class _Client:
    def __init__(self) -> None:
        self.seen = Collected()
        self._open: dict[str, Any] | None = None
        self._json = ""
        self._signatures = 0
        self._empty_text = False
        self._reason: str | None = None

    def event(self, event: str) -> None:
        lines = event.split("\n")
        _require(len(lines) == 2, f"not one event and one data line: {event!r}")
        _require(lines[0].startswith("event: "), f"no event name: {event!r}")
        _require(lines[1].startswith("data: "), f"no data: {event!r}")
        _require(not self.seen.ended, "something after message_stop")
        _require(self.seen.error is None, "something after an error")
        name = lines[0].removeprefix("event: ")
        value = json.loads(lines[1].removeprefix("data: "))
        _require(value.get("type") == name, f"an event {name} of type {value.get('type')}")
        self.seen.names.append(name)
        if name not in ("message_start", "error"):
            _require(self.seen.message, f"{name} before message_start")
        getattr(self, f"_{name}")(value)

    def _ping(self, value: dict[str, Any]) -> None:
        _require(set(value) == {"type"}, "a ping with something in it")

    def _error(self, value: dict[str, Any]) -> None:
        self._leave_half_call("an error")
        _require(set(value) == {"type", "error", "request_id"}, "an odd error envelope")
        _require(set(value["error"]) == {"type", "message"}, "an odd error")
        _require(value["error"]["message"], "an error without words")
        self.seen.error = value["error"]

    def _message_start(self, value: dict[str, Any]) -> None:
        _require(not self.seen.message, "a second message_start")
        message = value["message"]
        _require(message["type"] == "message" and message["role"] == "assistant", "no message")
        _require(message["id"].startswith("msg_"), f"an id {message['id']!r}")
        _require(message["content"] == [], "content in message_start")
        _require(message["stop_reason"] is None, "a stop reason in message_start")
        self._check_usage(message["usage"])
        self.seen.first_usage = dict(message["usage"])
        self.seen.message = message

    def _check_usage(self, usage: dict[str, Any]) -> None:
        for name in ("input_tokens", "output_tokens"):
            _require(type(usage.get(name)) is int, f"{name} is {usage.get(name)!r}")
        for name, count in usage.items():
            _require(count is not None, f"{name} is null")
            _require(not isinstance(count, int) or count >= 0, f"{name} is negative")

    def _content_block_start(self, value: dict[str, Any]) -> None:
        _require(self._open is None, "two blocks open at a time")
        _require(value["index"] == len(self.seen.content), f"a gap: block {value['index']}")
        _require(self._reason is None, "a block after message_delta")
        block = value["content_block"]
        for name, empty in _STARTS.get(block["type"], {}).items():
            _require(block.get(name) == empty, f"{block['type']} starts with {name} in it")
        if block["type"] == "tool_use":
            _require(block["id"] and block["name"], "a call without id or name")
        self._open, self._json, self._signatures = block, "", 0
        self.seen.content.append(block)

    def _content_block_delta(self, value: dict[str, Any]) -> None:
        block = self._open
        _require(block is not None, "a delta outside a block")
        assert block is not None
        _require(value["index"] == len(self.seen.content) - 1, "a delta for another block")
        delta = value["delta"]
        wanted, member = _DELTAS[delta["type"]]
        kind = "tool_use" if block["type"] == "server_tool_use" else block["type"]
        _require(kind == wanted, f"{delta['type']} in a block of type {block['type']}")
        _require(self._signatures == 0, "a delta after the signature")
        _require(delta[member], "an empty delta")
        if delta["type"] == "input_json_delta":
            self._json += delta["partial_json"]
        elif delta["type"] == "signature_delta":
            self._signatures += 1
            block["signature"] = delta["signature"]
        else:
            block[member] += delta[member]

    def _content_block_stop(self, value: dict[str, Any]) -> None:
        block = self._open
        _require(block is not None, "a stop outside a block")
        assert block is not None
        _require(value["index"] == len(self.seen.content) - 1, "a stop for another block")
        if block["type"] == "text":
            self._empty_text = self._empty_text or not block["text"]
        if self._json:
            try:
                block["input"] = json.loads(self._json)
            except ValueError:
                raise AnthropicGrammarError(f"a call stopped at {self._json!r}") from None
            _require(isinstance(block["input"], dict), f"input is {self._json!r}")
        self._open = None

    def _leave_half_call(self, what: str) -> None:
        """Claude Code runs a call as soon as its block was stopped, so half a call stays open."""
        if self._open is not None:
            _require(self._open["type"] == "tool_use", f"{what} inside an open block")
            self.seen.half_call = True
            self.seen.content.pop()

    def _message_delta(self, value: dict[str, Any]) -> None:
        self._leave_half_call("message_delta")
        _require(not self._empty_text, "an empty text block")
        _require(self._reason is None, "a second message_delta")
        delta = value["delta"]
        self._reason = delta["stop_reason"]
        _require(self._reason in _STOP_REASONS, f"stop_reason {self._reason!r}")
        _require(
            delta["stop_sequence"] is None or self._reason == "stop_sequence",
            "a stop_sequence without its reason",
        )
        self._check_usage(value["usage"])
        thoughts = [b for b in self.seen.content if b["type"] == "thinking"]
        _require(all(thought["signature"] for thought in thoughts), "a thought without a signature")
        _require(
            not self.seen.half_call or self._reason in _CUT_SHORT, "half a call in a whole answer"
        )
        self.seen.message.update(delta)
        self.seen.message["usage"] = value["usage"]

    def _message_stop(self, value: dict[str, Any]) -> None:
        _require(self._reason is not None, "message_stop without message_delta")
        self.seen.ended = True

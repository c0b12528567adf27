"""What the benches ask and what their provider answers.

W1 Messages stream → Chat stream        W2 Messages stream → Messages stream, relayed
W3 Messages, 2 MB → Chat, whole         W4 Chat stream → Messages stream
W5 Messages stream → Chat, whole only   W6 Messages, small → Chat, whole
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

EVENTS: Final = 500
PACED: Final = 100
FEW: Final = 10
"""Events of a stream: all at once, an event each 10 ms, and of one whose first word matters."""
LONGER: Final = (2000, 8000)
NUMBER: Final = b"request 000000000000"
STAMP: Final = b"@0000000000000000"
"""In each text: the microsecond at which its event leaves the provider, in streams with a pace."""


def turns(size: int) -> list[dict[str, Any]]:
    text = "Lorem ipsum dolor sit amet, consectetur “adipiscing” elit.\n" * (size // 60 // 10)
    roles = ("user", "assistant")
    told = [{"role": roles[n % 2], "content": f"{n}: {text}"} for n in range(9)]
    told[0]["content"] = f"{NUMBER.decode()} {text}"  # in the first: nothing is known before it
    return told


def session(turns: int) -> bytes:
    """A session as Claude Code has it: one call and one result after the other."""
    messages: list[dict[str, Any]] = []
    for number in range(turns // 4):
        call: dict[str, Any] = {"type": "tool_use", "id": f"toolu_{number}", "name": "tool_1"}
        call |= {"input": {"p0": f"file {number} " + "x" * 100}}
        result: dict[str, Any] = {"type": "tool_result", "tool_use_id": f"toolu_{number}"}
        result |= {"content": [{"type": "text", "text": "a line of a file\n" * 60}]}
        said = [{"type": "text", "text": f"I look at {number}. " * 3}, call]
        messages += [
            {"role": "user", "content": [{"type": "text", "text": f"{number}: “go on” " * 10}]},
            {"role": "assistant", "content": said},
            {"role": "user", "content": [result]},
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "It is as it should be. " * 9}],
            },
        ]
    messages.append({"role": "user", "content": "and now?"})
    mark = {"type": "ephemeral"}
    system = [{"type": "text", "text": "You are careful. " * 300, "cache_control": mark}]
    body = {"model": "bench-1", "max_tokens": 1000, "system": system, "tools": tools("anthropic")}
    return json.dumps(body | {"messages": messages}).encode()


def tools(dialect: str) -> list[dict[str, Any]]:
    schema = {
        "type": "object",
        "properties": {f"p{n}": {"type": "string", "description": "words " * 20} for n in range(8)},
        "required": ["p0"],
    }
    named = [(f"tool_{n}", "does things " * 20, schema) for n in range(20)]
    if dialect == "anthropic":
        return [{"name": n, "description": d, "input_schema": s} for n, d, s in named]
    return [
        {"type": "function", "function": {"name": n, "description": d, "parameters": s}}
        for n, d, s in named
    ]


def request(dialect: str, size: int, *, stream: bool, with_tools: bool = True) -> bytes:
    body: dict[str, Any] = {"model": "bench-1", "max_tokens": 1000, "stream": stream}
    body["messages"] = turns(size)
    if with_tools:
        body["tools"] = tools(dialect)
    return json.dumps(body).encode()


def data(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def distinct(body: bytes, requests: int) -> Iterator[bytes]:
    """`body` with another number in it each time: nobody can know an answer, or a part of one."""
    for number in range(requests):
        yield body.replace(NUMBER, b"request %012d" % number, 1)


def chat_events(count: int, stamp: str = "") -> list[bytes]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "up-1"}
        return data(head | {"choices": [choice]})

    events = [chunk({"role": "assistant", "content": ""})]
    calls = count // 5
    events += [chunk({"content": f"word {n} {stamp}"}) for n in range(count - calls)]
    call: dict[str, Any] = {"index": 0, "id": "call_1", "type": "function"}
    call["function"] = {"name": "tool_1", "arguments": '{"p0":"'}
    events.append(chunk({"tool_calls": [call]}))
    for n in range(calls - 3):
        events.append(chunk({"tool_calls": [{"index": 0, "function": {"arguments": f"x{n}"}}]}))
    events.append(chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"}'}}]}))
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    done = chunk({}, "tool_calls")[:-3] + b',"usage":' + json.dumps(usage).encode() + b"}\n\n"
    return [*events, done, b"data: [DONE]\n\n"]


def messages_events(count: int, stamp: str = "") -> list[bytes]:
    def event(name: str, **more: Any) -> bytes:
        return f"event: {name}\n".encode() + data({"type": name, **more})

    message: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant"}
    message |= {"model": "up-1", "content": [], "stop_reason": None, "usage": {"input_tokens": 100}}
    events = [event("message_start", message=message)]
    text = {"type": "text", "text": ""}
    events.append(event("content_block_start", index=0, content_block=text))
    calls = count // 5
    for n in range(count - calls):
        delta = {"type": "text_delta", "text": f"word {n} {stamp}"}
        events.append(event("content_block_delta", index=0, delta=delta))
    events.append(event("content_block_stop", index=0))
    call = {"type": "tool_use", "id": "toolu_1", "name": "tool_1", "input": {}}
    events.append(event("content_block_start", index=1, content_block=call))
    pieces = ['{"p0":"', *(f"x{n}" for n in range(calls - 3)), '"}']
    for piece in pieces:
        delta = {"type": "input_json_delta", "partial_json": piece}
        events.append(event("content_block_delta", index=1, delta=delta))
    events.append(event("content_block_stop", index=1))
    stop = {"stop_reason": "tool_use", "stop_sequence": None}
    events.append(event("message_delta", delta=stop, usage={"output_tokens": 10}))
    return [*events, event("message_stop")]


def chat_whole() -> bytes:
    message = {"role": "assistant", "content": "A short answer. " * 20}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    head = {"id": "c1", "object": "chat.completion", "created": 1, "model": "up-1"}
    return json.dumps(head | {"choices": [choice], "usage": usage}).encode()


def canned(*, paced: bool) -> dict[bytes, list[bytes]]:
    """The provider's answers by their names, each piece a write where there is a pace."""

    def stream(events: list[bytes]) -> list[bytes]:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        head += b"transfer-encoding: chunked\r\n\r\n"
        chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
        # With a pace the first word comes with the head: that is what a client waits for.
        begun = chunks[:4] if paced else []
        return [head + b"".join(begun), *chunks[len(begun) : -1], chunks[-1] + b"0\r\n\r\n"]

    body = chat_whole()
    whole = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    answers = {b"chat-whole": [whole % len(body) + body]}
    stamp = STAMP.decode() if paced else ""
    for count in (PACED, FEW) if paced else (EVENTS, *LONGER):
        answers[b"chat-%d" % count] = stream(chat_events(count, stamp))
        answers[b"anthropic-%d" % count] = stream(messages_events(count, stamp))
    return answers


@dataclass(frozen=True)
class Workload:
    """`path` is the client's; `provider` names the canned answer of the upstream, a number of
    events following where it is a stream, and `upstream` is the path there."""

    path: str
    body: Callable[[], bytes]
    provider: str
    upstream: str
    ending: bytes = b""

    @property
    def streams(self) -> bool:
        return self.provider.endswith("-")


_MESSAGES, _CHAT = "/v1/messages", "/v1/chat/completions"


def _streamed(dialect: str) -> Callable[[], bytes]:
    return lambda: request(dialect, 40_000, stream=True)


def _whole(size: int) -> Callable[[], bytes]:
    return lambda: request("anthropic", size, stream=False, with_tools=size > 1000)


WORKLOADS: Final = {
    "W1": Workload(_MESSAGES, _streamed("anthropic"), "chat-", _CHAT, b"stop"),
    "W2": Workload(_MESSAGES, _streamed("anthropic"), "anthropic-", _MESSAGES),
    "W3": Workload(_MESSAGES, _whole(2_000_000), "chat-whole", _CHAT, b"end_turn"),
    "W4": Workload(_CHAT, _streamed("chat"), "anthropic-", _MESSAGES, b"[DONE]"),
    "W5": Workload(_MESSAGES, _streamed("anthropic"), "chat-whole", _CHAT, b"message_stop"),
    "W6": Workload(_MESSAGES, _whole(600), "chat-whole", _CHAT, b"end_turn"),
}

"""What answers are made of, in each dialect of a provider, by words for a table: whole bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gwproxy.translate.hub import Dialect

A, C, R = Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES

_WORDS = {"type": "text", "text": "a"}
_FOUND = {"type": "web_search_result_location", "url": "https://a.example", "cited_text": "x"}
_SEARCH = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "q"}}
_RESULT = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []}
_URL = {"type": "url_citation", "url": "https://a.example", "title": "A"}


def _message(*content: dict[str, Any], stop: str = "end_turn") -> dict[str, Any]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "up"}
    usage = {"input_tokens": 1, "output_tokens": 1}
    return head | {"content": list(content), "stop_reason": stop, "usage": usage}


def _use(number: int) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{number}", "name": "look", "input": {"a": "x"}}


def _choice(stop: str = "stop", **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": None, **message}
    choice = {"index": 0, "message": said, "finish_reason": stop}
    return {
        "id": "c",
        "object": "chat.completion",
        "model": "up",
        "created": 1,
        "choices": [choice],
    }


def _call(number: int) -> dict[str, Any]:
    function = {"name": "look", "arguments": '{"a":"x"}'}
    return {"id": f"c{number}", "type": "function", "function": function}


def _response(*output: dict[str, Any]) -> dict[str, Any]:
    return {"id": "resp_1", "model": "up", "status": "completed", "output": list(output)}


def _said(**part: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": "a", "annotations": [], **part}]
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": content}


def _function_call(number: int) -> dict[str, Any]:
    called = {"call_id": f"c{number}", "name": "look", "arguments": '{"a":"x"}'}
    return {"type": "function_call", "id": f"fc_{number}", "status": "completed", **called}


ANSWERS: Mapping[Dialect, Mapping[str, dict[str, Any]]] = {
    A: {
        "words": _message(_WORDS),
        "thinking with its signature": _message(
            {"type": "thinking", "thinking": "hm", "signature": "s"}, _WORDS
        ),
        "two tool calls": _message(_use(1), _use(2), stop="tool_use"),
        "a refusal of the model": _message(_WORDS, stop="refusal"),
        "citations": _message({**_WORDS, "citations": [_FOUND]}),
        "what a search of the provider found": _message(_SEARCH, _RESULT, _WORDS),
    },
    C: {
        "words": _choice(content="a"),
        "thinking (`reasoning_content`)": _choice(content="a", reasoning_content="hm"),
        "two tool calls": _choice("tool_calls", tool_calls=[_call(1), _call(2)]),
        "a refusal of the model": _choice(refusal="no"),
        "citations": _choice(
            content="a", annotations=[{"type": "url_citation", "url_citation": _URL}]
        ),
    },
    R: {
        "words": _response(_said()),
        "thinking, sealed": _response(
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "s"}, _said()
        ),
        "two tool calls": _response(_function_call(1), _function_call(2)),
        "a refusal of the model": _response(_said(type="refusal", refusal="no")),
        "citations": _response(_said(annotations=[_URL])),
        "a search of the provider": _response(
            {
                "type": "web_search_call",
                "id": "ws_1",
                "status": "completed",
                "action": {"type": "search", "query": "q"},
            },
            _said(),
        ),
    },
}

"""A call's arguments in a history: as text or as an object, whatever the dialect's own way is."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import FACTS
from support.bridges import bridge_of

ARGUMENTS = {"city": "Köln", "deep": {"n": [1, 2.50]}}


def history(client: Dialect, arguments: Any) -> dict[str, Any]:
    user = {"role": "user", "content": "hi"}
    if client is Dialect.CHAT:
        call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
        turns: list[Any] = [user, {"role": "assistant", "content": None, "tool_calls": [call]}]
        return {"messages": [*turns, {"role": "tool", "tool_call_id": "c1", "content": "ok"}]}
    if client is Dialect.RESPONSES:
        item = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": arguments}
        result = {"type": "function_call_output", "call_id": "c1", "output": "ok"}
        return {"input": [user, item, result]}
    block = {"type": "tool_use", "id": "c1", "name": "f", "input": arguments}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": "ok"}
    turns = [user, {"role": "assistant", "content": [block]}, {"role": "user", "content": [result]}]
    return {"max_tokens": 9, "messages": turns}


@pytest.mark.parametrize(("client", "upstream"), list(itertools.permutations(FACTS, 2)))
def test_text_and_object_are_sent_on_alike(client: Dialect, upstream: Dialect) -> None:
    sent = []
    for arguments in (ARGUMENTS, json.dumps(ARGUMENTS)):
        body = json.dumps({"model": "m", **history(client, arguments)}).encode()
        sent.append(bridge_of(client, upstream, Quirks(), stream=False).request(body))
    assert sent[0] == sent[1]
    assert b"u00f6ln" in sent[0], "as it was printed"

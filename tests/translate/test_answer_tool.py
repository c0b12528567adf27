"""Structured output by a tool: what the upstream puts into it the client reads as the answer."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from gwproxy.translate.bridge import CODECS, Bridge, request_head
from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.events import Close, Delta, End, Event, Finish, Open, Start, fold
from gwproxy.translate.hub import Block, Call, Dialect, Reply, Stop, StopReason, Text
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS
from gwproxy.translate.wire import jsonio
from support.bridges import bridge_of

MANNERS = Quirks(rebuild=True, json_schema="tool")
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}}
TITLE = '{"title":"x"}'
CONTEXT = ReplyContext(model="m", new_id=lambda prefix: f"{prefix}1")
ANSWERED = Call("c1", "respond_json", TITLE)
LOOKED_UP = Call("c2", "f", "{}")


def request_of(client: Dialect, tool: str | None, *, stream: bool) -> bytes:
    """One that wants a title as JSON and offers `tool`."""
    said = "input" if client is Dialect.RESPONSES else "messages"
    body: dict[str, Any] = {"model": "m", "stream": stream}
    body[said] = [{"role": "user", "content": "hi"}]
    function: dict[str, Any] = {"name": tool, "parameters": {"type": "object", "properties": {}}}
    if client is Dialect.ANTHROPIC:
        body |= {"max_tokens": 99, "output_format": {"type": "json_schema", "schema": SCHEMA}}
        function = {"name": tool, "input_schema": {"type": "object", "properties": {}}}
    elif client is Dialect.CHAT:
        wanted = {"type": "json_schema", "json_schema": {"name": "t", "schema": SCHEMA}}
        body["response_format"] = wanted
        function = {"type": "function", "function": function}
    else:
        body["text"] = {"format": {"type": "json_schema", "name": "t", "schema": SCHEMA}}
        function = {"type": "function", **function}
    return jsonio.dumps(body | ({"tools": [function]} if tool else {}))


def bridge_for(client: Dialect, upstream: Dialect, body: bytes, quirks: Quirks) -> Bridge:
    bridge = bridge_of(client, upstream, quirks, stream=request_head(body).stream, model="m")
    bridge.request(body)
    return bridge


def events_of(calls: tuple[Call, ...]) -> list[Event]:
    events: list[Event] = [Start("1", "m")]
    for index, call in enumerate(calls):
        events.append(Open(index, "call", call.id, call.name))
        events += [Delta(index, half) for half in (call.arguments[:4], call.arguments[4:])]
        events.append(Close(index))
    return [*events, Finish(Stop(StopReason.TOOL_USE)), End()]


def told(
    client: Dialect, upstream: Dialect, body: bytes, *calls: Call, quirks: Quirks = MANNERS
) -> tuple[list[Block], StopReason]:
    """What the client reads where the upstream made these calls."""
    bridge = bridge_for(client, upstream, body, quirks)
    if not request_head(body).stream:
        reply = Reply("1", "m", calls, Stop(StopReason.TOOL_USE))
        answer = bridge.reply(CODECS[upstream].build_reply(reply, CONTEXT))
        assert isinstance(answer, bytes)
        read = fold(CODECS[client].reader(Quirks()).whole(answer))
    else:
        stream, reader = bridge.stream(), CODECS[client].reader(Quirks())
        sent = CODECS[upstream].writer(CONTEXT).write(events_of(calls))
        received = stream.feed(sent) + stream.finish()
        read = fold(itertools.chain(reader.feed(received), reader.finish()))
    assert isinstance(read, Reply)
    return list(read.blocks), read.stop.reason


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
def test_the_answer_given_by_a_tool_is_text(
    client: Dialect, upstream: Dialect, stream: bool
) -> None:
    body = request_of(client, None, stream=stream)
    assert told(client, upstream, body, ANSWERED) == ([Text(TITLE)], StopReason.END)
    body = request_of(client, "f", stream=stream)
    blocks, stop = told(client, upstream, body, ANSWERED, LOOKED_UP)
    assert blocks[0] == Text(TITLE)
    assert isinstance(blocks[1], Call) and blocks[1].name == "f"
    assert stop is StopReason.TOOL_USE


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("upstream", DIALECTS)
def test_a_tool_of_the_clients_stays_one(upstream: Dialect, stream: bool) -> None:
    """By the same name, beside a wanted format or without any."""
    body = request_of(Dialect.CHAT, "respond_json", stream=stream)
    second = Call("c2", "respond_json_2", TITLE)
    blocks, stop = told(Dialect.CHAT, upstream, body, ANSWERED, second)
    assert {type(block) for block in blocks} == {Call, Text}  # Chat has words before calls
    assert stop is StopReason.TOOL_USE
    native = Quirks(rebuild=True)
    blocks, _ = told(Dialect.CHAT, upstream, body, ANSWERED, quirks=native)
    assert [type(block) for block in blocks] == [Call]

"""A new dialect takes a folder and a line: one that nobody knows speaks with all the others."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from msgspec import structs

from gwproxy.translate.bridge import CODECS, Bridge
from gwproxy.translate.codec import Codec, ReplyContext
from gwproxy.translate.dialect_facts import Dialect
from gwproxy.translate.events import Fail, fold
from gwproxy.translate.hub import (
    Call,
    Failure,
    FailureKind,
    Reply,
    Request,
    Result,
    Stop,
    StopReason,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    Turn,
    Usage,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio
from support.bridges import bridge_of
from support.unfolded import unfold
from translate import toy_dialect
from translate.toy_dialect import TOY

ALL = {**CODECS, TOY: toy_dialect.CODEC}
PAIRS = [pair for pair in itertools.product(ALL, ALL) if TOY in pair]

BLOCKS = (Text("Let me look."), Call("call_2", "read", '{"path":"b"}'))
ANSWER = Reply("a_1", "theirs", BLOCKS, Stop(StopReason.TOOL_USE), Usage(fresh=11, output=7))
REQUEST = Request(
    "asked",
    (
        Turn("user", (Text("Which files?"),)),
        Turn("assistant", (Call("call_1", "read", '{"path":"a"}'),)),
        Turn("user", (Result("call_1", (Text("nothing"),)),)),
    ),
    (Tool("read", schema='{"type":"object","properties":{"path":{"type":"string"}}}'),),
    ToolChoice("tool", "read"),
    max_tokens=900,
    stop=("END",),
    thinking=Thinking("on", "high"),
)

every_pair = pytest.mark.parametrize(("client", "upstream"), PAIRS)
every_way = pytest.mark.parametrize(
    ("asks", "streams"), [(False, False), (True, True), (True, False), (False, True)]
)


def context(model: str) -> ReplyContext:
    return ReplyContext(model=model, new_id=lambda prefix: f"{prefix}1", include_usage=True)


def bridge_for(client: Dialect, upstream: Dialect, *, asks: bool, streams: bool) -> Bridge:
    return bridge_of(
        client,
        upstream,
        Quirks(),
        stream=asks,
        streams=streams,
        asked="asked",
        model="theirs",
        codecs=ALL,
    )


def request_of(dialect: Dialect, *, stream: bool) -> bytes:
    request = structs.replace(REQUEST, stream=stream)
    body: dict[str, Any] = jsonio.loads(ALL[dialect].render_request(request, Quirks(), Losses()))
    if stream and dialect == Dialect.CHAT:
        body["stream_options"] = {"include_usage": True}
    return jsonio.dumps(body)


def read(codec: Codec, data: bytes, *, stream: bool) -> Reply | Failure:
    if not stream:
        return fold(codec.reader(Quirks()).whole(data))
    reader = codec.reader(Quirks())
    return fold([*reader.feed(data), *reader.finish()])


def answered(bridge: Bridge, data: bytes, *, asks: bool, streams: bool) -> bytes | Failure:
    if not asks and not streams:
        return bridge.reply(data)
    if not asks:
        collector = bridge.collect()
        collector.feed(data)
        return collector.finish()
    stream = bridge.stream()
    return stream.feed(data) + stream.finish() if streams else stream.whole(data)


@every_way
@every_pair
def test_a_conversation_with_a_tool_arrives_both_ways(
    client: Dialect, upstream: Dialect, asks: bool, streams: bool
) -> None:
    bridge = bridge_for(client, upstream, asks=asks, streams=streams)
    sent = ALL[upstream].parse_request(bridge.request(request_of(client, stream=asks)), Losses())
    assert (sent.model, sent.stream) == ("theirs", streams)
    assert [(turn.role, turn.blocks) for turn in sent.turns] == [
        (turn.role, turn.blocks) for turn in REQUEST.turns
    ]
    assert [tool.name for tool in sent.tools] == ["read"]
    assert (sent.tool_choice and sent.tool_choice.name) == "read"
    assert sent.thinking.mode in ("on", "budget")
    matched = client == Dialect.RESPONSES or "emu:stop" in bridge.tally.losses
    assert sent.stop == (() if matched else ("END",))
    codec = ALL[upstream]
    told = context("theirs")
    stream = codec.writer(told).write(unfold(ANSWER))
    data = stream if streams else codec.build_reply(ANSWER, told)
    got = answered(bridge, data, asks=asks, streams=streams)
    assert isinstance(got, bytes)
    reply = read(ALL[client], got, stream=asks)
    assert isinstance(reply, Reply)
    assert (reply.model, reply.stop.reason) == ("asked", StopReason.TOOL_USE)
    assert [(type(block), getattr(block, "arguments", "")) for block in reply.blocks] == [
        (Text, ""),
        (Call, '{"path":"b"}'),
    ]
    assert (reply.usage.input_total, reply.usage.output) == (11, 7)
    assert (bridge.tally.usage.input_total, bridge.tally.usage.output) == (11, 7)


@every_pair
def test_a_refusal_and_a_broken_stream_are_told(client: Dialect, upstream: Dialect) -> None:
    failure = Failure(FailureKind.INTERNAL, "the oven is cold", 500)
    status, body = ALL[upstream].render_failure(failure, "req_up")
    bridge = bridge_for(client, upstream, asks=True, streams=True)
    bridge.request(request_of(client, stream=True))
    assert b"the oven is cold" in bridge.error(status, {}, body).body
    writer = ALL[upstream].writer(context("theirs"))
    begun = writer.write(list(unfold(ANSWER))[:4])
    for rest, words in ((b"", "cut off"), (writer.write([Fail(failure)]), "the oven is cold")):
        bridge = bridge_for(client, upstream, asks=True, streams=True)
        bridge.request(request_of(client, stream=True))
        stream = bridge.stream()
        told = read(ALL[client], stream.feed(begun + rest) + stream.finish(), stream=True)
        assert isinstance(told, Failure)
        assert words in told.message

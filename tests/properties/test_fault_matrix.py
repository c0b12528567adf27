"""Every way for an answer, every fault of its upstream, at every byte: no success that was cut.

A stride of the bytes is tried; all of them with GWPROXY_EVERY_BYTE=1, which takes minutes. The
faults are what the shell makes of them: a reset and a stall become a failure of its own, a FIN and
bytes that are none come as they are. tests/proxy/test_faults.py plays a sample over sockets.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import pytest

from gwproxy.translate.events import truncated
from gwproxy.translate.hub import (
    Call,
    Dialect,
    Failure,
    FailureKind,
    Reasoning,
    Reply,
    Stop,
    StopReason,
    Text,
    Usage,
)
from gwproxy.translate.passes.names import escape_id
from gwproxy.translate.registry import DIALECTS
from properties.test_answer_laws import STRICT, unfinished
from properties.test_bridge_properties import (
    MODEL,
    PAIRS,
    bridge_for,
    expected,
    meaning,
    read_stream,
    read_whole,
    streamed,
    whole,
)
from properties.test_half_calls import RUNS
from properties.test_relay_laws import judged
from support import anthropic_wire, chat_wire, responses_wire

pytestmark = pytest.mark.fuzz

STRIDE = 1 if os.environ.get("GWPROXY_EVERY_BYTE") else 61  # read before the tests hide it

ANSWER = Reply(
    "msg_1",
    MODEL,
    (
        Reasoning("hm, two things"),
        Text("I'll l\u00f6ok \U0001f440"),
        Call("call_aaaa", "read", '{"path":"a","more":{"event":"response.completed"}}'),
        Call("call_bbbb", "write", '{"path":"b","text":"[DONE]"}'),
    ),
    Stop(StopReason.TOOL_USE),
    Usage(fresh=11, cache_read=7, output=5, reasoning=3),
)
CALLS = [escape_id(block.id) for block in ANSWER.blocks if isinstance(block, Call)]

WAYS = [(*pair, True) for pair in PAIRS] + [(one, one, False) for one in DIALECTS]
EVERY_WAY = pytest.mark.parametrize(("client", "upstream", "rebuild"), WAYS)


def error_event(dialect: Dialect, before: bytes) -> bytes:
    """The upstream's own, behind what came `before`, whose last event it does not end."""
    said = {"type": "server_error", "code": None, "message": "no more"}
    if dialect is Dialect.ANTHROPIC:
        error = {"type": "overloaded_error", "message": "no more"}
        return anthropic_wire.frame({"type": "error", "error": error, "request_id": None})
    if dialect is Dialect.CHAT:
        return chat_wire.frame({"error": {**said, "param": None}})
    number = before.count(b"\n\n")
    return responses_wire.frame("error", sequence_number=number, param=None, **said)


def fin(stream: Any, upstream: Dialect, before: bytes) -> bytes:
    return bytes(stream.feed(before) + stream.finish())


def reset(stream: Any, upstream: Dialect, before: bytes) -> bytes:
    return broken(stream, stream.feed(before), truncated("reset"))


def stall(stream: Any, upstream: Dialect, before: bytes) -> bytes:
    silent = Failure(FailureKind.TIMEOUT, "the upstream said nothing for 600 s", 504)
    return broken(stream, stream.feed(before) + stream.ping() + stream.ping(), silent)


def broken(stream: Any, out: bytes, failure: Failure) -> bytes:
    """As the shell has it: behind the last event no trouble counts."""
    return out + bytes(stream.finish() if stream.ended else stream.fail(failure))


def garbage(stream: Any, upstream: Dialect, before: bytes) -> bytes:
    return fin(stream, upstream, before + b"\x00\xff<html>\r\ndata: {\n\n")


def error(stream: Any, upstream: Dialect, before: bytes) -> bytes:
    return fin(stream, upstream, before + error_event(upstream, before))


class Sent:
    """What the upstream sent, instead of what became of it."""

    def feed(self, chunk: bytes) -> bytes:
        return chunk

    def finish(self) -> bytes:
        return b""


FAULTS: list[Callable[[Any, Dialect, bytes], bytes]] = [fin, reset, stall, garbage, error]
THE_END = {
    Dialect.ANTHROPIC: b"event: message_stop",
    Dialect.CHAT: b"data: [DONE]",
    Dialect.RESPONSES: b"event: response.completed",
}


def cuts(data: bytes, shift: int) -> range:
    """Where it is cut; each fault and way begins elsewhere, so that CI sees most kinds of place."""
    return range(shift % STRIDE, len(data) + 1, STRIDE)


def is_all(result: Reply | Failure, *, relayed: bool) -> bool:
    wanted = expected(ANSWER, relayed=relayed)
    return bool(meaning(result)[:2] == wanted[:2])  # type: ignore[index]


def check_stream(client: Dialect, stream: Any, out: bytes, *, relayed: bool, own: bool) -> None:
    """What the client got: all of the answer, or an error; `own` where bytes of the upstream's
    fault are relayed, which no grammar takes."""
    if own:  # behind the reason to stop they are the client's to judge
        told = re.search(rb'data: \{[^\n]*"error"[^\n]*\n\n\Z', out)
        assert told or stream.sent_failure is None
        return
    if stream.sent_failure is None:
        assert is_all(read_stream(client, out), relayed=relayed)
        return
    assert THE_END[client] not in out
    # The pings of a relay are comments, which a client of the Messages API skips.
    out = out.replace(b": ping\n\n", b"")
    assert judged(client, out) if relayed else STRICT[client](out) is None
    if not (relayed and client is Dialect.RESPONSES):
        runs = RUNS[client](out)  # nothing but what the model said to its end
        assert runs == CALLS[: len(runs)]


@EVERY_WAY
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_stream_with_a_fault_is_all_of_the_answer_or_an_error(
    client: Dialect, upstream: Dialect, rebuild: bool, fault: Callable[..., bytes]
) -> None:
    data = streamed(upstream, ANSWER)
    shift = 7 * FAULTS.index(fault) + 13 * PAIRS.index((client, upstream))
    for end in cuts(data, shift):
        bridge = bridge_for(client, upstream, stream=True, rebuild=rebuild)
        stream = bridge.stream()
        out = fault(stream, upstream, data[:end])
        assert stream.sent_failure is not None or end >= unfinished(upstream, data)
        own = not rebuild and fault in (garbage, error)
        check_stream(client, stream, out, relayed=not rebuild, own=own)


@EVERY_WAY
@pytest.mark.parametrize("fault", [fin, garbage, error], ids=lambda fault: fault.__name__)
def test_a_stream_with_a_fault_is_collected_whole_or_not_at_all(
    client: Dialect, upstream: Dialect, rebuild: bool, fault: Callable[..., bytes]
) -> None:
    data = streamed(upstream, ANSWER)
    for end in cuts(data, 11 * FAULTS.index(fault) + 17 * PAIRS.index((client, upstream))):
        collector = bridge_for(client, upstream, stream=False, rebuild=rebuild).collect()
        sent = fault(Sent(), upstream, data[:end])
        collector.feed(sent)
        body = collector.finish()
        if isinstance(body, bytes):
            assert end >= unfinished(upstream, data)
            assert is_all(read_whole(client, body), relayed=not rebuild)


@EVERY_WAY
def test_a_whole_answer_with_a_fault_is_none(
    client: Dialect, upstream: Dialect, rebuild: bool
) -> None:
    body = whole(upstream, ANSWER)
    for end in cuts(body[:-1], 19 * PAIRS.index((client, upstream))):
        for rest in (b"", b"\x00\xff<html>", b"\n\n" + error_event(upstream, b"")):
            replying = bridge_for(client, upstream, stream=False, rebuild=rebuild)
            assert isinstance(replying.reply(body[:end] + rest), Failure)
            stream = bridge_for(client, upstream, stream=True, rebuild=rebuild).stream()
            assert STRICT[client](stream.whole(body[:end] + rest)) is None
            assert stream.sent_failure is not None

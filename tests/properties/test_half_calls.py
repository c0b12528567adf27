"""Whatever cuts an answer short within a call: no client gets what it would run."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from gwproxy.translate.bridge import CODECS, Bridge
from gwproxy.translate.events import Delta, Event
from gwproxy.translate.hub import Call, Dialect, Reply, Stop, StopReason
from gwproxy.translate.registry import DIALECTS
from properties.test_bridge_properties import (
    EVERY_PAIR,
    answers,
    bridge_for,
    read_whole,
    upstream_context,
    whole,
)
from support import anthropic_grammar, chat_grammar, responses_grammar
from support.generated import ARGUMENTS
from support.unfolded import unfold

pytestmark = pytest.mark.fuzz

CUT_WORDS = st.sampled_from((StopReason.MAX_TOKENS, StopReason.CONTEXT_FULL))


def runs_in_messages(out: bytes) -> list[str]:
    seen = anthropic_grammar.collect(out)
    return [block["id"] for block in seen.content if block["type"] == "tool_use"]


def runs_in_chat(out: bytes) -> list[str]:
    """Chat never says that a call is whole: the reason to stop does, of all but the last."""
    seen = chat_grammar.collect(out, include_usage=True)
    calls = [call["id"] for call in seen.message.get("tool_calls", [])]
    return calls if seen.finish_reason in ("tool_calls", "stop") else calls[:-1]


def runs_in_responses(out: bytes) -> list[str]:
    output = responses_grammar.check(out)["output"]
    return [item["call_id"] for item in output if item["type"] == "function_call"]


RUNS: dict[Dialect, Callable[[bytes], list[str]]] = {
    Dialect.ANTHROPIC: runs_in_messages,
    Dialect.CHAT: runs_in_chat,
    Dialect.RESPONSES: runs_in_responses,
}


@st.composite
def half_answers(draw: st.DrawFn) -> Reply:
    """An answer whose last call is the beginning of one."""
    reply = draw(answers())
    arguments = draw(ARGUMENTS.filter(lambda text: len(text) > 2))
    half = Call("call_half", "f", arguments[: draw(st.integers(0, len(arguments) - 1))])
    return structs.replace(reply, blocks=(*reply.blocks, half), stop=Stop(draw(CUT_WORDS)))


def whole_calls(bridge: Bridge, reply: Reply) -> int:
    assert "drop:half_call" in bridge.tally.losses
    assert bridge.tally.stop is not None
    assert bridge.tally.stop.reason in (StopReason.MAX_TOKENS, StopReason.CONTEXT_FULL)
    return sum(type(block) is Call for block in reply.blocks) - 1


def as_upstream(upstream: Dialect, reply: Reply) -> bytes:
    """Upstreams end a call that they cut: `content_block_stop`, `output_item.done`."""
    return CODECS[upstream].writer(upstream_context()).write(list(unfold(reply)))


@EVERY_PAIR
@given(reply=half_answers())
@settings(max_examples=40, deadline=None)
def test_a_stream_that_ends_by_length_within_a_call(
    client: Dialect, upstream: Dialect, reply: Reply
) -> None:
    data = as_upstream(upstream, reply)
    bridge = bridge_for(client, upstream, stream=True, rebuild=True)
    stream = bridge.stream()
    out = stream.feed(data) + stream.finish()
    assert len(RUNS[client](out)) == whole_calls(bridge, reply)

    collecting = bridge_for(client, upstream, stream=False, rebuild=True)
    collector = collecting.collect()
    collector.feed(data)
    body = collector.finish()
    assert isinstance(body, bytes)
    check_whole(client, body, whole_calls(collecting, reply))


@EVERY_PAIR
@given(reply=half_answers())
@settings(max_examples=40, deadline=None)
def test_a_whole_answer_that_ends_by_length_within_a_call(
    client: Dialect, upstream: Dialect, reply: Reply
) -> None:
    if upstream is Dialect.ANTHROPIC:  # its input is an object, of which nobody sees a cut
        *before, half = reply.blocks
        reply = structs.replace(reply, blocks=(*before, structs.replace(half, arguments="{}")))
    body = whole(upstream, reply)
    bridge = bridge_for(client, upstream, stream=False, rebuild=True)
    answer = bridge.reply(body)
    assert isinstance(answer, bytes)
    check_whole(client, answer, whole_calls(bridge, reply))

    streaming = bridge_for(client, upstream, stream=True, rebuild=True)
    out = streaming.stream().whole(body)
    assert len(RUNS[client](out)) == whole_calls(streaming, reply)


def check_whole(client: Dialect, body: bytes, calls: int) -> None:
    assert "call_half" not in json.dumps(json.loads(body))
    result = read_whole(client, body)
    assert isinstance(result, Reply)
    assert sum(type(block) is Call for block in result.blocks) == calls


@pytest.mark.parametrize("client", list(DIALECTS))
@given(reply=half_answers())
@settings(max_examples=40, deadline=None)
def test_a_stream_that_is_cut_off_within_a_call(client: Dialect, reply: Reply) -> None:
    """The error comes while the call is open, which it then stays."""
    upstream = Dialect.CHAT if client is not Dialect.CHAT else Dialect.ANTHROPIC
    events: list[Event] = list(unfold(reply))
    end = max(at for at, event in enumerate(events) if type(event) is Delta or at == 0)
    data = CODECS[upstream].writer(upstream_context()).write(events[: end + 1])
    bridge = bridge_for(client, upstream, stream=True, rebuild=True)
    stream = bridge.stream()
    out = stream.feed(data) + stream.finish()
    assert stream.failure is not None
    assert b"call_half" not in b"".join(
        event for event in out.split(b"\n\n") if b"output_item.done" in event
    )
    if client is Dialect.ANTHROPIC:
        seen = anthropic_grammar.collect(out)
        assert seen.error is not None
        assert "call_half" not in [block.get("id") for block in seen.content]

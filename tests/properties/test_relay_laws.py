"""A relayed answer: what is noted of it, and what becomes of it wherever it is cut."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings

from gwproxy.translate.bridge import Bridge
from gwproxy.translate.events import truncated
from gwproxy.translate.hub import (
    Call,
    Dialect,
    Reasoning,
    Reply,
    Stop,
    StopReason,
    Text,
    Usage,
)
from gwproxy.translate.registry import DIALECTS
from properties.test_bridge_properties import MODEL, bridge_for, read_stream, streamed, whole
from support import anthropic_grammar, anthropic_wire, chat_grammar, chat_wire, responses_wire
from support.generated import replies
from support.golden import FIXTURES

pytestmark = pytest.mark.fuzz

EVERY_DIALECT = pytest.mark.parametrize("dialect", list(DIALECTS))
Noted = tuple[Usage, Stop | None, str]


def noted(bridge: Bridge) -> Noted:
    return bridge.tally.usage, bridge.tally.stop, bridge.tally.model


def of_a_stream(dialect: Dialect, data: bytes, *, rebuild: bool) -> Noted:
    return noted(streamed_through(dialect, data, rebuild=rebuild))


def streamed_through(dialect: Dialect, data: bytes, *, rebuild: bool) -> Bridge:
    bridge = bridge_for(dialect, dialect, stream=True, rebuild=rebuild)
    stream = bridge.stream()
    stream.feed(data)
    stream.finish()
    assert bridge.faithful is not rebuild
    return bridge


def of_a_body(dialect: Dialect, body: bytes) -> Noted:
    bridge = bridge_for(dialect, dialect, stream=False, rebuild=False)
    assert isinstance(bridge.reply(body), bytes)
    return noted(bridge)


# --- noted: whole = streamed = relayed -----------------------------------------------------------


@EVERY_DIALECT
@given(reply=replies())
@settings(max_examples=80)
def test_the_same_is_noted_of_an_answer_whole_streamed_and_relayed(
    dialect: Dialect, reply: Reply
) -> None:
    data = streamed(dialect, reply)
    relayed = of_a_stream(dialect, data, rebuild=False)
    translated = streamed_through(dialect, data, rebuild=True)
    if "drop:half_call" in translated.tally.losses:  # which a relay cannot take away
        translated.tally.stop = relayed[1]
    assert relayed == noted(translated)
    assert relayed == of_a_body(dialect, whole(dialect, reply))
    assert relayed[2] == MODEL


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in sorted(FIXTURES.glob("*/**/*.sse"))
        if not path.stem.endswith((".client", ".to-client", ".rendered"))
    ],
    ids=lambda path: f"{path.stem}",
)
def test_the_same_is_noted_of_every_stream_we_know(path: Any) -> None:
    dialect = Dialect(path.relative_to(FIXTURES).parts[0])
    data = path.read_bytes()
    relayed = of_a_stream(dialect, data, rebuild=False)
    translated = bridge_for(dialect, dialect, stream=True, rebuild=True)
    stream = translated.stream()
    stream.feed(data)
    stream.finish()
    assert relayed == noted(translated)


CHAT_FIGURES: list[dict[str, Any]] = [
    {"prompt_cache_hit_tokens": 8},
    {"cached_tokens": 8},
    {"prompt_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 1}},
    {"completion_tokens_details": {"reasoning_tokens": 1}},
]
MESSAGES_FIGURES: list[dict[str, Any]] = [
    {"cache_read_input_tokens": 9, "cache_creation_input_tokens": 50},
    {
        "cache_creation_input_tokens": 50,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 40},
    },
    {"output_tokens_details": {"thinking_tokens": 3}},
    {"cached_tokens": 4},
]
RESPONSES_FIGURES: list[dict[str, Any]] = [
    {"input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 1}},
    {"output_tokens_details": {"reasoning_tokens": 1}},
]


@pytest.mark.parametrize("place", ["usage", "x_groq", "choice"])
@pytest.mark.parametrize("more", CHAT_FIGURES)
def test_chat_figures_count_wherever_they_stand(more: dict[str, Any], place: str) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 2, **more}
    choice = {"index": 0, "finish_reason": "stop"}
    last = chat_wire.chunk({"content": "hi"}, "stop")
    body: dict[str, Any] = {"id": "c", "model": "m", "choices": [choice]}
    choice |= {"message": {"role": "assistant", "content": "hi"}}
    for holder in (body, last):
        if place == "choice":
            holder["choices"][0]["usage"] = usage
        else:
            holder |= {"usage": usage} if place == "usage" else {"x_groq": {"usage": usage}}
    same(Dialect.CHAT, json.dumps(body).encode(), chat_wire.stream(last))


@pytest.mark.parametrize("more", MESSAGES_FIGURES)
def test_messages_figures_count_in_the_first_event_and_in_the_last(more: dict[str, Any]) -> None:
    usage = {"input_tokens": 5, "output_tokens": 7, **more}
    message = anthropic_wire.start(usage)["message"]
    said = {"content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn"}
    body = json.dumps(message | said).encode()
    text = (
        anthropic_wire.opened(0, "text", text=""),
        anthropic_wire.text(0, "hi"),
        anthropic_wire.closed(0),
    )
    first = (anthropic_wire.start(usage), *text, anthropic_wire.stopped(), anthropic_wire.STOP)
    last = (anthropic_wire.start(), *text, anthropic_wire.stopped(usage=usage), anthropic_wire.STOP)
    for events in (first, last):
        same(Dialect.ANTHROPIC, body, anthropic_wire.stream(*events))


@pytest.mark.parametrize("more", RESPONSES_FIGURES)
def test_responses_figures_count(more: dict[str, Any]) -> None:
    usage = {"input_tokens": 10, "output_tokens": 2, **more}
    part = {"type": "output_text", "text": "hi"}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "content": [part]}
    body = {"id": "r", "model": "m", "status": "completed", "output": [item], "usage": usage}
    stream = responses_wire.created() + responses_wire.completed(item, usage=usage)
    same(Dialect.RESPONSES, json.dumps(body).encode(), stream)


def same(dialect: Dialect, body: bytes, stream: bytes) -> None:
    expected = of_a_body(dialect, body)[:2]
    assert expected[0].output is not None
    for rebuild in (False, True):
        assert of_a_stream(dialect, stream, rebuild=rebuild)[:2] == expected


# --- cut anywhere --------------------------------------------------------------------------------

ANSWER = Reply(
    "msg_1",
    MODEL,
    (Reasoning("hm"), Text("h\u00e9llo"), Call("call_1", "f", '{"event":"response.completed"}')),
    Stop(StopReason.TOOL_USE),
    Usage(fresh=3, output=4),
)
ENDS: dict[str, Callable[[Any], bytes]] = {
    "ended": lambda stream: stream.finish(),
    "broken": lambda stream: stream.fail(truncated("reset")),
}


def relay(dialect: Dialect, data: bytes, end: str = "ended") -> tuple[bytes, Any]:
    stream = bridge_for(dialect, dialect, stream=True, rebuild=False).stream()
    out = stream.feed(data[:-5]) + stream.feed(data[-5:])
    return out + ENDS[end](stream), stream


def judged(dialect: Dialect, out: bytes) -> bool:
    """Whether the client hears of an error; raises where an event is not whole."""
    if dialect is Dialect.ANTHROPIC:
        seen = anthropic_grammar.collect(out)
        return seen.error is not None and not seen.ended
    if dialect is Dialect.CHAT:
        heard = chat_grammar.collect(out, include_usage=True)
        return heard.error is not None and not heard.ended
    assert out.endswith(b"\n\n")
    told = [
        json.loads(event.partition(b"\ndata: ")[2])
        for event in out.removesuffix(b"data: [DONE]\n\n").split(b"\n\n")[:-1]
    ]
    # The error counts on behind the upstream's own events.
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    events = [event["type"] for event in told]
    return events[-2:] == ["error", "response.failed"] and "response.completed" not in events


def finished_at(dialect: Dialect, data: bytes, newline: bytes) -> list[int]:
    """Ends between two events that have a reason to stop before them."""
    word = {Dialect.ANTHROPIC: b'"stop_reason":"', Dialect.CHAT: b'"finish_reason":"'}.get(dialect)
    if word is None:
        return []
    ends = [found.end() for found in re.finditer(newline * 2, data)]
    return [end for end in ends if word in data[:end]]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("end", ENDS)
@EVERY_DIALECT
def test_wherever_it_is_cut_the_client_hears_of_it(
    dialect: Dialect, end: str, newline: bytes
) -> None:
    data = streamed(dialect, ANSWER).removesuffix(b"data: [DONE]\n\n")
    if dialect is Dialect.CHAT:
        data += b"data: [DONE]\n\n"
    data = data.replace(b"\n", newline)
    finished = finished_at(dialect, data, newline)
    terminated = len(data.rstrip())
    for cut in range(terminated):
        out, stream = relay(dialect, data[:cut], end)
        out = out.replace(newline, b"\n")
        if end == "ended" and cut in finished:
            assert stream.failure is stream.sent_failure is None
        else:
            assert stream.failure is stream.sent_failure is not None, cut
            assert judged(dialect, out), cut
    for cut in range(terminated, len(data)):  # only the line ends of its last event were missing
        out, stream = relay(dialect, data[:cut])
        assert isinstance(read_stream(dialect, out), Reply)
        assert stream.failure is stream.sent_failure is None

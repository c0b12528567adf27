"""Every disorder of every dialect is really in the bytes, and is the one that its name says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.simulator import (
    DEMO,
    KIMI_K25,
    Disorder,
    PlayedAnswer,
    RunningSimulator,
    call,
    scenario,
)
from gwproxy.simulator.conversation import DialectName
from gwproxy.simulator.disorder import BODY_PASSES, EVENT_PASSES, FRAMING
from simulator.asking import DIALECTS, Json, Received, ask, question
from support.provider import StartProvider

SAID = scenario(
    PlayedAnswer(
        "Two calls follow: café ☕.",
        "Think first, then act.",
        (
            call("get_weather", city="Paris in the spring"),
            call("get_weather", city="Tokyo in the autumn"),
            call("get_time"),
        ),
    )
)


async def streamed(
    start_provider: StartProvider, dialect: DialectName, *disorders: Disorder
) -> Received:
    """A stream of a provider without a past, so that two of them differ by disorder alone."""
    return await answered(start_provider, dialect, *disorders, stream=True)


async def answered(
    start_provider: StartProvider, dialect: DialectName, *disorders: Disorder, **members: Any
) -> Received:
    provider: RunningSimulator = await start_provider(DEMO, SAID)
    if disorders:
        provider.will(*disorders)
    if dialect == "chat" and members.get("stream"):
        members["stream_options"] = {"include_usage": True}
    return await ask(provider, dialect, question(dialect, **members))


STREAM_CASES = [
    (dialect, disorder)
    for dialect in DIALECTS
    for disorder in (*EVENT_PASSES[dialect], *(one for one in Disorder if one in FRAMING))
]
# Named events in a dialect that always has them change nothing; nameless ones nothing in chat.
VOID = {
    ("anthropic", Disorder.EVENT_NAMES),
    ("responses", Disorder.EVENT_NAMES),
    ("chat", Disorder.NO_EVENT_NAMES),
}


@pytest.mark.parametrize(("dialect", "disorder"), STREAM_CASES)
async def test_a_disorder_shows_in_the_stream(
    start_provider: StartProvider, dialect: DialectName, disorder: Disorder
) -> None:
    orderly = await streamed(start_provider, dialect)
    disturbed = await streamed(start_provider, dialect, disorder)
    assert disturbed.status == 200
    if dialect == "responses" and disorder is Disorder.EVENT_NAMES:
        assert b"event: message\ndata: [DONE]" in disturbed.body
    elif (dialect, disorder) in VOID:
        assert disturbed.body == orderly.body
    else:
        assert disturbed.body != orderly.body


BODY_CASES = [(dialect, disorder) for dialect in DIALECTS for disorder in BODY_PASSES[dialect]]


@pytest.mark.parametrize(("dialect", "disorder"), BODY_CASES)
async def test_a_disorder_shows_in_the_whole_answer(
    start_provider: StartProvider, dialect: DialectName, disorder: Disorder
) -> None:
    orderly = await answered(start_provider, dialect)
    disturbed = await answered(start_provider, dialect, disorder)
    assert disturbed.status == 200
    assert disturbed.json != orderly.json


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_disorder_that_a_dialect_does_not_have_is_refused_loudly(
    start_provider: StartProvider, dialect: DialectName
) -> None:
    for disorder in Disorder:
        if disorder not in {*EVENT_PASSES[dialect], *FRAMING}:
            received = await streamed(start_provider, dialect, disorder)
            assert received.status == 500
            assert str(disorder) in received.json["error"]["message"]


def test_every_disorder_is_played_somewhere() -> None:
    played = set(FRAMING).union(*EVENT_PASSES.values())
    assert played == set(Disorder)


# --- what the names mean, in chat ---------------------------------------------------------


async def chunks(start_provider: StartProvider, *disorders: Disorder) -> list[Json]:
    received = await streamed(start_provider, "chat", *disorders)
    return [data for _, data in received.events if data != "[DONE]"]


async def call_deltas(start_provider: StartProvider, *disorders: Disorder) -> list[Json]:
    return [
        delta
        for chunk in await chunks(start_provider, *disorders)
        for choice in chunk["choices"]
        for delta in choice["delta"].get("tool_calls") or ()
    ]


async def test_interleaved_calls_take_turns(start_provider: StartProvider) -> None:
    deltas = await call_deltas(start_provider, Disorder.INTERLEAVED_CALLS)
    assert [delta["index"] for delta in deltas][:6] == [0, 1, 2, 0, 1, 2]
    arguments = ["", "", ""]
    for delta in deltas:
        arguments[delta["index"]] += delta["function"]["arguments"]
    assert [json.loads(text) for text in arguments] == [
        {"city": "Paris in the spring"},
        {"city": "Tokyo in the autumn"},
        {},
    ]


async def test_late_names_come_after_arguments(start_provider: StartProvider) -> None:
    first = [d for d in await call_deltas(start_provider, Disorder.LATE_NAMES) if d["index"] == 0]
    named = [position for position, delta in enumerate(first) if "name" in delta["function"]]
    assert named == [2]
    assert "".join(delta["function"]["arguments"] for delta in first[:2])


async def test_ids_and_indexes(start_provider: StartProvider) -> None:
    assert not any("id" in d for d in await call_deltas(start_provider, Disorder.NO_IDS))
    assert not any("index" in d for d in await call_deltas(start_provider, Disorder.NO_INDEXES))
    zero = await call_deltas(start_provider, Disorder.SAME_INDEX)
    assert {d["index"] for d in zero} == {0}
    assert len({d["id"] for d in zero if "id" in d}) == 3
    shifted = await call_deltas(start_provider, Disorder.FIRST_INDEX_ONE)
    assert {d["index"] for d in shifted} == {1, 2, 3}
    same = await call_deltas(start_provider, Disorder.SAME_ID)
    assert [d["id"] for d in same if "id" in d] == ["call_same"] * 3
    repeated = await call_deltas(start_provider, Disorder.REPEATED_IDS)
    assert all(d["id"] and d["function"]["name"] for d in repeated)
    whole = await call_deltas(start_provider, Disorder.WHOLE_CALLS)
    assert len(whole) == 3
    assert all(json.loads(d["function"]["arguments"]) is not None for d in whole)


async def test_arguments(start_provider: StartProvider) -> None:
    nulls = await call_deltas(start_provider, Disorder.NULL_ARGUMENTS)
    assert None in [d["function"]["arguments"] for d in nulls]
    objects = await call_deltas(start_provider, Disorder.OBJECT_ARGUMENTS)
    assert all(isinstance(d["function"]["arguments"], dict) for d in objects)


async def test_usage(start_provider: StartProvider) -> None:
    assert not any("usage" in c for c in await chunks(start_provider, Disorder.NO_USAGE))
    placed = await chunks(start_provider, Disorder.USAGE_IN_CHOICE)
    inside = [choice["usage"] for c in placed for choice in c["choices"] if "usage" in choice]
    assert len(inside) == 1
    everywhere = await chunks(start_provider, Disorder.USAGE_EVERYWHERE)
    assert all(c["usage"]["total_tokens"] for c in everywhere)
    raised = await chunks(start_provider, Disorder.CACHED_AT_TOP)
    assert raised[-1]["usage"]["cached_tokens"] == 0
    assert "prompt_tokens_details" not in raised[-1]["usage"]


async def test_ends(start_provider: StartProvider) -> None:
    finishes = [
        [choice["finish_reason"] for c in found for choice in c["choices"]]
        for found in [
            await chunks(start_provider, Disorder.NO_FINISH),
            await chunks(start_provider, Disorder.REPEATED_FINISH),
            await chunks(start_provider, Disorder.STOP_DESPITE_CALLS),
        ]
    ]
    assert set(finishes[0]) == {None}
    assert finishes[1][-2:] == ["tool_calls", "tool_calls"]
    assert finishes[2][-1] == "stop"
    endless = await streamed(start_provider, "chat", Disorder.NO_TERMINATOR)
    assert b"[DONE]" not in endless.body
    after = await streamed(start_provider, "chat", Disorder.DATA_AFTER_END)
    assert after.body.index(b"[DONE]") < after.body.index(b"after the end")


def text_of(found: list[Json], key: str) -> str:
    deltas = [choice["delta"] for chunk in found for choice in chunk["choices"]]
    return "".join(delta.get(key) or "" for delta in deltas)


async def test_reasoning(start_provider: StartProvider) -> None:
    renamed = await chunks(start_provider, Disorder.REASONING_AS_REASONING)
    assert text_of(renamed, "reasoning") == "Think first, then act."
    assert text_of(renamed, "reasoning_content") == ""
    twice = await chunks(start_provider, Disorder.REASONING_TWICE)
    assert text_of(twice, "reasoning") == text_of(twice, "reasoning_content") != ""
    tagged = await chunks(start_provider, Disorder.THINK_TAGS)
    assert text_of(tagged, "content").startswith("<think>Think first, then act.</think>\nTwo")
    late = await chunks(start_provider, Disorder.LATE_REASONING)
    keys = [key for c in late for choice in c["choices"] for key in choice["delta"]]
    assert keys.index("reasoning_content") > keys.index("content", 2)


async def test_leaked_calls(start_provider: StartProvider) -> None:
    leaked = await chunks(start_provider, Disorder.LEAKED_CALLS)
    text = text_of(leaked, "content")
    assert text.count("<|tool_call_begin|>functions.") == 3
    assert text.endswith("<|tool_call_end|><|tool_calls_section_end|>")
    assert not [
        d for c in leaked for choice in c["choices"] for d in choice["delta"].get("tool_calls", ())
    ]


async def test_framing(start_provider: StartProvider) -> None:
    body = (await streamed(start_provider, "anthropic", Disorder.CRLF)).body
    assert body.count(b"\r\n") == body.count(b"\n")
    body = (await streamed(start_provider, "anthropic", Disorder.NO_SPACE)).body
    assert body.startswith(b'event:message_start\ndata:{"type"')
    body = (await streamed(start_provider, "anthropic", Disorder.BYTE_ORDER_MARK)).body
    assert body.startswith(b"\xef\xbb\xbfevent: ")
    body = (await streamed(start_provider, "chat", Disorder.COMMENTS)).body
    assert body.count(b": OPENROUTER PROCESSING\n\n") == body.count(b"data: ")
    body = (await streamed(start_provider, "chat", Disorder.MANY_LINES)).body
    assert body.count(b"\ndata: ") > 10 * body.count(b"\n\n")
    body = (await streamed(start_provider, "anthropic", Disorder.NO_EVENT_NAMES)).body
    assert b"event:" not in body
    body = (await streamed(start_provider, "chat", Disorder.HUGE_EVENT)).body
    assert "Two calls follow: café ☕.".encode() in body


# --- and in the others --------------------------------------------------------------------


async def test_anthropic_blocks_open_at_once(start_provider: StartProvider) -> None:
    received = await streamed(start_provider, "anthropic", Disorder.INTERLEAVED_CALLS)
    indexes = [d["index"] for _, d in received.events if "index" in d and d["index"] >= 2]
    assert indexes[:6] == [2, 3, 4, 2, 3, 4]


async def test_anthropic_input_in_the_opening_event(start_provider: StartProvider) -> None:
    received = await streamed(start_provider, "anthropic", Disorder.WHOLE_CALLS)
    opened = [d["content_block"] for name, d in received.events if name == "content_block_start"]
    assert opened[2]["input"] == {"city": "Paris in the spring"}
    assert not any("partial_json" in d.get("delta", {}) for _, d in received.events)


async def test_anthropic_thinking_after_text(start_provider: StartProvider) -> None:
    received = await streamed(start_provider, "anthropic", Disorder.LATE_REASONING)
    opened = [d["content_block"] for name, d in received.events if name == "content_block_start"]
    assert [block["type"] for block in opened][:2] == ["text", "thinking"]


async def test_responses_without_their_done_events(start_provider: StartProvider) -> None:
    received = await streamed(start_provider, "responses", Disorder.NO_FINISH)
    names = [name for name, _ in received.events]
    assert "response.output_item.done" not in names
    assert "response.completed" in names
    endless = await streamed(start_provider, "responses", Disorder.NO_TERMINATOR)
    assert b"response.completed" not in endless.body
    assert b"[DONE]" not in endless.body


async def test_moonshots_usage_is_a_standing_habit_of_kimi_k25(
    start_provider: StartProvider,
) -> None:
    provider = await start_provider(KIMI_K25, SAID)
    received = await ask(provider, "chat", question("chat", stream=True))
    placed = [
        choice["usage"]
        for _, data in received.events
        if data != "[DONE]"
        for choice in data["choices"]
        if "usage" in choice
    ]
    assert placed[0]["cached_tokens"] == 0
    assert not any(d != "[DONE]" and d["choices"] == [] for _, d in received.events)
    orderly = await ask(provider, "anthropic", question("anthropic"))
    assert "cache_read_input_tokens" in orderly.json["usage"]

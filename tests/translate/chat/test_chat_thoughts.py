"""What a Chat host wants back of its thoughts comes back as it gave it, whoever asked it.

A host's own client returns the message that it got. So must every other client, by way of the
gateway: one that carries our seals, and one that loses all but the words and calls.
"""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from gwproxy.translate.hub import Dialect, Reasoning, Text
from gwproxy.translate.passes.recall import Thoughts
from gwproxy.translate.quirks import Quirks
from support.bridges import bridge_of
from support.chat_wire import chunk, reply_of, stream

A, C, R = Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES
OWN: Final = Quirks(family="host")

SIGNED: Final[dict[str, Any]] = {"extra_content": {"google": {"thought_signature": "SIG-abc"}}}
ENCRYPTED: Final = {"type": "reasoning.encrypted", "data": "ENC", "id": "call_1", "index": 1}
TEXT: Final = {"type": "reasoning.text", "format": "x-v1", "index": 0}
THINKING: Final = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}


def calling(number: int = 0, **more: Any) -> dict[str, Any]:
    function = {"name": "look", "arguments": json.dumps({"at": number})}
    return {"id": f"call_{number}", "type": "function", "function": function, **more}


def called(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": at, **one} for at, one in enumerate(calls)], **more}


# Each: the deltas of a stream, and the members of the message that they make.
HABITS: Final[dict[str, tuple[list[dict[str, Any]], dict[str, Any]]]] = {
    "Gemini": ([called(calling(**SIGNED))], {"tool_calls": [calling(**SIGNED)]}),
    "Gemini, one of two calls": (
        [called(calling(**SIGNED), calling(1))],
        {"tool_calls": [calling(**SIGNED), calling(1)]},
    ),
    "Gemini, the second of two calls": (
        [called(calling(), calling(1, **SIGNED))],
        {"tool_calls": [calling(), calling(1, **SIGNED)]},
    ),
    "Gemini, after the call": (
        [called(calling()), {"tool_calls": [{"index": 0, **SIGNED}]}],
        {"tool_calls": [calling(**SIGNED)]},
    ),
    "Gemini, words alone": (
        [{"content": "All "}, {"content": "done", **SIGNED}],
        {"content": "All done", **SIGNED},
    ),
    "OpenRouter": (
        [
            {"reasoning": "h", "reasoning_details": [{**TEXT, "text": "h"}]},
            {"reasoning": "m", "reasoning_details": [{**TEXT, "text": "m"}]},
            {"content": "", "reasoning_details": [{**TEXT, "signature": "s"}]},
            called(calling()),
            {"reasoning_details": [ENCRYPTED]},
        ],
        {
            "reasoning": "hm",
            "reasoning_details": [{**TEXT, "text": "hm", "signature": "s"}, ENCRYPTED],
            "tool_calls": [calling()],
        },
    ),
    "OpenRouter, a summary": (
        [
            {"reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}]},
            called(calling()),
        ],
        {
            "reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}],
            "tool_calls": [calling()],
        },
    ),
    "Magistral": (
        [
            {"content": [THINKING]},
            {"content": [{"type": "text", "text": "see"}]},
            called(calling()),
        ],
        {"content": [THINKING, {"type": "text", "text": "see"}], "tool_calls": [calling()]},
    ),
    "reasoning": (
        [{"reasoning": "h"}, {"reasoning": "m"}, called(calling())],
        {"reasoning": "hm", "tool_calls": [calling()]},
    ),
    "reasoning_content": (
        [{"reasoning_content": "hm"}, called(calling())],
        {"reasoning_content": "hm", "tool_calls": [calling()]},
    ),
}
SEALED: Final = [name for name in HABITS if not name.startswith(("reasoning", "Magistral"))]
EVERY_HABIT = pytest.mark.parametrize("habit", list(HABITS))
STREAMED_OR_WHOLE = pytest.mark.parametrize("streams", [True, False])


def answer(habit: str, *, streams: bool) -> bytes:
    deltas, message = HABITS[habit]
    if streams:
        finish = chunk({}, "tool_calls" if "tool_calls" in message else "stop")
        return stream(*map(chunk, deltas), finish)
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return json.dumps({"id": "c", "object": "chat.completion", "choices": [choice]}).encode()


def opening(client: Dialect) -> dict[str, Any]:
    said = [{"role": "user", "content": "go"}]
    schema = {"type": "object", "properties": {"at": {"type": "integer"}}}
    match client:
        case Dialect.ANTHROPIC:
            tool: dict[str, Any] = {"name": "look", "input_schema": schema}
            return {"model": "m", "max_tokens": 9, "messages": said, "tools": [tool]}
        case Dialect.RESPONSES:
            tool = {"type": "function", "name": "look", "parameters": schema}
            return {"model": "m", "input": said, "tools": [tool]}
    tool = {"type": "function", "function": {"name": "look", "parameters": schema}}
    return {"model": "m", "messages": said, "tools": [tool]}


def following(client: Dialect, told: dict[str, Any], *, lossy: bool) -> dict[str, Any]:
    """The next request, of a client that keeps everything or else the words and calls alone."""
    body = opening(client)
    match client:
        case Dialect.ANTHROPIC:
            kept = [b for b in told["content"] if not lossy or b["type"] != "thinking"]
            ids = [block["id"] for block in kept if block["type"] == "tool_use"]
            results = [{"type": "tool_result", "tool_use_id": one, "content": "-"} for one in ids]
            turn = {"role": "assistant", "content": kept}
            body["messages"] += [turn, {"role": "user", "content": results or "go on"}]
        case Dialect.RESPONSES:
            items = [i for i in told["output"] if not lossy or i["type"] != "reasoning"]
            ids = [item["call_id"] for item in items if item["type"] == "function_call"]
            kind = "function_call_output"
            body["input"] += items + [{"type": kind, "call_id": one, "output": "-"} for one in ids]
            body["input"] += [] if ids else [{"role": "user", "content": "go on"}]
        case Dialect.CHAT:
            turn = dict(told["choices"][0]["message"])
            if lossy:
                known = ("role", "content", "reasoning_content", "tool_calls")
                turn = {name: turn[name] for name in known if turn.get(name)}
                for call in turn.get("tool_calls", ()):
                    call.pop("extra_content", None)
            ids = [call["id"] for call in turn.get("tool_calls", ())]
            results = [{"role": "tool", "tool_call_id": one, "content": "-"} for one in ids]
            body["messages"] += [turn, *(results or [{"role": "user", "content": "go on"}])]
    return body


def exchange(
    client: Dialect,
    habit: str,
    memory: dict[str, Thoughts],
    quirks: Quirks = OWN,
    *,
    stream: bool = False,
    streams: bool,
) -> bytes:
    """What the client is told, as a `stream` or whole, by a host that `streams` or does not."""
    said = answer(habit, streams=streams)
    bridge = bridge_of(client, C, quirks, stream=stream, streams=streams, thoughts=memory)
    bridge.request(json.dumps({**opening(client), "stream": stream}).encode())
    if stream:
        told = bridge.stream()
        return told.feed(said) + told.finish() if streams else told.whole(said)
    if streams:
        collector = bridge.collect()
        collector.feed(said)
        whole = collector.finish()
    else:
        whole = bridge.reply(said)
    assert isinstance(whole, bytes), whole
    return whole


def sent(
    client: Dialect, body: dict[str, Any], memory: dict[str, Thoughts], quirks: Quirks = OWN
) -> list[dict[str, Any]]:
    """The messages that the host gets."""
    bridge = bridge_of(client, C, quirks, stream=False, thoughts=memory)
    messages: list[dict[str, Any]] = json.loads(bridge.request(json.dumps(body).encode()))[
        "messages"
    ]
    return messages


def returned(
    client: Dialect, habit: str, *, streams: bool, lossy: bool, to: str = "host"
) -> dict[str, Any]:
    """The answer's message as the host `to` gets it with the next request, but for its role.
    Between equals it comes through the hub where the host's requests are rebuilt."""
    quirks = Quirks(family="host", rebuild=client is C)
    memory: dict[str, Thoughts] = {}
    told = json.loads(exchange(client, habit, memory, quirks, streams=streams))
    body = following(client, told, lossy=lossy)
    then = Quirks(family=to, rebuild=client is C)
    message = sent(client, body, memory if lossy else {}, then)[1]
    return {name: value for name, value in message.items() if value and name != "role"}


def plain(habit: str) -> dict[str, Any]:
    return HABITS[habit][1]


@EVERY_HABIT
@STREAMED_OR_WHOLE
@pytest.mark.parametrize("client", [A, C, R])
def test_a_client_that_keeps_our_seals_gives_all_of_it_back(
    client: Dialect, habit: str, streams: bool
) -> None:
    assert returned(client, habit, streams=streams, lossy=False) == plain(habit)


@pytest.mark.parametrize("habit", SEALED)
@STREAMED_OR_WHOLE
@pytest.mark.parametrize("client", [A, C, R])
def test_what_a_client_loses_is_remembered(client: Dialect, habit: str, streams: bool) -> None:
    assert returned(client, habit, streams=streams, lossy=True) == plain(habit)


@pytest.mark.parametrize("habit", SEALED)
@STREAMED_OR_WHOLE
@pytest.mark.parametrize("stream", [True, False])
def test_between_equals_it_is_remembered_as_it_passes(
    habit: str, streams: bool, stream: bool
) -> None:
    memory: dict[str, Thoughts] = {}
    exchange(C, habit, memory, stream=stream, streams=streams)
    message = {"role": "assistant", **plain(habit)}
    for lossy in (True, False):
        kept = json.loads(json.dumps({"choices": [{"message": message}]}))
        body = following(C, kept, lossy=lossy)
        back = sent(C, body, memory)[1]
        # Words are the client's own to keep.
        assert back | {"reasoning": ""} == message | {"reasoning": ""}
        assert lossy or sent(C, body, memory) == body["messages"]


@pytest.mark.parametrize("habit", SEALED)
@pytest.mark.parametrize("client", [A, R])
def test_nothing_of_it_goes_to_another_host(client: Dialect, habit: str) -> None:
    back = json.dumps(returned(client, habit, streams=True, lossy=False, to="other"))
    assert not [name for name in ("SIG", "ENC", "reasoning_details") if name in back]


def test_words_that_gemini_calls_thoughts_are_thoughts() -> None:
    thought = {"content": "hm", "extra_content": {"google": {"thought": True}}}
    said = stream(chunk(thought), chunk({"content": "a"}), chunk({}, "stop"))
    assert [type(block) for block in reply_of(said).blocks] == [Reasoning, Text]


@pytest.mark.parametrize("client", [A, C])
def test_calls_that_nobody_signed_go_with_the_words_that_gemini_takes_instead(
    client: Dialect,
) -> None:
    turn = {"role": "assistant", "tool_calls": [calling(), calling(1)]}
    made: dict[str, Any] = {"choices": [{"message": turn}]}
    if client is A:
        uses = [
            {"type": "tool_use", "id": f"call_{n}", "name": "look", "input": {}} for n in (0, 1)
        ]
        made = {"content": uses}
    told = sent(client, following(client, made, lossy=False), {}, Quirks(call_signature="pass"))
    given = [call.get("extra_content") for call in told[1]["tool_calls"]]
    assert given == [{"google": {"thought_signature": "pass"}}, None]


def test_a_signature_of_its_own_is_not_replaced() -> None:
    made = {"choices": [{"message": {"role": "assistant", "tool_calls": [calling(**SIGNED)]}}]}
    body = following(C, made, lossy=False)
    assert sent(C, body, {}, Quirks(call_signature="pass")) == body["messages"]


def test_thinking_parts_of_a_client_are_thoughts_to_every_host() -> None:
    turn = {"role": "assistant", "content": [THINKING, {"type": "text", "text": "see"}]}
    body = {
        **opening(C),
        "messages": [*opening(C)["messages"], turn, {"role": "user", "content": "go"}],
    }
    bridge = bridge_of(C, A, Quirks(), stream=False)
    told = json.loads(bridge.request(json.dumps(body).encode()))["messages"][1]["content"]
    assert [block["type"] for block in told] == ["thinking", "text"]
    assert told[0]["thinking"] == "hm"


@STREAMED_OR_WHOLE
def test_between_equals_words_go_back_under_the_name_they_came_in(streams: bool) -> None:
    memory: dict[str, Thoughts] = {}
    turn = {"role": "assistant", "reasoning_content": "hm", "tool_calls": [calling()]}
    body = following(C, {"choices": [{"message": turn}]}, lossy=False)
    other = {"role": "assistant", "reasoning": "hm", "tool_calls": [calling()]}
    assert sent(C, body, memory)[1] == turn
    exchange(C, "reasoning", memory, stream=streams, streams=streams)
    assert sent(C, body, memory)[1] == other
    exchange(C, "reasoning_content", memory, stream=streams, streams=streams)
    assert sent(C, body, memory)[1] == turn

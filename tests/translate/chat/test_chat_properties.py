"""Laws of the Chat dialect, over all recorded streams and over generated ones."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gwproxy.translate.chat.request import parse, render
from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    Identity,
    Media,
    OutputFormat,
    Reasoning,
    Request,
    Result,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Rejected
from support.generated import TEXTS, TOOL_NAMES
from support.sending import sent

FRAGMENTS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.sampled_from(["", "a", "{", "}", "\ud83d"]),
    TEXTS,
)
# Small, and yet all that JSON and UTF-8 stumble over; blank ones are nobody's words.
WORDS = st.text('ab "\\\n\u2028é☕日😀', min_size=1, max_size=6).map(lambda text: f"w{text}")
# --- requests --------------------------------------------------------------------------------

EVERYTHING = Quirks(
    text_parts="parts",
    tool_media=True,
    efforts=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    max_output=10**9,
    context_window=10**10,
    documents=True,
    user_id="keep",
    prompt_cache_key=True,
)
PICTURES = st.sampled_from(
    [
        Media("image", "base64", "iVBORw0KGgo=", "image/png"),
        Media("image", "url", "https://example.org/a.png", detail="low"),
        Media("audio", "base64", "AAAA", "audio/wav"),
    ]
)
SAID = st.one_of(st.builds(Text, WORDS), PICTURES)
SCHEMAS = st.sampled_from(
    [
        '{"type":"object","properties":{}}',
        '{"type":"object","maximum":1.10,"z":123456789012345678901}',
    ]
)
TOOLS = st.lists(
    st.one_of(
        st.builds(
            Tool,
            TOOL_NAMES,
            st.just("function"),
            st.one_of(st.none(), TEXTS),
            SCHEMAS,
            st.sampled_from([None, True, False]),
        ),
        st.builds(
            Tool,
            TOOL_NAMES,
            st.just("custom"),
            st.one_of(st.none(), TEXTS),
            grammar=st.sampled_from([None, ("lark", "start: X")]),
        ),
    ),
    max_size=4,
    unique_by=lambda tool: tool.name,
).map(tuple)


@st.composite
def conversations(draw: st.DrawFn, exchanges: st.SearchStrategy[int]) -> tuple[Turn, ...]:
    """What agents send: instructions, questions, answers with calls, and all their results."""
    turns = [Turn("system", tuple(draw(st.lists(st.builds(Text, WORDS), min_size=1, max_size=2))))]
    for number in range(draw(exchanges)):
        turns.append(Turn("user", tuple(draw(st.lists(SAID, min_size=1, max_size=3)))))
        answer: list[Block] = []
        if draw(st.booleans()):
            answer.append(Reasoning(draw(WORDS)))
        names = draw(st.lists(st.sampled_from(["ls", "cat"]), max_size=3))
        if not names or draw(st.booleans()):
            answer.append(Text(draw(WORDS)))
        texts = st.sampled_from(["{}", '{"x": 1.10}', '{"é":[12345678901234567890]}'])
        calls = [Call(f"c{number}-{index}", name, draw(texts)) for index, name in enumerate(names)]
        turns.append(Turn("assistant", (*answer, *calls)))
        if calls:
            results = [Result(c.id, draw(st.sampled_from([(), (Text("ok"),)]))) for c in calls]
            turns.append(Turn("user", tuple(results)))
            if draw(st.booleans()):
                turns.append(Turn("system", (Text(draw(WORDS)),)))
    turns.append(Turn("user", (Text(draw(WORDS)),)))
    return tuple(turns)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    tools = draw(TOOLS)
    modes = [ToolChoice(), ToolChoice("any", parallel=False), ToolChoice("none")]
    modes += [ToolChoice("tool", tool.name) for tool in tools]
    stream = draw(st.booleans())
    number = st.one_of(st.none(), st.floats(0, 2))
    return Request(
        draw(st.sampled_from(["m", "kimi-k2.5"])),
        draw(conversations(st.integers(0, 3))),
        tools=tools,
        tool_choice=draw(st.one_of(st.none(), st.sampled_from(modes))) if tools else None,
        max_tokens=draw(st.one_of(st.none(), st.integers(1, 10**6))),
        stop=tuple(draw(st.lists(TEXTS.filter(str.strip), max_size=4))),
        sampling=draw(
            st.builds(
                Sampling,
                number,
                number,
                st.none(),
                number,
                number,
                st.one_of(st.none(), st.integers(0, 9)),
            )
        ),
        thinking=draw(
            st.sampled_from(
                [Thinking(), Thinking("off"), Thinking("on", "high"), Thinking("on", "max")]
            )
        ),
        output_format=draw(
            st.sampled_from(
                [
                    None,
                    OutputFormat("json_object"),
                    OutputFormat("json_schema", '{"type":"object","minimum":1.10}', "n", "d", True),
                ]
            )
        ),
        stream=stream,
        include_usage=stream,
        identity=Identity(draw(st.one_of(st.none(), st.just("ann"))), None, "key"),
    )


@given(requests())
def test_a_request_survives_the_way_there_and_back(request: Request) -> None:
    losses = Losses()
    assert parse(sent(request, Dialect.CHAT, EVERYTHING, losses), losses) == request
    assert list(losses) == []


MANNERS = st.builds(
    Quirks,
    mid_system=st.sampled_from(["native", "wrap"]),
    text_parts=st.sampled_from(["string", "parts"]),
    reasoning_in=st.sampled_from(["all", "tool_turns", "none"]),
    reasoning_placeholder=st.sampled_from(["", " "]),
    tool_media=st.booleans(),
    thinking_switch=st.sampled_from(["effort", "thinking", "none"]),
    prompt_cache_key=st.booleans(),
)


def messages_of(turns: tuple[Turn, ...], quirks: Quirks) -> bytes:
    body = jsonio.loads(render(Request("m", turns), quirks, Losses()))
    return jsonio.dumps(body["messages"])


@given(conversations(st.integers(1, 4)), MANNERS)
def test_a_longer_history_begins_with_the_bytes_of_the_shorter(
    turns: tuple[Turn, ...], quirks: Quirks
) -> None:
    """Providers cache prompts by their beginning."""
    whole = messages_of(turns, quirks)
    for end in range(1, len(turns)):
        if turns[end].role == "assistant":  # a request ends where an answer is expected
            assert whole.startswith(messages_of(turns[:end], quirks)[:-1])


@settings(max_examples=30)
@given(requests(), MANNERS)
def test_the_same_request_gives_the_same_bytes(request: Request, quirks: Quirks) -> None:
    first, second = Losses(), Losses()
    assert render(request, quirks, first) == render(request, quirks, second)
    assert list(first) == list(second)


@given(
    st.recursive(
        FRAGMENTS,
        lambda inner: st.one_of(
            st.lists(inner),
            st.dictionaries(
                st.sampled_from(
                    ["model", "messages", "role", "content", "type", "tools", "tool_calls"]
                ),
                inner,
            ),
        ),
        max_leaves=12,
    )
)
def test_hostile_requests_are_refused_in_words(value: Any) -> None:
    try:
        parse(json.dumps(value).encode(), Losses())
    except Rejected as refusal:
        assert str(refusal)

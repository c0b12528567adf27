"""Laws of the dialect, over generated answers, conversations and hostile bytes."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    Media,
    OutputFormat,
    Reasoning,
    Refusal,
    Request,
    Result,
    Sampling,
    Seal,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.responses import request
from gwproxy.translate.wire.fields import Rejected
from support.generated import ARGUMENTS, TEXTS, TOOL_NAMES
from support.hostile import ANY
from support.responses_wire import UPSTREAM
from support.sending import sent

WORDS = TEXTS.filter(str.strip)
# Shared machines stall; what is judged here is meaning, never time.
untimed = settings(deadline=None)


# --- requests ----------------------------------------------------------------------------------

_SEALS = st.one_of(
    st.builds(Seal, st.just("up"), st.just("encrypted"), WORDS, st.just("rs_1")),
    st.builds(Seal, st.just("up"), st.just("text"), st.just(""), st.just("rs_2")),
)
_IMAGES = st.one_of(
    st.just(Media("image", "base64", "AAAA", "image/png", detail="auto")),
    st.just(Media("image", "url", "https://example.com/y.png", detail="low")),
    st.just(Media("document", "base64", "JVBERi0xLg==", "application/pdf", "a.pdf")),
)
_SAID = st.one_of(st.builds(Text, WORDS), st.builds(Refusal, WORDS))
_TOLD = st.lists(st.one_of(st.builds(Text, WORDS), _IMAGES), min_size=1, max_size=3)


@st.composite
def exchanges(draw: st.DrawFn, number: int) -> list[Turn]:
    """Something said by the user, an answer with calls, and what came of them."""
    turns = [Turn(draw(st.sampled_from(["user", "user", "system"])), tuple(draw(_TOLD)))]
    calls = [
        Call(
            f"call_{number}_{index}",
            draw(TOOL_NAMES),
            draw(TEXTS) if custom else draw(ARGUMENTS),
            custom,
            None if custom else draw(st.sampled_from([None, "ns"])),
        )
        for index, custom in enumerate(draw(st.lists(st.booleans(), max_size=3)))
    ]
    blocks: list[Block] = [*draw(st.lists(_SAID, min_size=1, max_size=2)), *calls]
    if draw(st.booleans()):
        seal = draw(_SEALS)
        # Where there is no text the item has its summary alone, and that may be empty.
        text = draw(WORDS if seal.kind == "text" else TEXTS)
        blocks.insert(0, Reasoning(text, seal))
    turns.append(Turn("assistant", tuple(blocks)))
    if calls:
        results = tuple(
            Result(c.id, tuple(draw(st.lists(st.builds(Text, WORDS), max_size=2))), False, c.custom)
            for c in calls
        )
        turns.append(Turn("user", results))
    return turns


_TOOLS = st.one_of(
    st.builds(
        Tool,
        TOOL_NAMES,
        st.just("function"),
        st.one_of(st.none(), WORDS),
        ARGUMENTS,
        st.booleans(),
    ),
    st.builds(
        lambda name, grammar: Tool(name, "custom", "free", grammar=grammar),
        TOOL_NAMES,
        st.one_of(st.none(), st.tuples(st.sampled_from(["lark", "regex"]), WORDS)),
    ),
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    rounds = draw(st.integers(1, 3))
    turns = [turn for number in range(rounds) for turn in draw(exchanges(number))]
    tools = tuple(draw(st.lists(_TOOLS, max_size=3, unique_by=lambda tool: tool.name)))
    names = [tool.name for tool in tools]
    choice = None
    if names:
        parallel = draw(st.one_of(st.none(), st.booleans()))
        choice = draw(
            st.one_of(
                st.sampled_from([ToolChoice("auto"), ToolChoice("any"), ToolChoice("none")]).map(
                    lambda plain: replace(plain, parallel=parallel)
                ),
                st.sampled_from(names).map(lambda n: ToolChoice("tool", n, parallel=parallel)),
                st.just(ToolChoice("any", allowed=tuple(names), parallel=parallel)),
            )
        )
    return Request(
        "m",
        (*turns, Turn("user", (Text("now"),))),
        tools,
        choice,
        draw(st.one_of(st.none(), st.integers(16, 10**6))),
        sampling=draw(
            st.builds(
                Sampling, st.one_of(st.none(), st.just(0.25)), st.one_of(st.none(), st.just(0.5))
            )
        ),
        thinking=draw(
            st.sampled_from(
                [
                    Thinking(show="omitted"),
                    Thinking("on", "high", show="summary"),
                    Thinking("on", "low", show="omitted"),
                    Thinking("off", show="omitted"),
                ]
            )
        ),
        output_format=draw(
            st.one_of(
                st.none(),
                st.just(OutputFormat("json_object")),
                st.builds(OutputFormat, st.just("json_schema"), ARGUMENTS, TOOL_NAMES),
            )
        ),
        stream=draw(st.booleans()),
        verbosity=draw(st.sampled_from([None, "low"])),
    )


OPEN = dataclasses.replace(
    UPSTREAM, efforts=("none", "low", "high"), max_output=10**9, context_window=10**10
)


def rendered(asked_for: Request) -> bytes:
    losses = Losses()
    body = sent(asked_for, Dialect.RESPONSES, OPEN, losses)
    assert list(losses) == []
    return body


@untimed
@given(requests())
def test_a_rendered_request_is_parsed_again(asked_for: Request) -> None:
    parsed = request.parse(rendered(asked_for), Losses())
    assert _opened(replace(parsed, echo=None)) == asked_for


def _opened(parsed: Request) -> Request:
    """To a parser the upstream's own ciphertext is somebody's: here it is known whose."""
    return replace(
        parsed, turns=tuple(replace(t, blocks=tuple(map(_known, t.blocks))) for t in parsed.turns)
    )


def _known(block: Block) -> Block:
    if isinstance(block, Reasoning) and block.seal is not None:
        return replace(block, seal=replace(block.seal, family="up"))
    if isinstance(block, Reasoning):
        return replace(block, seal=Seal("up", "text", "", "rs_2"))
    return block


@untimed
@given(requests())
def test_the_same_request_gives_the_same_bytes(asked_for: Request) -> None:
    assert rendered(asked_for) == rendered(asked_for)


@untimed
@given(requests(), st.data())
def test_a_longer_history_begins_with_the_shorter_ones_bytes(
    asked_for: Request, data: st.DataObject
) -> None:
    users = [i for i, t in enumerate(asked_for.turns) if t.role == "user" and _speaks(t)]
    end = data.draw(st.sampled_from(users))
    shorter = rendered(replace(asked_for, turns=asked_for.turns[: end + 1]))
    assert rendered(asked_for).startswith(shorter.removesuffix(b"]}"))


def _speaks(turn: Turn) -> bool:
    return not any(isinstance(block, Result) for block in turn.blocks)


_JSON: st.SearchStrategy[Any] = st.recursive(
    ANY, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2)
)
_WIRE_ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            ["message", "reasoning", "function_call", "function_call_output", "shell_call", "odd"]
        ),
        "role": st.sampled_from(["user", "assistant", "developer", "nobody"]),
        "content": _JSON,
        "call_id": _JSON,
        "name": _JSON,
        "arguments": _JSON,
        "output": _JSON,
        "action": _JSON,
        "summary": _JSON,
        "id": _JSON,
    },
)


@untimed
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "model": st.one_of(st.just("m"), _JSON),
            "input": st.one_of(_JSON, st.lists(_WIRE_ITEMS, max_size=3)),
            "tools": _JSON,
            "tool_choice": _JSON,
            "reasoning": _JSON,
            "text": _JSON,
            "include": _JSON,
        },
    )
)
def test_a_hostile_request_is_refused_with_words(body: dict[str, Any]) -> None:
    try:
        request.parse(json.dumps(body).encode(), Losses())
    except Rejected as error:
        assert str(error)

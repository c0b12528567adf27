"""Hypothesis strategies for requests that hold nothing which a dialect cannot say: whoever parses
what was rendered of one finds the same again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from gwproxy.translate.hub import (
    Block,
    Cache,
    Call,
    Dialect,
    Identity,
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
    ToolReference,
    Turn,
)
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import FACTS
from support.generated import ARGUMENTS, OBJECTS, TEXTS, TOOL_NAMES

Strategy = st.SearchStrategy[Any]
NONE, NEVER = st.none(), st.just(False)
WORDS = TEXTS.filter(lambda text: bool(text.strip()))
SAID = st.builds(Text, WORDS)
CACHES = NONE | st.just(Cache("1h"))
FLAGS = st.sampled_from([None, True, False])
SCHEMAS = st.dictionaries(TOOL_NAMES, OBJECTS, max_size=2).map(
    lambda p: json.dumps({"type": "object", "properties": p, "maximum": 1.5}, ensure_ascii=False)
) | st.just('{"type":"object","maximum":1.10,"z":123456789012345678901}')


def images(*kinds: Media) -> Strategy:
    return st.sampled_from(kinds)


@dataclass(frozen=True)
class Surface:
    """What a dialect says, under `quirks` that leave it all.

    `told` are blocks of a user, `said` of an answer beside its calls, at most `texts` of them;
    `results` the blocks of a result; `apart` says whether the results of calls are a turn of their
    own; `members` are further fields of a request.
    """

    quirks: Quirks
    told: Strategy
    said: Strategy
    texts: int
    thoughts: Strategy
    results: Strategy
    tools: Strategy
    formats: Strategy
    members: dict[str, Strategy] = field(default_factory=dict)
    prompts: Strategy = SAID
    errors: Strategy = NEVER
    custom: Strategy = NEVER
    namespaces: Strategy = NONE
    apart: bool = True
    by_name: bool = True
    client: Dialect | None = None


@st.composite
def conversations(draw: st.DrawFn, of: Surface, least: int = 0) -> tuple[Turn, ...]:
    """As agents hold them: prompt, question, then loops of calls with all their results."""
    turns = [Turn("system", tuple(draw(st.lists(of.prompts, max_size=2))))]
    results: list[Block] = []
    for number in range(draw(st.integers(least, 3))):
        told = draw(st.lists(of.told, min_size=0 if results else 1, max_size=3))
        turns.append(Turn("user", (*results, *told)))
        custom = draw(st.lists(of.custom, max_size=2))
        calls = [
            Call(
                f"call_{number}_{index}",
                draw(TOOL_NAMES),
                draw(TEXTS if free else ARGUMENTS),
                free,
                None if free else draw(of.namespaces),
            )
            for index, free in enumerate(custom)
        ]
        said = draw(st.lists(of.said, min_size=0 if calls else 1, max_size=of.texts))
        thoughts = draw(st.lists(of.thoughts, max_size=1))
        turns.append(Turn("assistant", (*thoughts, *said, *calls)))
        results = [Result(c.id, draw(of.results), draw(of.errors), c.custom) for c in calls]
        if of.apart:
            turns.append(Turn("user", tuple(results)))
            turns.append(Turn("system", tuple(draw(st.lists(of.prompts, max_size=1)))))
            results = []
    turns.append(Turn("user", (*results, draw(SAID))))
    return tuple(turn for turn in turns if turn.blocks)


@st.composite
def requests(draw: st.DrawFn, of: Surface) -> Request:
    tools = tuple(draw(st.lists(of.tools, max_size=3, unique_by=lambda tool: tool.name)))
    choices = [None, ToolChoice(), ToolChoice("any"), ToolChoice("none")]
    choices += [ToolChoice(parallel=False), ToolChoice("any", parallel=False)]
    choices += [ToolChoice("tool", tool.name) for tool in tools if of.by_name]
    members = {name: draw(values) for name, values in of.members.items()}
    if of.client is Dialect.ANTHROPIC and members["thinking"].mode in ("on", "budget"):
        members["sampling"] = Sampling()
    if "include_usage" in members:
        members["stream"] = members["include_usage"]
    return Request(
        "m",
        draw(conversations(of)),
        tools,
        draw(st.sampled_from(choices)) if tools else None,
        output_format=draw(of.formats),
        client=FACTS[of.client] if of.client else None,
        **members,
    )


def _tools(**members: Strategy) -> Strategy:
    return st.builds(Tool, TOOL_NAMES, description=NONE | WORDS, schema=SCHEMAS, **members)


_CUSTOM = st.builds(
    lambda name, grammar: Tool(name, "custom", "free", grammar=grammar),
    TOOL_NAMES,
    NONE | st.tuples(st.sampled_from(["lark", "regex"]), WORDS),
)
_MESSAGES_TOLD = (
    SAID
    | images(Media("image", "base64", "/9j/4A", "image/jpeg"))
    | st.builds(Media, st.just("image"), st.just("url"), TEXTS)
    | st.builds(
        Media,
        *map(st.just, ("document", "text", "words", "text/plain")),
        NONE | TEXTS,
        NONE | TEXTS,
    )
)
_NUMBERS = NONE | st.floats(0, 2)
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

SURFACES: dict[Dialect, Surface] = {
    Dialect.ANTHROPIC: Surface(
        Quirks(
            family="claude",
            adaptive_thinking=True,
            efforts=_EFFORTS[2:],
            documents=True,
            tool_extras=True,
            tool_references=True,
            cache_marks=True,
            user_id="keep",
            max_output=10**6,
            context_window=10**9,
        ),
        told=_MESSAGES_TOLD,
        said=SAID,
        texts=1,
        thoughts=st.builds(Reasoning, WORDS, NONE, st.just("EqQB")),
        results=st.just(())
        | SAID.map(lambda text: (text,))
        | st.lists(_MESSAGES_TOLD | st.builds(ToolReference, TOOL_NAMES), max_size=3).map(tuple),
        tools=_tools(strict=FLAGS, deferred=st.booleans(), cache=CACHES),
        formats=NONE
        | st.builds(OutputFormat, st.just("json_schema"), SCHEMAS, strict=st.just(True)),
        members={
            "max_tokens": st.integers(6000, 10**6),
            "stop": st.lists(WORDS, max_size=2).map(tuple),
            "sampling": st.builds(Sampling, NONE | st.just(0.5), top_k=st.sampled_from([None, 5])),
            "thinking": st.sampled_from([Thinking(), Thinking("off")])
            | st.builds(
                Thinking, st.just("on"), st.sampled_from([None, "low", "medium", "high", "max"])
            )
            | st.builds(Thinking, st.just("budget"), budget_tokens=st.integers(1024, 5000)),
            "stream": st.booleans(),
            "identity": st.sampled_from([Identity(), Identity("u")]),
            "service_tier": st.sampled_from([None, "auto", "standard_only"]),
        },
        prompts=st.builds(Text, WORDS, CACHES),
        errors=st.booleans(),
        apart=False,
        by_name=False,
        client=Dialect.ANTHROPIC,
    ),
    Dialect.CHAT: Surface(
        Quirks(
            text_parts="parts",
            tool_media=True,
            efforts=_EFFORTS,
            max_output=10**9,
            context_window=10**10,
            documents=True,
            user_id="keep",
            prompt_cache_key=True,
        ),
        told=SAID
        | images(
            Media("image", "base64", "iVBORw0KGgo=", "image/png"),
            Media("image", "url", "https://example.org/a.png", detail="low"),
            Media("audio", "base64", "AAAA", "audio/wav"),
        ),
        said=SAID,
        texts=1,
        thoughts=st.builds(Reasoning, WORDS),
        results=st.sampled_from([(), (Text("ok"),)]),
        tools=_tools(strict=FLAGS) | _CUSTOM,
        formats=st.sampled_from(
            [
                None,
                OutputFormat("json_object"),
                OutputFormat("json_schema", '{"type":"object","minimum":1.10}', "n", "d", True),
            ]
        ),
        members={
            "max_tokens": NONE | st.integers(1, 10**6),
            "stop": st.lists(WORDS, max_size=4).map(tuple),
            "sampling": st.builds(
                Sampling, _NUMBERS, _NUMBERS, NONE, _NUMBERS, _NUMBERS, NONE | st.integers(0, 9)
            ),
            "thinking": st.sampled_from(
                [Thinking(), Thinking("off"), Thinking("on", "high"), Thinking("on", "max")]
            ),
            "include_usage": st.booleans(),
            "identity": st.sampled_from(
                [Identity(None, None, "key"), Identity("ann", None, "key")]
            ),
        },
    ),
    Dialect.RESPONSES: Surface(
        Quirks(
            family="up",
            documents=True,
            efforts=("none", "low", "high"),
            max_output=10**9,
            context_window=10**10,
        ),
        told=SAID
        | images(
            Media("image", "base64", "AAAA", "image/png", detail="auto"),
            Media("image", "url", "https://example.com/y.png", detail="low"),
            Media("document", "base64", "JVBERi0xLg==", "application/pdf", "a.pdf"),
        ),
        said=SAID | st.builds(Refusal, WORDS),
        texts=2,
        # Where there is no text the item has its summary alone, and that may be empty.
        thoughts=st.builds(
            Reasoning,
            TEXTS,
            st.builds(Seal, *map(st.just, ("up", "encrypted")), WORDS, st.just("rs_1")),
        )
        | st.builds(Reasoning, WORDS, st.just(Seal("up", "text", "", "rs_2"))),
        results=st.lists(SAID, max_size=2).map(tuple),
        tools=_tools(strict=st.booleans()) | _CUSTOM,
        formats=NONE
        | st.just(OutputFormat("json_object"))
        | st.builds(OutputFormat, st.just("json_schema"), ARGUMENTS, TOOL_NAMES),
        members={
            "max_tokens": NONE | st.integers(16, 10**6),
            "sampling": st.builds(Sampling, NONE | st.just(0.25), NONE | st.just(0.5)),
            "thinking": st.sampled_from(
                [
                    Thinking(show="omitted"),
                    Thinking("on", "high", show="summary"),
                    Thinking("on", "low", show="omitted"),
                    Thinking("off", show="omitted"),
                ]
            ),
            "stream": st.booleans(),
            "verbosity": st.sampled_from([None, "low"]),
        },
        custom=st.booleans(),
        namespaces=st.sampled_from([None, "ns"]),
    ),
}

"""Conversations in the hub's words, tidy and untidy, for property tests of the repair passes."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from gwproxy.translate.hub import (
    Block,
    Cache,
    Call,
    Dialect,
    Identity,
    Media,
    Opaque,
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

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
IDS = ("a", "b", "functions.ls:0", "c")
NAMES = ("read", "write", "$web_search", "list_names")

texts = st.sampled_from(("hello", "", " \n", "more", "<system-reminder>\nx\n</system-reminder>"))
images = st.sampled_from(
    (
        Media("image", "base64", PNG, "image/png"),
        Media("image", "base64", PNG, "image/jpeg"),
        Media("image", "url", "https://example.com/x.png"),
        Media("document", "text", "plain words", "text/plain", name="n.txt"),
        Media("document", "base64", "JVBERi0xLjQK", "application/pdf"),
    )
)
reasonings = st.sampled_from(
    (
        Reasoning("thought"),
        Reasoning("signed", Seal("upstream", "signature", "s")),
        Reasoning("other's", Seal("else", "signature", "s")),
        Reasoning("", foreign_signature="x"),
        Reasoning(""),
    )
)
calls = st.builds(
    Call, st.sampled_from(IDS), st.sampled_from(NAMES), st.sampled_from(("{}", '["x"]', '{"a":1}'))
)
inside_results = st.one_of(
    st.builds(Text, texts),
    st.builds(ToolReference, st.sampled_from(NAMES)),
    st.just(Media("image", "base64", PNG, "image/png")),
)
results = st.builds(
    Result,
    st.sampled_from(IDS),
    st.lists(inside_results, max_size=2).map(tuple),
    st.booleans(),
)
marks = st.sampled_from((None, Cache(), Cache("1h")))
texts_of_turns = st.builds(Text, texts, marks)
natives = st.builds(
    Opaque,
    st.sampled_from((Dialect.ANTHROPIC, Dialect.RESPONSES)),
    st.just("native"),
    st.just('{"type":"native"}'),
    st.sampled_from((None, "in words")),
)

assistant_turns = st.lists(
    st.one_of(texts_of_turns, calls, reasonings, natives, st.just(Refusal("No."))), max_size=4
).map(lambda blocks: Turn("assistant", tuple(blocks)))
worded = natives.filter(lambda block: block.text is not None)  # others are refused
user_turns = st.lists(st.one_of(texts_of_turns, results, worded), max_size=4).map(
    lambda blocks: Turn("user", tuple(blocks))
)
system_turns = st.lists(texts_of_turns, max_size=2).map(
    lambda blocks: Turn("system", tuple(blocks))
)
histories = st.lists(st.one_of(assistant_turns, user_turns, system_turns), max_size=9).map(tuple)

SCHEMAS = (
    '{"type":"object","properties":{}}',
    '{"type":"array","items":{"type":"string"}}',
    '{"properties":{"a":{"enum":[1]}}}',
)
tools = st.lists(
    st.builds(
        Tool,
        st.sampled_from((*NAMES, "DeferredToolPlaceholder")),
        schema=st.sampled_from(SCHEMAS),
        strict=st.sampled_from((None, True, False)),
        deferred=st.booleans(),
        cache=marks,
    ),
    max_size=5,
    unique_by=lambda tool: tool.name,
).map(tuple)
choices = st.one_of(
    st.none(),
    st.just(ToolChoice("auto")),
    st.just(ToolChoice("any")),
    st.just(ToolChoice("auto", parallel=False)),
    st.just(ToolChoice("tool", "read")),
    st.just(ToolChoice("any", allowed=("read", "list_names"))),
)
thoughts = st.builds(
    Thinking,
    st.sampled_from((None, "off", "on", "budget")),
    st.sampled_from((None, "none", "minimal", "medium", "max")),
    st.sampled_from((None, 500, 5000, 90_000)),
    keep_turns=st.sampled_from((None, 0, 1)),
)
requests = st.builds(
    Request,
    st.just("kimi-k2.5"),
    histories,
    tools,
    choices,
    st.sampled_from((None, 0, 1, 500, 20_000, 900_000)),
    st.lists(st.sampled_from(("END", " ", "x" * 40, "STOP")), max_size=6).map(tuple),
    st.sampled_from(
        (Sampling(), Sampling(temperature=0.3, top_p=1.0), Sampling(1.7), Sampling(top_k=4, seed=1))
    ),
    thoughts,
    st.sampled_from(
        (
            None,
            OutputFormat("json_object"),
            OutputFormat("json_schema", '{"enum":["a"]}'),
            OutputFormat("json_schema", '{"type":"object","properties":{}}'),
        )
    ),
    identity=st.sampled_from((Identity(), Identity("ann", cache_key="key"))),
    verbosity=st.sampled_from((None, "low")),
    service_tier=st.sampled_from((None, "auto", "standard_only", "priority")),
    client=st.sampled_from((None, *FACTS.values())),
)
quirks = st.builds(
    Quirks,
    reasoning_in=st.sampled_from(("all", "tool_turns", "none")),
    reasoning_placeholder=st.sampled_from(("", " ")),
    thinking_switch=st.sampled_from(("effort", "thinking", "none")),
    thinking_always=st.booleans(),
    efforts=st.sampled_from((("low", "medium", "high"), ("none", "low", "max"), ())),
    adaptive_thinking=st.booleans(),
    signed_thinking=st.booleans(),
    forced_tools=st.sampled_from(("allow", "no_thinking", "auto")),
    context_window=st.sampled_from((200_000, 30_000)),
    min_output=st.sampled_from((0, 16_000)),
    sampling=st.sampled_from(("pass", "drop")),
    max_stops=st.sampled_from((0, 2)),
    max_stop_bytes=st.sampled_from((0, 32)),
    mid_system=st.sampled_from(("native", "wrap")),
    max_tools=st.sampled_from((0, 2)),
    tool_extras=st.booleans(),
    hosted_tools=st.booleans(),
    tool_references=st.booleans(),
    schema=st.sampled_from(("open", "moonshot", "moonshot_plain")),
    json_schema=st.sampled_from(("native", "tool", "prompt")),
    named_tool=st.booleans(),
    strict_tools=st.booleans(),
    parallel_flag=st.booleans(),
    cache_marks=st.booleans(),
    prompt_cache_key=st.booleans(),
    prefill=st.sampled_from(("none", "partial")),
    user_id=st.sampled_from(("drop", "keep", "hash")),
)


def blocks_of(request: Request) -> Iterator[Block]:
    for turn in request.turns:
        yield from turn.blocks

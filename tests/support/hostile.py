"""Hypothesis strategies for frames as no upstream should send them, of every dialect."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from gwproxy.translate.hub import Dialect
from gwproxy.translate.wire import sse
from support import anthropic_wire, chat_wire
from support.generated import OBJECTS, TEXTS
from support.responses_grammar import EVENT_TYPES

_INDEXES = st.integers(-1, 3)
_BLOCK_PIECES = st.one_of(
    st.builds(lambda t: {"type": "text_delta", "text": t}, TEXTS),
    st.builds(lambda t: {"type": "thinking_delta", "thinking": t}, TEXTS),
    st.builds(lambda t: {"type": "signature_delta", "signature": t}, TEXTS),
    st.builds(lambda t: {"type": "input_json_delta", "partial_json": t}, TEXTS),
    st.just({"type": "news", "text": 5}),
    st.none(),
)
_HEADS = st.one_of(
    st.just({"type": "text", "text": ""}),
    st.just({"type": "thinking", "thinking": "t", "signature": "S"}),
    st.just({"type": "redacted_thinking", "data": "D"}),
    st.builds(lambda i: {"type": "tool_use", "id": "a", "name": "A", "input": i}, OBJECTS),
    st.just({"type": "server_tool_use", "name": "web_search", "input": {}}),
    st.just({"type": "tool_use"}),
    st.just({}),
)
_MESSAGES: st.SearchStrategy[bytes] = st.one_of(
    st.builds(
        lambda i, h: anthropic_wire.frame(
            {"type": "content_block_start", "index": i, "content_block": h}
        ),
        _INDEXES,
        _HEADS,
    ),
    st.builds(
        lambda i, d: anthropic_wire.frame({"type": "content_block_delta", "index": i, "delta": d}),
        _INDEXES,
        _BLOCK_PIECES,
    ),
    st.builds(lambda i: anthropic_wire.frame(anthropic_wire.closed(i)), _INDEXES),
    st.sampled_from(
        [
            anthropic_wire.frame(anthropic_wire.start()),
            anthropic_wire.frame(anthropic_wire.start(usage=None)),
            anthropic_wire.frame(anthropic_wire.PING),
            anthropic_wire.frame(anthropic_wire.STOP),
            anthropic_wire.frame(anthropic_wire.stopped(None)),
            anthropic_wire.frame(anthropic_wire.stopped("end_turn")),
            anthropic_wire.frame({"type": "error", "error": {"type": "api_error", "message": "x"}}),
            anthropic_wire.frame({"type": "news"}),
            anthropic_wire.frame(anthropic_wire.opened(0, "text")),
            b"data: [DONE]\n\n",
            b": comment\n\n",
        ]
    ),
    st.binary(max_size=30),
)

FRAGMENTS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.sampled_from(["", "a", "{", "}", "\ud83d"]),
    TEXTS,
)
_PIECES = st.fixed_dictionaries(
    {},
    optional={
        "index": st.one_of(st.integers(0, 2), FRAGMENTS),
        "id": st.one_of(st.sampled_from(["a", "b"]), FRAGMENTS),
        "type": FRAGMENTS,
        "function": st.one_of(
            FRAGMENTS,
            st.fixed_dictionaries(
                {},
                optional={
                    "name": st.one_of(st.sampled_from(["f", "g"]), FRAGMENTS),
                    "arguments": st.one_of(FRAGMENTS, st.just({"a": 1})),
                },
            ),
        ),
    },
)
_DELTAS = st.one_of(
    FRAGMENTS,
    st.fixed_dictionaries(
        {},
        optional={
            "role": FRAGMENTS,
            "content": st.one_of(FRAGMENTS, st.lists(st.just({"type": "text", "text": "x"}))),
            "reasoning_content": FRAGMENTS,
            "reasoning": FRAGMENTS,
            "refusal": FRAGMENTS,
            "tool_calls": st.one_of(FRAGMENTS, st.lists(st.one_of(_PIECES, FRAGMENTS), max_size=3)),
            "function_call": st.one_of(FRAGMENTS, _PIECES),
        },
    ),
)
_CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "index": st.one_of(st.just(0), FRAGMENTS),
        "delta": _DELTAS,
        "finish_reason": st.one_of(FRAGMENTS, st.sampled_from(["stop", "error", "tool_calls"])),
        "usage": st.one_of(FRAGMENTS, st.just({"prompt_tokens": 1})),
    },
)
_CHUNKS = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "id": FRAGMENTS,
            "model": FRAGMENTS,
            "created": FRAGMENTS,
            "choices": st.one_of(FRAGMENTS, st.lists(st.one_of(_CHOICES, FRAGMENTS), max_size=2)),
            "usage": st.one_of(FRAGMENTS, st.just({"completion_tokens": 1.5})),
            "error": st.one_of(st.none(), FRAGMENTS),
        },
    ),
    FRAGMENTS,
)

ANY = st.one_of(st.none(), st.integers(-1, 3), TEXTS, st.booleans(), st.just([]), st.just({}))
_PARTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["output_text", "refusal", "summary_text", "other"])},
    optional={"text": ANY, "refusal": ANY, "annotations": ANY},
)
ITEMS = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "function_call", "custom_tool_call", "reasoning", "x"])},
    optional={
        "id": ANY,
        "call_id": ANY,
        "name": ANY,
        "arguments": ANY,
        "input": ANY,
        "content": st.one_of(ANY, st.lists(_PARTS, max_size=2)),
        "summary": st.one_of(ANY, st.lists(_PARTS, max_size=2)),
        "encrypted_content": ANY,
    },
)
_EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(EVENT_TYPES))},
    optional={
        "item_id": ANY,
        "output_index": ANY,
        "content_index": ANY,
        "summary_index": ANY,
        "delta": ANY,
        "text": ANY,
        "arguments": ANY,
        "item": st.one_of(ANY, ITEMS),
        "response": st.one_of(
            ANY,
            st.fixed_dictionaries(
                {},
                optional={
                    "id": ANY,
                    "status": st.one_of(ANY, st.sampled_from(["completed", "failed", "queued"])),
                    "output": st.one_of(ANY, st.lists(ITEMS, max_size=2)),
                    "usage": ANY,
                    "error": ANY,
                },
            ),
        ),
        "error": ANY,
    },
)

FRAMES: dict[Dialect, st.SearchStrategy[bytes]] = {
    Dialect.ANTHROPIC: _MESSAGES,
    Dialect.CHAT: _CHUNKS.map(lambda value: chat_wire.frame(json.dumps(value).encode()))
    | st.binary(),
    Dialect.RESPONSES: _EVENTS.map(
        lambda value: sse.encode(str(value["type"]), json.dumps(value).encode())
    ),
}

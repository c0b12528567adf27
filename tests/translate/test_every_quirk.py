"""Every quirk is obeyed: with it another request goes up, or another answer comes down."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from gwproxy.translate.bridge import request_head
from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks, QuirkValue
from gwproxy.translate.wire.fields import Rejected
from support.bridges import bridge_of

TESTS = Path(__file__).parent.parent
# Obeyed by the shell alone, and flipped in the tests named here.
OF_THE_SHELL = {
    "count_tokens": "proxy/test_counting.py",
    "keeps_responses": "proxy/test_upstreams_memory.py",
}

A, C, R = Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES


class Flip(Struct, frozen=True):
    """A quirk's other value, what a client asks, and words of what follows: `only` stands there
    with this value alone, `never` without it alone. `answer` is the upstream's, if that differs.
    What only a `relayed` request can hold is gone from a rebuilt one."""

    value: QuirkValue
    client: Dialect
    upstream: Dialect
    request: dict[str, Any]
    only: str = ""
    never: str = ""
    answer: dict[str, Any] | None = None
    relayed: bool = False


def ask(*turns: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9_000, "messages": list(turns) or [HELLO], **members}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def tool(name: str = "look", **members: Any) -> dict[str, Any]:
    return {"name": name, "input_schema": {"type": "object", "properties": {}}, **members}


def function(name: str = "look", **members: Any) -> dict[str, Any]:
    made = {"name": name, "parameters": {"type": "object", "properties": {}}, **members}
    return {"type": "function", "function": made}


def said(**message: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return {"id": "1", "object": "chat.completion", "model": "up", "choices": [choice]}


HELLO = {"role": "user", "content": "hello"}
THINKS = {"type": "enabled", "budget_tokens": 2_000}
PNG = "iVBORw0KGgoAAAANSUhEUg=="
WORD = {"type": "text", "text": "word"}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
BY_URL = {"type": "image", "source": {"type": "url", "url": "https://example.com/i.png"}}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"}
CALL = {"type": "tool_use", "id": "call_1", "name": "look", "input": {}}
THOUGHT = {"type": "thinking", "thinking": "hm-hm", "signature": ""}
LOOK = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
SPACE = {"type": "namespace", "name": "n", "tools": [LOOK]}
FREE = {"type": "custom", "name": "free"}
CHAT_CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
LEAKED = (
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.look:0<|tool_call_argument_begin|>{}"
    "<|tool_call_end|><|tool_calls_section_end|>"
)
FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "a", "schema": {"type": "object", "properties": {"x": {}}}},
}


def result(*blocks: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "call_1", "content": list(blocks)}


def thoughtful(**members: Any) -> dict[str, Any]:
    """A Chat history in which a call was made."""
    called = {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL], **members}
    answered = {"role": "tool", "tool_call_id": "call_1", "content": "seen"}
    return ask(HELLO, called, answered, tools=[function()])


FLIPS: dict[str, Flip] = {
    "family": Flip(
        "other", A, C, ask(thinking=THINKS), answer=said(content="yes", reasoning_content="hm-hm")
    ),
    "rebuild": Flip(True, A, A, ask(novelty=1), never="novelty"),
    "omit": Flip(("seed",), C, C, ask(seed=7), never='"seed"'),
    # --- reasoning
    "reasoning_in": Flip("none", C, C, thoughtful(reasoning_content="hm-hm"), never="hm-hm"),
    "reasoning_field": Flip(
        "reasoning", C, C, thoughtful(reasoning_content="hm-hm"), never="reasoning_content"
    ),
    "reasoning_placeholder": Flip("unsaid", C, C, thoughtful(), only="unsaid"),
    "call_signature": Flip("pass me", C, C, thoughtful(), only="pass me"),
    "thinking_switch": Flip("none", A, C, ask(thinking=THINKS), never="reasoning_effort"),
    "thinking_always": Flip(
        True, A, A, ask(thinking={"type": "disabled"}), never='"disabled"'
    ),
    "efforts": Flip(("low", "max"), C, C, ask(reasoning_effort="high"), only='"max"'),
    "adaptive_thinking": Flip(False, A, A, ask(thinking={"type": "adaptive"}), never="adaptive"),
    "thinking_budgets": Flip(False, A, A, ask(thinking=THINKS), never="budget_tokens"),
    "signed_thinking": Flip(
        True, A, A, ask(HELLO, assistant(THOUGHT, CALL), user(result()), tools=[tool()]),
        never="hm-hm",
    ),
    "inline_think": Flip(
        True, A, C, ask(), never="<think>", answer=said(content="<think>hm</think>yes")
    ),
    "forced_tools": Flip(
        "auto", A, C, ask(thinking=THINKS, tools=[tool()], tool_choice={"type": "any"}),
        never='"required"',
    ),
    "named_tool": Flip(
        False, A, C,
        ask(tools=[tool(), tool("b")], tool_choice={"type": "tool", "name": "look"}),
        only='"required"',
    ),
    # --- limits and sampling
    "context_window": Flip(5_000, A, C, ask(), never='"max_tokens":9000'),
    "max_output": Flip(500, A, C, ask(), only='"max_tokens":500'),
    "min_output": Flip(16_000, A, C, ask(thinking=THINKS), only='"max_tokens":16000'),
    "max_tokens_field": Flip("max_completion_tokens", A, C, ask(), only="max_completion_tokens"),
    "sampling": Flip("drop", A, C, ask(temperature=0.5), never="temperature"),
    "stop_sequences": Flip(False, C, C, ask(stop=["END"]), never='"stop"'),
    "max_stops": Flip(1, C, C, ask(stop=["END", "HALT"]), never="HALT"),
    "max_stop_bytes": Flip(3, C, C, ask(stop=["HALT"]), never="HALT"),
    # --- roles and content
    "system_role": Flip("developer", A, C, ask(system="be brief"), only='"developer"'),
    "mid_system": Flip(
        "wrap", C, C, ask(HELLO, {"role": "system", "content": "be brief"}, HELLO),
        never='"role":"system"',
    ),
    "alternate_turns": Flip(True, C, C, ask(HELLO, HELLO), never='},{"role":"user"'),
    "text_parts": Flip("parts", A, C, ask(user(WORD, WORD)), only='"content":[{"type":"text"'),
    "tool_media": Flip(
        True, A, C, ask(HELLO, assistant(CALL), user(result(IMAGE)), tools=[tool()]),
        never='"role":"user","content":[',
    ),
    "vision": Flip(False, A, C, ask(user(IMAGE)), only="image input not supported"),
    "documents": Flip(
        False, A, A, ask(user({"type": "document", "source": PDF})), never='"document"'
    ),
    "image_urls": Flip(False, A, C, ask(user(BY_URL)), only="images by URL are not supported"),
    "old_media": Flip(False, A, C, ask(user(IMAGE), assistant(), HELLO), never=PNG),
    "prefill": Flip("partial", A, C, ask(HELLO, assistant(WORD)), only="partial"),
    # --- tools
    "max_tools": Flip(1, A, C, ask(tools=[tool(), tool("behold")]), never="behold"),
    "tool_names": Flip("letter_first", A, C, ask(tools=[tool("1st.of_all")]), never='"1st'),
    "tool_extras": Flip(
        False, A, A, ask(tools=[tool(), tool("b", defer_loading=True)]), never="defer_loading"
    ),
    "tool_references": Flip(
        False, A, A,
        ask(
            HELLO,
            assistant(CALL),
            user(result({"type": "tool_reference", "tool_name": "look"})),
            tools=[tool()],
        ),
        never='"tool_reference"',
    ),
    "hosted_tools": Flip(
        False, R, R,
        {"model": "m", "input": "hello", "tools": [{"type": "web_search"}, LOOK]},
        never="web_search",
    ),
    "custom_tools": Flip(
        False, R, R, {"model": "m", "input": "x", "tools": [FREE]}, never='"custom"'
    ),
    "namespaces": Flip(
        False, R, R,
        {"model": "m", "input": "x", "tools": [SPACE]},
        only="n__look",
    ),
    "client_tools": Flip(
        False, R, R, {"model": "m", "input": "x", "tools": [{"type": "local_shell"}]},
        only='"function"', relayed=True,
    ),
    "added_tools": Flip(
        False, R, R,
        {"model": "m", "input": [{"type": "additional_tools", "tools": [LOOK]}, HELLO]},
        never="additional_tools", relayed=True,
    ),
    "agent_items": Flip(
        False, R, R, {"model": "m", "input": [{"type": "agent_message", "content": WORD["text"]}]},
        only='"role":"user"',
    ),
    "compaction": Flip(
        False, R, R, {"model": "m", "input": [HELLO, {"type": "compaction_trigger"}]},
        never="compaction_trigger", relayed=True,
    ),
    "schema": Flip("words", A, C, ask(tools=[tool(description="d")]), only="JSON"),
    "strict_tools": Flip(False, C, C, ask(tools=[function(strict=True)]), never="strict"),
    "parallel_flag": Flip(
        False, C, C, ask(tools=[function()], parallel_tool_calls=False), never="parallel"
    ),
    "json_schema": Flip("prompt", C, C, ask(response_format=FORMAT), never="response_format"),
    "safeguards": Flip(
        False, A, A, ask(safeguards=[{"type": "dangerous_tool_use"}]), never='"safeguards"',
        relayed=True,
    ),
    # --- caching and identity
    "cache_marks": Flip(
        False, A, A,
        ask(system=[{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]),
        never="cache_control",
    ),
    "prompt_cache_key": Flip(True, C, C, ask(prompt_cache_key="kk"), only='"prompt_cache_key"'),
    "user_id": Flip("keep", A, A, ask(metadata={"user_id": "me-myself"}), only="me-myself"),
    # --- streams
    "usage_in_stream": Flip(False, A, C, ask(stream=True), never="stream_options"),
    "leaked_tools": Flip(
        True, A, C, ask(tools=[tool()]), only='"tool_use"', answer=said(content=LEAKED)
    ),
}  # fmt: skip


def outcome(flip: Flip, quirks: Quirks) -> str:
    """What the upstream gets, or the client when there is an answer or a refusal of ours."""
    body = json.dumps(flip.request).encode()
    head = request_head(body)
    bridge = bridge_of(flip.client, flip.upstream, quirks, stream=head.stream, asked=head.model)
    try:
        sent = bridge.request(body)
    except Rejected as error:
        return f"{error.field}: {error}"
    if flip.answer is None:
        return sent.decode()
    told = bridge.reply(json.dumps(flip.answer).encode())
    assert isinstance(told, bytes)
    return told.decode()


@pytest.mark.parametrize("name", Quirks.__dataclass_fields__)
def test_a_quirk_is_obeyed(name: str) -> None:
    if name in OF_THE_SHELL:
        assert f'"{name}"' in (TESTS / OF_THE_SHELL[name]).read_text(encoding="utf-8")
        return
    flip = FLIPS[name]
    usual = Quirks(rebuild=name != "rebuild" and not flip.relayed)
    before = outcome(flip, usual)
    flags: dict[str, Any] = {name: flip.value}
    after = outcome(flip, dataclasses.replace(usual, **flags))
    assert before != after
    if flip.only:
        assert flip.only in after
        assert flip.only not in before
    if flip.never:
        assert flip.never in before
        assert flip.never not in after


EXTRAS = ("adaptive_thinking", "tool_extras", "tool_references", "cache_marks")
WITH_EXTRAS = {
    "model": "m",
    "max_tokens": 9_000,
    "thinking": {"type": "adaptive"},
    "output_config": {"effort": "low"},
    "messages": [{"role": "user", "content": "hi"}],
    "tools": [tool(strict=True, defer_loading=True, cache_control={"type": "ephemeral"})],
}


def upstream_body(client: Dialect, quirks: Quirks, request: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        bridge_of(client, A, quirks, stream=False).request(json.dumps(request).encode())
    )
    return found


def test_extras_of_which_nobody_knows_go_where_the_client_meant_them_and_nowhere_else() -> None:
    """A Messages client's reach a Messages host as they came; of a Chat client none is made up for
    it; a host that is known to take them gets those that the request asks for."""
    relayed = upstream_body(A, Quirks(), WITH_EXTRAS)
    assert relayed == WITH_EXTRAS | {"model": "up"}
    rebuilt = upstream_body(A, Quirks(rebuild=True), WITH_EXTRAS)
    for name in ("thinking", "output_config", "tools"):
        assert rebuilt[name] == WITH_EXTRAS[name]
    chat = {
        "model": "m",
        "messages": [HELLO],
        "reasoning_effort": "low",
        "tools": [function(strict=True)],
    }
    unknown, known = (
        upstream_body(C, Quirks(**dict.fromkeys(EXTRAS, value)), chat) for value in (None, True)
    )
    assert unknown["thinking"]["type"] == "enabled"
    assert "output_config" not in unknown and "strict" not in unknown["tools"][0]
    assert known["thinking"] == {"type": "adaptive"}
    assert known["output_config"] == {"effort": "low"}
    assert known["tools"][0]["strict"] is True

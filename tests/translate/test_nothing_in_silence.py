"""Every member that a client sends reaches the upstream, or is named: as a loss, or by a 400.

https://docs.claude.com/en/api/messages,
https://platform.openai.com/docs/api-reference/chat/create,
https://platform.openai.com/docs/api-reference/responses/create
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from anthropic.types import message_create_params
from anthropic.types.beta import message_create_params as beta_create_params
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params

from gwproxy.profiles.quirks import quirk_values
from gwproxy.profiles.record import make_profile
from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire.fields import Rejected
from support.bridges import bridge_of

A, C, R = Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES
PAIRS = [(client, upstream) for client in (A, C, R) for upstream in (A, C, R)]

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
MARK = {"type": "ephemeral"}
TOOL = {"name": "look", "input_schema": SCHEMA}
FUNCTION = {"name": "look", "parameters": SCHEMA}
CHAT_TOOL = {"type": "function", "function": FUNCTION}
RESPONSES_TOOL = {"type": "function", **FUNCTION}
CLEAR = {"type": "clear_thinking_20251015", "keep": "all"}

PLAIN: Mapping[Dialect, dict[str, Any]] = {
    A: {"model": "m", "max_tokens": 9_000, "messages": [{"role": "user", "content": "hi"}]},
    C: {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
    R: {"model": "m", "input": "hi"},
}
# Members that ask for something on their own; of those with several, each on its own.
ALONE: Mapping[Dialect, tuple[dict[str, Any], ...]] = {
    A: (
        {"system": "Be brief."},
        {"stop_sequences": ["x"]},
        {"temperature": 0.3},
        {"top_p": 0.5},
        {"top_k": 5},
        {"thinking": {"type": "enabled", "budget_tokens": 2_000}},
        {"thinking": {"type": "disabled"}},
        {"thinking": {"type": "adaptive", "block_binding": {"a": 1}}},
        {"output_config": {"effort": "low"}},
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        {"output_config": {"task_budget": {"type": "tokens", "total": 9}}},
        {"output_config": {"novelty": 1}},
        {"output_format": {"type": "json_schema", "schema": SCHEMA}},
        {"metadata": {"user_id": "u"}},
        {"metadata": {"novelty": "u"}},
        {"service_tier": "standard_only"},
        {"speed": "fast"},
        {"cache_control": MARK},
        {"container": "c_1"},
        {"inference_geo": "eu"},
        {"billing_policy": {"type": "user_profile"}},
        {"thread": {"id": "t"}},
        {"compaction": {"type": "summarize"}},
        {"mcp_servers": [{"type": "url", "url": "https://x.test", "name": "x"}]},
        {"diagnostics": {"previous_message_id": "m"}},
        {"fallbacks": [{"model": "x"}]},
        {"fallback_credit_token": "x"},
        {"user_profile_id": "u"},
        {"workspace_id": "w"},
        {"betas": ["x"]},
        {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}},
        {"context_management": {"edits": [CLEAR]}},
        {"context_management": {"novelty": 1}},
        {"tools": [TOOL]},
        {"tool_choice": {"type": "any"}},
        {"novelty": {"a": 1}},
    ),
    C: (
        {"max_tokens": 500},
        {"max_completion_tokens": 500},
        {"temperature": 0.3},
        {"top_p": 0.5},
        {"top_k": 5},
        {"frequency_penalty": 0.4},
        {"presence_penalty": 0.4},
        {"repetition_penalty": 1.1},
        {"seed": 5},
        {"stop": ["x"]},
        {"n": 2},
        {"logprobs": True},
        {"top_logprobs": 3},
        {"tools": [CHAT_TOOL]},
        {"tool_choice": "required"},
        {"functions": [FUNCTION]},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}},
        {"reasoning_effort": "low"},
        {"reasoning_effort": "none"},
        {"thinking": {"type": "disabled"}},
        {"thinking": {"type": "enabled", "budget_tokens": 2_000}},
        {"reasoning": {"effort": "low"}},
        {"enable_thinking": False},
        {"chat_template_kwargs": {"enable_thinking": False}},
        {"chat_template_kwargs": {"novelty": 1}},
        {"verbosity": "low"},
        {"service_tier": "flex"},
        {"user": "u"},
        {"safety_identifier": "s"},
        {"prompt_cache_key": "k"},
        {"prompt_cache_options": {"mode": "implicit"}},
        {"prompt_cache_retention": "24h"},
        {"modalities": ["text", "audio"]},
        {"audio": {"voice": "x", "format": "wav"}},
        {"moderation": {"a": 1}},
        {"store": True},
        {"metadata": {"a": "b"}},
        {"logit_bias": {"1": 2}},
        {"prediction": {"type": "content", "content": "x"}},
        {"stream_options": {"include_obfuscation": True}},
        {"web_search_options": {}},
        {"novelty": {"a": 1}},
    ),
    R: (
        {"instructions": "Be brief."},
        {"tools": [RESPONSES_TOOL]},
        {"tool_choice": "required"},
        {"max_output_tokens": 500},
        {"max_tool_calls": 3},
        {"temperature": 0.3},
        {"top_p": 0.5},
        {"frequency_penalty": 0.3},
        {"presence_penalty": 0.3},
        {"reasoning": {"effort": "low"}},
        {"reasoning": {"effort": "none"}},
        {"reasoning": {"mode": "pro"}},
        {"reasoning": {"novelty": 1}},
        {"text": {"format": {"type": "json_object"}}},
        {"text": {"verbosity": "low"}},
        {"include": ["file_search_call.results"]},
        {"user": "u"},
        {"safety_identifier": "s"},
        {"prompt_cache_key": "k"},
        {"prompt_cache_options": {"mode": "implicit"}},
        {"prompt_cache_retention": "24h"},
        {"service_tier": "flex"},
        {"truncation": "auto"},
        {"metadata": {"a": "b"}},
        {"client_metadata": {"a": "b"}},
        {"image": {"context_compression": "enabled"}},
        {"previous_response_id": "r"},
        {"background": True},
        {"background_options": {"a": 1}},
        {"conversation": "c"},
        {"prompt": {"id": "p"}},
        {"moderation": {"a": 1}},
        {"top_logprobs": 3},
        {"access_programs": ["a"]},
        {"context_management": [{"type": "compaction", "compact_threshold": 1_000}]},
        {"stream_options": {"include_obfuscation": True}},
        {"novelty": {"a": 1}},
    ),
}
# What a member asks for beside others: those, and the member.
BESIDE: Mapping[Dialect, tuple[tuple[dict[str, Any], dict[str, Any]], ...]] = {
    A: (
        ({"thinking": {"type": "disabled"}}, {"output_config": {"effort": "low"}}),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2_000}},
            {"output_config": {"effort": "max"}},
        ),
        ({"tools": [TOOL]}, {"tool_choice": {"type": "any"}}),
        (
            {"tools": [TOOL], "tool_choice": {"type": "auto"}},
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        ),
        *(
            ({"tools": [TOOL]}, {"tools": [{**TOOL, name: value}]})
            for name, value in {
                "strict": True,
                "defer_loading": True,
                "input_examples": [{"a": "x"}],
                "allowed_callers": ["code_execution_20250825"],
                "cache_control": MARK,
                "novelty": 1,
            }.items()
        ),
    ),
    C: (
        ({"thinking": {"type": "disabled"}}, {"reasoning_effort": "low"}),
        (
            {"reasoning_effort": "low"},
            {"thinking": {"type": "enabled", "budget_tokens": 60_000}},
        ),
        ({"safety_identifier": "s"}, {"user": "u"}),
        ({"tools": [CHAT_TOOL]}, {"functions": [FUNCTION]}),
        ({"tools": [CHAT_TOOL]}, {"tool_choice": "required"}),
        ({"tools": [CHAT_TOOL]}, {"parallel_tool_calls": False}),
        ({"functions": [FUNCTION]}, {"function_call": {"name": "look"}}),
    ),
    R: (
        ({"safety_identifier": "s"}, {"user": "u"}),
        ({"tools": [RESPONSES_TOOL]}, {"tool_choice": "required"}),
        ({"tools": [RESPONSES_TOOL]}, {"parallel_tool_calls": False}),
    ),
}
# One thing has one name in all dialects (`losses`).
ALSO_CALLED = {
    "metadata.user_id": "user",
    "safety_identifier": "user",
    "stop_sequences": "stop",
    "max_output_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "output_config.effort": "reasoning_effort",
    "reasoning.effort": "reasoning_effort",
    "reasoning": "reasoning_effort",
    "text.verbosity": "verbosity",
    "tool_choice.disable_parallel_tool_use": "parallel_tool_calls",
    "tools.cache_control": "cache_control",
    "output_config.format": "response_format",
    "text.format": "response_format",
    "web_search_options": "web_search",
}
# Members by which Chat hosts and clients switch thinking off.
SWITCHES = ("thinking", "enable_thinking", "chat_template_kwargs", "reasoning_effort", "reasoning")
# Carried out here, on the way down: what of the answer is shown, and how.
ANSWERED_HERE = {"stream", "include_reasoning", "stream_options", "include", "store"}
REQUIRED = {"model", "messages", "input", "max_tokens", "tools", "tool_choice", "function_call"}


def quirks() -> Iterator[tuple[str, Quirks]]:
    yield "nobody knows it", Quirks()
    yield "rebuilt", Quirks(rebuild=True)
    for preset in ("kimi-code", "claude-gateway"):
        urls = {"anthropic_url": "https://up.test", "openai_url": "https://up.test/v1"}
        values: dict[str, Any] = quirk_values(make_profile("up", {"preset": preset, **urls}))
        yield preset, Quirks(**values)
        yield f"{preset}, rebuilt", Quirks(**values | {"rebuild": True})


KINDS = dict(quirks())


def sent(client: Dialect, upstream: Dialect, kind: Quirks, body: dict[str, Any]) -> Any:
    """What reaches the upstream, and what is said of the rest."""
    bridge = bridge_of(client, upstream, kind, stream=False)
    try:
        outgoing = json.loads(bridge.request(json.dumps(body).encode()))
    except Rejected as error:
        return None, [f"{error.field} {error.why}"]
    return outgoing, [entry.partition(":")[2].partition("=")[0] for entry in bridge.tally.losses]


def paths(value: Any, before: Any, at: str = "") -> Iterator[str]:
    """The members of `value` that `before` has otherwise, by their paths without numbers."""
    if isinstance(value, dict):
        before = before if isinstance(before, dict) else {}
        for name, member in value.items():
            if member != before.get(name):
                yield from (
                    f"{at}.{name}".strip("."),
                    *paths(member, before.get(name), f"{at}.{name}"),
                )
    elif isinstance(value, list) and value and isinstance(before, list) and before:
        yield from paths(value[0], before[0], at)


def is_named(member: dict[str, Any], before: dict[str, Any], said: list[str]) -> bool:
    names = set(paths(member, before))
    names |= {ALSO_CALLED[name] for name in names if name in ALSO_CALLED}
    if names & set(SWITCHES):
        names.add("thinking")
    return any(
        word == name or word.startswith((f"{name}.", f"{name} ")) or f'"{name}"' in word
        for word in said
        for name in names
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_member_that_changes_nothing_at_the_upstream_is_named(
    client: Dialect, upstream: Dialect, kind: str
) -> None:
    silent = []
    asked: list[tuple[dict[str, Any], dict[str, Any]]] = [({}, one) for one in ALONE[client]]
    for beside, member in (*asked, *BESIDE[client]):
        before = PLAIN[client] | beside
        without, _ = sent(client, upstream, KINDS[kind], before)
        outgoing, said = sent(client, upstream, KINDS[kind], before | member)
        if outgoing in (None, without) and not is_named(member, before, said):
            silent.append((beside, member, said))
    assert not silent


@pytest.mark.parametrize(
    ("client", "params"),
    [
        (A, message_create_params.MessageCreateParamsBase),
        (A, beta_create_params.MessageCreateParamsBase),
        (C, completion_create_params.CompletionCreateParamsBase),
        (R, response_create_params.ResponseCreateParamsBase),
    ],
)
def test_every_member_of_the_sdks_is_asked_for(client: Dialect, params: Any) -> None:
    asked = {name for member in ALONE[client] for name in member}
    asked |= {name for pair in BESIDE[client] for member in pair for name in member}
    assert set(params.__annotations__) <= asked | ANSWERED_HERE | REQUIRED

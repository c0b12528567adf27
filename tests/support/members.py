"""Every member of a request that a client may send, one at a time, and what stands beside it.

https://docs.claude.com/en/api/messages,
https://platform.openai.com/docs/api-reference/chat/create,
https://platform.openai.com/docs/api-reference/responses/create
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gwproxy.translate.hub import Dialect

A, C, R = Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES

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

_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)
_PICTURE = f"data:image/png;base64,{_PIXEL}"
_PAGE = "JVBERi0xLjQK"
_URL = "https://pictures.test/one.png"
_SAID = {"role": "user", "content": "hi"}
_PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": _PIXEL}}
_PDF = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": _PAGE},
}
_USE = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": "x"}}
_CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a":"x"}'}}
_FUNCTION_CALL = {
    "type": "function_call",
    "call_id": "c1",
    "name": "look",
    "arguments": '{"a":"x"}',
}


def _asks(*content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(content)}]}


def _gave_back(content: Any, *before: Any, **more: Any) -> dict[str, Any]:
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": content, **more}
    said = {"role": "assistant", "content": [*before, _USE]}
    return {"messages": [_SAID, said, {"role": "user", "content": [result]}], "tools": [TOOL]}


def _output(output: Any) -> dict[str, Any]:
    came = {"type": "function_call_output", "call_id": "c1", "output": output}
    return {"input": [_SAID, _FUNCTION_CALL, came], "tools": [RESPONSES_TOOL]}


def _has(*content: Any) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": list(content)}]}


# What conversations are made of, in each dialect, by words for a table.
CONTENT: Mapping[Dialect, Mapping[str, dict[str, Any]]] = {
    A: {
        "a picture": _asks(_PNG),
        "a picture by its address": _asks(
            {"type": "image", "source": {"type": "url", "url": _URL}}
        ),
        "a PDF": _asks(_PDF),
        "a tool call and its result": _gave_back("found"),
        "a result that is an error": _gave_back("gone", is_error=True),
        "a picture in a result": _gave_back([_PNG]),
        "thinking with its signature": _gave_back(
            "found", {"type": "thinking", "thinking": "hm", "signature": "s"}
        ),
        "instructions in mid-conversation": {
            "messages": [_SAID, {"role": "system", "content": "Be brief."}]
        },
        "marks for the cache": _asks({"type": "text", "text": "hi", "cache_control": MARK}),
        "a web search by the provider": {
            "tools": [{"type": "web_search_20250305", "name": "web_search"}]
        },
        "code run by the provider": {
            "tools": [{"type": "code_execution_20250825", "name": "code_execution"}]
        },
        "an answer that you have begun": {
            "messages": [_SAID, {"role": "assistant", "content": "Well"}]
        },
    },
    C: {
        "a picture": _asks({"type": "image_url", "image_url": {"url": _PICTURE}}),
        "a picture by its address": _asks({"type": "image_url", "image_url": {"url": _URL}}),
        "a PDF": _asks(
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{_PAGE}"},
            }
        ),
        "sound": _asks({"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}),
        "a tool call and its result": {
            "messages": [
                _SAID,
                {"role": "assistant", "tool_calls": [_CALL]},
                {"role": "tool", "tool_call_id": "c1", "content": "found"},
            ],
            "tools": [CHAT_TOOL],
        },
        "thinking (`reasoning_content`)": {
            "messages": [
                _SAID,
                {"role": "assistant", "reasoning_content": "hm", "tool_calls": [_CALL]},
                {"role": "tool", "tool_call_id": "c1", "content": "found"},
            ],
            "tools": [CHAT_TOOL],
        },
        "instructions in mid-conversation": {
            "messages": [_SAID, {"role": "developer", "content": "Be brief."}, _SAID]
        },
        "a free-form tool": {
            "tools": [{"type": "custom", "custom": {"name": "patch", "description": "p"}}]
        },
    },
    R: {
        "a picture": _has({"type": "input_image", "image_url": _PICTURE}),
        "a picture by its address": _has({"type": "input_image", "image_url": _URL}),
        "a PDF": _has(
            {
                "type": "input_file",
                "filename": "a.pdf",
                "file_data": f"data:application/pdf;base64,{_PAGE}",
            }
        ),
        "a tool call and its result": _output("found"),
        "a picture in a result": _output([{"type": "input_image", "image_url": _PICTURE}]),
        "instructions in mid-conversation": {
            "input": [_SAID, {"role": "developer", "content": "Be brief."}, _SAID]
        },
        "a free-form tool (`custom`)": {"tools": [{"type": "custom", "name": "patch"}]},
        "tools in a `namespace`": {
            "tools": [{"type": "namespace", "name": "agents", "tools": [RESPONSES_TOOL]}]
        },
        "words between agents (`agent_message`)": {
            "input": [
                _SAID,
                {
                    "type": "agent_message",
                    "author": "one",
                    "recipient": "two",
                    "content": [{"type": "input_text", "text": "look"}],
                },
            ]
        },
        "an order to compact": {"input": [_SAID, {"type": "compaction_trigger"}]},
        "a web search by the provider": {"tools": [{"type": "web_search"}]},
        "code run by the provider": {
            "tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]
        },
    },
}

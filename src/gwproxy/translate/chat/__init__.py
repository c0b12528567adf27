"""OpenAI Chat Completions: what most hosts and the OpenAI SDKs speak.

`codec` says what each file is for; three more are this dialect's own:

    calls     tool calls, put together from their deltas in whatever order
    think     reasoning that a model left in the text, as `<think>…</think>`
    thoughts  what a host wants back with its reasoning: names, details, signatures

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from gwproxy.translate.dialect_facts import BEARER, Dialect, DialectFacts

if TYPE_CHECKING:
    from gwproxy.translate.codec import Codec
    from gwproxy.translate.quirks import Quirks

FACTS: Final = DialectFacts(
    name=Dialect.CHAT,
    base="openai_url",
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
            "models": "/models",
            "embeddings": "/embeddings",
            "completions": "/completions",
        }
    ),
    auth=BEARER,  # https://platform.openai.com/docs/api-reference/authentication
    prefixes=("/v1", "/openai/v1", "/api/openai/v1", "/api/v1", ""),
    preference=1,  # what hosts test most
    request_id="x-request-id",
    # https://platform.openai.com/docs/api-reference/authentication
    relayed=("openai-organization", "openai-project", "openai-beta"),
    id_length=40,  # of a `tool_call.id`
    name_length=64,  # [a-zA-Z0-9_-]{1,64}
    arguments="raw",
    continues="prefill",
    tool_media=False,
    pairs_by_place=True,
    # https://platform.openai.com/docs/guides/prompt-caching
    prompt=("functions", "tools", "messages"),
    steers=(
        *("function_call", "tool_choice", "response_format", "prompt_cache_key"),
        *("reasoning_effort", "reasoning", "thinking", "enable_thinking", "chat_template_kwargs"),
    ),
    cache_key="prompt_cache_key",
    sampling=frozenset({"temperature", "top_p", "frequency_penalty", "presence_penalty", "seed"}),
    sound=True,  # https://platform.openai.com/docs/guides/audio
    addressed_documents=False,
    thinking="switch",
    think_tags=True,
    # https://platform.openai.com/docs/api-reference/chat/create#chat-create-max_completion_tokens
    limit_names=("max_tokens", "max_completion_tokens"),
    most_stops=4,  # https://platform.openai.com/docs/api-reference/chat/create#chat-create-stop
    stream_usage='{"include_usage":true}',
)


def codec() -> Codec:
    """The codec of this dialect: its facts, functions and classes."""
    from gwproxy.translate.chat import (
        failure,
        reader,
        relay,
        remade,
        reply,
        request,
        sealed,
        settings,
        tools,
        writer,
    )
    from gwproxy.translate.codec import Codec
    from gwproxy.translate.wire.tool_outputs import ToolOutputs

    outputs = ToolOutputs(
        ("messages",),
        "role",
        frozenset({"tool"}),
        "content",
        "tool_call_id",
        frozenset({"image_url", "file", "input_audio", "video_url"}),
        "text",
        b'{"role":"user","content":[%b]}',
    )
    return Codec(
        facts=FACTS,
        outputs=outputs,
        settings=settings.SETTINGS,
        parse_request=request.parse,
        render_request=request.render,
        build_reply=reply.build,
        reader=reader.Reader,
        writer=writer.Writer,
        tap=relay.Tap,
        render_failure=failure.render,
        plain_question=_plain_question,
        open_seals=sealed.open_seals,
        take_format=tools.take_format,
        instruct=tools.instruct,
        put_back=sealed.put_back,
        unfold=remade.unfold,
        folding=remade.Folding,
    )


def _plain_question(question: str, limit: int, quirks: Quirks) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": question}],
        quirks.max_tokens_field or "max_tokens": limit,
    }

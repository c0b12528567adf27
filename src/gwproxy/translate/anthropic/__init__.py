"""Anthropic Messages: what Claude Code and the Anthropic SDKs speak.

`codec` says what each file is for; three more are this dialect's own:

    marks     the cache mark of a request whose client sets none
    schemas   JSON Schemas as this dialect takes them, for tools and structured answers
    hosted    blocks of tools that Anthropic's servers run: searches, and text for other dialects

https://docs.claude.com/en/api/messages
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from gwproxy.translate.dialect_facts import X_API_KEY, Dialect, DialectFacts

if TYPE_CHECKING:
    from gwproxy.translate.codec import Codec
    from gwproxy.translate.quirks import Quirks

FACTS: Final = DialectFacts(
    name=Dialect.ANTHROPIC,
    base="anthropic_url",
    paths=MappingProxyType(
        {
            "messages": "/v1/messages",
            "count_tokens": "/v1/messages/count_tokens",
            "models": "/v1/models",
        }
    ),
    auth=X_API_KEY,  # https://docs.anthropic.com/en/api/overview#authentication
    # https://api-docs.deepseek.com/guides/anthropic_api,
    # https://platform.moonshot.ai/docs/guide/agent-support, https://docs.z.ai/devpack/tool/claude
    prefixes=("", "/anthropic", "/api/anthropic", "/api"),
    preference=2,  # it says more about reasoning and tools than Chat does
    # The only version that third parties document. Newer SDKs ask for `2026-10-21`, in which
    # `temperature` is gone; real Claude gets what its client asked for.
    version=("anthropic-version", "2023-06-01"),
    request_id="request-id",
    # beta, workspace-id and what comes: https://docs.anthropic.com/en/api/beta-headers
    relayed=("anthropic-",),
    # It may be the local token.
    not_relayed=frozenset({"anthropic-auth-token"}),
    query=("beta", "true"),  # Claude Code's
    id_length=128,
    plain_ids=True,  # `tool_use.id`: ^[a-zA-Z0-9_-]+$
    name_length=128,
    arguments="object",
    # https://docs.claude.com/en/api/messages
    strict_turns=True,
    continues="always",
    native="tool_extras",
    file_ids="tool_extras",
    text_documents="documents",
    pdf_only=True,
    signatures=True,
    searches=True,  # whose results come back sealed: nobody else's are taken
    deferred="tool_extras",
    strict="tool_extras",
    # https://docs.claude.com/en/docs/build-with-claude/prompt-caching
    prompt=("tools", "system", "messages"),
    steers=("tool_choice", "thinking", "output_config", "output_format"),
    marks="cache_marks",
    most_marks=4,
    lasting_marks="tool_extras",
    tool_marks=True,
    sampling=frozenset({"temperature", "top_p", "top_k"}),
    thinking="budget",
    needs_limit=True,
    names_stop=True,
    # https://docs.claude.com/en/docs/build-with-claude/extended-thinking
    fixed_while_thinking=True,
    most_temperature=1.0,
    plain_json=False,
    # https://docs.claude.com/en/api/service-tiers: a faster one of OpenAI's is `auto` there.
    tiers="tool_extras",
    tier_names=MappingProxyType({"default": "standard_only", "standard_only": "standard_only"}),
    other_tier="auto",
    begins_answers=True,
    sets_marks=True,
    # https://docs.claude.com/en/api/messages-count-tokens
    counted=frozenset(
        {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"}
    ),
)


def codec() -> Codec:
    """The codec of this dialect: its facts, functions and classes."""
    from gwproxy.translate.anthropic import (
        failure,
        reader,
        relay,
        remade,
        reply,
        request,
        sealed,
        settings,
        writer,
    )
    from gwproxy.translate.codec import Codec
    from gwproxy.translate.wire.tool_outputs import ToolOutputs

    outputs = ToolOutputs(
        ("messages", None, "content"),
        "type",
        frozenset({"tool_result"}),
        "content",
        "tool_use_id",
        frozenset({"image", "document"}),
        "text",
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
        take_format=settings.take_format,
        instruct=settings.instruct,
        parse_countable=request.parse_countable,
        refuse_orders=request.refuse_orders,
        unfold=remade.unfold,
        folding=remade.Folding,
    )


def _plain_question(question: str, limit: int, quirks: Quirks) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}], "max_tokens": limit}

"""OpenAI Responses: what Codex and the newer OpenAI SDKs speak.

`codec` says what each file is for; the others are this dialect's own:

    items       single items from and to hub blocks
    hosted      items that only this dialect has, and the text that stands for them
    output      the response object and its items, as a client gets them
    drafts      items of a client's stream that are not done yet
    compaction  the order to compact a conversation, and the item that answers it
    flat        a relayed request for hosts that take function tools only, and
    restored    its answer with the client's own kinds of calls
    echo        the members of the request that the answer repeats
    kept/       what a server is expected to remember of an answer

https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from gwproxy.translate.dialect_facts import BEARER, Dialect, DialectFacts

if TYPE_CHECKING:
    from gwproxy.translate.codec import Codec
    from gwproxy.translate.quirks import Quirks

FACTS: Final = DialectFacts(
    name=Dialect.RESPONSES,
    base="openai_url",
    paths=MappingProxyType({"responses": "/responses", "models": "/models"}),
    auth=BEARER,  # https://platform.openai.com/docs/api-reference/authentication
    prefixes=("/v1", "/openai/v1", "/api/openai/v1", "/api/v1", ""),
    preference=3,  # it keeps state of its own
    request_id="x-request-id",
    # https://platform.openai.com/docs/api-reference/authentication
    relayed=("openai-organization", "openai-project", "openai-beta"),
    id_length=64,  # of a `call_id`
    name_length=64,  # [a-zA-Z0-9_-]{1,64}
    custom_tools=True,
    namespaces=True,
    arguments="json",
    file_ids="always",
    reasoning_items=True,
    deferred="tool_extras",
    searches=True,
    replays_searches=True,
    allowed_tools=True,
    # https://platform.openai.com/docs/guides/prompt-caching
    prompt=("tools", "instructions", "input"),
    steers=("tool_choice", "reasoning", "text", "prompt_cache_key"),
    marks="cache_marks",
    cache_key="prompt_cache_key",
    verbosity=True,
    # https://platform.openai.com/docs/api-reference/responses/create
    least_limit=16,
    most_stops=0,
    tiers="always",
    tier_names=MappingProxyType({"standard_only": "default"}),
)


def codec() -> Codec:
    """The codec of this dialect: its facts, functions and classes."""
    from gwproxy.translate.codec import Codec
    from gwproxy.translate.responses import (
        compaction,
        failure,
        flat,
        reader,
        relay,
        remade,
        reply,
        request,
        restored,
        sealed,
        settings,
        writer,
    )
    from gwproxy.translate.wire.tool_outputs import ToolOutputs

    outputs = ToolOutputs(
        ("input",),
        "type",
        frozenset({"function_call_output", "custom_tool_call_output"}),
        "output",
        "call_id",
        frozenset({"input_image", "input_file"}),
        "input_text",
        b'{"type":"message","role":"user","content":[%b]}',
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
        unfold=remade.unfold,
        folding=remade.Folding,
        parse_countable=request.parse_countable,
        flatten=flat.flatten,
        restoring=restored.Restored,
        promises=reply.promises,
        summaries=compaction.SUMMARIES,
    )


def _plain_question(question: str, limit: int, quirks: Quirks) -> dict[str, Any]:
    return {"input": question, "max_output_tokens": limit, "store": False}

"""What the official SDKs type goes up as they typed it, less what the host refuses."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from support.gateway import KEY, TOKEN, StartGateway, TestGateway
from support.scripted import StartScripted, Visit

SCHEMA = {"type": "object", "properties": {"größe": {"type": "number"}}}
WORDS = 'café \\u00e9 "quoted" \n 日本'
FUNCTION = {"name": "look", "parameters": SCHEMA, "strict": True}
BETAS = ["context-management-2025-06-27", "extended-cache-ttl-2025-04-11", "a-2026-01-01"]
NOVELTY = {"novelty": {"n": 1.5, "big": 123456789012345678901, "null": None}}
MARK = {"type": "ephemeral", "ttl": "1h"}


class Typed:
    """The requests of an SDK, as it sends them."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.http = httpx2.AsyncClient(event_hooks={"request": [self._note]}, timeout=10)

    async def _note(self, request: httpx2.Request) -> None:
        self.bodies.append(request.content)


async def by_messages(gateway: TestGateway, typed: Typed) -> None:
    client = anthropic.AsyncAnthropic(
        base_url=gateway.url, api_key=TOKEN, max_retries=0, http_client=typed.http
    )
    asked: Any = {
        "model": "claude-x",
        "max_tokens": 900,
        "betas": BETAS,
        "system": [{"type": "text", "text": WORDS, "cache_control": MARK}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": WORDS}]}],
        "tools": [{"name": "look", "input_schema": SCHEMA, "strict": True}],
        "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
        "metadata": {"user_id": "u"},
        "extra_body": NOVELTY,
        "extra_query": {"beta": "true"},  # Claude Code's
    }
    await client.beta.messages.create(**asked)


def openai_client(gateway: TestGateway, typed: Typed) -> openai.AsyncOpenAI:
    url = f"{gateway.url}/v1"
    return openai.AsyncOpenAI(
        base_url=url, api_key=TOKEN, max_retries=0, http_client=typed.http, organization="org"
    )


async def by_chat(gateway: TestGateway, typed: Typed) -> None:
    asked: Any = {
        "model": "gpt-x",
        "messages": [{"role": "user", "content": WORDS}],
        "tools": [{"type": "function", "function": FUNCTION}],
        "metadata": {"a": "b"},
        "logit_bias": {"1": 2},
        "extra_body": NOVELTY,
    }
    await openai_client(gateway, typed).chat.completions.create(**asked)


async def by_responses(gateway: TestGateway, typed: Typed) -> None:
    asked: Any = {
        "model": "gpt-x",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": WORDS}]}],
        "tools": [{"type": "function", **FUNCTION}],
        "metadata": {"a": "b"},
        "include": ["reasoning.encrypted_content"],
        "store": True,
        "extra_body": NOVELTY,
    }
    await openai_client(gateway, typed).responses.create(**asked)


Ask = Callable[[TestGateway, Typed], Awaitable[None]]


def less(body: bytes, dialect: str) -> bytes:
    """What the host is to get: printed as the SDKs print, which the test makes sure of."""
    value = json.loads(body)
    assert printed(value) == body
    value["model"] = "up-model"
    if dialect == "anthropic":
        del value["context_management"], value["system"][0]["cache_control"]["ttl"]
    else:
        del value["metadata"]
        tool = value["tools"][0]
        del tool.get("function", tool)["strict"]
    return printed(value)


def printed(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("dialect", "ask", "refused"),
    [
        ("anthropic", by_messages, ["context_management", "system[].cache_control.ttl"]),
        ("chat", by_chat, ["metadata", "tools[].function.strict"]),
        ("responses", by_responses, ["metadata", "tools[].strict"]),
    ],
)
async def test_outside_of_what_is_refused_the_host_gets_the_sdks_bytes(
    start_gateway: StartGateway,
    start_scripted: StartScripted,
    dialect: str,
    ask: Ask,
    refused: list[str],
) -> None:
    async def enough(visit: Visit) -> None:
        await visit.answer(b'{"error":{"message":"that will do"}}', status=403)

    upstream = await start_scripted(enough)
    base = "anthropic_url" if dialect == "anthropic" else "openai_url"
    quirks = {"omit": refused}
    record = {base: upstream.url, "model": "up-model", "dialects": [dialect], "quirks": quirks}
    typed = Typed()
    async with typed.http:
        with pytest.raises((anthropic.PermissionDeniedError, openai.PermissionDeniedError)):
            await ask(await start_gateway({"up": record}), typed)
    (visit,), (body,) = upstream.visits, typed.bodies
    assert visit.body == less(body, dialect)
    assert TOKEN not in visit.head.decode()
    assert KEY in visit.head.decode()
    if dialect == "anthropic":
        assert visit.line == "POST /v1/messages?beta=true HTTP/1.1"
        assert visit.headers["anthropic-beta"] == BETAS[2]
        assert visit.headers["anthropic-version"]
    else:
        assert visit.headers["openai-organization"] == "org"

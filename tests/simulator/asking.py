"""The same questions in every dialect, and an HTTP client that hides nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import aiohttp

from gwproxy.simulator import PlayedKind, RunningSimulator
from gwproxy.simulator.conversation import DialectName

Json: TypeAlias = dict[str, Any]

DIALECTS: tuple[DialectName, ...] = ("anthropic", "chat", "responses")
KINDS: dict[DialectName, PlayedKind] = {
    "anthropic": PlayedKind.MESSAGES,
    "chat": PlayedKind.CHAT,
    "responses": PlayedKind.RESPONSES,
}
CITY_SCHEMA: Json = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
TWO_CITIES = "What is the weather in Paris and in Tokyo?"


def question(dialect: DialectName, text: str = TWO_CITIES, **members: Any) -> Json:
    """A first request with a weather tool; `members` are added, None takes one away."""
    body: Json
    match dialect:
        case "anthropic":
            tool = {"name": "get_weather", "input_schema": CITY_SCHEMA}
            body = {"max_tokens": 2000, "messages": [{"role": "user", "content": text}]}
        case "chat":
            function = {"name": "get_weather", "parameters": CITY_SCHEMA}
            tool = {"type": "function", "function": function}
            body = {"messages": [{"role": "user", "content": text}]}
        case "responses":
            tool = {"type": "function", "name": "get_weather", "parameters": CITY_SCHEMA}
            body = {"input": [{"role": "user", "content": text}], "reasoning": {"summary": "auto"}}
    body = {"model": "demo-1", "tools": [tool]} | body | members
    return {key: value for key, value in body.items() if value is not None}


def url_of(provider: RunningSimulator, dialect: DialectName) -> str:
    match dialect:
        case "anthropic":
            return f"{provider.anthropic_url}/v1/messages"
        case "chat":
            return f"{provider.openai_url}/chat/completions"
        case "responses":
            return f"{provider.openai_url}/responses"


@dataclass(frozen=True, slots=True)
class Received:
    """What a client got. `broken` names the exception that ended a body too early."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    broken: str | None = None
    chunks: tuple[bytes, ...] = field(default=())

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[tuple[str | None, Any]]:
        return sse_events(self.body)


async def ask(
    provider: RunningSimulator,
    dialect: DialectName,
    body: Json,
    headers: Mapping[str, str] | None = None,
) -> Received:
    """One request, without retries, decompression or any other kindness."""
    return await post(url_of(provider, dialect), body, headers)


async def post(url: str, body: Json, headers: Mapping[str, str] | None = None) -> Received:
    sent = {"anthropic-version": "2023-06-01", "content-type": "application/json"}
    data = io.BytesIO(json.dumps(body).encode())
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.post(url, data=data, headers=sent | dict(headers or {})) as response,
    ):
        chunks: list[bytes] = []
        broken = None
        try:
            async for chunk, _ in response.content.iter_chunks():
                chunks.append(chunk)
        except aiohttp.ClientError as error:
            broken = type(error).__name__
        return Received(response.status, response.headers, b"".join(chunks), broken, tuple(chunks))


def sse_events(body: bytes) -> list[tuple[str | None, Any]]:
    """Events in the vendors' plain framing; anything else fails the test that looks."""
    events: list[tuple[str | None, Any]] = []
    assert body.endswith(b"\n\n"), "the last event is not complete"
    for block in body.decode().removesuffix("\n\n").split("\n\n"):
        name = None
        for line in block.split("\n"):
            key, value = line.split(": ", 1)
            if key == "event":
                name = value
            else:
                assert key == "data"
                events.append((name, value if value == "[DONE]" else json.loads(value)))
    return events

"""The official OpenAI SDK, fed with Responses bytes: no socket, its own decoder and accumulator."""

from __future__ import annotations

from typing import Any

import httpx2
import openai


def accumulated(stream: bytes) -> Any:
    """What the SDK's stream helper makes of `stream`, its own additions left out. Raises what the
    SDK raises."""
    with (
        _client(stream, "text/event-stream") as client,
        client.responses.stream(model="m", input="hello") as events,
    ):
        return bare(events.get_final_response().to_dict())


def raw_events(stream: bytes) -> list[Any]:
    """What the SDK hands to a program that iterates. Raises what the SDK raises."""
    with _client(stream, "text/event-stream") as client:
        return list(client.responses.create(model="m", input="hello", stream=True))


def whole(body: bytes) -> Any:
    """What the SDK makes of a whole answer."""
    with _client(body, "application/json") as client:
        return bare(client.responses.create(model="m", input="hello").to_dict())


def _client(body: bytes, content_type: str) -> openai.OpenAI:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": content_type}, content=body)

    return openai.OpenAI(
        api_key="k",
        base_url="http://upstream.test/v1",
        max_retries=0,
        http_client=openai.DefaultHttpxClient(transport=httpx2.MockTransport(answer)),
    )


def bare(value: Any) -> Any:
    """Without nulls, and without what the helper parsed for programs."""
    if isinstance(value, dict):
        return {
            key: bare(member)
            for key, member in value.items()
            if member is not None and not key.startswith("parsed")
        }
    return [bare(member) for member in value] if isinstance(value, list) else value

"""The official Anthropic SDK, fed with bytes: no socket, its own decoder and accumulator."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2

_HELLO: Any = [{"role": "user", "content": "hello"}]


def accumulated(stream: bytes) -> Any:
    """What the SDK's stream helper makes of `stream`. Raises what the SDK raises."""
    with (
        _client(stream, "text/event-stream") as client,
        client.messages.stream(model="m", max_tokens=100, messages=_HELLO) as events,
    ):
        return bare(events.get_final_message().to_dict())


def whole(body: bytes) -> Any:
    """What the SDK makes of a whole answer."""
    with _client(body, "application/json") as client:
        return bare(client.messages.create(model="m", max_tokens=100, messages=_HELLO).to_dict())


def _client(body: bytes, content_type: str) -> anthropic.Anthropic:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": content_type}, content=body)

    transport = httpx2.MockTransport(answer)
    return anthropic.Anthropic(
        api_key="k",
        max_retries=0,
        http_client=anthropic.DefaultHttpxClient(transport=transport),
    )


def bare(value: Any) -> Any:
    """Without nulls, which the stream helper adds."""
    if isinstance(value, dict):
        return {key: bare(member) for key, member in value.items() if member is not None}
    return [bare(member) for member in value] if isinstance(value, list) else value

"""The named manners are those of the providers' own pages, route by route."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from gwproxy.simulator import (
    CLAUDE_GATEWAY,
    DEMO,
    KIMI_CODE,
    KIMI_K25,
    NAMED,
    STRONGWALL,
    Manners,
    RunningSimulator,
    Streaming,
)
from gwproxy.simulator.memory import Recorded
from simulator.asking import ask, post, question
from support.provider import StartProvider

KEY = "sk-simulated-1234"


async def get(url: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, await response.json()


async def test_strongwall_answers_whole_whatever_is_asked(start_provider: StartProvider) -> None:
    provider = await start_provider(STRONGWALL)
    for dialect in ("anthropic", "chat"):
        received = await ask(provider, dialect, question(dialect, stream=True))
        assert received.headers["content-type"] == "application/json"
        assert received.json["model"] == "demo-1"
    refusing = await start_provider(replace(STRONGWALL, streaming=Streaming.REFUSES_STREAMS))
    received = await ask(refusing, "chat", question("chat", stream=True))
    assert received.status == 400
    assert "not currently supported" in received.json["error"]["message"]
    assert (await ask(refusing, "chat", question("chat"))).status == 200
    counting = f"{provider.anthropic_url}/v1/messages/count_tokens"
    assert (await post(counting, question("anthropic"))).status == 404


async def test_kimi_code_speaks_anthropic_alone_and_renames_its_model(
    start_provider: StartProvider,
) -> None:
    provider = await start_provider(KIMI_CODE)
    assert provider.anthropic_url.endswith("/coding")
    received = await ask(provider, "anthropic", question("anthropic", model="kimi-k2.5"))
    assert received.json["model"] == "kimi-for-coding"
    ids = [block["id"] for block in received.json["content"] if block["type"] == "tool_use"]
    assert ids == ["functions.get_weather:0", "functions.get_weather:1"]
    for dialect in ("chat", "responses"):
        received = await ask(provider, dialect, question(dialect))
        assert received.status == 404
        assert received.json["error"]["type"] == "resource_not_found_error"
    assert provider.billed == 1
    elsewhere = await post(f"{provider.base_url}/v1/messages", question("anthropic"))
    assert elsewhere.status == 404
    assert elsewhere.json["type"] == "error"


async def test_kimi_k25_has_two_families_of_routes(start_provider: StartProvider) -> None:
    provider = await start_provider(KIMI_K25)
    assert provider.anthropic_url.endswith("/api/anthropic")
    assert provider.openai_url.endswith("/api/openai/v1")
    for dialect in ("anthropic", "chat", "responses"):
        assert (await ask(provider, dialect, question(dialect))).status == 200
    counting = f"{provider.anthropic_url}/v1/messages/count_tokens"
    counted = await post(counting, question("anthropic"))
    figures = provider.requests[0].figures
    assert figures is not None
    assert counted.json == {"input_tokens": figures.prompt}
    status, models = await get(f"{provider.openai_url}/models")
    assert status == 200
    assert [model["id"] for model in models["data"]] == ["kimi-k2.5"]
    assert models["data"][0]["context_length"] == 262_144
    assert provider.billed == 3, "model lists and token counts are free"


@pytest.mark.parametrize(
    ("manners", "dialect", "accepted", "refused"),
    [
        (STRONGWALL, "anthropic", ["x-api-key", "authorization"], ["anthropic-auth-token"]),
        (STRONGWALL, "chat", ["authorization"], ["x-api-key"]),
        (KIMI_CODE, "anthropic", ["x-api-key", "authorization"], []),
        (
            KIMI_K25,
            "anthropic",
            ["x-api-key", "authorization", "anthropic-auth-token"],
            ["api-key"],
        ),
        (KIMI_K25, "responses", ["authorization"], ["x-api-key", "anthropic-auth-token"]),
        (CLAUDE_GATEWAY, "anthropic", ["x-api-key", "authorization"], []),
    ],
)
async def test_keys_count_only_in_the_documented_headers(
    start_provider: StartProvider,
    manners: Manners,
    dialect: Any,
    accepted: list[str],
    refused: list[str],
) -> None:
    provider: RunningSimulator = await start_provider(manners, key=KEY)
    body = question(dialect)

    async def status(header: str, key: str) -> int:
        value = f"Bearer {key}" if header == "authorization" else key
        return (await ask(provider, dialect, body, {header: value})).status

    assert [await status(header, KEY) for header in accepted] == [200] * len(accepted)
    assert [await status(header, "wrong") for header in accepted] == [401] * len(accepted)
    assert [await status(header, KEY) for header in refused] == [401] * len(refused)
    denied = await ask(provider, dialect, body)
    assert denied.status == 401
    kind = "authentication_error" if dialect == "anthropic" else "invalid_authentication_error"
    assert denied.json["error"]["type"] == kind
    assert KEY not in repr(provider.requests), "a recorded request hides its headers"


async def test_models_in_the_callers_own_format(provider: RunningSimulator) -> None:
    anthropic = {"anthropic-version": "2023-06-01"}
    status, listed = await get(f"{provider.base_url}/v1/models?limit=1000", anthropic)
    assert (status, listed["first_id"], listed["has_more"]) == (200, "demo-1", False)
    status, listed = await get(f"{provider.base_url}/v1/models")
    assert (status, listed["object"]) == (200, "list")
    status, entry = await get(f"{provider.base_url}/v1/models/demo-1")
    assert (status, entry["id"]) == (200, "demo-1")
    status, error = await get(f"{provider.base_url}/v1/models/gpt-9")
    assert status == 404
    assert "gpt-9" in error["error"]["message"]


async def test_a_provider_may_know_only_its_own_models(start_provider: StartProvider) -> None:
    provider = await start_provider(replace(DEMO, only_known_models=True))
    received = await ask(provider, "chat", question("chat", model="claude-opus-5-5"))
    assert received.status == 404
    assert "Not found the model claude-opus-5-5" in received.json["error"]["message"]


async def test_probes_of_clients_get_an_answer(provider: RunningSimulator) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.head(f"{provider.base_url}/api/hello") as response:
            assert response.status == 200
        async with session.get(f"{provider.base_url}/nowhere") as response:
            assert response.status == 404


async def test_requests_are_recorded_as_they_came(provider: RunningSimulator) -> None:
    body = question("anthropic", stream=True)
    url = f"{provider.anthropic_url}/v1/messages?beta=true"
    await post(url, body, {"X-Custom": "Yes"})
    recorded: Recorded = provider.requests[0]
    assert (recorded.method, recorded.path) == ("POST", "/v1/messages")
    assert recorded.query == "beta=true"
    assert recorded.body == body
    assert recorded.header("x-custom") == "Yes"
    assert ("X-Custom", "Yes") in recorded.headers
    assert recorded.streamed
    assert recorded.status == 200


def test_every_named_provider_is_listed_under_its_name() -> None:
    assert set(NAMED) == {
        "demo",
        "strongwall",
        "kimi-code",
        "kimi-k25",
        "claude-gateway",
        "slow",
        "failing",
    }
    assert all(manners.name == name for name, manners in NAMED.items())

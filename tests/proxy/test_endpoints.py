"""Paths as people configure them, and what they mean."""

from __future__ import annotations

import pytest

from gwproxy.proxy.inbound.endpoints import Address, Endpoint, address_of
from gwproxy.translate.dialect_facts import Dialect

MESSAGES, CHAT, RESPONSES = Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES
COUNT = Endpoint.COUNT_TOKENS


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/v1/messages", MESSAGES),
        ("/messages", MESSAGES),
        ("/v1/v1/messages", MESSAGES),
        ("/v1/messages/", MESSAGES),
        ("/v1/messages/count_tokens", COUNT),
        ("/v1/v1/messages/count_tokens", COUNT),
        ("/v1/chat/completions", CHAT),
        ("/chat/completions", CHAT),
        ("/v1/v1/chat/completions", CHAT),
        ("//v1/messages", MESSAGES),
        ("//messages", MESSAGES),
        ("/v1//chat/completions", CHAT),
        ("/v1//v1/models", Endpoint.MODELS),
        ("//", Endpoint.ROOT),
        ("/v1/responses", RESPONSES),
        ("/responses", RESPONSES),
        ("/v1/models", Endpoint.MODELS),
        ("/models", Endpoint.MODELS),
        ("/healthz", Endpoint.HEALTH),
        ("/", Endpoint.ROOT),
        ("/v1", Endpoint.ROOT),
        ("/v1/", Endpoint.ROOT),
        ("/api/hello", Endpoint.HELLO),
        ("/v1/api/hello", Endpoint.HELLO),
        ("/v1/messages/batches", Endpoint.NOT_OFFERED),
        ("/v1/messages/batches/b_1/results", Endpoint.NOT_OFFERED),
        ("/v1/files", Endpoint.NOT_OFFERED),
        ("/v1/complete", Endpoint.NOT_OFFERED),
        ("/v1/embeddings", Endpoint.EMBEDDINGS),
        ("/completions", Endpoint.COMPLETIONS),
    ],
)
@pytest.mark.parametrize("profile", ["", "kimi-2"])
def test_with_and_without_version_and_profile(
    profile: str, path: str, endpoint: Endpoint | Dialect
) -> None:
    prefix = f"/profiles/{profile}" if profile else ""
    answers = endpoint if isinstance(endpoint, Dialect) else None
    meant = endpoint if isinstance(endpoint, Endpoint) else Endpoint.ANSWER
    assert address_of(prefix + path) == Address(meant, profile, answers)


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/models/kimi-k2.5", "kimi-k2.5"),
        ("/models/kimi/kimi-k2.5", "kimi/kimi-k2.5"),
        ("/v1/models/kimi%2Fkimi-k2.5%5B1m%5D", "kimi/kimi-k2.5[1m]"),
    ],
)
def test_a_model_by_its_id(path: str, model: str) -> None:
    assert address_of(path) == Address(Endpoint.MODELS, model=model)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "*",
        "/v2/messages",
        "/v1/message",
        "/v1/messagesx",
        "/V1/messages",
        "/v1%2Fmessages",
        "/v1/messages//count_tokens",
        "//evil.example/v1/messages",
        "/v1/../v1/messages",
        "/profiles/",
        "/profiles//v1/messages",
        "http://evil.example/v1/messages",
        "http://localhost/v1/messages",
        "/x/v1/messages",
        "/admin",
    ],
)
def test_anything_else_is_nowhere(path: str) -> None:
    assert address_of(path) is None


def test_a_profile_alone_is_its_root() -> None:
    assert address_of("/profiles/kimi") == Address(Endpoint.ROOT, "kimi")


def test_methods() -> None:
    assert Address(Endpoint.ANSWER).allowed == ("POST",)
    assert Address(Endpoint.MODELS).allowed == ("GET", "HEAD")

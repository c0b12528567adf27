"""Chat errors: what upstreams say, and what clients of the openai package branch on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.chat.failure import is_error, render
from gwproxy.translate.errors import complaints
from gwproxy.translate.hub import Failure, FailureKind


def error(message: str, **members: Any) -> bytes:
    return json.dumps({"error": {"message": message, **members}}).encode()


def rendered(failure: Failure) -> tuple[int, dict[str, Any]]:
    status, body = render(failure, "req_1")
    value = json.loads(body)
    assert set(value) == {"error"}
    return status, value["error"]


# --- what upstreams say ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "figures"),
    [
        (
            "This model's maximum context length is 8192 tokens. However, you requested 9000 "
            "tokens (8500 in the messages, 500 in the completion). Please reduce the length.",
            (8500, 500, 8192),
        ),
        # vLLM
        (
            "This model's maximum context length is 32768 tokens. However, your request has 40000 "
            "input tokens. Please reduce the length of the input messages.",
            (40_000, None, 32_768),
        ),
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 30000. This model's maximum "
            "context length is 32768 tokens and your request has 5000 input tokens "
            "(30000 > 32768 - 5000).",
            (5000, 30_000, 32_768),
        ),
        # Moonshot
        (
            "Invalid request: Your request exceeded model token limit: 262144 (requested: 300000)",
            (300_000, None, 262_144),
        ),
        ("Input token length too long", (None, None, None)),
    ],
)
def test_a_prompt_that_does_not_fit(words: str, figures: tuple[int | None, ...]) -> None:
    failure = complaints.failure(400, {}, error(words, type="invalid_request_error"))
    assert failure.kind is FailureKind.CONTEXT
    assert failure.message == words
    assert (failure.context_tokens, failure.context_output_tokens, failure.context_limit) == figures


@pytest.mark.parametrize(
    ("status", "words", "kind_word", "kind"),
    [
        (
            429,
            "You exceeded your current quota",
            "exceeded_current_quota_error",
            FailureKind.BILLING,
        ),
        (
            429,
            "max RPM: 3, please try again after 1 seconds",
            "rate_limit_reached_error",
            FailureKind.RATE_LIMIT,
        ),
        (
            429,
            "The engine is currently overloaded",
            "engine_overloaded_error",
            FailureKind.OVERLOADED,
        ),
        (
            403,
            "You've reached your usage limit for this billing cycle",
            "access_terminated_error",
            FailureKind.BILLING,
        ),
        (
            403,
            "only available for Coding Agents such as Kimi CLI",
            "access_terminated_error",
            FailureKind.PERMISSION,
        ),
        (401, "Invalid Authentication", "invalid_authentication_error", FailureKind.AUTHENTICATION),
        (
            404,
            "Not found the model x or Permission denied",
            "resource_not_found_error",
            FailureKind.NOT_FOUND,
        ),
        (400, "considered high risk", "content_filter", FailureKind.INVALID),
    ],
)
def test_moonshots_errors(status: int, words: str, kind_word: str, kind: FailureKind) -> None:
    failure = complaints.failure(status, {}, error(words, type=kind_word))
    assert (failure.kind, failure.message, failure.raw_type) == (kind, words, kind_word)


def test_a_wait_is_read_from_header_or_words() -> None:
    body = error("max RPM: 3, please try again after 1 seconds", type="rate_limit_reached_error")
    assert complaints.failure(429, {}, body).retry_after_s == 1.0
    assert complaints.failure(429, {"retry-after": "7"}, body).retry_after_s == 7.0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":"plain"}', "plain"),
        (b'{"code":400,"message":"flat"}', "flat"),
        (b'{"type":"error","error":{"type":"invalid_request_error","message":"x"}}', "x"),
        (error(json.dumps({"error": {"message": "inside"}}), type=None), "inside"),
        (b"<html><head><title>413 Request Entity Too Large</title></head></html>", "413 Request"),
        (b"upstream connect error", "upstream connect error"),
        (b"", "HTTP 400"),
    ],
)
def test_envelopes_of_all_kinds(body: bytes, words: str) -> None:
    assert complaints.failure(400, {}, body).message.startswith(words)


def test_a_success_around_an_error() -> None:
    assert complaints.failure(200, {}, b'{"code":429,"message":"slow down"}').status == 429
    assert complaints.failure(200, {}, error("x", type="authentication_error")).status == 400


@pytest.mark.parametrize(
    ("body", "is_one"),
    [
        (b'{"error":{"message":"x"}}', True),
        (b'{"type":"error"}', True),
        (b'{"detail":"x"}', True),
        (b'{"code":500}', True),
        (b'{"error":null}', False),
        (b'{"code":0}', False),
        (b'{"type":"ping"}', False),
        (b"[]", False),
        (b"{", False),
    ],
)
def test_what_counts_as_an_error(body: bytes, is_one: bool) -> None:
    assert is_error(body) is is_one


# --- what clients see ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status", "type_", "code"),
    [
        (FailureKind.INVALID, 400, "invalid_request_error", None),
        (FailureKind.CONTEXT, 400, "invalid_request_error", "context_length_exceeded"),
        (FailureKind.AUTHENTICATION, 401, "authentication_error", "invalid_api_key"),
        (FailureKind.BILLING, 402, "insufficient_quota", "insufficient_quota"),
        (FailureKind.PERMISSION, 403, "permission_error", "permission_denied"),
        (FailureKind.NOT_FOUND, 404, "invalid_request_error", "model_not_found"),
        (FailureKind.TIMEOUT, 504, "server_error", "timeout"),
        (FailureKind.TIMEOUT, 408, "timeout", "request_timeout"),
        (FailureKind.TOO_LARGE, 413, "invalid_request_error", "request_too_large"),
        (FailureKind.RATE_LIMIT, 429, "rate_limit_error", "rate_limit_exceeded"),
        (FailureKind.INTERNAL, 500, "server_error", "internal_error"),
        (FailureKind.UPSTREAM, 502, "server_error", "upstream_error"),
        (FailureKind.OVERLOADED, 503, "server_error", "overloaded"),
    ],
)
def test_types_and_codes(kind: FailureKind, status: int, type_: str, code: str | None) -> None:
    found, value = rendered(Failure(kind, "words", status))
    assert (found, value["type"], value["code"]) == (status, type_, code)
    assert value["message"] == "words"


def test_overload_has_a_status_that_openais_clients_know() -> None:
    assert rendered(Failure(FailureKind.OVERLOADED, "busy", 529))[0] == 503


def test_overflow_names_what_is_too_long() -> None:
    """Agents compact on the code; whatever the upstream called it is of no use to them."""
    value = rendered(Failure(FailureKind.CONTEXT, "prompt is too long", 400, code="1261"))[1]
    assert (value["param"], value["code"]) == ("messages", "context_length_exceeded")


def test_the_upstreams_own_code_and_place_stay() -> None:
    failure = Failure(FailureKind.INVALID, "x", 400, code="unsupported_parameter", param="seed")
    value = rendered(failure)[1]
    assert (value["param"], value["code"]) == ("seed", "unsupported_parameter")
    assert rendered(Failure(FailureKind.INVALID, "x", 400, code="400"))[1]["code"] is None

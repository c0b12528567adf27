"""Errors as an Anthropic client reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.anthropic import failure
from gwproxy.translate.errors import complaints
from gwproxy.translate.hub import Failure, FailureKind


def body_of(what: Failure) -> Any:
    return json.loads(failure.render(what, "req_7")[1])


@pytest.mark.parametrize(
    ("kind", "status", "sent", "word"),
    [
        (FailureKind.INVALID, 400, 400, "invalid_request_error"),
        (FailureKind.INVALID, 422, 422, "invalid_request_error"),
        (FailureKind.CONTEXT, 400, 400, "invalid_request_error"),
        (FailureKind.AUTHENTICATION, 401, 401, "authentication_error"),
        (FailureKind.AUTHENTICATION, 400, 400, "billing_error"),  # of the provider's key
        (FailureKind.BILLING, 402, 402, "billing_error"),
        (FailureKind.PERMISSION, 403, 403, "permission_error"),
        (FailureKind.NOT_FOUND, 404, 404, "not_found_error"),
        (FailureKind.TIMEOUT, 408, 408, "timeout_error"),
        (FailureKind.TIMEOUT, 504, 504, "timeout_error"),
        (FailureKind.CONFLICT, 409, 409, "conflict_error"),
        (FailureKind.TOO_LARGE, 413, 413, "request_too_large"),
        (FailureKind.RATE_LIMIT, 429, 429, "rate_limit_error"),
        (FailureKind.INTERNAL, 500, 500, "api_error"),
        (FailureKind.UPSTREAM, 502, 502, "api_error"),
        (FailureKind.OVERLOADED, 503, 529, "overloaded_error"),
        (FailureKind.OVERLOADED, 429, 529, "overloaded_error"),
        (FailureKind.UNSUPPORTED, 501, 501, "not_supported"),
    ],
)
def test_status_and_type(kind: FailureKind, status: int, sent: int, word: str) -> None:
    what = Failure(kind, "prompt is too long", status)
    got, body = failure.render(what, "req_7")

    assert got == sent
    assert json.loads(body) == {
        "type": "error",
        "error": {"type": word, "message": "prompt is too long"},
        "request_id": "req_7",
    }


def test_every_kind_has_a_type() -> None:
    for kind in FailureKind:
        assert body_of(Failure(kind, "x", 400))["error"]["type"]


@pytest.mark.parametrize(
    ("message", "figures", "words"),
    [
        (
            "exceeded model token limit",
            (300_000, None, 262_144),
            "prompt is too long: 300000 tokens > 262144 maximum",
        ),
        (
            "maximum context length",
            (8000, 500, 8192),
            "input length and `max_tokens` exceed context limit: 8000 + 500 > 8192, "
            "decrease input length or `max_tokens` and try again",
        ),
        (
            "maximum context length",
            (8500, 500, 8192),
            "prompt is too long: 8500 tokens > 8192 maximum",
        ),
        ("Input too long", (None, None, None), "prompt is too long: Input too long"),
        ("prompt is too long", (None, None, None), "prompt is too long"),
    ],
)
def test_claude_code_compacts_on_these_words(
    message: str, figures: tuple[int | None, int | None, int | None], words: str
) -> None:
    tokens, output, limit = figures
    what = Failure(
        FailureKind.CONTEXT,
        message,
        400,
        context_tokens=tokens,
        context_output_tokens=output,
        context_limit=limit,
    )

    assert body_of(what)["error"]["message"] == words


@pytest.mark.parametrize(
    "kind",
    [kind for kind in FailureKind if kind not in (FailureKind.CONTEXT, FailureKind.AUTHENTICATION)],
)
def test_what_is_rendered_is_read_again(kind: FailureKind) -> None:
    status, body = failure.render(Failure(kind, "in the upstream's words", 400), "req_7")
    again = complaints.failure(status if status != 400 else 200, {}, body)

    expected = {FailureKind.UPSTREAM: FailureKind.INTERNAL, FailureKind.UNSUPPORTED: None}
    if expected.get(kind, kind) is not None:
        assert again.kind is expected.get(kind, kind)
    assert again.message == "in the upstream's words"


@pytest.mark.parametrize("said", ["invalid x-api-key", "X-API-Key is wrong"])
def test_words_that_would_hide_all_others_are_said_otherwise(said: str) -> None:
    refused = Failure(FailureKind.AUTHENTICATION, f"{said} (which key)", 400, upstream_status=401)
    told = failure.error_object(refused, "r")["error"]["message"]
    assert "x-api-key" not in told.lower()
    assert "API key" in told
    assert "(which key)" in told
    ours = Failure(FailureKind.AUTHENTICATION, said, 401)
    assert failure.error_object(ours, "r")["error"]["message"] == said


def test_a_refused_key_is_read_again_by_the_header_beside_it() -> None:
    told = failure.render(Failure(FailureKind.AUTHENTICATION, "no such key", 400), "req_7")
    again = complaints.failure(told[0], {complaints.UPSTREAM_STATUS: "401"}, told[1])
    assert (again.kind, again.upstream_status) == (FailureKind.AUTHENTICATION, 401)


def test_a_moonshot_overflow_reaches_claude_code() -> None:
    """MoonshotAI/kimi-cli#2011: without a translation the client never compacts."""
    upstream = (
        b'{"error":{"message":"Invalid request: Your request exceeded model token limit: 262144 '
        b'(requested: 300001)","type":"invalid_request_error"}}'
    )
    status, body = failure.render(complaints.failure(400, {}, upstream), "req_7")

    assert status == 400
    assert b"prompt is too long: 300001 tokens > 262144 maximum" in body


def test_an_error_inside_a_stream() -> None:
    what = complaints.failure_of({"error": {"type": "overloaded_error", "message": "busy"}})

    assert (what.kind, what.status) == (FailureKind.OVERLOADED, 529)

"""Responses errors: status, type, code and words."""

from __future__ import annotations

import json

import pytest

from gwproxy.translate.errors import complaints
from gwproxy.translate.hub import Failure, FailureKind
from gwproxy.translate.responses import failure


@pytest.mark.parametrize(
    ("given", "status", "kind", "code"),
    [
        (Failure(FailureKind.INVALID, "x", 400), 400, "invalid_request_error", None),
        (
            Failure(FailureKind.CONTEXT, "x", 400),
            400,
            "invalid_request_error",
            "context_length_exceeded",
        ),
        (
            Failure(FailureKind.AUTHENTICATION, "x", 401),
            401,
            "authentication_error",
            "invalid_api_key",
        ),
        (
            Failure(FailureKind.BILLING, "x", 402),
            402,
            "insufficient_quota",
            "insufficient_quota",
        ),
        (
            Failure(FailureKind.RATE_LIMIT, "x", 429),
            429,
            "rate_limit_error",
            "rate_limit_exceeded",
        ),
        (Failure(FailureKind.OVERLOADED, "x", 529), 503, "server_error", "overloaded"),
        (Failure(FailureKind.UPSTREAM, "x", 502), 502, "server_error", "upstream_error"),
        (
            Failure(FailureKind.INVALID, "x", 400, code="invalid_image", param="input"),
            400,
            "invalid_request_error",
            "invalid_image",
        ),
    ],
)
def test_errors(given: Failure, status: int, kind: str, code: str | None) -> None:
    sent, body = failure.render(given, "req_1")
    error = json.loads(body)["error"]
    assert sent == status
    assert (error["message"], error["type"], error["code"]) == ("x", kind, code)


def test_a_prompt_that_is_too_long_is_the_inputs_fault() -> None:
    _, body = failure.render(Failure(FailureKind.CONTEXT, "x", 400), "req_1")
    assert json.loads(body)["error"]["param"] == "input"


def test_an_upstreams_words_are_kept() -> None:
    body = (
        b'{"error":{"message":"No such model: x","type":"invalid_request_error","param":"model"}}'
    )
    parsed = complaints.failure(404, {}, body)
    assert (parsed.kind, parsed.message, parsed.param) == (
        FailureKind.NOT_FOUND,
        "No such model: x",
        "model",
    )


def test_flat_and_nested_say_the_same() -> None:
    members = failure.event_members(Failure(FailureKind.RATE_LIMIT, "x", 429, retry_after_s=1))
    nested = members.pop("error")
    assert {name: nested[name] for name in members} == members
    assert nested["type"] == "rate_limit_error"


def test_a_wait_that_is_already_said_is_not_said_again() -> None:
    words = "Please try again in 2s."
    said = Failure(FailureKind.RATE_LIMIT, words, 429, retry_after_s=2)
    assert failure.response_error(said)["message"] == words

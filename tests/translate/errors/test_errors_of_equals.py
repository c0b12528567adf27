"""Errors between two that speak the same dialect: verbatim, unless the client could not act."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.bridge import ErrorAnswer
from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks
from support.bridges import bridge_of

KIMI_OVERFLOW = (
    "Invalid request: Your request exceeded model token limit: 262144 (requested: 300000)"
)


def envelope(kind: str, message: str, **more: Any) -> bytes:
    return json.dumps(
        {"type": "error", "error": {"type": kind, "message": message, **more}}
    ).encode()


def answered(dialect: Dialect, status: int, body: bytes, *, rebuild: bool) -> ErrorAnswer:
    bridge = bridge_of(dialect, dialect, Quirks(rebuild=rebuild), stream=False)
    return bridge.error(status, {}, body)


def error_of(answer: ErrorAnswer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)["error"]
    return found


@pytest.mark.parametrize("rebuild", [False, True])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (
            400,
            envelope("invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"),
        ),
        (
            400,
            envelope(
                "invalid_request_error",
                "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000, "
                "decrease input length or `max_tokens` and try again",
            ),
        ),
        (400, envelope("invalid_request_error", "tools.0.name: is odd", hint="kept")),
        (429, envelope("rate_limit_error", "slowly")),
    ],
)
def test_what_the_client_can_act_on_stays_as_it_is(status: int, body: bytes, rebuild: bool) -> None:
    answer = answered(Dialect.ANTHROPIC, status, body, rebuild=rebuild)
    assert (answer.status, answer.body) == (status, body)


@pytest.mark.parametrize("rebuild", [False, True])
def test_claude_code_is_told_to_compact_in_its_own_words(rebuild: bool) -> None:
    body = envelope("invalid_request_error", KIMI_OVERFLOW)
    answer = answered(Dialect.ANTHROPIC, 400, body, rebuild=rebuild)
    assert error_of(answer)["message"] == "prompt is too long: 300000 tokens > 262144 maximum"


@pytest.mark.parametrize("dialect", [Dialect.CHAT, Dialect.RESPONSES])
def test_openai_clients_are_told_by_their_code(dialect: Dialect) -> None:
    answer = answered(dialect, 400, envelope("invalid_request_error", KIMI_OVERFLOW), rebuild=False)
    error = error_of(answer)
    assert (answer.status, error["code"]) == (400, "context_length_exceeded")
    assert error["message"] == KIMI_OVERFLOW
    own = envelope("invalid_request_error", KIMI_OVERFLOW, code="context_length_exceeded")
    assert answered(dialect, 400, own, rebuild=False).body == own


@pytest.mark.parametrize(
    ("status", "kind", "message", "told"),
    [
        (
            403,
            "permission_error",
            "You've reached your usage limit for this billing cycle",
            (402, "billing_error"),
        ),
        (
            429,
            "engine_overloaded_error",
            "The engine is currently overloaded, please try again later",
            (529, "overloaded_error"),
        ),
    ],
)
def test_third_parties_status_becomes_the_one_that_the_client_knows(
    status: int, kind: str, message: str, told: tuple[int, str]
) -> None:
    body = envelope(kind, message)
    answer = answered(Dialect.ANTHROPIC, status, body, rebuild=True)
    assert (answer.status, error_of(answer)["type"]) == told
    assert error_of(answer)["message"] == message
    relayed = answered(Dialect.ANTHROPIC, status, body, rebuild=False)
    assert (relayed.status, relayed.body) == (status, body)


QUOTA = "You exceeded your current quota, please check your plan and billing details"


@pytest.mark.parametrize(
    ("dialect", "own"),
    [
        (Dialect.ANTHROPIC, "billing_error"),
        (Dialect.CHAT, "insufficient_quota"),
        (Dialect.RESPONSES, "insufficient_quota"),
    ],
)
@pytest.mark.parametrize("rebuild", [False, True])
def test_nobody_is_left_to_wait_for_money(dialect: Dialect, own: str, rebuild: bool) -> None:
    """A 429 is waited out, but by who knows the label; Codex has no words for it then."""
    body = envelope("exceeded_current_quota_error", QUOTA)
    answer = answered(dialect, 429, body, rebuild=rebuild)
    assert (answer.status, error_of(answer)["type"]) == (402, own)
    assert error_of(answer)["message"] == QUOTA
    known = envelope(own, QUOTA)
    assert answered(dialect, 429, known, rebuild=False).status == 429
    assert answered(dialect, 429, known, rebuild=False).body == known


def test_a_full_window_that_was_called_a_servers_error_is_not_tried_again() -> None:
    body = envelope("invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum")
    assert answered(Dialect.ANTHROPIC, 500, body, rebuild=False).status == 400

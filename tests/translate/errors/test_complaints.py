"""Errors as upstreams word them: what kind each is, its figures, and that its words survive."""

from __future__ import annotations

import json

import pytest

from gwproxy.translate.errors import complaints
from gwproxy.translate.hub import Failure, FailureKind


def failure(status: int, error: object, **headers: str) -> Failure:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return complaints.failure(status, names, json.dumps(error).encode())


def openai(message: str, **members: object) -> dict[str, object]:
    return {"error": {"message": message, **members}}


def anthropic(message: str, kind: str) -> dict[str, object]:
    return {"type": "error", "error": {"type": kind, "message": message}}


@pytest.mark.parametrize(
    ("message", "tokens", "output", "limit"),
    [
        ("prompt is too long: 219558 tokens > 200000 maximum", 219558, None, 200000),
        (
            "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000, "
            "decrease input length or `max_tokens` and try again",
            190000,
            32000,
            200000,
        ),
        (
            "This model's maximum context length is 8192 tokens. However, you requested 9000 "
            "tokens (8500 in the messages, 500 in the completion). Please reduce the length.",
            8500,
            500,
            8192,
        ),
        (
            "This model's maximum context length is 4,097 tokens. However, your messages "
            "resulted in 5,000 tokens.",
            5000,
            None,
            4097,
        ),
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum "
            "context length is 40960 tokens and your request has 12000 input tokens "
            "(32000 > 40960 - 12000).",
            12000,
            32000,
            40960,
        ),
        (
            "Invalid request: Your request exceeded model token limit: 262144 (requested: 300001)",
            300001,
            None,
            262144,
        ),
        (
            "The input token count (1200000) exceeds the maximum number of tokens allowed "
            "(1048576).",
            1200000,
            None,
            1048576,
        ),
        ("Input token length too long", None, None, None),
        ("Your input exceeds the context window of this model.", None, None, None),
    ],
)
def test_an_overflow_is_known_by_its_words(
    message: str, tokens: int | None, output: int | None, limit: int | None
) -> None:
    found = failure(400, openai(message, type="invalid_request_error"))

    assert found.kind is FailureKind.CONTEXT
    assert found.message == message
    assert found.status == 400
    figures = (found.context_tokens, found.context_output_tokens, found.context_limit)
    assert figures == (tokens, output, limit)


def test_an_overflow_is_known_by_its_code_and_members() -> None:
    found = failure(
        400,
        {
            "error": {
                "code": 400,
                "message": "the request is too big for the slot",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 9000,
                "n_ctx": 8192,
            }
        },
    )

    assert found.kind is FailureKind.CONTEXT
    assert (found.context_tokens, found.context_limit) == (9000, 8192)


def test_a_server_error_that_quotes_an_overflow_is_none() -> None:
    quoted = 'cannot parse {"role": "user", "content": "why is the prompt is too long?"}'
    assert failure(500, openai(quoted)).kind is FailureKind.INTERNAL


@pytest.mark.parametrize(
    ("status", "body", "kind", "client_status"),
    [
        (400, anthropic("x", "invalid_request_error"), FailureKind.INVALID, 400),
        (422, {"detail": [{"loc": ["body", "n"], "msg": "no"}]}, FailureKind.INVALID, 422),
        (401, openai("Invalid Authentication", code="x"), FailureKind.AUTHENTICATION, 400),
        (402, openai("unable to verify your membership benefits"), FailureKind.BILLING, 402),
        (403, anthropic("no", "permission_error"), FailureKind.PERMISSION, 403),
        (404, openai("Not found the model k", code="model_not_found"), FailureKind.NOT_FOUND, 404),
        (408, openai("slow"), FailureKind.TIMEOUT, 408),
        (413, openai("big"), FailureKind.TOO_LARGE, 413),
        (429, anthropic("slow down", "rate_limit_error"), FailureKind.RATE_LIMIT, 429),
        (500, openai("boom"), FailureKind.INTERNAL, 500),
        (502, openai("bad gateway"), FailureKind.UPSTREAM, 502),
        (503, openai("busy"), FailureKind.OVERLOADED, 503),
        (529, anthropic("Overloaded", "overloaded_error"), FailureKind.OVERLOADED, 529),
        # no money is no rate limit: waiting does not help
        (429, openai("x", code="insufficient_quota"), FailureKind.BILLING, 402),
        (429, openai("You exceeded your current quota, recharge"), FailureKind.BILLING, 402),
        (429, openai("usage limit for this period"), FailureKind.BILLING, 402),
        (
            403,
            openai(
                "You've reached your usage limit for this billing cycle.",
                type="access_terminated_error",
            ),
            FailureKind.BILLING,
            402,
        ),
        # the same type is also Kimi Code's client gate
        (
            403,
            openai("only available for Coding Agents", type="access_terminated_error"),
            FailureKind.PERMISSION,
            403,
        ),
        (
            429,
            openai(
                "The engine is currently overloaded, please try again later",
                type="engine_overloaded_error",
            ),
            FailureKind.OVERLOADED,
            429,
        ),
        # errors inside a success have only their labels
        (200, anthropic("Overloaded", "overloaded_error"), FailureKind.OVERLOADED, 529),
        (200, openai("x", type="rate_limit_reached_error"), FailureKind.RATE_LIMIT, 429),
        (200, {"code": 429, "message": "x"}, FailureKind.RATE_LIMIT, 429),
        (200, {"code": "server_error", "message": "x"}, FailureKind.INTERNAL, 500),
        (200, {"error": {"message": "x"}}, FailureKind.UPSTREAM, 502),
    ],
)
def test_the_kind_and_the_status(
    status: int, body: dict[str, object], kind: FailureKind, client_status: int
) -> None:
    found = failure(status, body)

    assert found.kind is kind
    assert found.status == client_status


def test_only_what_waiting_cannot_mend_stops_a_client_at_once() -> None:
    assert failure(401, openai("x")).retryable is False
    assert failure(402, openai("x")).retryable is False
    assert failure(429, openai("x")).retryable is None
    assert failure(529, openai("x"), x_should_retry="false").retryable is False
    assert failure(400, openai("x"), x_should_retry="true").retryable is True


@pytest.mark.parametrize(
    ("headers", "message", "wait_s"),
    [
        ({"retry_after": "7"}, "x", 7.0),
        ({"retry_after_ms": "1500", "retry_after": "2"}, "x", 1.5),
        (
            {
                "retry_after": "Sun, 22 Nov 2026 10:00:30 GMT",
                "date": "Sun, 22 Nov 2026 10:00:00 GMT",
            },
            "x",
            30.0,
        ),
        ({"retry_after": "soon"}, "x", None),
        ({}, "max RPM: 3, please try again after 1 seconds", 1.0),
        ({}, "Please try again in 250ms.", 0.25),
        ({}, "nothing said", None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], message: str, wait_s: float | None) -> None:
    assert failure(429, openai(message), **headers).retry_after_s == wait_s


def test_an_error_in_an_error_in_a_string_is_dug_out() -> None:
    inner = json.dumps(anthropic("the true words", "invalid_request_error"))
    middle = json.dumps(openai(inner, type="<nil>"))

    found = failure(400, openai(middle, type=None, code="relayed"))

    assert found.message == "the true words"
    assert found.raw_type == "invalid_request_error"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        # NestJS, Fastify, Spring: `error` is the status in words.
        ({"statusCode": 400, "message": ["a is bad", "b is bad"], "error": "Bad Request"}, None),
        ({"statusCode": 400, "error": "Bad Request", "message": "a is bad; b is bad"}, None),
        # OpenRouter: what the provider said stands beside it.
        (
            {
                "error": {
                    "message": "Provider returned error",
                    "code": 400,
                    "metadata": {"raw": '{"error":{"message":"a is bad; b is bad"}}'},
                }
            },
            None,
        ),
        # RFC 9457, ASP.NET, OAuth, Go's habits
        ({"title": "Bad Request", "detail": "a is bad; b is bad"}, None),
        ({"title": "Validation", "errors": {"$.a": ["a is bad"], "$.b": ["b is bad"]}}, None),
        ({"error": "invalid_request", "error_description": "a is bad; b is bad"}, None),
        ({"Message": "a is bad; b is bad", "Code": "InvalidParameter"}, None),
        (["a is bad; b is bad"], None),
        # Nobody's envelope is shown as it is (MiniMax, Tencent Cloud).
        ({"base_resp": {"status_msg": "bad"}}, '{"base_resp": {"status_msg": "bad"}}'),
    ],
)
def test_the_words_of_other_frameworks_are_found(body: object, message: str | None) -> None:
    found = complaints.failure(400, {}, json.dumps(body).encode())
    assert found.message == (message or "a is bad; b is bad")


def test_an_error_that_is_a_code_beside_its_words_is_the_code() -> None:
    body = {"error": "context_length_exceeded", "message": "Too much."}
    found = complaints.failure(400, {}, json.dumps(body).encode())
    assert (found.kind, found.message) == (FailureKind.CONTEXT, "Too much.")


def test_digging_is_bounded() -> None:
    value: dict[str, object] = {"message": "deep"}
    for _ in range(12):
        value = {"error": json.dumps(value), "message": "shallow"}

    assert failure(400, value).kind is FailureKind.INVALID


def test_labels_that_say_nothing_are_none() -> None:
    found = failure(400, openai("x", type="<nil>", code=None, param=""))

    assert (found.raw_type, found.code, found.param) == (None, None, None)


def test_a_cause_in_details_is_the_code() -> None:
    body = {"error": {"type": "t", "message": "x", "details": {"error_code": "file_expired"}}}

    assert failure(400, body).code == "file_expired"


def test_a_web_page_becomes_its_title_and_the_ray() -> None:
    page = b"<!DOCTYPE html><html><head><title>api.example | 524:\n A timeout</title></head>"

    found = complaints.failure(524, {"cf-ray": "8a1b-FRA"}, page)

    assert found.kind is FailureKind.TIMEOUT
    assert found.message == "api.example | 524: A timeout (CF-Ray 8a1b-FRA)"


def test_a_page_without_a_title_becomes_its_text() -> None:
    page = b"<html><body><h1>413 Request&nbsp;Entity</h1><script>x()</script>nginx</body></html>"

    assert complaints.failure(413, {}, page).message == "413 Request Entity nginx"


def test_the_first_of_a_list_of_errors_is_read() -> None:
    body = b'{"success":false,"errors":[{"code":7003,"message":"No route"},{"message":"x"}]}'
    found = complaints.failure(404, {}, body)
    assert (found.message, found.code) == ("No route", "7003")


def test_long_text_is_cut_and_an_empty_body_is_named() -> None:
    assert len(complaints.failure(500, {}, b"x" * 5000).message) == 200
    assert complaints.failure(500, {}, b"").message == "HTTP 500 (no explanation)"
    assert complaints.failure(400, {}, b"[]").message == "HTTP 400 (no explanation)"

"""Responses errors: the envelope of an HTTP answer, the last events of a failed stream.

Errors are read in `errors/complaints.py`, for upstreams relay each other's.

https://platform.openai.com/docs/guides/error-codes
https://platform.openai.com/docs/api-reference/responses-streaming/error
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from gwproxy.translate.errors.openai_error import error_object, status_of
from gwproxy.translate.hub import Failure, FailureKind
from gwproxy.translate.wire import jsonio

_PROMPT_FIELD: Final = "input"
_MESSAGES: Final = re.compile(r"messages(?:[.\[].*)?")

# `error.code` of a response object: the published set, and the two that Codex acts upon although
# they are not in it (it compacts on the first and stops on the second).
_CODES: Final[Mapping[FailureKind, str]] = {
    FailureKind.CONTEXT: "context_length_exceeded",
    FailureKind.BILLING: "insufficient_quota",
    FailureKind.RATE_LIMIT: "rate_limit_exceeded",
    FailureKind.TIMEOUT: "server_error",
    FailureKind.INTERNAL: "server_error",
    FailureKind.UPSTREAM: "server_error",
    FailureKind.OVERLOADED: "server_error",
}
_OTHERS: Final = "invalid_prompt"
_PUBLISHED: Final = frozenset(
    {
        "server_error",
        "rate_limit_exceeded",
        "invalid_prompt",
        "data_residency_mismatch",
        "bio_policy",
        "misalignment_policy_violation",
        "vector_store_timeout",
        "invalid_image",
        "invalid_image_format",
        "invalid_base64_image",
        "invalid_image_url",
        "image_too_large",
        "image_too_small",
        "image_parse_error",
        "image_content_policy_violation",
        "invalid_image_mode",
        "image_file_too_large",
        "unsupported_image_media_type",
        "empty_image_file",
        "failed_to_download_image",
        "image_file_not_found",
    }
)
_SAYS_WHEN: Final = re.compile(r"try again in", re.IGNORECASE)


def render(failure: Failure, request_id: str) -> tuple[int, bytes]:
    """HTTP status and body of the failure. The request id goes into the `x-request-id` header, as
    OpenAI's errors have no member for it."""
    return status_of(failure), jsonio.dumps({"error": _error_object(failure)})


def _error_object(failure: Failure) -> dict[str, Any]:
    """The error object; a path in `messages`, which are `input` here, is shortened to that name."""
    blamed = failure.param or ""
    if _MESSAGES.fullmatch(blamed):
        why = failure.message.removeprefix(f"{blamed}: ")
        words = failure.message if why == failure.message else f"{_PROMPT_FIELD}: {why}"
        failure = replace(failure, param=_PROMPT_FIELD, message=words)
    return error_object(failure, _PROMPT_FIELD)


def response_error(failure: Failure) -> dict[str, Any]:
    """The `error` of a failed response object."""
    code = failure.code if failure.code in _PUBLISHED else _CODES.get(failure.kind, _OTHERS)
    return {"code": code, "message": _timed(failure)}


def _timed(failure: Failure) -> str:
    """The message with the wait in it: a stream has no `retry-after`, and Codex reads these
    words."""
    wait = failure.retry_after_s
    if wait is None or _SAYS_WHEN.search(failure.message):
        return failure.message
    return f"{failure.message} Please try again in {wait:g}s."


def event_members(failure: Failure) -> dict[str, Any]:
    """The members of an `error` event besides type and number, flat and nested: the flat shape is
    the published one, and the openai SDK raises only for the nested one
    (openai/openai-dotnet#881)."""
    error = response_error(failure)
    nested = {**_error_object(failure), **error}
    return {**error, "param": nested["param"], "error": nested}

"""The error envelope of Messages: `{"type":"error","error":{"type","message"},"request_id"}`.

Errors are read in `errors/complaints.py`, for upstreams relay each other's. Claude Code acts on the
exact words of some messages, so those are written here and nowhere else.

https://docs.claude.com/en/api/errors
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from gwproxy.translate.hub import Failure, FailureKind
from gwproxy.translate.wire import jsonio

_TYPES: Final[Mapping[FailureKind, str]] = {
    FailureKind.INVALID: "invalid_request_error",
    FailureKind.CONTEXT: "invalid_request_error",
    FailureKind.AUTHENTICATION: "authentication_error",
    FailureKind.BILLING: "billing_error",
    FailureKind.PERMISSION: "permission_error",
    FailureKind.NOT_FOUND: "not_found_error",
    FailureKind.TIMEOUT: "timeout_error",
    FailureKind.CONFLICT: "conflict_error",
    FailureKind.TOO_LARGE: "request_too_large",
    FailureKind.RATE_LIMIT: "rate_limit_error",
    FailureKind.INTERNAL: "api_error",
    FailureKind.UPSTREAM: "api_error",
    FailureKind.OVERLOADED: "overloaded_error",
    FailureKind.UNSUPPORTED: "not_supported",
}

# The type where a provider refuses our key, which is no 401 (`complaints`). Claude Code repeats a
# 400 of any other type five times, each time without another feature (seen with 2.1.330).
_KEY_OF_OURS: Final = "billing_error"
# These words have it show "Please run /login" in place of all others, whatever the status is (seen
# with 2.1.330): Anthropic's own for a wrong key.
_LOGIN_WORDS: Final = re.compile("x-api-key", re.IGNORECASE)


def render(failure: Failure, request_id: str) -> tuple[int, bytes]:
    """HTTP status and body of the failure."""
    # The SDKs and Claude Code know overload by this status of its own.
    status = 529 if failure.kind is FailureKind.OVERLOADED else failure.status
    return status, jsonio.dumps(error_object(failure, request_id))


def error_object(failure: Failure, request_id: str) -> dict[str, Any]:
    """The envelope, for bodies and for `event: error`."""
    message = _overflow(failure) if failure.kind is FailureKind.CONTEXT else failure.message
    ours = failure.kind is FailureKind.AUTHENTICATION and failure.status != 401
    if ours:
        message = _LOGIN_WORDS.sub("API key", message)
    return {
        "type": "error",
        "error": {"type": _KEY_OF_OURS if ours else _TYPES[failure.kind], "message": message},
        "request_id": request_id,
    }


def _overflow(failure: Failure) -> str:
    """The message on which Claude Code compacts, or lowers `max_tokens` and tries again."""
    tokens, limit = failure.context_tokens, failure.context_limit
    output = failure.context_output_tokens
    if tokens is None or limit is None:
        known = "prompt is too long" in failure.message or "context limit" in failure.message
        return failure.message if known else f"prompt is too long: {failure.message}"
    if output is not None and tokens <= limit:
        return (
            f"input length and `max_tokens` exceed context limit: {tokens} + {output} > {limit}, "
            "decrease input length or `max_tokens` and try again"
        )
    return f"prompt is too long: {tokens} tokens > {limit} maximum"

"""The error object of OpenAI's APIs, which Chat and Responses write alike.

Types and codes are those that the official SDKs and the agents branch on.

https://platform.openai.com/docs/guides/error-codes
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gwproxy.translate.hub import Failure, FailureKind

# (type, code) by kind.
_LABELS: Final[Mapping[FailureKind, tuple[str, str | None]]] = {
    FailureKind.INVALID: ("invalid_request_error", None),
    FailureKind.CONTEXT: ("invalid_request_error", "context_length_exceeded"),
    FailureKind.AUTHENTICATION: ("authentication_error", "invalid_api_key"),
    FailureKind.BILLING: ("insufficient_quota", "insufficient_quota"),
    FailureKind.PERMISSION: ("permission_error", "permission_denied"),
    FailureKind.NOT_FOUND: ("invalid_request_error", "model_not_found"),
    FailureKind.TIMEOUT: ("server_error", "timeout"),
    FailureKind.CONFLICT: ("conflict_error", "conflict"),
    FailureKind.TOO_LARGE: ("invalid_request_error", "request_too_large"),
    FailureKind.RATE_LIMIT: ("rate_limit_error", "rate_limit_exceeded"),
    FailureKind.INTERNAL: ("server_error", "internal_error"),
    FailureKind.UPSTREAM: ("server_error", "upstream_error"),
    FailureKind.OVERLOADED: ("server_error", "overloaded"),
    FailureKind.UNSUPPORTED: ("invalid_request_error", "not_supported"),
}
# Agents compact or stop on these very codes, whatever the upstream called it.
_FIXED_CODES: Final = frozenset(
    {FailureKind.CONTEXT, FailureKind.BILLING, FailureKind.OVERLOADED, FailureKind.RATE_LIMIT}
)


def status_of(failure: Failure) -> int:
    """The HTTP status for an OpenAI client: 503 for 529, which is Anthropic's own."""
    return 503 if failure.status == 529 else failure.status


def error_object(failure: Failure, prompt_field: str) -> dict[str, Any]:
    """The value of `error` in the envelope. `prompt_field` is the member that holds the prompt,
    named as `param` when it is too long."""
    kind, code = _LABELS[failure.kind]
    if failure.kind is FailureKind.TIMEOUT and failure.status == 408:
        kind, code = "timeout", "request_timeout"
    if failure.code is not None and failure.kind not in _FIXED_CODES:
        code = None if failure.code.isdigit() else failure.code
    param = failure.param
    if param is None and failure.kind is FailureKind.CONTEXT:
        param = prompt_field
    return {"message": failure.message, "type": kind, "param": param, "code": code}

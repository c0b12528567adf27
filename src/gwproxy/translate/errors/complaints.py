"""Reads an upstream's error, whatever its envelope and whoever wrote it, as a Failure.

Servers that speak one dialect relay the errors of another: an Anthropic route answers in OpenAI's
types, a Chat route nests an Anthropic body as a JSON string, a CDN answers with a web page. So all
dialects read errors here; only the rendering is theirs. The message stays verbatim: clients match
its words and people search for them. Must not know how any dialect writes an error.

Sources of the words: https://docs.claude.com/en/api/errors,
https://platform.openai.com/docs/guides/error-codes, https://platform.moonshot.ai/docs/api/errors,
https://www.kimi.com/code/docs/en/error-reference.html, MoonshotAI/kimi-cli#2011,
MoonshotAI/kimi-code#1857, MoonshotAI/kimi-code#2121, ggml-org/llama.cpp (server errors).
"""

from __future__ import annotations

import email.utils
import html
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from gwproxy.translate.errors.failure_words import figures_in, is_overflow, kind_in
from gwproxy.translate.hub import Failure, FailureKind
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import count_of

# A page or a log line in place of an error: enough of it to recognise, not to flood a terminal.
_EXCERPT_CHARACTERS: Final = 200
# `{"error":{"message":"{\"error\":{\"message\":…` : resellers in front of resellers.
_MAX_NESTING: Final = 8
# OpenRouter's own words; the provider's stand beside them
# (https://openrouter.ai/docs/api-reference/errors).
_RESELLER: Final = "Provider returned error"
# By rank, in lower case: FastAPI, Baidu, OAuth, RFC 9457, ASP.NET (whose title says least).
_NAMES_OF_WORDS: Final = (
    *("message", "msg", "detail", "error_msg", "error_message", "errormessage"),
    *("error_description", "description", "errors", "details", "reason", "title"),
)

_KIND_BY_STATUS: Final[Mapping[int, FailureKind]] = {
    401: FailureKind.AUTHENTICATION,
    402: FailureKind.BILLING,
    403: FailureKind.PERMISSION,
    404: FailureKind.NOT_FOUND,
    408: FailureKind.TIMEOUT,
    409: FailureKind.CONFLICT,
    413: FailureKind.TOO_LARGE,
    429: FailureKind.RATE_LIMIT,
    500: FailureKind.INTERNAL,
    501: FailureKind.UNSUPPORTED,
    503: FailureKind.OVERLOADED,
    504: FailureKind.TIMEOUT,
    524: FailureKind.TIMEOUT,
    529: FailureKind.OVERLOADED,
}

# Types and codes of all dialects, for errors that come without a status of their own.
_KIND_BY_LABEL: Final[Mapping[str, FailureKind]] = {
    "invalid_request_error": FailureKind.INVALID,
    "invalid_request": FailureKind.INVALID,
    "invalid_prompt": FailureKind.INVALID,
    "authentication_error": FailureKind.AUTHENTICATION,
    "invalid_authentication_error": FailureKind.AUTHENTICATION,
    "incorrect_api_key_error": FailureKind.AUTHENTICATION,
    "invalid_api_key": FailureKind.AUTHENTICATION,
    "permission_error": FailureKind.PERMISSION,
    "permission_denied": FailureKind.PERMISSION,
    "access_terminated_error": FailureKind.PERMISSION,
    "not_found_error": FailureKind.NOT_FOUND,
    "not_found": FailureKind.NOT_FOUND,
    "model_not_found": FailureKind.NOT_FOUND,
    "resource_not_found_error": FailureKind.NOT_FOUND,
    "timeout_error": FailureKind.TIMEOUT,
    "timeout": FailureKind.TIMEOUT,
    "vector_store_timeout": FailureKind.TIMEOUT,
    "conflict_error": FailureKind.CONFLICT,
    "request_too_large": FailureKind.TOO_LARGE,
    "rate_limit_error": FailureKind.RATE_LIMIT,
    "rate_limit_exceeded": FailureKind.RATE_LIMIT,
    "rate_limit_reached_error": FailureKind.RATE_LIMIT,
    "too_many_requests": FailureKind.RATE_LIMIT,
    "tokens": FailureKind.RATE_LIMIT,
    "requests": FailureKind.RATE_LIMIT,
    "api_error": FailureKind.INTERNAL,
    "server_error": FailureKind.INTERNAL,
    "internal_error": FailureKind.INTERNAL,
    "model_error": FailureKind.INTERNAL,
}
_OVERLOADED_LABELS: Final = frozenset({"overloaded_error", "engine_overloaded_error", "overloaded"})
_BILLING_LABELS: Final = frozenset(
    {"billing_error", "insufficient_quota", "exceeded_current_quota_error", "billing_not_active"}
)
_CONTEXT_LABELS: Final = frozenset({"context_length_exceeded", "exceed_context_size_error"})

_STATUS_BY_KIND: Final[Mapping[FailureKind, int]] = {
    FailureKind.INVALID: 400,
    FailureKind.CONTEXT: 400,
    FailureKind.AUTHENTICATION: 400,
    FailureKind.BILLING: 402,
    FailureKind.PERMISSION: 403,
    FailureKind.NOT_FOUND: 404,
    FailureKind.TIMEOUT: 504,
    FailureKind.CONFLICT: 409,
    FailureKind.TOO_LARGE: 413,
    FailureKind.RATE_LIMIT: 429,
    FailureKind.INTERNAL: 500,
    FailureKind.UPSTREAM: 502,
    FailureKind.OVERLOADED: 529,
    FailureKind.UNSUPPORTED: 501,
}

UPSTREAM_STATUS: Final = "x-gwproxy-upstream-status"
"""The header that holds the upstream's own status."""

# Statuses of one meaning, whatever the upstream chose: a 429 for an empty account makes agents
# retry for minutes, a 413 for a long prompt keeps them from compacting. A refusal of the key that
# is kept here is no 401: Claude Code would hide the words behind its own login. At a 402 Codex asks
# six times and OpenClaw talks of credits, at a 502 OpenCode and Codex go on for minutes; at a 400
# all four end at once (tests/real_clients/test_refusals.py).
_FIXED_STATUS: Final = frozenset(
    {FailureKind.CONTEXT, FailureKind.BILLING, FailureKind.AUTHENTICATION}
)

_WAIT: Final = re.compile(
    r"(?:try|retry) again (?:after|in) (\d+(?:\.\d+)?) ?(ms|s|sec|m|min)?", re.IGNORECASE
)
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_TAG: Final = re.compile(r"<(?:script|style).*?</(?:script|style)>|<[^>]*>", re.DOTALL)
_WAIT_UNITS_S: Final = {"ms": 0.001, "m": 60.0, "min": 60.0}


class Complaint(Struct, frozen=True):
    """The message, type, code and figures in an error body. `message` may be empty."""

    message: str
    type: str | None = None
    code: str | None = None
    param: str | None = None
    context_tokens: int | None = None
    context_limit: int | None = None


def failure(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """The Failure that an HTTP answer means. Names of `headers` are lower-case; `status` may be a
    success around an error body."""
    return judge(status, headers, read(body))


def failure_of(error: object) -> Failure:
    """The Failure that an error without a status means: an error event of a stream, flat or nested,
    or the error of a failed response."""
    return judge(0, {}, read_value(error))


def read(body: bytes) -> Complaint:
    """The complaint in `body`: JSON of any dialect or none, text, or HTML."""
    try:
        value = jsonio.loads(body)
    except jsonio.NotJson:
        return Complaint(_excerpt(body))
    found = read_value(value)
    if value and not (found.message or found.type or found.code):
        return Complaint(_excerpt(body))  # in nobody's envelope: a person reads it as it is
    return found


def read_value(value: object, depth: int = 0) -> Complaint:
    """The complaint in decoded JSON: an envelope, an error object, or a string with JSON in it."""
    if isinstance(value, list):  # Gemini's `[{"error": …}]` (liliMozi/openhanako#394)
        value = _first(value)
    if isinstance(value, str):
        return _read_text(value, depth)
    if not isinstance(value, dict):
        return Complaint("")
    error = value.get("error") or _first(value.get("errors"))
    if isinstance(error, str) and _message(value):  # Spring, NestJS: the status in words
        return _read_object(value, depth)
    if isinstance(error, dict | str) and error and depth < _MAX_NESTING:
        inner = read_value(error, depth + 1)
        if inner.message or inner.type or inner.code:
            return inner
    return _read_object(value, depth)


def _first(errors: object) -> object:
    """The first of a list of errors, as Cloudflare and GraphQL hosts send them, or None."""
    return errors[0] if isinstance(errors, list) and errors else None


def _read_text(text: str, depth: int) -> Complaint:
    if text.lstrip().startswith("{") and depth < _MAX_NESTING:
        try:
            nested = read_value(jsonio.loads(text), depth + 1)
        except jsonio.NotJson:
            return Complaint(text)
        if nested.message:
            return nested
    return Complaint(text)


def _message(value: dict[str, Any]) -> object:
    """What an object says, under whichever name."""
    named = {name.lower(): said for name, said in value.items() if said}
    return next((named[name] for name in _NAMES_OF_WORDS if name in named), "")


def _read_object(value: dict[str, Any], depth: int) -> Complaint:
    message = _message(value)
    nested = Complaint("")
    if isinstance(message, dict) and depth < _MAX_NESTING:
        nested = read_value(message, depth + 1)
    elif message == _RESELLER and isinstance(metadata := value.get("metadata"), dict):
        nested = read_value(metadata.get("raw"), depth + 1)
    if not nested.message:
        nested = _read_text(_words(message), depth)
    details, error = value.get("details"), value.get("error")
    detail_code = details.get("error_code") if isinstance(details, dict) else None
    kind = _label(value.get("type"))
    named = error if isinstance(error, str) and re.fullmatch("[a-z]+(?:_[a-z]+)+", error) else None
    return Complaint(
        nested.message,
        nested.type or (kind if kind != "error" else None),
        nested.code or _label(detail_code) or _label(value.get("code")) or named,
        nested.param or _label(value.get("param")),
        count_of(value.get("n_prompt_tokens")),  # llama.cpp gives its figures as members
        count_of(value.get("n_ctx")),
    )


def _words(message: object) -> str:
    if isinstance(message, str):
        return message
    if isinstance(message, list):  # FastAPI: [{"loc": ["body", "x"], "msg": "…"}]
        return "; ".join(
            ".".join(str(step) for step in item.get("loc", ())) + ": " + str(item.get("msg", ""))
            if isinstance(item, dict)
            else str(item)  # NestJS: ["property x should not exist"]
            for item in message
        )
    if isinstance(message, dict):  # ASP.NET: {"$.x": ["…"]}
        return "; ".join(filter(None, map(_words, message.values())))
    return jsonio.dumps(message).decode()


def _label(value: object) -> str | None:
    """A type or code as text, None where there is none; new-api relays `<nil>` for that."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return None if text in ("", "<nil>", "null", "None") else text


def _excerpt(body: bytes) -> str:
    text = body[:65_536].decode("utf-8", "replace")
    title = _TITLE.search(text)
    if title is not None:
        text = title[1]
    elif text.lstrip().startswith("<"):
        text = _TAG.sub(" ", text)
    return " ".join(html.unescape(text).split())[:_EXCERPT_CHARACTERS]


def judge(status: int, headers: Mapping[str, str], complaint: Complaint) -> Failure:
    """The Failure that `complaint` means; `status` below 400 means that there was no error
    status."""
    if status < 400 and complaint.code is not None and re.fullmatch("[45][0-9]{2}", complaint.code):
        status = int(complaint.code)  # `200 OK` around `{"code": 429, …}`
    kind = _kind(status, complaint)
    if status == 400 and headers.get(UPSTREAM_STATUS) == "401":  # another gwproxy's, or our own
        kind, status = FailureKind.AUTHENTICATION, 401
    message = complaint.message or complaint.type or complaint.code or "no explanation"
    if status >= 400 and not complaint.message:
        message = f"HTTP {status} ({message})"
    if (ray := headers.get("cf-ray")) and kind in (FailureKind.UPSTREAM, FailureKind.TIMEOUT):
        message = f"{message} (CF-Ray {ray})"
    tokens, output, limit = _figures(complaint) if kind is FailureKind.CONTEXT else (None,) * 3
    return Failure(
        kind,
        message,
        status if status >= 400 and kind not in _FIXED_STATUS else _STATUS_BY_KIND[kind],
        raw_type=complaint.type,
        code=complaint.code,
        param=complaint.param,
        retry_after_s=_retry_after(headers, kind, complaint.message),
        retryable=_retryable(headers, kind),
        context_tokens=tokens,
        context_output_tokens=output,
        context_limit=limit,
        upstream_status=status if status >= 400 else None,
    )


def _kind(status: int, complaint: Complaint) -> FailureKind:
    labels = {label for label in (complaint.type, complaint.code) if label is not None}
    text = complaint.message
    if labels & _CONTEXT_LABELS or is_overflow(text, status):
        return FailureKind.CONTEXT
    if status < 500 and (labels & _BILLING_LABELS or kind_in(text, FailureKind.BILLING)):
        return FailureKind.BILLING
    if labels & _OVERLOADED_LABELS or kind_in(text, FailureKind.OVERLOADED):
        return FailureKind.OVERLOADED
    if status in _KIND_BY_STATUS:
        return _KIND_BY_STATUS[status]
    if status < 400:
        known = [_KIND_BY_LABEL[label] for label in labels if label in _KIND_BY_LABEL]
        return min(known, key=list(FailureKind).index, default=FailureKind.UPSTREAM)
    return FailureKind.INVALID if status < 500 else FailureKind.UPSTREAM


def _figures(complaint: Complaint) -> tuple[int | None, int | None, int | None]:
    """Input tokens, requested output tokens and the limit, each None where it is not named."""
    if complaint.context_limit is not None:
        return complaint.context_tokens, None, complaint.context_limit
    found = figures_in(complaint.message)
    return found.get("input"), found.get("output"), found.get("limit")


def _retry_after(headers: Mapping[str, str], kind: FailureKind, message: str) -> float | None:
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            wait_s = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if math.isfinite(wait_s):
            return max(0.0, wait_s)
    if "retry-after" in headers and "date" in headers:
        try:
            until = email.utils.parsedate_to_datetime(headers["retry-after"])
            now = email.utils.parsedate_to_datetime(headers["date"])
            return max(0.0, (until - now).total_seconds())
        except (TypeError, ValueError):
            return None
    if kind is FailureKind.RATE_LIMIT and (match := _WAIT.search(message)):
        return float(match[1]) * _WAIT_UNITS_S.get((match[2] or "s").lower(), 1.0)
    return None


def _retryable(headers: Mapping[str, str], kind: FailureKind) -> bool | None:
    said = headers.get("x-should-retry", "").lower()
    if said in ("true", "false"):
        return said == "true"
    # Neither a wrong key nor an empty account mends itself; Claude Code would try a 401 ten times.
    return False if kind in (FailureKind.AUTHENTICATION, FailureKind.BILLING) else None

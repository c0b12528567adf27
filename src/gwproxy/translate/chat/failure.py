"""Chat errors: the envelope `{"error":{"message","type","param","code"}}`, alone or in a stream.

Errors are read in `errors/complaints.py`, for upstreams relay each other's.

https://platform.openai.com/docs/guides/error-codes
"""

from __future__ import annotations

from typing import Final

from gwproxy.translate.errors.openai_error import error_object, status_of
from gwproxy.translate.hub import Failure
from gwproxy.translate.wire import jsonio

_PROMPT_FIELD: Final = "messages"
# Where servers without OpenAI's envelope put their errors.
_ERROR_MEMBERS: Final = ("error", "message", "msg", "detail", "error_msg", "code")


def is_error(body: bytes) -> bool:
    """Whether a body or event without `choices` is an error, in any envelope."""
    try:
        value = jsonio.loads(body)
    except jsonio.NotJson:
        return False
    if not isinstance(value, dict):
        return False
    return value.get("type") == "error" or any(value.get(name) for name in _ERROR_MEMBERS)


def render(failure: Failure, request_id: str) -> tuple[int, bytes]:
    """HTTP status and body of the failure. The request id goes into the `x-request-id` header, as
    OpenAI's errors have no member for it."""
    return status_of(failure), envelope(failure)


def envelope(failure: Failure) -> bytes:
    """An error body; it is also the data of a failed stream's last event."""
    return jsonio.dumps({"error": error_object(failure, _PROMPT_FIELD)})

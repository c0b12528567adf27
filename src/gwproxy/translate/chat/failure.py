"""Chat errors: the envelope `{"error":{"message","type","param","code"}}`, alone or in a stream.

Reading is common to all dialects, for upstreams relay each other's errors (`complaints`).

https://platform.openai.com/docs/guides/error-codes
"""

from __future__ import annotations

from typing import Final

from gwproxy.translate.errors.openai_error import error_object, status_of
from gwproxy.translate.hub import Failure
from gwproxy.translate.wire import jsonio

_PROMPT_FIELD: Final = "messages"
# Where servers without OpenAI's envelope put what they have to say.
_ERROR_MEMBERS: Final = ("error", "message", "msg", "detail", "error_msg", "code")


def is_error(body: bytes) -> bool:
    """Whether a body or event without `choices` is somebody's error, in any envelope."""
    try:
        value = jsonio.loads(body)
    except jsonio.NotJson:
        return False
    if not isinstance(value, dict):
        return False
    return value.get("type") == "error" or any(value.get(name) for name in _ERROR_MEMBERS)


def render(failure: Failure, request_id: str) -> tuple[int, bytes]:
    """Status and body. The request id goes into the `x-request-id` header, not into the body:
    OpenAI's errors have no place for it."""
    return status_of(failure), envelope(failure)


def envelope(failure: Failure) -> bytes:
    """An error body, which is also the data of a stream's last frame."""
    return jsonio.dumps({"error": error_object(failure, _PROMPT_FIELD)})

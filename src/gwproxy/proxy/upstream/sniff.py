"""Whether an answer is a stream of events or one JSON body, whatever was asked for. Pure.

`stream: true` is answered with JSON by providers that cannot stream, `stream: false` with events
by some that only stream (farion1231/cc-switch#2234), and the content type is wrong in both
directions, so the first byte counts first.
"""

from __future__ import annotations

from typing import Final

# data: event: id: retry:, a comment, or a byte order mark. No JSON text begins with any of them.
_EVENT_STREAM_STARTS: Final = b"deir:\xef"
_JSON_STARTS: Final = b'{["'
_MARKUP_START: Final = b"<"


def is_event_stream(begun: bytes, content_type: str, asked: bool) -> bool:
    """Whether a body that begins so is a stream of events. `begun` is the first of it that is not
    blank, empty when there was nothing at all; `asked` is what the upstream was asked for, and
    decides when nothing else does."""
    first = begun.lstrip()[:1]
    media_type = content_type.partition(";")[0].strip().lower()
    if not first:
        return asked
    if first in _JSON_STARTS or first == _MARKUP_START:
        return False
    if media_type == "text/event-stream":
        return True
    return first in _EVENT_STREAM_STARTS and media_type not in ("application/json", "text/html")

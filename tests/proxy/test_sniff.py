"""What an answer is: by its first byte, then its content type, then what was asked for."""

from __future__ import annotations

import pytest

from gwproxy.proxy.upstream.sniff import is_event_stream

SSE, JSON = "text/event-stream", "application/json"


@pytest.mark.parametrize(
    ("begun", "content_type", "asked", "events"),
    [
        (b"data: {}", SSE, True, True),
        (b"event: x", SSE, True, True),
        (b": comment", SSE, False, True),
        (b"id: 1", "", True, True),
        (b"retry: 1", "text/plain", True, True),
        (b"\xef\xbb\xbfdata: x", SSE, True, True),
        (b"\n\n data: x", SSE, True, True),
        (b"d", SSE, True, True),
        # the body knows better than the content type
        (b'{"id":1}', SSE, True, False),
        (b' \r\n {"id":1}', SSE, True, False),
        (b"data: {}", "application/octet-stream", False, True),
        (b"[", "", True, False),
        (b'"x"', SSE, True, False),
        (b"<html>", "text/html", True, False),
        (b"error code: 1015", "text/html; charset=utf-8", True, False),
        (b"data", JSON, True, False),
        # field names that nobody knows yet
        (b"foo: bar", "text/event-stream; charset=utf-8", False, True),
        (b"Bad gateway", "text/plain", True, False),
        # nothing at all: what was asked for
        (b"", SSE, False, False),
        (b"", JSON, True, True),
    ],
)
def test_events_or_a_body(begun: bytes, content_type: str, asked: bool, events: bool) -> None:
    assert is_event_stream(begun, content_type, asked) is events

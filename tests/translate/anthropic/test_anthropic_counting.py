"""`count_tokens`: a body without `max_tokens`, as Claude Code sends it for `/context`."""

from __future__ import annotations

import json

from gwproxy.translate.bridge import Bridge, RequestHead
from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks

BODY = json.dumps(
    {"model": "m", "messages": [{"role": "user", "content": "foo " * 370}], "tools": []}
).encode()


def bridge(upstream: Dialect, quirks: Quirks) -> Bridge:
    return Bridge(
        Dialect.ANTHROPIC,
        upstream,
        quirks,
        asked=RequestHead("m"),
        model="kimi-k2.5",
        streams=False,
        new_id=str,
        created=0,
        request_id="req_1",
    )


def test_it_is_estimated_from_what_it_says() -> None:
    assert 390 < bridge(Dialect.CHAT, Quirks()).estimate(BODY) < 420


def test_an_upstream_that_counts_gets_what_it_would_get_to_answer() -> None:
    sent = bridge(Dialect.ANTHROPIC, Quirks(rebuild=True)).count_request(BODY)

    assert json.loads(sent) == {
        "model": "kimi-k2.5",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "foo " * 370}]}],
    }

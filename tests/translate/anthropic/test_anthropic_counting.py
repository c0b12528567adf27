"""`count_tokens`: a body without `max_tokens`, as Claude Code sends it for `/context`."""

from __future__ import annotations

import json

from gwproxy.translate.bridge import Bridge
from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks
from support.bridges import bridge_of

BODY = json.dumps(
    {"model": "m", "messages": [{"role": "user", "content": "foo " * 370}], "tools": []}
).encode()


def bridge(upstream: Dialect, quirks: Quirks) -> Bridge:
    return bridge_of(Dialect.ANTHROPIC, upstream, quirks, stream=False, model="kimi-k2.5")


def test_it_is_estimated_from_what_it_says() -> None:
    assert 390 < bridge(Dialect.CHAT, Quirks()).estimate(BODY) < 420


def test_an_upstream_that_counts_gets_what_it_would_get_to_answer() -> None:
    sent = bridge(Dialect.ANTHROPIC, Quirks(rebuild=True)).count_request(BODY)

    assert json.loads(sent) == {
        "model": "kimi-k2.5",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "foo " * 370}]}],
    }

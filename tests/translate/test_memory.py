"""What a bridge holds while its answer comes, which takes minutes: counted, not timed."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks
from support.bridges import bridge_of

WORDS = "“go on” " * 50_000
"""Two bytes a letter in memory, as soon as one is not Latin; and again three bytes in UTF-8."""

ASKED: dict[Dialect, dict[str, Any]] = {
    Dialect.ANTHROPIC: {"max_tokens": 9, "messages": [{"role": "user", "content": WORDS}]},
    Dialect.CHAT: {"messages": [{"role": "user", "content": WORDS}]},
    Dialect.RESPONSES: {"input": WORDS},
}


@pytest.mark.parametrize("upstream", list(ASKED))
@pytest.mark.parametrize("client", list(ASKED))
def test_a_history_is_held_as_bytes_alone(client: Dialect, upstream: Dialect) -> None:
    request = json.dumps({"model": "m", **ASKED[client]}).encode()
    bridge = bridge_of(client, upstream, Quirks(rebuild=True), stream=True)
    tracemalloc.start()
    try:
        sent = bridge.request(request)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(sent) > len(WORDS)
    assert held < 2 * len(sent)  # msgspec takes half as much again for what it writes

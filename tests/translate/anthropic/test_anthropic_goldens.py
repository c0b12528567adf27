"""Whole requests and streams, beside what becomes of them.

`NAME.json` is what a client sends; `NAME.plain.json` what a strict third party gets of it, and
`NAME.claude.json` real Claude, each with its losses. `NAME.sse` is an upstream's stream,
`NAME.client.sse` what the client gets.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec import structs

from gwproxy.translate.anthropic import request
from gwproxy.translate.anthropic.reader import Reader
from gwproxy.translate.anthropic.writer import Writer
from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.hub import Dialect
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import FACTS
from gwproxy.translate.stages.sequencer import Sequencer
from support.anthropic_grammar import collect
from support.golden import FIXTURES, agrees
from support.sending import sent

HERE = FIXTURES / "anthropic"
REQUESTS = sorted(p for p in HERE.glob("*.json") if p.name.count(".") == 1)
STREAMS = sorted(p for p in HERE.glob("*.sse") if p.name.count(".") == 1)
MANNERS = {
    "plain": Quirks(
        documents=False,
        family="kimi",
        mid_system="wrap",
        thinking_switch="thinking",
        forced_tools="no_thinking",
        sampling="drop",
        image_urls=False,
        json_schema="prompt",
    ),
    "claude": Quirks(
        family="claude",
        signed_thinking=True,
        adaptive_thinking=True,
        forced_tools="no_thinking",
        documents=True,
        tool_extras=True,
        tool_references=True,
        cache_marks=True,
        user_id="keep",
        max_output=64_000,
    ),
}
CONTEXT = ReplyContext(
    model="claude-sonnet-5",
    new_id=lambda prefix: f"{prefix}fresh",
    request_id="req_1",
    input_estimate=41,
    family="kimi",
)


def name_of(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("quirks", MANNERS)
@pytest.mark.parametrize("path", REQUESTS, ids=name_of)
def test_requests(path: Path, quirks: str) -> None:
    losses = Losses()
    parsed = request.parse(path.read_bytes(), losses)
    parsed = structs.replace(parsed, client=FACTS[Dialect.ANTHROPIC])
    body = sent(parsed, Dialect.ANTHROPIC, MANNERS[quirks], losses)
    shown = {"losses": list(losses), "body": json.loads(body)}

    text = json.dumps(shown, indent=1, ensure_ascii=False) + "\n"
    agrees(path.with_suffix(f".{quirks}.json"), text)


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_streams(path: Path) -> None:
    reader, writer = Reader(MANNERS["plain"]), Writer(CONTEXT)
    events = reader.feed(path.read_bytes()) + reader.finish()
    data = writer.write(Sequencer().feed(events))

    collect(data)
    agrees(path.with_suffix(".client.sse"), data.decode())

"""Whole documents: what goes in stands beside what comes out of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gwproxy.translate.bridge import CODECS
from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.events import fold
from gwproxy.translate.hub import Dialect, Reply
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.names import Names
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.stages.calls import ClientCalls
from gwproxy.translate.stages.sequencer import Sequencer
from support.chat_grammar import collect
from support.golden import FIXTURES, agrees, readable
from support.hub_grammar import Grammar
from support.sending import sent

CODEC = CODECS[Dialect.CHAT]

CHAT = FIXTURES / "chat"
REQUESTS = sorted(p for p in (CHAT / "requests").glob("*.json") if ".to-" not in p.name)
REPLIES = sorted(p for p in (CHAT / "replies").glob("*.json") if ".to-" not in p.name)
STREAMS = sorted(p for p in (CHAT / "streams").glob("*.sse") if ".to-" not in p.name)
CONTEXT = ReplyContext(
    model="my-model", new_id=lambda prefix: prefix + "fresh", created=5, include_usage=True
)
MANNERS = {
    "open": Quirks(),
    "kimi": Quirks(
        family="kimi",
        mid_system="wrap",
        thinking_switch="thinking",
        forced_tools="no_thinking",
        sampling="drop",
        min_output=16_000,
        max_tools=128,
        image_urls=False,
        json_schema="prompt",
    ),
}


@pytest.mark.parametrize("upstream", MANNERS)
@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
def test_requests(path: Path, upstream: str) -> None:
    losses = Losses()
    request = CODEC.parse_request(path.read_bytes(), losses)
    body = sent(request, Dialect.CHAT, MANNERS[upstream], losses)
    told = json.dumps({"losses": list(losses), "body": json.loads(body)}).encode()
    agrees(path.with_suffix(f".to-{upstream}.json"), readable(told))


@pytest.mark.parametrize("path", REPLIES, ids=lambda path: path.stem)
def test_replies(path: Path) -> None:
    reply = fold(CODEC.reader(MANNERS["kimi"]).whole(path.read_bytes()))
    assert isinstance(reply, Reply)
    agrees(path.with_suffix(".to-client.json"), readable(CODEC.build_reply(reply, CONTEXT)))


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_streams(path: Path) -> None:
    quirks = MANNERS["kimi"]
    reader, writer = CODEC.reader(quirks), CODEC.writer(CONTEXT)
    outward = ClientCalls(Names(CODEC.facts, quirks), Losses(), CODEC.facts)
    events = [*reader.feed(path.read_bytes()), *reader.finish()]
    agrees(path.with_suffix(".to-events.txt"), "".join(f"{event}\n" for event in events))
    grammar = Grammar(sequential=True)
    sequential = outward.feed(Sequencer().feed(events))
    for event in sequential:
        grammar.check(event)
    data = writer.write(sequential)
    collect(data, include_usage=True)
    agrees(path.with_suffix(".to-client.sse"), data.decode())

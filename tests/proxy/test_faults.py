"""A sample of the fault matrix over sockets: every pair of dialects, every fault of an upstream.

What the client hears is an error, and the ledger's row of the exchange tells the same. The whole
matrix, at every byte, is played at the bridge: tests/properties/test_fault_matrix.py.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gwproxy.translate.hub import Dialect
from properties.test_answer_laws import STRICT, unfinished
from properties.test_bridge_properties import PAIRS, REQUESTS, streamed
from properties.test_fault_matrix import ANSWER, error_event
from properties.test_relay_laws import judged
from support.gateway import StartGateway, TestGateway
from support.scripted import StartScripted, Visit

FAULTS = ("fin", "reset", "garbage", "error", "stall")
PLACES = 5  # of the answer, for each fault
PATHS = {
    Dialect.ANTHROPIC: "/v1/messages",
    Dialect.CHAT: "/v1/chat/completions",
    Dialect.RESPONSES: "/v1/responses",
}


async def play(visit: Visit, fault: str, upstream: Dialect, before: bytes) -> None:
    await visit.open_stream()
    await visit.chunk(before)
    match fault:
        case "reset":
            visit.reset()
        case "garbage":
            await visit.send(b"not a chunk size\r\n")
            visit.close()
        case "error":
            rest = before.rpartition(b"\n\n")[2]  # a dying upstream ends what it has begun to say
            await visit.chunk((b"\n\n" if rest else b"") + error_event(upstream, before))
            await visit.end_stream()
        case "stall":
            await visit.wait_until_gone()
        case _:
            visit.close()


async def ask(
    gateway: TestGateway, client: Dialect, relayed: bool, fault: str, end: int
) -> tuple[str, bool]:
    """The id of an exchange, and whether its client heard of an error."""
    body = REQUESTS[client].replace(b"STREAM", b"true")
    body = body.replace(b'"hi"', b'"<%b %d>"' % (fault.encode(), end))
    async with gateway.post(PATHS[client], body) as response:
        out = (await response.read()).replace(b": ping\n\n", b"")
        name = response.headers["x-gwproxy-request-id"]
        if response.status != 200:
            return name, response.status >= 500 and "error" in json.loads(out)
    if fault == "error":  # it may be the upstream's own that is relayed
        return name, re.search(rb'data: \{[^\n]*"error"[^\n]*\n\n\Z', out) is not None
    return name, judged(client, out) if relayed else STRICT[client](out) is None


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
async def test_every_fault_is_heard_and_stands_in_the_ledger(
    client: Dialect,
    upstream: Dialect,
    start_gateway: StartGateway,
    start_scripted: StartScripted,
    tmp_path: Path,
) -> None:
    data = streamed(upstream, ANSWER)

    async def script(visit: Visit) -> None:
        wanted = re.search(rb"<(\w+) (\d+)>", visit.body)
        assert wanted is not None
        await play(visit, wanted[1].decode(), upstream, data[: int(wanted[2])])

    provider = await start_scripted(script)
    urls = {"anthropic_url": provider.url, "openai_url": provider.url}
    record = {**urls, "model": "the-model", "dialects": [upstream], "idle_timeout_s": 0.3}
    ledger = tmp_path / "usage.db"
    gateway = await start_gateway({"up": record}, options={"ledger": ledger})
    last = unfinished(upstream, data)
    places = [last * (place + 1) // (PLACES + 1) for place in range(PLACES)]
    cases = list(itertools.product(FAULTS, places))
    heard = await asyncio.gather(
        *(ask(gateway, client, client is upstream, *case) for case in cases)
    )
    assert [case for case, (_, error) in zip(cases, heard, strict=True) if not error] == []
    await gateway.server.gateway.drain(5.0)
    gateway.server.gateway._services.ledger.close()
    with closing(sqlite3.connect(ledger)) as rows:
        told = dict(rows.execute("SELECT request_id, error_kind FROM exchanges").fetchall())
    assert len(provider.visits) == len(told) == len(cases)
    assert [case for case, (name, _) in zip(cases, heard, strict=True) if not told[name]] == []

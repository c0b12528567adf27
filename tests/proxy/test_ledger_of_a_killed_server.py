"""kill -9 under load: what the ledger says of each exchange is what the provider billed for it."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gwproxy.proxy.records.ledger import Period, report
from gwproxy.simulator import DEMO, Delivery, Ending, PlayedRefusal
from support.cli import environment
from support.gateway import TOKEN, messages
from support.provider import StartProvider

ROUNDS = 2
REQUESTS = 120

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")


async def serving() -> tuple[asyncio.subprocess.Process, str]:
    """`gwproxy serve` as a process of its own, and its address."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gwproxy", "serve", "--port", "0", "--quiet"),
        env=environment({"GWPROXY_TOKEN": TOKEN}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        url = (await process.stdout.readline()).decode().strip()
    return process, url


async def ask(session: aiohttp.ClientSession, url: str, number: int) -> None:
    body = messages(f"Question {number}", stream=number % 2 == 0)
    head = {"x-api-key": TOKEN}
    try:
        async with session.post(f"{url}/v1/messages", json=body, headers=head) as response:
            if number % 10 == 3:
                return  # a client that leaves at once
            await response.read()
    except aiohttp.ClientError:
        pass  # the server was killed


async def recorded(path: Path, count: int) -> None:
    """Return when at least `count` rows are on disk."""
    async with asyncio.timeout(30):
        while True:
            if sum(line.exchanges for line in report(path, "profile", Period())) >= count:
                return
            await asyncio.sleep(0.05)


def configure(home: Path, anthropic_url: str) -> None:
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text(
        f'[profiles.up]\nanthropic_url = "{anthropic_url}"\nmodel = "demo-1"\nkey = "none"\n'
    )


async def test_rows_equal_the_bill_through_kills(
    start_provider: StartProvider, gwproxy_home: Path
) -> None:
    provider = await start_provider(DEMO)
    configure(gwproxy_home, provider.anthropic_url)
    path = gwproxy_home / "usage.db"
    settled = 0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=20)) as session:
        for _ in range(ROUNDS):
            provider.will(PlayedRefusal(429, "slow down"), times=5)
            provider.will(Delivery(after_events=4, then=Ending.CUT), times=5)
            process, url = await serving()
            await asyncio.gather(*(ask(session, url, number) for number in range(REQUESTS)))
            settled += REQUESTS
            await recorded(path, settled)
            running = [asyncio.create_task(ask(session, url, number)) for number in range(REQUESTS)]
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            process.kill()
            await process.wait()
            await asyncio.gather(*running)
    await provider.settled()
    rows = _rows(path)
    assert len(rows) >= settled
    billed = {r.request_id: r.figures for r in provider.generations if r.figures is not None}
    for upstream_id, status, error_kind, fresh, read, output in rows:
        figures = billed.get(upstream_id)
        if status == 200 and not error_kind:
            assert figures is not None
            assert (fresh, read, output) == (figures.fresh, figures.cached, figures.output)
    ids = [row[0] for row in rows if row[0]]
    assert len(ids) == len(set(ids)), "nothing is counted twice"


def _rows(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return connection.execute(
            "SELECT upstream_request_id, status, error_kind, fresh, cache_read, output "
            "FROM exchanges"
        ).fetchall()

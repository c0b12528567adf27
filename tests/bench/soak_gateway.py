"""Whether a gateway that works for long grows: memory, sockets, tasks, rows, log.

    python tests/bench/soak_gateway.py [--minutes 10] [--clients 12]

Not a test: it takes its time. The gateway runs in a process of its own, with a ledger, kept
responses and a log; the simulated provider and the clients run in this one. Every pair of
dialects is asked, streamed and whole, with and without calls; some answers are refused, cut or
reset, and some clients leave. After each round everything falls quiet and is counted. It exits
with 1 when, after the first fifth of the time,

* memory grows by 1 KB an exchange or more (the slope of a line through all rounds),
* a socket, file or task is open that was not,
* the ledger has not one row for each exchange, or
* the log has more than a line an exchange, or a traceback.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import logging
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import aiohttp

from gwproxy import simulator
from gwproxy.profiles import store
from gwproxy.profiles.secret import Secret
from gwproxy.proxy.log import LOGGER, LineFormatter
from gwproxy.proxy.serving import Options, running, settle

TOKEN: Final = "soak-token-0123456789"
DIALECTS: Final = ("anthropic", "chat", "responses")
PATHS: Final = {
    "anthropic": "/v1/messages",
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
}
ROUND: Final = 240  # exchanges between two counts
MOST_BYTES_AN_EXCHANGE: Final = 1024
MOST_LOG_BYTES_AN_EXCHANGE: Final = 400
SLACK: Final = 4  # sockets and tasks of the runtime's own that come and go


# --- the gateway, a process of its own -------------------------------------------------------


def config(provider: str) -> store.Config:
    records = [
        f'[profiles.{name}]\nanthropic_url = "{provider}"\nopenai_url = "{provider}/v1"\n'
        f'model = "demo-1"\nkey = "none"\ndialects = ["{name}"]\n'
        for name in DIALECTS
    ]
    return store.parse('default = "chat"\n' + "\n".join(records), Path("config.toml"))


def figures(log: Path) -> dict[str, int]:
    """What is open and how large it is, now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "rss": pages * os.sysconf("SC_PAGE_SIZE"),
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "tasks": len(asyncio.all_tasks()),
        "log": log.stat().st_size,
    }


async def serve_gateway(provider: str, folder: Path) -> None:
    """Says the port, then the figures whenever a line comes in; ends when stdin does."""
    log = folder / "gwproxy.log"
    handler = logging.FileHandler(log, encoding="utf-8")
    handler.setFormatter(LineFormatter(lambda: [TOKEN]))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    LOGGER.setLevel(logging.INFO)
    known = config(provider)
    options = Options(
        port=0,
        load=lambda: known,
        read_token=lambda: Secret(TOKEN),
        ledger=folder / "usage.db",
        responses=folder / "responses.db",
    )
    async with running(options) as server:
        settle()
        print(server.port, flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(figures(log)), flush=True)


class Gateway:
    """The process, and what it says of itself."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"

    @classmethod
    async def start(cls, provider: str, folder: Path) -> Gateway:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, __file__, "--provider", provider, "--folder", str(folder)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "GWPROXY_HOME": str(folder)},
        )
        assert process.stdout is not None
        return cls(process, int(await process.stdout.readline()))

    async def figures(self) -> dict[str, int]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"\n")
        return dict(json.loads(await self.process.stdout.readline()))

    async def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()


# --- the load ------------------------------------------------------------------------------------


def request(client: str, number: int, *, streamed: bool) -> dict[str, Any]:
    """A question; every third one offers a tool."""
    text = f"Question {number}: " + "what is the weather like in Paris? " * (number % 40)
    body: dict[str, Any] = {"model": "soak-1", "stream": streamed}
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    if client == "responses":
        tool: dict[str, Any] = {"type": "function", "name": "weather", "parameters": schema}
        body["input"] = text
    elif client == "chat":
        tool = {"type": "function", "function": {"name": "weather", "parameters": schema}}
        body["messages"] = [{"role": "user", "content": text}]
    else:
        tool = {"name": "weather", "input_schema": schema}
        body |= {"max_tokens": 500, "messages": [{"role": "user", "content": text}]}
    return body | ({"tools": [tool]} if number % 3 == 0 else {})


async def ask(session: aiohttp.ClientSession, url: str, number: int) -> None:
    """One exchange, whatever comes of it."""
    ways = [*itertools.product(DIALECTS, DIALECTS, (True, False))]
    client, upstream, streamed = ways[number % len(ways)]
    body = request(client, number, streamed=streamed)
    address = f"{url}/profiles/{upstream}{PATHS[client]}"
    async with session.post(address, json=body, headers={"x-api-key": TOKEN}) as response:
        if number % 29 == 0:
            await response.content.readany()
            response.close()
        else:
            await response.read()


def trouble(provider: simulator.RunningSimulator) -> None:
    """What goes wrong in one round."""
    provider.will(simulator.PlayedRefusal(429, "slow down"), times=4)
    for ending in (simulator.Ending.CUT, simulator.Ending.RESET, simulator.Ending.ERROR_EVENT):
        provider.will(simulator.Delivery(after_events=3, then=ending), times=4)


@dataclass
class Soak:
    """Rounds of exchanges; `samples` are taken between them, when nothing runs."""

    provider: simulator.RunningSimulator
    gateway: Gateway
    clients: int
    asked: int = 0

    async def round(self) -> dict[str, int]:
        trouble(self.provider)
        numbers = iter(range(self.asked, self.asked + ROUND))
        async with aiohttp.ClientSession() as session:

            async def work() -> None:
                for number in numbers:
                    # A whole answer that broke off has no other end.
                    with contextlib.suppress(aiohttp.ClientPayloadError):
                        await ask(session, self.gateway.url, number)

            await asyncio.gather(*(work() for _ in range(self.clients)))
        self.asked += ROUND
        await self.provider.settled()
        return await self.quiet()

    async def quiet(self) -> dict[str, int]:
        """The figures when they have come to rest."""
        last = await self.gateway.figures()
        for _ in range(50):
            await asyncio.sleep(0.1)
            now = await self.gateway.figures()
            if (now["tasks"], now["files"]) == (last["tasks"], last["files"]):
                return now
            last = now
        return last


# --- the verdict ---------------------------------------------------------------------------------


def slope(points: Sequence[tuple[int, int]]) -> float:
    """Bytes an exchange: the line of least squares through (exchanges, bytes)."""
    x0, y0 = fmean(x for x, _ in points), fmean(y for _, y in points)
    return sum((x - x0) * (y - y0) for x, y in points) / sum((x - x0) ** 2 for x, _ in points)


def faults(samples: Sequence[tuple[int, dict[str, int]]], asked: int, folder: Path) -> list[str]:
    """What has grown, of the `samples` after the warm-up: (exchanges so far, figures)."""
    found: list[str] = []
    grown = slope([(count, one["rss"]) for count, one in samples])
    first, last = samples[0][1], samples[-1][1]
    log = (folder / "gwproxy.log").read_text(encoding="utf-8")
    with contextlib.closing(sqlite3.connect(folder / "usage.db")) as ledger:
        ((rows,),) = ledger.execute("SELECT count(*) FROM exchanges").fetchall()
    print(f"exchanges {asked}, rows {rows}, samples {len(samples)}")
    print(f"memory {first['rss'] / 2**20:.1f} → {last['rss'] / 2**20:.1f} MiB: ", end="")
    print(f"{grown:.0f} bytes an exchange")
    print(f"files {first['files']} → {last['files']}, tasks {first['tasks']} → {last['tasks']}")
    print(f"log {len(log)} bytes: {len(log) / asked:.0f} an exchange")
    if grown >= MOST_BYTES_AN_EXCHANGE:
        found.append("memory grows")
    found += [f"{name} grow" for name in ("files", "tasks") if last[name] > first[name] + SLACK]
    if rows != asked:
        found.append("the ledger has not a row for each exchange")
    if len(log) > MOST_LOG_BYTES_AN_EXCHANGE * asked or "Traceback" in log:
        found.append("the log says more than a line an exchange")
    return found


async def soak(minutes: float, clients: int) -> int:
    logging.getLogger("aiohttp.server").disabled = True  # the provider's, whose clients leave
    with tempfile.TemporaryDirectory(prefix="gwproxy-soak-") as name:
        folder = Path(name)
        provider = await simulator.serve(simulator.DEMO)
        gateway = await Gateway.start(provider.anthropic_url, folder)
        soaking = Soak(provider, gateway, clients)
        started, samples = time.monotonic(), []
        while (spent := time.monotonic() - started) < minutes * 60:
            sample = await soaking.round()
            print(f"{spent:6.0f} s {soaking.asked:8} {sample}", flush=True)
            if spent > minutes * 12:
                samples.append((soaking.asked, sample))
        await gateway.close()
        await provider.close()
        found = faults(samples, soaking.asked, folder)
    print("\n".join(found) or "nothing grows")
    return 1 if found else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--provider", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.provider:
        asyncio.run(serve_gateway(asked.provider, asked.folder))
        return 0
    return asyncio.run(soak(asked.minutes, asked.clients))


if __name__ == "__main__":
    sys.exit(main())

"""What the gateway costs and how long it takes, beside nginx and a bare relay in the same run.

    python tests/bench/bench_gateway.py [KIND …] [--only W1 W2 …] [--rounds 3]

Not a test: figures depend on the machine, only the ratio to the relay means something, and only on
a quiet one. All of it takes three minutes; the columns are measured in turns, the best of the
rounds counts. `watched` is a gateway of which a page of the inspector follows what happens.

burst     CPU of a request, all events at once, 16 connections; then the most memory
paced     CPU of an event, one each 10 ms on each of 16 connections; then of more
delay     what is added to the first word, and to each event
lag       how late an event of 16 paced streams comes, alone and beside requests of 10 MB
growth    the last turns of one session of 800 turns with tools, each with one turn more; a request
          of 20 KB to 8 MB; a stream of 500 to 8000 events, all at once
start     from a command to its end or first answer, and the memory of a gateway that idles

W1 Messages stream → Chat stream        W2 Messages stream → Messages stream, relayed
W3 Messages, 2 MB → Chat, whole         W4 Chat stream → Messages stream
W5 Messages stream → Chat, whole only   W6 Messages, small → Chat, whole
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from load import Times, drive
from said import EVENTS, FEW, LONGER, PACED, WORKLOADS, Workload, distinct, request, session
from servers import Child, Servers, Way

COLUMNS: Final = ("direct", "nginx", "relay", "gateway", "watched")
TURNS: Final = 800
LAST: Final = 40
SIZES: Final = (20_000, 200_000, 2_000_000, 8_000_000)
STREAMS: Final = (100, 500)
LARGE: Final = 10_000_000
STREAMED: Final = ("W1", "W2", "W4")
STARTS: Final = 5
ASKED: Final = 7

Bodies = Callable[[], Iterator[bytes]]


def row(what: str, figures: dict[str, float]) -> None:
    """One line of the table; last the gateway as a multiple of the relay."""
    cells = [f"{figures[name]:9.3f}" if name in figures else f"{'':9}" for name in COLUMNS]
    ratio = ""
    if {"relay", "gateway"} <= set(figures):
        ratio = f"{figures['gateway'] / (figures['relay'] or 1):7.2f}"
    print(f"{what:34}{' '.join(cells)}{ratio}", flush=True)


def title(what: str) -> None:
    print(f"\n{what:34}{' '.join(f'{name:>9}' for name in COLUMNS)}      ×")


def cpu_s(
    ways: list[Way],
    workload: Workload,
    bodies: Bodies,
    connections: int,
    *,
    events: int = EVENTS,
    rounds: int,
) -> dict[str, float]:
    """CPU seconds of each way for all of `bodies`: the least of some rounds, in turns."""
    provider = f"{workload.provider}{events}" if workload.streams else workload.provider
    spent: dict[str, list[float]] = {way.name: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            before = way.child.cpu_s()
            path, ending = way.path(workload, provider), way.ending(workload)
            asyncio.run(drive(way.child.port, path, bodies(), ending, connections))
            spent[way.name].append(way.child.cpu_s() - before)
    return {name: min(figures) for name, figures in spent.items()}


def scaled(figures: dict[str, float], by: float) -> dict[str, float]:
    return {name: figure * by for name, figure in figures.items()}


def chosen(asked: Any, names: Iterable[str]) -> list[str]:
    return [name for name in names if not asked.only or name in asked.only]


# --- what is measured ----------------------------------------------------------------------------


def burst(asked: Any) -> None:
    title("CPU ms a request, 16 connections")
    with Servers(watched=True) as servers:
        ways = servers.those("nginx", "relay", "gateway", "watched")
        for name in chosen(asked, WORKLOADS):
            workload = WORKLOADS[name]
            body = workload.body()
            count = 50 if len(body) > 1_000_000 else 150
            spent = cpu_s(ways, workload, partial(distinct, body, count), 16, rounds=asked.rounds)
            row(name, scaled(spent, 1000 / count))
        row("most memory, MiB", {way.name: way.child.most_mib() for way in ways})


def paced(asked: Any) -> None:
    title("CPU µs an event, one each 10 ms")
    with Servers(paced=True) as servers:
        ways = servers.those("nginx", "relay", "gateway")
        for name in chosen(asked, STREAMED):
            of_streams(ways, f"{name}, 16 streams", WORKLOADS[name], 16, asked.rounds)
        for streams in () if asked.only else STREAMS:
            of_streams(ways, f"W1, {streams} streams", WORKLOADS["W1"], streams, 1)


def of_streams(ways: list[Way], what: str, workload: Workload, streams: int, rounds: int) -> None:
    """A stream less what a short one costs: the events alone, without their request."""
    ask = partial(distinct, workload.body(), streams)
    short, long = (
        cpu_s(ways, workload, ask, streams, events=events, rounds=rounds) for events in (FEW, PACED)
    )
    count = streams * (PACED - FEW)
    row(what, {name: (spent - short[name]) * 1e6 / count for name, spent in long.items()})


def delay(asked: Any) -> None:
    title("ms, direct, then added to it: p50")
    with Servers(paced=True) as servers:
        for name in chosen(asked, STREAMED):
            times = {way.name: Times() for way in servers.ways}
            for _ in range(asked.rounds):
                for way in servers.ways:
                    timed(way, WORKLOADS[name], FEW, 1, times[way.name], requests=ASKED)
            for what, of in (("first word", "first"), ("an event", "each")):
                found = {way: median(getattr(one, of)) for way, one in times.items()}
                direct = found.pop("direct")
                row(
                    f"{name} {what}",
                    {"direct": direct} | {way: ms - direct for way, ms in found.items()},
                )


def timed(
    way: Way, workload: Workload, events: int, streams: int, times: Times, *, requests: int
) -> None:
    provider = f"{workload.provider}{events}"
    bodies = distinct(workload.body(), requests)
    path, ending = way.path(workload, provider), way.ending(workload)
    asyncio.run(drive(way.child.port, path, bodies, ending, streams, times))


def lag(asked: Any) -> None:
    title("ms, an event of 16 paced streams")
    with Servers(paced=True) as servers:
        ways = servers.those("nginx", "relay", "gateway")
        for what, size in (("alone", 0), ("beside 10 MB", LARGE)):
            late: dict[str, list[list[float]]] = {way.name: [] for way in ways}
            for _ in range(asked.rounds):
                for way in ways:
                    times = Times()
                    with beside(way, size):
                        timed(way, WORKLOADS["W1"], PACED, 16, times, requests=16)
                    late[way.name].append(quantiles(times.each, n=100))
            for name, cut in (("p50", 49), ("p99", 98)):
                found = {way: median(cuts[cut] for cuts in rounds) for way, rounds in late.items()}
                row(f"{what}, {name}", found)


@contextlib.contextmanager
def beside(way: Way, size: int) -> Iterator[None]:
    """In the block somebody else sends large requests the same way, one after the other."""
    if not size:
        yield
        return
    large = Child("large", way.child.port, way.path(WORKLOADS["W3"], "chat-whole"), size)
    try:
        yield
    finally:
        large.close()


def growth(asked: Any) -> None:
    with Servers() as servers:
        ways = servers.those("nginx", "relay", "gateway")
        title("CPU ms a request, one connection")
        turns = [session(TURNS - 4 * (LAST - n)) for n in range(LAST)]
        spent = cpu_s(ways, WORKLOADS["W3"], lambda: iter(turns), 1, rounds=asked.rounds)
        row(f"turn N+1, {len(turns[-1]) // 1000} KB", scaled(spent, 1000 / LAST))
        for size in SIZES:
            body = request("anthropic", size, stream=False, with_tools=False)
            count = min(50, max(5, 20_000_000 // size))
            bodies = partial(distinct, body, count)
            spent = cpu_s(ways, WORKLOADS["W3"], bodies, 1, rounds=asked.rounds)
            row(f"{size // 1000} KB", scaled(spent, 1000 / count))
        title("CPU µs an event, all at once")
        bodies = partial(distinct, WORKLOADS["W1"].body(), 10)
        for events in (EVENTS, *LONGER):
            spent = cpu_s(ways, WORKLOADS["W1"], bodies, 1, events=events, rounds=asked.rounds)
            row(f"{events} events", scaled(spent, 1e6 / 10 / events))


def start(asked: Any) -> None:
    """Of the command itself, with a home of its own and without a keyring."""
    print("\nseconds, the best of five")
    with tempfile.TemporaryDirectory(prefix="gwproxy-bench-") as home:
        environ = {**os.environ, "GWPROXY_HOME": home, "PYTHONPYCACHEPREFIX": f"{home}/compiled"}
        environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        how = {"env": environ}
        for words in (["--help"], ["token"]):
            print(f"{words[0]:34}{min(ran_s(words, how) for _ in range(STARTS)):9.3f}")
        served = [served_s(how) for _ in range(STARTS)]
        print(f"{'serve --profile demo, /healthz':34}{min(one[0] for one in served):9.3f}")
        print(f"{'its memory, MiB':34}{median(one[1] for one in served):9.1f}")


def ran_s(words: list[str], how: dict[str, Any]) -> float:
    started = time.perf_counter()
    subprocess.run([COMMAND, *words], stdout=subprocess.DEVNULL, check=True, **how)
    return time.perf_counter() - started


def served_s(how: dict[str, Any]) -> tuple[float, float]:
    """Seconds to the first answer, and the memory then."""
    started = time.perf_counter()
    words = ["serve", "--profile", "demo", "--port", "0", "--quiet"]
    with subprocess.Popen([COMMAND, *words], stdout=subprocess.PIPE, text=True, **how) as process:
        assert process.stdout is not None
        host = process.stdout.readline().strip().removeprefix("http://")
        connection = http.client.HTTPConnection(host)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        took_s = time.perf_counter() - started
        connection.close()
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.terminate()
    return took_s, int(status.partition("VmRSS:")[2].split()[0]) / 1024


COMMAND: Final = Path(sys.executable).with_name("gwproxy")

KINDS: Final = {
    "burst": burst,
    "paced": paced,
    "delay": delay,
    "lag": lag,
    "growth": growth,
    "start": start,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []])
    parser.add_argument("--only", nargs="+", choices=WORKLOADS)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    if shutil.which("nginx") is None:
        print("nginx is not installed")
    for kind in asked.kinds or KINDS:
        KINDS[kind](asked)


if __name__ == "__main__":
    main()

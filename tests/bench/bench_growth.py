"""How the cost of the gateway grows, and what others feel of one large request.

    python tests/bench/bench_growth.py [session size events streams lag]

Not a test, as `bench_gateway.py` is none, whose servers it uses. Each row stands beside the bare
relay in the same run.

session   the last turns of one session of 800 turns with tools, each with one turn more
size      a request of 20 KB to 8 MB
events    a stream of 500 to 8000 events, all at once: per event
streams   16 to 500 streams at once, an event each 10 ms on each: per event
lag       the gaps between events of 16 paced streams, alone and beside requests of 10 MB
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Iterator
from statistics import quantiles
from typing import Any, Final

from bench_gateway import (
    EVENTS,
    LONGER,
    PACE_S,
    Child,
    distinct,
    drive_all,
    posted,
    request,
    tools,
)

TURNS: Final = 800
LAST: Final = 40
SIZES: Final = (20_000, 200_000, 2_000_000, 8_000_000)
STREAMS: Final = (16, 100, 500)
LARGE: Final = 10_000_000


class Servers:
    """Provider, relay and gateway, for as long as the block runs."""

    def __init__(self, *, paced: bool = False) -> None:
        self.provider = Child("--role", "provider", *(["--paced"] if paced else []))
        base = f"http://127.0.0.1:{self.provider.port}"
        self.relay = Child("--role", "relay", "--provider", base)
        self.gateway = Child("--role", "gateway", "--provider", base)

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *_: object) -> None:
        for child in (self.gateway, self.relay, self.provider):
            child.close()

    def row(self, what: str, ask: Callable[[], Iterator[bytes]], count: int, **how: Any) -> None:
        """One line: CPU of both for each of `count`, the best of some rounds."""
        name = how.get("provider", "chat-whole")
        to = name, how.get("connections", 1), how.get("ending", b"end_turn")
        rounds = how.get("rounds", 3)
        bare = self._cpu(self.relay, f"/{name}/v1/chat/completions", ask, b"", to[1], rounds)
        ours = self._cpu(self.gateway, f"/profiles/{to[0]}/v1/messages", ask, to[2], to[1], rounds)
        unit = how.get("unit", 1000.0)
        print(
            f"{what:24} {bare * unit / count:10.3f} {ours * unit / count:10.3f} {ours / bare:7.2f}"
        )

    @staticmethod
    def _cpu(
        child: Child,
        path: str,
        ask: Callable[[], Iterator[bytes]],
        ending: bytes,
        connections: int,
        rounds: int,
    ) -> float:
        spent: list[float] = []
        for _ in range(rounds):
            before = child.cpu_s()
            asyncio.run(drive_all(child.port, path, ask(), ending, connections))
            spent.append(child.cpu_s() - before)
        return min(spent)


# --- what is asked -------------------------------------------------------------------------------


def session(turns: int) -> bytes:
    """A session as Claude Code has it: one call and one result after the other."""
    messages: list[dict[str, Any]] = []
    for number in range(turns // 4):
        call: dict[str, Any] = {"type": "tool_use", "id": f"toolu_{number}", "name": "tool_1"}
        call |= {"input": {"p0": f"file {number} " + "x" * 100}}
        result: dict[str, Any] = {"type": "tool_result", "tool_use_id": f"toolu_{number}"}
        result |= {"content": [{"type": "text", "text": "a line of a file\n" * 60}]}
        said = [{"type": "text", "text": f"I look at {number}. " * 3}, call]
        messages += [
            {"role": "user", "content": [{"type": "text", "text": f"{number}: “go on” " * 10}]},
            {"role": "assistant", "content": said},
            {"role": "user", "content": [result]},
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "It is as it should be. " * 9}],
            },
        ]
    messages.append({"role": "user", "content": "and now?"})
    mark = {"type": "ephemeral"}
    system = [{"type": "text", "text": "You are careful. " * 300, "cache_control": mark}]
    body = {"model": "bench-1", "max_tokens": 1000, "system": system, "tools": tools("anthropic")}
    return json.dumps(body | {"messages": messages}).encode()


def of_session(servers: Servers) -> None:
    bodies = [session(TURNS - 4 * (LAST - n)) for n in range(LAST)]
    servers.row(f"turn N+1, {len(bodies[-1]) // 1000} KB", lambda: iter(bodies), LAST)


def of_size(servers: Servers) -> None:
    for size in SIZES:
        body = request("anthropic", size, stream=False, with_tools=False)
        count = max(10, 2_000_000 // size)
        servers.row(f"{size // 1000} KB", lambda b=body, c=count: distinct(b, c), count)  # type: ignore[misc]


def of_events(servers: Servers) -> None:
    body = request("anthropic", 40_000, stream=True)
    for events in (EVENTS, *LONGER):
        name = "chat-stream" if events == EVENTS else f"chat-stream-{events}"
        servers.row(
            f"{events} events, us/event",
            lambda: distinct(body, 20),
            20 * events,
            provider=name,
            ending=b"stop",
            unit=1e6,
        )


def of_streams(servers: Servers) -> None:
    body = request("anthropic", 40_000, stream=True)
    for streams in STREAMS:
        servers.row(
            f"{streams} streams, us/event",
            lambda n=streams: distinct(body, n),  # type: ignore[misc]
            streams * EVENTS,
            provider="chat-stream",
            connections=streams,
            rounds=1,
            ending=b"stop",
            unit=1e6,
        )


# --- what others feel ----------------------------------------------------------------------------


class Watch(asyncio.Protocol):
    """One stream, of which the moments are kept at which something came."""

    def __init__(self, asking: bytes) -> None:
        self._asking = asking
        self.came: list[float] = []
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._asking)

    def data_received(self, data: bytes) -> None:
        self.came.append(time.perf_counter())
        if data.endswith(b"0\r\n\r\n"):
            self.over.set_result(None)


async def gaps(port: int, head: str, tail: str, large: bytes) -> list[float]:
    """Milliseconds beyond its pace that each event of 16 streams came late."""
    asking = posted(f"{head}chat-stream{tail}", request("anthropic", 40_000, stream=True))
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Watch(asking), "127.0.0.1", port) for _ in range(16)
    ]
    watches = [watch for _, watch in made]

    def again() -> Iterator[bytes]:
        while not all(watch.over.done() for watch in watches):
            yield large

    beside = [drive_all(port, f"{head}chat-whole{tail}", again(), b"", 1)] if large else []
    await asyncio.gather(*(watch.over for watch in watches), *beside)
    return [
        max(0.0, (later - sooner - PACE_S) * 1000)
        for watch in watches
        for sooner, later in zip(watch.came, watch.came[1:], strict=False)
    ]


def of_lag(servers: Servers) -> None:
    large = request("anthropic", LARGE, stream=False)
    for what, body in (("alone", b""), ("beside 10 MB", large)):
        for who, child, head, tail in (
            ("relay", servers.relay, "/", "/v1/chat/completions"),
            ("gateway", servers.gateway, "/profiles/", "/v1/messages"),
        ):
            late = asyncio.run(gaps(child.port, head, tail, body))
            cuts = quantiles(late, n=100)
            print(
                f"{who:8} {what:14} late by p50 {cuts[49]:6.2f}  p99 {cuts[98]:6.2f}  "
                f"most {max(late):6.2f} ms"
            )


KINDS: Final = {
    "session": (of_session, False),
    "size": (of_size, False),
    "events": (of_events, False),
    "streams": (of_streams, True),
    "lag": (of_lag, True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []])
    asked = parser.parse_args()
    print(
        f"{'':24} {'relay':>10} {'gateway':>10}   ratio   CPU ms/request, if nothing else is said"
    )
    for kind in asked.kinds or KINDS:
        measure, paced = KINDS[kind]
        with Servers(paced=paced) as servers:
            measure(servers)


if __name__ == "__main__":
    main()

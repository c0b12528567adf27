"""The line below a log that lives: what runs and how far it has come, and what today has cost.

It follows what `queries.exchanges` tells, of this process or of another. While nothing runs nothing
is done here.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from gwproxy.cli.exchange_row import Exchange, Paint
from gwproxy.cli.figures import money, share, short_number, short_span
from gwproxy.cli.screen import Screen
from gwproxy.plain import one_line

_TICK_S: Final = 1.0
"""How often a person sees that time passes."""

_STILL_S: Final = 0.2
"""A terminal that is being resized is drawn on when it keeps still."""

_DOES: Final = {"own": "begins", "queued": "queues", "waiting": "waits", "streaming": "streams"}


@dataclass(slots=True)
class Seen:
    """An exchange as it was told at a moment."""

    exchange: Exchange
    at_s: float


@dataclass(slots=True)
class View:
    """What is known of what runs and of today; `draw` puts it below everything else."""

    screen: Screen
    paint: Paint
    clock: Callable[[], float] = time.monotonic
    _running: dict[str, Seen] = field(default_factory=dict)
    _today: Mapping[str, Any] | None = None
    _busy: asyncio.Event = field(default_factory=asyncio.Event)

    def told(self, name: str, what: Any) -> None:
        """Take in one event of `queries.exchanges`, and draw."""
        if name == "state":
            self._today = what["today"]
        elif name == "exchange" and what["state"] == "running":
            self._running[what["request_id"]] = Seen(what, self.clock())
        elif name == "exchange":
            self._running.pop(what["request_id"], None)
        elif name == "dropped":  # those that run will be told anew
            self._running.clear()
        if self._running:
            self._busy.set()
        else:
            self._busy.clear()
        self.draw()

    def forget(self) -> None:
        """Show nothing any more, as no gateway is there to tell of."""
        self._running.clear()
        self._today = None
        self._busy.clear()
        self.draw()

    def draw(self) -> None:
        """Put the line on the screen as it is now."""
        now_s = self.clock()
        running = [
            (one.exchange, one.exchange["duration_ms"] + round((now_s - one.at_s) * 1000))
            for one in self._running.values()
        ]
        if self._today is None and not running:
            self.screen.show("")
            return
        line = footer(running, self._today or {}, self.screen.columns - 1)
        self.screen.show(self.paint(line, "dim"))

    async def tick(self) -> None:
        """Draw once a second while something runs, without an end."""
        while True:
            await self._busy.wait()
            await asyncio.sleep(_TICK_S)
            self.draw()

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Draw anew as time passes and when the terminal is resized, while the block runs."""
        ticking = asyncio.create_task(self.tick())
        loop = asyncio.get_running_loop()
        pending: list[asyncio.TimerHandle] = []

        def resized() -> None:
            for handle in pending:
                handle.cancel()
            pending[:] = [loop.call_later(_STILL_S, self.draw)]

        resize = getattr(signal, "SIGWINCH", None)  # not there on Windows
        if resize is not None:
            loop.add_signal_handler(resize, resized)
        try:
            yield
        finally:
            ticking.cancel()
            if resize is not None:
                loop.remove_signal_handler(resize)
            for handle in pending:
                handle.cancel()
            self.screen.show("")


async def watch(view: View, news: AsyncGenerator[tuple[str, Any]]) -> None:
    """Show what `news` tells, until it ends."""
    with view.alive():
        async with aclosing(news):
            async for name, what in news:
                view.told(name, what)


def footer(running: Sequence[tuple[Exchange, int]], today: Mapping[str, Any], width: int) -> str:
    """`1 running: claude-cli waits 12.0 s | today 12, 1.2M in (93% cached), 34k out, $1.20`, or as
    much of it as fits; with each exchange its time so far in milliseconds."""
    count = f"{len(running)} running" if running else "nothing runs"
    whole = f"{count}: {'; '.join(_one(*one) for one in running)}" if running else count
    phases = [exchange["phase"] for exchange, _ in running]
    counts = ((phases.count(phase), does) for phase, does in _DOES.items())
    sums = [f"{number} {do[:-1]}" if number > 1 else f"1 {do}" for number, do in counts if number]
    brief = f"{count} ({', '.join(sums)})" if sums else count
    long, short, least = _today(today)
    for left, right in (
        *((whole, long), (whole, short), (brief, long), (brief, short), (count, short)),
        *((brief, least), (count, least), (count, "")),
    ):
        line = one_line(" | ".join(filter(None, (left, right))))
        if len(line) <= width:
            return line
    return ""


def _one(exchange: Exchange, spent_ms: int) -> str:
    who = (exchange["client"] or "a tool").partition("/")[0]
    told = f"{who} {_DOES.get(exchange['phase'], 'runs')} {short_span(spent_ms)}"
    out = exchange["output_tokens"]
    return f"{told}, {short_number(out)} tokens" if out else told


def _today(today: Mapping[str, Any]) -> tuple[str, str, str]:
    """In full, without the least of it, and the one figure that matters; "" where none is known."""
    if not today:
        return "", "", ""
    inputs, out = short_number(today["input_tokens"]), short_number(today["output_tokens"])
    cached = share(today["cached_tokens"], today["input_tokens"])
    costs = [money(one["micro"], one["unit"]) for one in today["cost"]]
    read = f"{inputs} in{f' ({cached} cached)' if cached else ''}"
    long = ", ".join([f"today {today['exchanges']}", read, f"{out} out", *costs])
    short = ", ".join([f"today {inputs} in", f"{out} out", *costs])
    return long, short, f"today {' + '.join(costs) or f'{inputs} in'}"

"""`gwproxy log -f`: each exchange as it ends, of the gateway that runs and of those that come after
it; on a terminal with what runs below."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gwproxy.cli import streams
from gwproxy.cli.exchange_row import RowLayout, of_another_day, paint_for, row
from gwproxy.cli.exchanges import followed, found, told_by
from gwproxy.cli.live_view import View
from gwproxy.cli.output import Output
from gwproxy.cli.screen import Screen
from gwproxy.plain import json_text

if TYPE_CHECKING:
    from gwproxy.profiles.store import Config
    from gwproxy.proxy.records.ledger import LedgerChoice

_REMEMBERED: Final = 2000
"""Exchanges that are not to be told twice."""

_EARLIER_MS: Final = 3_600_000
"""How long ago an exchange may have begun that ended while nobody told us."""


async def follow(output: Output, config: Config, choice: LedgerChoice) -> None:
    """Print the last exchanges of `choice`, and then those that come, without an end. Raises
    GwproxyError."""
    with _view(output) as view, view.alive() if view else contextlib.nullcontext():
        priced = any(profile.prices is not None for profile in config.profiles.values())
        follower = _Follower(output, choice, view, priced=priced)
        await follower.begin(config)
        async with aclosing(followed(config)) as events:
            async for name, told in events:
                await follower.told(name, told)


@contextmanager
def _view(output: Output) -> Iterator[View | None]:
    """The line below the rows, where somebody looks."""
    if output.json_mode or not output.draws_on(sys.stdout) or not streams.obeys(sys.stdout):
        yield None
        return
    with Screen.over(sys.stdout) as screen:
        yield View(screen, paint_for(output, sys.stdout))


class _Follower:
    def __init__(
        self, output: Output, choice: LedgerChoice, view: View | None, *, priced: bool
    ) -> None:
        self._priced, self._dated = priced, False
        self._output = output
        self._choice = choice
        self._view = view
        self._paint = paint_for(output, sys.stdout)
        self._began_ms = round(time.time() * 1000)
        self._told: OrderedDict[str, None] = OrderedDict()

    async def begin(self, config: Config) -> None:
        """Print the last exchanges."""
        got = await found(config, self._choice)
        self._dated = of_another_day(got.exchanges)
        if self._view is not None:
            self._say(self._paint(self._layout().head(), "dim"))
        for one in got.exchanges:
            self._row(one)

    async def told(self, name: str, what: Any) -> None:
        match name:
            case "gone":
                if self._view is not None:
                    self._view.forget()
                self._output.talk("the gateway does not run; waiting for one (gwproxy serve)")
            case "here":
                if self._view is not None:
                    self._view.forget()
                await self._catch_up(what)
            case "exchange":
                self._row(what)
        if self._view is not None and name in ("exchange", "state", "dropped"):
            self._view.told(name, what)

    async def _catch_up(self, url: str) -> None:
        """Print what has ended since we began, while no gateway told us."""
        missed = replace(self._choice, since_ms=self._began_ms - _EARLIER_MS, most=1000)
        for one in await told_by(url, missed):
            if one["started_ms"] + one["duration_ms"] >= self._began_ms:
                self._row(one)

    def _row(self, exchange: dict[str, Any]) -> None:
        """Print an exchange, once, when it has ended."""
        request_id = exchange["request_id"]
        if exchange["state"] == "running" or request_id in self._told or not self._fits(exchange):
            return
        self._told[request_id] = None
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        if self._output.json_mode:
            self._say(json_text(exchange))
        else:
            self._say(row(exchange, self._layout(), self._paint))

    def _fits(self, exchange: dict[str, Any]) -> bool:
        choice = self._choice
        return (
            (not choice.only_errors or exchange["state"] == "failed")
            and choice.profile in ("", exchange["profile"])
            and (exchange["client"] or "").startswith(choice.client)
            and choice.session in ("", exchange["session"])
        )

    def _layout(self) -> RowLayout:
        if not self._output.draws_on(sys.stdout):
            return RowLayout.fit(None)
        columns = self._view.screen.columns if self._view else self._output.columns()
        return RowLayout.fit(columns, priced=self._priced, dated=self._dated)

    def _say(self, text: str) -> None:
        self._output.document(text)
        sys.stdout.flush()  # whoever reads a pipe is to see it now

"""What `gwproxy serve` shows of its exchanges: on a terminal the live view, a row each and below
them what runs; else plain lines, or JSON."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from gwproxy.cli import service_log, streams
from gwproxy.cli.output import Output
from gwproxy.errors import UsageError

if TYPE_CHECKING:
    from gwproxy.cli.live_view import View
    from gwproxy.proxy.record import ExchangeRecord
    from gwproxy.proxy.serving import RunningGateway


class ServeLog:
    """The log on stderr; it hides the keys of the running `server`. Raises UsageError for a level
    that there is not."""

    def __init__(self, output: Output, level: str) -> None:
        self._output = output
        self._level = _level(level, output)
        self._view: View | None = None
        self.server: RunningGateway | None = None

    @contextmanager
    def started(self, *, json_lines: bool) -> Iterator[None]:
        """Have the log written to stderr for as long as the block runs."""
        from gwproxy.proxy.log import LOGGER

        with self._screen(json_lines=json_lines):
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(self._formatter(json_lines=json_lines))
            # On the root: what libraries say goes through the same wall.
            logging.basicConfig(level=logging.WARNING, handlers=[handler])
            LOGGER.setLevel(self._level)
            yield

    @asynccontextmanager
    async def live(self, news: AsyncGenerator[tuple[str, Any]]) -> AsyncIterator[None]:
        """Show what runs below the log, where somebody looks, for as long as the block runs."""
        if self._view is None:
            yield
            return
        sys.stderr.write("\n")
        watching = asyncio.create_task(self._watch(self._view, news))
        try:
            yield
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    async def _watch(self, view: View, news: AsyncGenerator[tuple[str, Any]]) -> None:
        from gwproxy.cli.live_view import watch
        from gwproxy.proxy.worker import words_of

        try:
            await watch(view, news)
        except Exception as error:  # noqa: BLE001 -- nobody waits for this task: it is told here
            self._output.warn(f"what runs cannot be shown: {words_of(error)}")

    @contextmanager
    def _screen(self, *, json_lines: bool) -> Iterator[None]:
        """stderr waits for nobody, and has a line that stays below the others on a terminal that
        can have one."""
        from gwproxy.cli.screen import Screen

        output = self._output
        wanted = not json_lines and self._level <= logging.INFO and output.draws_on(sys.stderr)
        wanted = wanted and streams.obeys(sys.stderr)
        with Screen.over(service_log.bounded(sys.stderr)) as screen:
            if wanted:
                from gwproxy.cli.exchange_row import paint_for
                from gwproxy.cli.live_view import View

                self._view = View(screen, paint_for(output, sys.stderr))
            yield

    def _formatter(self, *, json_lines: bool) -> logging.Formatter:
        from gwproxy.cli.exchange_row import RowFormatter, paint_for
        from gwproxy.proxy.log import JsonFormatter, LineFormatter

        if json_lines:
            return JsonFormatter(self._secrets)
        if not self._output.draws_on(sys.stderr):
            return LineFormatter(self._secrets)
        paint = paint_for(self._output, sys.stderr)
        return RowFormatter(self._secrets, self._shape_of, paint, priced=self._priced)

    def _secrets(self) -> Iterator[str]:
        if self.server is not None:
            yield from self.server.secrets()

    def _shape_of(self, record: ExchangeRecord) -> dict[str, Any]:
        from gwproxy.proxy.records.ledger import Entry, shape

        routes = self.server.gateway.routes if self.server else None
        return shape(Entry.of(record, routes.prices_of(record.profile) if routes else None))

    def _priced(self) -> bool:
        """Whether there will be costs to show."""
        if self.server is None:
            return False
        profiles = self.server.gateway.routes.config.profiles.values()
        return any(profile.prices is not None for profile in profiles)


def _level(name: str, output: Output) -> int:
    from gwproxy.profiles.store import LOG_LEVELS

    if name.lower() not in LOG_LEVELS:
        raise UsageError(
            f"{name!r} is not a log level", hint=f"--log-level {' or '.join(LOG_LEVELS)}"
        )
    level = logging.getLevelNamesMapping()[name.upper()]
    return max(level, logging.WARNING) if output.quiet else level

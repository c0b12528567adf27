"""Checks as they end: a table that grows on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from gwproxy.cli.output import Output
from gwproxy.plain import harmless

if TYPE_CHECKING:
    from rich.table import Table

    from gwproxy.proxy.probe import Verdict

_COLOURS: Final = {"ok": "green", "note": "yellow", "failed": "bold red"}


_TABLE_COLUMNS: Final = 70
"""Below this the words would stand in a column too narrow to be read."""


class Checklist(Protocol):
    """What shows each verdict as it comes."""

    def show(self, verdict: Verdict) -> None: ...


@contextmanager
def checklist(output: Output) -> Iterator[Checklist]:
    """Where verdicts are shown, one after the other."""
    if output.for_program:
        yield _Silent()
    elif output.is_fancy(sys.stdout) and (output.columns() or 0) >= _TABLE_COLUMNS:
        with _Growing() as growing:
            yield growing
    else:
        yield _Lines(output)


class _Silent:
    def show(self, verdict: Verdict) -> None:
        pass


class _Lines:
    def __init__(self, output: Output) -> None:
        self._output = output

    def show(self, verdict: Verdict) -> None:
        took = f"  ({verdict.seconds:.1f} s)" if verdict.seconds is not None else ""
        words = f"{verdict.check}: {verdict.words}{took}"
        self._output.finding(verdict.outcome.value, words, verdict.hint.splitlines())


class _Growing:
    """rich redraws the whole table, so that columns fit; the last row says that more is to come."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._verdicts: list[Verdict] = []
        self._live = Live(console=Console(file=sys.stdout), refresh_per_second=8)

    def __enter__(self) -> _Growing:
        self._live.start()
        self._live.update(self._drawn(waiting=True))
        return self

    def __exit__(self, *_: object) -> None:
        self._live.update(self._drawn(waiting=False))
        self._live.stop()

    def show(self, verdict: Verdict) -> None:
        self._verdicts.append(verdict)
        self._live.update(self._drawn(waiting=True))

    def _drawn(self, *, waiting: bool) -> Table:
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, min_width=len("failed"))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        table.add_column(no_wrap=True, justify="right")
        for verdict in self._verdicts:
            took = f"{verdict.seconds:.1f} s" if verdict.seconds is not None else ""
            words = Text(harmless(verdict.words))
            if verdict.hint:
                words.append(f"\n→ {verdict.hint}", style="cyan")
            outcome = Text(verdict.outcome, style=_COLOURS[verdict.outcome])
            table.add_row(outcome, Text(verdict.check), words, Text(took, style="dim"))
        if waiting:
            table.add_row(Spinner("dots"), Text("…", style="dim"), "", "")
        return table

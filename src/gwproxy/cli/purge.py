"""`gwproxy purge`: take away what is kept of a person's work, all of it or what is old, whether a
gateway runs or not. Without a yes nothing is taken away."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gwproxy.cli.drawing import Table
from gwproxy.cli.options import CsvFlag, JsonFlag, QuietFlag, YesFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.sheet import Sheet
from gwproxy.errors import EXIT_FAILED, UsageError

if TYPE_CHECKING:
    from gwproxy.cli.holdings import Holding

_WHAT: Final = "captures|responses|usage|lessons|backups|damaged|log|runs"


def register(app: typer.Typer) -> None:
    app.command("purge")(purge)


def purge(
    context: typer.Context,
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar=_WHAT, show_default=False, help="These alone, not all of them."),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="SPAN", help="What is older: 24h, 30d, 4w."),
    ] = None,
    yes: YesFlag = False,
    csv: CsvFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Take away what is kept of your work on this machine."""
    output = output_of(context)
    chosen = _chosen(what or [])
    before_s = _before(older_than)
    found = [one.data(before_s) for one in chosen]
    there = [one for one in found if one["count"]]
    if not output.for_program:
        _show(output, there, older_than)
    if there and not yes and output.can_ask():
        yes = output.confirm("take all this away?", flag="--yes")
    if yes:
        _take_away(chosen, found, before_s)
    data = {"done": yes, "older_than": older_than, "holdings": found}
    output.result(data, lambda: _say(output, there, found, done=yes), sheet=Sheet(found))
    return EXIT_FAILED if any(one["trouble"] for one in found) else 0


def _chosen(names: list[str]) -> list[Holding]:
    """Raises UsageError."""
    from gwproxy.cli.holdings import NAMES, holdings
    from gwproxy.profiles.suggest import did_you_mean

    for name in names:
        if name not in NAMES:
            why = did_you_mean(name, NAMES)
            hint = f"gwproxy purge {' '.join(NAMES)}"
            raise UsageError(f"nothing that is kept is called {name!r}", why=why, hint=hint)
    return [one for one in holdings() if one.name in (names or NAMES)]


def _before(older_than: str | None) -> float:
    """Raises UsageError."""
    from gwproxy.cli.usage import seconds_of

    if older_than is None:
        return math.inf
    seconds = seconds_of(older_than)
    if seconds is None:
        raise UsageError(f"{older_than!r} is not a span of time", hint="--older-than 24h, 30d, 4w")
    return time.time() - seconds


def _take_away(chosen: list[Holding], found: list[dict[str, Any]], before_s: float) -> None:
    """Each on its own: that one file cannot be changed keeps no other from being purged."""
    from gwproxy.cli.holdings import UNREADABLE
    from gwproxy.proxy.worker import words_of

    for holding, row in zip(chosen, found, strict=True):
        row["taken_away"] = 0
        if row["trouble"]:
            continue
        try:
            row["taken_away"] = holding.purge(before_s)
        except UNREADABLE as error:
            row["trouble"] = words_of(error)


def _show(output: Output, there: list[dict[str, Any]], older_than: str | None) -> None:
    from gwproxy.cli.status import stock_words

    older = f" that is older than {older_than}" if older_than else ""
    rows = tuple((one["name"], stock_words(one), one["what"]) for one in there)
    output.table(Table(("WHAT", "HOW MUCH", ""), rows, f"nothing is kept{older}"))


def _say(
    output: Output, there: list[dict[str, Any]], found: list[dict[str, Any]], *, done: bool
) -> None:
    if done:
        for one in there:
            if not one["trouble"]:
                output.line(f"took away {one['name']}: {one['taken_away']}")
    elif there:
        output.talk("nothing was taken away; gwproxy purge --yes does it")
    for one in found:
        if one["trouble"]:
            output.warn(f"{one['name']} in {one['where']}: {one['trouble']}")

"""`gwproxy usage`: tokens and cost so far, out of the ledger, with or without a server running."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from gwproxy import paths
from gwproxy.cli import streams
from gwproxy.cli.drawing import Table
from gwproxy.cli.figures import money, share, short_number
from gwproxy.cli.options import CsvFlag, JsonFlag, ProfileOption, QuietFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.sheet import Sheet
from gwproxy.errors import ConfigError, UsageError
from gwproxy.profiles.names import profile_names

if TYPE_CHECKING:
    from gwproxy.proxy.records.ledger import Line
    from gwproxy.proxy.records.ledger.report import Grouping

_GROUPINGS: Final = ("day", "profile", "model", "client", "session")
_SPAN: Final = re.compile(r"([1-9]\d{0,3})([mhdw])")
_SPAN_S: Final = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}

_BAR_WIDTH: Final = 10
_SHORTEST_BAR: Final = 6  # as wide as its heading
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_FULL: Final = "█"


def register(app: typer.Typer) -> None:
    app.command("usage")(usage)


def usage(
    context: typer.Context,
    since: Annotated[
        str, typer.Option("--since", metavar="SPAN", help="From then on: 24h, 7d, 4w, 2026-11-01.")
    ] = "30d",
    by: Annotated[
        str, typer.Option("--by", metavar="|".join(_GROUPINGS), help="One line for each of these.")
    ] = "day",
    profile: ProfileOption = None,
    csv: CsvFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Tokens and cost so far."""
    output = output_of(context)
    since_s = moment_of(since, time.time())
    if by not in _GROUPINGS:
        raise UsageError(f"{by!r} is not a way to sum up", hint=f"--by {' or '.join(_GROUPINGS)}")
    lines = _read(cast("Grouping", by), since_s, profile or "")
    if profile and not lines:
        _check_profile(profile)
    data = {"by": by, "since": _stamp(since_s), "lines": [_as_data(line) for line in lines]}
    sheet = Sheet([_as_row(by, line) for line in lines], (by, *_FIGURES))
    output.result(data, lambda: _print_table(output, by, since_s, lines), sheet=sheet)


def _check_profile(name: str) -> None:
    """Raises ConfigError where there is no such profile and never was: nothing would look like
    nothing asked."""
    from gwproxy.profiles import store

    if not _read("profile", 0, name):
        store.load().profile(name)


def _read(by: Grouping, since_s: float, profile: str) -> list[Line]:
    from gwproxy.proxy.records.ledger import Period, StorageTrouble, report

    path = paths.usage_db()
    try:
        return report(path, by, Period(round(since_s * 1000), profile))
    except StorageTrouble as trouble:
        raise unreadable(path, trouble) from trouble


def unreadable(path: Path, trouble: Exception) -> ConfigError:
    """The error of a ledger that cannot be read, with what to do."""
    return ConfigError(
        f"the usage ledger {path} cannot be read",
        why=str(trouble),
        hint="a running server puts a damaged one aside and begins anew; else move it away",
    )


def seconds_of(text: str) -> int | None:
    """How long `30m`, `24h`, `7d` or `4w` are; None for anything else."""
    span = _SPAN.fullmatch(text.strip())
    return None if span is None else int(span[1]) * _SPAN_S[span[2]]


def moment_of(text: str, now_s: float) -> float:
    """When `7d` or `2026-11-01` began, in seconds since 1970. Raises UsageError."""
    seconds = seconds_of(text)
    if seconds is not None:
        if text.strip()[-1] in "mh":
            return now_s - seconds
        from gwproxy.proxy.records.ledger import days_back

        return days_back(seconds // _SPAN_S["d"], now_s)
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except ValueError:
        raise UsageError(
            f"{text!r} is not a span of time", hint="--since 24h, 7d, 4w or 2026-11-01"
        ) from None


# --- for people ----------------------------------------------------------------------------------


def _print_table(output: Output, by: str, since_s: float, lines: Sequence[Line]) -> None:
    most = max((_tokens(line) for line in lines), default=0)
    figures = [_row(line) for line in lines]
    if len(lines) > 1:
        figures.append(_total(lines))
    head = (by.upper(), "EXCHANGES", "FAILED", "INPUT", "CACHED", "OUTPUT", "COST", "TOKENS")
    bar = _bar_for(
        _room_for_bars(output, (head[:-1], *figures)), blocks=streams.takes(_EIGHTHS + _FULL)
    )
    shares = [_tokens(line) / most if most else 0 for line in lines]
    bars = [*map(bar, shares), ""]
    rows = [(*row, drawn) for row, drawn in zip(figures, bars, strict=False)]
    right = frozenset(head[1:-1])
    since = f"{datetime.fromtimestamp(since_s):%Y-%m-%d %H:%M}"
    empty = f"nothing was asked since {since}; gwproxy serve records what passes through it"
    if lines:
        output.talk(f"since {since}")
    output.table(Table(head, tuple(rows), empty, right, spare=("TOKENS", "CACHED")))
    _say_unpriced(output, by, lines)


def _row(line: Line) -> tuple[str, ...]:
    return (
        line.group,
        str(line.exchanges),
        str(line.failed) if line.failed else "",
        short_number(line.input_total),
        share(line.cache_read, line.input_total),
        short_number(line.output),
        money(line.cost_micro, line.cost_unit),
    )


def _total(lines: Sequence[Line]) -> tuple[str, ...]:
    inputs, cached = (
        sum(getattr(line, n) for line in lines) for n in ("input_total", "cache_read")
    )
    failed = sum(line.failed for line in lines)
    units: dict[str, int] = {}
    for line in lines:
        if line.cost_micro is not None:
            units[line.cost_unit] = units.get(line.cost_unit, 0) + line.cost_micro
    return (
        "total",
        str(sum(line.exchanges for line in lines)),
        str(failed) if failed else "",
        short_number(inputs),
        share(cached, inputs),
        short_number(sum(line.output for line in lines)),
        " + ".join(money(cost, unit) for unit, cost in units.items()),
    )


def _say_unpriced(output: Output, by: str, lines: Sequence[Line]) -> None:
    unpriced = sum(line.unpriced for line in lines)
    if not unpriced:
        return
    words = f"answers without a known cost: {unpriced}"
    known = profile_names()  # the built-in one is not among them
    names = (line.group for line in lines if line.unpriced and line.group in known)
    if by != "profile":
        words += "\n  gwproxy usage --by profile"
    elif name := next(names, ""):
        words += (
            "; tell the provider's prices of a million tokens:\n"
            f"  gwproxy profile set {name} price.input=PRICE price.output=PRICE"
        )
    output.talk(words)


def _tokens(line: Line) -> int:
    return line.input_total + line.output


def _room_for_bars(output: Output, rows: Sequence[Sequence[str]]) -> int:
    """How long a bar may be beside the figures of `rows`."""
    columns = output.columns()
    if columns is None:
        return _BAR_WIDTH
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True) if any(cells[1:])]
    return max(_SHORTEST_BAR, min(_BAR_WIDTH, columns - sum(width + 2 for width in widths)))


def _bar_for(width: int, *, blocks: bool) -> Callable[[float], str]:
    """How a share of 1 is drawn: by eighths of a letter where the terminal has them."""
    if not blocks:
        return lambda share: "#" * round(share * width)
    return lambda share: _drawn_bar(share, width)


def _drawn_bar(share: float, width: int) -> str:
    whole, part = divmod(round(share * width * 8), 8)
    return (_FULL * whole + _EIGHTHS[part]).rstrip()


# --- for programs --------------------------------------------------------------------------------

_FIGURES: Final = (
    "exchanges",
    "failed",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_unit",
    "cost_micro",
    "unpriced",
)


def _as_data(line: Line) -> dict[str, Any]:
    return {
        "group": line.group,
        "exchanges": line.exchanges,
        "failed": line.failed,
        "input_tokens": line.input_total,
        "cache_read_tokens": line.cache_read,
        "cache_write_tokens": line.cache_write,
        "output_tokens": line.output,
        "reasoning_tokens": line.reasoning,
        "cost_unit": line.cost_unit or None,
        "cost_micro": line.cost_micro,
        "unpriced": line.unpriced,
    }


def _as_row(by: str, line: Line) -> dict[str, Any]:
    data = _as_data(line)
    return {by: data.pop("group"), **data}


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")

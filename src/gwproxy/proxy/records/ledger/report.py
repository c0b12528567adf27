"""Sums over the ledger, for `gwproxy usage`."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from gwproxy.proxy.records.ledger.database import LedgerFile
from gwproxy.proxy.records.ledger.entry import FAILED
from gwproxy.translate.hub import MOST_TOKENS

Grouping: TypeAlias = Literal["day", "profile", "model", "client", "session"]

GROUPINGS: Final[Mapping[Grouping, str]] = MappingProxyType(
    {
        # The person's own days, not those of Greenwich.
        "day": "strftime('%Y-%m-%d', started_ms / 1000, 'unixepoch', 'localtime')",
        "profile": "profile",
        "model": "model_used",
        "client": "CASE client WHEN '' THEN '-' ELSE client END",
        "session": "CASE session WHEN '' THEN '-' ELSE session END",
    }
)

_TOKENS: Final = ("fresh", "cache_read", "cache_write", "output", "reasoning")

_HIGHEST_COST_MICRO: Final = 10**16
"""Of one exchange: what the most tokens cost at the highest price that a profile can name."""


def _believed(column: str, most: int = MOST_TOKENS) -> str:
    """The column without figures that cannot be: older versions wrote down whatever an upstream
    said, and SQLite's `sum` fails where two of them go beyond 64 bits."""
    return f"CASE WHEN {column} BETWEEN 0 AND {most} THEN {column} END"


_COST: Final = _believed("cost_micro", _HIGHEST_COST_MICRO)


_CHARGED: Final = f"((status = 200 AND error_kind = '') OR coalesce({_believed('output')}, 0) > 0)"
"""A refusal costs nothing, so nobody needs to know its price; an answer that broke off may."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `since_ms` (since 1970), of one profile or ("") of all."""

    since_ms: int = 0
    profile: str = ""


def days_back(days: int, now_s: float) -> float:
    """When the first of the last `days` days began, today among them, in seconds since 1970: half
    of a day beside whole ones looks like a quiet day."""
    first = datetime.fromtimestamp(now_s).date() - timedelta(days=days - 1)
    return datetime.combine(first, time.min).timestamp()


@dataclass(frozen=True, slots=True)
class Line:
    """The sums of one group and one unit of cost. `failed` exchanges went wrong;
    `unpriced` used tokens that have no known cost, and are not in `cost_micro`."""

    group: str
    exchanges: int
    failed: int
    fresh: int
    cache_read: int
    cache_write: int
    output: int
    reasoning: int
    cost_unit: str
    cost_micro: int | None
    unpriced: int

    @property
    def input_total(self) -> int:
        return self.fresh + self.cache_read + self.cache_write


def report(path: Path, by: Grouping, period: Period) -> list[Line]:
    """One line for each group (and unit of cost, where there are several), in order. Raises
    StorageTrouble."""
    database = LedgerFile.read(path)
    if database is None:
        return []
    with contextlib.closing(database):
        # A file of an older version knows no sessions.
        group = GROUPINGS[by] if by != "session" or "session" in database.columns else "'-'"
        found = database.rows(
            f"SELECT {group} AS name, count(*), "
            f"sum({FAILED}), "
            f"{', '.join(f'coalesce(sum({_believed(name)}), 0)' for name in _TOKENS)}, "
            f"cost_unit, sum({_COST}), "
            f"sum({_COST} IS NULL AND {_CHARGED}) "
            "FROM exchanges WHERE started_ms >= :since AND (:profile = '' OR profile = :profile) "
            "GROUP BY name, cost_unit ORDER BY name, cost_unit",
            {"since": period.since_ms, "profile": period.profile},
        )
    return _with_unpriced([Line(*row) for row in found])


def _with_unpriced(lines: list[Line]) -> list[Line]:
    """What was asked before a profile had prices, together with what was asked since: in one line,
    where it is clear which."""
    whole: list[Line] = []
    for line in lines:
        units = [one for one in lines if one.group == line.group]
        # Sorted by unit: the one without comes first.
        if len(units) == 2 and not units[0].cost_unit:
            if line is units[1]:
                whole.append(_sum(*units))
        else:
            whole.append(line)
    return whole


def _sum(unpriced: Line, priced: Line) -> Line:
    figures = ("exchanges", "failed", *_TOKENS)
    sums = {name: getattr(unpriced, name) + getattr(priced, name) for name in figures}
    return replace(priced, **sums, unpriced=unpriced.unpriced + priced.unpriced)

"""The latest exchanges in the ledger's file, for `gwproxy status` after a restart."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gwproxy.proxy.records.ledger.database import LedgerFile
from gwproxy.proxy.records.ledger.entry import FAILED, Entry

_LOOKED_AT: Final = 10_000
"""Of the newest rows: days of use, and read within a few hundredths of a second."""

_A_DAY_MS: Final = 24 * 3600 * 1000

_THERE: Final = (
    "WHERE started_ms < :before AND started_ms >= coalesce((SELECT started_ms FROM exchanges "
    f"WHERE started_ms < :before ORDER BY started_ms DESC LIMIT 1 OFFSET {_LOOKED_AT}), 0)"
)


@dataclass(frozen=True, slots=True)
class Latest:
    """Each the oldest first: the last exchanges that failed, of each profile the last that was
    answered, and of each session of the last day the last that a cache alarm came of."""

    failed: tuple[Entry, ...] = ()
    answered: tuple[Entry, ...] = ()
    alarmed: tuple[Entry, ...] = ()


def latest(path: Path, before_s: float, most: int) -> Latest:
    """What began before `before_s` (since 1970), of failures at the `most` so many. Raises
    StorageTrouble."""
    database = LedgerFile.read(path)
    if database is None:
        return Latest()
    before = {"before": before_s * 1000}
    with contextlib.closing(database):
        failed = database.entries(
            f"{_THERE} AND {FAILED} ORDER BY started_ms DESC LIMIT {most}",
            before,
        )
        answered = database.entries(
            f"{_THERE} AND error_kind = '' GROUP BY profile "
            "HAVING started_ms = max(started_ms) ORDER BY started_ms",
            before,
        )
        alarmed: list[Entry] = []
        if "cache_alarm" in database.columns:
            alarmed = database.entries(
                f"{_THERE} AND cache_alarm != '' AND started_ms >= :before - {_A_DAY_MS} "
                "GROUP BY session, client HAVING started_ms = max(started_ms) "
                f"ORDER BY started_ms DESC LIMIT {most}",
                before,
            )
    return Latest(tuple(reversed(failed)), tuple(answered), tuple(reversed(alarmed)))

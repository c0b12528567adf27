"""The ledger's file: its schema, and what is read from it and written to it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import structs

from gwproxy.proxy.records import storage
from gwproxy.proxy.records.ledger.entry import COLUMNS, Entry
from gwproxy.proxy.records.storage import Schema, Stock, StorageTrouble

SCHEMA_VERSION: Final = 6

MOST_ROWS: Final = 1_000_000
"""Years of heavy use, in some 300 MB. They have no age of their own: these are a person's accounts,
without a word of what was asked, and are compared with those of last year."""

_BUSY_S: Final = 10.0
"""Several servers may share the file; each holds it for milliseconds."""

_SCHEMA: Final = """
CREATE TABLE exchanges (
    request_id TEXT PRIMARY KEY,
    upstream_request_id TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    profile TEXT NOT NULL,
    client TEXT NOT NULL,
    client_dialect TEXT NOT NULL,
    upstream_dialect TEXT NOT NULL,
    model_asked TEXT NOT NULL,
    model_used TEXT NOT NULL,
    streamed INTEGER NOT NULL,
    status INTEGER NOT NULL,
    error_kind TEXT NOT NULL,
    first_byte_ms INTEGER,
    duration_ms INTEGER NOT NULL,
    fresh INTEGER,
    cache_read INTEGER,
    cache_write INTEGER,
    cache_write_1h INTEGER,
    output INTEGER,
    reasoning INTEGER,
    cost_micro INTEGER,
    cost_unit TEXT NOT NULL,
    losses INTEGER NOT NULL,
    upstream_status INTEGER,
    error TEXT NOT NULL DEFAULT '',
    lost TEXT NOT NULL DEFAULT '',
    session TEXT NOT NULL DEFAULT '',
    host TEXT NOT NULL DEFAULT '',
    path TEXT NOT NULL DEFAULT '',
    queued_ms INTEGER,
    sent_ms INTEGER,
    heard_ms INTEGER,
    remarks TEXT NOT NULL DEFAULT '',
    cache_alarm TEXT NOT NULL DEFAULT ''
);
CREATE INDEX exchanges_by_time ON exchanges (started_ms);
CREATE INDEX exchanges_by_upstream_id ON exchanges (upstream_request_id)
    WHERE upstream_request_id != '';
"""

_FILE: Final = Schema(
    SCHEMA_VERSION,
    _SCHEMA,
    upgrades=(
        "ALTER TABLE exchanges ADD COLUMN upstream_status INTEGER",
        "ALTER TABLE exchanges ADD COLUMN error TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE exchanges ADD COLUMN lost TEXT NOT NULL DEFAULT ''",
        """
        ALTER TABLE exchanges ADD COLUMN session TEXT NOT NULL DEFAULT '';
        ALTER TABLE exchanges ADD COLUMN host TEXT NOT NULL DEFAULT '';
        ALTER TABLE exchanges ADD COLUMN path TEXT NOT NULL DEFAULT '';
        ALTER TABLE exchanges ADD COLUMN queued_ms INTEGER;
        ALTER TABLE exchanges ADD COLUMN sent_ms INTEGER;
        ALTER TABLE exchanges ADD COLUMN heard_ms INTEGER;
        ALTER TABLE exchanges ADD COLUMN remarks TEXT NOT NULL DEFAULT '';
        """,
        "ALTER TABLE exchanges ADD COLUMN cache_alarm TEXT NOT NULL DEFAULT ''",
    ),
)

_INSERT: Final = (
    # A row that is there already was written before a crash, and is never counted twice; or an
    # alarm has come to it since.
    f"INSERT INTO exchanges ({', '.join(COLUMNS)}) "
    f"VALUES ({', '.join(':' + name for name in COLUMNS)}) ON CONFLICT (request_id) "
    "DO UPDATE SET cache_alarm = excluded.cache_alarm WHERE excluded.cache_alarm != ''"
)


_EVICT: Final = "DELETE FROM exchanges WHERE rowid <= (SELECT max(rowid) FROM exchanges) - :most"


class LedgerFile(storage.OpenFile):
    """The ledger's file, opened. Every method raises StorageTrouble."""

    @classmethod
    def open(
        cls, path: Path, tell: Callable[[StorageTrouble, Path], None] = lambda trouble, aside: None
    ) -> LedgerFile:
        """The file, made where there is none, checked, and with its schema. `tell` hears of a
        damaged one, which is put aside."""
        return cls(storage.open_or_begin_anew(path, _FILE, patience_s=_BUSY_S, tell=tell), path)

    @classmethod
    def read(cls, path: Path) -> LedgerFile | None:
        """The file for reading alone; None where there is none. An older or newer schema is read
        too: its columns only ever get more."""
        connection = storage.open_for_reading(path, patience_s=_BUSY_S)
        return None if connection is None else cls(connection, path)

    def insert(self, entries: Sequence[Entry]) -> None:
        """Write all of `entries`, or none; the oldest rows go where there are too many."""
        rows = [*map(structs.asdict, entries)]
        with storage.transaction(self._connection):
            self._connection.executemany(_INSERT, rows)
            # By the order in which they came: a clock that jumps must not take the accounts away.
            self._connection.execute(_EVICT, {"most": MOST_ROWS})

    def find(self, request_id: str) -> Entry | None:
        """The exchange of that id, ours or the upstream's; of several the newest."""
        found = self.entries(
            "WHERE request_id = :id OR upstream_request_id = :id ORDER BY started_ms DESC LIMIT 1",
            {"id": request_id},
        )
        return found[0] if found else None

    def entries(self, clauses: str, parameters: dict[str, Any]) -> list[Entry]:
        """The exchanges that `clauses` of SQL choose. A file of an older version lacks columns."""
        there = self.columns
        columns = [name for name in COLUMNS if name in there]
        found = self.rows(f"SELECT {', '.join(columns)} FROM exchanges {clauses}", parameters)
        rows = (dict(zip(columns, row, strict=True)) for row in found)
        return [Entry(**{**row, "streamed": bool(row["streamed"])}) for row in rows]

    @property
    def columns(self) -> frozenset[str]:
        """The columns that a file of its version has."""
        there = self.rows("SELECT name FROM pragma_table_info('exchanges')", {})
        return frozenset(name for (name,) in there)

    def rows(self, query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """All rows of a query: read at once, for an open reading keeps the log growing."""
        with storage.explained():
            return self._connection.execute(query, parameters).fetchall()


def stock(path: Path, before_s: float = math.inf) -> Stock:
    """The rows of exchanges that began before `before_s`, and the size of the file. Raises
    StorageTrouble."""
    database = LedgerFile.read(path)
    if database is None:
        return Stock()
    with contextlib.closing(database):
        ((count, oldest_ms),) = database.rows(
            "SELECT count(*), min(started_ms) FROM exchanges WHERE started_ms < :before",
            {"before": before_s * 1000},
        )
    return Stock(count, storage.size_of(path), None if oldest_ms is None else oldest_ms / 1000)


def purge(path: Path, before_s: float = math.inf) -> int:
    """Delete the rows of exchanges that began before `before_s`; how many. Raises
    StorageTrouble."""
    if not path.exists():
        return 0
    connection = storage.open_file(path, _FILE, patience_s=_BUSY_S)
    with contextlib.closing(connection):
        statement = "DELETE FROM exchanges WHERE started_ms < :before"
        return storage.wipe(connection, statement, before=before_s * 1000)


def check(path: Path) -> int | None:
    """How many rows there are, once SQLite finds nothing wrong with the file; None where there is
    none yet. Raises StorageTrouble."""
    database = LedgerFile.read(path)
    if database is None:
        return None
    with contextlib.closing(database):
        ((verdict,),) = database.rows("PRAGMA quick_check(1)", {})
        if verdict != "ok":
            raise StorageTrouble(str(verdict), damaged=True)
        ((rows,),) = database.rows("SELECT count(*) FROM exchanges", {})
        return int(rows)

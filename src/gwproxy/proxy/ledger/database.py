"""The ledger's file. The only home of sqlite3: its exceptions become `Trouble` here.

WAL with `synchronous=NORMAL`: a killed process loses nothing that was committed, a power cut
perhaps the last transactions and never the file (https://www.sqlite.org/pragma.html). The `-wal`
and `-shm` files belong to the file and are never touched alone.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from gwproxy import paths
from gwproxy.errors import ConfigError
from gwproxy.proxy.ledger.entry import COLUMNS, Entry

SCHEMA_VERSION: Final = 1

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
    losses INTEGER NOT NULL
);
CREATE INDEX exchanges_by_time ON exchanges (started_ms);
CREATE INDEX exchanges_by_upstream_id ON exchanges (upstream_request_id)
    WHERE upstream_request_id != '';
"""

_INSERT: Final = (
    # A row that is there already was written before a crash: never counted twice.
    f"INSERT OR IGNORE INTO exchanges ({', '.join(COLUMNS)}) "
    f"VALUES ({', '.join(':' + name for name in COLUMNS)})"
)

# https://www.sqlite.org/rescode.html
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Trouble(Exception):
    """The file cannot be used now. `damaged`: it never will be again; `newer`: a newer gwproxy
    made it, and it is left alone."""

    def __init__(self, why: str, *, damaged: bool = False, newer: bool = False) -> None:
        super().__init__(why)
        self.damaged = damaged
        self.newer = newer


class Database:
    """One connection, for the thread that opened it. Every method raises Trouble."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> Database:
        """The file, made where there is none, checked, and with its schema."""
        with _explained():
            _make_private(path)
            connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
            try:
                _prepare(connection)
            except BaseException:
                connection.close()
                raise
            return cls(connection)

    @classmethod
    def read(cls, path: Path) -> Database | None:
        """The file for reading alone; None where there is none yet. A newer schema is read too: its
        columns only ever get more."""
        if not path.exists():
            return None
        with _explained():
            connection = sqlite3.connect(
                f"{path.as_uri()}?mode=ro", uri=True, timeout=_BUSY_S, isolation_level=None
            )
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == 0:  # a server is just about to make it
                connection.close()
                return None
            return cls(connection)

    def insert(self, entries: Sequence[Entry]) -> None:
        """All of them, or none."""
        rows = [{name: getattr(entry, name) for name in COLUMNS} for entry in entries]
        with _explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(_INSERT, rows)
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def find(self, request_id: str) -> Entry | None:
        """The exchange of that id, ours or the upstream's; of several the newest."""
        found = self.rows(
            f"SELECT {', '.join(COLUMNS)} FROM exchanges "
            "WHERE request_id = :id OR upstream_request_id = :id "
            "ORDER BY started_ms DESC LIMIT 1",
            {"id": request_id},
        )
        if not found:
            return None
        values = dict(zip(COLUMNS, found[0], strict=True))
        return Entry(**{**values, "streamed": bool(values["streamed"])})

    def rows(self, query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """All rows of a query: read at once, for an open reading keeps the log growing."""
        with _explained():
            return self._connection.execute(query, parameters).fetchall()

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()


def set_aside(path: Path) -> Path:
    """Rename a damaged file, with what belongs to it, so that a new one can be begun."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)
        # Extended codes keep the plain one in their lowest byte.
        damaged = code is not None and code & 0xFF in _DAMAGED
        raise Trouble(str(error), damaged=damaged) from error
    except sqlite3.Error as error:
        raise Trouble(str(error)) from error
    except OSError as error:
        raise Trouble(error.strerror or str(error)) from error
    except ConfigError as error:
        raise Trouble(f"{error.what}: {error.why}") from error


def _make_private(path: Path) -> None:
    """The file, 0600 before SQLite opens it; its companions take the same mode."""
    paths.ensure_private_dir(path.parent)
    # O_NOFOLLOW: a planted link must not have us write into another file.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        if os.name == "posix" and os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _prepare(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise Trouble("a newer gwproxy made this ledger", newer=True)
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise Trouble(str(verdict), damaged=True)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    if version < SCHEMA_VERSION:
        _create(connection)


def _create(connection: sqlite3.Connection) -> None:
    """The schema, unless another process has just made it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _SCHEMA.split(";"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise

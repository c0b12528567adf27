"""SQLite files of ours: made private, checked, opened, put aside when damaged.

The only home of sqlite3: its exceptions become `StorageTrouble` here. What stands in a file is for
others to know.

WAL with `synchronous=NORMAL`: a killed process loses nothing that was committed, a power cut
perhaps the last transactions and never the file (https://www.sqlite.org/pragma.html). The `-wal`
and `-shm` files belong to the file and are never touched alone.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from gwproxy import paths
from gwproxy.errors import ConfigError

Connection: TypeAlias = sqlite3.Connection

MOST_ASIDE: Final = 3
"""Damaged files that are kept of one: whoever can mend one does it with the latest."""

# https://www.sqlite.org/rescode.html
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

# Seen: a whole number beyond 64 bits (OverflowError), half of a surrogate pair (UnicodeError).
_OF_A_VALUE: Final = (
    OverflowError,
    UnicodeError,
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)


class StorageTrouble(Exception):
    """The file cannot be used now. `damaged`: it never will be again; `newer`: a newer gwproxy
    made it, and it is left alone."""

    def __init__(self, why: str, *, damaged: bool = False, newer: bool = False) -> None:
        super().__init__(why)
        self.damaged = damaged
        self.newer = newer


class Unstorable(StorageTrouble):
    """A value that SQLite has no place for. The file is well, and takes the next one."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What a file is made of. `statements` are separated by semicolons. `upgrades` make each
    earlier version into the next, from the first on, with statements likewise."""

    version: int
    statements: str
    upgrades: tuple[str, ...] = ()


class OpenFile:
    """One connection to the file at `path`, for the thread that opened it."""

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._identity = _identity(path)

    @property
    def is_gone(self) -> bool:
        """Whether the file was deleted, or another one put in its place: what is written now
        nobody will find."""
        return _identity(self._path) != self._identity

    def close(self) -> None:
        close(self._connection)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def open_file(path: Path, schema: Schema, *, patience_s: float) -> Connection:
    """The file, made where there is none, checked, and with its schema; for the thread that calls.
    `patience_s` is how long another process may hold it. Raises StorageTrouble."""
    with explained():
        _make_private(path)
        connection = sqlite3.connect(path, timeout=patience_s, isolation_level=None)
        try:
            _prepare(connection, path.name, schema)
        except BaseException:
            connection.close()
            raise
        return connection


def open_or_begin_anew(
    path: Path, schema: Schema, *, patience_s: float, tell: Callable[[StorageTrouble, Path], None]
) -> Connection:
    """As `open_file`, but a damaged file is put aside and a new one begun; `tell` is then called
    with the damage and the place of the old file. Raises StorageTrouble."""
    try:
        return open_file(path, schema, patience_s=patience_s)
    except StorageTrouble as trouble:
        if not trouble.damaged:
            raise
    try:
        # Of several processes that find the damage, one moves the file.
        with paths.exclusive_lock(path.stem):
            try:
                return open_file(path, schema, patience_s=patience_s)
            except StorageTrouble as trouble:
                if not trouble.damaged:
                    raise
                tell(trouble, set_aside(path))
            return open_file(path, schema, patience_s=patience_s)
    except (ConfigError, OSError) as error:
        raise StorageTrouble(str(error)) from error


def open_for_reading(path: Path, *, patience_s: float) -> Connection | None:
    """The file for reading alone, also where a newer gwproxy made it; None where there is none,
    or only just, with nothing in it. Raises StorageTrouble."""
    if not path.exists():
        return None
    with explained():
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode=ro", uri=True, timeout=patience_s, isolation_level=None
        )
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        except BaseException:
            connection.close()
            raise
    if version == 0:
        connection.close()
        return None
    return connection


def set_aside(path: Path) -> Path:
    """Rename a damaged file, with what belongs to it, so that a new one can be begun. Of older ones
    the last stay, `MOST_ASIDE` with this one."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    stamps = sorted({one.name.removesuffix("-wal").removesuffix("-shm") for one in put_aside(path)})
    for old in stamps[: max(0, len(stamps) + 1 - MOST_ASIDE)]:
        for part in _parts(path.with_name(old)):
            part.unlink(missing_ok=True)
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


@dataclass(frozen=True, slots=True)
class Stock:
    """What there is of something: how many, in how many bytes, and when the oldest of it was made
    (seconds since 1970; None where nobody knows, or where there is nothing)."""

    count: int = 0
    size_bytes: int = 0
    oldest_s: float | None = None


def size_of(path: Path) -> int:
    """Bytes on the disk, with what belongs to the file."""
    return sum(one.stat().st_size for one in _parts(path) if one.exists())


def wipe(connection: Connection, statement: str, **values: Any) -> int:
    """Delete with `statement`, overwriting what is deleted, and give the room back; how many rows
    that were. A server may go on using the file: where one reads at this moment the room comes back
    later. Raises StorageTrouble."""
    with explained():
        connection.execute("PRAGMA secure_delete=ON")
    with transaction(connection):
        count = connection.execute(statement, values).rowcount
    for shrinking in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
        with contextlib.suppress(sqlite3.Error):
            connection.execute(shrinking)
    return count


def put_aside(path: Path) -> list[Path]:
    """The damaged files that `set_aside` has kept of `path`, the oldest first."""
    return sorted(path.parent.glob(f"{path.name}.corrupt-*"), key=lambda one: one.name)


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """A context in which whatever goes wrong with the file is raised as StorageTrouble, and with a
    value as Unstorable."""
    try:
        yield
    except _OF_A_VALUE as error:
        raise Unstorable(f"{type(error).__name__}: {error}") from error
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)
        # Extended codes keep the plain one in their lowest byte.
        damaged = code is not None and code & 0xFF in _DAMAGED
        raise StorageTrouble(str(error), damaged=damaged) from error
    except sqlite3.Error as error:
        raise StorageTrouble(str(error)) from error
    except OSError as error:
        raise StorageTrouble(error.strerror or str(error)) from error
    except ConfigError as error:
        raise StorageTrouble(f"{error.what}: {error.why}") from error


@contextlib.contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """A context in which all is done, or nothing. Raises StorageTrouble."""
    with explained():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


def _parts(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm"))


def close(connection: Connection) -> None:
    with contextlib.suppress(sqlite3.Error):
        connection.close()


def _make_private(path: Path) -> None:
    """The file, 0600 before SQLite opens it; its companions take the same mode."""
    paths.ensure_private_dir(path.parent)
    # O_NOFOLLOW: a planted link must not have us write into another file.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        if sys.platform != "win32" and os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
        paths.hand_over(descriptor, path.parent)
    finally:
        os.close(descriptor)


def _prepare(connection: Connection, name: str, schema: Schema) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > schema.version:
        raise StorageTrouble(f"a newer gwproxy made {name}", newer=True)
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StorageTrouble(str(verdict), damaged=True)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")
    if version < schema.version:
        _create(connection, schema)


def _create(connection: Connection, schema: Schema) -> None:
    """The schema, or what is new in it, unless another process has just made it."""
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version < schema.version:
            steps = schema.upgrades[version - 1 :] if version else (schema.statements,)
            for statement in ";".join(steps).split(";"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={schema.version}")

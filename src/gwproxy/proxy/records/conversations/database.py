"""The file of kept responses: its schema, its bounds, and what is asked of it.

The output is stored once, in the response object. Items have an index of their own, for requests
that name one instead of sending it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from gwproxy.proxy.records import storage
from gwproxy.proxy.records.conversations.kept import Kept
from gwproxy.proxy.records.storage import Schema, Stock, StorageTrouble
from gwproxy.translate.responses.kept import record, state

MOST_RESPONSES: Final = 10_000
"""A month of heavy use; the index in front of them stays small."""

MOST_BYTES: Final = 256 * 1024 * 1024
"""What a browser takes for its cache; pictures fill it, texts hardly ever do."""

LONGEST_IDLE_S: Final = 30 * 24 * 3600
"""As long as the API itself keeps them, counted from the conversation's last turn.
https://platform.openai.com/docs/guides/your-data"""

MOST_TURNS: Final = 1000
MOST_TURNS_BYTES: Final = 64 * 1024 * 1024
"""How far back a conversation is read: no context window is left after a part of it."""

_BUSY_S: Final = 1.0
"""Another server holds the file for milliseconds; an answer waits for this."""

_PURGE_BUSY_S: Final = 10.0
"""Nobody's answer waits for a purge."""

_LONGEST_ITEM_ID: Final = 128
"""Ids have some fifty characters; a client may send anything for one."""

_SCHEMA: Final = Schema(
    2,
    """
CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    used_s INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX conversations_by_use ON conversations (used_s);
CREATE TABLE responses (
    id TEXT PRIMARY KEY,
    conversation TEXT NOT NULL REFERENCES conversations ON DELETE CASCADE,
    previous_id TEXT NOT NULL,
    maker TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    response BLOB NOT NULL,
    given BLOB NOT NULL,
    shared INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX responses_by_conversation ON responses (conversation, size_bytes);
CREATE TABLE items (
    id TEXT PRIMARY KEY,
    response_id TEXT NOT NULL REFERENCES responses ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX items_by_response ON items (response_id);
""",
    # 0.1.0 had no upstream keep a response.
    upgrades=("ALTER TABLE responses ADD COLUMN shared INTEGER NOT NULL DEFAULT 0",),
)

_COLUMNS: Final = (
    "responses.id, conversation, previous_id, maker, responses.response, responses.given, shared"
)
_CHAIN: Final = f"""
WITH RECURSIVE chain (turns, total_bytes, id, before) AS (
    SELECT 1, size_bytes, id, previous_id FROM responses WHERE id = :id
    UNION ALL
    SELECT turns + 1, total_bytes + size_bytes, responses.id, previous_id
    FROM chain JOIN responses ON responses.id = before
    WHERE turns < {MOST_TURNS} AND total_bytes < {MOST_TURNS_BYTES}
)
SELECT {_COLUMNS} FROM chain JOIN responses ON responses.id = chain.id ORDER BY turns DESC
"""


class ConversationsFile(storage.OpenFile):
    """The file of kept responses. Every method raises StorageTrouble."""

    @classmethod
    def open(cls, path: Path, tell: Callable[[StorageTrouble, Path], None]) -> ConversationsFile:
        """The file, made where there is none. `tell` hears of a damaged one, which is put aside."""
        connection = storage.open_or_begin_anew(path, _SCHEMA, patience_s=_BUSY_S, tell=tell)
        with storage.explained():
            # These are people's words: what is deleted is to be gone.
            connection.execute("PRAGMA secure_delete=ON")
        return cls(connection, path)

    def keep(self, kept: Kept, now_s: int) -> bool:
        """Write one response, and make room for it. False when it cannot be kept: its id is taken,
        or its conversation would fill the file alone."""
        with storage.transaction(self._connection):
            if self._exists(kept.id) or not self._has_room_for(kept):
                return False
            self._execute(
                "INSERT INTO conversations VALUES (:id, :now) "
                "ON CONFLICT (id) DO UPDATE SET used_s = :now",
                id=kept.conversation,
                now=now_s,
            )
            self._execute(
                "INSERT INTO responses VALUES "
                "(:id, :conversation, :previous, :maker, :size, :response, :given, :shared)",
                id=kept.id,
                conversation=kept.conversation,
                previous=kept.previous_id,
                maker=kept.maker,
                shared=kept.shared,
                size=kept.size_bytes,
                response=kept.response,
                given=b"[" + b",".join(kept.given) + b"]",
            )
            self._index(kept)
            self._evict(kept.conversation, now_s)
        return True

    def _exists(self, response_id: str) -> bool:
        return bool(self._rows("SELECT 1 FROM responses WHERE id = :id", id=response_id))

    def _has_room_for(self, kept: Kept) -> bool:
        ((count, size),) = self._rows(
            "SELECT count(*), coalesce(sum(size_bytes), 0) FROM responses "
            "WHERE conversation = :conversation",
            conversation=kept.conversation,
        )
        return bool(count < MOST_RESPONSES and size + kept.size_bytes <= MOST_BYTES)

    def _index(self, kept: Kept) -> None:
        """A client that sends the same item again means the latest."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO items VALUES (?, ?)",
            [(i, kept.id) for i in _items(kept) if 0 < len(i) <= _LONGEST_ITEM_ID],
        )

    def prune(self, now_s: int) -> None:
        """Delete what is too old or too much."""
        with storage.transaction(self._connection):
            self._evict("", now_s)

    def _evict(self, current: str, now_s: int) -> None:
        self._execute(
            "DELETE FROM conversations WHERE used_s < :since", since=now_s - LONGEST_IDLE_S
        )
        while self._is_over_full():
            self._execute(
                "DELETE FROM conversations WHERE id = (SELECT id FROM conversations "
                "WHERE id != :current ORDER BY used_s LIMIT 1)",
                current=current,
            )

    def _is_over_full(self) -> bool:
        ((count, size),) = self._rows(
            "SELECT count(*), coalesce(sum(size_bytes), 0) FROM responses"
        )
        return bool(count > MOST_RESPONSES or size > MOST_BYTES)

    def knows(self, response_id: str) -> bool:
        with storage.explained():
            return self._exists(response_id)

    def find(self, response_id: str) -> Kept | None:
        found = self._kept(f"SELECT {_COLUMNS} FROM responses WHERE id = :id", id=response_id)
        return found[0] if found else None

    def chain(self, response_id: str) -> list[Kept]:
        """The response and those before it, the oldest first: as far back as they are there, and
        as `MOST_TURNS` and `MOST_TURNS_BYTES` go."""
        return self._kept(_CHAIN, id=response_id)

    def items(self, ids: Sequence[str]) -> dict[str, tuple[str, bytes]]:
        """Those of the items that are there, each with its maker."""
        query = (
            f"SELECT {_COLUMNS} FROM items JOIN responses ON responses.id = items.response_id "
            "WHERE items.id = :id"
        )
        return {
            item_id: (kept.maker, _items(kept)[item_id])
            for item_id in ids
            for kept in self._kept(query, id=item_id)
        }

    def forget(self, response_id: str) -> bool:
        """Delete a response, and say whether there was one. A conversation goes with its last."""
        with storage.transaction(self._connection):
            if not self._exists(response_id):
                return False
            self._execute("DELETE FROM responses WHERE id = :id", id=response_id)
            self._execute(
                "DELETE FROM conversations WHERE id NOT IN (SELECT conversation FROM responses)"
            )
        return True

    def _kept(self, query: str, **values: Any) -> list[Kept]:
        with storage.explained():
            return [_read(row) for row in self._rows(query, **values)]

    def _rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        # Read at once: an open reading keeps the write-ahead log growing.
        return self._connection.execute(query, values).fetchall()

    def _execute(self, statement: str, **values: Any) -> None:
        self._connection.execute(statement, values)


def stock(path: Path, before_s: float = math.inf) -> Stock:
    """The responses of conversations whose last turn was before `before_s`, and the size of the
    file. Raises StorageTrouble."""
    connection = storage.open_for_reading(path, patience_s=_PURGE_BUSY_S)
    if connection is None:
        return Stock()
    with contextlib.closing(connection), storage.explained():
        count, oldest_s = connection.execute(
            "SELECT count(responses.id), min(used_s) FROM conversations JOIN responses "
            "ON responses.conversation = conversations.id WHERE used_s < ?",
            (before_s,),
        ).fetchone()
    return Stock(count, storage.size_of(path), oldest_s)


def purge(path: Path, before_s: float = math.inf) -> int:
    """Delete the conversations whose last turn was before `before_s`; how many responses those
    had. Raises StorageTrouble."""
    if not path.exists():
        return 0
    count = stock(path, before_s).count
    connection = storage.open_file(path, _SCHEMA, patience_s=_PURGE_BUSY_S)
    with contextlib.closing(connection):
        statement = "DELETE FROM conversations WHERE used_s < :before"
        storage.wipe(connection, statement, before=before_s)
    return count


def _read(row: tuple[Any, ...]) -> Kept:
    response_id, conversation, previous_id, maker, response, given, shared = row
    found = record.read(response)
    output = found.output if found is not None else ()
    own = tuple(state.items(b'{"input":' + given + b"}"))
    return Kept(response_id, conversation, previous_id, maker, response, own, output, bool(shared))


def _items(kept: Kept) -> dict[str, bytes]:
    """Every item of the request and of the answer, by its id."""
    every = (*kept.given, *kept.output)
    return dict(zip(state.item_ids(every, kept.id), every, strict=True))

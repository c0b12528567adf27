"""Exchanges one by one, for `gwproxy log` and the inspector."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gwproxy.proxy.records.ledger.database import LedgerFile
from gwproxy.proxy.records.ledger.entry import FAILED, Entry

_BEGINS_SO: Final = (
    "(substr(request_id, 1, length(:id)) = :id OR substr(request_id, 1, length(:id) + 4) = "
    "'req_' || :id OR substr(upstream_request_id, 1, length(:id)) = :id)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerChoice:
    """At the `most` so many that began from `since_ms` on and before `before_ms` (since 1970), of
    one profile, client or session, or ("") of all; with `request_id` those whose id begins so (with
    or without its `req_`), or the upstream's."""

    most: int = 100
    only_errors: bool = False
    profile: str = ""
    client: str = ""
    session: str = ""
    request_id: str = ""
    since_ms: int = 0
    before_ms: int | None = None

    def fits(self, entry: Entry) -> bool:
        """Whether it has the exchange."""
        return (
            entry.started_ms >= self.since_ms
            and (self.before_ms is None or entry.started_ms < self.before_ms)
            and (not self.only_errors or entry.failed)
            and self.profile in ("", entry.profile)
            and entry.client.startswith(self.client)
            and self.session in ("", entry.session)
            and (
                entry.request_id.startswith((self.request_id, f"req_{self.request_id}"))
                or entry.upstream_request_id.startswith(self.request_id)
            )
        )


def listed(path: Path, choice: LedgerChoice) -> list[Entry]:
    """The exchanges in the file that fit, the newest first. Raises StorageTrouble."""
    database = LedgerFile.read(path)
    if database is None:
        return []
    clauses = ["started_ms >= :since"]
    if choice.before_ms is not None:
        clauses.append("started_ms < :before")
    if choice.only_errors:
        clauses.append(FAILED)
    if choice.profile:
        clauses.append("profile = :profile")
    if choice.client:
        clauses.append("substr(client, 1, length(:client)) = :client")
    if choice.request_id:
        clauses.append(_BEGINS_SO)
    with contextlib.closing(database):
        if choice.session:
            if "session" not in database.columns:
                return []
            clauses.append("session = :session")
        return database.entries(
            f"WHERE {' AND '.join(clauses)} ORDER BY started_ms DESC LIMIT :most",
            {
                "since": choice.since_ms,
                "before": choice.before_ms,
                "profile": choice.profile,
                "client": choice.client,
                "session": choice.session,
                "id": choice.request_id,
                "most": choice.most,
            },
        )

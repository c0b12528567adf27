"""The usage ledger: one row for each exchange, in an SQLite file of the state directory.

Recording never holds an exchange up and never fails one. Exchanges hand an `Entry` to
`Ledger.add`, which puts it into a bounded queue; one thread writes them in batches and is the only
one with a connection to write. What cannot be written (full disk, read-only folder, another
process at it) waits in memory within bounds, and is tried again. A row that the file will never
take is left out, counted and told; the others go on.

    entry.py     one row as a value, and the shape of `GET /v1/usage/…`
    database.py  the file: its schema, inserting, reading (opening and damage: ../storage.py)
    writer.py    the queue and its thread
    report.py    sums for `gwproxy usage`
    listing.py   exchanges one by one, for `gwproxy log` and the inspector
    shape.py     one of them as it is shown
    latest.py    the last failures and the last answers, for `gwproxy status`

There are no prompts in it, no keys and no headers; of a failure its own words, cut short.
"""

from __future__ import annotations

from gwproxy.proxy.records.ledger.database import LedgerFile, check
from gwproxy.proxy.records.ledger.entry import Entry
from gwproxy.proxy.records.ledger.latest import Latest, latest
from gwproxy.proxy.records.ledger.listing import LedgerChoice, listed
from gwproxy.proxy.records.ledger.report import GROUPINGS, Grouping, Line, Period, days_back, report
from gwproxy.proxy.records.ledger.shape import shape
from gwproxy.proxy.records.ledger.writer import Ledger, LedgerState
from gwproxy.proxy.records.storage import StorageTrouble

__all__ = [
    "GROUPINGS",
    "Entry",
    "Grouping",
    "Latest",
    "Ledger",
    "LedgerChoice",
    "LedgerFile",
    "LedgerState",
    "Line",
    "Period",
    "StorageTrouble",
    "check",
    "days_back",
    "latest",
    "listed",
    "report",
    "shape",
]

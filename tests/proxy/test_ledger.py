"""The usage ledger: what is written is whole, what cannot be written harms nobody."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gwproxy.profiles.prices import Prices
from gwproxy.proxy.queries.status import told_by_file
from gwproxy.proxy.record import GONE, ExchangeRecord
from gwproxy.proxy.records import storage
from gwproxy.proxy.records.ledger import (
    Entry,
    Latest,
    Ledger,
    LedgerChoice,
    LedgerFile,
    Period,
    StorageTrouble,
    database,
    days_back,
    latest,
    listed,
    report,
    shape,
    writer,
)
from gwproxy.proxy.records.ledger.database import SCHEMA_VERSION, purge
from support.background import until
from support.cli import environment
from support.exchanges import ANSWERED, CUT, REFUSED, tally
from support.zones import zone


def entry(number: int = 1, **more: Any) -> Entry:
    values: dict[str, Any] = {
        "request_id": f"req_{number:04d}",
        "upstream_request_id": f"up_{number:04d}",
        "started_ms": 1_700_000_000_000 + number,
        "profile": "kimi",
        "client": "claude-cli/2.1",
        "client_dialect": "anthropic",
        "upstream_dialect": "chat",
        "model_asked": "claude-sonnet-4-6",
        "model_used": "kimi-k2.5",
        "streamed": True,
        "status": 200,
        "error_kind": "",
        "first_byte_ms": 12,
        "duration_ms": 345,
        "fresh": 100,
        "cache_read": 20,
        "cache_write": None,
        "cache_write_1h": None,
        "output": 7,
        "reasoning": None,
        "cost_micro": None,
        "cost_unit": "",
        "losses": 0,
    }
    return Entry(**(values | more))


COLUMNS_BY_VERSION = (
    ("upstream_status",),
    ("error",),
    ("lost",),
    ("session", "host", "path", "queued_ms", "sent_ms", "heard_ms", "remarks"),
    ("cache_alarm",),
)
"""What each version after the first has brought."""


def ids(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT request_id FROM exchanges ORDER BY started_ms")
        return [row[0] for row in rows.fetchall()]


@pytest.fixture
def path(gwproxy_home: Path) -> Path:
    return gwproxy_home / "usage.db"


@pytest.fixture
def start(path: Path) -> Iterator[Callable[..., Ledger]]:
    """A function that starts a ledger with short pauses; all are closed at the end."""
    started: list[Ledger] = []

    def make(where: Path | None = path) -> Ledger:
        ledger = Ledger(where, pause_s=0.01)
        started.append(ledger)
        return ledger

    yield make
    for ledger in started:
        ledger.close()


def test_what_was_added_is_there_after_the_end(start: Callable[..., Ledger], path: Path) -> None:
    ledger = start()
    first = entry(1, cost_micro=None)
    for each in (first, entry(2, streamed=False, status=429, error_kind="rate_limit")):
        ledger.add(each)
    ledger.close()
    assert ids(path) == ["req_0001", "req_0002"]
    with closing(LedgerFile.open(path)) as database:
        assert database.find("req_0001") == first
        assert database.find("up_0002") == entry(
            2, streamed=False, status=429, error_kind="rate_limit"
        )
        assert database.find("req_0003") is None
    assert ledger.state.trouble == ""


class Unforeseen:
    """A value at which SQLite asks, and gets an answer of no kind that anybody has thought of."""

    def __conform__(self, protocol: object) -> object:
        raise ZeroDivisionError("nobody foresaw it")


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"client": "caf\udce9/1"}, "UnicodeEncodeError"),
        ({"fresh": 10**19}, "OverflowError"),
        ({"losses": None}, "NOT NULL"),
        ({"profile": object()}, "object"),
        ({"output": Unforeseen()}, "ZeroDivisionError: nobody foresaw it"),
    ],
)
def test_a_row_that_cannot_be_written_is_left_out_alone(
    start: Callable[..., Ledger],
    path: Path,
    caplog: pytest.LogCaptureFixture,
    odd: dict[str, Any],
    words: str,
) -> None:
    ledger = start()
    for number in range(9):
        ledger.add(entry(number, **(odd if number in (3, 6) else {})))
    until(lambda: ledger.state.waiting == 0)
    ledger.add(entry(9))
    ledger.close()
    assert ids(path) == [f"req_{number:04d}" for number in (0, 1, 2, 4, 5, 7, 8, 9)]
    assert (ledger.state.trouble, ledger.state.lost) == ("", 2)
    assert words in ledger.worker.state.last_failure
    assert caplog.text.count("usage cannot be recorded: req_0003 is left out") == 1
    assert "req_0006" not in caplog.text, "the same words are said once"
    assert "Traceback" not in caplog.text


def test_only_its_owner_can_read_it(start: Callable[..., Ledger], path: Path) -> None:
    previous = os.umask(0)
    try:
        ledger = start()
        ledger.add(entry())
        until(lambda: ledger.state.waiting == 0)
        modes = {p.name: p.stat().st_mode & 0o777 for p in path.parent.glob("usage.db*")}
    finally:
        os.umask(previous)
    assert set(modes.values()) == {0o600}
    assert "usage.db-wal" in modes
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_an_id_counts_once(start: Callable[..., Ledger], path: Path) -> None:
    for _ in range(2):
        ledger = start()
        ledger.add(entry(1))
        ledger.close()
    assert ids(path) == ["req_0001"]


def test_nothing_is_written_without_a_file(
    start: Callable[..., Ledger], gwproxy_home: Path
) -> None:
    ledger = start(None)
    ledger.add(entry(1))
    assert ledger.find("up_0001") == entry(1)
    ledger.close()
    assert not gwproxy_home.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"this is no database, but it is long enough " * 200),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: _overwrite(path, 4096, b"\xff" * 4096),
    ],
    ids=["garbage", "truncated", "one page"],
)
def test_a_damaged_file_is_kept_aside(
    start: Callable[..., Ledger],
    path: Path,
    damage: Callable[[Path], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = start()
    for number in range(200):
        before.add(entry(number))
    before.close()
    damage(path)
    damaged = path.read_bytes()
    ledger = start()
    ledger.add(entry(7))
    ledger.close()
    assert ids(path) == ["req_0007"]
    (aside,) = [p for p in path.parent.glob("usage.db.corrupt-*") if p.suffix not in ("-wal",)]
    assert aside.read_bytes() == damaged
    assert "was damaged" in caplog.text
    assert str(aside) in caplog.text


def test_of_many_damaged_files_the_last_are_kept(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    for day in range(5):
        for suffix in ("", "-wal"):
            path.with_name(f"usage.db.corrupt-2026010{day}-000000{suffix}").write_bytes(b"")
    path.write_bytes(b"damaged")
    aside = storage.set_aside(path)
    assert aside.read_bytes() == b"damaged"
    names = [one.name for one in storage.put_aside(path) if one.suffix != ".corrupt"]
    stamps = {name.removesuffix("-wal") for name in names}
    assert stamps == {*(f"usage.db.corrupt-2026010{day}-000000" for day in (3, 4)), aside.name}


def test_the_oldest_rows_go_where_there_are_too_many(
    start: Callable[..., Ledger], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MOST_ROWS", 3)
    for number in range(5):
        # As a clock that was set back has it: the order in which they came counts.
        ledger = start()
        ledger.add(entry(number, started_ms=1000 - number))
        ledger.close()
    assert sorted(ids(path)) == ["req_0002", "req_0003", "req_0004"]


def _overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def test_an_emptied_file_is_begun_anew(start: Callable[..., Ledger], path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    ledger = start()
    ledger.add(entry(1))
    ledger.close()
    assert ids(path) == ["req_0001"]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be taken away there")
def test_a_file_that_was_taken_away_is_begun_anew(
    start: Callable[..., Ledger], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = start()
    ledger.add(entry(1))
    until(lambda: ledger.state.waiting == 0)
    for file in path.parent.glob("usage.db*"):
        file.unlink()
    ledger.add(entry(2))
    ledger.close()
    assert ids(path) == ["req_0002"]
    assert "was taken away" in caplog.text


def test_a_file_of_a_newer_gwproxy_is_left_alone(
    start: Callable[..., Ledger], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(LedgerFile.open(path)) as database:
        database.insert([entry(1)])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    ledger = start()
    ledger.add(entry(2))
    until(lambda: ledger.state.lost == 1)
    ledger.add(entry(3))
    assert ids(path) == ["req_0001"]
    assert "a newer gwproxy made usage.db" in ledger.state.trouble
    assert caplog.text.count("usage cannot be recorded") == 1
    assert ledger.find("req_0001") == entry(1), "it can be read all the same"


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
@pytest.mark.parametrize("purged", [False, True])
def test_a_file_of_an_older_gwproxy_is_read_as_it_is_and_written_on(
    start: Callable[..., Ledger], path: Path, *, purged: bool, version: int
) -> None:
    with closing(LedgerFile.open(path)) as database:
        database.insert([entry(1)])
    with closing(sqlite3.connect(path)) as connection:
        for column in [name for names in COLUMNS_BY_VERSION[version - 1 :] for name in names]:
            connection.execute(f"ALTER TABLE exchanges DROP COLUMN {column}")
        connection.execute(f"PRAGMA user_version={version}")
    ledger = start()
    assert ledger.find("req_0001") == entry(1)
    if purged:
        purge(path, before_s=0)
    refused = entry(2, upstream_status=401, error="no such key", session="s1", lost="drop:seed")
    ledger.add(refused)
    ledger.close()
    assert ids(path) == ["req_0001", "req_0002"]
    assert start().find("req_0002") == refused


def test_losses_are_kept_by_their_codes_within_bounds() -> None:
    def kept(*losses: str) -> tuple[str, ...]:
        return Entry.of(ExchangeRecord("r", tally=tally(losses=losses)), None).codes

    assert kept() == ()
    assert kept("drop:top_k", "clamp:max_tokens=1") == ("drop:top_k", "clamp:max_tokens=1")
    assert kept("drop:a\nb") == ("drop:a b",)
    assert kept("drop:a", f"drop:{'x' * 10_000}", "drop:b") == ("drop:a", "more")


def test_the_last_failures_and_the_last_answer_of_each_profile(
    path: Path,
) -> None:
    assert latest(path, 2e9, 2).failed == ()
    rows = [
        entry(1),
        entry(2, profile="other"),
        entry(3, status=500, error_kind="internal", error="on fire"),
        entry(4),
        entry(5, status=499, error_kind="client_gone"),
        entry(6, status=529, upstream_status=503, error_kind="overloaded"),
        entry(7, status=400, error_kind="invalid"),
        entry(8),
    ]
    with closing(LedgerFile.open(path)) as file:
        file.insert(rows)
    before_s = rows[7].started_ms / 1000
    found = latest(path, before_s, 2)
    assert found.failed == (rows[5], rows[6]), "the newest two, and nothing of later on"
    assert found.answered == (rows[1], rows[3])
    assert latest(path, before_s, 9).failed == (rows[2], rows[5], rows[6])
    assert latest(path, 0, 9) == Latest()


def test_status_shows_the_second_that_the_log_shows(path: Path) -> None:
    with closing(LedgerFile.open(path)) as file:
        file.insert([entry(900, duration_ms=50, status=500, error_kind="internal")])
    (error,) = told_by_file(path)["last_errors"]
    assert error["at"] == 1_700_000_000


def test_a_client_that_left_is_nobodys_failure(path: Path) -> None:
    rows = [
        entry(1),
        entry(2, status=499, error_kind="client_gone"),
        entry(3, error_kind="upstream"),
        entry(4, status=400, error_kind="invalid"),
    ]
    with closing(LedgerFile.open(path)) as file:
        file.insert(rows)
    (line,) = report(path, "profile", Period())
    assert (line.exchanges, line.failed) == (4, 2)
    only = LedgerChoice(only_errors=True)
    failed = [rows[3], rows[2]]
    assert listed(path, only) == failed
    assert [row for row in reversed(rows) if only.fits(row)] == failed
    assert [shape(row)["state"] for row in rows] == ["done", "gone", "failed", "failed"]


@pytest.mark.parametrize(
    ("record", "cost"),
    [
        (REFUSED, 0),
        (replace(ANSWERED, outcome=CUT), 1000),
        (replace(ANSWERED, outcome=GONE), 1000),
        (replace(ANSWERED, outcome=GONE, sent_s=None), 0),
        # It had begun to wait when the provider refused.
        (replace(REFUSED, outcome=replace(REFUSED.outcome, status=200)), 0),
    ],
    ids=["refused", "cut", "gone", "gone before it was asked", "refused late"],
)
def test_only_an_answer_has_a_price(record: ExchangeRecord, cost: int) -> None:
    assert Entry.of(record, Prices("USD", per_message=1000)).cost_micro == cost


def test_a_planted_link_is_not_followed(
    start: Callable[..., Ledger], path: Path, tmp_path: Path
) -> None:
    target = tmp_path / "precious"
    target.write_bytes(b"")
    path.parent.mkdir(mode=0o700)
    path.symlink_to(target)
    ledger = start()
    ledger.add(entry(1))
    until(lambda: ledger.state.trouble != "")
    ledger.close()
    assert target.read_bytes() == b""


def test_recording_goes_on_when_the_place_can_be_written_again(
    start: Callable[..., Ledger], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path.parent.write_text("a file where the folder should be")
    ledger = start()
    ledger.add(entry(1))
    until(lambda: ledger.state.trouble != "")
    ledger.add(entry(2))
    assert ledger.state.waiting == 2
    assert ledger.find("req_0002") == entry(2), "what waits can be asked for"
    path.parent.unlink()
    until(lambda: ledger.state.waiting == 0)
    assert ids(path) == ["req_0001", "req_0002"]
    assert ledger.state.trouble == ""
    assert caplog.text.count("usage cannot be recorded") == 1
    assert caplog.text.count("written again") == 1


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="a small disk is mounted by root alone"
)
def test_a_full_disk_loses_nothing(
    start: Callable[..., Ledger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k,mode=700", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        monkeypatch.setenv("GWPROXY_HOME", str(disk))
        ballast = disk / "ballast"
        ledger = start(disk / "usage.db")
        ledger.add(entry(0))
        until(lambda: ledger.state.waiting == 0)
        with pytest.raises(OSError, match="No space"), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        for number in range(1, 400):
            ledger.add(entry(number))
        until(lambda: "full" in ledger.state.trouble or "I/O" in ledger.state.trouble)
        ballast.unlink()
        until(lambda: ledger.state.waiting == 0)
        assert len(ids(disk / "usage.db")) == 400
        ledger.close()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_more_than_memory_should_hold_is_counted_as_lost(
    start: Callable[..., Ledger],
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(writer, "MOST_WAITING", 3)
    path.parent.write_text("in the way")
    ledger = start()
    for number in range(5):
        ledger.add(entry(number))
    assert (ledger.state.waiting, ledger.state.lost) == (3, 2)
    assert caplog.text.count("full of waiting rows") == 1


def test_two_servers_write_into_one_file(start: Callable[..., Ledger], path: Path) -> None:
    ledgers = [start() for _ in range(2)]
    for number in range(1000):
        ledgers[number % 2].add(entry(number))
    for ledger in ledgers:
        ledger.close(30.0)
    assert len(ids(path)) == 1000


_WRITING = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from proxy_ledger_rows import entry
from gwproxy.proxy.records.ledger import Ledger
ledger = Ledger(Path({path!r}))
number = {first}
while True:
    ledger.add(entry(number))
    number += 1
    if number % 50 == 0:
        while ledger.state.waiting:
            pass
        print(number, flush=True)
"""


def test_a_killed_process_loses_nothing_that_was_settled(path: Path, tmp_path: Path) -> None:
    """kill -9, four times over: the file is whole, and what was on disk stays, once."""
    settled = 0
    for _ in range(4):
        program = _WRITING.format(tests=str(tmp_path), path=str(path), first=settled)
        (tmp_path / "proxy_ledger_rows.py").write_text(_rows_module())
        with subprocess.Popen(
            [sys.executable, "-c", program],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            for _ in range(3):
                settled = int(process.stdout.readline())
            process.kill()
    found = ids(path)
    assert len(found) == len(set(found)) >= settled
    assert {f"req_{number:04d}" for number in range(settled)} <= set(found)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _rows_module() -> str:
    values = {name: getattr(entry(), name) for name in Entry.__struct_fields__}
    return (
        "from gwproxy.proxy.records.ledger import Entry\n"
        f"VALUES = {values!r}\n"
        "def entry(number):\n"
        "    return Entry(**VALUES | {'request_id': f'req_{number:04d}', 'started_ms': number})\n"
    )


def test_sums_by_group(path: Path) -> None:
    day_ms = 86_400_000
    rows = [
        entry(1, cost_micro=5, cost_unit="USD"),
        entry(2, cost_micro=7, cost_unit="USD", profile="other", model_used="m2"),
        entry(3, started_ms=1_700_000_000_000 + 3 * day_ms, output=None, status=529),
        entry(4, started_ms=1_700_000_000_000 + 3 * day_ms, error_kind="upstream"),
    ]
    with closing(LedgerFile.open(path)) as database:
        database.insert(rows)
    profiles = report(path, "profile", Period())
    assert [(line.group, line.cost_unit, line.exchanges, line.failed) for line in profiles] == [
        ("kimi", "USD", 3, 2),
        ("other", "USD", 1, 0),
    ]
    assert [(line.cost_micro, line.unpriced) for line in profiles] == [
        (5, 1),
        (7, 0),
    ]  # a failure has no price
    assert [(line.input_total, line.output) for line in profiles] == [(360, 14), (120, 7)]
    assert [line.group for line in report(path, "model", Period(profile="other"))] == ["m2"]
    assert len(report(path, "day", Period())) == 2
    recent = report(path, "client", Period(since_ms=1_700_000_000_000 + day_ms))
    assert [(line.group, line.exchanges) for line in recent] == [("claude-cli/2.1", 2)]


@pytest.mark.parametrize("by", ["day", "profile", "model", "client"])
def test_figures_that_cannot_be_spoil_no_sum(path: Path, by: Any) -> None:
    """Older versions wrote down whatever an upstream said."""
    most = 2**63 - 1
    odd = dict.fromkeys(("fresh", "cache_read", "output", "reasoning", "cost_micro"), most)
    rows = [entry(1, **odd), entry(2, **odd), entry(3, fresh=-5, output=-(2**63)), entry(4)]
    with closing(LedgerFile.open(path)) as database:
        database.insert(rows)
    (line,) = report(path, by, Period())
    assert (line.exchanges, line.unpriced, line.cost_micro) == (4, 4, None)
    assert (line.fresh, line.cache_read, line.output, line.reasoning) == (100, 40, 7, 0)


def test_several_units_stay_apart(path: Path) -> None:
    units = ("", "USD", "credits")
    rows = [entry(n, cost_micro=n or None, cost_unit=unit) for n, unit in enumerate(units)]
    with closing(LedgerFile.open(path)) as database:
        database.insert(rows)
    lines = report(path, "profile", Period())
    assert [(line.cost_unit, line.cost_micro, line.unpriced) for line in lines] == [
        ("", None, 1),
        ("USD", 1, 0),
        ("credits", 2, 0),
    ]


def test_a_report_of_nothing_and_of_rubbish(path: Path) -> None:
    assert report(path, "day", Period()) == []
    assert not path.exists(), "looking makes no file"
    path.parent.mkdir()
    path.write_bytes(b"rubbish" * 1000)
    with pytest.raises(StorageTrouble) as caught:
        report(path, "day", Period())
    assert caught.value.damaged


def test_days_are_those_of_the_person_also_when_the_clock_was_changed() -> None:
    """In Berlin the night of 2026-03-29 had an hour less."""
    with zone("Europe/Berlin"):
        noon_s = datetime(2026, 3, 30, 12).timestamp()
        begun = [datetime.fromtimestamp(days_back(days, noon_s)) for days in (1, 2, 3)]
    assert begun == [datetime(2026, 3, day) for day in (30, 29, 28)]

"""`gwproxy usage`: sums that people read at a glance and programs read exactly."""

from __future__ import annotations

import csv
import io
import re
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gwproxy.cli.figures import money, short_number, short_span
from gwproxy.cli.usage import _bar_for, moment_of
from gwproxy.errors import UsageError
from gwproxy.proxy.records.ledger import Entry, LedgerFile
from gwproxy.proxy.serving import Options
from gwproxy.simulator import KIMI_K25
from support.background import Background
from support.cli import InProcess

DAY_MS = 86_400_000


def write(home: Path, *rows: dict[str, Any]) -> None:
    """Rows of today, unless they say `days_ago`."""
    noon_ms = round(time.time() * 1000)
    entries = []
    for number, row in enumerate(rows):
        started_ms = noon_ms - row.pop("days_ago", 0) * DAY_MS
        values: dict[str, Any] = {
            **dict.fromkeys(Entry.__struct_fields__, ""),
            "request_id": f"req_{number}",
            "started_ms": started_ms,
            "profile": "kimi",
            "model_used": "kimi-k2.5",
            "streamed": True,
            "status": 200,
            "first_byte_ms": 1,
            "duration_ms": 2,
            "fresh": 1000,
            "cache_read": 0,
            "cache_write": 0,
            "cache_write_1h": None,
            "output": 100,
            "reasoning": 0,
            "cost_micro": None,
            "losses": 0,
        }
        entries.append(Entry(**values | row))
    with closing(LedgerFile.open(home / "usage.db")) as database:
        database.insert(entries)


def test_a_line_for_each_session(command: InProcess, gwproxy_home: Path) -> None:
    write(gwproxy_home, {"session": "s-1"}, {"session": "s-2", "output": 7}, {"session": "s-1"}, {})
    lines = command("usage", "--by", "session", "--json").envelope["data"]["lines"]
    found = {line["group"]: (line["exchanges"], line["output_tokens"]) for line in lines}
    assert found == {"-": (1, 100), "s-1": (2, 200), "s-2": (1, 7)}


def test_nothing_yet(command: InProcess, gwproxy_home: Path) -> None:
    ran = command("usage")
    assert (ran.code, ran.stdout) == (0, "")
    assert "nothing was asked since 20" in ran.stderr
    assert command("usage", "--json").envelope["data"]["lines"] == []
    assert not (gwproxy_home / "usage.db").exists()


def test_a_table_with_bars(command: InProcess, gwproxy_home: Path) -> None:
    write(
        gwproxy_home,
        {"cost_micro": 1_500_000, "cost_unit": "USD", "cache_read": 3000},
        {"profile": "cheap", "cost_micro": 400, "cost_unit": "USD"},
        {"profile": "credit", "cost_micro": 3_000_000, "cost_unit": "credits", "output": 0},
        {
            "profile": "credit",
            "cost_micro": 0,
            "cost_unit": "credits",
            "status": 429,
            "fresh": None,
            "output": None,
        },
        {"profile": "free", "fresh": 0, "output": 0},
        # A refusal costs nothing: no price is missing for it.
        {"profile": "free", "status": 503, "fresh": None, "output": None},
    )
    arguments = ("--openai-url", "http://127.0.0.1:1", "--model", "m", "--no-key")
    assert command("profile", "add", "free", *arguments).code == 0
    ran = command("usage", "--by", "profile")
    assert ran.stdout.splitlines() == [
        "PROFILE  EXCHANGES  FAILED  INPUT  CACHED  OUTPUT               COST  TOKENS",
        "cheap            1             1k             100            $0.0004  ██▋",
        "credit           2       1     1k               0          3 credits  ██▌",
        "free             2       1      0               0",
        "kimi             1             4k     75%     100              $1.50  ██████████",
        "total            6       2     6k     50%     200  $1.50 + 3 credits",
    ]
    since, *unpriced = ran.stderr.splitlines()
    assert re.fullmatch(r"since \d{4}-\d\d-\d\d 00:00", since)
    assert unpriced == [
        "answers without a known cost: 1; tell the provider's prices of a million tokens:",
        "  gwproxy profile set free price.input=PRICE price.output=PRICE",
    ]
    assert max(len(line) for line in ran.stdout.splitlines()) <= 80


def test_nobody_is_told_to_price_a_profile_that_is_built_in_or_gone(
    command: InProcess, gwproxy_home: Path
) -> None:
    write(gwproxy_home, {"profile": "demo"}, {"profile": "gone"})
    ran = command("usage", "--by", "profile")
    assert ran.stderr.splitlines()[1:] == ["answers without a known cost: 2"]


def test_since_and_profile(command: InProcess, gwproxy_home: Path) -> None:
    write(gwproxy_home, {}, {"days_ago": 3}, {"days_ago": 40}, {"profile": "other"})

    def counted(*flags: str) -> int:
        lines = command("usage", "--json", *flags).envelope["data"]["lines"]
        return sum(line["exchanges"] for line in lines)

    assert counted() == 3
    assert counted("--since", "2d") == 2
    assert counted("--since", "2020-01-01") == 4
    assert counted("--since", "24h", "--profile", "other") == 1
    assert len(command("usage", "--since", "4d", "--csv").stdout.splitlines()) == 3
    ran = command("usage", "--since", "soon")
    assert (ran.code, "--since 24h" in ran.stderr) == (2, True)
    assert command("usage", "--by", "moon").code == 2
    ran = command("usage", "--profile", "nope")
    assert (ran.code, "no profile called 'nope'" in ran.stderr) == (3, True)
    assert command("usage", "--profile", "other", "--since", "1h").code == 0  # it was one once


def test_for_programs_figures_are_whole(command: InProcess, gwproxy_home: Path) -> None:
    write(gwproxy_home, {"cost_micro": 1_234_567, "cost_unit": "USD", "cache_write": 7})
    data = command("usage", "--by", "model", "--json").envelope["data"]
    assert data["by"] == "model"
    expected = {
        "group": "kimi-k2.5",
        "exchanges": 1,
        "failed": 0,
        "input_tokens": 1007,
        "cache_read_tokens": 0,
        "cache_write_tokens": 7,
        "output_tokens": 100,
        "reasoning_tokens": 0,
        "cost_unit": "USD",
        "cost_micro": 1_234_567,
        "unpriced": 0,
    }
    assert data["lines"] == [expected]
    (row,) = csv.DictReader(io.StringIO(command("usage", "--by", "model", "--csv").stdout))
    assert row == {"model" if k == "group" else k: str(v) for k, v in expected.items()}


def test_figures_that_an_older_version_believed(command: InProcess, gwproxy_home: Path) -> None:
    odd = {"fresh": 2**63 - 1, "output": 2**63 - 1, "cost_micro": 2**63 - 1, "cost_unit": "USD"}
    write(gwproxy_home, odd, odd, {"cost_micro": 5, "cost_unit": "USD"})
    ran = command("usage")
    assert (ran.code, "cannot be read" in ran.stderr) == (0, False)
    (line,) = command("usage", "--json").envelope["data"]["lines"]
    assert (line["exchanges"], line["input_tokens"], line["output_tokens"]) == (3, 1000, 100)
    assert (line["cost_micro"], line["unpriced"]) == (5, 2)


def test_a_ledger_that_cannot_be_read(command: InProcess, gwproxy_home: Path) -> None:
    gwproxy_home.mkdir()
    (gwproxy_home / "usage.db").write_bytes(b"rubbish" * 1000)
    ran = command("usage")
    assert (ran.code, ran.stdout) == (3, "")
    assert "cannot be read" in ran.stderr


def test_what_passed_through_a_gateway_is_in_it(
    command: InProcess, background: Background, gwproxy_home: Path
) -> None:
    """Credits for each message, as kimi-k25.com bills, from the profile to the sum."""
    provider = background.provider(KIMI_K25)
    arguments = ("--preset", "kimi-k25", "--anthropic-url", provider.anthropic_url, "--no-key")
    assert command("profile", "add", "kimi", *arguments).code == 0
    prices = ("price.unit=credits", "price.per_message=2", "price.reasoning_surcharge=1")
    ran = command("profile", "set", "kimi", f"openai_url={provider.openai_url}", *prices)
    assert ran.code == 0, ran
    assert (
        "credits: per_message 2, reasoning_surcharge 1" in command("profile", "show", "kimi").stdout
    )
    gateway = background.gateway(Options(port=0, ledger=gwproxy_home / "usage.db"))
    (gwproxy_home / "server.json").write_text(f'{{"url": "{gateway.url}"}}')
    assert command("test", "kimi", "--quick").code == 0
    background.stop()
    (line,) = command("usage", "--by", "profile", "--json").envelope["data"]["lines"]
    assert (line["exchanges"], line["cost_unit"]) == (1, "credits")
    assert line["cost_micro"] in (2_000_000, 3_000_000)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1000, "1k"), (12_345, "12.3k"), (4_560_000, "4.56M"), (2e9, "2G")],
)
def test_short_numbers(number: int, text: str) -> None:
    assert short_number(number) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1.0 s"),
        (99_949, "99.9 s"),
        (99_950, "1m40s"),
        (724_000, "12m04s"),
        (3_600_000, "1h00m"),
        (86_399_000, "23h59m"),
    ],
)
def test_short_spans(milliseconds: int, text: str) -> None:
    assert short_span(milliseconds) == text


def test_money() -> None:
    assert money(None, "USD") == ""
    assert money(0, "USD") == "$0.00"
    assert money(12_345_678, "USD") == "$12.35"
    assert money(1_234, "EUR") == "€0.0012"
    assert money(2_500_000, "credits") == "2.5 credits"


def test_bars_where_no_block_can_be_drawn() -> None:
    assert _bar_for(12, blocks=False)(0.5) == "#" * 6
    assert _bar_for(12, blocks=True)(0.5) == "█" * 6
    assert _bar_for(6, blocks=True)(1) == "█" * 6
    assert _bar_for(12, blocks=False)(0) == ""


def test_days_are_whole_ones() -> None:
    now = datetime(2026, 11, 22, 15, 30).timestamp()
    assert moment_of("1d", now) == datetime(2026, 11, 22).timestamp()
    assert moment_of("7d", now) == datetime(2026, 11, 16).timestamp()
    assert moment_of("30m", now) == datetime(2026, 11, 22, 15).timestamp()
    assert moment_of("2h", now) == datetime(2026, 11, 22, 13, 30).timestamp()
    assert moment_of("2026-11-01", now) == datetime(2026, 11, 1).timestamp()
    for text in ("7 days", "0d", "-1d", ""):
        with pytest.raises(UsageError):
            moment_of(text, now)

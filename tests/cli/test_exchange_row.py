"""An exchange on a terminal: one row when it was answered, its words below when it was not."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gwproxy.cli.exchange_row import RowFormatter, RowLayout, coloured, of_another_day, plain, row
from gwproxy.proxy.log import ExchangeLine
from gwproxy.proxy.record import GONE as CLIENT_GONE
from gwproxy.proxy.record import ExchangeOutcome, ExchangeRecord
from support.exchanges import ANSWERED, CUT, LONG, LOSSES, REFUSED, USAGE, seen, tally
from support.golden import FIXTURES, agrees
from support.zones import zone

WIDTHS = (40, 60, 80, 100, 120, 160, 200)


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    with zone("UTC"):
        yield


def shown(record: ExchangeRecord, width: int | None) -> list[str]:
    return row(seen(record), RowLayout.fit(width)).split("\n")


GONE = replace(ANSWERED, outcome=CLIENT_GONE)
RUNNING = replace(ANSWERED, outcome=ExchangeOutcome(), phase="waiting", tally=None, heard_s=None)
NOTHING_LOST = replace(ANSWERED, tally=tally(USAGE))
NOWHERE = ExchangeRecord("req_1", path="/v1/nothing", outcome=ExchangeOutcome(404))
PLENTY = (
    ANSWERED,
    REFUSED,
    LONG,
    GONE,
    RUNNING,
    NOWHERE,
)


@pytest.mark.parametrize("width", [60, 80, 120, None])
def test_rows_beside_one_another(width: int | None) -> None:
    layout = RowLayout.fit(width)
    lines = [layout.head(), *(row(seen(record), layout) for record in PLENTY)]
    agrees(FIXTURES / "rows" / f"{width or 'piped'}.txt", "\n".join(lines) + "\n")


def test_what_broke_off_is_not_called_by_the_status_that_it_began_with() -> None:
    (line,) = shown(replace(ANSWERED, outcome=CUT), None)
    assert line.split()[2] == "fail"
    assert line.endswith(CUT.error)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("record", [*PLENTY, replace(REFUSED, remarks=["a hint of ours"])])
def test_no_line_is_wider_and_no_word_broken(record: ExchangeRecord, width: int) -> None:
    lines = shown(record, width)
    if record is LONG and width == 40:
        pytest.skip("one word alone is wider")
    assert all(len(line) <= width for line in lines), lines
    words = {word for line in lines for word in line.split()}
    for said in (record.outcome.error, *record.remarks):
        assert set(said.split()) <= words
    if width >= 80 and record is ANSWERED:
        assert len(lines) == 1


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("priced", [True, False])
@pytest.mark.parametrize("longest", [0, 16, 30, 70])
def test_a_layout_fits_its_width_and_its_head_stands_over_it(
    width: int, priced: bool, longest: int
) -> None:
    layout = RowLayout.fit(width, priced=priced, longest=longest)
    head = layout.head()
    assert len(head) <= width
    assert ("COST" in head.split()) <= priced
    first = row(seen(replace(NOTHING_LOST, model_asked="kimi-k2.5")), layout)
    at = head.index("TOOK") + len("TOOK")
    assert first[:at].endswith("1.2 s")


def test_losses_are_words_where_there_is_room_for_them() -> None:
    assert shown(ANSWERED, 80)[0].endswith(" 3 lost")
    assert shown(ANSWERED, 120)[0].endswith(" 3 lost")
    assert shown(ANSWERED, 160)[0].endswith("3 not as sent")
    assert shown(ANSWERED, 240)[0].endswith("left out: top_k, metadata; max_tokens went as 1")


def test_what_went_wrong_stands_below() -> None:
    first, *below = shown(REFUSED, 80)
    assert first.startswith("12:00:01 529  kimi:kimi-k2.5")
    assert [line.strip() for line in below] == [
        "the provider said 503",
        "The engine is currently overloaded, please try again later or ask",
        "elsewhere for it",
    ]
    # Where the row has no room for its id.
    assert shown(REFUSED, 40)[-1].strip() == REFUSED.request_id


def test_without_a_terminal_all_is_one_line() -> None:
    (line,) = shown(replace(REFUSED, tally=tally(losses=LOSSES), remarks=["rebuilt"]), None)
    for said in (
        "2025-11-29 12:00:01",
        "claude-cli/2.1.330",
        "kimi:claude-sonnet-4-6 → kimi-k2.5 (api.moonshot.ai)",
        REFUSED.request_id,
        "left out (drop): top_k, metadata; max_tokens went as 1 (clamp)",
        "rebuilt",
        "the provider said 503",
        REFUSED.outcome.error,
    ):
        assert said in line


def test_what_was_done_stands_beside_or_below() -> None:
    assert shown(replace(NOTHING_LOST, remarks=["rebuilt"]), 80)[0].endswith("rebuilt")
    long = "asked again, since the host has no developer messages: a role renamed"
    first, below = shown(replace(ANSWERED, remarks=[long]), 100)
    assert first.endswith("3 not as sent")
    assert below.strip() == long


def test_a_cache_that_was_lost_is_told_below() -> None:
    alarmed = seen(ANSWERED) | {"cache_alarm": {"words": "only 2% from the cache, 93% before"}}
    first, below = row(alarmed, RowLayout.fit(80)).split("\n")
    assert first.endswith("3 lost")
    assert below.strip() == "only 2% from the cache, 93% before"
    assert "93% before" in row(alarmed, RowLayout.fit(None))


def test_the_day_is_told_where_it_is_not_today() -> None:
    today = {"started_ms": round(time.time() * 1000)}
    assert not of_another_day([today])
    assert of_another_day([today, seen(ANSWERED)])
    assert row(seen(ANSWERED), RowLayout.fit(80, dated=True)).startswith("11-29 12:00:01 200 ")


def test_a_request_that_went_nowhere_shows_its_path() -> None:
    assert "/v1/nothing" in shown(NOWHERE, 80)[0]


def test_colours_add_nothing_but_themselves() -> None:
    for record in PLENTY:
        for width in WIDTHS:
            layout = RowLayout.fit(width)
            painted = row(seen(record), layout, coloured)
            assert "\x1b[" in painted
            assert [
                line.rstrip() for line in re.sub(r"\x1b\[\d+m", "", painted).split("\n")
            ] == row(seen(record), layout, plain).split("\n")


def formatter(key: str = "", paint: Any = plain) -> RowFormatter:
    return RowFormatter(lambda: [key], seen, paint)


def test_no_line_can_be_forged_and_no_key_be_seen() -> None:
    key = "gw-secret-key-0123456789"
    evil = replace(
        REFUSED,
        outcome=ExchangeOutcome(529, f"{key}\n12:00:00 200 forged\x1b[2J", "overloaded"),
        profile="a\u2028b",
        client="x\x1b[2J",
        model_asked="m\nm",
        remarks=["r\nr"],
        tally=tally(losses=["drop:x\x1b[2J\ny"]),
    )
    made = logging.LogRecord("gwproxy", logging.INFO, "f", 1, ExchangeLine(evil), None, None)
    for text in (
        formatter(key).format(made).partition("\n")[2],
        row(seen(evil), RowLayout.fit(None)),
    ):
        assert not {"\x1b", "\u2028"} & set(text)
        assert all(line.startswith(" ") for line in text.split("\n")[1:])
    assert key not in formatter(key).format(made)


def test_the_columns_are_named_once_and_when_they_are_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = formatter()
    made = logging.LogRecord("gwproxy", logging.INFO, "f", 1, ExchangeLine(ANSWERED), None, None)
    heads = []
    for width in (80, 80, 120, 80):
        monkeypatch.setenv("COLUMNS", str(width))
        heads.append(rows.format(made).count("PROFILE:MODEL"))
    assert heads == [1, 0, 1, 1]


def test_other_words_are_wrapped_and_have_their_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    words = "to listen at another address, gwproxy serve must be started again"
    made = logging.LogRecord("gwproxy", logging.WARNING, "f", 1, words, None, None)
    lines = formatter().format(made).split("\n")
    assert " ".join(" ".join(lines).split()).endswith(words)
    assert all(len(line) <= 40 for line in lines)
    assert formatter(paint=coloured).format(made).startswith("\x1b[33m")

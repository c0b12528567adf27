"""Tables on terminals of any width: no word is broken, no figure cut, nothing lost in silence."""

from __future__ import annotations

import io

import pytest

from gwproxy.cli.drawing import Table, draw, hanging

USAGE = Table(
    ("PROFILE", "ANSWERS", "FAILED", "CACHED", "COST", "NOW"),
    (
        ("strongwall", "12345", "", "92%", "3 credits", ""),
        ("kimi", "7", "3", "", "$12.3456", ""),
    ),
    right=frozenset({"ANSWERS", "FAILED", "CACHED", "COST"}),
    spare=("CACHED",),
)

KEYS = Table(
    ("NAME", "MODEL", "KEY"),
    (
        ("kimi *", "kimi-k2.5[1m]", "…1234  environment variable GWPROXY_KEY_KIMI"),
        ("本地", "an-uncommonly-long-name", "no key needed"),
    ),
)


def drawn(table: Table, width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    draw(table, stream, colour=False)
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    assert max(map(len, lines)) <= width
    return lines


def words(table: Table) -> set[str]:
    return {word for row in table.rows for cell in row for word in cell.split()}


def test_a_terminal_that_does_not_know_its_width_has_a_usual_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "0")
    stream = io.StringIO()
    draw(KEYS, stream, colour=False)
    assert words(KEYS) <= set(stream.getvalue().split())


def test_side_by_side_without_empty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    head, rule, *rows = drawn(USAGE, 60, monkeypatch)
    assert head == "PROFILE     ANSWERS  FAILED  CACHED       COST"
    assert set(rule) == {"─"}
    assert rows == [
        "strongwall    12345             92%  3 credits",
        "kimi              7       3           $12.3456",
    ]


def test_what_can_be_spared_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    head, _, *rows = drawn(USAGE, 40, monkeypatch)
    assert head == "PROFILE     ANSWERS  FAILED       COST"
    assert rows[1] == "kimi              7       3   $12.3456"


def test_text_is_wrapped_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = drawn(KEYS, 60, monkeypatch)
    assert lines[0].split() == ["NAME", "MODEL", "KEY"]
    assert words(KEYS) <= {word for line in lines for word in line.split()}


@pytest.mark.parametrize("table", [KEYS, USAGE], ids=["text", "figures"])
def test_what_is_too_wide_is_written_row_by_row(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = drawn(table, 34, monkeypatch)
    assert lines[0] == table.rows[0][0]
    assert f"  {table.columns[1]}" in lines[1]
    assert words(table) <= {word for line in lines for word in line.split()}


def test_a_long_line_goes_on_below_its_own_words() -> None:
    text = "failed  keys: there is no key for the-profile-of-mine"
    assert hanging(text, 8, 30) == (
        "failed  keys: there is no key\n        for\n        the-profile-of-mine"
    )
    assert hanging("  12:00  as it is", 4, 80) == "  12:00  as it is"

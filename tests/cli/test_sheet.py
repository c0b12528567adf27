"""Rows as comma-separated values: whole, flat, and nothing that a spreadsheet would carry out."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from gwproxy.cli.sheet import Sheet


def read(sheet: Sheet) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(sheet.text()), strict=True))


def test_values_as_a_sheet_has_them() -> None:
    row = {
        "none": None,
        "yes": True,
        "count": 3,
        "cost": 0.5,
        "hosts": ["a", "b"],
        "empty": [],
        "odd": [{"a": 1}],
        "text": 'a, "b"',
    }
    assert read(Sheet([row])) == [
        {
            "none": "",
            "yes": "true",
            "count": "3",
            "cost": "0.5",
            "hosts": "a b",
            "empty": "",
            "odd": '[{"a": 1}]',
            "text": 'a, "b"',
        }
    ]


def test_what_lies_a_level_down_has_a_column_of_its_own() -> None:
    rows: list[dict[str, Any]] = [
        {"name": "a", "last": None},
        {"name": "b", "last": {"at": 1, "id": "x"}},
    ]
    assert read(Sheet(rows)) == [
        {"name": "a", "last.at": "", "last.id": ""},
        {"name": "b", "last.at": "1", "last.id": "x"},
    ]


def test_the_head_stands_where_nothing_else_does() -> None:
    assert Sheet([], ("name", "at")).text() == "name,at"
    assert Sheet([]).text() == ""
    assert Sheet([{"b": 1}, {"c": 2}], ("a",)).text() == "a,b,c\n,1,\n,,2"


@pytest.mark.parametrize("evil", ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)"])
def test_no_words_of_others_are_a_formula(evil: str) -> None:
    ((cell,),) = (row.values() for row in read(Sheet([{"model": evil}])))
    assert cell == f"'{evil}"


def test_a_row_stays_one_line() -> None:
    assert Sheet([{"a": "x\ny\x1b[2J"}]).text().count("\n") == 1
    assert "\x1b" not in Sheet([{"a": "x\x1b[2J"}]).text()

"""Rows as comma-separated values (RFC 4180), for a spreadsheet or `csv.DictReader`. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gwproxy.plain import json_text, one_line

_FORMULA: Final = ("=", "+", "-", "@")
"""What a spreadsheet takes for a formula: names and words come from providers and files.
https://owasp.org/www-community/attacks/CSV_Injection"""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of --csv, of the values that --json has. `columns` stand at the head even where
    there is no row; further ones come as the rows have them."""

    rows: Sequence[Mapping[str, Any]]
    columns: tuple[str, ...] = ()

    def text(self) -> str:
        """A line of names and one for each row, without a line end behind the last."""
        rows = [_flat(row) for row in self.rows]
        all_names = dict.fromkeys((*self.columns, *(name for row in rows for name in row)))
        # A value that is None in one row and has parts in another is its parts.
        names = [
            name for name in all_names if not any(one.startswith(f"{name}.") for one in all_names)
        ]
        if not names:
            return ""
        written = io.StringIO()
        sheet = csv.DictWriter(
            written, names, restval="", extrasaction="ignore", lineterminator="\n"
        )
        sheet.writeheader()
        sheet.writerows(rows)
        return written.getvalue().rstrip("\n")


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """`key.source` for what is one level down."""
    flat: dict[str, str] = {}
    for name, value in row.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = _cell(value)
    return flat


def _cell(value: Any) -> str:
    if value is None or value in ([], {}, ()):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple) and not any(isinstance(one, dict | list) for one in value):
        return _harmless(" ".join(map(str, value)))
    if isinstance(value, str):
        return _harmless(value)
    return json_text(value)


def _harmless(text: str) -> str:
    text = one_line(text)
    return f"'{text}" if text.startswith(_FORMULA) else text

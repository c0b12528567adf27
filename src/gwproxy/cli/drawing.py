"""How tables and long lines fit a terminal: words stay whole, figures always.

A table that is too wide has its text wrapped between words, then loses the columns that it can
spare, and where even that is too wide it is written as one block for each row. rich is imported
only to draw.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TextIO

from gwproxy.plain import one_line

if TYPE_CHECKING:
    from rich.console import Console

_GAP: Final = 2


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under headings; `empty` is what to say when there are none. The columns named
    in `right` hold figures, which stand under one another; those in `spare` are left out, the
    first one first, where there is no room for them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str = ""
    right: frozenset[str] = frozenset()
    spare: tuple[str, ...] = ()

    def harmless(self) -> Table:
        """The same, each cell one line of plain text."""
        rows = tuple(tuple(map(one_line, row)) for row in self.rows)
        return replace(self, rows=rows)

    def without(self, left_out: frozenset[str]) -> Table:
        """The same without some of its columns."""
        kept = [place for place, name in enumerate(self.columns) if name not in left_out]
        return replace(
            self,
            columns=tuple(self.columns[place] for place in kept),
            rows=tuple(tuple(row[place] for place in kept) for row in self.rows),
        )


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool] = ()) -> list[str]:
    """Plain columns, for a file or a pipe: nothing is left out and nothing wrapped."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    sides = right or [False] * len(widths)
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, sides, strict=True)
        ).rstrip()
        for row in rows
    ]


def hanging(text: str, indent: int, width: int) -> str:
    """`text` wrapped between words, with every line but the first indented."""
    return "\n".join(
        textwrap.wrap(
            text,
            max(width, indent + 20),
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
            drop_whitespace=True,
            replace_whitespace=False,
        )
    )


_PIECE: Final = re.compile(r"\s*[^\s|]*\|?")


def folded(text: str, indent: int, width: int) -> str:
    """`text` from `indent` on, wrapped between words and behind a `|`, further lines a bit more
    to the right: for what a terminal is too narrow for."""
    lines = [" " * indent]
    for piece in _PIECE.findall(text):
        if lines[-1].strip() and len(lines[-1]) + len(piece) > width:
            lines.append(" " * (indent + 2))
        lines[-1] += piece if lines[-1].strip() else piece.lstrip()
    return "\n".join(lines)


def draw(table: Table, stream: TextIO, *, colour: bool) -> None:
    """`table` on a terminal."""
    from rich.console import Console

    # rich takes COLUMNS=0, as some terminals of editors have it, for a width.
    width = shutil.get_terminal_size().columns
    console = Console(
        file=stream, color_system="auto" if colour else None, highlight=False, width=width
    )
    whole = table = _without_empty_columns(table)
    widths = _widths(table, console.width)
    for name in table.spare:
        if widths is not None:
            break
        table = table.without(frozenset({name}))
        widths = _widths(table, console.width)
    if widths is None:
        _draw_blocks(whole, console)
    else:
        _draw_columns(table, widths, console)


def _without_empty_columns(table: Table) -> Table:
    columns = zip(*table.rows, strict=True)
    empty = (name for name, cells in zip(table.columns, columns, strict=True) if not any(cells))
    return table.without(frozenset(empty))


def _widths(table: Table, most: int) -> list[int] | None:
    """A width for each column; None where they do not fit side by side."""
    from rich.cells import cell_len

    wanted, least = [], []
    for place, name in enumerate(table.columns):
        cells = [name, *(row[place] for row in table.rows)]
        wanted.append(max(map(cell_len, cells)))
        words = cells if name in table.right else [word for cell in cells for word in cell.split()]
        least.append(max(map(cell_len, words), default=0))
    room = most - _GAP * (len(wanted) - 1)
    if sum(least) > room:
        return None
    while sum(wanted) > room:
        # The widest of those that can still give way.
        place = max(
            (place for place in range(len(wanted)) if wanted[place] > least[place]),
            key=lambda place: wanted[place],
        )
        wanted[place] -= 1
    return wanted


def _draw_columns(table: Table, widths: Sequence[int], console: Console) -> None:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, _GAP - 1, 0, 0)
    )
    for column, width in zip(table.columns, widths, strict=True):
        figures = column in table.right
        drawn.add_column(
            column,
            overflow="fold",
            justify="right" if figures else "left",
            no_wrap=figures,
            width=width,
        )
    for row in table.rows:
        # Text, not markup: a model may be called "kimi[1m]".
        drawn.add_row(*(Text(cell) for cell in row))
    console.print(drawn)


def _draw_blocks(table: Table, console: Console) -> None:
    """One row after the other: its first cell, and below it what else there is. A word that is
    wider than what is left beside a name stands below it, whole."""
    from rich.cells import cell_len
    from rich.text import Text

    label_width = max(map(cell_len, table.columns[1:]), default=0) + 2 * _GAP
    for row in table.rows:
        console.print(Text(row[0], style="bold"), soft_wrap=True)
        for name, cell in zip(table.columns[1:], row[1:], strict=True):
            if not cell:
                continue
            label = f"{' ' * _GAP}{name}"
            indent = label_width
            if indent + max(map(cell_len, cell.split()), default=0) > console.width:
                console.print(Text(label, style="dim"), soft_wrap=True)
                label, indent = "", _GAP
            words = hanging(" " * indent + cell, indent, console.width)[len(label) :]
            console.print(Text(label, style="dim") + Text(words), soft_wrap=True)

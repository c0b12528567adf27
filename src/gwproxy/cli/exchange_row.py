"""One exchange as one row of a terminal, made to fit its width; what went wrong stands below it.

Reads what `records.ledger.shape` gives, whoever asked for it. Columns that there is no room for go,
the least important first; words are never broken. Where nobody looks, a row is one line with all.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TextIO

from gwproxy.cli.drawing import hanging
from gwproxy.cli.figures import failed_with, money, share, short_number, short_span
from gwproxy.cli.screen import columns_of
from gwproxy.plain import one_line
from gwproxy.profiles.redaction import redact
from gwproxy.proxy.log import ExchangeLine, LineFormatter
from gwproxy.proxy.record import ExchangeRecord
from gwproxy.translate.loss_words import gist, gist_by_number

if TYPE_CHECKING:
    from gwproxy.cli.output import Output

Exchange = Mapping[str, Any]
Paint = Callable[[str, str], str]
"""A text as it looks in one of the STYLES."""

STYLES: Final[Mapping[str, str]] = {
    "dim": "\x1b[2m",
    "good": "\x1b[32m",
    "note": "\x1b[33m",
    "bad": "\x1b[31m",
    "head": "\x1b[1m",
}
_PLAIN: Final = "\x1b[0m"

_TIME: Final = 8
_DATED: Final = 14
_SHORT_ID: Final = 7
"""As many letters of an id as tell a thousand apart, and can be typed."""

_WAY: Final = 18
_WAY_WITH_ASKED: Final = 36
_WAY_WITH_HOST: Final = 60
_NOTES: Final = 8
_WIDE: Final = 130
"""From here on columns stand two blanks apart."""

_WIDTHS: Final[Mapping[str, int]] = {
    "CODE": 4,
    "TOOL": 11,
    "WAIT": 6,
    "TOOK": 6,
    "IN": 5,
    "CACHE": 5,
    "OUT": 5,
    "COST": 8,
    "ID": _SHORT_ID,
}
_WHOLE: Final = {"TIME": 19, "TOOL": 20, "IN": 7, "OUT": 6, "ID": 28}
"""Without a terminal, where nothing is short."""
_ORDER: Final = (
    *("TIME", "CODE", "TOOL", "PROFILE:MODEL", "WAIT", "TOOK", "IN", "CACHE", "OUT", "COST"),
    "ID",
)
_RIGHT: Final = frozenset({"WAIT", "TOOK", "IN", "CACHE", "OUT", "COST"})
_STYLED: Final = {"TIME": "dim", "ID": "dim", "TOOL": "dim", "COST": "head"}

_UNBOUNDED: Final = 10_000
"""The width of what is no terminal."""

_WAYS: Final = ("host", "asked", "used")
"""How much of a way can be told, the most first."""

_WANTED: Final = ("IN", "OUT", "ID", "", "COST", "CACHE", "asked", "TOOL", "WAIT", "host")
"""What is added where there is room, one after the other; "" is a little room for notes."""


def plain(text: str, style: str) -> str:
    """`text` where there are no colours."""
    return text


def coloured(text: str, style: str) -> str:
    """`text` on a terminal that has them."""
    return f"{STYLES[style]}{text}{_PLAIN}" if style and text.strip() else text


def paint_for(output: Output, stream: TextIO) -> Paint:
    """`coloured` where colours are welcome on `stream`, else `plain`."""
    return coloured if output.is_fancy(stream) else plain


@dataclass(frozen=True, slots=True)
class RowLayout:
    """Which columns there are and how wide each is; `width` is the terminal's, None where there is
    none. `way` says how much of the way an exchange shows: used, asked or host."""

    columns: tuple[tuple[str, int], ...]
    width: int | None
    gap: str
    way: str
    dated: bool

    @classmethod
    def fit(
        cls, width: int | None, *, dated: bool = False, priced: bool = True, longest: int = 0
    ) -> RowLayout:
        """The columns for a terminal of `width`. `dated`: the day belongs to the time; `priced`:
        there are costs to show; `longest` is how long a way may be, where that is known."""
        gap = 2 if width is None or width >= _WIDE else 1
        widths = dict(_WIDTHS)
        widths["TIME"] = _DATED if dated else _TIME
        if width is None:
            widths |= _WHOLE
        widths["PROFILE:MODEL"] = _WAY
        chosen = {"TIME", "CODE", "PROFILE:MODEL", "TOOK"}
        left = _UNBOUNDED if width is None else width
        left -= sum(widths[name] + gap for name in chosen) - gap
        way = "used"
        for wanted in _WANTED:
            if wanted == "COST" and not priced:
                continue
            if wanted in ("asked", "host"):
                # What is not needed for the way is there for others.
                wide = _WAY_WITH_ASKED if wanted == "asked" else _WAY_WITH_HOST
                more = max(min(wide, longest or wide) - widths["PROFILE:MODEL"], 0)
                if left >= more:
                    widths["PROFILE:MODEL"] += more
                    left -= more
                    way = wanted
                continue
            need = gap + (widths[wanted] if wanted else _NOTES)
            if left >= need:
                left -= need
                chosen |= {wanted} if wanted else set()
        columns = tuple((name, widths[name]) for name in _ORDER if name in chosen)
        return cls(columns, width, " " * gap, way, dated)

    @property
    def indent(self) -> int:
        """Where words below a row begin."""
        return self.columns[0][1] + len(self.gap)

    def head(self) -> str:
        """The names of the columns."""
        cells = [self._cell(name, name, width) for name, width in self.columns]
        line = self.gap.join(cells)
        fits = self.width is None or len(line) + len(self.gap) + len("NOTES") <= self.width
        return f"{line}{self.gap}NOTES" if fits else line.rstrip()

    def line(self, texts: Mapping[str, str], paint: Paint, styles: Mapping[str, str]) -> str:
        """The cells of a row. Who needs more room takes it from the blanks of those behind."""
        cells, debt = [], 0
        for name, width in self.columns:
            cell = self._cell(name, texts[name], width - debt)
            debt = max(0, debt + len(cell) - width) if len(cell) > width - debt else 0
            cells.append(paint(cell, styles.get(name, "")))
        return self.gap.join(cells)

    @staticmethod
    def _cell(name: str, text: str, width: int) -> str:
        return text.rjust(width) if name in _RIGHT else text.ljust(width)


class RowFormatter(logging.Formatter):
    """The lines of a log for a terminal, whose width is looked up each time; `secrets` are taken
    out of every line. `shape_of` tells a record as everybody sees it. The names of the columns
    stand above the first row, and again where there are others."""

    def __init__(
        self,
        secrets: Callable[[], Iterable[str]],
        shape_of: Callable[[ExchangeRecord], Exchange],
        paint: Paint = plain,
        *,
        priced: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__()
        self._plain = LineFormatter(secrets)
        self._secrets = secrets
        self._shape_of = shape_of
        self._paint = paint
        self._priced = priced
        self._layout: RowLayout | None = None

    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record.msg, ExchangeLine) and not record.exc_info:
            layout = RowLayout.fit(columns_of(sys.stderr), priced=self._priced())
            shape = self._shape_of(record.msg.record)
            shown = redact(row(shape, layout, self._paint), self._secrets())
            if layout != self._layout:
                self._layout = layout
                shown = f"{self._paint(layout.head(), 'dim')}\n{shown}"
            return shown
        width = columns_of(sys.stderr)
        lines = self._plain.format(record).split("\n")
        first = hanging(lines[0], _TIME + 2, width)
        style = {logging.WARNING: "note", logging.ERROR: "bad"}.get(record.levelno, "")
        return self._paint("\n".join([first, *lines[1:]]), style)


def row(exchange: Exchange, layout: RowLayout, paint: Paint = plain) -> str:
    """`12:00:01 200  kimi:kimi-k2.5  1.2 s  12k  340  …`, and below it what went wrong, or was done
    and has no room in the row. Without a terminal all in one line."""
    texts, styles = _texts(exchange, layout), _STYLED | {"CODE": _code_style(exchange)}
    bare, first = layout.line(texts, plain, styles), layout.line(texts, paint, styles)
    losses, remark = tuple(exchange["losses"]), one_line(", ".join(exchange["changes"]))
    below = [(words, "bad") for words in _trouble(exchange, layout)]
    if alarm := exchange.get("cache_alarm"):
        below.insert(0, (one_line(alarm["words"]), "note"))
    if layout.width is None:
        said = (bare, gist(losses, codes=True), remark, *(words for words, _ in below))
        return layout.gap.join(map(one_line, filter(None, said))).rstrip()
    if exchange["error"]:
        below += [(remark, "dim")] if remark else []
    else:
        notes, left = _notes(len(bare), losses, remark, layout)
        first, bare = (f"{one}{notes and layout.gap + notes}" for one in (first, bare))
        below += [(left, "dim")] if left else []
    if len(bare.rstrip()) > layout.width:
        first = hanging(bare, layout.indent, layout.width)
    blank = " " * layout.indent
    lines = [
        paint(hanging(blank + words, layout.indent, layout.width), style) for words, style in below
    ]
    return "\n".join([first.rstrip(), *lines])


def _notes(used: int, losses: tuple[str, ...], remark: str, layout: RowLayout) -> tuple[str, str]:
    """As much as fits beside the row of what was lost and what was done, and what does not fit."""
    assert layout.width is not None
    words, number = gist(losses), gist_by_number(losses)
    brief = f"{len(losses)} lost" if losses else ""
    for notes, left in (
        ((words, remark), ""),
        ((number, remark), ""),
        ((words,), remark),
        ((number,), remark),
        ((brief,), remark),
    ):
        whole = layout.gap.join(filter(None, notes))
        if used + len(layout.gap) + len(whole) <= layout.width:
            return one_line(whole), left
    return "", remark


def short_id(request_id: str) -> str:
    """The beginning of an id without its prefix, which is enough to type for it."""
    return request_id.removeprefix("req_")[:_SHORT_ID]


def _texts(exchange: Exchange, layout: RowLayout) -> dict[str, str]:
    is_for_eyes = layout.width is not None
    tool = one_line(exchange["client"] or "-")
    request_id = exchange["request_id"]
    inputs, out = exchange["input_tokens"], exchange["output_tokens"]
    number = short_number if is_for_eyes else str
    return {
        "TIME": moment(exchange["started_ms"], layout),
        "CODE": _code(exchange),
        "TOOL": tool.partition("/")[0] if is_for_eyes else tool,
        "PROFILE:MODEL": _fitting_way(exchange, layout),
        "WAIT": _span(exchange["first_byte_ms"]),
        "TOOK": _span(exchange["duration_ms"]),
        "IN": "" if inputs is None else number(inputs),
        "CACHE": share(exchange["cached_tokens"], inputs),
        "OUT": "" if out is None or inputs is None else number(out),
        # What was never answered costs nothing: that goes without saying.
        "COST": money(exchange["cost_micro"] or None, exchange["cost_unit"] or ""),
        "ID": short_id(request_id) if is_for_eyes else request_id,
    }


def moment(started_ms: int, layout: RowLayout) -> str:
    """When an exchange began, in local time, with the day where `layout` wants it."""
    form = "%H:%M:%S"
    if layout.width is None:
        form = "%Y-%m-%d %H:%M:%S"
    elif layout.dated:
        form = "%m-%d %H:%M:%S"
    return time.strftime(form, time.localtime(started_ms / 1000))


def of_another_day(exchanges: Iterable[Exchange]) -> bool:
    """Whether one of the exchanges is not of today, so that the day belongs to the time."""
    today = time.localtime()[:3]
    return any(time.localtime(one["started_ms"] / 1000)[:3] != today for one in exchanges)


def _span(milliseconds: int | None) -> str:
    return "" if milliseconds is None else short_span(milliseconds)


def _code(exchange: Exchange) -> str:
    """The status, where there is one and it says something to a person."""
    match exchange["state"]:
        case "running":
            return "runs"
        case "gone":
            return "gone"
        case "failed":
            return failed_with(exchange["status"])
    return str(exchange["status"])


def _code_style(exchange: Exchange) -> str:
    return {"running": "head", "gone": "note", "failed": "bad"}.get(exchange["state"], "good")


def _fitting_way(exchange: Exchange, layout: RowLayout) -> str:
    """As much of the way as its column has room for."""
    room = dict(layout.columns)["PROFILE:MODEL"]
    forms = [way(exchange, how) for how in _WAYS[_WAYS.index(layout.way) :]]
    if layout.width is None:
        return forms[0]
    return next((form for form in forms if len(form) <= room), forms[-1])


def way(exchange: Exchange, how: str) -> str:
    """`kimi:kimi-k2.5`; with what was `asked` for, and the `host` that it went to."""
    if not exchange["profile"]:
        return one_line(exchange["path"] or "-")
    asked, used = exchange["model_asked"] or "-", exchange["model_used"] or "-"
    model = f"{asked} → {used}" if how != "used" and asked != used else used
    host = f" ({exchange['host']})" if how == "host" and exchange["host"] else ""
    return one_line(f"{exchange['profile']}:{model}{host}")


def _trouble(exchange: Exchange, layout: RowLayout) -> Iterator[str]:
    """What went wrong, a line each; nothing of an exchange that was answered as it should be."""
    if exchange["upstream_status"] not in (None, exchange["status"]):
        yield f"the provider said {exchange['upstream_status']}"
    if exchange["error"]:
        yield one_line(exchange["error"])
        if not any(name == "ID" for name, _ in layout.columns):
            yield exchange["request_id"]

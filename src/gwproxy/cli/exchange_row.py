"""One exchange as one row of a terminal, made to fit its width; what went wrong stands below it.

Reads what `Record.fields` gives, which is also a line of `serve --json-logs`. Columns that there is
no room for go; words are never broken.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from gwproxy.cli.drawing import hanging
from gwproxy.cli.usage import short_number
from gwproxy.plain import one_line
from gwproxy.profiles.redaction import redact
from gwproxy.proxy.log import LineFormatter, Record
from gwproxy.translate.loss_words import gist, gist_by_number

_INDENT: Final = 10
"""Where the words below a row stand: behind its time of day."""

_WAY: Final = 22
_WIDE_WAY: Final = 46
_CLIENT: Final = 20
_TOOK: Final = 5
_TOKENS: Final = 15
_ID: Final = 28

_WITH_ASKED: Final = 120
_WITH_CLIENT: Final = 140
_WITH_ID: Final = 170
"""From which width on there is more: what is left, with words about losses, is never less."""


class RowFormatter(logging.Formatter):
    """The lines of a log for a terminal, whose width is looked up each time; `secrets` are taken
    out of every line."""

    def __init__(self, secrets: Callable[[], Iterable[str]]) -> None:
        super().__init__()
        self._plain = LineFormatter(secrets)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        width = shutil.get_terminal_size().columns
        if isinstance(record.msg, Record) and not record.exc_info:
            moment = time.strftime("%H:%M:%S", time.localtime(record.created))
            return redact(row(record.msg.fields(), moment, width), self._secrets())
        lines = self._plain.format(record).split("\n")
        return "\n".join([hanging(lines[0], _INDENT, width), *lines[1:]])


def row(exchange: Mapping[str, Any], moment: str, width: int) -> str:
    """`12:00:01  200  kimi:kimi-k2.5   1.2 s   in 12k out 340   left out: top_k`, and below it what
    went wrong, or was done and has no room in the row."""
    first = "  ".join(_columns(exchange, moment, width))
    below = list(_trouble(exchange))
    remark = one_line(exchange["remark"] or "")
    if remark and below:
        below.append(remark)
    else:
        first, left = _with_notes(first, tuple(exchange["losses"]), remark, width)
        below += filter(None, (left,))
    if len(first.rstrip()) > width:
        first = hanging(first, _INDENT, width)
    lines = (hanging(" " * _INDENT + words, _INDENT, width) for words in below)
    return "\n".join([first.rstrip(), *lines])


def _with_notes(first: str, losses: tuple[str, ...], remark: str, width: int) -> tuple[str, str]:
    """The row with as much as fits of what was lost and what was done, and what does not fit."""
    words, number = gist(losses), gist_by_number(losses)
    for notes, left in (
        ((words, remark), ""),
        ((number, remark), ""),
        ((words,), remark),
        ((number,), remark),
    ):
        whole = "  ".join(filter(None, (first, *notes))).rstrip()
        if len(whole) <= width:
            return whole, left
    return first.rstrip(), remark


def _columns(exchange: Mapping[str, Any], moment: str, width: int) -> Iterator[str]:
    is_wide = width >= _WITH_ASKED
    yield moment
    yield f"{exchange['status']:>3}"
    if width >= _WITH_CLIENT:
        yield f"{one_line(exchange['client'] or '-'):<{_CLIENT}}"
    yield f"{_way(exchange, with_asked=is_wide):<{_WIDE_WAY if is_wide else _WAY}}"
    yield f"{exchange['duration_s']:>{_TOOK}.1f} s"
    yield f"{_tokens(exchange):<{_TOKENS}}"
    if width >= _WITH_ID:
        yield f"{exchange['request_id']:<{_ID}}"


def _way(exchange: Mapping[str, Any], *, with_asked: bool) -> str:
    if not exchange["profile"]:
        return one_line(exchange["path"])
    asked, used = exchange["model_asked"] or "-", exchange["model_used"] or "-"
    model = f"{asked} → {used}" if with_asked and asked != used else used
    return one_line(f"{exchange['profile']}:{model}")


def _tokens(exchange: Mapping[str, Any]) -> str:
    if exchange["input_tokens"] is None:
        return ""
    out = short_number(exchange["output_tokens"] or 0)
    return f"in {short_number(exchange['input_tokens'])} out {out}"


def _trouble(exchange: Mapping[str, Any]) -> Iterator[str]:
    """Nothing of an exchange that was answered as it should be."""
    if exchange["upstream_status"] not in (None, exchange["status"]):
        yield f"the provider said {exchange['upstream_status']}"
    if exchange["error"]:
        yield one_line(exchange["error"])
        yield exchange["request_id"]

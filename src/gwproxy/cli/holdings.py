"""Everything that gwproxy keeps of a person's work: what, where, how much and how long at the most,
and who takes it away. `gwproxy status` shows this table, `gwproxy purge` goes through it.

What is missing here keeps gwproxy itself running: config.toml, the token, keys in the keyring, what
`setup --undo` needs, and the addresses of running servers.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from gwproxy import paths
from gwproxy.cli import service_log
from gwproxy.cli.figures import short_number
from gwproxy.cli.run_trace import MOST_LOGS
from gwproxy.clients import ledger as copies
from gwproxy.errors import ConfigError
from gwproxy.profiles import learned
from gwproxy.proxy.limits import Limits
from gwproxy.proxy.records import captures, storage, thoughts
from gwproxy.proxy.records.conversations import database as conversations
from gwproxy.proxy.records.ledger import database as ledger
from gwproxy.proxy.records.prompt_cache.turn import MOST_BYTES
from gwproxy.proxy.records.storage import Stock, StorageTrouble
from gwproxy.proxy.worker import words_of

_DAY_S: Final = 86_400

UNREADABLE: Final = (ConfigError, StorageTrouble, OSError)
"""What may be wrong with one of them."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One row of the table. `name` is what `purge` calls it; `where` is None for the memory of a
    running gateway. `most` is its bound, `age` how long it is kept without a purge, `pruned` who
    sees to that. `stock` and `purge` get a moment (seconds since 1970) and mean what is older;
    they raise UNREADABLE."""

    name: str
    what: str
    where: Path | None
    most: str
    age: str
    pruned: str
    stock: Callable[[float], Stock]
    purge: Callable[[float], int]

    def data(self, before_s: float = math.inf) -> dict[str, Any]:
        """The row for --json, with how much there is of it from before `before_s`."""
        stock, trouble = Stock(), None
        try:
            stock = self.stock(before_s)
        except UNREADABLE as error:
            trouble = words_of(error)
        return {
            "name": self.name,
            "what": self.what,
            "where": str(self.where) if self.where else None,
            "count": stock.count,
            "size_bytes": stock.size_bytes,
            "oldest": None if stock.oldest_s is None else int(stock.oldest_s),
            "most": self.most,
            "age": self.age,
            "pruned": self.pruned,
            "trouble": trouble,
        }


NAMES: Final = ("captures", "responses", "usage", "lessons", "backups", "damaged", "log", "runs")
"""What `purge` takes away; a test compares them with the table."""


def holdings() -> tuple[Holding, ...]:
    """All that is kept, a row for each kind."""
    return (*_of_exchanges(), *_of_the_machine(), *_in_memory())


def _of_exchanges() -> tuple[Holding, ...]:
    return (
        Holding(
            "captures",
            "whole exchanges, where capturing was asked for",
            paths.captures_dir(),
            f"{captures.MOST_KEPT} exchanges, {size(captures.MOST_KEPT_BYTES)}",
            days(captures.LONGEST_KEPT_S),
            "the gateway, when it starts and with each new one",
            partial(captures.stock, paths.captures_dir()),
            partial(captures.delete, paths.captures_dir()),
        ),
        Holding(
            "responses",
            "conversations of Responses clients, for previous_response_id",
            paths.responses_db(),
            f"{conversations.MOST_RESPONSES:,} responses, {size(conversations.MOST_BYTES)}",
            f"{days(conversations.LONGEST_IDLE_S)} after the last turn",
            "the gateway, when it starts and with each new one",
            partial(conversations.stock, paths.responses_db()),
            partial(conversations.purge, paths.responses_db()),
        ),
        Holding(
            "usage",
            "tokens, cost and times of each exchange; of a failure its words, of prompts none",
            paths.usage_db(),
            f"{ledger.MOST_ROWS:,} exchanges",
            "until a purge: these are your accounts",
            "the gateway, with each new one",
            partial(ledger.stock, paths.usage_db()),
            partial(ledger.purge, paths.usage_db()),
        ),
    )


def _of_the_machine() -> tuple[Holding, ...]:
    return (
        Holding(
            "lessons",
            "what providers refused, in our words",
            paths.learned_file(),
            f"{learned.MOST_KEPT:,} lessons",
            "until a provider takes it again; each is tried anew after a day, a week, a month",
            "the gateway, with new sessions",
            _lessons,
            lambda before_s: learned.purge(_day(before_s)),
        ),
        Holding(
            "backups",
            "earlier copies of your tools' settings; what an undo needs stays",
            paths.backups_dir(),
            f"{copies.BACKUPS_KEPT} copies of each file, and its first state",
            "until a purge",
            "gwproxy setup",
            _copies,
            copies.purge,
        ),
        Holding(
            "damaged",
            "files of the above that were damaged, put aside",
            paths.state_dir(),
            f"{storage.MOST_ASIDE} of each file",
            "until a purge",
            "the gateway, with each new one",
            *_of_files(_put_aside),
        ),
        Holding(
            "log",
            "what a gateway in the background says, a line for each exchange",
            paths.service_log(),
            size(service_log.MOST_BYTES),
            "until a purge",
            "the gateway: the older half goes",
            *_of_files(_log, service_log.empty),  # not deleted: launchd has it open
        ),
        Holding(
            "runs",
            "what gwproxy run logged: who asked whom and when, no words",
            paths.run_logs_dir(),
            f"{MOST_LOGS} logs",
            "until a purge",
            "gwproxy run",
            *_of_files(lambda: paths.run_logs_dir().glob("*.log")),
        ),
    )


def _in_memory() -> tuple[Holding, ...]:
    calls = f"{thoughts.MOST_ENTRIES:,} calls, {size(thoughts.MOST_CHARACTERS)}"
    return tuple(
        Holding(
            name,
            what,
            None,
            most,
            "until the gateway ends",
            "the gateway: the oldest go; gwproxy stop ends them all",
            lambda before_s: Stock(),
            lambda before_s: 0,
        )
        for name, what, most in (
            ("thoughts", "what models thought before a call, for clients that lose it", calls),
            ("images", "pictures fetched by address", size(Limits().kept_images_bytes)),
            ("turns", "the last request of each session, for the cache alarm", size(MOST_BYTES)),
        )
    )


def size(count: int) -> str:
    """`950 B`, `12.3 kB`, `268 MB`."""
    shown = short_number(count)
    return f"{shown[:-1]} {shown[-1]}B" if shown[-1].isalpha() else f"{shown} B"


def days(seconds: float) -> str:
    """`30 days`."""
    return f"{round(seconds / _DAY_S)} days"


def _lessons(before_s: float) -> Stock:
    found = learned.taught_before(_day(before_s))
    if not found:
        return Stock()
    oldest = datetime.fromisoformat(min(max(one.day, one.tried) for one in found))
    file = paths.learned_file()
    return Stock(len(found), storage.size_of(file), oldest.timestamp())


def _day(moment_s: float) -> str:
    """The day of a moment, where we are; one that is after all for what has no end."""
    return "9999" if math.isinf(moment_s) else datetime.fromtimestamp(moment_s).date().isoformat()


def _copies(before_s: float) -> Stock:
    return _stock_of(copy for copy, _ in copies.spare_copies(before_s))


def _put_aside() -> Iterator[Path]:
    for path in (paths.usage_db(), paths.responses_db()):
        yield from storage.put_aside(path)


def _log() -> list[Path]:
    file = paths.service_log()
    return [file] if file.exists() and file.stat().st_size else []


def _of_files(
    found: Callable[[], Iterable[Path]], remove: Callable[[Path], None] = Path.unlink
) -> tuple[Callable[[float], Stock], Callable[[float], int]]:
    """The `stock` and the `purge` of a holding that is made of files."""

    def older(before_s: float) -> list[Path]:
        return [file for file in found() if file.stat().st_mtime < before_s]

    def purge(before_s: float) -> int:
        files = older(before_s)
        for file in files:
            with contextlib.suppress(FileNotFoundError):
                remove(file)
        return len(files)

    return lambda before_s: _stock_of(older(before_s)), purge


def _stock_of(files: Iterable[Path]) -> Stock:
    found = [file.stat() for file in files]
    oldest_s = min((status.st_mtime for status in found), default=None)
    return Stock(len(found), sum(status.st_size for status in found), oldest_s)

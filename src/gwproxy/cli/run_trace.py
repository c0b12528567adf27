"""What is left of `gwproxy run`: its log, and one line about what passed through."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gwproxy import paths
from gwproxy.errors import UsageError

if TYPE_CHECKING:
    from gwproxy.profiles.prices import Prices
    from gwproxy.profiles.profile import Profile
    from gwproxy.proxy.record import ExchangeRecord
    from gwproxy.proxy.records.ledger import Entry

MOST_LOGS: Final = 20


def start_log(file: Path | None, secrets: Callable[[], Iterable[str]]) -> tuple[RunTally, Path]:
    """What counts the exchanges, and the file that the log goes to, as the child has the screen:
    `file`, or one of our own. `secrets` are hidden in it. Raises UsageError."""
    from gwproxy.proxy.log import LOGGER, LineFormatter

    chosen = file or _own_file()
    try:
        # It tells who asked what: a new one is for this person alone.
        descriptor = os.open(chosen, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if file is None:
                paths.hand_over(descriptor, chosen.parent)
        finally:
            os.close(descriptor)
        handler = logging.FileHandler(chosen, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {chosen}", why=error.strerror or str(error)) from None
    handler.setFormatter(LineFormatter(secrets))
    tally = RunTally()
    logging.basicConfig(level=logging.WARNING, handlers=[handler, tally])
    LOGGER.setLevel(logging.INFO)
    return tally, chosen


def _own_file() -> Path:
    folder = paths.ensure_private_dir(paths.run_logs_dir())
    for old in sorted(folder.glob("*.log"))[: -MOST_LOGS + 1]:
        old.unlink(missing_ok=True)
    return folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"


class RunTally(logging.Handler):
    """Adds up the exchanges that are logged."""

    def __init__(self) -> None:
        super().__init__()
        self._records: list[ExchangeRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        from gwproxy.proxy.log import ExchangeLine

        if isinstance(record.msg, ExchangeLine) and record.msg.record.generating:
            self._records.append(record.msg.record)

    def line(self, profiles: Mapping[str, Profile]) -> str:
        """`3 exchanges (1 failed), 12.3k tokens in, 950 out, $0.0123; left out: top_k`."""
        from gwproxy.cli.figures import counted, short_number
        from gwproxy.proxy.records.ledger import Entry
        from gwproxy.translate.loss_words import gist

        count = len(self._records)
        if not count:
            return "nothing was asked"
        entries = [Entry.of(one, _prices_of(one, profiles)) for one in self._records]
        failed = sum(one.failed for one in entries)
        inputs = sum(one.usage.input_total or 0 for one in self._records)
        outputs = sum(one.usage.output or 0 for one in self._records)
        lost = tuple(dict.fromkeys(loss for one in self._records for loss in one.losses))
        parts = [
            counted(count, "exchange") + (f" ({failed} failed)" * bool(failed)),
            f"{short_number(inputs)} tokens in",
            f"{short_number(outputs)} out",
            *_costs(entries),
        ]
        return ", ".join(parts) + (f"; {gist(lost)}" if lost else "")


def _prices_of(record: ExchangeRecord, profiles: Mapping[str, Profile]) -> Prices | None:
    profile = profiles.get(record.profile)
    return profile.prices if profile else None


def _costs(entries: Sequence[Entry]) -> list[str]:
    """For each unit what is known to have been paid."""
    from gwproxy.cli.figures import money

    sums: dict[str, int] = {}
    for one in entries:
        if one.cost_unit:
            sums[one.cost_unit] = sums.get(one.cost_unit, 0) + (one.cost_micro or 0)
    return [money(micro, unit) for unit, micro in sums.items()]

"""What is left of `gwproxy run`: its log, and one line about what passed through."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gwproxy import paths
from gwproxy.errors import UsageError

if TYPE_CHECKING:
    from gwproxy.profiles.profile import Profile
    from gwproxy.proxy.record import ExchangeRecord

MOST_LOGS: Final = 20


def start_log(file: Path | None, secrets: Callable[[], Iterable[str]]) -> tuple[RunTally, Path]:
    """The child has the screen, so the log goes to `file`, or to one of our own. `secrets` are
    hidden in it. Raises UsageError."""
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
        from gwproxy.cli.figures import short_number
        from gwproxy.translate.loss_words import gist

        count = len(self._records)
        if not count:
            return "nothing was asked"
        failed = sum(bool(one.outcome.error_kind) for one in self._records)
        inputs = sum(one.usage.input_total or 0 for one in self._records)
        outputs = sum(one.usage.output or 0 for one in self._records)
        lost = tuple(dict.fromkeys(loss for one in self._records for loss in one.losses))
        parts = [
            f"{count} exchange{'' if count == 1 else 's'}" + (f" ({failed} failed)" * bool(failed)),
            f"{short_number(inputs)} tokens in",
            f"{short_number(outputs)} out",
            *self._costs(profiles),
        ]
        return ", ".join(parts) + (f"; {gist(lost)}" if lost else "")

    def _costs(self, profiles: Mapping[str, Profile]) -> list[str]:
        """For each unit what is known to have been paid."""
        from gwproxy.cli.figures import money
        from gwproxy.proxy.records.prices import cost_of

        sums: dict[str, int] = {}
        for one in self._records:
            profile = profiles.get(one.profile)
            if profile is None or profile.prices is None:
                continue
            cost = cost_of(one.usage, profile.prices, answered=not one.outcome.error_kind)
            sums[profile.prices.unit] = sums.get(profile.prices.unit, 0) + (cost or 0)
        return [money(micro, unit) for unit, micro in sums.items()]

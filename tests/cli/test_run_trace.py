"""What `gwproxy run` says of its exchanges when the program has ended."""

from __future__ import annotations

import logging
from dataclasses import replace

from gwproxy.cli.run_trace import RunTally
from gwproxy.profiles.profile import Profile
from gwproxy.proxy.log import LOGGER, ExchangeLine
from gwproxy.proxy.record import GONE, ExchangeRecord
from gwproxy.proxy.records.ledger import Entry
from support.exchanges import ANSWERED, CUT, PRICES, REFUSED


def line(*records: ExchangeRecord) -> str:
    tally = RunTally()
    for record in records:
        told = ExchangeLine(replace(record, generating=True))
        tally.emit(LOGGER.makeRecord("gwproxy", logging.INFO, "", 0, told, (), None))
    return tally.line({"kimi": Profile("kimi", "custom", "kimi-k2.5", prices=PRICES)})


def test_nothing() -> None:
    assert line() == "nothing was asked"


def test_it_says_what_the_ledger_says() -> None:
    """A person who stops an answer has paid for what came of it, and has seen no failure."""
    left, cut = replace(ANSWERED, outcome=GONE), replace(ANSWERED, outcome=CUT)
    assert line(ANSWERED, left, cut, REFUSED) == (
        "4 exchanges (2 failed), 36.9k tokens in, 1.02k out, $0.0085; "
        "left out: top_k, metadata; max_tokens went as 1"
    )
    assert Entry.of(left, PRICES).cost_micro == Entry.of(cut, PRICES).cost_micro == 2836

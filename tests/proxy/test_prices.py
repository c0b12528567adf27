"""What an exchange costs: whole micro-units, and nothing where a price is not known."""

from __future__ import annotations

import pytest

from gwproxy.profiles.prices import BadPrice, Prices, check_price, read_prices
from gwproxy.proxy.records.prices import cost_of
from gwproxy.translate.hub import Usage

USAGE = Usage(fresh=1000, cache_read=200, cache_write=100, cache_write_1h=40, output=50)
DOLLARS = Prices(input=3_000_000, output=15_000_000)


@pytest.mark.parametrize(
    ("usage", "prices", "cost"),
    [
        (USAGE, None, None),
        (USAGE, DOLLARS, (1000 + 200 + 100) * 3 + 50 * 15),
        (USAGE, Prices(input=3_000_000, output=15_000_000, cache_read=300_000), 3300 + 60 + 750),
        (
            USAGE,
            Prices(input=0, output=0, cache_write=4_000_000, cache_write_1h=6_000_000),
            60 * 4 + 40 * 6,
        ),
        (USAGE, Prices(input=3_000_000), None),  # there is output, and no price for it
        (Usage(fresh=10), Prices(input=3_000_000), 30),
        (Usage(), DOLLARS, None),
        (Usage(fresh=1, output=0), Prices(input=499_999, output=1), 0),
        (Usage(fresh=1, output=0), Prices(input=500_000, output=1), 1),
        (Usage(), Prices(unit="credits", per_message=1_000_000), 1_000_000),
        (
            Usage(reasoning=5),
            Prices(unit="credits", per_message=1_000_000, reasoning_surcharge=2_000_000),
            3_000_000,
        ),
        (Usage(fresh=10, output=0), Prices(input=1_000_000, output=0, per_message=7), 17),
    ],
)
def test_costs(usage: Usage, prices: Prices | None, cost: int | None) -> None:
    assert cost_of(usage, prices, answered=True) == cost


def test_what_was_refused_costs_nothing() -> None:
    assert cost_of(Usage(), Prices(per_message=1_000_000), answered=False) == 0
    assert cost_of(Usage(), None, answered=False) is None


def test_prices_are_read_as_written() -> None:
    assert read_prices({}) is None
    prices = read_prices({"unit": "EUR", "input": 0.1, "output": 2, "per_message": 0.003})
    assert prices == Prices(unit="EUR", input=100_000, output=2_000_000, per_message=3000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("input", "cheap"),
        ("input", -1),
        ("input", True),
        ("input", float("nan")),
        ("input", 2_500_000),
        ("unit", ""),
        ("unit", 3),
        ("prompt", 1),
    ],
)
def test_what_is_no_price(name: str, value: object) -> None:
    with pytest.raises(BadPrice):
        check_price(name, value)

"""What a provider asks for, as the user copied it from the provider's page.

    [profiles.kimi.prices]
    unit = "USD"                   # or "credits", "EUR" …
    input = 0.60                   # for a million tokens
    output = 2.50
    cache_read = 0.15              # without it, cached tokens cost like others
    per_message = 1                # for every answer, whatever its length
    reasoning_surcharge = 1        # added where the model thought

Kept as whole micro-units (a millionth of the unit), so that sums never drift. What an exchange
cost is worked out where usage is known, not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

MICRO: Final = 1_000_000

TOKEN_PRICES: Final = ("input", "output", "cache_read", "cache_write", "cache_write_1h")
MESSAGE_PRICES: Final = ("per_message", "reasoning_surcharge")
SETTINGS: Final = ("unit", *TOKEN_PRICES, *MESSAGE_PRICES)

_HIGHEST: Final = 1_000_000
"""No model costs a million for a million tokens; somebody has written micro-units."""

_LONGEST_UNIT: Final = 12


class BadPrice(ValueError):
    """A setting that is no price; the text says what would do."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Micro-units of `unit`: the first five for a million tokens, the last two for a message.
    None is not known."""

    unit: str = "USD"
    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    per_message: int = 0
    reasoning_surcharge: int = 0

    @property
    def by_tokens(self) -> bool:
        """Whether tokens cost anything; some providers bill messages alone."""
        return any(getattr(self, name) is not None for name in TOKEN_PRICES)


def check_price(name: str, value: object) -> object:
    """`value`, if the setting `name` can have it. Raises BadPrice."""
    if name == "unit":
        if not isinstance(value, str) or not 0 < len(value.strip()) <= _LONGEST_UNIT:
            raise BadPrice("must be a short text such as USD or credits")
        return value.strip()
    if name not in SETTINGS:
        raise BadPrice(f"is not a price; known are {', '.join(SETTINGS)}")
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _HIGHEST:
        raise BadPrice("must be a number such as 0.60, in the unit's own coin")
    return value


def read_prices(table: Mapping[str, object]) -> Prices | None:
    """The prices that a checked table names; None where it is empty."""
    if not table:
        return None
    named = {name: _micro(value) for name, value in table.items() if name != "unit"}
    return Prices(unit=str(table.get("unit", "USD")).strip(), **named)


def _micro(value: object) -> int:
    # By way of its text: 0.1 is a tenth to the person who wrote it.
    return round(Decimal(str(value)) * MICRO)

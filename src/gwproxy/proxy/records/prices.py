"""What an exchange cost, from the figures that the upstream gave. Pure; whole micro-units."""

from __future__ import annotations

from gwproxy.profiles.prices import MICRO, Prices
from gwproxy.translate.hub import Usage


def cost_of(usage: Usage, prices: Prices | None, *, answered: bool) -> int | None:
    """Micro-units of the profile's currency; None where a price or a figure is not known.

    `answered` says that the upstream gave an answer, or was at it: what it refused costs nothing.
    """
    if prices is None:
        return None
    if not answered:
        return 0
    message = prices.per_message
    if usage.reasoning:
        message += prices.reasoning_surcharge
    if not prices.by_tokens:
        return message
    if usage.input_total is None and usage.output is None:
        return None
    total = 0
    for tokens, price in _parts(usage, prices):
        if tokens and price is None:
            return None
        total += tokens * (price or 0)
    # Rounded once, for the whole exchange: prices are for a million tokens.
    return message + (total + MICRO // 2) // MICRO


def _parts(usage: Usage, prices: Prices) -> tuple[tuple[int, int | None], ...]:
    """Tokens of each kind, and what a million of them costs."""
    long_lived = usage.cache_write_1h or 0
    written = prices.input if prices.cache_write is None else prices.cache_write
    written_1h = written if prices.cache_write_1h is None else prices.cache_write_1h
    read = prices.input if prices.cache_read is None else prices.cache_read
    return (
        (usage.fresh or 0, prices.input),
        (usage.cache_read or 0, read),
        ((usage.cache_write or 0) - long_lived, written),
        (long_lived, written_1h),
        (usage.output or 0, prices.output),
    )

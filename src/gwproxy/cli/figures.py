"""Figures as a glance takes them in: tokens, money, shares and spans of time."""

from __future__ import annotations

from typing import Final

_MICRO: Final = 1_000_000
_SIGNS: Final = {"USD": "$", "EUR": "€", "GBP": "£", "CNY": "¥"}

_SECOND_MS: Final = 1000
_MINUTE_MS: Final = 60 * _SECOND_MS
_HOUR_MS: Final = 60 * _MINUTE_MS


def short_number(number: int) -> str:
    """`950`, `12.3k`, `4.56M`: three figures are as many as a glance takes in."""
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return str(number)


def counted(number: int, what: str) -> str:
    """`1 exchange`, `2 exchanges`."""
    return f"{number} {what}{'s' * (number != 1)}"


def money(micro: int | None, unit: str) -> str:
    """`$1.23`, `12 credits`, or nothing where the price is not known."""
    if micro is None:
        return ""
    amount = micro / _MICRO
    if unit in _SIGNS:
        # Cents hide what one question costs.
        return (
            f"{_SIGNS[unit]}{amount:.2f}"
            if amount >= 1 or not micro
            else f"{_SIGNS[unit]}{amount:.4f}"
        )
    return f"{amount:g} {unit}"


def share(part: int | None, whole: int | None) -> str:
    """`98%`, or nothing where there is no part."""
    return f"{part / whole:.0%}" if part and whole else ""


def short_span(milliseconds: int) -> str:
    """`806 ms`, `2.9 s`, `12m04s`, `1h12m`: never more than six letters in a day."""
    if milliseconds < _SECOND_MS:
        return f"{milliseconds} ms"
    if milliseconds < 99_950:
        return f"{milliseconds / _SECOND_MS:.1f} s"
    seconds = round(milliseconds / _SECOND_MS)
    if milliseconds < _HOUR_MS:
        return f"{seconds // 60}m{seconds % 60:02}s"
    minutes = seconds // 60
    return f"{minutes // 60}h{minutes % 60:02}m"


def failed_with(status: int) -> str:
    """The status of a failure, or `fail` where the answer had begun as a success."""
    return str(status) if status >= 400 else "fail"

"""Guessing what a mistyped name was meant to be. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def close_to(word: str, known: Iterable[str]) -> str:
    """`did you mean X?` when something known is close to `word`, else ""."""
    close = get_close_matches(word, sorted(known), n=1)
    return f"did you mean {close[0]}?" if close else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean X?` when something known is close to `word`, else all that is known."""
    names = sorted(known)
    close = close_to(word, names)
    if close:
        return close
    return f"known are {', '.join(names)}" if names else ""

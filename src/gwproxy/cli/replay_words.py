"""Two answers side by side, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from gwproxy.proxy.records.said import CapturedSaying

_SHOWN: Final = 2000
"""Characters of one text; `replay ID --show --json` has all of it."""

Row = tuple[str, str, str]


def rows_of(before: CapturedSaying, now: CapturedSaying) -> Iterator[Row]:
    """Both side by side, one row for each kind of thing."""
    yield "says", _short(before.text), _short(now.text)
    yield "thinks", _short(before.thought), _short(now.thought)
    for number in range(max(len(before.calls), len(now.calls))):
        old, new = (one.calls[number : number + 1] for one in (before, now))
        yield "calls", _short("".join(old)), _short("".join(new))


def difference(before: CapturedSaying, now: CapturedSaying) -> str:
    """Whether they say and call the same, in a sentence."""
    if before.error or now.error:
        return "one of them is no answer" if not (before.error and now.error) else "both failed"
    same_words, same_calls = before.text == now.text, before.calls == now.calls
    if same_words and same_calls:
        return "both answers are the same"
    calls = "the tool calls are the same" if same_calls else "the tool calls differ"
    words = "the words are the same" if same_words else "the words differ"
    return f"{words}, {calls}" if before.calls or now.calls else words


def as_data(said: CapturedSaying) -> dict[str, Any]:
    return {
        "text": said.text,
        "thought": said.thought,
        "calls": list(said.calls),
        "error": said.error or None,
    }


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

"""`<think>…</think>` at the head of an answer's text, split off while it streams.

Some servers leave a model's reasoning in the text. Only an answer that *begins* with the tag is
split: later on the tag may be what the answer is about.
"""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal["reasoning", "text"]

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"


class Splitter:
    """Splits text that comes in fragments into reasoning and text; a tag may be cut in two."""

    __slots__ = ("_held", "_state")

    def __init__(self) -> None:
        self._held = ""
        self._state = "head"  # head, thinking, tail (blank lines after the tag), text

    def feed(self, fragment: str) -> list[tuple[Kind, str]]:
        if self._state == "text":
            return [("text", fragment)]
        self._held += fragment
        out: list[tuple[Kind, str]] = []
        if self._state == "head":
            self._begin()
        if self._state == "thinking":
            self._think(out)
        if self._state == "tail":
            self._held = self._held.lstrip("\r\n")
            self._state = "text" if self._held else "tail"
        if self._state == "text" and self._held:
            out.append(("text", self._held))
            self._held = ""
        return out

    def _begin(self) -> None:
        start = self._held.lstrip()
        if start.startswith(_OPEN):
            self._held = start.removeprefix(_OPEN).removeprefix("\n")
            self._state = "thinking"
        elif not _OPEN.startswith(start):
            self._state = "text"

    def _think(self, out: list[tuple[Kind, str]]) -> None:
        thought, tag, rest = self._held.partition(_CLOSE)
        if tag:
            self._held, self._state = rest, "tail"
        else:
            keep = next(
                (n for n in range(len(_CLOSE) - 1, 0, -1) if thought.endswith(_CLOSE[:n])), 0
            )
            self._held = thought[len(thought) - keep :]
            thought = thought[: len(thought) - keep]
        if thought:
            out.append(("reasoning", thought))

    def finish(self) -> list[tuple[Kind, str]]:
        """The end of the text: what was held back."""
        held, self._held = self._held, ""
        if not held:
            return []
        return [("reasoning" if self._state == "thinking" else "text", held)]

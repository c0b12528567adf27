"""The grammar of a stream in the hub, checked event by event."""

from __future__ import annotations

from gwproxy.translate.events import (
    BlockKind,
    Close,
    Delta,
    End,
    Event,
    Fail,
    Finish,
    GrammarError,
    Lost,
    Open,
    Ping,
    Start,
    UsageUpdate,
)


class Grammar:
    """A checker of one stream, event by event. With `sequential`, one block may be open at a
    time."""

    def __init__(self, *, sequential: bool = False) -> None:
        self._sequential = sequential
        self._started = False
        self._opened = 0
        self._open: dict[int, BlockKind] = {}
        self._finished = False
        self._over = False

    def check(self, event: Event) -> None:
        """Raises GrammarError when `event` may not come now."""
        self._require(not self._over, event, "after the end")
        match event:
            case Ping() | Lost():
                return
            case Fail():
                self._over = True
                return
            case Start():
                self._require(not self._started, event, "a second start")
                self._started = True
                return
        self._require(self._started, event, "before the start")
        if not isinstance(event, UsageUpdate | End):
            self._require(not self._finished, event, "after the finish")
        self._check_body(event)

    def _check_body(self, event: Event) -> None:
        match event:
            case Open(index=index, kind=kind):
                self._require(index == self._opened, event, f"expected index {self._opened}")
                if self._sequential:
                    self._require(not self._open, event, "another block is open")
                self._opened += 1
                self._open[index] = kind
            case Delta(index=index):
                self._require(index in self._open, event, "block is not open")
            case Close(index=index):
                self._require(index in self._open, event, "block is not open")
                del self._open[index]
            case Finish():
                half = all(kind == "call" for kind in self._open.values())
                self._require(half, event, "blocks are still open")
                self._finished = True
            case End():
                self._require(self._finished, event, "without a finish")
                self._over = True

    def close(self) -> None:
        """The stream has no more events. Raises GrammarError when it ended without End or Fail."""
        self._require(self._over, None, "the stream stopped without an end")

    @staticmethod
    def _require(condition: bool, event: Event | None, why: str) -> None:
        if not condition:
            raise GrammarError(f"{event}: {why}")

"""The last stage before a client's writer: calls get the client's ids, names and kinds, and
arguments that parse; what the client's dialect has no place for becomes a loss.

Works on a sequential stream, so one call's state is all it holds; and whether one was torn, for an
answer with half a call in it never ends like a complete one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import structs

from gwproxy.translate.arguments import Guard, Unguarded, Unwrapper
from gwproxy.translate.events import (
    Close,
    Delta,
    End,
    Event,
    Fail,
    Finish,
    Lost,
    Open,
    truncated,
)
from gwproxy.translate.hub import Dialect, Stop, StopReason
from gwproxy.translate.losses import Losses
from gwproxy.translate.names import Names
from gwproxy.translate.repair.schema import ValueUnwrapper

_NOTHING_WRAPPED: Final[Mapping[str, str]] = MappingProxyType({})


class Outward:
    """Upstream's calls → the client's. A Chat client's arguments stay as the model wrote them: it
    parses them on its own and expects the raw text. `wrapped` are the tools whose arguments stand
    in one property (`repair.tools.wrapped_tools`)."""

    __slots__ = ("_call", "_client", "_failed", "_index", "_losses", "_names", "_torn", "_wrapped")

    def __init__(
        self,
        names: Names,
        losses: Losses,
        client: Dialect,
        *,
        wrapped: Mapping[str, str] = _NOTHING_WRAPPED,
    ) -> None:
        self._names = names
        self._losses = losses
        self._client = client
        self._wrapped = wrapped
        self._torn = self._failed = False
        self._index: int | None = None
        self._call: Guard | Unguarded | Unwrapper | ValueUnwrapper | None = None

    def feed(self, events: Iterable[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            kind = type(event)
            if kind is Delta and event.index == self._index:  # type: ignore[union-attr]
                self._delta(event, out)  # type: ignore[arg-type]
            elif kind is Open:
                out.append(self._open(event))  # type: ignore[arg-type]
            elif kind is Close and event.index == self._index:  # type: ignore[union-attr]
                self._close(event, out)  # type: ignore[arg-type]
            elif kind is Lost:
                self._losses.drop(event.what)  # type: ignore[union-attr]
            elif kind is Finish and self._torn:
                out.append(self._cut_short(event.stop))  # type: ignore[union-attr]
            elif not (kind is End and self._failed):
                out.append(event)
        return out

    def _open(self, event: Open) -> Open:
        if event.kind == "call":
            return self._open_call(event)
        native = event.native
        if native is not None and native.dialect is not self._client:
            self._losses.drop(native.type)  # writers pass over it
        return event

    def _open_call(self, event: Open) -> Open:
        known = self._names.known(event.name)
        custom = event.custom
        self._call = None
        if known is not None and known.custom and not custom:
            self._call, custom = Unwrapper(), True
        elif event.name in self._wrapped:
            self._call = ValueUnwrapper(self._wrapped[event.name])
        elif not custom:
            self._call = Unguarded() if self._client is Dialect.CHAT else Guard()
        self._index = event.index if self._call is not None else None
        return structs.replace(
            event,
            id=self._names.call_id(event.id, event.index),
            name=event.name if known is None else known.name,
            namespace=event.namespace if known is None else known.namespace,
            custom=custom,
        )

    def _delta(self, event: Delta, out: list[Event]) -> None:
        if self._call is not None and (text := self._call.feed(event.text)):
            out.append(Delta(event.index, text) if text != event.text else event)

    def _close(self, event: Close, out: list[Event]) -> None:
        if self._call is not None:
            if tail := self._call.close():
                out.append(Delta(event.index, tail))
            if isinstance(self._call, Guard) and self._call.mended:
                self._losses.emulate("tool_arguments")
            self._torn = self._torn or self._call.torn
        self._index = self._call = None
        out.append(event)

    def _cut_short(self, stop: Stop) -> Finish | Fail:
        """The end of an answer with half a call: a client that takes it for a whole one would run
        what the model never meant."""
        if stop.raw is None:  # the upstream gave no reason to end, so it did not mean to
            self._failed = True
            return Fail(truncated("a tool call has no end"))
        if stop.reason in (StopReason.TOOL_USE, StopReason.END):
            return Finish(Stop(StopReason.MAX_TOKENS, stop.raw))
        return Finish(stop)

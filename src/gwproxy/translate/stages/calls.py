"""The last stage before a client's writer: tool calls get the client's ids, names and kinds, and
arguments that parse; what the client's dialect has no place for becomes a loss.

It works on a sequential stream, so it holds one call's state. A call that was cut short gets no
Close: Claude Code and Codex run a call as soon as it was closed, whatever follows, so a stream
leaves it open and a whole answer leaves it out. The answer ends there, and not as a complete one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import structs

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.events import Close, Delta, End, Event, Fail, Finish, Lost, Open, truncated
from gwproxy.translate.hub import Stop, StopReason
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.names import Names
from gwproxy.translate.passes.schema import ValueUnwrapper
from gwproxy.translate.wire.arguments import FreeText, Guard, Unguarded, Unwrapper

# The stop reasons of a model that finished its calls; any other may have cut one off.
_MEANT: Final = (StopReason.TOOL_USE, StopReason.END)
# Stop reasons that no client takes for the end of a whole call.
_CUT: Final = (StopReason.MAX_TOKENS, StopReason.CONTEXT_FULL, StopReason.REFUSAL)

_NOTHING_WRAPPED: Final[Mapping[str, str]] = MappingProxyType({})
_BLOCKS: Final = frozenset({Open, Delta, Close})


class ClientCalls:
    """Turns the upstream's tool calls into the client's. Arguments that a client wants raw stay as
    the model wrote them. `wrapped` maps tools whose arguments stand in one property to its name
    (`passes.tools.wrapped_tools`); the arguments of `answer_tool` are the answer's text
    (`passes.format`)."""

    __slots__ = (
        "_answer_tool",
        "_answered",
        "_call",
        "_called",
        "_client",
        "_closing",
        "_failed",
        "_half",
        "_index",
        "_losses",
        "_names",
        "_wrapped",
    )

    def __init__(
        self,
        names: Names,
        losses: Losses,
        client: DialectFacts,
        *,
        wrapped: Mapping[str, str] = _NOTHING_WRAPPED,
        answer_tool: str | None = None,
    ) -> None:
        self._names = names
        self._losses = losses
        self._client = client
        self._wrapped = wrapped
        self._answer_tool = answer_tool
        self._half = self._failed = self._called = self._answered = False
        self._index: int | None = None
        self._call: FreeText | Guard | Unguarded | Unwrapper | ValueUnwrapper | None = None
        self._closing: list[Event] = []  # of a call that only the stop reason can show to be whole

    def feed(self, events: Iterable[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            kind = type(event)
            if kind is Delta and event.index == self._index:  # type: ignore[union-attr]
                self._delta(event, out)  # type: ignore[arg-type]
            elif self._half and kind in _BLOCKS:
                continue  # the answer has ended
            elif kind is Open:
                out += (*self._closed(), self._open(event))  # type: ignore[arg-type]
            elif kind is Close and event.index == self._index:  # type: ignore[union-attr]
                self._close(event, out)  # type: ignore[arg-type]
            elif kind is Lost:
                self._losses.drop(event.what)  # type: ignore[union-attr]
            elif kind is Finish:
                self._finish(event, out)  # type: ignore[arg-type]
            elif not (kind is End and self._failed):
                out.append(event)
        return out

    def _open(self, event: Open) -> Open:
        if event.kind == "call":
            return self._open_call(event)
        native = event.native
        foreign = native is not None and native.dialect != self._client.name
        if native is not None and foreign and not (native.search and self._client.searches):
            self._losses.drop(native.type)  # writers leave it out
        return event

    def _open_call(self, event: Open) -> Open:
        if event.name == self._answer_tool:
            self._answered = True
            return Open(event.index, "text")
        self._called = True
        known = self._names.known(event.name)
        custom = event.custom
        if known is not None and known.custom and not custom:
            self._call, custom = Unwrapper(), True
        elif event.name in self._wrapped:
            self._call = ValueUnwrapper(self._wrapped[event.name])
        elif custom:
            self._call = FreeText()
        else:
            self._call = Unguarded() if self._client.arguments == "raw" else Guard()
        self._index = event.index
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
        call, self._index, self._call = self._call, None, None
        assert call is not None
        if call.end == "half":
            self._half = True
            return
        tail = call.close()
        self._closing = [Delta(event.index, tail), event] if tail else [event]
        if isinstance(call, Guard) and call.mended:
            self._losses.emulate("tool_arguments")
        if call.end == "whole":
            out += self._closed()

    def _closed(self) -> list[Event]:
        closing, self._closing = self._closing, []
        return closing

    def _finish(self, event: Finish, out: list[Event]) -> None:
        if self._half or (self._closing and event.stop.reason not in _MEANT):
            out.append(self._cut_short(event.stop))
        elif self._answered and not self._called and event.stop.reason is StopReason.TOOL_USE:
            out.append(Finish(structs.replace(event.stop, reason=StopReason.END)))
        else:
            out += (*self._closed(), event)

    def _cut_short(self, stop: Stop) -> Finish | Fail:
        """The event that ends an answer with half a call: a client that took it for a whole one
        would run what the model never meant."""
        self._losses.drop("half_call")
        if stop.raw is None:  # the upstream gave no reason to end, so it did not mean to
            self._failed = True
            return Fail(truncated("a tool call has no end"))
        if stop.reason in _CUT:
            return Finish(stop)
        return Finish(Stop(StopReason.MAX_TOKENS, stop.raw))

"""Puts tool calls together from an upstream's deltas.

Chat names a call by its `index`, gives `id` and name once and then pieces of arguments, and never
says that a call has ended. What servers do instead: no index, no id, an id on every delta, a name
that comes late or in pieces or again and again, one index for all calls, a whole call in one delta
(openai/openai-python#3246, agno-agi/agno#8880, pipecat-ai/pipecat#4987). Whether a delta continues
a call or begins another is decided here, and nowhere else.
"""

from __future__ import annotations

from typing import Final

from gwproxy.translate.chat.frames import ABSENT, CallPiece, Custom, Function
from gwproxy.translate.chat.thoughts import HostState
from gwproxy.translate.wire import jsonio, sse

# A model in a loop prints blanks for ever (farion1231/cc-switch stops at 500); no arguments need
# this many between two tokens.
MAX_BLANKS: Final = 4000
# As many characters as one event may have bytes.
MAX_ARGUMENTS: Final = sse.MAX_EVENT_BYTES


class OpenCall:
    """One tool call. `block` is its index in the hub once it was opened; until then `texts`
    wait."""

    __slots__ = (
        "blanks",
        "block",
        "custom",
        "id",
        "index",
        "name",
        "size",
        "state",
        "texts",
        "torn",
    )

    def __init__(self, index: int, wire_id: str, custom: bool) -> None:
        self.index = index
        self.id = wire_id
        self.custom = custom
        self.name = ""
        self.block: int | None = None
        self.texts: list[str] = []
        self.size = 0
        self.blanks = 0
        self.torn = ""  # half of a surrogate pair, whose other half may come in the next delta
        self.state = HostState()

    def take_name(self, name: str) -> None:
        """Adds to the name, which may come in pieces, or whole each time; ignored after
        arguments."""
        if not self.texts or not self.name:
            self.name = name if name.startswith(self.name) else self.name + name

    def take_arguments(self, text: str) -> str:
        """Adds `text` to the arguments; returns it."""
        if text:
            self.texts.append(text)
            self.size += len(text)
            self.blanks = self.blanks + len(text) if text.isspace() else 0
        return text

    def tell(self, text: str) -> str:
        """`text` after the half of a surrogate pair that was held back, without one at its end."""
        text, self.torn = jsonio.join_halves(self.torn + text)
        return text

    @property
    def complete(self) -> bool:
        """Whether the arguments so far are one whole JSON object."""
        if not self.texts or not self.texts[-1].rstrip().endswith("}"):
            return False
        try:
            jsonio.loads("".join(self.texts))
        except jsonio.NotJson:
            return False
        return True


class Calls:
    """All tool calls of one answer, in the order in which they began."""

    __slots__ = ("_by_id", "_by_index", "_last", "all")

    def __init__(self) -> None:
        self.all: list[OpenCall] = []
        self._by_index: dict[int, OpenCall] = {}
        self._by_id: dict[str, OpenCall] = {}
        self._last: OpenCall | None = None

    def take(self, piece: CallPiece, position: int, alone: bool) -> tuple[OpenCall, str]:
        """The call that `piece` belongs to, and its new arguments. `position` is the piece's place
        in its list, which replaces a missing index unless it is `alone` there."""
        function = piece.function
        if function is not None and not function.name and not piece.id and piece.index is not None:
            known = self._by_index.get(piece.index)
            # More arguments, as in all pieces of a call but the first.
            if known is not None and piece.extra_content is ABSENT:
                self._last = known
                return known, known.take_arguments(function.arguments or "")
        source = function or piece.custom
        name = source.name if source is not None else None
        call = self._find(piece, position, alone)
        if call is None or ((name or piece.id) and _begins_another(call, piece.id, name)):
            call = self._begin(piece, position, alone)
        elif piece.id and not call.id:
            call.id = piece.id
            self._by_id[piece.id] = call
        self._last = call
        if piece.extra_content is not ABSENT:
            call.state.add(extra=piece.extra_content)
        if name:
            call.take_name(name)
        return call, call.take_arguments(_arguments(source))

    def _find(self, piece: CallPiece, position: int, alone: bool) -> OpenCall | None:
        known = self._by_id.get(piece.id) if piece.id else None
        if known is not None and piece.index in (None, known.index):
            # Some hosts give parallel calls one id; in one list, another place is another call.
            elsewhere = piece.index is None and not alone and position != known.index
            if not (elsewhere and known.complete):
                return known
        if piece.index is not None:
            return self._by_index.get(piece.index)
        return self._last if alone else self._by_index.get(position)

    def _begin(self, piece: CallPiece, position: int, alone: bool) -> OpenCall:
        index = piece.index
        if index is None:
            index = len(self.all) if alone else position
        call = OpenCall(index, piece.id or "", piece.custom is not None)
        self.all.append(call)
        self._by_index[index] = call
        if call.id:
            self._by_id[call.id] = call
        return call


def _arguments(source: Function | Custom | None) -> str:
    if isinstance(source, Function):
        return source.arguments or ""
    return (source.input or "") if source is not None else ""


def _begins_another(call: OpenCall, wire_id: str | None, name: str | None) -> bool:
    """Whether a delta with this id and name, in the place of `call`, begins another call."""
    if wire_id and call.id:
        # Some servers make up a fresh id for every fragment; a new call has a name, or follows
        # one that is whole.
        return wire_id != call.id and (bool(name) or call.complete)
    if not name or not call.name or not call.texts:
        return False
    return name != call.name or call.complete

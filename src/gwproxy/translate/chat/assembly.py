"""Turns an upstream's deltas of text, reasoning and tool calls, in whatever order, into hub events.

At most one block of prose (text, reasoning, refusal) is open at a time; another kind, or a call,
closes it. A call opens when its arguments begin, or when something else does: until then its name
may still grow. What the host wants back with a call becomes a reasoning block without text, before
the call or, where it came too late, at the end. Calls stay open to the end, for Chat never says
that one has ended, and arguments that parse are no end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from gwproxy.translate.chat.calls import MAX_ARGUMENTS, MAX_BLANKS, Calls, OpenCall
from gwproxy.translate.chat.frames import CallPiece, Words
from gwproxy.translate.chat.think import Splitter
from gwproxy.translate.chat.thoughts import HostState, is_thought
from gwproxy.translate.events import Close, Delta, Event, Open, Unreadable
from gwproxy.translate.hub import Seal
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio

Prose: TypeAlias = Literal["text", "reasoning", "refusal"]


class Assembly:
    """The blocks of one answer, and the hub events made of them so far (`out`)."""

    def __init__(self, quirks: Quirks) -> None:
        self.out: list[Event] = []
        self.refused = False
        self._family = quirks.family
        self._usual_field = quirks.reasoning_field
        self._field = ""  # the member in which the open reasoning came
        self._state = HostState()
        self._think = Splitter() if quirks.inline_think else None
        self._opened = 0
        self._prose: Prose | None = None
        self._block = 0
        self._torn = ""  # half of a surrogate pair, whose other half may come in the next delta
        self._calls = Calls()

    @property
    def empty(self) -> bool:
        """Whether nothing has come so far."""
        return not self._opened and not self._calls.all

    @property
    def called(self) -> bool:
        """Whether the answer has a tool call."""
        return any(call.block is not None for call in self._calls.all)

    def text(self, text: str) -> None:
        """Takes a delta of the content."""
        if self._think is None:
            if self._prose == "text" and not self._torn and text.isascii():
                self.out.append(Delta(self._block, text))  # as nearly always
            else:
                self.prose("text", text)
            return
        for kind, piece in self._think.feed(text):
            self.prose(kind, piece)

    def prose(self, kind: Prose, text: str) -> None:
        """Takes a delta of this kind."""
        if self._prose != kind:
            self._close_prose()
            self._open_named_calls()
            self._prose = kind
            self._block = self._number()
            self.out.append(Open(self._block, kind))
            self.refused = self.refused or kind == "refusal"
        if not text.isascii() or self._torn:
            text, self._torn = jsonio.join_halves(self._torn + text)
            if not text:
                return
        self.out.append(Delta(self._block, text))

    def think(self, text: str, field: str = "") -> None:
        """Takes a delta of reasoning; `field` is the member in which it came, "" for text that
        stands in the details or the content."""
        if text:
            if self._prose != "reasoning" or field != self._field:
                self._close_prose()
                self._field = field
            self.prose("reasoning", text)

    def state(self, words: Words) -> None:
        """Takes what the host wants back with its reasoning, and the content of the same delta."""
        self._state.add(words.reasoning_details, words.extra_content)
        if words.content and is_thought(words.extra_content):
            self.think(words.content)
        elif words.content:
            self.text(words.content)

    def calls(self, pieces: Sequence[CallPiece]) -> None:
        """Takes the deltas of tool calls. Raises Unreadable when a call's arguments have no end."""
        alone = len(pieces) == 1
        for position, piece in enumerate(pieces):
            call, text = self._calls.take(piece, position, alone)
            if not text:
                continue
            if call.block is not None:
                told = text if text.isascii() and not call.torn else call.tell(text)
                self.out.append(Delta(call.block, told))
            elif call.name:
                self._open_call(call)
            if call.blanks > MAX_BLANKS or call.size > MAX_ARGUMENTS:
                raise Unreadable("tool arguments without end")

    def close(self) -> None:
        """Ends all blocks. Raises Unreadable when one of the calls never got a name."""
        if self._think is not None:
            for kind, piece in self._think.finish():
                self.prose(kind, piece)
        self._close_prose()
        self._open_named_calls()
        self._give_state()
        for number, call in enumerate(self._calls.all):
            if call.block is not None:
                if call.state:
                    self._seal(call.state, number)
                if call.torn:
                    self.out.append(Delta(call.block, "\ufffd"))
                self.out.append(Close(call.block))
            elif call.id or call.texts:
                raise Unreadable("a tool call without a name")

    def _number(self) -> int:
        self._opened += 1
        return self._opened - 1

    def _close_prose(self) -> None:
        if self._prose is None:
            return
        if self._torn:
            self._torn = ""
            self.out.append(Delta(self._block, "\ufffd"))
        seal = self._thought_seal() if self._prose == "reasoning" else None
        self.out.append(Close(self._block, seal))
        self._prose = None

    def _thought_seal(self) -> Seal:
        field, self._field = self._field, ""
        if self._state:
            return self._state.seal(self._family, field=field)
        return Seal(self._family, "text", "" if field == self._usual_field else field)

    def _give_state(self) -> None:
        """Gives a reasoning block without text for what is still to go back to the host."""
        if self._state:
            self._close_prose()
        if self._state:
            self._seal(self._state)

    def _seal(self, state: HostState, call: int | None = None) -> None:
        block = self._number()
        self.out += (Open(block, "reasoning"), Close(block, state.seal(self._family, call=call)))

    def _open_named_calls(self) -> None:
        """Opens the calls that have no arguments so far, so that what comes next stays behind
        them."""
        for call in self._calls.all:
            if call.block is None and call.name:
                self._open_call(call)

    def _open_call(self, call: OpenCall) -> None:
        self._close_prose()
        self._give_state()
        if call.state:
            self._seal(call.state, self._calls.all.index(call))
        call.block = block = self._number()
        self.out.append(Open(block, "call", call.id, call.name, call.custom))
        if call.texts:
            self.out.append(Delta(block, call.tell("".join(call.texts))))

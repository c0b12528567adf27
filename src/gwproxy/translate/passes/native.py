"""Blocks that one dialect alone knows: as they came, in words, or not at all.

A host of their own dialect that has not the tools they belong to refuses them like any other host.
What a person shows now and nobody can say in words is refused by name, as pictures are (`media`):
left out, it would make the model invent it. What was answered already, or belongs to such a tool,
is left out, since a refusal would end the session for good; but for a history that nobody here can
open, since a model without it would be another one's.
"""

from __future__ import annotations

from msgspec import structs

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import Block, Opaque, Request, Result, Text, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.media import first_new
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire.fields import Unsupported


def fit_native(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """No `Opaque` but those that the upstream takes. Raises Unsupported."""
    if not any(_holds_native(block) for turn in request.turns for block in turn.blocks):
        return request
    fitting = _Fitting(facts, quirks, losses)
    new = first_new(request)
    turns: list[Turn] = []
    for place, turn in enumerate(request.turns):
        fitted = fitting.turn(turn, place >= new)
        if fitted.blocks or not turn.blocks:
            turns.append(fitted)
    if len(turns) == len(request.turns) and all(map(_is, turns, request.turns)):
        return request
    return structs.replace(request, turns=tuple(turns))


def _holds_native(block: Block) -> bool:
    kind = type(block)
    return kind is Opaque or (kind is Result and any(map(_holds_native, block.blocks)))  # type: ignore[union-attr]


class _Fitting:
    def __init__(self, facts: DialectFacts, quirks: Quirks, losses: Losses) -> None:
        self._upstream = facts
        self._quirks = quirks
        self._losses = losses

    def turn(self, turn: Turn, is_new: bool) -> Turn:
        blocks: list[Block] = []
        for block in turn.blocks:
            if type(block) is Opaque:
                blocks += self._fit(block, is_shown=is_new and turn.role == "user")
            elif _holds_native(block):
                blocks.append(self._result(block))  # type: ignore[arg-type]
            else:
                blocks.append(block)
        if len(blocks) == len(turn.blocks) and all(map(_is, blocks, turn.blocks)):
            return turn
        return structs.replace(turn, blocks=tuple(blocks))

    def _result(self, result: Result) -> Result:
        """What a tool gave back is data: where no words say it, its JSON does."""
        blocks = tuple(
            self._worded(block, block.native if block.text is None else block.text)
            if isinstance(block, Opaque) and not self._is_taken(block)
            else block
            for block in result.blocks
        )
        if all(map(_is, blocks, result.blocks)):
            return result
        return structs.replace(result, blocks=blocks)

    def _fit(self, block: Opaque, *, is_shown: bool) -> list[Block]:
        if self._is_taken(block):
            return [block]
        if self._is_replayed(block):
            return [block] if block.search is not None and block.search.done else []
        if block.text is not None:
            return [self._worded(block, block.text)]
        if block.needed is not None:
            raise Unsupported("messages", block.needed)
        if is_shown and block.dialect != self._upstream.name:
            raise Unsupported("messages", f"`{block.type}` blocks cannot be sent to this upstream")
        self._losses.drop(f"messages.{block.type}")
        return []

    def _is_taken(self, block: Opaque) -> bool:
        own = block.dialect == self._upstream.name
        return own and self._quirks.allow(block.taken or self._upstream.native)

    def _is_replayed(self, block: Opaque) -> bool:
        """A search of another dialect: what it asked stands in the block that says what it found,
        too."""
        facts = self._upstream
        takes = facts.replays_searches and self._quirks.allow(facts.native)
        return takes and block.search is not None

    def _worded(self, block: Opaque, words: str) -> Text:
        self._losses.emulate(f"messages.{block.type}")
        return Text(words, apart=True)


def _is(one: object, other: object) -> bool:
    return one is other

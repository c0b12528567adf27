"""The pass for blocks that only one dialect has: they stay, become text, or are left out.

A host of their dialect without the tools that they belong to refuses them like any other host. What
a user sends now and no text can say is refused by name, as images are (`media`): a model would make
it up. What was answered already, or belongs to such a tool, is left out, as a refusal would end the
session for good; but a compacted history that nobody here can open is always refused.
"""

from __future__ import annotations

from operator import is_

from msgspec import structs

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import Block, Opaque, Request, Result, Text, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.media import first_new
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire.fields import Unsupported


def fit_native(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Replaces or refuses opaque blocks that the upstream does not take. Raises Unsupported."""
    if not any(_holds_native(block) for turn in request.turns for block in turn.blocks):
        return request
    fitting = _Fitting(facts, quirks, losses)
    new = first_new(request)
    turns: list[Turn] = []
    for place, turn in enumerate(request.turns):
        fitted = fitting.turn(turn, place >= new)
        if fitted.blocks or not turn.blocks:
            turns.append(fitted)
    if len(turns) == len(request.turns) and all(map(is_, turns, request.turns)):
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
        if len(blocks) == len(turn.blocks) and all(map(is_, blocks, turn.blocks)):
            return turn
        return structs.replace(turn, blocks=tuple(blocks))

    def _result(self, result: Result) -> Result:
        """A tool result with its opaque blocks as text, or as JSON where they have none."""
        blocks = tuple(
            self._worded(block, block.native if block.text is None else block.text)
            if isinstance(block, Opaque) and not self._is_taken(block)
            else block
            for block in result.blocks
        )
        if all(map(is_, blocks, result.blocks)):
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
        """Whether a block is a search of another dialect that the upstream takes; the block with
        its results has the query too."""
        facts = self._upstream
        takes = facts.replays_searches and self._quirks.allow(facts.native)
        return takes and block.search is not None

    def _worded(self, block: Opaque, words: str) -> Text:
        self._losses.emulate(f"messages.{block.type}")
        return Text(words, apart=True)

"""The pass for cache marks: as many, and with the lifetimes, that the host takes.

Marks move from request to request and are no part of what is cached.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from msgspec import structs

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import Block, Cache, Call, Media, Request, Result, Text, Tool, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks

_BEARERS: Final = frozenset({Tool, Text, Media, Call, Result})


def fit_marks(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Keeps the last marks, with those of an hour before the others, as the API demands."""
    if not facts.tool_marks and any(tool.cache is not None for tool in request.tools):
        losses.drop("cache_control")
        unmarked = tuple(structs.replace(tool, cache=None) for tool in request.tools)
        request = structs.replace(request, tools=unmarked)
    of_turns = [_marks(turn.blocks) for turn in request.turns]
    given = [*_marks(request.tools), *chain.from_iterable(of_turns)]
    takes = quirks.allow(facts.marks)
    most = facts.most_marks if takes else 0
    if not given or most is None:
        return request
    kept = _kept(given, most, lasting=quirks.allow(facts.lasting_marks))
    if kept == given:
        return request
    if not takes:
        losses.drop("cache_control")
    elif len(given) > most:
        losses.clamp("cache_control", most)
    rest = iter(kept)
    tools = tuple(
        tool if tool.cache is None else structs.replace(tool, cache=next(rest))
        for tool in request.tools
    )
    turns = tuple(
        _turn_marked(turn, rest) if marks else turn
        for turn, marks in zip(request.turns, of_turns, strict=True)
    )
    return structs.replace(request, tools=tools, turns=turns)


def _marks(bearers: Iterable[Tool | Block]) -> list[Cache]:
    marks = []
    for bearer in bearers:
        if type(bearer) is Result:
            marks += _marks(bearer.blocks)
        if type(bearer) in _BEARERS and bearer.cache is not None:  # type: ignore[union-attr]
            marks.append(bearer.cache)  # type: ignore[union-attr]
    return marks


def _kept(given: list[Cache], most: int, *, lasting: bool) -> list[Cache | None]:
    kept: list[Cache | None] = []
    for left, mark in zip(range(len(given), 0, -1), given, strict=True):
        if left > most:
            kept.append(None)
            continue
        lasts = lasting and mark.ttl == "1h"
        lasting = lasts
        kept.append(mark if lasts or mark.ttl != "1h" else Cache())
    return kept


def _turn_marked(turn: Turn, marks: Iterator[Cache | None]) -> Turn:
    return structs.replace(turn, blocks=_marked(turn.blocks, marks))


def _marked(blocks: tuple[Block, ...], marks: Iterator[Cache | None]) -> tuple[Block, ...]:
    out: list[Block] = []
    for block in blocks:
        if isinstance(block, Result):
            block = structs.replace(block, blocks=_marked(block.blocks, marks))
        if getattr(block, "cache", None) is not None:
            block = structs.replace(block, cache=next(marks))
        out.append(block)
    return tuple(out)

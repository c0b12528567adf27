"""A cache of what is made of a list of tools, for the lists of the last sessions.

A session sends the same tools with every turn, byte by byte: Claude Code tens of kilobytes of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar, cast

from msgspec import Raw

from gwproxy.translate.hub import Tool
from gwproxy.translate.losses import Losses
from gwproxy.translate.wire.shapes import Shape, present

F = TypeVar("F", bound=Callable[..., Any])

_LISTS: Final = 16
"""An agent has one, and one for each sort of helper; a person runs some agents."""

_LONGEST: Final = 256 * 1024
"""Bytes, or characters, of a list that is kept: OpenClaw asks with 44 tools, in 170 KB in all."""


_list: Final = Shape(list[Raw])


class _TooLong(Exception):
    """The bearer of a result that is not to be cached: `lru_cache` keeps none that is raised."""

    def __init__(self, made: Any) -> None:
        self.made = made


def remembered(make: F) -> F:
    """`make` with a cache of its last results. It must be a pure function of a list of tools, or of
    its bytes, and of a few settings, and its results immutable."""

    @functools.lru_cache(maxsize=_LISTS)
    def kept(*given: Any) -> Any:
        made = make(*given)
        if _size(given[0]) > _LONGEST:
            raise _TooLong(made)
        return made

    @functools.wraps(make)
    def of(*given: Any) -> Any:
        try:
            return kept(*given)
        except _TooLong as long:
            return long.made

    return cast(F, of)


def tools_parser(
    parse: Callable[[list[Raw], str, Losses], Iterable[Tool]],
) -> Callable[[Raw, Losses], tuple[Tool, ...]]:
    """A function that gives the tools in a request's member `tools`, and names what is lost of
    them. `parse` gives those of a list at a path. Raises fields.Malformed, which names the path."""

    @remembered
    def parsed(text: bytes) -> tuple[tuple[Tool, ...], tuple[str, ...]]:
        losses = Losses()
        tools = parse(_list.read(text, losses, "tools"), "tools", losses)
        return tuple(tools), tuple(losses)

    def of_member(raw: Raw, losses: Losses) -> tuple[Tool, ...]:
        if not present(raw):
            return ()
        tools, lost = parsed(bytes(raw))
        losses.also(lost)
        return tools

    return of_member


def _size(tools: bytes | tuple[Tool, ...]) -> int:
    if isinstance(tools, bytes):
        return len(tools)
    return sum(
        len(tool.schema) + len(tool.description or "") + len(tool.native or "") for tool in tools
    )

"""What a request contains, found in one walk, so that passes about other content are skipped.

A long session has thousands of blocks, and there are thirty passes, most of which have nothing to
repair.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from gwproxy.translate.hub import (
    Block,
    Call,
    Media,
    Opaque,
    Reasoning,
    Refusal,
    Request,
    Result,
    Text,
    Tool,
    ToolReference,
    Turn,
)
from gwproxy.translate.remembered import remembered


class Content(Enum):
    """A kind of content. `STRICT` is a tool with a `strict` flag, `REPEATED` one whose name an
    earlier tool has. `BLANK` is blank text, a turn without blocks, or an answer of reasoning alone;
    `LATE_SYSTEM` a system turn behind the leading ones; `MARK` a cache mark."""

    MEDIA = auto()
    REASONING = auto()
    CALL = auto()
    RESULT = auto()
    REFERENCE = auto()
    OPAQUE = auto()
    TOOL = auto()
    HOSTED = auto()
    DEFERRED = auto()
    STRICT = auto()
    REPEATED = auto()
    MARK = auto()
    BLANK = auto()
    LATE_SYSTEM = auto()


_MARKABLE: Final = frozenset({Text, Result, Call, Media})
_OF_TYPES: Final = (
    (Media, Content.MEDIA),
    (Reasoning, Content.REASONING),
    (Call, Content.CALL),
    (Result, Content.RESULT),
    (ToolReference, Content.REFERENCE),
    (Opaque, Content.OPAQUE),
)


def content_of(request: Request) -> set[Content]:
    """The kinds of content anywhere in `request`, also in tool results."""
    blocks = [block for turn in request.turns for block in turn.blocks]
    types = set(map(type, blocks))
    if Result in types:
        for result in blocks.copy():
            if type(result) is Result:
                blocks += result.blocks
        types = set(map(type, blocks))
    content = {one for kind, one in _OF_TYPES if kind in types}
    if request.tools:
        content |= _of_tools(request.tools)
    if _has_mark(blocks):
        content.add(Content.MARK)
    if _has_blank(request.turns, blocks):
        content.add(Content.BLANK)
    if _has_late_system(request.turns):
        content.add(Content.LATE_SYSTEM)
    return content


@remembered
def _of_tools(tools: tuple[Tool, ...]) -> frozenset[Content]:
    content = {Content.TOOL}
    for tool in tools:
        if tool.kind == "hosted" or tool.search is not None:
            content.add(Content.HOSTED)
        if tool.deferred:
            content.add(Content.DEFERRED)
        if tool.strict is not None:
            content.add(Content.STRICT)
        if tool.cache is not None:
            content.add(Content.MARK)
    if len({(tool.namespace, tool.name) for tool in tools}) < len(tools):
        content.add(Content.REPEATED)
    return frozenset(content)


def _has_mark(blocks: list[Block]) -> bool:
    marks = [block.cache for block in blocks if type(block) in _MARKABLE]  # type: ignore[union-attr]
    return marks.count(None) < len(marks)


def _has_blank(turns: tuple[Turn, ...], blocks: list[Block]) -> bool:
    texts = [block.text for block in blocks if type(block) is Text or type(block) is Refusal]
    if "" in texts or any(map(str.isspace, texts)):
        return True
    for turn in turns:
        # It may have reasoning alone.
        if not turn.blocks or (type(turn.blocks[-1]) is Reasoning and turn.role == "assistant"):
            return True
    return False


def _has_late_system(turns: tuple[Turn, ...]) -> bool:
    leading = True
    for turn in turns:
        if turn.role != "system":
            leading = False
        elif not leading:
            return True
    return False

"""The cache mark of a request whose client sets none.

https://docs.claude.com/en/docs/build-with-claude/prompt-caching
"""

from __future__ import annotations

from collections.abc import Sequence

from gwproxy.translate.anthropic.wire import CacheControl, Draft, Markable, TextBlock
from gwproxy.translate.hub import Request
from gwproxy.translate.quirks import Quirks


def automatic(
    system: Sequence[TextBlock],
    conversation: Sequence[Draft],
    request: Request,
    quirks: Quirks,
) -> CacheControl | None:
    """The request's own `cache_control`, for clients that set no marks and expect caching; None
    where there are marks. Hosts that know only marks on blocks get one on the last block
    instead."""
    marks_itself = request.client is not None and request.client.sets_marks
    if marks_itself or not quirks.cache_marks:
        return None
    markable = [block for draft in conversation for block in draft.blocks]
    offered = any(tool.cache is not None for tool in request.tools)
    if offered or any(map(_bears, (*system, *markable))):
        return None
    if quirks.tool_extras:
        return CacheControl()
    last = conversation[-1].blocks[-1]
    if isinstance(last, Markable):
        last.cache_control = CacheControl()
    return None


def _bears(block: object) -> bool:
    return getattr(block, "cache_control", None) is not None

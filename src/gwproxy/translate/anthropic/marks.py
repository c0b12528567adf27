"""Prompt-cache marks of a request that is ready but for them.

https://docs.claude.com/en/docs/build-with-claude/prompt-caching
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Raw

from gwproxy.translate.anthropic.tools import Definition
from gwproxy.translate.anthropic.wire import CacheControl, Draft, Markable, TextBlock
from gwproxy.translate.hub import Request
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks

MAX_MARKS: Final = 4  # a fifth is a 400


def settle(
    definitions: Sequence[Definition | Raw],
    system: Sequence[TextBlock],
    conversation: Sequence[Draft],
    request: Request,
    quirks: Quirks,
    losses: Losses,
) -> CacheControl | None:
    """Keeps the last four marks, the long-lived ones first, as the API demands. Where a
    client that knows no marks expects caching all the same: returns the mark for the whole request,
    or sets one on the last block for hosts that know only those.

    Marks move from request to request; they are no part of what is cached.
    """
    markable = [block for draft in conversation for block in draft.blocks]
    bearers = [
        bearer
        for bearer in (*definitions, *system, *markable)
        if isinstance(bearer, Definition | Markable) and bearer.cache_control is not None
    ]
    if not quirks.cache_marks:
        if bearers:
            losses.drop("cache_control")
        for bearer in bearers:
            bearer.cache_control = None
        return None
    marks_itself = request.client is not None and request.client.sets_marks
    if not bearers and not marks_itself:
        if quirks.tool_extras:
            return CacheControl()
        last = conversation[-1].blocks[-1]
        if isinstance(last, Markable):
            last.cache_control = CacheControl()
        return None
    short_lived = False
    if len(bearers) > MAX_MARKS:
        losses.clamp("cache_control", MAX_MARKS)
    for number, bearer in enumerate(bearers, MAX_MARKS - len(bearers)):
        if number < 0:
            bearer.cache_control = None
        elif short_lived or not quirks.tool_extras:  # `ttl` is the API's own
            bearer.cache_control = CacheControl()
        else:
            short_lived = bearer.cache_control != CacheControl("1h")
    return None

"""Passes for the output limit.

Reasoning uses up a small limit, and the answer is empty
(https://platform.kimi.ai/docs/guide/use-kimi-k2-thinking-model); input and output limit together
beyond the window are an error (https://platform.kimi.ai/docs/api/errors).
"""

from __future__ import annotations

from typing import Final

from msgspec import structs

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import Request
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import tokens
from gwproxy.translate.quirks import Quirks

# How far an estimate may be below the upstream's own count.
_ESTIMATE_MARGIN: Final = 1.1
# With less room than this the prompt does not fit: the upstream refuses it, and the client
# compacts.
_LEAST_ROOM: Final = 1_024


def fit_output(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Raises an output limit that reasoning would use up; lowers one that dialect or model refuse.

    The least limit is a client's check that the host is alive, and is not raised.
    """
    limit = request.max_tokens
    if limit is None:
        if not quirks.min_output and not facts.needs_limit:
            return request
        # Where small limits hurt, the upstream's own default is one of them.
        return structs.replace(request, max_tokens=quirks.max_output)
    thinks = request.thinking.mode != "off" or quirks.thinking_always
    least = facts.least_limit
    wanted = max(limit, quirks.min_output) if thinks and limit > least else limit
    possible = max(min(wanted, quirks.max_output), least)
    if possible == limit:
        return request
    (losses.lift if possible > limit else losses.clamp)("max_tokens", possible)
    return structs.replace(request, max_tokens=possible)


def fit_window(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Lowers an output limit that does not fit into the window beside the input."""
    limit = request.max_tokens
    if limit is None or limit <= _LEAST_ROOM:
        return request
    estimated = request.estimate or tokens.estimate(request)
    if estimated * _ESTIMATE_MARGIN + limit <= quirks.context_window:
        return request
    room = int(quirks.context_window - estimated * _ESTIMATE_MARGIN)
    fitting = min(limit, max(room, _LEAST_ROOM))
    if fitting == limit:
        return request
    losses.clamp("max_tokens", fitting)
    return structs.replace(request, max_tokens=fitting)

"""How long the answer may be.

An answer of nothing but "length", because the thoughts used up a small limit
(https://platform.kimi.ai/docs/guide/use-kimi-k2-thinking-model); input and output together beyond
the window, which is an error and not clamped (https://platform.kimi.ai/docs/api/errors).
"""

from __future__ import annotations

from typing import Final

from msgspec import structs

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import Request
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import tokens
from gwproxy.translate.quirks import Quirks

# What an estimate may be short of the upstream's own count.
_ESTIMATE_MARGIN: Final = 1.1
# With less room than this the prompt does not fit, and the client is to hear so and compact.
_LEAST_ROOM: Final = 1_024


def fit_output(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """An output limit that thoughts do not use up, and none beyond what dialect and model take.

    The least limit is a probe for a sign of life, and is not raised for thoughts.
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
    """An output limit that fits into the window beside the input."""
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

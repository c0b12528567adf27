"""What an upstream has no member for and no other can stand in for."""

from __future__ import annotations

from typing import Final

from msgspec import structs

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import Request
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks

# Where there are no tiers, these ask for nothing.
_NO_TIER: Final = ("auto", "default")


def fit_tier(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """The service tier by the upstream's name for it."""
    wanted = request.service_tier
    if wanted is None:
        return request
    tier: str | None = None
    if quirks.allow(facts.tiers):
        other = facts.other_tier or wanted
        tier = facts.tier_names.get(wanted, other)
        if wanted not in (*facts.tier_names, other):
            losses.clamp("service_tier", tier)
    elif wanted not in _NO_TIER:
        losses.drop("service_tier")
    return request if tier == wanted else structs.replace(request, service_tier=tier)

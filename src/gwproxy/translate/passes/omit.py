"""What an upstream has no member for and no other can stand in for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import structs

from gwproxy.translate.hub import Dialect, Request
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks

# What each dialect calls the tiers that the other one knows, too.
# https://docs.claude.com/en/api/service-tiers
_TIERS: Final[Mapping[str, str]] = {
    "auto": "auto",
    "default": "standard_only",
    "standard_only": "standard_only",
}


def fit_tier(request: Request, upstream: Dialect, quirks: Quirks, losses: Losses) -> Request:
    """The service tier by the upstream's name for it. Of Anthropic's dialect only the API itself
    has any, and a faster one of OpenAI's is `auto` there; other Chat servers know none."""
    wanted = request.service_tier
    if wanted is None:
        return request
    if upstream is Dialect.RESPONSES:
        tier: str | None = "default" if wanted == "standard_only" else wanted
    elif upstream is Dialect.ANTHROPIC and quirks.tool_extras:
        tier = _TIERS.get(wanted, "auto")
        if wanted not in _TIERS:
            losses.clamp("service_tier", tier)
    else:
        tier = None
        if upstream is Dialect.ANTHROPIC or wanted not in ("auto", "default"):
            losses.drop("service_tier")
    return request if tier == wanted else structs.replace(request, service_tier=tier)

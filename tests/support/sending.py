"""A request of the hub's as an upstream gets it: repaired, then rendered."""

from __future__ import annotations

from typing import Any

from gwproxy.translate.bridge import CODECS
from gwproxy.translate.hub import Dialect, Request
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import repair
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import FACTS


def sent(request: Request, upstream: Dialect, quirks: Quirks, losses: Losses) -> bytes:
    """Raises fields.Rejected."""
    repaired = repair(request, FACTS[upstream], quirks, losses)
    return CODECS[upstream].render_request(repaired, quirks, losses)


def applied(one: Any, request: Request, upstream: Dialect = Dialect.CHAT, **flags: Any) -> Any:
    """What one pass makes of the request, and the losses that it named."""
    losses = Losses()
    return one(request, FACTS[upstream], Quirks(**flags), losses), list(losses)

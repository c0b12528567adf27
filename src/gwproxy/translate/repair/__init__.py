"""Named passes over a hub request, chosen by an upstream's manners.

Each pass is pure and idempotent: it mends what one upstream or another refuses, and names what it
changed. Dialect grammar is not repaired here but kept by the renderers.
"""

from __future__ import annotations

from gwproxy.translate.hub import Dialect, Request
from gwproxy.translate.losses import Losses
from gwproxy.translate.manners import Manners


def repair(request: Request, upstream: Dialect, manners: Manners, losses: Losses) -> Request:
    """The request with every pass applied that `manners` asks for."""
    return request

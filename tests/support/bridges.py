"""A bridge with everything that the shell would hand in, fixed."""

from __future__ import annotations

from gwproxy.translate.bridge import Bridge, RequestHead
from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks


def new_bridge(
    client: Dialect, upstream: Dialect, request: bytes, *, stream: bool, rebuild: bool = True
) -> Bridge:
    """One exchange of the model `m`, whose `request` is sent; same dialects are rebuilt, or else
    relayed."""
    made = Bridge(
        client,
        upstream,
        Quirks(rebuild=rebuild),
        asked=RequestHead("m", stream),
        model="up",
        streams=stream,
        new_id=lambda prefix: f"{prefix}1",
        created=0,
        request_id="req_1",
    )
    made.request(request)
    return made

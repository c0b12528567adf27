"""Bridges with everything that the shell would hand in, fixed: no test makes one otherwise."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, MutableMapping

from gwproxy.translate.bridge import CODECS, Bridge, RequestHead
from gwproxy.translate.codec import Codec
from gwproxy.translate.hub import Dialect
from gwproxy.translate.passes.recall import Thoughts
from gwproxy.translate.quirks import Quirks

REQUEST_ID = "req_1"


def bridge_of(
    client: Dialect,
    upstream: Dialect,
    quirks: Quirks,
    *,
    stream: bool,
    streams: bool | None = None,
    asked: str = "m",
    model: str = "up",
    thoughts: MutableMapping[str, Thoughts] | None = None,
    codecs: Mapping[Dialect, Codec] = CODECS,
) -> Bridge:
    """One exchange whose request is still to come; the upstream streams where the client does,
    unless `streams` says otherwise."""
    numbers = itertools.count(1)
    return Bridge(
        client,
        upstream,
        quirks,
        asked=RequestHead(asked, stream),
        model=model,
        streams=stream if streams is None else streams,
        new_id=lambda prefix: f"{prefix}{next(numbers)}",
        created=1_700_000_000,
        request_id=REQUEST_ID,
        thoughts=thoughts,
        codecs=codecs,
    )


def new_bridge(
    client: Dialect, upstream: Dialect, request: bytes, *, stream: bool, rebuild: bool = True
) -> Bridge:
    """One exchange of the model `m`, whose `request` is sent; same dialects are rebuilt, or else
    relayed."""
    made = bridge_of(client, upstream, Quirks(rebuild=rebuild), stream=stream)
    made.request(request)
    return made

"""Renderers repair nothing: a repaired request is sent as it is."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from gwproxy.translate.bridge import CODECS
from gwproxy.translate.hub import Dialect, Request
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import repair
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS, FACTS
from gwproxy.translate.wire.fields import Rejected
from support import conversations as given_by

slow = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.mark.parametrize("upstream", list(DIALECTS))
@slow
@given(given_by.requests, given_by.quirks)
def test_a_repaired_request_is_rendered_without_repair(
    upstream: Dialect, request: Request, quirks: Quirks
) -> None:
    losses = Losses()
    try:
        repaired = repair(request, FACTS[upstream], quirks, Losses())
        CODECS[upstream].render_request(repaired, quirks, losses)
    except Rejected:
        return
    assert [loss for loss in losses if loss.startswith(("synth:", "reorder:", "clamp:"))] == []

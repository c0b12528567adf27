"""What holds of every pass: pure, idempotent, silent only when it did nothing."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gwproxy.translate.bridge import CODECS
from gwproxy.translate.hub import Dialect, Request, Text, Tool, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import PASSES, Pass, repair, repair_steps
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS, FACTS
from gwproxy.translate.wire.fields import Rejected
from support import conversations as given_by

slow = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
upstreams = st.sampled_from(list(DIALECTS))

TIDY = Request(
    "kimi-k2.5",
    (Turn("system", (Text("Be brief."),)), Turn("user", (Text("Hi"),))),
    (Tool("read"),),
    max_tokens=20_000,
)


@settings(slow, max_examples=300)
@given(given_by.requests, given_by.quirks, upstreams)
def test_a_pass_names_what_it_changed_and_run_twice_changes_nothing_more(
    request: Request, quirks: Quirks, upstream: Dialect
) -> None:
    for one in PASSES:
        names_what_it_changed(one, request, upstream, quirks)


def names_what_it_changed(one: Pass, request: Request, upstream: Dialect, quirks: Quirks) -> None:
    losses, again = Losses(), Losses()
    try:
        once = one.apply(request, FACTS[upstream], quirks, losses)
    except Rejected:
        return
    if once is request:
        assert list(losses) == [], one.name
    elif once != request and one.name not in SILENT:
        assert list(losses) != [], one.name
    assert one.apply(once, FACTS[upstream], quirks, again) is once, one.name
    assert list(again) == [], one.name


# Their changes lose nothing: neutral values left out, a limit that the client did not ask for, a
# choice among no tools, an effort called by the name that this host has for it, or said as
# a budget, a picture behind the result that names it, no arguments as an
# empty object, two turns as one.
SILENT = {
    "alternating turns",
    "arguments",
    "media of tools",
    "sampling",
    "output limit",
    "tool choice",
    "thinking",
    "thinking budget",
    "media",
    "service tier",
    "strict tools",
    "parallel calls",
    "cache marks",
}


@slow
@given(given_by.requests, given_by.quirks, upstreams)
def test_a_repaired_request_needs_no_repair(
    request: Request, quirks: Quirks, upstream: Dialect
) -> None:
    try:
        once = repair(request, FACTS[upstream], quirks, Losses())
    except Rejected:
        return
    assert repair(once, FACTS[upstream], quirks, Losses()) is once


@slow
@given(given_by.requests, given_by.quirks)
def test_a_renderer_repairs_nothing(request: Request, quirks: Quirks) -> None:
    for upstream in DIALECTS:
        losses = Losses()
        with suppress(Rejected):
            repaired = repair(request, FACTS[upstream], quirks, Losses())
            CODECS[upstream].render_request(repaired, quirks, losses)
        mended = [loss for loss in losses if loss.startswith(("synth:", "reorder:", "clamp:"))]
        assert mended == [], upstream


@slow
@given(given_by.requests, given_by.quirks, upstreams)
def test_the_steps_lead_to_the_repaired_request(
    request: Request, quirks: Quirks, upstream: Dialect
) -> None:
    losses, stepped = Losses(), Losses()
    try:
        whole = repair(request, FACTS[upstream], quirks, losses)
    except Rejected:
        return
    steps = list(repair_steps(request, FACTS[upstream], quirks, stepped))
    assert (steps[-1][1] if steps else request) == whole
    assert list(stepped) == list(losses)


@pytest.mark.parametrize("upstream", list(DIALECTS))
def test_a_tidy_request_stays_the_same_object(upstream: Dialect) -> None:
    losses = Losses()
    quirks = Quirks(schema="moonshot", max_tools=128, mid_system="wrap", sampling="drop")
    assert repair(TIDY, FACTS[upstream], quirks, losses) is TIDY
    assert list(losses) == []


def test_passes_have_names_of_their_own_and_reasons() -> None:
    assert len({one.name for one in PASSES}) == len(PASSES)
    assert all(one.why for one in PASSES)

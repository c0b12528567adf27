"""Sampling and stop sequences."""

from __future__ import annotations

from typing import Any

import pytest

from gwproxy.translate.hub import Dialect, Request, Sampling
from gwproxy.translate.passes import sampling
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import FACTS
from support.sending import applied


def test_what_the_model_fixes_is_left_out_and_named() -> None:
    wish = Sampling(temperature=0.2, top_p=0.9, presence_penalty=0.0, seed=3)
    out, losses = applied(sampling.fit_sampling, Request("m", (), sampling=wish), sampling="drop")
    assert out.sampling == Sampling()
    assert losses == ["drop:temperature", "drop:top_p", "drop:seed"]


def test_values_that_ask_for_nothing_are_no_loss() -> None:
    wish = Sampling(temperature=1.0, top_p=1.0, frequency_penalty=0.0)
    out, losses = applied(sampling.fit_sampling, Request("m", (), sampling=wish), sampling="drop")
    assert (out.sampling, losses) == (Sampling(), [])


@pytest.mark.parametrize(
    ("flags", "kept"),
    [
        ({}, ("a", "é" * 20, "b", "c")),
        ({"max_stops": 2}, ("a", "é" * 20)),
        ({"max_stop_bytes": 32}, ("a", "b", "c")),
        ({"stop_sequences": False}, ()),
    ],
)
def test_stop_sequences_are_as_few_and_short_as_the_host_takes(
    flags: dict[str, Any], kept: tuple[str, ...]
) -> None:
    request = Request("m", (), stop=("a", "é" * 20, "b", "c"))
    out, losses = applied(sampling.limit_stops, request, **flags)
    assert out.stop == kept
    assert losses == (["drop:stop"] if flags else [])
    assert sampling.takes_stops(request.stop, FACTS[Dialect.CHAT], Quirks(**flags)) is not bool(
        flags
    )

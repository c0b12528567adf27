"""The length of the answer."""

from __future__ import annotations

from typing import Any

import pytest

from gwproxy.translate.hub import Dialect, Request, Text, Thinking, Turn
from gwproxy.translate.passes import limits
from support.sending import applied


@pytest.mark.parametrize(
    ("limit", "mode", "sent"),
    [
        (500, None, 16_000),
        (500, "off", 500),
        (1, None, 1),
        (20_000, None, 20_000),
        (10**6, None, 32_768),
    ],
)
def test_a_small_limit_is_raised_where_thoughts_would_eat_it(
    limit: int, mode: Any, sent: int
) -> None:
    request = Request("m", (), max_tokens=limit, thinking=Thinking(mode))
    out, losses = applied(limits.fit_output, request, min_output=16_000)
    assert out.max_tokens == sent
    code = "raise" if sent > limit else "clamp"
    assert losses == ([] if sent == limit else [f"{code}:max_tokens={sent}"])


def test_a_model_that_always_thinks_needs_room_even_when_told_not_to() -> None:
    request = Request("m", (), max_tokens=500, thinking=Thinking("off"))
    out, _ = applied(limits.fit_output, request, min_output=16_000, thinking_always=True)
    assert out.max_tokens == 16_000


@pytest.mark.parametrize(
    ("upstream", "flags", "sent"),
    [
        (Dialect.CHAT, {}, None),
        (Dialect.CHAT, {"min_output": 16_000}, 32_768),
        (Dialect.ANTHROPIC, {"max_output": 8_000}, 8_000),
    ],
)
def test_no_limit_stays_none_unless_the_host_would_choose_badly(
    upstream: Dialect, flags: dict[str, int], sent: int | None
) -> None:
    out, losses = applied(limits.fit_output, Request("m", ()), upstream, **flags)
    assert (out.max_tokens, losses) == (sent, [])


def long_request(characters: int, limit: int) -> Request:
    return Request("m", (Turn("user", (Text("word " * (characters // 5)),)),), max_tokens=limit)


def test_the_answer_fits_into_the_window_beside_the_prompt() -> None:
    request = long_request(3_700 * 25, 32_000)  # some 25,000 tokens
    out, losses = applied(limits.fit_window, request, context_window=50_000)
    assert out.max_tokens is not None
    assert 20_000 < out.max_tokens < 25_000
    assert losses == [f"clamp:max_tokens={out.max_tokens}"]


def test_a_prompt_that_does_not_fit_is_left_to_the_upstream_to_refuse() -> None:
    out, _ = applied(limits.fit_window, long_request(3_700 * 60, 32_000), context_window=50_000)
    assert out.max_tokens == 1_024


def test_a_short_prompt_keeps_its_limit() -> None:
    request = long_request(100, 32_000)
    out, losses = applied(limits.fit_window, request, context_window=50_000)
    assert out is request
    assert losses == []

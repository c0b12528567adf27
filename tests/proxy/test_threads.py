"""Long work on a body is done in a thread, short work at once."""

from __future__ import annotations

import threading

import pytest

from gwproxy.proxy.limits import Limits
from gwproxy.proxy.threads import off_the_loop

LIMITS = Limits(thread_bytes=2_000_000, thread_objects=3_000)
MESSAGE = b'{"role":"user","content":"x"},'


@pytest.mark.parametrize(
    ("body", "is_long"),
    [
        (b"x" * 1_999_999, False),
        (b"x" * 2_000_000, True),
        (MESSAGE * 1_500 + b" " * 200_000, False),
        (MESSAGE * 6_000 + b" " * 200_000, True),
        (b" " * 400_000 + MESSAGE * 20_000, True),
        (b"{" * 3_000, False),
    ],
)
async def test_by_the_size_of_a_body_and_by_what_is_in_it(body: bytes, is_long: bool) -> None:
    here = threading.get_ident()
    there = await off_the_loop(threading.get_ident, body, LIMITS)
    assert (there != here) == is_long

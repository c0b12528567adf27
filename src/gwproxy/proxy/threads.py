"""Which work on a body goes to a thread, so that the loop does not stand still for the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from gwproxy.proxy.limits import Limits

T = TypeVar("T")

_WORTH_COUNTING_BYTES: Final = 128 * 1024
"""A smaller body has no room for as many objects as would matter."""


def is_long(body: bytes, limits: Limits) -> bool:
    """Whether to read it takes long: by its size, or by the objects in it. 100,000 messages of one
    letter have 3.6 MB, and stopped the loop for more than a second."""
    if len(body) >= limits.thread_bytes:
        return True
    return len(body) >= _WORTH_COUNTING_BYTES and body.count(b"{") >= limits.thread_objects


async def off_the_loop(work: Callable[[], T], body: bytes, limits: Limits) -> T:
    """What `work`, which reads `body`, returns; done in a thread where that takes long."""
    if is_long(body, limits):
        return await asyncio.to_thread(work)
    return work()

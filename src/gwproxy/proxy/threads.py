"""Which work on a body goes to a thread, so that the loop does not stand still for the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from gwproxy.proxy.limits import Limits

T = TypeVar("T")

_WORTH_COUNTING_BYTES: Final = 128 * 1024
"""A smaller body has no room for as many objects as would matter."""

_SAMPLES: Final = 32
_SAMPLE_BYTES: Final = 4096


def is_long(body: bytes, limits: Limits) -> bool:
    """Whether to read it takes long: by its size, or by the objects in it. 100,000 messages of one
    letter have 3.6 MB, and stopped the loop for more than a second."""
    if len(body) >= limits.thread_bytes:
        return True
    return len(body) >= _WORTH_COUNTING_BYTES and _objects(body) >= limits.thread_objects


def _objects(body: bytes) -> int:
    """About how many there are: counted in samples, since to count them in two megabytes takes
    longer than what is done with them off the loop."""
    step = max(len(body) // _SAMPLES, _SAMPLE_BYTES)
    counted = sum(
        body.count(b"{", start, start + _SAMPLE_BYTES) for start in range(0, len(body), step)
    )
    return counted * step // _SAMPLE_BYTES


async def off_the_loop(work: Callable[[], T], body: bytes, limits: Limits) -> T:
    """What `work`, which reads `body`, returns; done in a thread where that takes long."""
    if is_long(body, limits):
        return await asyncio.to_thread(work)
    return work()

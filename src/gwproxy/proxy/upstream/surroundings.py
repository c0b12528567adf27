"""What this machine goes through while a connection waits for its next request: sleep, another
network, another route. Nothing tells a socket of it; the first request after it dies on the way.

Asked when a request is to be sent, so that no timer runs: of the clocks, whether the machine has
slept since they were last asked; of the kernel, on which way a packet would leave now.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any, Final

_JUMP_S: Final = 2.0
"""How far the clocks may drift apart between two looks. A clock that is set right goes at most
0.5 ms faster or slower in a second (adjtimex(2)), so that an hour of it is no sleep; a sleep that
is shorter harms no connection. To be wrong costs a handshake."""


def way_to(peer: Any) -> str | None:
    """The address of ours from which a packet to `peer` (as `socket.getpeername` says it) would
    leave now: "" where there is no way, None where nobody knows. Sends nothing: connecting a UDP
    socket only looks into the table of routes (udp(7))."""
    if not (isinstance(peer, tuple) and len(peer) in (2, 4)):
        return None
    family = socket.AF_INET if len(peer) == 2 else socket.AF_INET6
    try:
        probe = socket.socket(family, socket.SOCK_DGRAM)
    except OSError:
        return None  # no descriptors are left: a connection that is there is worth the more
    with probe:
        try:
            probe.connect(peer)
            return str(probe.getsockname()[0])
        except OSError:
            return ""


class Surroundings:
    """Whether the machine has slept, and the way to a host. The clocks are injected: `wall` counts
    while the machine sleeps, `awake` does not (CLOCK_MONOTONIC on Linux, mach_absolute_time on
    macOS)."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        awake: Callable[[], float] = time.monotonic,
        way: Callable[[Any], str | None] = way_to,
    ) -> None:
        self.way_to = way
        self.awake = awake
        self._wall = wall
        self._apart_s = wall() - awake()
        self._sleeps = 0

    @property
    def sleeps(self) -> int:
        """How often the machine has slept, or had its clock set, as far as anybody has looked."""
        apart_s = self._wall() - self.awake()
        if abs(apart_s - self._apart_s) > _JUMP_S:
            self._sleeps += 1
        self._apart_s = apart_s
        return self._sleeps

"""Away from the network: what the real clients start in must not reach any other machine.

Where Linux allows it, the test process itself moves into a network namespace that has nothing but
loopback, and with it the simulated provider, the gateway and every client that it starts from
then on. Nothing else about the process changes, so other tests may follow in the same run. Where
that is not allowed, clients get the address of a web proxy at which nobody listens, and their own
off-switches (`coding_tools.py`) must do the rest.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

# <linux/sched.h>, <linux/sockios.h>, <net/if.h>
_CLONE_NEWUSER: Final = 0x1000_0000
_CLONE_NEWNET: Final = 0x4000_0000
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 0x1

# Port 9 is "discard": refused on every machine that has been set up in this century.
_NOBODY: Final = "http://127.0.0.1:9"

NO_PROXY_NEEDED: Final[Mapping[str, str]] = MappingProxyType({})
CLOSED_PROXY: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), _NOBODY)
    | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
)


def leave_the_network() -> Mapping[str, str]:
    """Leave it for good; returns the variables that clients need because we could not."""
    if sys.platform == "linux":
        user, group = os.getuid(), os.getgid()
        if _unshare(_CLONE_NEWNET):
            _bring_loopback_up()
            return NO_PROXY_NEEDED
        # Without root a user namespace comes first; it takes a process of one thread.
        if _unshare(_CLONE_NEWUSER | _CLONE_NEWNET):
            own = Path("/proc/self")
            (own / "setgroups").write_text("deny")
            (own / "uid_map").write_text(f"{user} {user} 1")
            (own / "gid_map").write_text(f"{group} {group} 1")
            _bring_loopback_up()
            return NO_PROXY_NEEDED
    return CLOSED_PROXY


def _unshare(what: int) -> bool:
    return ctypes.CDLL(None, use_errno=True).unshare(what) == 0  # type: ignore[no-any-return]


def _bring_loopback_up() -> None:
    assert sys.platform != "win32"
    import fcntl

    request = struct.pack("16sh14x", b"lo", _IFF_UP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)

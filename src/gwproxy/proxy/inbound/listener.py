"""The socket that clients connect to, and what happens when the machine has no more of them.

asyncio's server takes as many connections at a time as its backlog is long, and where the process
is out of files it fails as often, with a stack trace and a timer for each (CPython 3.11 to 3.13;
13,779 stack traces were seen in five seconds). Here the first failure ends the round.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
import sys
from collections.abc import Iterator
from typing import Any, Final

from gwproxy.errors import ConfigError
from gwproxy.proxy import holder
from gwproxy.proxy.log import LOGGER

BACKLOG: Final = 512
"""A burst of agents connects at once; 128 is aiohttp's default."""

_MOST_FILES: Final = 8192
"""Two sockets a stream; 256 (macOS) or 1024 (Linux) by default, and 540 streams were cut short."""

_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_SILENCE_S: Final = 60.0


class ListeningSocket(socket.socket):
    """A listening socket that says once, not 512 times, that there is no room for another."""

    _refused = False

    def accept(self) -> tuple[socket.socket, Any]:
        """As the socket's. After an error for want of room the next call says that nobody waits,
        which ends the round of whoever asks in a loop."""
        if self._refused:
            self._refused = False
            raise BlockingIOError
        try:
            return super().accept()
        except OSError as error:
            self._refused = error.errno in _NO_ROOM
            raise


@contextlib.contextmanager
def shortage_told(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """In the block, a want of files or memory for another connection is one line a minute."""
    before, told_at = loop.get_exception_handler(), -_SILENCE_S

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal told_at
        error = context.get("exception")
        if not (isinstance(error, OSError) and error.errno in _NO_ROOM and "socket" in context):
            (before or _by_default)(loop, context)
        elif loop.time() - told_at >= _SILENCE_S:
            told_at = loop.time()
            LOGGER.error(
                "no room for another connection (%s); those that run go on", error.strerror
            )

    loop.set_exception_handler(handle)
    try:
        yield
    finally:
        loop.set_exception_handler(before)


def _by_default(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    loop.default_exception_handler(context)


async def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ConfigError, naming what holds the port where that is known."""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    except ValueError:
        raise ConfigError(f"{host!r} is not an address", hint="for example 127.0.0.1") from None
    listener = ListeningSocket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            # Another program could bind the same port over us and read the tokens.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise await _cannot_listen(error, address, port) from error
    return listener


async def _cannot_listen(error: OSError, host: str, port: int) -> ConfigError:
    if error.errno in (errno.EADDRINUSE, errno.EACCES) and port:
        who = await holder.describe(host, port)
        first = "gwproxy stop" if who.startswith(holder.OURS) else "stop that"
        return ConfigError(
            f"port {port} of {host} is taken",
            why=who,
            hint=f"{first}, or take another port: gwproxy serve --port {port % 60000 + 1}",
        )
    return ConfigError(f"cannot listen on {host} port {port}", why=error.strerror or str(error))


def raise_file_limit() -> None:
    """Let this process open as many files as a burst of agents needs."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
        if soft < wanted:
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

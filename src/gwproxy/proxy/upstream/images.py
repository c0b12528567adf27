"""Images by address, fetched here for upstreams that take only the image itself.

Whoever writes a prompt, or a web page that a tool has read, chooses these addresses, and we stand
inside somebody's own network. So every single connection is judged by where it really goes: no
name that resolves elsewhere the second time (DNS rebinding), no redirect and no odd spelling of
127.0.0.1 gets past that. No key, cookie or header of a client goes along, and nothing goes through
a proxy of the environment, which would connect for us where we cannot look.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import ipaddress
import socket
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import aiohttp

from gwproxy import __version__
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.limits import Limits
from gwproxy.proxy.log import LOGGER
from gwproxy.proxy.upstream.client import READ_ERRORS, failure_of
from gwproxy.proxy.worker import words_of
from gwproxy.translate.passes.media import IMAGE_TYPES, Fetched, sniffed

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_MOST_REDIRECTS: Final = 4
_WITH_IPV4: Final = (
    ipaddress.IPv6Network("64:ff9b::/96"),
    ipaddress.IPv6Network("::ffff:0:0:0/96"),
    ipaddress.IPv6Network("::/96"),
)
"""IPv4 behind a translator (RFC 6052, RFC 2765), and an old spelling of it (RFC 4291): the last
four bytes are the address that is reached."""

_INSIDE: Final = (ipaddress.IPv6Network("64:ff9b:1::/48"), ipaddress.IPv6Network("fec0::/10"))
"""Translators of one network's own (RFC 8215), and what was once `site-local` (RFC 3879)."""


def is_public(address: Address) -> bool:
    """Whether `address`, or the IPv4 address that it carries inside, belongs to the internet at
    large."""
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _INSIDE):
            return False
        inner = address.ipv4_mapped or address.sixtofour
        if any(address in network for network in _WITH_IPV4):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


class Images:
    """Fetches images, made inside the running loop; `close` it. What was fetched is kept for a
    while: each turn of a conversation has its images again, and they should be the same ones."""

    def __init__(self, limits: Limits, may_reach: Callable[[Address], bool] = is_public) -> None:
        self._limits = limits
        self._may_reach = may_reach
        self._kept: OrderedDict[str, Fetched] = OrderedDict()
        self._kept_bytes = 0
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def fetch(self, addresses: Iterable[str]) -> dict[str, Fetched]:
        """What lies at each address, or why it cannot be had. Never raises."""
        found: dict[str, Fetched] = {}
        missing: list[str] = []
        for address in addresses:
            kept = self._kept.get(address)
            if kept is None:
                missing.append(address)
            else:
                self._kept.move_to_end(address)
                found[address] = kept
        most = self._limits.images
        if missing[:most]:
            fetched = await asyncio.gather(*map(self._fetched, missing[:most]))
            found |= zip(missing[:most], fetched, strict=True)
        found |= dict.fromkeys(missing[most:], Fetched(why=f"more than {most} at once"))
        return found

    async def _fetched(self, address: str) -> Fetched:
        limit_s = self._limits.images_s
        try:
            async with asyncio.timeout(limit_s):
                image = await self._loaded(address)
        except TimeoutError:
            return Fetched(why=f"it took longer than {limit_s:g} s")
        except Failed as failed:
            return Fetched(why=failed.failure.message)
        except Exception as error:  # noqa: BLE001 -- of somebody's web page; the others are fetched
            LOGGER.warning("an image cannot be fetched (%s)", words_of(error))
            return Fetched(why=f"it cannot be fetched ({type(error).__name__})")
        if not image.why:
            self._keep(address, image)
        return image

    async def _loaded(self, address: str) -> Fetched:
        """The image at `address`, or why what lies there is none. Raises Failed."""
        most = self._limits.image_bytes
        data = bytearray()
        try:
            async with self._open().get(address, max_redirects=_MOST_REDIRECTS) as response:
                if response.status != 200:
                    return Fetched(why=f"HTTP {response.status}")
                while chunk := await response.content.readany():
                    data += chunk
                    if len(data) > most:
                        return Fetched(why=f"it has more than {most} bytes")
        except aiohttp.TooManyRedirects:
            return Fetched(why=f"more than {_MOST_REDIRECTS} redirects")
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError):
            return Fetched(why="that is no address")
        except READ_ERRORS as error:
            raise Failed(failure_of(error, "its host", self._limits.images_s)) from error
        encoded = base64.b64encode(data).decode("ascii")
        kind = sniffed(encoded)
        if kind not in IMAGE_TYPES:
            return Fetched(why="what lies there is no PNG, JPEG, GIF or WebP image")
        return Fetched(kind, encoded)

    def _open(self) -> aiohttp.ClientSession:
        """The session; most servers never need it."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    socket_factory=self._socket, force_close=True, limit=self._limits.images
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"user-agent": f"gwproxy/{__version__}", "accept": ", ".join(IMAGE_TYPES)},
                trust_env=False,
            )
        return self._session

    def _socket(self, place: tuple[Any, ...]) -> socket.socket:
        """A socket for one of the places that a name resolved to: the last step before connecting,
        at every redirect again. Raises OSError."""
        family, kind, protocol, _, sockaddr = place
        if not self._may_reach(ipaddress.ip_address(sockaddr[0].partition("%")[0])):
            raise OSError(errno.EACCES, "this address is not public")
        return socket.socket(family, kind, protocol)

    def _keep(self, address: str, image: Fetched) -> None:
        if address in self._kept:  # two exchanges have asked for it at once
            return
        self._kept[address] = image
        self._kept_bytes += len(address) + len(image.data)
        while self._kept_bytes > self._limits.kept_images_bytes:
            gone, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= len(gone) + len(oldest.data)

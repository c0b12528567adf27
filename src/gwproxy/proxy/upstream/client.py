"""The one HTTP client of the gateway: sends a request upstream and hands its answer on.

This is the seam at which the errors of aiohttp, TLS and the operating system become failures; no
other module sees them. It never follows a redirect, keeps no cookie, and reads no `.netrc`. A
request is repeated once, and only where nothing was sent. Nothing here knows a dialect.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ssl
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp import payload
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict
from yarl import URL

from gwproxy.profiles.endpoints import is_loopback
from gwproxy.profiles.redaction import Masker
from gwproxy.proxy import failures
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.limits import Limits
from gwproxy.proxy.log import LOGGER
from gwproxy.proxy.upstream import pool
from gwproxy.proxy.upstream.request import UpstreamRequest
from gwproxy.proxy.upstream.surroundings import Surroundings
from gwproxy.translate.hub import Failure

_REDIRECTS: Final = range(300, 400)
_STATUSES: Final = range(200, 600)
"""What RFC 9110 (15) knows of a last answer."""

_PROXY_HINT: Final = "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY in gwproxy's environment names it"

_MASKED_KEY_BYTES: Final = 16
"""Shorter keys are placeholders for a local server ("ollama") and may be words of an answer."""

_MOST_TARGETS: Final = 256
"""Addresses are few, but for those with an id in them: each is asked a few times, and no more."""

_RAW_BODY_BYTES: Final = 1024 * 1024
"""Above this size aiohttp wants the body as something that it can read in pieces."""

READ_ERRORS: Final = (aiohttp.ClientError, OSError, asyncio.TimeoutError, HttpProcessingError)

_NOTHING_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    pool.NeverSent,
)

# Repeated once; certificates are left out, they stay bad.
_NEVER_CONNECTED: Final = (aiohttp.ClientConnectorError,)
_PERMANENT: Final = (aiohttp.ClientConnectorCertificateError,)


class Upstream:
    """The client of all upstreams, made inside the running loop; `close` it."""

    def __init__(self, limits: Limits, surroundings: Surroundings | None = None) -> None:
        self._limits = limits
        self._targets: dict[str, _Target] = {}
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}
        self._reclaiming: set[asyncio.Task[None]] = set()
        self._session = aiohttp.ClientSession(
            connector=pool.connector(limits, surroundings or Surroundings()),
            request_class=pool.PooledRequest,
            # A cookie of an upstream must not come back to it with another client's request.
            cookie_jar=aiohttp.DummyCookieJar(),
            # 300 s in all by default: that kills long streams. Silence has its own limits.
            timeout=aiohttp.ClientTimeout(total=None),
            # True would bring proxies for loopback, and credentials out of ~/.netrc.
            trust_env=False,
            # Answers that are packed though we ask for plain ones are unpacked as they come,
            # in pieces of bounded size (aiohttp 3.14).
            auto_decompress=True,
            max_line_size=limits.upstream_header_bytes,
            max_field_size=limits.upstream_header_bytes,
        )

    async def close(self) -> None:
        for task in self._reclaiming:
            task.cancel()
        await self._session.close()

    async def send(self, call: UpstreamRequest) -> UpstreamAnswer:
        """The answer to `call`, as soon as its head is there. Raises Failed."""
        try:
            target = self._target(call.url)
        except ValueError as error:
            words, hint = f"the proxy of this machine cannot be used: {error}", _PROXY_HINT
            raise Failed(failures.unconfigured(words, hint), nothing_sent=True) from None
        host = target.url.raw_authority
        try:
            response = await self._send_repeating(call, target)
        except READ_ERRORS as error:
            raise Failed(
                failure_of(error, host, call.profile.first_byte_timeout_s),
                nothing_sent=isinstance(error, _NOTHING_SENT),
            ) from error
        if response.status in _REDIRECTS:
            response.close()
            raise Failed(failures.redirected(host, response.status))
        if response.status not in _STATUSES:
            response.close()
            raise Failed(failures.broken(host, f"answered with a status of {response.status:03}"))
        return UpstreamAnswer(response, host, call)

    async def _send_repeating(
        self, call: UpstreamRequest, target: _Target
    ) -> aiohttp.ClientResponse:
        try:
            return await self._send(call, target)
        except _PERMANENT:
            raise
        except pool.NeverSent:
            pass  # an old connection, as a rule: another one is tried at once
        except _NEVER_CONNECTED:
            await asyncio.sleep(self._limits.retry_delay_s)
        return await self._send(call, target)

    async def _send(self, call: UpstreamRequest, target: _Target) -> aiohttp.ClientResponse:
        return await self._session.request(
            call.method,
            target.url.update_query(call.query) if call.query else target.url,
            data=_payload(call.body) if call.method == "POST" else None,
            headers=call.headers,
            allow_redirects=False,
            proxy=target.proxy,
            # A key that was changed leaves the old one's connections behind.
            middlewares=(pool.owned_by((call.profile.name, call.key)),),
            timeout=self._timeout(call.profile.first_byte_timeout_s),
        )

    def _timeout(self, first_byte_s: float) -> aiohttp.ClientTimeout:
        """The limits of a request, made once for each patience that a profile has."""
        timeout = self._timeouts.get(first_byte_s)
        if timeout is None:
            if len(self._timeouts) >= _MOST_TARGETS:
                self._timeouts.clear()
            timeout = self._timeouts[first_byte_s] = aiohttp.ClientTimeout(
                total=None,
                connect=self._limits.resolve_and_connect_s,
                sock_connect=self._limits.connect_s,
                # Counts before the head too: upstreams that cannot stream are silent for minutes.
                sock_read=first_byte_s,
            )
        return timeout

    def reclaim(self, answer: UpstreamAnswer) -> None:
        """Take `answer`, of which all that matters was read, off its reader's hands.

        The end of the body mostly comes a moment after the last event. Nobody waits for it, but
        with it the connection can be used again.
        """
        if answer.ended:
            answer.close()
            return
        answer.reclaimed = True
        task = asyncio.create_task(self._read_to_the_end(answer))
        self._reclaiming.add(task)
        task.add_done_callback(self._reclaiming.discard)

    async def _read_to_the_end(self, answer: UpstreamAnswer) -> None:
        try:
            async with asyncio.timeout(self._limits.leftover_s):
                await answer.read_leftover()
        except TimeoutError:
            LOGGER.debug("an upstream did not end its answer after the last event")
        except Exception:  # noqa: BLE001 -- nobody waits for this task: it is told here or nowhere
            LOGGER.exception("what follows an upstream's last event cannot be read")
        finally:
            answer.reclaimed = False
            answer.close()

    def _target(self, address: str) -> _Target:
        target = self._targets.get(address)
        if target is None:
            if len(self._targets) >= _MOST_TARGETS:
                self._targets.clear()
            url = URL(address)
            target = self._targets[address] = _Target(url, _environment_proxy(url))
        return target


@dataclass(frozen=True, slots=True)
class _Target:
    """An address, taken apart once."""

    url: URL
    proxy: URL | None


class UpstreamAnswer:
    """An upstream's answer, its head read. `close` it; a connection that was not read to its end
    is not used again. Every read raises Failed."""

    __slots__ = (
        "_begun",
        "_host",
        "_masker",
        "_profile",
        "_response",
        "copy",
        "headers",
        "reclaimed",
        "status",
    )

    def __init__(self, response: aiohttp.ClientResponse, host: str, call: UpstreamRequest) -> None:
        self.status = response.status
        self._response = response
        self._host = host
        self._profile = call.profile
        self._begun = False
        self.reclaimed = False  # `Upstream.reclaim` closes it
        self.copy: Callable[[bytes], None] | None = None  # gets what is read, too
        key = call.key or ""
        self._masker = Masker(key if len(key) >= _MASKED_KEY_BYTES else "")
        self.headers: Mapping[str, str] = response.headers
        told = "\n".join(self.headers.values())
        if self._masker.text(told) != told:
            masked = ((name, self._masker.text(value)) for name, value in self.headers.items())
            self.headers = CIMultiDict(masked)

    @property
    def ok(self) -> bool:
        """Whether its status is one of the two hundreds."""
        return 200 <= self.status < 300

    @property
    def ended(self) -> bool:
        """Whether the body has been read to its end."""
        return self._response.content.at_eof() and not self._masker.holds

    async def read(self) -> bytes:
        """Whatever has come since the last read, without the key; nothing at the end."""
        shown, at_end = b"", False
        while not (shown or at_end):
            chunk = await self._read_chunk()
            at_end = not chunk
            shown = self._masker.feed(chunk, last=self._response.content.at_eof())
        if self.copy is not None:
            self.copy(shown)
        return shown

    async def _read_chunk(self) -> bytes:
        try:
            chunk = await self._response.content.readany()
        except READ_ERRORS as error:
            profile = self._profile
            waited_s = profile.idle_timeout_s if self._begun else profile.first_byte_timeout_s
            raise Failed(failure_of(error, self._host, waited_s)) from error
        if not self._begun:
            self._begin()
        return chunk

    def _begin(self) -> None:
        """From the first byte of the body on, silence is measured by the profile's other limit."""
        self._begun = True
        if self._response.content.is_eof():
            return  # it is all here
        connection = self._response.connection
        if connection is not None and connection.protocol is not None:
            connection.protocol.read_timeout = self._profile.idle_timeout_s
            connection.protocol.start_timeout()

    async def read_whole(self, most_bytes: int, begun: bytes = b"") -> bytes:
        """The rest of the body after `begun`."""
        parts = [begun]
        size = len(begun)
        while chunk := await self.read():
            size += len(chunk)
            if size > most_bytes:
                raise Failed(failures.oversized_answer(self._host, most_bytes))
            parts.append(chunk)
        return b"".join(parts)

    async def read_error(self, most_bytes: int) -> bytes:
        """What there is of an error's body: a cut or endless page must not hide the status."""
        parts: list[bytes] = []
        with contextlib.suppress(Failed):
            while sum(map(len, parts)) < most_bytes and (chunk := await self.read()):
                parts.append(chunk)
        return b"".join(parts)[:most_bytes]

    async def read_leftover(self) -> None:
        """Read to the end; what the upstream says after its last event concerns nobody."""
        with contextlib.suppress(*READ_ERRORS):
            while await self._response.content.readany():
                pass

    def close(self) -> None:
        """Let the connection go: into the pool when the answer was read to its end, else shut."""
        if not self.reclaimed:
            self._response.close()


def failure_of(error: BaseException, host: str, patience_s: float) -> Failure:
    """The failure that a foreign exception means. The order matters: aiohttp's classes inherit
    crosswise."""
    match error:
        case aiohttp.ClientConnectorError() | aiohttp.ClientConnectorCertificateError():
            return _never_connected(error, host)
        case aiohttp.ClientHttpProxyError():
            return failures.unreachable(host, f"the proxy refused ({error.status})")
        case aiohttp.ConnectionTimeoutError():
            return failures.unreachable(host, "connecting took too long")
        case aiohttp.ServerTimeoutError() | TimeoutError():
            return failures.silent(host, patience_s)
        case aiohttp.ClientPayloadError() | HttpProcessingError():
            return failures.broken(host, "cut its answer off")
        case aiohttp.ServerDisconnectedError():
            return failures.broken(host, "closed the connection without an answer")
        case aiohttp.ClientResponseError():
            return failures.broken(host, "did not answer in HTTP")
        case OSError():
            return failures.broken(host, f"broke the connection ({_os_words(error)})")
    return failures.broken(host, f"failed ({type(error).__name__})")


def _never_connected(
    error: aiohttp.ClientConnectorError | aiohttp.ClientConnectorCertificateError, host: str
) -> Failure:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return failures.bad_certificate(host, _certificate_words(error.certificate_error))
        case aiohttp.ClientConnectorSSLError():
            return failures.unreachable(host, f"TLS failed ({_os_words(error)})")
        case aiohttp.ClientConnectorDNSError():
            return failures.unreachable(host, "its name cannot be resolved")
        case aiohttp.ClientProxyConnectionError():
            return failures.unreachable(host, f"the proxy is not there ({_os_words(error)})")
    return failures.unreachable(host, _os_words(error.os_error))


def _os_words(error: OSError) -> str:
    if error.errno == errno.ECONNREFUSED:
        return "connection refused"
    return (error.strerror or type(error).__name__).lower()


def _certificate_words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return str(error)


def _payload(body: bytes) -> payload.Payload:
    """`body` for aiohttp, which warns of bytes over 1 MiB: they leave in one write."""
    if len(body) <= _RAW_BODY_BYTES:
        return payload.BytesPayload(body, content_type="application/json")
    return _LargeBody(body)


class _LargeBody(payload.Payload):
    """Bytes in pieces with back-pressure, so that 20 MB neither stop the loop nor double in it."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body, content_type="application/json")
        self._size = len(body)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: aiohttp.abc.AbstractStreamWriter) -> None:
        view = memoryview(self._value)
        for start in range(0, len(view), _RAW_BODY_BYTES):
            await writer.write(view[start : start + _RAW_BODY_BYTES])
            await asyncio.sleep(0)  # a host that reads fast takes all of it without a pause


def _environment_proxy(url: URL) -> URL | None:
    """HTTPS_PROXY and friends, read by ourselves; this machine is never asked through a proxy.
    Raises ValueError for what is none, without its words: there may be a password in it."""
    host = url.host or ""
    proxies = urllib.request.getproxies_environment()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if proxy is None or is_loopback(host):
        return None
    if urllib.request.proxy_bypass(host):
        return None
    scheme, separator, _ = proxy.partition("://")
    if scheme and separator and scheme.lower() not in ("http", "https"):
        # aiohttp would speak HTTP to it, and show it the password.
        raise ValueError(f"{scheme[:20]}:// is not spoken here, only http:// and https://")
    try:
        found = URL(proxy if separator else f"http://{proxy}")
        usable = bool(found.host) and found.port is not None
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("it is no address of the form http://HOST:PORT")
    return found

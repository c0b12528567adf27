"""The client's stream: opened late, kept alive while nothing comes, written in one piece a read.

Until the first byte the status is still open, so a fast refusal keeps its own. After
`early_status_s` of silence the stream is opened with a ping, and from then on silence never lasts
longer than `ping_gap_s`. The timer costs nothing while bytes flow: it is looked at when it fires.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from aiohttp import web

from gwproxy.proxy.limits import Limits
from gwproxy.proxy.log import LOGGER


class _Stream(web.StreamResponse):
    """Its head leaves with its first bytes, in one packet; aiohttp sends it by itself."""

    _send_headers_immediately = False


class ClientStream:
    """`ping` gives what keeps the stream alive, nothing when it may not be interrupted now.
    `headers` gives the head at the moment in which it is sent, `copy` gets all that is sent."""

    __slots__ = (
        "_copy",
        "_headers",
        "_last_write",
        "_limits",
        "_loop",
        "_ping",
        "_pinging",
        "_request",
        "_timer",
        "response",
    )

    def __init__(
        self,
        request: web.BaseRequest,
        ping: Callable[[], bytes],
        headers: Callable[[], Mapping[str, str]],
        limits: Limits,
        copy: Callable[[bytes], None] | None = None,
    ) -> None:
        self._copy = copy
        self.response: web.StreamResponse | None = None
        self._request = request
        self._ping = ping
        self._headers = headers
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._last_write = self._loop.time()
        self._pinging: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = self._loop.call_later(
            limits.early_status_s, self._on_silence
        )

    @property
    def opened(self) -> bool:
        """Whether the client has a status already."""
        return self.response is not None

    async def write(self, data: bytes) -> None:
        """Send `data` as one chunk. Waits while the client does not read; raises ConnectionError
        when it has gone."""
        self._last_write = self._loop.time()
        response = self.response
        if response is None:
            response = await self._open()
        if self._copy is not None:
            self._copy(data)
        await response.write(data)

    async def finish(self, data: bytes = b"") -> None:
        """Send `data` and the end of the body, in one packet."""
        self.close()
        response = self.response or await self._open()
        if self._copy is not None:
            self._copy(data)
        await response.write_eof(data)

    async def _open(self) -> web.StreamResponse:
        self.response = _Stream(headers=self._headers())
        await self.response.prepare(self._request)
        return self.response

    def close(self) -> None:
        """No more pings."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pinging is not None:
            self._pinging.cancel()
            self._pinging = None

    def _on_silence(self) -> None:
        gap_s = self._limits.ping_gap_s if self.opened else self._limits.early_status_s
        left_s = self._last_write + gap_s - self._loop.time()
        if left_s <= 0:
            self._pinging = self._loop.create_task(self._send_ping())
            left_s = self._limits.ping_gap_s
        self._timer = self._loop.call_later(left_s, self._on_silence)

    async def _send_ping(self) -> None:
        # A client that does not read has bytes waiting for it; more would only pile up.
        if self._request.protocol.writing_paused:
            return
        try:
            if data := self._ping():
                await self.write(data)
        except ConnectionError:
            self.close()  # the handler is being cancelled by the server
        except Exception:  # noqa: BLE001 -- nobody waits for this task: it is told here or nowhere
            LOGGER.exception("an open stream cannot be kept alive")
            self.close()

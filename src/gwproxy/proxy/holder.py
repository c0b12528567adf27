"""Who listens on a port that we wanted, and what a gateway of ours there says of itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from gwproxy.errors import CredentialError, GwproxyError, UpstreamError

OURS: Final = "a gwproxy"
"""How the sentence about one of ours begins."""

_ALIVE_S: Final = 40.0
"""Between two signs of life of a stream of events, which come every fifteen seconds."""
_CHUNK_BYTES: Final = 65_536

_ASK_S: Final = 1.0
_ANSWER_S: Final = 5.0
_MOST_BYTES: Final = 4 * 1024 * 1024
_LISTENING: Final = "0A"
"""TCP_LISTEN in /proc/net/tcp (Linux, include/net/tcp_states.h)."""


class BrokenHolder(Exception):
    """A stream of events has ended."""


def is_running(pid: int) -> bool:
    """Whether there is a process of that number; where that cannot be asked, taken for granted."""
    if os.name != "posix":
        return True  # there is no asking without ending it
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # it runs, and is somebody else's
    return True


async def describe(host: str, port: int) -> str:
    """A sentence about whoever listens on `port`."""
    found = await asyncio.to_thread(_process_on, port)
    who = f" ({found})" if found else ""
    url_host = f"[{host}]" if ":" in host else host
    answer = await health(f"http://{url_host}:{port}")
    if answer.get("name") == "gwproxy":
        version = str(answer.get("version", ""))[:20]
        return f"{OURS} {version} listens there already{who}"
    return f"another program listens there{who}"


async def health(base_url: str) -> dict[str, Any]:
    """What `GET /healthz` says there; nothing when nobody answers, or not in JSON."""
    try:
        _, body = await _fetch(f"{base_url}/healthz", "GET", "", _ASK_S, 8192)
        value = json.loads(body)
    except (OSError, TimeoutError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


async def ask(base_url: str, path: str, token: str, *, method: str = "GET") -> dict[str, Any]:
    """What a gateway of ours tells whoever has its token. Raises UpstreamError where it cannot be
    understood, CredentialError for another token, GwproxyError where it does not do that."""
    try:
        status, body = await _fetch(f"{base_url}{path}", method, token, _ANSWER_S, _MOST_BYTES)
        value = json.loads(body)
    except (OSError, TimeoutError, ValueError) as error:
        raise UpstreamError(f"the gateway at {base_url} does not answer", why=str(error)) from error
    if status != HTTPStatus.OK or not isinstance(value, dict):
        raise _refused(base_url, path, status, value)
    return value


async def events(base_url: str, path: str, token: str) -> AsyncGenerator[tuple[str, Any]]:
    """What a gateway of ours tells as it happens: the name of each event and its data, the first
    one, "open", without any. Raises UpstreamError and CredentialError where it does not tell, and
    BrokenHolder when it tells no more."""
    # Imported late: a short command only looks whether somebody is there.
    from gwproxy.translate.wire.sse import Decoder

    decoder = Decoder()
    try:
        async with _asked(f"{base_url}{path}", "GET", token, _ANSWER_S) as reader:
            async with asyncio.timeout(_ANSWER_S):
                status = _status_of(await reader.readuntil(b"\r\n\r\n"))
            if status != HTTPStatus.OK:
                raise _refused(base_url, path, status)
            yield "open", None
            while True:
                async with asyncio.timeout(_ALIVE_S):
                    chunk = await reader.read(_CHUNK_BYTES)
                if not chunk:
                    raise BrokenHolder
                for name, data in decoder.feed(chunk):
                    yield name.decode(), json.loads(data)
    except (OSError, TimeoutError, ValueError, EOFError, asyncio.LimitOverrunError) as error:
        raise BrokenHolder from error


def _refused(base_url: str, path: str, status: int, value: object = None) -> GwproxyError:
    if status == HTTPStatus.UNAUTHORIZED:
        return CredentialError(
            f"the gateway at {base_url} has another token",
            why="it was started with another GWPROXY_TOKEN or GWPROXY_HOME, or by another user",
            hint="stop it where it was started, then\ngwproxy serve",
        )
    if (said := _refusal(value)) is not None:
        return GwproxyError(f"the gateway at {base_url} refuses", why=said)
    return UpstreamError(
        f"the gateway at {base_url} does not know {path}",
        why="it may be of an older version",
        hint="stop it with Ctrl-C there, then\ngwproxy serve",
    )


def _refusal(value: object) -> str | None:
    """Why a gateway that knows what it was asked for does not do it."""
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict) or error.get("code") in (None, "unknown_url"):
        return None
    return str(error.get("message", "")).removeprefix("gwproxy: ")


async def _fetch(
    url: str, method: str, token: str, within_s: float, most_bytes: int
) -> tuple[int, bytes]:
    """Status and body of one small answer. Raises OSError, TimeoutError and ValueError."""
    answer = b""
    async with asyncio.timeout(within_s), _asked(url, method, token, within_s) as reader:
        while len(answer) < most_bytes and (more := await reader.read(most_bytes)):
            answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    return _status_of(head), body


@asynccontextmanager
async def _asked(
    url: str, method: str, token: str, within_s: float
) -> AsyncIterator[asyncio.StreamReader]:
    """What comes of a request. Raises OSError and TimeoutError.

    By hand, as a request of HTTP/1.0 (RFC 1945), which is answered in one piece up to the end of
    the connection: the HTTP library is most of the time that a short command takes to start.
    """
    parts = urlsplit(url)
    token_line = f"Authorization: Bearer {token}\r\n" if token else ""
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    request = f"{method} {target} HTTP/1.0\r\nHost: {parts.netloc}\r\n{token_line}\r\n"
    async with asyncio.timeout(within_s):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(request.encode("ascii"))
        yield reader
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _status_of(head: bytes) -> int:
    """Raises ValueError."""
    words = head.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1."):
        raise ValueError("what answers there does not speak HTTP")
    return int(words[1])


def _process_on(port: int) -> str:
    """`ollama, process 4711`, as far as this system tells its users."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not inodes:
        return ""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(link.readlink().name in inodes for link in (process / "fd").iterdir()):
                name = (process / "comm").read_text().strip()
                return f"{name}, process {process.name}"
        except OSError:
            continue  # another user's process, or one that ended meanwhile
    return ""


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found

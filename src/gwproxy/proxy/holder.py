"""Who listens on a port that we wanted, and what a gateway of ours there says of itself."""

from __future__ import annotations

import asyncio
import json
import os
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import aiohttp

from gwproxy.errors import CredentialError, UpstreamError

OURS: Final = "a gwproxy"
"""How the sentence about one of ours begins."""

_ASK_S: Final = 1.0
_ANSWER_S: Final = 5.0
_LISTENING: Final = "0A"
"""TCP_LISTEN in /proc/net/tcp (Linux, include/net/tcp_states.h)."""


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
    timeout = aiohttp.ClientTimeout(total=_ASK_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.get(f"{base_url}/healthz", allow_redirects=False) as response,
        ):
            value = json.loads(await response.content.read(4096))
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


async def ask(base_url: str, path: str, token: str, *, method: str = "GET") -> dict[str, Any]:
    """What a gateway of ours tells whoever has its token. Raises UpstreamError."""
    timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
    head = {"authorization": f"Bearer {token}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False, headers=head) as session,
            session.request(method, f"{base_url}{path}", allow_redirects=False) as response,
        ):
            status, body = response.status, await response.read()
        value = json.loads(body)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise UpstreamError(f"the gateway at {base_url} does not answer", why=str(error)) from error
    if status == HTTPStatus.UNAUTHORIZED:
        raise CredentialError(
            f"the gateway at {base_url} has another token",
            why="it was started with another GWPROXY_TOKEN or GWPROXY_HOME, or by another user",
            hint="stop it where it was started, then\ngwproxy serve",
        )
    if (said := _refusal(value)) is not None:
        raise UpstreamError(f"the gateway at {base_url} refuses", why=said)
    if status != HTTPStatus.OK or not isinstance(value, dict):
        raise UpstreamError(
            f"the gateway at {base_url} does not know {path}",
            why="it may be of an older version",
            hint="stop it with Ctrl-C there, then\ngwproxy serve",
        )
    return value


def _refusal(value: object) -> str | None:
    """Why a gateway that knows what it was asked for does not do it."""
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict) or error.get("code") in (None, "unknown_url"):
        return None
    return str(error.get("message", "")).removeprefix("gwproxy: ")


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

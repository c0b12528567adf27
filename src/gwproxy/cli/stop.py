"""`gwproxy stop`: ask the running gateway to end, and wait until it has."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from gwproxy.cli.options import JsonFlag, QuietFlag
from gwproxy.cli.output import output_of
from gwproxy.errors import GwproxyError

if TYPE_CHECKING:
    from gwproxy.profiles.store import Config

_POLL_S: Final = 0.1

_BEYOND_DRAIN_S: Final = 5.0
"""After its running answers have had their time, what closing a few sockets may take."""


def register(app: typer.Typer) -> None:
    app.command("stop")(stop)


def stop(context: typer.Context, json: JsonFlag = False, quiet: QuietFlag = False) -> None:
    """Stop the running gateway."""
    from gwproxy.cli.running import config_or_none

    output = output_of(context)
    url, stopped = asyncio.run(_stop(config_or_none()))
    words = f"stopped {url}" if stopped else f"nothing to stop: gwproxy does not run at {url}"
    output.result({"url": url, "stopped": stopped}, lambda: output.line(words))


async def _stop(config: Config) -> tuple[str, bool]:
    from gwproxy.cli.running import find_gateway
    from gwproxy.profiles.local_token import local_token
    from gwproxy.proxy import holder
    from gwproxy.proxy.limits import Limits

    url, health = await find_gateway(config)
    if health.get("name") != "gwproxy":
        return url, False
    told = await holder.ask(url, "/v1/stop", local_token().reveal(), method="POST")
    patience_s = Limits().drain_s + _BEYOND_DRAIN_S
    for _ in range(round(patience_s / _POLL_S)):
        if not await holder.health(url) and not _is_there(told["pid"]):
            return url, True
        await asyncio.sleep(_POLL_S)
    raise GwproxyError(
        f"the gateway at {url} does not end",
        why=f"it was asked to, and {patience_s:g} s have passed",
        hint=f"its process is {told['pid']}",
    )


def _is_there(pid: int) -> bool:
    """Whether the process goes on: it listens no more while its last answers end."""
    if os.name != "posix" or pid == os.getpid():
        return False
    from gwproxy.proxy.holder import is_running

    return is_running(pid) and not _is_dead(pid)


def _is_dead(pid: int) -> bool:
    """Whether it has ended and only its parent has not looked yet (Linux, proc(5))."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["Z"]

"""`gwproxy serve --detach`: the gateway as a process of its own, without a service manager.

It is started in a session of its own, so that the end of this terminal is not its end, and writes
to the log in the state folder that `service_log` keeps within bounds. `gwproxy stop` ends it.
"""

from __future__ import annotations

import asyncio
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from gwproxy import paths
from gwproxy.cli.output import Output
from gwproxy.cli.service_unit import serve_command
from gwproxy.errors import ConfigError, GwproxyError

if TYPE_CHECKING:
    from gwproxy.proxy.serving import Options

_PATIENCE_S: Final = 30.0
"""It answers in half a second; later on a machine that has just started."""

_POLL_S: Final = 0.1

_PARTS: Final = ("error", "why", "hint")
"""How the lines of a failure begin (`cli.output`); one that goes on is indented."""


def start(output: Output, options: Options, flags: tuple[str, ...]) -> int:
    """Start `gwproxy serve FLAGS…` and return when it answers. Raises GwproxyError, with what it
    said where it ended."""
    if options.port:
        from gwproxy.proxy.inbound.listener import bind

        asyncio.run(bind(options.host, options.port)).close()
    log = paths.service_log()
    with _opened(log) as stderr:
        before = os.fstat(stderr.fileno()).st_size
        process = subprocess.Popen(
            serve_command(*flags),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            **_apart(),
        )
    url = _address(process)
    if not url:
        if process.poll() is None:
            process.terminate()
            raise GwproxyError(
                "the gateway does not answer",
                why=f"{_PATIENCE_S:g} s have passed; it was ended",
                hint="gwproxy serve, without --detach, shows what it does",
            )
        raise _what_it_said(log, before, process.returncode)
    output.line(url)
    output.talk(f"the gateway runs in the background; it says more in {log}")
    output.talk("stop: gwproxy stop")
    return 0


def _opened(log: Path) -> IO[bytes]:
    """The log, to append to; private. Raises ConfigError."""
    paths.ensure_private_dir(log.parent)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(log, flags, 0o600)
        paths.hand_over(descriptor, log.parent)
        return os.fdopen(descriptor, "ab")
    except OSError as error:
        raise ConfigError(f"cannot write {log}", why=error.strerror or str(error)) from error


def _apart() -> dict[str, Any]:
    """What keeps the end of a terminal from being the end of the process."""
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        # A console of its own that nobody sees: without any, each key command would open one.
        no_window = subprocess.CREATE_NO_WINDOW
        apart = {"creationflags": no_window | subprocess.CREATE_NEW_PROCESS_GROUP}
    return apart


def _address(process: subprocess.Popen[bytes]) -> str:
    """Where it answers, as it says itself on stdout; "" where it ended, or has not said so in
    time."""
    from gwproxy.proxy import holder

    assert process.stdout is not None
    said: queue.Queue[bytes] = queue.Queue()
    # A thread, since Windows cannot wait for a pipe and a clock.
    threading.Thread(target=_first_line, args=(process.stdout, said), daemon=True).start()
    deadline = time.monotonic() + _PATIENCE_S
    try:
        url = said.get(timeout=_PATIENCE_S).decode().strip()
    except queue.Empty:
        return ""
    while url and time.monotonic() < deadline:
        if asyncio.run(holder.health(url)).get("name") == "gwproxy":
            return url
        time.sleep(_POLL_S)
    if not url:
        process.wait(max(0.0, deadline - time.monotonic()))
    return ""


def _first_line(stream: IO[bytes], said: queue.Queue[bytes]) -> None:
    with stream:
        said.put(stream.readline())


def _what_it_said(log: Path, before: int, code: int) -> GwproxyError:
    """The error with which it ended, told once more here."""
    said: dict[str, str] = {}
    part, last = "", f"it ended with {code}"
    for line in log.read_bytes()[before:].decode(errors="replace").splitlines():
        label, _, words = line.partition(": ")
        if label in _PARTS:
            part, said[label] = label, words
        elif line.startswith("  ") and part:
            said[part] += f"\n{line[2:]}"
        else:
            part, last = "", line or last
    what = said.get("error", "the gateway did not start")
    why = said.get("why", "" if "error" in said else last)
    error = GwproxyError(what, why=why, hint=said.get("hint", "" if said else f"see {log}"))
    error.exit_code = code
    return error

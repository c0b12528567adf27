"""Programs as processes of their own: `gwproxy serve`, and a client with a time limit.

Each gets a process group, so that nothing it started outlives it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from real_clients.installed import PROGRAMS
from support.cli import Ran, gwproxy

START_LIMIT_S: Final = 60
"""For a Python program on a busy machine to say where it listens."""


async def run_limited(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    limit_s: float,
    stdin: str = "",
) -> Ran:
    """Run it to its end; past the limit it is killed and the test fails with what it said."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    talking = asyncio.create_task(process.communicate(stdin.encode()))
    try:
        done, _ = await asyncio.wait({talking}, timeout=limit_s)
    finally:
        _kill_group(process.pid)
    stdout, stderr = await talking
    ran = Ran(
        await process.wait(), stdout.decode(errors="replace"), stderr.decode(errors="replace")
    )
    assert done, f"{command[0]} was not done after {limit_s} s: {ran}"
    return ran


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


class Gateway:
    """A person's gwproxy: commands in a GWPROXY_HOME of their own, and the running server."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self._folder = folder
        self._log = folder / "gateway.log"
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""
        self.environment = {
            # Codex among them is asked for its prompt by `setup`.
            "PATH": f"{Path(sys.executable).parent}:{PROGRAMS}:/usr/bin:/bin",
            "HOME": str(folder / "owner"),
            "LANG": "C.UTF-8",
            "GWPROXY_HOME": str(folder / "gwproxy"),
            **variables,
        }

    def command(self, *arguments: str) -> Ran:
        """`gwproxy ARGUMENTS…`, which must succeed."""
        ran = gwproxy(*arguments, whole_environ=self.environment)
        assert ran.code == 0, ran
        return ran

    async def start(self) -> None:
        """`gwproxy serve` on a free port, which config.toml then names for `gwproxy setup`."""
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gwproxy", "serve", "--port", "0"),
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        async with asyncio.timeout(START_LIMIT_S):
            line = await self._process.stdout.readline()
        self.url = line.decode().strip()
        assert self.url, self.log
        port = self.url.rpartition(":")[2]
        with (self._folder / "gwproxy" / "config.toml").open("a") as config:
            config.write(f"\n[serve]\nport = {port}\n")

    @property
    def token(self) -> str:
        """The local token."""
        return (self._folder / "gwproxy" / "token").read_text(encoding="utf-8").strip()

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    async def stop(self) -> None:
        """As Ctrl-C does; it must end in good order."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            async with asyncio.timeout(START_LIMIT_S):
                code = await self._process.wait()
        finally:
            _kill_group(self._process.pid)
        assert code == 0, self.log
        assert "Traceback" not in self.log

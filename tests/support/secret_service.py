"""A real Secret Service for tests: gnome-keyring on a private D-Bus, with a HOME of its own.

`SecretService.start(folder)` gives an environment in which any program finds an unlocked keyring
that nobody else sees; `lock`, `freeze` and `stop_daemon` then take it through the bad times. The
bus may not start services by itself (its configuration has no service directory), or the case
"no daemon" could not be told from the good one.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon", "gdbus")

START_TIMEOUT_S = 30.0
"""Seconds for bus and daemon on a busy machine; they usually need one."""

_BUS_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC
 "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


def missing_programs() -> list[str]:
    """What has to be installed first (Debian: gnome-keyring dbus libglib2.0-bin)."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


class SecretService:
    """One private session: a bus and, unless stopped, a keyring daemon on it."""

    def __init__(self, folder: Path) -> None:
        self._home = folder / "home"
        self._runtime = folder / "run"
        self._socket = self._runtime / "bus"
        for path in (self._home, self._runtime):
            path.mkdir(mode=0o700, parents=True)
        self._bus: subprocess.Popen[bytes] | None = None
        self._daemon: subprocess.Popen[bytes] | None = None

    @property
    def environ(self) -> dict[str, str]:
        """The whole environment of a program in this session: nothing of ours leaks in."""
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self._home),
            "GWPROXY_HOME": str(self._home / "gwproxy"),
            "XDG_RUNTIME_DIR": str(self._runtime),
            # Clients fall back to other buses when this is unset, so it always leads somewhere.
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self._socket}",
        }

    def start_bus(self) -> None:
        configuration = self._runtime / "bus.conf"
        configuration.write_text(_BUS_CONFIGURATION.format(socket=self._socket), encoding="utf-8")
        self._bus = subprocess.Popen(
            ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--nopidfile"],
            env=self.environ,
            stderr=subprocess.DEVNULL,
        )
        self._wait_for(self._socket.exists, "the bus")

    def start_daemon(self, *, unlock: bool = True) -> None:
        """An unlocked keyring; or a daemon as a first login over SSH leaves it, with none yet."""
        options = ["--unlock"] if unlock else []
        self._daemon = subprocess.Popen(
            ["gnome-keyring-daemon", *options, "--components=secrets", "--foreground"],
            env=self.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert self._daemon.stdin is not None
        # The password is what stands on stdin, to its end.
        self._daemon.stdin.write(b"only for tests" if unlock else b"")
        self._daemon.stdin.close()
        # The default collection appears a little later than the name on the bus.
        expected = "/collection/" if unlock else "objectpath"
        self._wait_for(lambda: expected in self._call("ReadAlias", "default"), "the Secret Service")

    def lock(self) -> None:
        self._call("Lock", "['/org/freedesktop/secrets/collection/login']", check=True)

    def freeze(self) -> None:
        """The daemon stays on the bus and never answers again."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGSTOP)

    def stop_daemon(self) -> None:
        if self._daemon is not None:
            self._daemon.send_signal(signal.SIGCONT)
            _end(self._daemon)
            self._daemon = None

    def stop(self) -> None:
        self.stop_daemon()
        if self._bus is not None:
            _end(self._bus)
            self._bus = None
            self._socket.unlink(missing_ok=True)

    def _call(self, method: str, argument: str, *, check: bool = False) -> str:
        command = ["gdbus", "call", "--session", "--dest", "org.freedesktop.secrets"]
        command += ["--object-path", "/org/freedesktop/secrets"]
        command += ["--method", f"org.freedesktop.Secret.Service.{method}", argument]
        done = subprocess.run(
            command, env=self.environ, capture_output=True, text=True, check=check, timeout=30
        )
        return done.stdout

    def _wait_for(self, is_there: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not is_there():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what} did not come up")
            time.sleep(0.02)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

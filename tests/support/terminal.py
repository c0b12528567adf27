"""A command on a terminal of a certain width, and what its screen shows."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping

from support.cli import environment

PATIENCE_S = 60

_PART = re.compile(r"\x1b\[(\d*)([A-Za-z])|\r|\n|[^\x1b\r\n]")


class Terminal:
    """`python -m gwproxy ARGUMENTS…` with stdin and stderr, and unless `stdout` is a pipe that too,
    on a terminal of so many `columns`."""

    def __init__(
        self,
        *arguments: str,
        columns: int,
        environ: Mapping[str, str] | None = None,
        stdout: int | None = None,
    ) -> None:
        self._ours, theirs = pty.openpty()
        self.resize(columns)
        whole = environment({"TERM": "xterm-256color", **(environ or {})})
        whole.pop("COLUMNS", None)

        def control() -> None:
            os.setsid()
            fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [sys.executable, "-m", "gwproxy", *arguments],
            stdin=theirs,
            stdout=theirs if stdout is None else stdout,
            stderr=theirs,
            env=whole,
            preexec_fn=control,
        )
        os.close(theirs)
        self.written = ""
        """All that came, with what steers the terminal."""

    def resize(self, columns: int) -> None:
        """Make it so wide, and let the command know."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def wait_for(self, words: str, *, times: int = 1) -> None:
        """Read until the screen shows `words`, so many times."""
        deadline = time.monotonic() + PATIENCE_S
        while self.text.count(words) < times:
            assert self._read(deadline - time.monotonic()), f"{words!r} never came: {self.text}"

    def wait_until_gone(self, words: str) -> None:
        """Read until the screen does not show `words` any more."""
        deadline = time.monotonic() + PATIENCE_S
        while words in self.text:
            assert self._read(deadline - time.monotonic()), f"{words!r} stayed: {self.text}"

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def end(self, number: signal.Signals | None = None) -> int:
        """The exit code, once all that is written has been read."""
        if number is not None:
            self.process.send_signal(number)
        while self._read(PATIENCE_S):
            pass
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)
        os.close(self._ours)

    @property
    def lines(self) -> list[str]:
        """What stands there, from the first line that ever scrolled by to the last."""
        return screen(self.written)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def _read(self, within_s: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(within_s, 0))
        if not ready:
            return False
        try:
            chunk = os.read(self._ours, 65536)
        except OSError:  # Linux says EIO when the other side has closed
            return False
        self.written += chunk.decode(errors="replace")
        return bool(chunk)


def screen(written: str) -> list[str]:
    """The lines that a terminal shows which never wraps: what is erased or written over is gone."""
    lines, column = [""], 0
    for part in _PART.finditer(written):
        text = part[0]
        if text == "\r":
            column = 0
        elif text == "\n":
            lines.append("")
            column = 0
        elif part[2] == "K":
            assert part[1] == ""
            lines[-1] = lines[-1][:column]
        elif part[2]:
            assert part[2] == "m", f"a sequence that nobody expects: {text!r}"
        else:
            lines[-1] = lines[-1].ljust(column)[:column] + text + lines[-1][column + 1 :]
            column += 1
    return lines

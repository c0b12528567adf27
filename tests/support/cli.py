"""Running the real command: as a process of its own, or on a pretended terminal."""

from __future__ import annotations

import io
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent.parent
TIMEOUT_S = 120
"""For one command on a machine that runs other tests as well."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What one command line did, each stream apart."""

    code: int
    stdout: str
    stderr: str

    @property
    def envelope(self) -> dict[str, Any]:
        """stdout as the one JSON envelope that it must be."""
        envelope = json.loads(self.stdout)
        assert set(envelope) == {"version", "command", "status", "data", "error"}
        return dict(envelope)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of the tests (see conftest.py), in which `support` can be imported."""
    return {**os.environ, "PYTHONPATH": str(TESTS), **(extra or {})}


def gwproxy(
    *arguments: str,
    stdin: str = "",
    environ: Mapping[str, str] | None = None,
    whole_environ: Mapping[str, str] | None = None,
    program: Sequence[str] = ("-m", "gwproxy"),
) -> Ran:
    """`python -m gwproxy ARGUMENTS…` with neither stream a terminal.

    `environ` is added to the environment of the tests, `whole_environ` replaces it.
    """
    done = subprocess.run(
        [sys.executable, *program, *arguments],
        input=stdin,
        env=environment(environ) if whole_environ is None else dict(whole_environ),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


class InProcess:
    """`gwproxy ARGUMENTS…` inside the test: the same frame, none of the start-up time."""

    def __init__(self, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._patch = patch

    def __call__(self, *arguments: str, stdin: str = "") -> Ran:
        from gwproxy.cli.app import run

        self._patch.setattr("sys.stdin", io.StringIO(stdin))
        self._capsys.readouterr()
        code = run(arguments)
        stdout, stderr = self._capsys.readouterr()
        return Ran(code, stdout, stderr)


def gwproxy_on_terminal(
    *arguments: str, answers: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Ran:
    """The same with stdin and stderr on one terminal, where a person types `answers`.

    An answer is typed when the program has asked, that is, when it printed a text that ends in
    ": ". stdout stays apart; `stderr` is all that the terminal showed.
    """
    import pty  # not there on Windows

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "gwproxy", *arguments],
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
        env=environment({"TERM": "dumb", **(environ or {})}),
        # getpass talks to /dev/tty, so the terminal has to be the controlling one.
        preexec_fn=lambda: _control(theirs),
    )
    os.close(theirs)
    shown = _converse(ours, list(answers))
    assert process.stdout is not None
    stdout = process.stdout.read().decode()
    process.stdout.close()
    code = process.wait(timeout=TIMEOUT_S)
    os.close(ours)
    return Ran(code, stdout, shown.replace("\r\n", "\n"))


def _control(descriptor: int) -> None:
    import fcntl
    import termios

    # Of a shell without job control, what runs in the background ignores it, and all its children.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.setsid()
    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)


def _converse(terminal: int, answers: list[str]) -> str:
    shown = b""
    seen = 0
    while True:
        ready, _, _ = select.select([terminal], [], [], TIMEOUT_S)
        assert ready, f"the command fell silent: {shown.decode()}"
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # Linux says EIO when the other side has closed
            break
        if not chunk:
            break
        shown += chunk
        if answers and shown[seen:].endswith(b": "):
            seen = len(shown)
            os.write(terminal, answers.pop(0).encode() + b"\n")
    assert not answers, f"never asked for {answers}: {shown.decode()}"
    return shown.decode()

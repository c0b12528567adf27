"""The first line of what a key command says: bounded in time and in size, and ended with us.

A password manager says a line. Whatever says more than that, or nothing for half a minute, is not
one, and costs neither memory nor the stop of a server.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Final

from gwproxy.errors import CredentialError
from gwproxy.profiles.redaction import redact
from gwproxy.profiles.secret import text_of

TIMEOUT_S: Final = 30.0
"""Long enough to touch a fingerprint reader for `op` or to type a passphrase for `pass`."""

MOST_BYTES: Final = 64 * 1024
"""Of each of its two outputs. A key has a hundred, and a warning beside it a few lines."""

_LAST_WORDS_S: Final = 1.0


class _Listener(threading.Thread):
    """Reads one output of `process`, which it ends when that says too much."""

    def __init__(self, process: subprocess.Popen[bytes], stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._process = process
        self._stream = stream
        self.heard = bytearray()

    def run(self) -> None:
        with self._stream:
            while len(self.heard) <= MOST_BYTES and (more := self._stream.read(4096)):
                self.heard += more
        if len(self.heard) > MOST_BYTES:
            self._process.kill()


class KeyCommands:
    """Runs key commands, in whichever thread asks, and can end those that run."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()

    def end(self) -> None:
        """End what runs now: whoever waits for it is told that it failed."""
        for process in list(self._running):
            process.kill()

    def first_line(self, name: str, command: Sequence[str], environ: Mapping[str, str]) -> str:
        """The first line that the key `command` of the profile `name` says, or "". Blocks.

        Raises CredentialError when it cannot be started, fails, says too much, or does not end.
        """
        hint = f"try it yourself, or: gwproxy profile key {name}"
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environ),
                bufsize=0,
            )
        except OSError as error:
            raise CredentialError(
                f"the key command of {name} cannot be started",
                why=f"{command[0]}: {error.strerror or error}",
                hint=hint,
            ) from None
        said, complained, in_time = self._outputs(process)
        if max(len(said), len(complained)) > MOST_BYTES:
            what = f"the key command of {name} says more than a key"
            raise CredentialError(
                what, why=f"{command[0]}: more than {MOST_BYTES} bytes", hint=hint
            )
        if not in_time:
            what = f"the key command of {name} did not end within {TIMEOUT_S:g} s"
            raise CredentialError(
                what, why=f"{command[0]} may be waiting for a password", hint=hint
            )
        if process.returncode != 0:
            lines = complained.decode(errors="replace").strip().splitlines()
            why = redact(lines[-1]) if lines else f"exit {process.returncode}"
            what = f"the key command of {name} failed"
            raise CredentialError(what, why=f"{command[0]}: {why}", hint=hint)
        lines = text_of(said).splitlines()
        return lines[0] if lines else ""

    def _outputs(self, process: subprocess.Popen[bytes]) -> tuple[bytes, bytes, bool]:
        """Stdout and stderr of `process`, which has ended then, and whether it did so in time."""
        listeners = [
            _Listener(process, stream) for stream in (process.stdout, process.stderr) if stream
        ]
        self._running.add(process)
        try:
            for listener in listeners:
                listener.start()
            process.wait(TIMEOUT_S)
            in_time = True
        except subprocess.TimeoutExpired:
            in_time = False
        finally:
            process.kill()
            process.wait()
            self._running.discard(process)
        for listener in listeners:
            # A program that it has left behind may hold the pipe for ever.
            listener.join(_LAST_WORDS_S)
        said, complained = (bytes(listener.heard) for listener in listeners)
        return said, complained, in_time

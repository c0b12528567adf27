"""`gwproxy serve` as a process of its own, asked over its real port."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gwproxy.profiles.local_token import local_token
from support.cli import Ran, environment

PATIENCE_S = 60


class Serving:
    """A running `gwproxy serve`; its stderr is collected line by line."""

    def __init__(self, *arguments: str, environ: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gwproxy", "serve", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment(environ),
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self.said = ""
        threading.Thread(target=self._collect, daemon=True).start()
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def _collect(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line)

    def wait_for(self, words: str) -> str:
        """The first line on stderr, from now on, in which `words` stand."""
        while True:
            line = self._lines.get(timeout=PATIENCE_S)
            self.said += line
            if words in line:
                return line

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        data = None if body is None else json.dumps(body).encode()
        given = {"x-api-key": local_token().reveal(), "content-type": "application/json", **headers}
        request = urllib.request.Request(self.url + path, data=data, headers=given)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def stop(self, number: signal.Signals = signal.SIGINT) -> Ran:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=PATIENCE_S)
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        while not self._lines.empty():
            self.said += self._lines.get()
        return Ran(code, out, self.said)


Serve = Callable[..., Serving]


@pytest.fixture
def serve(gwproxy_home: Path) -> Iterator[Serve]:
    """Starts `gwproxy serve --port 0`; whatever still runs is ended with the test."""
    started: list[Serving] = []

    def start(*arguments: str, environ: dict[str, str] | None = None) -> Serving:
        serving = Serving(*arguments, environ=environ)
        started.append(serving)
        return serving

    yield start
    for serving in started:
        if serving.process.poll() is None:
            serving.process.kill()
            serving.process.wait(timeout=PATIENCE_S)
        for stream in (serving.process.stdout, serving.process.stderr):
            assert stream is not None
            stream.close()

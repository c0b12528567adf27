"""What a process writes, line by line as it comes."""

from __future__ import annotations

import queue
import threading
from typing import IO

PATIENCE_S = 60


class Lines:
    """Collects the lines of `stream`, which it alone reads."""

    def __init__(self, stream: IO[str] | None) -> None:
        assert stream is not None
        self._stream = stream
        self._lines: queue.Queue[str] = queue.Queue()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        for line in self._stream:
            self._lines.put(line)

    def wait_for(self, words: str) -> str:
        """The first line, from now on, in which `words` stand."""
        while True:
            line = self._lines.get(timeout=PATIENCE_S)
            if words in line:
                return line

    def rest(self) -> list[str]:
        """What has come to the end, and nobody waited for."""
        self._thread.join(PATIENCE_S)
        found = []
        while not self._lines.empty():
            found.append(self._lines.get())
        return found

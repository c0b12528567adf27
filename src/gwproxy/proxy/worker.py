"""Supervision of what works in the background: threads that write, the follower of config.toml.

Whatever one piece of work raises ends that piece and no more: it is counted for `gwproxy status`,
told in the log, and the worker takes the next one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from gwproxy.errors import GwproxyError
from gwproxy.profiles.redaction import redact

_LOGGER: Final = logging.getLogger("gwproxy")

_QUIET_S: Final = 60.0
"""How long the same words are not said again: one odd tool may come a hundred times a minute."""

_MOST_NEWS: Final = 10
"""Different words within that time; the others are only counted."""

_MOST_WORDS: Final = 200


@dataclass(frozen=True, slots=True)
class WorkerState:
    """How a worker fares. `cannot` says what fails when it fails; `trouble` is why it does now, ""
    when all is well. `failed` pieces of work came to nothing since the start, the last of them
    for `last_failure`."""

    cannot: str
    trouble: str
    failed: int
    last_failure: str


class Worker:
    """Watches over one worker. In the log it says `cannot`, why, and what goes on `meanwhile`;
    afterwards that it is done `again`. For any thread."""

    def __init__(
        self, cannot: str, meanwhile: str, again: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._cannot = cannot
        self._meanwhile = meanwhile
        self._again = again
        self._clock = clock
        self._lock = threading.Lock()
        self._trouble = ""
        self._told_of_trouble = False
        self._failed = 0
        self._last_failure = ""
        self._told: dict[str, float] = {}
        self._piece = _Piece(self)

    @property
    def state(self) -> WorkerState:
        with self._lock:
            return WorkerState(self._cannot, self._trouble, self._failed, self._last_failure)

    def piece_of_work(self) -> AbstractContextManager[None, bool]:
        """A context for one piece of it: what is raised inside goes no further, but for what ends
        the process or the task."""
        return self._piece

    def suffer(self, why: Exception | str) -> None:
        """Note that the work cannot be done now, and say so once."""
        words = words_of(why)
        with self._lock:
            began, self._trouble = not self._trouble, words
        if began and self._is_news(words):
            self._told_of_trouble = True
            _LOGGER.warning("%s (%s); %s", self._cannot, words, self._meanwhile)
        if isinstance(why, Exception):
            _LOGGER.debug("%s", self._cannot, exc_info=why)

    def recover(self) -> None:
        """Note that the work is done, and say so where it could not be."""
        if not (self._trouble or self._told_of_trouble):
            return
        with self._lock:
            told, self._told_of_trouble, self._trouble = self._told_of_trouble, False, ""
        if told:
            _LOGGER.info("%s", self._again)

    def lose(self, why: Exception | str, name: str = "", count: int = 1) -> None:
        """Count `count` pieces of work that will never be done; a single one that has a `name` is
        told by it, when the others go on."""
        words = words_of(why)
        with self._lock:
            self._failed += count
            self._last_failure = words
        if name and self._is_news(words):
            _LOGGER.warning("%s: %s is left out (%s)", self._cannot, name, words)

    def _is_news(self, words: str) -> bool:
        """Whether these words were not said a moment ago."""
        now_s = self._clock()
        with self._lock:
            self._told = {said: at for said, at in self._told.items() if now_s - at < _QUIET_S}
            if words in self._told or len(self._told) >= _MOST_NEWS:
                return False
            self._told[words] = now_s
            return True


class _Piece(AbstractContextManager[None, bool]):
    """Any piece of one worker's work: it remembers nothing, so that one serves for all, also for
    those that run at once."""

    __slots__ = ("_worker",)

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> bool:
        if error is None:
            self._worker.recover()
            return False
        if not isinstance(error, Exception):
            return False
        self._worker.lose(error)
        self._worker.suffer(error)
        return True


def words_of(why: Exception | str) -> str:
    """Why something failed, in one line without a key. What nobody foresaw is told with its kind,
    for whoever has to find it."""
    if isinstance(why, GwproxyError):
        text = why.why or why.what
    elif isinstance(why, OSError):
        text = why.strerror or str(why)
    elif isinstance(why, str) or type(why).__module__.startswith("gwproxy."):
        text = str(why)
    else:
        text = f"{type(why).__name__}: {why}"
    return redact(" ".join(text.split())[:_MOST_WORDS])

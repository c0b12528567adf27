"""Between exchanges and the file of kept responses: one thread, so that no answer waits for a disk
longer than it must, and trouble that harms none.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from gwproxy.proxy.records.conversations.database import ConversationsFile
from gwproxy.proxy.records.conversations.kept import Kept
from gwproxy.proxy.records.storage import StorageTrouble, Unstorable
from gwproxy.proxy.worker import Worker, words_of

T = TypeVar("T")

_LOGGER: Final = logging.getLogger("gwproxy")

LARGEST_BYTES: Final = 32 * 1024 * 1024
"""Of one response with its input. Only pictures get there, and the file is to hold several."""

_KEEPING_S: Final = 2.0
"""The last bytes of an answer wait for the disk, at most this long."""

_MOST_OWN: Final = 10_000
"""Ids that are remembered while we run."""

_PAUSE_S: Final = 30.0
"""After trouble: room on a disk comes back when a person makes it."""


class Unknown(Exception):
    """No response of that id is kept."""

    def __init__(self, response_id: str) -> None:
        super().__init__(response_id)
        self.response_id = response_id


class ConversationTooLong(Exception):
    """The conversation goes back further than is read."""


class Conversations:
    """Kept responses in `path`; with None nothing is kept. `pause_s` passes after trouble before
    anything is tried to be kept again."""

    def __init__(self, path: Path | None, *, pause_s: float = _PAUSE_S) -> None:
        self._path = path
        self._pause_s = pause_s
        self._database: ConversationsFile | None = None
        self._troubled_at: float | None = None
        self._own: dict[str, None] = {}
        self._thread = ThreadPoolExecutor(1, "gwproxy-responses")
        self.worker = Worker(
            "responses cannot be kept",
            "answers go on, and say `store: false`",
            "responses are kept again",
        )

    @property
    def exists(self) -> bool:
        """Whether there is a file at all."""
        return self._path is not None

    @property
    def accepting(self) -> bool:
        """Whether what is asked to be kept now most likely will be."""
        troubled_at = self._troubled_at
        is_well = troubled_at is None or time.monotonic() - troubled_at >= self._pause_s
        return self.exists and is_well

    def own(self, response_id: str) -> None:
        """Note that the upstream which made that response has not kept it: we alone have."""
        self._own[response_id] = None
        while len(self._own) > _MOST_OWN:
            del self._own[next(iter(self._own))]

    def owns(self, response_id: str) -> bool:
        """Whether that response is known to be kept here alone."""
        return response_id in self._own

    async def keep(self, kept: Kept) -> bool:
        """Whether it was kept. Never raises, and never takes long."""
        if kept.size_bytes > LARGEST_BYTES:
            return False
        now_s = int(time.time())
        try:
            async with asyncio.timeout(_KEEPING_S):
                done = await self._run(lambda database: database.keep(kept, now_s))
        except TimeoutError:
            self._suffer(StorageTrouble("the disk takes too long"))
        except Unstorable as error:
            self.worker.lose(error, kept.id)
        except StorageTrouble:
            pass
        else:
            self._recover()
            return done
        return False

    def prune(self) -> None:
        """Delete what is too old or too much, sooner or later; a file is not begun for it. Never
        waits, never raises."""
        if self._path is not None and self._path.exists():
            self._thread.submit(self._prune)

    def _prune(self) -> None:
        now_s = int(time.time())
        with contextlib.suppress(StorageTrouble):
            self._ask(lambda database: database.prune(now_s))

    async def knows(self, response_id: str) -> bool:
        """Whether a response of that id is kept. Raises StorageTrouble."""
        return await self._run(lambda database: database.knows(response_id))

    async def find(self, response_id: str) -> Kept:
        """The response of that id. Raises Unknown and StorageTrouble."""
        found = await self._run(lambda database: database.find(response_id))
        if found is None:
            raise Unknown(response_id)
        return found

    async def chain(self, response_id: str) -> list[Kept]:
        """The response and all those before it, the oldest first. Raises Unknown for the first that
        is not there, ConversationTooLong and StorageTrouble."""
        return await self._run(lambda database: _whole_chain(database, response_id))

    async def items(self, ids: Sequence[str]) -> dict[str, tuple[str, bytes]]:
        """Those of the items that are kept, each with its maker. Raises StorageTrouble."""
        return await self._run(lambda database: database.items(ids))

    async def forget(self, response_id: str) -> None:
        """Delete the response of that id. Raises Unknown and StorageTrouble."""
        if not await self._run(lambda database: database.forget(response_id)):
            raise Unknown(response_id)

    async def _run(self, ask: Callable[[ConversationsFile], T]) -> T:
        if self._path is None:
            raise StorageTrouble("responses are not kept here")
        try:
            work = asyncio.get_running_loop().run_in_executor(self._thread, self._ask, ask)
        except RuntimeError:  # of a thread that was ended: an answer has outlived the server
            raise StorageTrouble("the gateway is stopping") from None
        return await work

    def close(self) -> None:
        """Write what waits, and end the thread. Not for the loop."""
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._thread.submit(self._close_database)
        self._thread.shutdown()

    # --- the thread --------------------------------------------------------------------------

    def _ask(self, ask: Callable[[ConversationsFile], T]) -> T:
        assert self._path is not None
        if self._database is not None and self._database.is_gone:
            self._close_database()
            _LOGGER.warning("%s was taken away: what was kept in it is gone", self._path)
        try:
            if self._database is None:
                self._database = ConversationsFile.open(self._path, _tell_of_damage)
            return ask(self._database)
        except (Unknown, ConversationTooLong, Unstorable):
            raise
        except StorageTrouble as trouble:
            self._close_database()
            self._suffer(trouble)
            raise
        except Exception as error:
            self.worker.lose(error, "a response")
            raise StorageTrouble(words_of(error)) from error

    def _close_database(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _suffer(self, trouble: StorageTrouble) -> None:
        self._troubled_at = time.monotonic()
        self.worker.suffer(trouble)

    def _recover(self) -> None:
        self._troubled_at = None
        self.worker.recover()


def _whole_chain(database: ConversationsFile, response_id: str) -> list[Kept]:
    chain = database.chain(response_id)
    missing = chain[0].previous_id if chain else response_id
    if missing and database.knows(missing):
        raise ConversationTooLong
    if missing:
        raise Unknown(missing)
    return chain


def _tell_of_damage(trouble: StorageTrouble, aside: Path) -> None:
    _LOGGER.warning(
        "the file of kept responses was damaged (%s): it is kept as %s, and a new one begun",
        trouble,
        aside,
    )

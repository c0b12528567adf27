"""One exchange of the Responses dialect: what its request leans on, what of its answer is kept.

    turn = await Turn.begin(…, body)     the request made whole, `turn.body`
    await turn.heard(data)               every piece of a streamed answer
    await turn.answered(body)            a whole one

The answer tells the truth: `store` is what became of it, `previous_response_id` what was asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeVar

from gwproxy.proxy import failures
from gwproxy.proxy.conversations.kept import Kept
from gwproxy.proxy.conversations.store import LARGEST_BYTES, Conversations, TooLong, Unknown
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.storage import Trouble
from gwproxy.translate.responses.kept import record, state
from gwproxy.translate.responses.kept.record import Listener, Moment, Record
from gwproxy.translate.responses.kept.state import State

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a turn finds: `keeps` says whether responses are to be kept at all, `maker` is the
    profile that answers, and `native` whether its upstream speaks this very dialect (and may have
    a memory of its own). Bodies of `thread_bytes` and more are read in a thread."""

    conversations: Conversations
    keeps: bool
    maker: str
    native: bool
    thread_bytes: int
    new_id: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Past:
    """What a request leans on: the responses before it, and single items by their ids."""

    chain: Sequence[Kept]
    items: Mapping[str, bytes]


_NOTHING: Final = _Past((), MappingProxyType({}))


class Turn:
    """`body` is the request for the upstream."""

    def __init__(self, setting: Setting, body: bytes) -> None:
        self.body = body
        self._setting = setting
        self._listener: Listener | None = None
        self._stores = False
        self._previous_id: str | None = None
        self._conversation = ""
        self._given: tuple[bytes, ...] = ()
        self._id = ""

    @classmethod
    async def begin(cls, setting: Setting, body: bytes) -> Turn:
        """Raises Failed and fields.Rejected."""
        turn = cls(setting, body)
        wished = await turn._off_the_loop(lambda: state.stateful(body))
        if setting.native and wished.remote:
            return turn
        leans = wished.previous_response_id is not None or bool(wished.references)
        past = await turn._recall(wished) if leans else _NOTHING
        if past is None:
            return turn  # another's memory: the upstream knows it, or will say that it does not
        if leans or (wished.store and setting.keeps):
            await turn._off_the_loop(lambda: turn._resolve(wished, past, leans=leans))
        return turn

    async def _off_the_loop(self, work: Callable[[], T]) -> T:
        if len(self.body) < self._setting.thread_bytes:
            return work()
        return await asyncio.to_thread(work)

    async def _recall(self, wished: State) -> _Past | None:
        """None where the upstream is to be asked, which may know what is not kept here. Raises
        Failed."""
        conversations = self._setting.conversations
        previous = wished.previous_response_id
        try:
            if not self._setting.keeps:
                raise Unknown(previous or "")
            chain = await conversations.chain(previous) if previous else []
            found = await conversations.items(wished.references) if wished.references else {}
        except TooLong:
            raise Failed(failures.conversation_too_long()) from None
        except (Unknown, Trouble) as error:
            if self._setting.native:
                return None
            if isinstance(error, Trouble):
                raise Failed(failures.unreadable_responses(str(error))) from None
            # A reference alone is refused where the input is read, with its place in it.
            if previous is None:
                return _NOTHING
            raise Failed(failures.unknown_previous_response(error.response_id)) from None
        if self._setting.native and not found.keys() >= set(wished.references):
            return None
        return _Past(chain, {name: self._carried(*item) for name, item in found.items()})

    def _carried(self, maker: str, item: bytes) -> bytes:
        return b"".join(state.carried([item], same_maker=maker == self._setting.maker))

    def _resolve(self, wished: State, past: _Past, *, leans: bool) -> None:
        setting = self._setting
        own = state.items(self.body, past.items)
        self._previous_id = wished.previous_response_id
        self._stores = (
            wished.store
            and setting.keeps
            and setting.conversations.accepting
            and len(self.body) <= LARGEST_BYTES
        )
        if self._stores:
            self._given = tuple(own)
            self._conversation = past.chain[0].conversation if past.chain else ""
        if self._stores or self._previous_id is not None:
            self._listener = Listener()
        if leans or setting.native:
            # Also where nothing came before: not every upstream knows `store`, and those that do
            # would keep a second copy under an id of their own.
            earlier = self._earlier(past.chain)
            sealed = self._stores and setting.native
            self.body = state.resolve(self.body, [*earlier, *own], sealed=sealed)

    def _earlier(self, chain: Sequence[Kept]) -> list[bytes]:
        items: list[bytes] = []
        for kept in chain:
            items += kept.given
            items += state.carried(kept.output, same_maker=kept.maker == self._setting.maker)
        return items

    # --- the answer ----------------------------------------------------------------------------

    async def heard(self, data: bytes, *, last: bool = False) -> bytes:
        """What the client gets for `data`, the next bytes of a stream; `last` ends it."""
        listener = self._listener
        if listener is None:
            return data
        out: list[bytes] = []
        for piece in listener.feed(data):
            if isinstance(piece, Moment):
                piece = piece.told(await self._tell(piece.record))
            out.append(piece)
        if last:
            out.append(listener.rest())
        return b"".join(out)

    async def answered(self, body: bytes) -> bytes:
        """What the client gets for `body`, a whole answer."""
        if self._listener is None:
            return body
        found = record.read(body)
        return body if found is None else await self._tell(found)

    async def _tell(self, found: Record) -> bytes:
        if not self._id:
            self._id = await self._name(found.id)
        if found.finished and self._stores:
            self._stores = await self._keep(found)
        return found.restated(
            self._id,
            store=self._stores and (found.finished or not found.over),
            previous_response_id=self._previous_id,
        )

    async def _name(self, response_id: str) -> str:
        """The response's id; another where one of that id is kept, for some upstreams call all
        their answers alike."""
        try:
            if self._stores and await self._setting.conversations.knows(response_id):
                return self._setting.new_id("resp_")
        except Trouble:
            self._stores = False
        return response_id

    async def _keep(self, found: Record) -> bool:
        kept = Kept(
            id=self._id,
            conversation=self._conversation or self._id,
            previous_id=self._previous_id or "",
            maker=self._setting.maker,
            response=found.restated(self._id, store=True, previous_response_id=self._previous_id),
            given=self._given,
            output=found.output,
        )
        return await self._setting.conversations.keep(kept)

"""One exchange of the Responses dialect: what its request leans on, what of its answer is kept.

    turn = await ConversationTurn.begin(…, body)    `turn.body` is the request for the upstream
    await turn.recollected()      …and where that turned out to keep nothing, made whole
    await turn.heard(data)        every piece of a streamed answer
    await turn.answered(body)     a whole one

An upstream of this very dialect is believed to keep responses itself until it shows that it does
not: its requests and answers pass as they are, and what is kept here is a copy for that case. Where
our memory serves, the answer tells the truth: `store` is what became of it, `previous_response_id`
what was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeVar

from gwproxy.proxy import failures
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.limits import Limits
from gwproxy.proxy.records.conversations.kept import Kept
from gwproxy.proxy.records.conversations.store import (
    LARGEST_BYTES,
    Conversations,
    ConversationTooLong,
    Unknown,
)
from gwproxy.proxy.records.storage import StorageTrouble
from gwproxy.proxy.threads import off_the_loop
from gwproxy.translate.responses.kept import record, state
from gwproxy.translate.responses.kept.record import Moment, ResponseListener, ResponseRecord
from gwproxy.translate.responses.kept.state import State

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a turn finds: `keeps` says whether responses are to be kept at all, `maker` is the
    profile that answers, and `native` whether its upstream speaks this very dialect; it then
    `remembers`, None where nobody knows."""

    conversations: Conversations
    keeps: bool
    maker: str
    native: bool
    remembers: bool | None
    limits: Limits
    new_id: Callable[[str], str]

    @property
    def is_trusted(self) -> bool:
        """Whether the upstream is left to keep its responses."""
        return self.native and self.remembers is not False


@dataclass(frozen=True, slots=True)
class _Past:
    """What a request leans on: the responses before it, and single items by their ids."""

    chain: Sequence[Kept]
    items: Mapping[str, bytes]


_NOTHING: Final = _Past((), MappingProxyType({}))


class ConversationTurn:
    """One request and its answer in a conversation: `body` is the request for the upstream, and
    `forgets` whether that has just shown to keep nothing."""

    def __init__(self, setting: Setting, body: bytes) -> None:
        self.body = body
        self.forgets = False
        self._setting = setting
        self._trusts = setting.is_trusted
        self._wished = State()
        self._past: _Past | None = _NOTHING
        self._listener: ResponseListener | None = None
        self._stores = False
        self._restates = not self._trusts
        self._conversation = ""
        self._given: tuple[bytes, ...] = ()
        self._id = ""

    @classmethod
    async def begin(cls, setting: Setting, body: bytes) -> ConversationTurn:
        """The turn that the request `body` begins. Raises Failed and fields.Rejected."""
        turn = cls(setting, body)
        wished = turn._wished = await turn._off_the_loop(lambda: state.stateful(body))
        if setting.native and wished.remote:
            turn._past = None
            return turn
        past = turn._past = await turn._recall(wished) if turn._leans else _NOTHING
        if past is None:
            return turn  # another's memory: the upstream knows it, or will say that it does not
        if past.chain and turn._is_ours_alone(past.chain[-1]):
            turn._trusts = False
        if turn._trusts:
            await turn._off_the_loop(lambda: turn._copy(past))
        elif turn._leans or (wished.store and setting.keeps):
            await turn._off_the_loop(lambda: turn._resolve(past))
        return turn

    def _is_ours_alone(self, last: Kept) -> bool:
        """Whether the upstream that made it does not keep it."""
        made_here = last.maker == self._setting.maker
        return (made_here and not last.shared) or self._setting.conversations.owns(last.id)

    @property
    def other_makers(self) -> Sequence[str]:
        """The other profiles whose answers this one's provider gets to see, each once."""
        chain = self._past.chain if self._past is not None else ()
        makers = dict.fromkeys(kept.maker for kept in chain)
        return [maker for maker in makers if maker != self._setting.maker]

    @property
    def _leans(self) -> bool:
        return self._wished.previous_response_id is not None or bool(self._wished.references)

    async def recollected(self) -> bool:
        """Whether the request is now whole, for an upstream that turned out to keep nothing."""
        past = self._past
        if not self._trusts or past is None:
            return False
        self._trusts = False
        await self._off_the_loop(lambda: self._resolve(past))
        return True

    async def _off_the_loop(self, work: Callable[[], T]) -> T:
        return await off_the_loop(work, self.body, self._setting.limits)

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
        except ConversationTooLong:
            if self._trusts:
                return None
            raise Failed(failures.conversation_too_long()) from None
        except (Unknown, StorageTrouble) as error:
            if self._trusts:
                return None
            if isinstance(error, StorageTrouble):
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

    # --- the request ---------------------------------------------------------------------------

    def _copy(self, past: _Past) -> None:
        """Let the request pass as it came, but for what it leans on that another upstream made; of
        the answer a copy is kept, unless the upstream is known to keep it."""
        setting = self._setting
        elsewhere = bool(past.chain) and past.chain[-1].maker != setting.maker
        copies = self._wished.store and setting.keeps and setting.remembers is None
        if not (copies or elsewhere):
            return
        own = state.items(self.body, past.items if elsewhere else None)
        self._keep_from(past, own, wanted=copies)
        if elsewhere:
            self._restates = True
            whole = [*self._earlier(past.chain), *own]
            self.body = state.resolve(self.body, whole, stateless=False)
        if self._stores or elsewhere:
            self._listener = ResponseListener()

    def _resolve(self, past: _Past) -> None:
        """Make the request whole out of our own memory, which serves the next one, too."""
        setting, wished = self._setting, self._wished
        own = state.items(self.body, past.items)
        self._restates = True
        self._keep_from(past, own, wanted=wished.store and setting.keeps)
        if self._stores or wished.previous_response_id is not None:
            self._listener = ResponseListener()
        if self._leans or setting.native:
            # Also where nothing came before: not every upstream knows `store`, and those that do
            # would keep a second copy under an id of their own.
            earlier = self._earlier(past.chain)
            sealed = self._stores and setting.native
            self.body = state.resolve(self.body, [*earlier, *own], sealed=sealed)

    def _keep_from(self, past: _Past, own: Sequence[bytes], *, wanted: bool) -> None:
        """Settle whether the answer is kept, and with what."""
        accepting = self._setting.conversations.accepting
        self._stores = wanted and accepting and len(self.body) <= LARGEST_BYTES
        if self._stores:
            self._given = tuple(own)
            self._conversation = past.chain[0].conversation if past.chain else ""

    def _earlier(self, chain: Sequence[Kept]) -> list[bytes]:
        items: list[bytes] = []
        for kept in chain:
            items = [] if state.compacts(kept.output) else [*items, *kept.given]
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
                told = await self._tell(piece.record)
                piece = piece.raw if told is None else piece.told(told)
            out.append(piece)
        if last:
            out.append(listener.rest())
        return b"".join(out)

    async def answered(self, body: bytes) -> bytes:
        """What the client gets for `body`, a whole answer."""
        if self._listener is None:
            return body
        found = record.read(body)
        told = None if found is None else await self._tell(found)
        return body if told is None else told

    async def _tell(self, found: ResponseRecord) -> bytes | None:
        """The response object as the client gets it; None where it stays as it came."""
        if self._trusts and self._stores and found.is_not_stored:
            self._trusts, self.forgets, self._restates = False, True, True
        if not self._id:
            self._id = found.id if self._trusts else await self._name(found.id)
        if found.finished and self._stores:
            self._stores = await self._keep(found)
        if not self._restates:
            return None
        stored = self._stores and (found.finished or not found.over)
        return found.restated(
            self._id,
            store=None if self._trusts else stored,
            previous_response_id=self._wished.previous_response_id,
        )

    async def _name(self, response_id: str) -> str:
        """The response's id; another where one of that id is kept, for some upstreams call all
        their answers alike."""
        try:
            if self._stores and await self._setting.conversations.knows(response_id):
                return self._setting.new_id("resp_")
        except StorageTrouble:
            self._stores = False
        return response_id

    async def _keep(self, found: ResponseRecord) -> bool:
        previous = self._wished.previous_response_id
        kept = Kept(
            id=self._id,
            conversation=self._conversation or self._id,
            previous_id=previous or "",
            maker=self._setting.maker,
            response=found.restated(self._id, store=True, previous_response_id=previous),
            given=self._given,
            output=found.output,
            shared=self._trusts,
        )
        conversations = self._setting.conversations
        if not self._trusts:
            conversations.own(self._id)
        return await conversations.keep(kept)

"""What an exchange asks of its upstream: the request as one route puts it, and put again where a
refusal says how it should have been.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Final

from gwproxy.proxy import failures
from gwproxy.proxy.exchange.ageing import session_named, strand_named
from gwproxy.proxy.exchange.healing import Healed, Trial
from gwproxy.proxy.exchange.prepared import Prepared, Preparer
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.incoming import Incoming
from gwproxy.proxy.records.conversations.turn import ConversationTurn
from gwproxy.proxy.records.prompt_cache.turn import Put
from gwproxy.proxy.routing.route import Route
from gwproxy.translate.bridge import ErrorAnswer, RequestHead
from gwproxy.translate.errors.healing import REFUSED, Remedy
from gwproxy.translate.hub import UNHEEDED, Failure, FailureKind
from gwproxy.translate.quirks import Quirks, QuirkValue, known_to_refuse
from gwproxy.translate.wire.fields import Declined, Rejected
from gwproxy.translate.wire.jsonio import NotJson

_MOST_ROUNDS: Final = 6
"""Repetitions of one request: each is a refusal more that the client waits for."""

_MOST_SHORTENINGS: Final = 4
"""Of a history that is to be summarised; after them less than a quarter of it is left."""

_AN_IMAGE_BYTES: Final = 64 * 1024
"""Bodies that hosts refuse as too large have megabytes: one that is smaller by less than an image
is too large again."""


class Question:
    """One request on one route: `prepared` is it as it is put now. Where it tries without a lesson,
    `before` is it with that lesson, as long as it can go back."""

    def __init__(
        self,
        incoming: Incoming,
        preparer: Preparer,
        prepared: Prepared,
        own_quirks: Quirks,
        trial: Trial | None = None,
    ) -> None:
        self.incoming = incoming
        self.prepared = prepared
        self._preparer = preparer
        self._own_quirks = own_quirks
        self._trial = trial
        self._before: Prepared | None = None
        self._healed: list[Healed] = []
        self._shortenings = 0
        self._most_tokens: int | None = None
        self._services = incoming.services
        self._record = incoming.record

    @classmethod
    async def put(
        cls, incoming: Incoming, found: Route, asked: RequestHead, body: bytes
    ) -> Question:
        """The question to the upstream of `found`, by what that has taught. Raises Failed, Rejected
        and NotJson; `settle` it when it is answered."""
        healing, record = incoming.services.healing, incoming.record
        session = session_named(incoming.request.headers)
        trial = None if incoming.is_strict else healing.trial(found, session, body)
        route = healing.informed(found, session)
        record.follow(route)
        record.generating = True
        if route.quirks.rebuild and incoming.dialect == route.dialect:
            record.add_remark("rebuilt")
        preparer = Preparer(incoming, asked, body, route.profile.name)
        turn = await preparer.turn(route)
        if turn is not None and (others := turn.other_makers):
            # A person who keeps two providers apart is to see where their words went.
            record.add_remark(f"sends on the words of profile {', '.join(others)}")
        try:
            prepared = await preparer.prepared(route, turn)
        except Declined:
            # A lesson that is due may be all that declines it.
            if trial is None or not (tried := await _tried(incoming, preparer, trial, turn)):
                raise
            return cls(incoming, preparer, tried, found.quirks, trial)
        question = cls(incoming, preparer, prepared, found.quirks)
        if trial is not None and healing.begin(trial):
            await question._do_without(trial)
        return question

    async def _do_without(self, trial: Trial) -> None:
        """Put it without the lesson of `trial`, where that makes a difference."""
        try:
            turn = await self._preparer.turn(trial.route)
            tried = await self._put_on(trial.route, turn, FailureKind.INVALID)
            if tried is not None:
                self._trial, self._before, self.prepared = trial, self.prepared, tried
                self._record.add_remark(f"tried anew: {trial.lesson.why}?")
        finally:
            if self._trial is None:
                self._services.healing.leave(trial)

    def _leave_trial(self) -> None:
        if self._trial is not None:
            self._services.healing.leave(self._trial)
            self._trial = self._before = None

    # --- what refusals and answers say of it -----------------------------------------------------

    async def judge(self, failure: Failure) -> None:
        """Learn what mended it last if that has helped, though it was refused with `failure`."""
        if self._healed:
            await self._services.healing.judge(self._healed[-1], failure)

    async def answered(self) -> None:
        """Learn what was changed for an upstream that takes it now, or drop the lesson tried."""
        healing = self._services.healing
        # It is billed: whatever becomes of the lesson, the client gets its answer.
        with self._services.recording.piece_of_work():
            if self._healed:
                await healing.learn(self._healed[-1])
            elif self._trial is not None:
                await healing.outgrown(self._trial)
        self._leave_trial()

    async def told(self) -> None:
        """Learn from an answer that its client has whether the upstream keeps responses."""
        turn, route = self.prepared.turn, self.prepared.route
        if turn is not None and turn.forgets:
            forgets: dict[str, QuirkValue] = {"keeps_responses": False}
            remedy = Remedy("it says that it keeps no responses", forgets)
            with self._services.recording.piece_of_work():
                await self._services.healing.learn(Healed(route, remedy, ""))

    async def taught_by(self, failure: Failure) -> None:
        """Learn from a failure in an answer that was billed, which is not asked for again."""
        healing = self._services.healing
        if failure.code == UNHEEDED:
            with self._services.recording.piece_of_work():
                for healed in healing.remedies(failure, self.prepared.route, faithful=True):
                    await healing.learn(healed)

    async def mend(self, error: ErrorAnswer, status: int) -> bool:
        """Whether it is now put as the upstream wants it, which refused it with `status`: nobody is
        billed for that. Only while each refusal says something new; False leaves all as it was.
        Raises Failed where the upstream is not to be asked for it again."""
        if len(self._healed) == _MOST_ROUNDS or self.incoming.is_strict or status not in REFUSED:
            return False
        healing, now = self._services.healing, self.prepared
        if self._trial is not None and self._before is not None:
            await healing.still_refused(self._trial)
            self.prepared = self._before
            self._leave_trial()
            return True
        faithful, ordered = now.bridge.relays, now.bridge.ordered
        for healed in healing.remedies(
            error.failure, now.route, faithful=faithful, ordered=ordered
        ):
            try:
                mended = await self._put_on(healed.route, now.turn, error.failure.kind)
            except Declined as no:
                await self._learn_to_decline(healed)
                raise Failed(failures.rejected(no, now.route.profile.name)) from None
            if mended is not None:
                self.prepared = mended
                self._healed.append(healed)
                for change in (name for one in self._healed for name in one.remedy.named):
                    mended.bridge.tally.losses.heal(change)
                remedy = healed.remedy
                self._record.add_remark(f"asked again, since {remedy.cause}: {remedy}")
                return True
        return False

    async def _learn_to_decline(self, healed: Healed) -> None:
        healing = self._services.healing
        if self._trial is None:
            await healing.learn(healed)
        else:
            await healing.still_refused(self._trial)
            self._leave_trial()

    async def _put_on(
        self, route: Route, turn: ConversationTurn | None, kind: FailureKind
    ) -> Prepared | None:
        """It as `route` puts it, after a refusal of that kind; None where that is the same, which
        would be refused again. Raises Failed, and Declined where it is not to be put at all."""
        if turn is not None and known_to_refuse(route.quirks.keeps_responses):
            await turn.recollected()
        try:
            mended = await self._preparer.prepared(route, turn, self._most_tokens)
        except Declined:
            raise
        except (Rejected, NotJson) as obstacle:
            # The client hears the upstream; what stood in the way of mending it is for the log.
            self._record.add_remark(f"not mended: {obstacle}")
            return None
        refused, call = self.prepared.call, mended.call
        saved = len(refused.body) - len(call.body)
        is_too_large = kind is FailureKind.TOO_LARGE and saved < _AN_IMAGE_BYTES
        is_same = (call.body, call.headers) == (refused.body, refused.headers)
        return None if is_same or is_too_large else mended

    async def shortened(self, failure: Failure) -> bool:
        """Whether it is now put with less of a history that is to be summarised, which the window
        did not hold: an order to compact comes when it is full. False leaves all as it was."""
        now = self.prepared
        most = now.bridge.fewer_tokens(failure)
        if most is None or self._shortenings == _MOST_SHORTENINGS or self.incoming.is_strict:
            return False
        self._shortenings += 1
        self._most_tokens = most
        outgoing = await self._preparer.translated(now.bridge, now.body, most)
        if len(outgoing) >= len(now.call.body):
            return False
        self.prepared = replace(now, call=replace(now.call, body=outgoing))
        self._record.add_remark("asked again with less of the history, since the window is full")
        return True

    # --- what is kept of it ----------------------------------------------------------------------

    @property
    def as_put(self) -> Put:
        """What the watch over prompt caches is to know of it."""
        now, strand = self.prepared, strand_named(self.incoming.request.headers)
        return Put(now.body, now.call.body, now.route.quirks, self._own_quirks, strand)

    def settle(self) -> None:
        """End it: learn from the tokens that were counted, and let others try the lesson."""
        self._leave_trial()
        bridge, profile = self.prepared.bridge, self.prepared.route.profile.name
        if not bridge.relays and bridge.input_estimate:
            estimated, counted = bridge.input_estimate, bridge.tally.usage.input_total
            with self._services.recording.piece_of_work():
                self._services.calibration.learn(profile, self._preparer.factor, estimated, counted)


async def _tried(
    incoming: Incoming, preparer: Preparer, trial: Trial, turn: ConversationTurn | None
) -> Prepared | None:
    """The request without the lesson of `trial`, which then runs; None where it does not help."""
    healing, tried = incoming.services.healing, None
    if not healing.begin(trial):
        return None
    try:
        with suppress(Rejected, NotJson):
            tried = await preparer.prepared(trial.route, turn)
            incoming.record.add_remark(f"tried anew: {trial.lesson.why}?")
    finally:
        if tried is None:
            healing.leave(trial)
    return tried

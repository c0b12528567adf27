"""What an exchange asks of its upstream: the request as one route puts it, and put again where a
refusal says how it should have been.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final, TypeVar

from aiohttp import web

from gwproxy.proxy import failures
from gwproxy.proxy.exchange.ageing import session_named, strand_named
from gwproxy.proxy.exchange.healing import Healed, Trial
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.inbound import answers
from gwproxy.proxy.record import ExchangeRecord
from gwproxy.proxy.records.conversations.turn import ConversationTurn, Setting
from gwproxy.proxy.records.prompt_cache.turn import Put
from gwproxy.proxy.routing.route import Route, Routes
from gwproxy.proxy.services import Services
from gwproxy.proxy.threads import off_the_loop
from gwproxy.proxy.upstream import headers
from gwproxy.proxy.upstream.client import UpstreamAnswer, UpstreamRequest
from gwproxy.translate.bridge import NO_IMAGES, Bridge, ErrorAnswer, RequestHead, rejection
from gwproxy.translate.errors.healing import REFUSED, Remedy
from gwproxy.translate.hub import UNHEEDED, Dialect, Failure, FailureKind
from gwproxy.translate.quirks import QuirkValue, known_to_refuse
from gwproxy.translate.wire.fields import Declined, Rejected
from gwproxy.translate.wire.jsonio import NotJson

T = TypeVar("T")

_MOST_ROUNDS: Final = 6
"""Repetitions of one request: each is a refusal more that the client waits for."""

_MOST_SHORTENINGS: Final = 4
"""Of a history that is to be summarised; after them less than a quarter of it is left."""

_AN_IMAGE_BYTES: Final = 64 * 1024
"""Bodies that hosts refuse as too large have megabytes: one that is smaller by less than an image
is too large again."""


class Question:
    """One request on one route: the bridge that translated it, and the call that carries it.

    `factor` is what the bridge's token estimate was multiplied by. `turn` is there for the
    Responses dialect alone, `healed` what mended it last.
    """

    def __init__(
        self,
        services: Services,
        request: web.BaseRequest,
        client: Dialect,
        record: ExchangeRecord,
        route: Route,
        asked: RequestHead,
    ) -> None:
        self._session = session_named(request.headers)
        self._trial: Trial | None = None
        self._taught: (
            tuple[Route, Bridge, UpstreamRequest, ConversationTurn | None, bytes] | None
        ) = None
        self._routes: Routes
        self._own_quirks = route.quirks
        self._came = b""
        self.route = route
        self.bridge: Bridge
        self.call: UpstreamRequest
        self.factor = services.calibration.factor(route.profile.name)
        self.turn: ConversationTurn | None = None
        self.healed: Healed | None = None
        self._rounds = 0
        self._shortenings = 0
        self._most_tokens: int | None = None
        self._healed_by: list[str] = []
        self._services = services
        self._request = request
        self._client = client
        self._record = record
        self._asked = asked
        self._body = b""

    async def put(self, routes: Routes, body: bytes) -> None:
        """Translate it; nothing else is there before. Raises Failed, Rejected and NotJson."""
        services, record = self._services, self._record
        self._routes, self._came = routes, body
        trial = None if self._is_strict else services.healing.trial(self.route, self._session, body)
        route = self.route = services.healing.informed(self.route, self._session)
        record.follow(route)
        record.generating = True
        if route.quirks.rebuild and self._client == route.dialect:
            record.add_remark("rebuilt")
        await self._begin_turn(route)
        if self.turn is not None and (others := self.turn.other_makers):
            # A person who keeps two providers apart is to see where their words went.
            record.add_remark(f"sends on the words of profile {', '.join(others)}")
        self.bridge = self._new_bridge(route)
        try:
            outgoing = await self._translated(self.bridge)
        except Declined:
            if trial is None or not await self._put_anew(trial):
                raise
            return
        self._refuse_losses()
        key = await services.keys.get(route.profile)
        self.call = self._new_call(route, self.bridge, outgoing, key)
        if trial is not None:
            await self._do_without(trial)

    async def _begin_turn(self, route: Route) -> None:
        self._body = self._came
        if self._client == Dialect.RESPONSES:  # alone it has a memory (product.md §5)
            # One whose requests are rebuilt has no memory, or what asks for it is not passed on.
            native = route.dialect == Dialect.RESPONSES and not route.quirks.rebuild
            self.turn = await begin_turn(
                self._services, self._routes, route, self._came, native=native
            )
            self._body = self.turn.body

    async def _do_without(self, trial: Trial) -> None:
        """Put it without a lesson that is due, where that makes a difference."""
        if not self._services.healing.begin(trial):
            return
        self._trial = trial
        taught = self.route, self.bridge, self.call, self.turn, self._body
        await self._begin_turn(trial.route)
        if await self._is_put_on(trial.route, FailureKind.INVALID):
            self._taught = taught
            self._record.add_remark(f"tried anew: {trial.lesson.why}?")
        else:
            self.turn, self._body = taught[3:]
            self._leave_trial()

    async def _put_anew(self, trial: Trial) -> bool:
        """Whether it is put, where a lesson that is due is all that declines it."""
        healing, route = self._services.healing, trial.route
        if not healing.begin(trial):
            return False
        self.bridge = self._new_bridge(route)
        try:
            outgoing = await self._translated(self.bridge)
            key = await self._services.keys.get(route.profile)
        except (Rejected, NotJson):
            healing.leave(trial)
            return False
        except Failed:
            healing.leave(trial)
            raise
        self._trial, self.route = trial, route
        self.call = self._new_call(route, self.bridge, outgoing, key)
        self._record.add_remark(f"tried anew: {trial.lesson.why}?")
        return True

    def _leave_trial(self) -> None:
        if self._trial is not None:
            self._services.healing.leave(self._trial)
            self._trial = None

    async def answered(self) -> None:
        """The upstream takes it as it is: what was changed for that is learned, or unlearned."""
        healing = self._services.healing
        # It is billed: whatever becomes of the lesson, the client gets its answer.
        with self._services.recording.piece_of_work():
            if self.healed is not None:
                await healing.learn(self.healed)
            elif self._trial is not None:
                await healing.outgrown(self._trial)
        self._leave_trial()

    async def told(self) -> None:
        """The client has its answer; what it says of the upstream is learned."""
        if self.turn is not None and self.turn.forgets:
            forgets: dict[str, QuirkValue] = {"keeps_responses": False}
            remedy = Remedy("it says that it keeps no responses", forgets)
            with self._services.recording.piece_of_work():
                await self._services.healing.learn(Healed(self.route, remedy, ""))

    async def mend(self, error: ErrorAnswer, answer: UpstreamAnswer) -> bool:
        """Put it as the upstream says that it wants it: only after a refusal, for which nobody is
        billed, and while each refusal says something new. False leaves everything as it was. Raises
        Failed where the upstream is not to be asked for it again."""
        if self._rounds == _MOST_ROUNDS or self._is_strict or answer.status not in REFUSED:
            return False
        if self._trial is not None and self._taught is not None:
            await self._services.healing.still_refused(self._trial)
            self._leave_trial()
            self.route, self.bridge, self.call, self.turn, self._body = self._taught
            return True
        bridge, healing = self.bridge, self._services.healing
        for healed in healing.remedies(
            error.failure, self.route, faithful=bridge.relays, ordered=bridge.ordered
        ):
            try:
                mended = await self._is_put_on(healed.route, error.failure.kind)
            except Declined as no:
                await self._learn_to_decline(healed)
                raise Failed(failures.rejected(no, self.route.profile.name)) from None
            if mended:
                self.healed = healed
                self._rounds += 1
                remedy = healed.remedy
                self._healed_by += remedy.named
                for change in self._healed_by:
                    self.bridge.tally.losses.heal(change)
                self._record.add_remark(f"asked again, since {remedy.cause}: {remedy}")
                return True
        return False

    async def taught_by(self, failure: Failure) -> None:
        """Keep what an answer taught that was billed: it is not asked again for that."""
        healing = self._services.healing
        if failure.code == UNHEEDED:
            with self._services.recording.piece_of_work():
                for healed in healing.remedies(failure, self.route, faithful=True):
                    await healing.learn(healed)

    async def shortened(self, failure: Failure) -> bool:
        """Put a history that is to be summarised with less of it, where the window did not hold it:
        an order to compact comes when the window is full. False leaves everything as it was."""
        most = self.bridge.fewer_tokens(failure)
        if most is None or self._shortenings == _MOST_SHORTENINGS or self._is_strict:
            return False
        self._shortenings += 1
        self._most_tokens = most
        outgoing = await self._translated(self.bridge)
        if len(outgoing) >= len(self.call.body):
            return False
        self.call = replace(self.call, body=outgoing)
        self._record.add_remark("asked again with less of the history, since the window is full")
        return True

    async def _learn_to_decline(self, healed: Healed) -> None:
        healing = self._services.healing
        if self._trial is None:
            await healing.learn(healed)
        else:
            await healing.still_refused(self._trial)
            self._leave_trial()

    async def _is_put_on(self, route: Route, kind: FailureKind) -> bool:
        """Whether the question is now another one; the same would be refused again. Raises
        Declined where it is not to be put at all."""
        forgets = known_to_refuse(route.quirks.keeps_responses)
        if forgets and self.turn is not None and await self.turn.recollected():
            self._body = self.turn.body
        mended, refused = self._new_bridge(route), self.call
        try:
            outgoing = await self._translated(mended)
        except Declined:
            raise
        except (Rejected, NotJson) as obstacle:
            # The client hears the upstream; what stood in the way of mending it is for the log.
            self._record.add_remark(f"not mended: {obstacle}")
            return False
        call = self._new_call(route, mended, outgoing, refused.key)
        saved = len(refused.body) - len(outgoing)
        if (call.body, call.headers) == (refused.body, refused.headers) or (
            kind is FailureKind.TOO_LARGE and saved < _AN_IMAGE_BYTES
        ):
            return False
        self.route, self.bridge, self.call = route, mended, call
        return True

    def settle(self) -> None:
        """Keep what the exchange taught."""
        self._leave_trial()
        bridge, counted = self.bridge, self.bridge.tally.usage.input_total
        if not bridge.relays and bridge.input_estimate:
            with self._services.recording.piece_of_work():
                self._services.calibration.learn(
                    self._record.profile, self.factor, bridge.input_estimate, counted
                )

    @property
    def as_put(self) -> Put:
        """What the watch over prompt caches is to know of it."""
        strand = strand_named(self._request.headers)
        return Put(self._body, self.call.body, self.route.quirks, self._own_quirks, strand)

    def _new_bridge(self, route: Route) -> Bridge:
        return Bridge(
            self._client,
            route.dialect,
            route.quirks,
            asked=self._asked,
            model=route.model,
            streams=route.streams(self._asked.stream),
            new_id=answers.new_id,
            created=int(time.time()),
            request_id=self._record.request_id,
            input_factor=self.factor,
            thoughts=self._services.thoughts.of(route.profile.name),
        )

    def _new_call(
        self, route: Route, bridge: Bridge, outgoing: bytes, key: str | None
    ) -> UpstreamRequest:
        streams = route.streams(self._asked.stream)
        query: dict[str, str] = {}
        if self._request.query_string:
            pairs = self._request.query.items()
            query = headers.forwarded_query(pairs, route.dialect, faithful=bridge.relays)
        return UpstreamRequest(
            route.profile,
            route.url,
            headers.towards_upstream(
                self._request.headers, route, faithful=bridge.relays, streams=streams, key=key
            ),
            outgoing,
            query,
            key,
            streams,
        )

    @property
    def _is_strict(self) -> bool:
        return self._request.headers.get("x-gwproxy-strict") == "1"

    def _refuse_losses(self) -> None:
        losses = self.bridge.tally.losses
        if len(losses) and self._is_strict:
            lost = ", ".join(losses)
            raise Failed(rejection("", f"x-gwproxy-strict: this could not be carried: {lost}"))

    async def _translated(self, bridge: Bridge) -> bytes:
        """The body for the upstream. Raises Rejected and NotJson."""
        limits, body = self._services.limits, self._body
        addresses = await off_the_loop(lambda: bridge.image_addresses(body), body, limits)
        images = await self._services.images.fetch(addresses) if addresses else NO_IMAGES
        most = self._most_tokens
        return await off_the_loop(lambda: bridge.request(body, images, most), body, limits)


async def begin_turn(
    services: Services, routes: Routes, route: Route, body: bytes, *, native: bool
) -> ConversationTurn:
    """What a request of the Responses dialect has to do with earlier ones; `native` where the
    upstream may know what we do not. Raises Failed and Rejected."""
    conversations = services.conversations
    setting = Setting(
        conversations,
        keeps=routes.config.store_responses and conversations.exists,
        maker=route.profile.name,
        native=native,
        remembers=route.quirks.keeps_responses,
        limits=services.limits,
        new_id=answers.new_id,
    )
    return await ConversationTurn.begin(setting, body)

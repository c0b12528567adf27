"""One request on one route, from its translation to the answer's last byte.

    put the question → a slot → send upstream → relay what comes back

Four ways back, by what the client asked and what the upstream does (`translate.bridge`), and one
for refusals. A client that goes away cancels this task, and with it the upstream's connection.
Nothing here knows a field of any dialect.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from gwproxy.profiles.profile import Profile
from gwproxy.proxy import failures
from gwproxy.proxy.exchange.question import Question
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.inbound import answers
from gwproxy.proxy.inbound.client_stream import ClientStream
from gwproxy.proxy.log import LOGGER
from gwproxy.proxy.record import ExchangeOutcome, Phase
from gwproxy.proxy.routing.concurrency import Slot
from gwproxy.proxy.threads import off_the_loop
from gwproxy.proxy.upstream import headers, hints
from gwproxy.proxy.upstream.client import UpstreamAnswer
from gwproxy.proxy.upstream.sniff import is_event_stream
from gwproxy.translate.bridge import AnswerStream, Bridge, ErrorAnswer
from gwproxy.translate.hub import Failure, FailureKind
from gwproxy.translate.wire import sse

_NO_TIME: Final = frozenset({429, 503, 529})
_DENIALS: Final = frozenset({401, 402, 403})


@dataclass(frozen=True, slots=True)
class PassedOver:
    """That another profile may have the request, and `why`: this one did not begin to work on it,
    and the client has no byte."""

    why: str


class Exchange:
    """One question and its answer. `elsewhere` says that another profile could have it."""

    def __init__(self, question: Question, *, elsewhere: bool) -> None:
        self._question = question
        self._incoming = question.incoming
        self._services = question.incoming.services
        self._record = question.incoming.record
        self._elsewhere = elsewhere
        self._not_begun = ""
        self._slot: Slot | None = None
        self._answer: UpstreamAnswer | None = None

    async def run(self) -> web.StreamResponse | PassedOver:
        """The client's answer, sent already when it is a stream. Raises Failed where that cannot be
        asked for once more; ConnectionError and CancelledError when the client has gone."""
        try:
            return await self._answered()
        finally:
            if self._answer is not None:
                self._answer.close()
            if self._slot is not None:
                self._slot.leave()
            self._question.settle()

    async def _answered(self) -> web.StreamResponse | PassedOver:
        """Ask, and ask again for as long as a refusal says how the question should have been put;
        the question bounds how often."""
        answer = self._stream if self._record.streamed else self._whole
        while True:
            bridge = self._question.prepared.bridge
            self._record.tally = bridge.tally
            try:
                answered = await answer(bridge)
                if not isinstance(answered, ErrorAnswer):
                    return answered
                if not self._is_for_others and await self._is_put_anew(answered):
                    continue
            except Failed as failed:
                answered = bridge.render(failed.failure)
            return PassedOver(self._not_begun) if self._is_for_others else self._refuse(answered)

    @property
    def _is_for_others(self) -> bool:
        """Whether another profile may have the request, since this one did not begin with it."""
        return self._elsewhere and bool(self._not_begun)

    # --- towards the client: a stream ----------------------------------------------------------

    async def _stream(self, bridge: Bridge) -> web.StreamResponse | ErrorAnswer:
        """The stream, sent; or an error of which the client has no byte."""
        stream = bridge.stream()
        tape = self._record.tape
        copy = None if tape is None else tape.answered
        client_stream = ClientStream(
            self._incoming.request, stream.ping, self._stream_head, self._services.limits, copy
        )
        try:
            error = await self._relayed(bridge, stream, client_stream)
            client_stream.close()
            if stream.sent_failure is not None:
                await self._question.taught_by(stream.sent_failure)
            if client_stream.response is None:
                # Nothing was sent, so the status can still be an honest one.
                failure = stream.failure or failures.internal()
                return error or bridge.render(failure)
            if error is not None:
                last = stream.fail(error.failure)
                if (turn := self._question.prepared.turn) is not None:
                    last = await turn.heard(last, last=True)
                await client_stream.finish(last)
                self._record.end(ExchangeOutcome.of(200, error.failure))
        finally:
            client_stream.close()
            stream.leave()
            if (stream.over or stream.ended) and stream.sent_failure is None:
                self._reclaim()
        await self._question.told()
        return client_stream.response

    async def _relayed(
        self, bridge: Bridge, stream: AnswerStream, client_stream: ClientStream
    ) -> ErrorAnswer | None:
        """Relay the upstream's answer; an error that the stream itself has not told of."""
        try:
            answer, refusal = await self._asked(bridge)
            if refusal is not None:
                return refusal
            begun, is_stream = await self._begin(answer)
            if is_stream:
                await self._relay_events(stream, client_stream, answer, begun)
            else:
                body = await answer.read_whole(self._services.limits.whole_answer_bytes, begun)
                await self._pass_on(stream, client_stream, stream.whole(body))
        except Failed as failed:
            return bridge.render(failed.failure)
        except sse.TooLong as error:
            return bridge.render(failures.broken(self._record.profile, f"sent {error}"))
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001 -- a mistake of ours must not look like a good end
            LOGGER.exception("exchange %s failed", self._record.request_id)
            return bridge.render(failures.internal())
        return None

    async def _relay_events(
        self,
        stream: AnswerStream,
        client_stream: ClientStream,
        answer: UpstreamAnswer,
        chunk: bytes,
    ) -> None:
        while True:
            out = stream.feed(chunk)
            if (answer.ended or not chunk) and not stream.over:
                out += stream.finish()
            await self._pass_on(stream, client_stream, out)
            if stream.over:
                return
            chunk = await (self._leftover(answer) if stream.ended else answer.read())

    async def _leftover(self, answer: UpstreamAnswer) -> bytes:
        """The next bytes after an upstream's last event; nothing where none come within a moment,
        or the body breaks there, which is no trouble of the client's."""
        with contextlib.suppress(Failed, TimeoutError):
            async with asyncio.timeout(self._services.limits.leftover_s):
                return await answer.read()
        return b""

    async def _pass_on(self, stream: AnswerStream, client_stream: ClientStream, out: bytes) -> None:
        if stream.failure is not None and not client_stream.opened:
            return  # it will be told by a status
        if self._record.first_byte_s is None:
            self._record.first_byte_s = self._record.elapsed_s()
        if (turn := self._question.prepared.turn) is not None:
            out = await turn.heard(out, last=stream.over)
        if stream.over:
            await client_stream.finish(out)
        elif out:
            await client_stream.write(out)
        if stream.over or stream.ended:  # a client may hang up at the last event
            self._record.end(ExchangeOutcome.of(200, stream.sent_failure))

    # --- towards the client: a whole answer ------------------------------------------------------

    async def _whole(self, bridge: Bridge) -> web.StreamResponse | ErrorAnswer:
        """The answer, or an error instead. Raises Failed."""
        answer, refusal = await self._asked(bridge)
        if refusal is not None:
            return refusal
        begun, is_stream = await self._begin(answer)
        limit = self._services.limits.whole_answer_bytes
        result: bytes | Failure
        if is_stream:
            result = await self._collected(bridge, answer, begun)
        else:
            body = await answer.read_whole(limit, begun)
            result = await off_the_loop(lambda: bridge.reply(body), body, self._services.limits)
        if isinstance(result, Failure):
            await self._question.taught_by(result)
            return bridge.render(result)
        if (turn := self._question.prepared.turn) is not None:
            result = await turn.answered(result)
            await self._question.told()
        self._record.first_byte_s = self._record.elapsed_s()
        return answers.whole(result, self._head(answers.JSON))

    async def _collected(
        self, bridge: Bridge, answer: UpstreamAnswer, chunk: bytes
    ) -> bytes | Failure:
        collector = bridge.collect()
        try:
            while chunk and not collector.over:
                collector.feed(chunk)
                chunk = await answer.read()
        except sse.TooLong as error:
            return failures.broken(self._record.profile, f"sent {error}")
        result = collector.finish()
        if not isinstance(result, Failure):
            self._reclaim()
        return result

    # --- both ------------------------------------------------------------------------------------

    async def _asked(self, bridge: Bridge) -> tuple[UpstreamAnswer, ErrorAnswer | None]:
        """The upstream's answer, or its refusal. A history that is to be summarised is asked about
        again where the window does not hold it, also behind a stream that was opened meanwhile."""
        while not (answer := await self._send()).ok:
            refusal = await self._refusal(bridge, answer)
            if not await self._question.shortened(refusal.failure):
                return answer, refusal
            answer.close()
        return answer, None

    async def _send(self) -> UpstreamAnswer:
        call = self._question.prepared.call
        profile, health = call.profile, self._services.health
        if self._slot is None:
            self._slot = await self._free_slot(profile)
        tape = self._record.tape
        if tape is not None:
            tape.sent(profile.name, call.url, call.body)
        self._record.put = self._question.as_put
        self._come_to("waiting")
        self._record.sent_s = self._record.elapsed_s()
        try:
            answer = self._answer = await self._services.upstream.send(call)
        except Failed as failed:
            if failed.nothing_sent:
                health.unreached(profile)
                self._not_begun = "cannot be reached"
            raise
        if tape is not None:
            tape.received_head(answer.status)
            answer.copy = tape.received
        if answer.ok:
            health.answered(profile)
        self._record.upstream_request_id = headers.upstream_request_id(answer.headers)
        if answer.ok:
            await self._question.answered()
        return answer

    async def _free_slot(self, profile: Profile) -> Slot:
        """A slot among the requests that the profile takes at once."""
        before_s = self._record.elapsed_s()
        self._come_to("queued")
        slot = await self._services.concurrency.enter(profile, self._record.client)
        self._record.queued_s = self._record.elapsed_s() - before_s
        return slot

    async def _begin(self, answer: UpstreamAnswer) -> tuple[bytes, bool]:
        """The first bytes that are not blank, and whether they begin a stream of events. Some
        hosts keep a JSON answer alive by sending blanks before it."""
        begun = await answer.read()
        while begun and not begun.strip():
            begun = await answer.read()
        self._heard()
        content_type = answer.headers.get("content-type", "")
        asked = self._question.prepared.call.streams
        return begun, is_event_stream(begun, content_type, asked)

    def _reclaim(self) -> None:
        """Let the connection be used again once the body has ended, whose last event has come."""
        if self._answer is not None:
            self._services.upstream.reclaim(self._answer)

    async def _refusal(self, bridge: Bridge, answer: UpstreamAnswer) -> ErrorAnswer:
        """The upstream's refusal as an answer of the client's dialect."""
        self._heard()
        body = await answer.read_error(self._services.limits.error_body_bytes)
        error = bridge.error(answer.status, answer.headers, body)
        self._weigh(answer.status, error.failure)
        route = self._question.prepared.route
        profile = route.profile
        failure = self._services.keys.judged(profile, error.failure)
        if failure is error.failure:
            agent = self._incoming.request.headers.get("user-agent", "")
            known = self._services.health.has_answered(profile)
            self._record.add_remark(hints.hint(error.failure, route, agent, ever_answered=known))
            return error
        return bridge.render(failure)

    def _weigh(self, status: int, failure: Failure) -> None:
        """Note what a refusal says of the profile. A complete 429, 503 or 529 means that no work
        was begun; any other status may have been billed."""
        profile, health = self._question.prepared.route.profile, self._services.health
        if status in _DENIALS or failure.kind is FailureKind.BILLING:
            health.denied(profile)
        if status in _NO_TIME:
            health.refused(profile, failure.retry_after_s)
            self._not_begun = f"answered {status}"

    async def _is_put_anew(self, error: ErrorAnswer) -> bool:
        """Whether the question is another one now. A mistake in that must not hide the refusal."""
        question, answer = self._question, self._answer
        if answer is None:
            return False
        try:
            await question.judge(error.failure)
            if await question.shortened(error.failure) or await question.mend(error, answer.status):
                answer.close()
                return True
            return False
        except (Failed, ConnectionError):
            raise
        except Exception:  # noqa: BLE001 -- whatever it is, the refusal was read before
            LOGGER.exception("exchange %s: its refusal cannot be mended", self._record.request_id)
            return False

    def _refuse(self, error: ErrorAnswer) -> web.Response:
        self._record.end(ExchangeOutcome.of(error.status, error.failure))
        self._record.first_byte_s = self._record.elapsed_s()
        head, own = self._head(answers.JSON), self._record.request_id
        if own.encode() in error.body:  # what the body says of it, the header says too
            head[headers.request_id_header(self._incoming.dialect)] = own
        return answers.error(error, head)

    def _head(self, content_type: str) -> dict[str, str]:
        now, client = self._question.prepared, self._incoming.dialect
        head = self._incoming.head(content_type, now.route)
        if self._answer is not None:
            relayed = client if now.bridge.relays else None
            head |= headers.towards_client(self._answer.headers, relayed)
        if len(now.bridge.tally.losses):
            head["x-gwproxy-loss"] = now.bridge.tally.losses.header()
        return head

    def _stream_head(self) -> dict[str, str]:
        head = self._head(answers.EVENT_STREAM)
        head["cache-control"] = "no-cache"
        head["x-accel-buffering"] = "no"  # nginx in between would hold events back
        return head

    def _heard(self) -> None:
        """Note that the upstream's answer begins."""
        self._record.heard_s = self._record.elapsed_s()
        self._come_to("streaming")

    def _come_to(self, phase: Phase) -> None:
        self._record.phase = phase
        self._services.feed.changed(self._record)

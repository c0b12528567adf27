"""The gateway as one request handler: guards, routes, and what is said when nothing fits.

It sits directly on aiohttp's server, without `web.Application`: the guards must come before the
router, before `Expect: 100-continue` and before any 404, and a table of exact paths needs no
router. The guards' order is Host, Origin, token; then the path.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final, cast

from aiohttp import web

from gwproxy import __version__
from gwproxy.profiles.redaction import redact
from gwproxy.profiles.secret import Secret
from gwproxy.profiles.store import Config
from gwproxy.proxy import failures
from gwproxy.proxy.exchange import failover
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.inbound import answers, guard
from gwproxy.proxy.inbound.connection import Connection
from gwproxy.proxy.inbound.endpoints import (
    KEPT,
    LOOKS,
    OPEN,
    PASSED_ON,
    Address,
    Endpoint,
    address_of,
    is_of_inspector,
)
from gwproxy.proxy.incoming import EndpointHandler, Incoming
from gwproxy.proxy.inspector.inspector import Inspector, Site
from gwproxy.proxy.inspector.views import Views
from gwproxy.proxy.live import Live
from gwproxy.proxy.log import LOGGER, ExchangeLine, fields_of
from gwproxy.proxy.queries import (
    compaction,
    counting,
    exchanges,
    models,
    passthrough,
    retrieval,
    usage,
)
from gwproxy.proxy.queries.status import News
from gwproxy.proxy.record import (
    GONE,
    STOPPED,
    ExchangeOutcome,
    ExchangeRecord,
    client_of,
)
from gwproxy.proxy.records.ledger import Entry
from gwproxy.proxy.records.prompt_cache.turn import CacheAlarm
from gwproxy.proxy.routing.route import Routes
from gwproxy.proxy.services import Services
from gwproxy.proxy.upstream import headers
from gwproxy.translate.hub import Dialect, Failure

_SETTLING_S: Final = 1.0

HEALTH: Final = {"name": "gwproxy", "status": "ok", "version": __version__}


class PlanInForce:
    """What follows from one configuration, worked out once. `moved` is the address that it asks
    for, where only a restart can give it."""

    def __init__(
        self, config: Config, declared_hosts: tuple[str, ...], port: int, moved: str = ""
    ) -> None:
        self.moved = moved
        self.routes = Routes(config)
        self.hosts = guard.host_values((*config.serve.allowed_hosts, *declared_hosts), port)


class Gateway:
    """Answers requests until it is told to stop; `handle` is what `connection.Server` calls."""

    def __init__(
        self, services: Services, plan: Live[PlanInForce], token: Live[Secret], site: Site | None
    ) -> None:
        self._services = services
        self._plan = plan
        self._token = token
        self._tasks: dict[str, asyncio.Task[object]] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self.stopping = False
        self.asked_to_stop = asyncio.Event()
        self._news = News()
        services.feed.keep_with(
            *(self._clean, self._log, self._capture, self._count, services.cache_watch.look)
        )
        services.cache_watch.tell_with(self._tell_of_cache)
        self._handlers: Mapping[Endpoint, EndpointHandler] = {
            Endpoint.ANSWER: failover.answer,
            Endpoint.COUNT_TOKENS: counting.count,
            Endpoint.INPUT_TOKENS: counting.count_input,
            Endpoint.COMPACT: compaction.answer,
            **dict.fromkeys(PASSED_ON, passthrough.answer),
            **dict.fromkeys(KEPT, retrieval.answer),
            Endpoint.MODELS: models.answer,
            Endpoint.USAGE: self._usage,
            Endpoint.EXCHANGES: exchanges.answer,
            Endpoint.EVENTS: self._events,
            Endpoint.STATUS: self._status,
            Endpoint.UI: self._link,
            Endpoint.STOP: self._stop,
            Endpoint.HELLO: _warm,
            Endpoint.HEALTH: _alive,
            Endpoint.ROOT: _alive,
        }
        views = Views(services, lambda: self.routes, self._news)
        self._inspector = Inspector(site, views, lambda: self.token, self._secrets, services.limits)

    @property
    def routes(self) -> Routes:
        """The routes in force now."""
        return self._plan.get().routes

    @property
    def token(self) -> Secret:
        """The local token in force now."""
        return self._token.get()

    def news(self) -> AsyncGenerator[tuple[str, dict[str, Any]]]:
        """What happens to the exchanges, for who sits before this process, until it stops."""
        return exchanges.watched(self._services, lambda: self.routes)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, whatever happens."""
        connection = cast(Connection, request.protocol)
        connection.begin_exchange()
        try:
            if is_of_inspector(request.raw_path.partition("?")[0]):
                return await self._inspector.handle(request)
            return await self._exchange(request)
        finally:
            connection.end_exchange()

    async def _exchange(self, request: web.BaseRequest) -> web.StreamResponse:
        """The same for all but the inspector's, with a line in the log."""
        task = asyncio.current_task()
        assert task is not None
        path = request.raw_path.partition("?")[0]
        address = address_of(path)
        caller = _caller(request, address)
        record = ExchangeRecord(
            answers.new_id("req_"),
            client_of(request.headers.get("user-agent")),
            time.monotonic(),
            round(time.time() * 1000),
            headers.printable(path)[:200],
            caller,
            is_exchange=address is not None and address.asks_a_model,
        )
        self._enter(task, record)
        try:
            response, failure = await self._answer(request, address, caller, record)
            record.end(ExchangeOutcome.of(response.status, failure))
            if record.tape is not None and isinstance(response, web.Response):
                record.tape.answered(cast(bytes, response.body))
            return response
        except (ConnectionError, asyncio.CancelledError):
            record.end(STOPPED if self.stopping else GONE)
            raise
        finally:
            self._leave(record)
            record.duration_s = record.elapsed_s()
            self._services.feed.ended(record)

    def _enter(self, task: asyncio.Task[object], record: ExchangeRecord) -> None:
        self._tasks[record.request_id] = task
        self._services.feed.began(record)
        self._idle.clear()

    def _leave(self, record: ExchangeRecord) -> None:
        del self._tasks[record.request_id]
        if not self._tasks:
            self._idle.set()

    # --- what is kept of an exchange that has ended (proxy.feed) -----------------------------

    def _clean(self, record: ExchangeRecord) -> None:
        """Its words, without a key in them: they are kept, and shown."""
        if record.remarks or record.outcome.error:
            secrets = self._secrets()
            record.reword(lambda words: redact(words, secrets))

    def _secrets(self) -> tuple[str, ...]:
        return self.token.reveal(), *self._services.keys.ever_seen()

    @staticmethod
    def _log(record: ExchangeRecord) -> None:
        # Whoever looks does so again and again: it would hide the others.
        looks = record.path in OPEN or record.path.startswith(LOOKS)
        told = logging.DEBUG if looks else logging.INFO
        LOGGER.log(logging.WARNING if record.outcome.failed else told, ExchangeLine(record))

    def _capture(self, record: ExchangeRecord) -> None:
        tape, record.tape = record.tape, None  # whoever holds the record holds no bodies
        if tape is not None:
            self._services.captures.keep(tape, fields_of(record), self._secrets())

    def _count(self, record: ExchangeRecord) -> None:
        if record.is_exchange:
            entry = self._enter_in_ledger(record)
            if record.generating:
                self._news.add(entry)

    def _enter_in_ledger(self, record: ExchangeRecord) -> Entry:
        entry = Entry.of(record, self.routes.prices_of(record.profile))
        self._services.ledger.add(entry, keep=record.generating)
        return entry

    def _tell_of_cache(self, record: ExchangeRecord, alarm: CacheAlarm, is_first: bool) -> None:
        """A prompt cache broke, as it turned out a moment after the exchange."""
        record.cache_alarm = alarm
        if is_first:
            client = record.client or "a client"
            LOGGER.warning("%s, %s: %s", client, record.profile, alarm.words)
        self._enter_in_ledger(record)
        self._services.feed.changed(record)

    async def drain(self, patience_s: float) -> None:
        """Take no more requests; let the running ones end, then end them."""
        self.stopping = True
        self._services.feed.close()
        try:
            async with asyncio.timeout(patience_s):
                await self._idle.wait()
        except TimeoutError:
            LOGGER.warning("%d answers did not end in time and are cut", len(self._tasks))
            for task in self._tasks.values():
                task.cancel()

    async def _answer(
        self,
        request: web.BaseRequest,
        address: Address | None,
        caller: Dialect,
        record: ExchangeRecord,
    ) -> tuple[web.StreamResponse, Failure | None]:
        """The answer, and what it is a refusal for."""
        try:
            plan = self._plan.get()
            self._admit(request, plan, address)
            if address is None:
                raise Failed(failures.unknown_route(request.method, record.path))
            _look_at_route(request, address, record)
            handler = self._handlers[address.endpoint]
            incoming = Incoming(self._services, plan.routes, request, address, caller, record)
            return await handler(incoming), None
        except Failed as failed:
            failure = failed.failure
            response = answers.refusal(caller, failure, record.request_id)
            if response.status == 405 and address is not None:
                response.headers["allow"] = ", ".join(address.allowed)  # RFC 9110, 15.5.6
            elif response.status == 426:
                response.headers["upgrade"] = "HTTP/1.1"  # RFC 9110, 15.5.22
                response.headers["connection"] = "upgrade"
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001 -- the last line of defence: JSON here, a traceback there
            LOGGER.exception("exchange %s failed", record.request_id)
            failure = failures.internal()
            response = answers.refusal(caller, failure, record.request_id)
        return response, failure

    def _admit(self, request: web.BaseRequest, plan: PlanInForce, address: Address | None) -> None:
        """The guards. Raises Failed."""
        refused: Failure | None = guard.unwelcome(request.headers, plan.hosts)
        if refused is None and (address is None or address.endpoint not in OPEN):
            if not guard.presents(request.headers, self.token.reveal()):
                refused = failures.unauthenticated()
            elif self.stopping:
                refused = failures.stopping()
        if refused is not None:
            raise Failed(refused)

    async def _usage(self, incoming: Incoming) -> web.StreamResponse:
        # The client may have read the last byte of its answer a moment before it has its row.
        if (running := self._tasks.get(incoming.address.request_id)) is not None:
            await asyncio.wait([running], timeout=_SETTLING_S)
        return await usage.answer(incoming)

    async def _events(self, incoming: Incoming) -> web.StreamResponse:
        return await exchanges.follow(incoming, lambda: self.routes)

    async def _status(self, incoming: Incoming) -> web.StreamResponse:
        plan, trouble = self._plan.get(), self._plan.trouble
        told = await self._news.report(plan.routes.config, self._services)
        told["config_trouble"] = trouble and {
            "what": trouble.what,
            "why": trouble.why,
            "hint": trouble.hint,
        }
        return incoming.answer(told | {"moved": plan.moved or None})

    async def _link(self, incoming: Incoming) -> web.StreamResponse:
        return incoming.answer(self._inspector.link())

    async def _stop(self, incoming: Incoming) -> web.StreamResponse:
        self.asked_to_stop.set()
        return incoming.answer({"stopping": True, "pid": os.getpid()})


async def _alive(incoming: Incoming) -> web.StreamResponse:
    return incoming.answer(HEALTH)


async def _warm(incoming: Incoming) -> web.StreamResponse:
    return answers.whole(b"", incoming.head())


def _caller(request: web.BaseRequest, address: Address | None) -> Dialect:
    """In whose dialect a refusal is to be said."""
    if address is not None and address.dialect is not None:
        return address.dialect
    # Where the address does not say, only the vendor's own headers can.
    return Dialect.ANTHROPIC if guard.looks_anthropic(request.headers) else Dialect.CHAT


def _look_at_route(request: web.BaseRequest, address: Address, record: ExchangeRecord) -> None:
    """Raises Failed for what is there, but not for this request."""
    if request.method == "GET" and headers.asks_for_websocket(request.headers):
        raise Failed(failures.no_websocket())
    if address.endpoint is Endpoint.NOT_OFFERED:
        if record.client_dialect == Dialect.ANTHROPIC:
            raise Failed(failures.not_offered(record.path))
        raise Failed(failures.unknown_route(request.method, record.path))
    if request.method not in address.allowed:
        raise Failed(failures.wrong_method(request.method, " or ".join(address.allowed)))

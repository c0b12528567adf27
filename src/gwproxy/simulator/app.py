"""The simulated provider as an aiohttp application, and a server for it on loopback.

The only file of the simulator that meets requests; what it answers is decided in `play`, how
the bytes leave in `delivery`.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from gwproxy.simulator import play
from gwproxy.simulator.conversation import Conversation
from gwproxy.simulator.delivery import deliver
from gwproxy.simulator.faults import Delivery, Disorder, Fault, PlayedRefusal
from gwproxy.simulator.figures import PromptCache, prompt_tokens
from gwproxy.simulator.identity import make_identity
from gwproxy.simulator.manners import DEMO, KeyHeader, Manners
from gwproxy.simulator.memory import (
    DEFAULT_KEPT_REQUESTS,
    Memory,
    PlayedOutcome,
    PlayedSettings,
    Recorded,
)
from gwproxy.simulator.routes import GENERATING, PlayedKind, PlayedRoute, error_dialect, find_route
from gwproxy.simulator.wire import Json, WireRefused, record

# The product's own limit; a provider must not be the stricter one of the two.
MAX_BODY_BYTES = 64 * 1024 * 1024

# Claude Code's beta list and Codex's turn metadata pass aiohttp's 8,190 bytes.
MAX_HEADER_BYTES = 64 * 1024

# Waits of the simulator end at once when it closes; what is left is a client that does not read.
SHUTDOWN_S = 0.5

MEMORY = web.AppKey("MEMORY", Memory)


class RunningSimulator:
    """A simulated provider that listens. Close it, or use it as an asynchronous context."""

    def __init__(self, runner: web.AppRunner, memory: Memory, host: str, port: int) -> None:
        self._runner = runner
        self._memory = memory
        self.base_url = f"http://{host}:{port}"

    @property
    def manners(self) -> Manners:
        return self._memory.settings.manners

    @property
    def anthropic_url(self) -> str:
        """The base for Anthropic clients, without `/v1`."""
        return self.base_url + self.manners.anthropic_prefix

    @property
    def openai_url(self) -> str:
        """The base for OpenAI clients, with `/v1`."""
        return f"{self.base_url}{self.manners.openai_prefix}/v1"

    @property
    def requests(self) -> list[Recorded]:
        """Every request so far, in order of arrival."""
        return list(self._memory.requests)

    @property
    def generations(self) -> list[Recorded]:
        """The requests for an answer, without model lists and token counts."""
        return self._memory.generations()

    @property
    def billed(self) -> int:
        """How many requests the simulated model began to work on."""
        return self._memory.billed

    @property
    def planned(self) -> int:
        """How many planned faults no request has met yet."""
        return self._memory.planned

    def will(
        self, *faults: Fault, times: int = 1, kinds: Iterable[PlayedKind] = GENERATING
    ) -> None:
        """Plans these faults, together, for each of the next `times` requests of these kinds."""
        self._memory.plan(faults, times, kinds)

    def forgets_prompts(self) -> None:
        """Empties its prompt cache, as an hour would."""
        self._memory.prompts = PromptCache()

    async def settled(self) -> None:
        """Returns when no request is in progress."""
        await self._memory.wait_until_settled()

    async def arrival(self, count: int = 1) -> None:
        """Returns when at least `count` requests for an answer have come."""
        await self._memory.wait_for_requests(count)

    async def close(self) -> None:
        self._memory.closing.set()
        await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.close()


async def serve(
    manners: Manners = DEMO,
    *,
    conversation: Conversation = play.converse,
    key: str | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    kept_requests: int = DEFAULT_KEPT_REQUESTS,
) -> RunningSimulator:
    """A simulated provider that has begun to listen; port 0 takes a free one.

    The newest `kept_requests` are kept with their bodies: enough for a test to look at, while a
    demo that runs for a day wants few.

    Raises:
        OSError: the address cannot be bound.
    """
    app = web.Application(client_max_size=MAX_BODY_BYTES + 1)
    app[MEMORY] = Memory(PlayedSettings(manners, conversation, key, kept_requests))
    app.router.add_route("*", "/{path:.*}", _handle)
    runner = web.AppRunner(
        app,
        access_log=None,
        # Without it a client that goes away would not stop the answer, and no test could see it.
        handler_cancellation=True,
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        shutdown_timeout=SHUTDOWN_S,
    )
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError:
        await runner.cleanup()
        raise
    return RunningSimulator(runner, app[MEMORY], host, runner.addresses[0][1])


async def _handle(request: web.Request) -> web.StreamResponse:
    memory = request.app[MEMORY]
    recorded = Recorded(
        request_id=memory.next_request_id(),
        method=request.method,
        path=request.path,
        query=request.query_string,
        headers=list(request.headers.items()),
    )
    memory.requests.append(recorded)
    try:
        return await _respond(request, memory, recorded)
    except (asyncio.CancelledError, ConnectionError):
        recorded.close(PlayedOutcome.CLIENT_GONE)
        raise
    finally:
        recorded.close(PlayedOutcome.BROKEN)
        await memory.note_change()


async def _respond(request: web.Request, memory: Memory, recorded: Recorded) -> web.StreamResponse:
    manners = memory.settings.manners
    speaks_anthropic = "anthropic-version" in request.headers
    route = find_route(manners, request.method, request.path, speaks_anthropic)
    dialect = route.dialect if route else error_dialect(request.path)
    delivery = Delivery()
    try:
        recorded.raw = await _read(request)
        if route is None:
            reply = _no_route(request)
        else:
            recorded.kind = route.kind
            await memory.note_change()
            faults = (*memory.due_faults(route.kind), *_own_faults(manners, route))
            deliveries = (fault for fault in faults if isinstance(fault, Delivery))
            delivery = next(deliveries, delivery)
            reply = _decide(request, memory, recorded, route, faults)
    except WireRefused as refused:
        refusal = PlayedRefusal(refused.status, refused.message)
        reply = play.refusal_reply(refusal, dialect, recorded.request_id)
    reply = play.with_request_id(reply, dialect, recorded.request_id)
    return await deliver(request, reply, delivery, memory, recorded)


def _decide(
    request: web.Request,
    memory: Memory,
    recorded: Recorded,
    route: PlayedRoute,
    faults: tuple[Fault, ...],
) -> play.PlayedReply:
    """The reply: a wrong key is refused first, then come planned refusals, then the answer.

    Raises:
        WireRefused: in the words of the provider.
    """
    manners = memory.settings.manners
    _check_key(request, memory.settings.key, route)
    refusals = (fault for fault in faults if isinstance(fault, PlayedRefusal))
    refusal = next(refusals, None)
    if refusal is not None:
        recorded.body = _parsed(recorded.raw) if recorded.raw else None
        return play.refusal_reply(refusal, route.dialect, recorded.request_id)
    if route.kind is PlayedKind.MODELS:
        return play.models_reply(route.dialect, manners, route.name)
    if route.kind is PlayedKind.USAGE:
        return _usage(memory, route)
    recorded.body = _parsed(recorded.raw)
    body = record(recorded.body, "body")
    if route.kind is PlayedKind.COUNT_TOKENS:
        asked = play.DIALECTS[route.dialect].view(body)
        return play.json_reply({"input_tokens": prompt_tokens(asked)})
    headers = {name.lower(): value for name, value in request.headers.items()}
    return _generate(memory, recorded, route, body, headers, faults)


def _generate(
    memory: Memory,
    recorded: Recorded,
    route: PlayedRoute,
    body: Json,
    headers: dict[str, str],
    faults: tuple[Fault, ...],
) -> play.PlayedReply:
    settings = memory.settings
    manners = settings.manners
    asked = play.admit(route.dialect, body, headers, manners)
    said = play.answer(asked, settings.conversation, manners)
    figures = memory.prompts.figures(asked, said, manners.caching)
    number = memory.next_answer_number()
    identity = make_identity(number, asked, said, manners)
    disorders = frozenset(fault for fault in faults if isinstance(fault, Disorder))
    reply = play.write(asked, said, figures, identity, disorders)
    recorded.figures = figures
    return reply


def _own_faults(manners: Manners, route: PlayedRoute) -> tuple[Fault, ...]:
    return manners.faults if route.kind in GENERATING else ()


async def _read(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise WireRefused(413, "Request Entity Too Large") from error


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise WireRefused(400, f"Invalid request: the body is not JSON: {error}") from error


def _check_key(request: web.Request, key: str | None, route: PlayedRoute) -> None:
    if key is None:
        return
    for header in route.keys:
        value = request.headers.get(header.value, "")
        if header is KeyHeader.BEARER:
            scheme, _, value = value.partition(" ")
            value = value if scheme.lower() == "bearer" else ""
        if hmac.compare_digest(value.strip().encode(), key.encode()):
            return
    raise WireRefused(401, "Invalid Authentication")


def _usage(memory: Memory, route: PlayedRoute) -> play.PlayedReply:
    for recorded in memory.requests:
        if recorded.request_id == route.name and recorded.figures is not None:
            return play.json_reply(play.usage_report(recorded.figures, recorded.body["model"]))
    raise WireRefused(404, f"No usage is known for request {route.name}")


def _no_route(request: web.Request) -> play.PlayedReply:
    """An empty 200 for the probes of clients (`HEAD /`).

    Raises:
        WireRefused: 404, for every other path that is not served.
    """
    if request.method == "HEAD" or request.path == "/":
        return play.PlayedReply(200, play.JSON_TYPE, ())
    raise WireRefused(404, "The requested resource was not found")

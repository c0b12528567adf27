"""How the checks ask a provider: for nothing, plainly, or as the gateway would for Claude Code.

Knows requests and answers, never what they prove. Every function raises Failed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Final

from gwproxy.profiles.profile import Profile
from gwproxy.profiles.secret import Source
from gwproxy.proxy.failures import Failed, rejected
from gwproxy.proxy.inbound import answers
from gwproxy.proxy.probe import questions
from gwproxy.proxy.probe.addresses import other_bases
from gwproxy.proxy.queries.counters import NO_ROUTE, one_word
from gwproxy.proxy.routing.route import Route, Routes
from gwproxy.proxy.upstream.client import Upstream, UpstreamAnswer
from gwproxy.proxy.upstream.request import Method, request_to
from gwproxy.proxy.upstream.sniff import is_event_stream
from gwproxy.translate.bridge import CODECS, Bridge, request_head
from gwproxy.translate.dialect_facts import Dialect
from gwproxy.translate.hub import Failure
from gwproxy.translate.registry import FACTS
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Rejected

_MOST_BYTES: Final = 4 * 1024 * 1024
"""Lists of models of a reseller reach one megabyte."""

_FREE_PATIENCE_S: Final = 15.0
"""No model has to think for a list or a count."""

_LOOK_S: Final = 5.0
"""For each of several addresses, at most of which nothing is."""


@dataclass(frozen=True, slots=True)
class Way:
    """One dialect of a profile, and the key to it, which came from `source`."""

    route: Route
    key: str | None
    source: Source

    @property
    def profile(self) -> Profile:
        return self.route.profile

    @property
    def dialect(self) -> Dialect:
        return self.route.dialect

    def check(self, what: str) -> str:
        """The name of a check of this dialect."""
        return f"{self.dialect}: {what}"


def ways_of(routes: Routes, profile: Profile, key: str | None, source: Source) -> list[Way]:
    """A way for each dialect of `profile`."""
    return [
        Way(routes.find(profile.name, profile.model, dialect), key, source)
        for dialect in profile.dialects
    ]


def listing_way(ways: list[Way]) -> Way:
    """The way to the list of models: on the OpenAI base where there is one, also for a profile
    that does not speak Chat there."""
    profile = ways[0].profile
    return replace(ways[0], route=replace(ways[0].route, dialect=profile.lister.name))


async def ask_free(
    upstream: Upstream, way: Way, endpoint: str, body: bytes | None = None
) -> bytes | None:
    """The answer of a route that is never billed; None where there is no such route."""
    url = way.profile.url(endpoint)
    if url is None:
        return None
    patience_s = min(way.profile.first_byte_timeout_s, _FREE_PATIENCE_S)
    route = replace(way.route, profile=replace(way.profile, first_byte_timeout_s=patience_s))
    method: Method = "GET" if body is None else "POST"
    answer = await upstream.send(request_to(route, body or b"", way.key, url=url, method=method))
    try:
        return None if answer.status in NO_ROUTE else await _read_ok(answer, way.dialect)
    finally:
        answer.close()


async def elsewhere(upstream: Upstream, way: Way) -> str | None:
    """Another base of the same host, at which the provider answers what is never billed: it has a
    list of models there, or counts tokens."""
    profile = way.profile
    facts = FACTS[way.dialect]
    patience_s = min(profile.first_byte_timeout_s, _LOOK_S)
    for other in other_bases(profile.base(facts.base) or "", facts):
        moved = replace(profile.at(facts.base, other), first_byte_timeout_s=patience_s)
        there = replace(way, route=replace(way.route, profile=moved))
        if await _answers(upstream, there):
            return other
    return None


async def _answers(upstream: Upstream, way: Way) -> bool:
    try:
        body = await ask_free(upstream, way, "models")
        if body is not None and model_names(body):
            return True
        if not FACTS[way.dialect].counted:
            return False
        body = await ask_free(upstream, way, "count_tokens", one_word(way.route.model))
    except Failed:
        return False
    return body is not None and isinstance(member(body, "input_tokens"), int)


async def ask_plain(
    upstream: Upstream, way: Way, *, streams: bool
) -> tuple[bytes, bool, list[float]]:
    """The answer's bytes, whether they are a stream, and when its pieces came (seconds from the
    question on)."""
    route = way.route
    body = questions.plain(CODECS[route.dialect], route.model, route.quirks, streams=streams)
    started = time.monotonic()
    answer = await upstream.send(request_to(route, body, way.key, streams=streams))
    parts: list[bytes] = []
    moments: list[float] = []
    try:
        if not answer.ok:
            await _read_ok(answer, route.dialect)
        while chunk := await answer.read():
            parts.append(chunk)
            moments.append(time.monotonic() - started)
    finally:
        answer.close()
    whole = b"".join(parts)
    content_type = answer.headers.get("content-type", "")
    return whole, is_event_stream(whole[:64], content_type, streams), moments


async def ask_translated(upstream: Upstream, way: Way, asked: dict[str, Any]) -> list[Any]:
    """The content of the answer to a Messages request, as the gateway would get it for Claude
    Code."""
    route = way.route
    request = jsonio.dumps(asked)
    streams = route.streams(False)
    bridge = Bridge(
        Dialect.ANTHROPIC,  # Claude Code's
        route.dialect,
        route.quirks,
        asked=request_head(request),
        model=route.model,
        streams=streams,
        new_id=answers.new_id,
        created=int(time.time()),
        request_id="",
    )
    try:
        outgoing = bridge.request(request)
    except Rejected as error:
        raise Failed(rejected(error)) from error
    call = request_to(route, outgoing, way.key, faithful=bridge.relays, streams=streams)
    answer = await upstream.send(call)
    try:
        body = await _read_ok(answer, route.dialect)
    finally:
        answer.close()
    result = _translated_back(bridge, body, answer, streams=streams)
    if isinstance(result, Failure):
        raise Failed(result)
    content = member(result, "content")
    return content if isinstance(content, list) else []


def _translated_back(
    bridge: Bridge, body: bytes, answer: UpstreamAnswer, *, streams: bool
) -> bytes | Failure:
    if not is_event_stream(body[:64], answer.headers.get("content-type", ""), streams):
        return bridge.reply(body)
    collector = bridge.collect()
    collector.feed(body)
    return collector.finish()


async def _read_ok(answer: UpstreamAnswer, dialect: Dialect) -> bytes:
    if answer.ok:
        return await answer.read_whole(_MOST_BYTES)
    body = await answer.read_error(_MOST_BYTES)
    lower = {name.lower(): value for name, value in answer.headers.items()}
    raise Failed(CODECS[dialect].parse_failure(answer.status, lower, body))


def model_names(body: bytes) -> list[str]:
    """The ids in a list of models, of either vendor's shape; none where it is something else."""
    listed = member(body, "data")
    if not isinstance(listed, list):
        return []
    names = [item.get("id") for item in listed if isinstance(item, dict)]
    return [name for name in names if isinstance(name, str)]


def member(body: bytes, name: str) -> Any:
    """A member of a JSON object; None where there is none."""
    try:
        value = jsonio.loads(body)
    except jsonio.NotJson:
        return None
    return value.get(name) if isinstance(value, dict) else None

"""Smoke checks: is this profile reachable, let in, understood, streaming, and through the gateway?

Each check asks the provider one tiny question at the most and gives one verdict that names the
fault; a check that cannot mean anything after a failed one is not made. Prints nothing, decides no
exit code. Independent of the exchange on purpose: what it sends is the plainest request of each
dialect, so that a refusal means the route, the key or the model and never a translation.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from gwproxy.errors import CredentialError
from gwproxy.profiles.profile import Profile
from gwproxy.proxy import headers, holder
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.keys import Keys
from gwproxy.proxy.route import Route, Routes
from gwproxy.proxy.sniff import is_event_stream
from gwproxy.proxy.upstream import Answer, Call, Upstream
from gwproxy.translate import jsonio, sse
from gwproxy.translate.bridge import CODECS
from gwproxy.translate.events import fold
from gwproxy.translate.hub import Dialect, Failure, FailureKind, Reply
from gwproxy.translate.manners import Manners

_QUESTION: Final = "Reply with exactly OK."
# Enough for "OK" and a little thinking; a model that thinks longer says so by its stop reason.
_MOST_TOKENS: Final = 64
_MOST_BYTES: Final = 1024 * 1024

CALLS_PER_DIALECT: Final = 2
CALLS_THROUGH_GATEWAY: Final = 1


class Outcome(StrEnum):
    GOOD = "ok"
    NOTE = "note"
    BAD = "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`check` is what was looked at; `words` what was seen, `hint` what to do about it.

    `kind` is the failure's kind where there is one. `seconds` is how long the check took.
    """

    check: str
    outcome: Outcome
    words: str
    hint: str = ""
    kind: FailureKind | None = None
    seconds: float | None = None


class Probe:
    """Checks one profile; `find_source` tells in words where its key was found."""

    def __init__(self, upstream: Upstream, keys: Keys, routes: Routes) -> None:
        self._upstream = upstream
        self._keys = keys
        self._routes = routes

    async def profile(
        self, profile: Profile, describe_key: Callable[[Any], str]
    ) -> AsyncIterator[Verdict]:
        """The key, then for each dialect a whole answer and a stream."""
        try:
            found = await self._keys.find(profile)
        except CredentialError as error:
            words = ". ".join(part for part in (error.what, error.why) if part)
            yield Verdict("key", Outcome.BAD, words, error.hint, FailureKind.AUTHENTICATION)
            return
        yield Verdict("key", Outcome.GOOD, describe_key(found))
        key = found.secret.reveal() if found.secret is not None else None
        for name in profile.dialects:
            dialect = Dialect(name)
            route = self._routes.find(profile.name, profile.model, dialect)
            verdict = await self._message(route, key)
            yield verdict
            if verdict.outcome is not Outcome.BAD:
                yield await self._stream(route, key)

    async def gateway(self, base_url: str, token: str, profile: Profile) -> AsyncIterator[Verdict]:
        """The running gateway at `base_url`, then one question through it to `profile`."""
        health = await holder.health(base_url)
        if health.get("name") != "gwproxy":
            what = "another program answers" if health else "nothing answers"
            yield Verdict("gateway", Outcome.NOTE, f"{what} at {base_url}", "gwproxy serve")
            return
        yield Verdict("gateway", Outcome.GOOD, f"gwproxy {health.get('version', '')} at {base_url}")
        pinned = f"{base_url}/profiles/{profile.name}/v1/messages"
        head = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        body = _question(Dialect.ANTHROPIC, profile.model, Manners(), streams=False)
        call = Call(profile, pinned, head, body, {}, None, False)
        yield await self._timed(
            "through the gateway", profile, lambda: self._whole(call, Dialect.ANTHROPIC, Manners())
        )

    async def _message(self, route: Route, key: str | None) -> Verdict:
        call = _call(route, key, streams=False)
        return await self._timed(
            f"{route.dialect}: a message",
            route.profile,
            lambda: self._whole(call, route.dialect, route.manners),
            route.model,
        )

    async def _stream(self, route: Route, key: str | None) -> Verdict:
        check = f"{route.dialect}: a stream"
        if route.profile.stream == "never":
            words = "the provider does not stream; the gateway makes the stream from whole answers"
            return Verdict(check, Outcome.GOOD, words)
        call = _call(route, key, streams=True)
        return await self._timed(
            check, route.profile, lambda: self._events(call, route), route.model
        )

    async def _timed(
        self,
        check: str,
        profile: Profile,
        ask: Callable[[], Any],
        model: str = "",
    ) -> Verdict:
        started = time.monotonic()
        try:
            outcome, words, hint = await ask()
        except Failed as failed:
            failure = failed.failure
            return Verdict(
                check,
                Outcome.BAD,
                fault(failure),
                hint_for(failure, profile.name, model),
                failure.kind,
                time.monotonic() - started,
            )
        return Verdict(check, outcome, words, hint, None, time.monotonic() - started)

    async def _whole(
        self, call: Call, dialect: Dialect, manners: Manners
    ) -> tuple[Outcome, str, str]:
        answer = await self._upstream.send(call)
        try:
            body = await _read_ok(answer, dialect)
        finally:
            answer.close()
        if is_event_stream(body[:64], answer.headers.get("content-type", ""), False):
            reply = _read_events(body, dialect, manners)
            if isinstance(reply, Failure):
                raise Failed(reply)
            hint = f"gwproxy profile set {call.profile.name} stream=always"
            return Outcome.NOTE, "a stream came where a whole answer was asked for", hint
        result = fold(CODECS[dialect].lay_out_reply(body, manners))
        if isinstance(result, Failure):
            raise Failed(result)
        return _judged(result, call.profile.model)

    async def _events(self, call: Call, route: Route) -> tuple[Outcome, str, str]:
        answer = await self._upstream.send(call)
        try:
            body = await _read_ok(answer, route.dialect)
        finally:
            answer.close()
        if not is_event_stream(body[:64], answer.headers.get("content-type", ""), True):
            result = fold(CODECS[route.dialect].lay_out_reply(body, route.manners))
            if isinstance(result, Failure):
                raise Failed(result)
            words = "whole JSON came where a stream was asked for; the gateway makes the stream"
            return Outcome.NOTE, words, f"gwproxy profile set {route.profile.name} stream=never"
        reply = _read_events(body, route.dialect, route.manners)
        if isinstance(reply, Failure):
            raise Failed(reply)
        decoder = sse.Decoder()
        count = len(decoder.feed(body) + decoder.finish())
        return Outcome.GOOD, f"{count} events, complete", ""


def _call(route: Route, key: str | None, *, streams: bool) -> Call:
    head = headers.towards_upstream({}, route, faithful=False, streams=streams, key=key)
    body = _question(route.dialect, route.model, route.manners, streams=streams)
    return Call(route.profile, route.url, head, body, {}, key, streams)


def _question(dialect: Dialect, model: str, manners: Manners, *, streams: bool) -> bytes:
    asked: dict[str, Any] = {"model": model, "stream": streams}
    if dialect is Dialect.RESPONSES:
        asked |= {"input": _QUESTION, "max_output_tokens": _MOST_TOKENS, "store": False}
    else:
        limit = manners.max_tokens_field if dialect is Dialect.CHAT else "max_tokens"
        asked |= {"messages": [{"role": "user", "content": _QUESTION}], limit: _MOST_TOKENS}
    return jsonio.dumps(asked)


async def _read_ok(answer: Answer, dialect: Dialect) -> bytes:
    if answer.ok:
        return await answer.read_whole(_MOST_BYTES)
    body = await answer.read_error(_MOST_BYTES)
    lower = {name.lower(): value for name, value in answer.headers.items()}
    raise Failed(CODECS[dialect].parse_failure(answer.status, lower, body))


def _read_events(body: bytes, dialect: Dialect, manners: Manners) -> Reply | Failure:
    reader = CODECS[dialect].reader(manners)
    return fold(reader.feed(body) + reader.finish())


def _judged(reply: Reply, asked: str) -> tuple[Outcome, str, str]:
    if reply.model and reply.model != asked:
        return Outcome.GOOD, f"answered; the provider calls the model {reply.model}", ""
    return Outcome.GOOD, "answered", ""


_FAULTS: Final[Mapping[FailureKind, str]] = {
    FailureKind.AUTHENTICATION: "the key is refused",
    FailureKind.BILLING: "no credit, or the plan is used up",
    FailureKind.PERMISSION: "the provider does not let this in",
    FailureKind.NOT_FOUND: "there is no such route or model",
    FailureKind.RATE_LIMIT: "too many requests",
    FailureKind.OVERLOADED: "the provider is overloaded",
    FailureKind.TIMEOUT: "no answer in time",
    FailureKind.UPSTREAM: "the provider cannot be reached, or does not speak this format",
    FailureKind.INTERNAL: "the provider failed",
    FailureKind.INVALID: "the provider refuses the request",
}


def fault(failure: Failure) -> str:
    """What is wrong, then the upstream's own words."""
    plain = _FAULTS.get(failure.kind, "the provider refuses")
    return f"{plain} ({failure.status}): {failure.message}"


def hint_for(failure: Failure, profile: str, model: str) -> str:
    """The next command, or where to look."""
    match failure.kind:
        case FailureKind.AUTHENTICATION:
            return f"gwproxy profile key {profile}"
        case FailureKind.NOT_FOUND if "model" in failure.message.lower():
            return f"gwproxy profile set {profile} model=…   (now: {model})"
        case FailureKind.NOT_FOUND | FailureKind.UPSTREAM:
            return f"gwproxy profile show {profile}   (is the address right?)"
        case FailureKind.PERMISSION:
            return (
                "some providers let in certain tools only; a tool's own name is passed on, "
                "so try it with the tool itself"
            )
        case FailureKind.BILLING:
            return "look at your account on the provider's page"
        case FailureKind.RATE_LIMIT | FailureKind.OVERLOADED | FailureKind.TIMEOUT:
            return "try again in a while"
    return ""

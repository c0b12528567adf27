"""The running gateway, and one question through it, as a coding tool would ask it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from typing import Final

from gwproxy.profiles.profile import Profile
from gwproxy.profiles.secret import Secret
from gwproxy.proxy import holder
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.probe import questions
from gwproxy.proxy.probe.verdicts import Outcome, Verdict, fault, timed
from gwproxy.proxy.upstream.client import Upstream
from gwproxy.proxy.upstream.request import UpstreamRequest
from gwproxy.translate.bridge import CODECS
from gwproxy.translate.events import fold
from gwproxy.translate.hub import Dialect, Failure, FailureKind
from gwproxy.translate.quirks import Quirks

CALLS_THROUGH_GATEWAY: Final = 1
"""How many questions that may be billed one check of the gateway asks."""

THROUGH: Final = "through the gateway"

_MOST_BYTES: Final = 1024 * 1024

# Of the gateway's own address only the limits matter here.
_OURSELVES: Final = Profile("gwproxy", "custom", "")


class GatewayProbe:
    """Checks the gateway at `base_url`, which may not run; `token` is the local one."""

    def __init__(self, upstream: Upstream, base_url: str, token: Secret) -> None:
        self._upstream = upstream
        self._base_url = base_url
        self._token = token

    async def check(self, profile: Profile, *, ask: bool) -> AsyncIterator[Verdict]:
        """Whether it runs; then, if it may `ask`, one question through it to `profile`."""
        verdict = await self.alive()
        yield verdict
        if ask and verdict.outcome is Outcome.GOOD:
            url = f"{self._base_url}/profiles/{profile.name}/v1/messages"
            credential = {"authorization": f"Bearer {self._token.reveal()}"}
            yield await self.question(url, profile.model, credential, built_in=profile.is_built_in)

    async def alive(self) -> Verdict:
        """Whether a gateway answers there, and of which version."""
        health = await holder.health(self._base_url)
        if health.get("name") != "gwproxy":
            what = "another program answers" if health else "no gateway answers"
            return Verdict("gateway", Outcome.NOTE, f"{what} at {self._base_url}", "gwproxy serve")
        version = str(health.get("version", ""))[:20]
        return Verdict("gateway", Outcome.GOOD, f"gwproxy {version} at {self._base_url}")

    async def question(
        self,
        url: str,
        model: str,
        credential: Mapping[str, str],
        dialect: Dialect = Dialect.ANTHROPIC,
        *,
        built_in: bool = False,
    ) -> Verdict:
        """One question, streamed, to the route of its dialect at `url`."""
        started = time.monotonic()
        try:
            answered = await self._ask(url, model, credential, dialect)
        except Failed as error:
            failure = error.failure
            verdict = Verdict(
                THROUGH,
                Outcome.BAD,
                failure.message if error.nothing_sent else fault(failure),
                _hint(failure, built_in=built_in),
                kind=failure.kind,
                status=failure.upstream_status or failure.status,
                reached=not error.nothing_sent,
            )
            calls = 0 if error.nothing_sent else CALLS_THROUGH_GATEWAY
            return timed(verdict, time.monotonic() - started, calls)
        verdict = Verdict(THROUGH, Outcome.GOOD, f"answered, as {answered}")
        return timed(verdict, time.monotonic() - started, CALLS_THROUGH_GATEWAY)

    async def _ask(
        self, url: str, model: str, credential: Mapping[str, str], dialect: Dialect
    ) -> str:
        """The name of the model that answered. Raises Failed."""
        head = {**credential, "content-type": "application/json"}
        codec = CODECS[dialect]
        if codec.facts.version is not None:
            name, version = codec.facts.version
            head[name] = version
        query = {} if codec.facts.query is None else dict([codec.facts.query])
        body = questions.as_client(codec, model)
        answer = await self._upstream.send(
            UpstreamRequest(_OURSELVES, url, head, body, query, self._token.reveal(), True)
        )
        try:
            if not answer.ok:
                lower = {name.lower(): value for name, value in answer.headers.items()}
                said = await answer.read_error(_MOST_BYTES)
                raise Failed(codec.parse_failure(answer.status, lower, said))
            reader = codec.reader(Quirks())
            result = fold(reader.feed(await answer.read_whole(_MOST_BYTES)) + reader.finish())
        finally:
            answer.close()
        if isinstance(result, Failure):
            raise Failed(result)
        return result.model


def _hint(failure: Failure, *, built_in: bool) -> str:
    if failure.upstream_status == 401 and "local token" in failure.message:
        return "the gateway has another token: gwproxy setup again, or restart gwproxy serve"
    if failure.kind is FailureKind.NOT_FOUND and built_in:
        return "gwproxy serve --profile demo"
    return "gwproxy status"

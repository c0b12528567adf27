"""The provider itself, asked directly: its key, its routes, and each dialect that it offers.

The order is from cheap to dear: nothing is billed until the free checks are through.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final

from gwproxy.errors import CredentialError
from gwproxy.profiles.endpoints import host_of
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.quirks import quirk_values
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.probe import questions
from gwproxy.proxy.probe.asking import (
    Way,
    ask_free,
    ask_plain,
    ask_translated,
    elsewhere,
    listing_way,
    member,
    model_names,
    ways_of,
)
from gwproxy.proxy.probe.verdicts import (
    HOPELESS,
    Learned,
    Outcome,
    Verdict,
    failed,
    means_no_route,
    timed,
)
from gwproxy.proxy.queries.counters import one_word, plausible
from gwproxy.proxy.routing.route import Routes
from gwproxy.proxy.upstream.client import Upstream
from gwproxy.proxy.upstream.keys import Keys
from gwproxy.translate.bridge import CODECS
from gwproxy.translate.events import fold
from gwproxy.translate.hub import Failure, FailureKind, Reply
from gwproxy.translate.registry import FACTS
from gwproxy.translate.wire import sse

_SHOWN_MODELS: Final = 5

_NO_LIST: Final = "the provider has no list of them"
_NO_COUNT: Final = "the provider does not count; gwproxy estimates"
_NOTHING_FREE: Final = frozenset({_NO_LIST, _NO_COUNT})

_SHUT: Final = HOPELESS | {
    FailureKind.AUTHENTICATION,
    FailureKind.PERMISSION,
    FailureKind.INTERNAL,
}
"""With these a question would fare no better than a list of models does."""

# A stream that took this long, and whose pieces then came all within this part of it, was held.
_WORTH_STREAMING_S: Final = 1.0
_HELD_PART: Final = 0.05
_ENOUGH_PIECES: Final = 8


class Depth(StrEnum):
    """How much a test may ask: nothing that is billed, one question a dialect, or everything."""

    FREE = "free"
    QUICK = "quick"
    FULL = "full"


def most_calls(profile: Profile, depth: Depth) -> int:
    """How many questions that may be billed `ProviderProbe.check` asks at the most."""
    if depth is Depth.FREE:
        return 0
    if depth is Depth.QUICK:
        return len(profile.dialects)
    plain = 2 if profile.stream == "auto" else 1
    pictures = 1 if quirk_values(profile)["vision"] else 0
    return len(profile.dialects) * (plain + 2) + pictures


class ProviderProbe:
    """Checks profiles; several in turn share connections and keys."""

    def __init__(self, upstream: Upstream, keys: Keys, routes: Routes) -> None:
        self._upstream = upstream
        self._keys = keys
        self._routes = routes

    async def check(self, profile: Profile, depth: Depth) -> AsyncIterator[Verdict]:
        """Every check of `profile` that makes sense, as it ends."""
        try:
            found = await self._keys.find(profile)
        except CredentialError as error:
            words = ": ".join(part for part in (error.what, error.why) if part)
            kind = FailureKind.AUTHENTICATION
            yield Verdict("key", Outcome.BAD, words, error.hint, kind=kind)
            return
        key = found.secret.reveal() if found.secret is not None else None
        masked = f"{found.secret.masked} from {found.source}" if found.secret else "none is needed"
        yield Verdict("key", Outcome.GOOD, masked)
        ways = ways_of(self._routes, profile, key, found.source)
        silent = True
        async for verdict in self._free(ways, depth):
            yield verdict
            silent &= verdict.words in _NOTHING_FREE
            if verdict.outcome is Outcome.BAD and _one_host(profile):
                return
        if depth is Depth.FREE:
            if silent:
                yield await self._unproved(ways[0])
            return
        seen_picture = False
        for way in ways:
            async for verdict in self._dialect(way, depth, picture=not seen_picture):
                yield verdict
                seen_picture |= verdict.check.endswith("an image")
                if verdict.outcome is Outcome.BAD and verdict.kind in HOPELESS:
                    return

    # --- what costs nothing ------------------------------------------------------------------

    async def _free(self, ways: list[Way], depth: Depth) -> AsyncIterator[Verdict]:
        listing = listing_way(ways)
        verdict = await self._look("models", listing, lambda: self._models(listing))
        if verdict.outcome is Outcome.BAD:
            verdict = _weighed(verdict, depth)
        yield verdict
        counting = next((way for way in ways if FACTS[way.dialect].counted), None)
        if counting is not None and verdict.outcome is not Outcome.BAD:
            yield await self._look("count_tokens", counting, lambda: self._count(counting))

    async def _unproved(self, way: Way) -> Verdict:
        """Nothing was wrong with what is free, and nothing of it was there: no more is known of
        the address."""
        name = way.profile.name
        other = await elsewhere(self._upstream, way)
        if other is None:
            words = "nothing that is free answers there: only a question shows whether it is right"
            return Verdict("address", Outcome.NOTE, words, f"gwproxy test {name} --quick")
        learned = _address(way, other)
        words = f"nothing that is free answers there, but the provider answers at {other}"
        hint = f"gwproxy profile set {name} {learned}"
        return Verdict("address", Outcome.NOTE, words, hint, learned=learned)

    async def _models(self, way: Way) -> Verdict:
        body = await ask_free(self._upstream, way, "models")
        if body is None:
            return Verdict("models", Outcome.GOOD, _NO_LIST)
        names = model_names(body)
        wanted = way.profile.model
        if not names:
            return Verdict("models", Outcome.NOTE, "the list of models cannot be understood")
        if wanted in names:
            return Verdict("models", Outcome.GOOD, f"{wanted} is one of {len(names)}")
        shown = ", ".join(names[:_SHOWN_MODELS]) + (", …" if len(names) > _SHOWN_MODELS else "")
        words = f"{wanted} is not in the provider's list: {shown}"
        return Verdict("models", Outcome.NOTE, words, f"gwproxy models {way.profile.name}")

    async def _count(self, way: Way) -> Verdict:
        wanted = way.route.quirks.count_tokens
        body = await ask_free(self._upstream, way, "count_tokens", one_word(way.route.model))
        counted = body is not None and plausible(member(body, "input_tokens"))
        words = "the provider counts, for nothing" if counted else _NO_COUNT
        right = "upstream" if counted else "local"
        # With `auto` the gateway finds it out by itself.
        learned = None if wanted in ("auto", right) else Learned("quirk.count_tokens", right)
        return Verdict("count_tokens", Outcome.GOOD, words, learned=learned)

    # --- one dialect -------------------------------------------------------------------------

    async def _dialect(self, way: Way, depth: Depth, *, picture: bool) -> AsyncIterator[Verdict]:
        mode = way.profile.stream
        worked = False
        if mode != "always":
            verdict = await self._look(
                way.check("a message"), way, lambda: self._message(way), calls=1
            )
            verdict = await self._with_address(verdict, way)
            yield verdict
            worked = verdict.outcome is not Outcome.BAD
            if depth is Depth.QUICK or means_no_route(verdict):
                return
            if not (worked or verdict.learned):
                return
        if mode == "never":
            words = "not offered; gwproxy makes the stream out of whole answers"
            yield Verdict(way.check("a stream"), Outcome.GOOD, words, dialect=way.dialect)
        else:
            verdict = await self._look(
                way.check("a stream"), way, lambda: self._stream(way), calls=1
            )
            if not worked:
                verdict = await self._with_address(verdict, way)
            yield verdict
            worked |= verdict.outcome is not Outcome.BAD
        if depth is Depth.QUICK or not worked:
            return
        async for verdict in self._tools(way):
            yield verdict
        if picture and way.route.quirks.vision:
            yield await self._look(way.check("an image"), way, lambda: self._picture(way), calls=1)

    async def _with_address(self, verdict: Verdict, way: Way) -> Verdict:
        """The verdict, with the right address where nothing is at this one and it can be found for
        nothing."""
        if not means_no_route(verdict):
            return verdict
        other = await elsewhere(self._upstream, way)
        if other is None:
            return verdict
        words = f"{verdict.words}; but the provider answers at {other}"
        learned = _address(way, other)
        hint = f"gwproxy profile set {way.profile.name} {learned}"
        return replace(verdict, words=words, hint=hint, learned=learned)

    async def _message(self, way: Way) -> Verdict:
        check = way.check("a message")
        try:
            body, is_stream, _ = await ask_plain(self._upstream, way, streams=False)
        except Failed as error:
            return _about_streams(check, error, way, Learned("stream", "always"))
        if is_stream:
            _reply(body, way, is_stream=True)
            words = "a stream came where a whole answer was asked for; gwproxy collects it"
            return _note(check, words, way, Learned("stream", "always"))
        model = _reply(body, way, is_stream=False).model
        if model and model != way.route.model:
            words = f"answered; the provider calls the model {model}"
            return Verdict(check, Outcome.NOTE, words, dialect=way.dialect)
        return Verdict(check, Outcome.GOOD, "answered", dialect=way.dialect)

    async def _stream(self, way: Way) -> Verdict:
        check = way.check("a stream")
        try:
            body, is_stream, moments = await ask_plain(self._upstream, way, streams=True)
        except Failed as error:
            return _about_streams(check, error, way, Learned("stream", "never"))
        _reply(body, way, is_stream=is_stream)
        if not is_stream:
            words = "one whole answer came where a stream was asked for; gwproxy makes the stream"
            return _note(check, words, way, Learned("stream", "never"))
        decoder = sse.Decoder()
        pieces = len(decoder.feed(body) + decoder.finish())
        if was_held_back(moments, pieces):
            words = f"all {pieces} events came at once, at the end: something on the way holds them"
            return Verdict(check, Outcome.NOTE, words, dialect=way.dialect)
        return Verdict(check, Outcome.GOOD, f"{pieces} events, complete", dialect=way.dialect)

    async def _tools(self, way: Way) -> AsyncIterator[Verdict]:
        asked = questions.tool_call(way.route.model)
        content: list[Any] = []

        async def call() -> Verdict:
            content.extend(await ask_translated(self._upstream, way, asked))
            check = way.check("a tool call")
            if not any(block["type"] == "tool_use" for block in content):
                words = "answered in words: this model did not call the tool"
                return Verdict(check, Outcome.NOTE, words, dialect=way.dialect)
            return Verdict(check, Outcome.GOOD, f"called {questions.TOOL}", dialect=way.dialect)

        async def result() -> Verdict:
            await ask_translated(self._upstream, way, questions.tool_result(asked, content))
            thought = any("thinking" in block["type"] for block in content)
            words = "took it back, with its own thinking" if thought else "took it back"
            return Verdict(way.check("a tool result"), Outcome.GOOD, words, dialect=way.dialect)

        verdict = await self._look(way.check("a tool call"), way, call, calls=1)
        yield verdict
        if verdict.outcome is Outcome.GOOD:
            yield await self._look(way.check("a tool result"), way, result, calls=1)

    async def _picture(self, way: Way) -> Verdict:
        check = way.check("an image")
        try:
            await ask_translated(self._upstream, way, questions.picture(way.route.model))
        except Failed as error:
            if error.failure.kind not in (FailureKind.INVALID, FailureKind.UNSUPPORTED):
                raise
            words = f"images are refused: {error.failure.message}"
            return _note(check, words, way, Learned("quirk.vision", "false"))
        return Verdict(check, Outcome.GOOD, "looked at", dialect=way.dialect)

    async def _look(
        self, check: str, way: Way, ask: Callable[[], Awaitable[Verdict]], *, calls: int = 0
    ) -> Verdict:
        """The verdict of `ask`, or on what went wrong in it. `calls` is what it may cost."""
        started = time.monotonic()
        try:
            verdict = await ask()
        except Failed as error:
            dialect = way.dialect if calls else None
            verdict = failed(check, error, way.profile, dialect=dialect, source=way.source)
            calls = 0 if error.nothing_sent else calls
        return timed(verdict, time.monotonic() - started, calls)


def was_held_back(moments: Sequence[float], pieces: int) -> bool:
    """Whether a stream of `pieces` events, parts of which came at `moments` (seconds after the
    question), was no stream but an answer in one piece."""
    if not moments or pieces < _ENOUGH_PIECES or moments[-1] < _WORTH_STREAMING_S:
        return False
    return moments[-1] - moments[0] < _HELD_PART * moments[-1]


def _reply(body: bytes, way: Way, *, is_stream: bool) -> Reply:
    """What `body` says. Raises Failed."""
    codec, quirks = CODECS[way.dialect], way.route.quirks
    if is_stream:
        reader = codec.reader(quirks)
        result = fold(reader.feed(body) + reader.finish())
    else:
        result = fold(codec.reader(quirks).whole(body))
    if isinstance(result, Failure):
        raise Failed(result)
    return result


def _address(way: Way, base: str) -> Learned:
    return Learned(FACTS[way.dialect].base, base)


def _note(check: str, words: str, way: Way, learned: Learned) -> Verdict:
    hint = f"gwproxy profile set {way.profile.name} {learned}"
    return Verdict(check, Outcome.NOTE, words, hint, way.dialect, learned=learned)


def _about_streams(check: str, error: Failed, way: Way, learned: Learned) -> Verdict:
    """A refusal that is about streaming itself says which setting would mend it."""
    verdict = failed(check, error, way.profile, dialect=way.dialect, source=way.source)
    refused = error.failure.kind in (FailureKind.INVALID, FailureKind.UNSUPPORTED)
    if not refused or "stream" not in error.failure.message.lower():
        raise error
    hint = f"gwproxy profile set {way.profile.name} {learned}"
    return replace(verdict, hint=hint, learned=learned)


def _weighed(verdict: Verdict, depth: Depth) -> Verdict:
    """A list that is refused proves little while the questions themselves are still to come. A
    provider that cannot be reached is a fault; so is one that lets nobody in (a refused key, no
    credit, too many requests, out of order) where no question follows."""
    if not verdict.reached:
        return replace(verdict, check="connection")
    if depth is Depth.FREE and verdict.kind in _SHUT:
        return verdict
    return replace(verdict, outcome=Outcome.NOTE, hint="")


def _one_host(profile: Profile) -> bool:
    bases = (profile.anthropic_url, profile.openai_url)
    return len({host_of(base) for base in bases if base}) == 1

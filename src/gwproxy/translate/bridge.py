"""The only door of the pure core: one Bridge per exchange, for every pair of dialects.

    bridge = Bridge(client, upstream, quirks, …)
    upstream_body = bridge.request(client_body)          raises fields.Rejected
    …then, by what the two sides do:
    client whole,  upstream whole     bridge.reply(body) -> bytes | Failure
    client stream, upstream stream    bridge.stream(): feed(chunk) … finish()
    client stream, upstream whole     bridge.stream(): whole(body)
    client whole,  upstream stream    bridge.collect(): feed(chunk) … finish() -> bytes | Failure
    upstream said no                  bridge.error(status, headers, body) -> ErrorAnswer

No sockets, no clock, no `await`: the shell feeds bytes, sends what comes out, and calls `ping()`
on silence and `fail()` on trouble. With the same dialect on both sides and nothing to repair the
bytes pass through (`Bridge.faithful`, settled by `request`), behind the same doors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Struct, structs

from gwproxy.translate import registry, relay
from gwproxy.translate.codec import Asked, Codec, Reader, Tap, Writer
from gwproxy.translate.errors import complaints
from gwproxy.translate.events import (
    Event,
    Fail,
    Finish,
    Start,
    UsageUpdate,
    fold,
)
from gwproxy.translate.hub import Dialect, Failure, FailureKind, Reply, Request, Stop, Usage
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import repair_steps, tokens
from gwproxy.translate.passes.media import Fetched, pending_urls, with_media
from gwproxy.translate.passes.names import Names
from gwproxy.translate.passes.recall import Thoughts, recalled, session_of
from gwproxy.translate.passes.sampling import takes_stops
from gwproxy.translate.passes.tools import wrapped_tools
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.stages.calls import Outward
from gwproxy.translate.stages.leaked import LeakedCalls
from gwproxy.translate.stages.listener import Listener
from gwproxy.translate.stages.stops import StopMatcher
from gwproxy.translate.streams import Collector, FaithfulStream, Pipe, StreamBridge
from gwproxy.translate.wire import jsonio, seal
from gwproxy.translate.wire.fields import Malformed, Rejected
from gwproxy.translate.wire.shapes import Shape

CODECS: Final = registry.codecs()

NO_IMAGES: Final[Mapping[str, Fetched]] = MappingProxyType({})

# Nearly no request has one; a body with a conversation about addresses has them escaped.
_NAMES_ADDRESS: Final = re.compile(rb'url"\s*:\s*"\s*http')


# What clients know by status and type, which third parties choose at will.
_ACTED_UPON: Final = frozenset({FailureKind.BILLING, FailureKind.OVERLOADED})


class Peek(Struct, frozen=True):
    """What routing needs to know of a request, read without understanding the rest."""

    model: str = ""
    stream: bool = False


class _Peeked(Struct):
    model: str = ""
    stream: bool | None = False


_peeked: Final = Shape(_Peeked)


def peek(body: bytes) -> Peek:
    """The model and the wish for a stream. Raises fields.Malformed."""
    if not body:
        raise Malformed("", "the body is empty; it must be a JSON object")
    peeked = _peeked.read(body, Losses())
    return Peek(peeked.model, bool(peeked.stream))


class ErrorAnswer(Struct, frozen=True):
    """An error as the client gets it. `headers` hold `retry-after`, `x-should-retry` and such."""

    status: int
    headers: dict[str, str]
    body: bytes
    failure: Failure


class Bridge:
    """Translates one exchange.

    `model` is the upstream's name for the model, `streams` whether the upstream is asked to
    stream. `input_factor` calibrates the token estimate. `thoughts` remembers the reasoning before
    calls, for clients that lose it. Ids and time come from the shell. `codecs` are the dialects.
    """

    def __init__(
        self,
        client: Dialect,
        upstream: Dialect,
        quirks: Quirks,
        *,
        asked: Peek,
        model: str,
        streams: bool,
        new_id: Callable[[str], str],
        created: int,
        request_id: str,
        input_factor: float = 1.0,
        thoughts: MutableMapping[str, Thoughts] | None = None,
        codecs: Mapping[Dialect, Codec] = CODECS,
    ) -> None:
        self._client = codecs[client]
        self._upstream = codecs[upstream]
        self.client = self._client.facts.name
        self.upstream = self._upstream.facts.name
        reads_words = quirks.leaked_tools or (
            quirks.inline_think and self._upstream.facts.think_tags
        )
        self.faithful = (
            client == upstream
            and not (quirks.rebuild or reads_words)
            and (not asked.stream or streams)
            and not (streams and not asked.stream)
        )
        self.losses = Losses()
        self.repaired: list[tuple[str, str]] = []
        self.input_estimate = 0
        self.usage = Usage()
        self.stop: Stop | None = None
        self.upstream_model = ""
        self._quirks = quirks
        self._model = model
        self._streams = streams
        self._factor = input_factor
        self._thoughts = thoughts if quirks.reasoning_in != "none" else None
        self._session = ""
        self._names = Names(self._upstream.facts, quirks)
        self._asked = Asked(
            model=asked.model,
            new_id=new_id,
            created=created,
            request_id=request_id,
            family=quirks.family,
        )
        self._stops: tuple[str, ...] = ()
        self._wrapped: dict[str, str] = {}
        self._leaks: frozenset[str] = frozenset()
        self._relayed = b""

    # --- towards the upstream ----------------------------------------------------------------

    def image_addresses(self, body: bytes) -> tuple[str, ...]:
        """Addresses of images that `request` wants fetched. Raises as `request` does."""
        if self._quirks.image_urls or not _NAMES_ADDRESS.search(body):
            return ()
        self._open_seals(body)
        if self.faithful:
            return ()
        return pending_urls(self._client.parse_request(body, Losses()), self._quirks)

    def request(self, body: bytes, images: Mapping[str, Fetched] = NO_IMAGES) -> bytes:
        """The body for the upstream. Raises fields.Rejected and jsonio.NotJson."""
        self._open_seals(body)
        if self.faithful:
            self._relayed = body
            self.input_estimate = self._calibrate(len(body) / tokens.BYTES_PER_TOKEN)
            return (
                body if self._asked.model == self._model else relay.replace_model(body, self._model)
            )
        request = self._parse(body, self.losses)
        if images:
            request = with_media(request, images, self.losses)
            self.repaired.append(("images", "hosts that take an image only as data"))
        return self._render(request)

    def count_request(self, body: bytes) -> bytes:
        """A body for the upstream's `count_tokens` route, which takes no other fields."""
        self._open_seals(body)
        if self.faithful:
            return self.request(body)
        rendered = self._render(self._parse_countable(body))
        fields = msgspec.json.decode(rendered, type=dict[str, msgspec.Raw])
        counted = self._upstream.facts.counted
        return jsonio.dumps({k: v for k, v in fields.items() if k in counted})

    def _open_seals(self, body: bytes) -> None:
        """Reasoning that we sealed, for this upstream or another, is a bad signature as it stands:
        such a history goes through the hub."""
        if self.faithful and seal.is_in(body):
            self.faithful = False

    def estimate(self, body: bytes) -> int:
        """A local token count of a `count_tokens` body. Raises as `request` does."""
        return self._calibrate(tokens.estimate(self._parse_countable(body)))

    def _parse_countable(self, body: bytes) -> Request:
        codec = self._client
        return (codec.parse_countable or codec.parse_request)(body, self.losses)

    def read_relayed(self) -> None:
        """Learn from a relayed request what an answer must be told that is translated after all:
        a Chat client's wish for usage, the fields that a Responses answer repeats."""
        try:
            self._parse(self._relayed, Losses())
        except (Rejected, jsonio.NotJson):
            return  # the upstream took it; the answer does without

    def _parse(self, body: bytes, losses: Losses) -> Request:
        request = self._client.parse_request(body, losses)
        estimate = tokens.estimate(request)
        self.input_estimate = self._calibrate(estimate)
        thinking = request.thinking
        self._asked = structs.replace(
            self._asked,
            input_estimate=self.input_estimate,
            include_usage=request.include_usage,
            legacy_functions=request.legacy_functions,
            show_reasoning=thinking.show != "omitted",
            echo=request.echo,
        )
        return structs.replace(request, estimate=estimate)

    def _render(self, request: Request) -> bytes:
        if request.stop and self._matches(request.stop):
            self._stops = request.stop
            self.losses.emulate("stop_sequences")
            request = structs.replace(request, stop=())
        request = structs.replace(request, model=self._model, stream=self._streams)
        if self._thoughts is not None:
            self._session = session_of(request)
            request = recalled(request, self._thoughts)
        request = self._names.inward(request, self.losses)
        if self._client.facts.arguments != "object":
            self._wrapped = wrapped_tools(request, self._quirks)
        if self._quirks.leaked_tools:
            self._leaks = frozenset(tool.name for tool in request.tools if tool.kind == "function")
        steps = repair_steps(request, self.upstream, self._quirks, self.losses)
        for step, changed in steps:
            self.repaired.append((step.name, step.why))
            request = changed
        self._asked = structs.replace(self._asked, answer_tool=request.answer_tool)
        return self._upstream.render_request(request, self._quirks, self.losses)

    def _matches(self, stops: tuple[str, ...]) -> bool:
        """Whether stop sequences are looked for here: some upstreams know none, some take few, and
        some do not tell which one it was to a client that asks."""
        upstream = self._upstream.facts
        if not (upstream.stops and takes_stops(stops, self.upstream, self._quirks)):
            return True
        return self._client.facts.names_stop and not upstream.names_stop

    def _calibrate(self, estimated: float) -> int:
        return max(1, round(estimated * self._factor))

    # --- towards the client ------------------------------------------------------------------

    def reply(self, body: bytes) -> bytes | Failure:
        """A whole answer for a client that wants one."""
        if self.faithful:
            return self._relay_whole(body)
        events = self._upstream.lay_out_reply(body, self._quirks)
        return self.build(fold(self.pipe().feed(events)))

    def _relay_whole(self, body: bytes) -> bytes | Failure:
        codec = self._upstream
        for event in codec.lay_out_reply(body, self._quirks):
            if not isinstance(event, Fail):
                self.note(event)
            elif codec.promises is not None and codec.promises(body):
                return relay.replace_model(body, self._asked.model)
            else:
                return event.failure
        if self.upstream_model in ("", self._asked.model):
            return body
        return relay.replace_model(body, self._asked.model)

    def build(self, result: Reply | Failure) -> bytes | Failure:
        if isinstance(result, Failure):
            return result
        return self._client.build_reply(result, self._asked)

    def stream(self) -> StreamBridge | FaithfulStream:
        if self.faithful:
            return FaithfulStream(self)
        return StreamBridge(self)

    def collect(self) -> Collector:
        return Collector(self)

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorAnswer:
        """The upstream's refusal in the client's dialect; verbatim where both speak the same and
        the client can act on it."""
        lower = {name.lower(): value for name, value in headers.items()}
        failure = self._upstream.parse_failure(status, lower, body)
        answer = self.render(failure)
        same = self.client == self.upstream and jsonio.is_object(body)
        if same and self._speaks_for_itself(failure, answer):
            return structs.replace(answer, status=status, body=body)
        return answer

    def _speaks_for_itself(self, failure: Failure, answer: ErrorAnswer) -> bool:
        """Whether the upstream's own words make a client compact, stop or wait. Kimi's hosts speak
        a dialect without its words ("exceeded model token limit", MoonshotAI/kimi-cli#2011); a
        relayed request is answered by somebody who knows them, but for the window."""
        if failure.kind is FailureKind.CONTEXT:
            told = complaints.read(answer.body)
            return (told.message, told.code) == (failure.message, failure.code)
        return self.faithful or failure.kind not in _ACTED_UPON

    def render(self, failure: Failure) -> ErrorAnswer:
        return _error_answer(self._client, failure, self._asked.request_id)

    # --- for the streams -----------------------------------------------------------------

    def pipe(self) -> Pipe:
        outward = Outward(
            self._names,
            self.losses,
            self._client.facts,
            wrapped=self._wrapped,
            answer_tool=self._asked.answer_tool,
        )
        return Pipe(self, LeakedCalls(self._leaks), outward, StopMatcher(self._stops))

    def listener(self) -> Listener | None:
        """Whoever keeps the answer's thoughts for the next request."""
        return None if self._thoughts is None else Listener(self._session, self._thoughts)

    def reader(self) -> Reader:
        return self._upstream.reader(self._quirks)

    def writer(self) -> Writer:
        return self._client.writer(self._asked)

    def tap(self) -> Tap:
        return self._upstream.tap(self._quirks)

    def lay_out(self, body: bytes) -> list[Event]:
        return self._upstream.lay_out_reply(body, self._quirks)

    @property
    def asked_model(self) -> str:
        return self._asked.model

    def note(self, event: Event) -> None:
        """Keep what the log and the ledger want to know."""
        match event:
            case UsageUpdate(usage=usage):
                self.usage = self.usage.merged(usage)
            case Finish(stop=stop):
                self.stop = stop
            case Start(model=model):
                self.upstream_model = model


def render_failure(client: Dialect, failure: Failure, request_id: str) -> ErrorAnswer:
    """A failure as an answer of `client`'s dialect, with the headers its SDK acts upon."""
    return _error_answer(CODECS[client], failure, request_id)


def _error_answer(client: Codec, failure: Failure, request_id: str) -> ErrorAnswer:
    status, body = client.render_failure(failure, request_id)
    headers: dict[str, str] = {}
    if failure.retry_after_s is not None:
        headers["retry-after"] = f"{failure.retry_after_s:g}"
    if failure.retryable is not None:
        headers["x-should-retry"] = "true" if failure.retryable else "false"
    return ErrorAnswer(status, headers, body, failure)


def rejection(field: str, why: str) -> Failure:
    """A request that cannot be served as it is: a 400 that names the field."""
    return Failure(
        FailureKind.INVALID,
        f"{field}: {why}" if field else why,
        400,
        param=field or None,
        retryable=False,
    )

"""The only door of the pure core: one Bridge per exchange, for every pair of dialects.

    bridge = Bridge(client, upstream, quirks, …)
    upstream_body = bridge.request(client_body)          raises fields.Rejected
    …then, by what the two sides do:
    client whole,  upstream whole     bridge.reply(body) -> bytes | Failure
    client stream, upstream stream    bridge.stream(): feed(chunk) … finish()
    client stream, upstream whole     bridge.stream(): whole(body)
    client whole,  upstream stream    bridge.collect(): feed(chunk) … finish() -> bytes | Failure
    upstream answered an error        bridge.error(status, headers, body) -> ErrorAnswer

No sockets, no clock, no `await`: the shell feeds bytes, sends what comes out, and calls `ping()`
on silence and `fail()` on trouble. With the same dialect on both sides the request's bytes pass
but for edits (`Bridge.relays`, settled by `request`), and mostly the answer's, too
(`Bridge.faithful`), by the same methods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from types import MappingProxyType
from typing import Final, TypeAlias

from msgspec import Struct, structs

from gwproxy.translate import registry, relay
from gwproxy.translate.codec import Codec, ReplyContext
from gwproxy.translate.errors import complaints
from gwproxy.translate.expected import Expected, Tally, reads_words
from gwproxy.translate.hub import Dialect, Failure, FailureKind
from gwproxy.translate.losses import Losses
from gwproxy.translate.outgoing import Outgoing
from gwproxy.translate.passes import compaction
from gwproxy.translate.passes.media import Fetched
from gwproxy.translate.passes.names import Names
from gwproxy.translate.passes.recall import Thoughts
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.relay import FaithfulStream
from gwproxy.translate.streams import Collector, StreamBridge
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Malformed
from gwproxy.translate.wire.shapes import Shape

CODECS: Final = registry.codecs()

NO_IMAGES: Final[Mapping[str, Fetched]] = MappingProxyType({})

AnswerStream: TypeAlias = StreamBridge | FaithfulStream

# Kinds that clients know by status and error type, which third parties choose at will.
_ACTED_UPON: Final = frozenset({FailureKind.BILLING, FailureKind.OVERLOADED})


_TOO_MANY: Final = 429


class RequestHead(Struct, frozen=True):
    """The model and the stream flag of a request: what routing needs, read without the rest."""

    model: str = ""
    stream: bool = False


class _Head(Struct):
    model: str = ""
    stream: bool | None = False


_head: Final = Shape(_Head)


def request_head(body: bytes) -> RequestHead:
    """The head of a request's `body`. Raises fields.Malformed."""
    if not body:
        raise Malformed("", "the body is empty; it must be a JSON object")
    head = _head.read(body, Losses())
    return RequestHead(head.model, bool(head.stream))


class ErrorAnswer(Struct, frozen=True):
    """The HTTP error that a client gets. `headers` hold `retry-after`, `x-should-retry` and
    such."""

    status: int
    headers: dict[str, str]
    body: bytes
    failure: Failure


class Bridge:
    """The translation of one exchange; its `tally` is for the log and the ledger.

    `model` is the upstream's name for the model, `streams` whether the upstream is asked to
    stream. `input_factor` calibrates the token estimate. `thoughts` keeps the reasoning before
    tool calls, for clients that lose it. Ids and time come from the shell. `codecs` are the
    dialects.
    """

    __slots__ = ("_expected", "_outgoing", "tally")

    def __init__(
        self,
        client: Dialect,
        upstream: Dialect,
        quirks: Quirks,
        *,
        asked: RequestHead,
        model: str,
        streams: bool,
        new_id: Callable[[str], str],
        created: int,
        request_id: str,
        input_factor: float = 1.0,
        thoughts: MutableMapping[str, Thoughts] | None = None,
        codecs: Mapping[Dialect, Codec] = CODECS,
    ) -> None:
        facts = codecs[upstream].facts
        relays = client == upstream and not quirks.rebuild
        self._expected = Expected(
            client=codecs[client],
            upstream=codecs[upstream],
            quirks=quirks,
            context=ReplyContext(
                model=asked.model,
                new_id=new_id,
                created=created,
                request_id=request_id,
                family=quirks.family,
            ),
            relays=relays,
            faithful=relays
            and not reads_words(codecs[upstream], quirks)
            and asked.stream == streams,
            names=Names(facts, quirks),
            input_factor=input_factor,
            thoughts=thoughts if quirks.reasoning_in != "none" else None,
        )
        self._outgoing = Outgoing(self._expected, model, streams, asked.stream != streams)
        self.tally = Tally()

    @property
    def upstream(self) -> Dialect:
        return self._expected.upstream.facts.name

    @property
    def faithful(self) -> bool:
        """Whether the answer's bytes are relayed, not translated."""
        return self._expected.faithful

    @property
    def ordered(self) -> bool:
        """Whether the request has the upstream compact the conversation itself."""
        return self._expected.ordered

    @property
    def relays(self) -> bool:
        """Whether the request's bytes are relayed, but for edits, and not translated."""
        return self._expected.relays

    @property
    def input_estimate(self) -> int:
        """Estimated input tokens of a translated request; 0 for a relayed one."""
        return self._expected.context.input_estimate

    # --- towards the upstream ----------------------------------------------------------------

    def image_addresses(self, body: bytes) -> tuple[str, ...]:
        """URLs of images that `request` needs fetched. Raises as `request` does."""
        return self._outgoing.image_addresses(body)

    def request(
        self,
        body: bytes,
        images: Mapping[str, Fetched] = NO_IMAGES,
        most_tokens: int | None = None,
    ) -> bytes:
        """The body for the upstream, with `images` by URL; at most `most_tokens` of a history that
        is to be summarised. Raises fields.Rejected and jsonio.NotJson."""
        outgoing, self._expected = self._outgoing.request(body, images, self.tally, most_tokens)
        return outgoing

    def fewer_tokens(self, failure: Failure) -> int | None:
        """The `most_tokens` to try next, after a summary's history did not fit the upstream's
        window; None where no summary is asked for, or `failure` is another one."""
        expected = self._expected
        if failure.kind is not FailureKind.CONTEXT or not expected.summarises:
            return None
        return compaction.fewer_tokens(expected.context.input_estimate, failure)

    def count_request(self, body: bytes) -> bytes:
        """The body for the upstream's `count_tokens` route. Raises as `request` does."""
        outgoing, self._expected = self._outgoing.count_request(body, self.tally)
        return outgoing

    def estimate(self, body: bytes) -> int:
        """Estimated input tokens of a `count_tokens` body. Raises as `request` does."""
        return self._outgoing.estimate(body, self.tally)

    # --- towards the client ------------------------------------------------------------------

    def reply(self, body: bytes) -> bytes | Failure:
        """The client's whole answer out of the upstream's."""
        if self.faithful:
            return relay.whole(self._expected, self.tally, body)
        return self.collect().whole(body)

    def stream(self) -> AnswerStream:
        """The client's stream, to be fed from the upstream's."""
        if self.faithful:
            return FaithfulStream(self._expected, self.tally)
        return StreamBridge(self._expected, self.tally)

    def collect(self) -> Collector:
        """The client's whole answer, to be fed from the upstream's stream."""
        return Collector(self._expected, self.tally)

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorAnswer:
        """The upstream's error in the client's dialect; verbatim where both speak the same one and
        the client can act on it."""
        client, upstream = self._expected.client, self._expected.upstream
        lower = {name.lower(): value for name, value in headers.items()}
        failure = upstream.parse_failure(status, lower, body)
        answer = self.render(failure)
        same = client.facts.name == upstream.facts.name and jsonio.is_object(body)
        if same and self._speaks_for_itself(failure, status, answer):
            return structs.replace(answer, status=status, body=body)
        return answer

    def _speaks_for_itself(self, failure: Failure, status: int, answer: ErrorAnswer) -> bool:
        """Whether the upstream's own error body makes a client compact, stop or wait. Kimi's hosts
        use error messages that no client of their dialect knows ("exceeded model token limit",
        MoonshotAI/kimi-cli#2011); the host of a relayed request knows its client's, but for a full
        context window."""
        ours = complaints.read(answer.body)
        if failure.kind is FailureKind.CONTEXT:
            same = (ours.message, ours.code) == (failure.message, failure.code)
            return same and status < 500
        if failure.kind is FailureKind.AUTHENTICATION:
            return False
        if failure.kind is FailureKind.BILLING and status == _TOO_MANY:
            # A client that does not know the label waits, and Codex 0.169 then shows no message.
            return self.relays and ours.type in (failure.raw_type, failure.code)
        return self.relays or failure.kind not in _ACTED_UPON

    def render(self, failure: Failure) -> ErrorAnswer:
        """A failure of this exchange as the client's HTTP error."""
        expected = self._expected
        return _error_answer(expected.client, failure, expected.context.request_id)


def render_failure(client: Dialect, failure: Failure, request_id: str) -> ErrorAnswer:
    """`failure` as an HTTP error of `client`'s dialect, with the headers its SDK acts upon."""
    return _error_answer(CODECS[client], failure, request_id)


def _error_answer(client: Codec, failure: Failure, request_id: str) -> ErrorAnswer:
    status, body = client.render_failure(failure, request_id)
    headers: dict[str, str] = {}
    if failure.retry_after_s is not None:
        headers["retry-after"] = f"{failure.retry_after_s:g}"
    if failure.retryable is not None:
        headers["x-should-retry"] = "true" if failure.retryable else "false"
    if failure.upstream_status is not None:
        headers[complaints.UPSTREAM_STATUS] = str(failure.upstream_status)
    return ErrorAnswer(status, headers, body, failure)


def rejection(field: str, why: str) -> Failure:
    """The failure of a request that cannot be served as it is: a 400 that names `field`."""
    return Failure(
        FailureKind.INVALID,
        f"{field}: {why}" if field else why,
        400,
        param=field or None,
        retryable=False,
    )

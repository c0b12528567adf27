"""The interface of a dialect, as data and functions. Every dialect's folder has these files, with
the same contents in each; further ones are its own.

    wire         what a client sends, as Structs
    blocks       content blocks <-> hub blocks, for history and answers alike
    history      the turns of a conversation
    tools        tools and tool choice
    settings     thinking, sampling, limits, output format
    request      parse(body, losses) -> Request              raises fields.Rejected
                 render(request, quirks, losses) -> bytes    raises fields.Rejected
    frames       what an upstream sends, typed and tolerant
    assembly     an answer's frames -> events
    reader       Reader(quirks).feed(chunk) / .finish() / .whole(body) -> list[Event]
    writer       Writer(context).write(events) -> bytes, .ping() -> bytes
    ending       stop reason and usage, both ways
    reply        build(reply, context) -> bytes              the folded answer as a whole body
    remade       unfold(body, context) -> bytes             a whole answer as a stream, and back:
                 Folding().feed(chunk) / .finish(model) -> bytes     raises jsonio.NotJson
    sealed       open_seals(body, quirks, losses) -> bytes  our seals in a relayed history
    failure      render(failure, request_id) -> (status, body)
    relay        Tap(quirks).read(frames) / .finish() -> list[Event]

*Readers absorb*: they emit a stream of the grammar in `events` whatever the upstream does, in
any chunking; an upstream that stops without its terminator, or sends what cannot be understood,
ends in Fail. After End or Fail they emit nothing. Blocks may interleave.

*Writers guarantee*: given a sequential stream they emit what a strict client accepts. They name
the model as the client asked (`ReplyContext.model`), close what is open before an error, and never
end a failed stream like a finished one. A call is closed by its Close alone, not by an error or an
end, for clients run what is closed. `ping()` is legal at any time, also before Start, and then
opens the stream; the Start that comes later is swallowed.

*Taps* read a stream whose bytes are relayed: they give Start, UsageUpdate, Finish, End, and Fail
where the upstream itself sent an error; and its blocks from the first signed reasoning on, if
clients of the dialect lose such. What they cannot understand they pass over, for the client gets it
all the same.

Failures are read by `errors.complaints`, for upstreams relay each other's errors. Dialects never
import each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.errors import complaints
from gwproxy.translate.events import Event
from gwproxy.translate.hub import Failure, Opaque, OutputFormat, Reply, Request, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.names import Flattened, Names
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.settle import SettledSettings
from gwproxy.translate.wire.sse import Decoder, Frame
from gwproxy.translate.wire.tool_outputs import ToolOutputs


class Reader(Protocol):
    """Events out of a stream (`feed`, then `finish`), or out of one whole body (`whole`)."""

    def feed(self, chunk: bytes) -> list[Event]: ...

    def finish(self) -> list[Event]: ...

    def whole(self, body: bytes) -> list[Event]: ...


class Tap(Protocol):
    """Events out of a relayed stream. `read` takes the frames that `decoder` made of the bytes fed
    to it; `over` says whether the answer has ended, well or in an error of its own; `closing` gives
    the bytes that must come before an error of ours; `thinks_in` is the member in which reasoning
    came, if that is worth keeping."""

    decoder: Decoder

    @property
    def thinks_in(self) -> str: ...

    @property
    def over(self) -> bool: ...

    def read(self, frames: list[Frame]) -> list[Event]: ...

    def finish(self) -> list[Event]: ...

    def closing(self) -> bytes: ...


class Folding(Protocol):
    """A stream's bytes folded into the whole answer of the same dialect."""

    def feed(self, chunk: bytes) -> None: ...

    def finish(self, model: str) -> bytes: ...


class Restoring(Protocol):
    """An answer with the client's own tools again: `feed` takes whole events, `whole` a body."""

    def feed(self, events: bytes) -> bytes: ...

    def whole(self, body: bytes) -> bytes: ...


class Writer(Protocol):
    """The bytes of a stream in the client's dialect."""

    def write(self, events: Iterable[Event]) -> bytes: ...

    def ping(self) -> bytes: ...


class Summaries(Struct, frozen=True):
    """How a client asks for a summary of its conversation: `ordered` says whether a body does,
    `sealed(text, new_id)` is the block in which it takes one, and `is_in` says whether an answer,
    or its events, hold one. The first raises fields.Malformed."""

    ordered: Callable[[bytes], bool]
    sealed: Callable[[str, Callable[[str], str]], Opaque]
    is_in: Callable[[bytes], bool]


class Codec(Struct, frozen=True):
    """One dialect's folder as a value, `codec()` of its `__init__`: all that `bridge` knows of it,
    its `facts`, where tool `outputs` and `settings` stand in its bodies, and its functions.

    `plain_question(question, limit, quirks)` is the shortest body that asks it, without the model.
    `parse_countable` reads a `count_tokens` body, where the dialect has that route and its body
    differs from a request's. `unfold` and `folding` turn an answer between equals from a whole body
    into a stream and back, and keep unknown members; without them such an answer goes through the
    hub. `flatten` makes functions of a relayed request's other tools, where the upstream refuses
    them, and `restoring` turns the answer's calls back into the client's.
    `put_back` adds to a relayed history the reasoning that its client has lost, under the member in
    which it came; the dialect's tap then reads reasoning, too. `take_format` takes the output
    format out of a relayed body, and `instruct` appends one to its leading instructions.
    `refuse_orders` raises fields.Declined for what a relayed body asks that its upstream does not
    do, or a translated answer cannot hold. `promises` says whether a body without an answer is one
    that comes later (a background response), and `summaries` how a summary of a conversation is
    asked for, where the dialect knows such a thing.
    """

    facts: DialectFacts
    parse_request: Callable[[bytes, Losses], Request]
    render_request: Callable[[Request, Quirks, Losses], bytes]
    build_reply: Callable[[Reply, ReplyContext], bytes]
    reader: Callable[[Quirks], Reader]
    writer: Callable[[ReplyContext], Writer]
    tap: Callable[[Quirks], Tap]
    render_failure: Callable[[Failure, str], tuple[int, bytes]]
    plain_question: Callable[[str, int, Quirks], dict[str, Any]]
    open_seals: Callable[[bytes, Quirks, Losses], bytes]
    parse_failure: Callable[[int, Mapping[str, str], bytes], Failure] = complaints.failure
    outputs: ToolOutputs | None = None
    settings: SettledSettings | None = None
    parse_countable: Callable[[bytes, Losses], Request] | None = None
    unfold: Callable[[bytes, ReplyContext], bytes] | None = None
    folding: Callable[[], Folding] | None = None
    flatten: Callable[[bytes, Quirks, Names, Losses], tuple[bytes, Flattened | None]] | None = None
    restoring: Callable[[Flattened], Restoring] | None = None
    take_format: Callable[[bytes], tuple[bytes, OutputFormat | None]] | None = None
    instruct: Callable[[bytes, str], bytes] | None = None
    refuse_orders: Callable[[bytes], None] | None = None
    put_back: Callable[[bytes, Sequence[Turn | None], str, Quirks], bytes] | None = None
    promises: Callable[[bytes], bool] | None = None
    summaries: Summaries | None = None

    def read(self, body: bytes, losses: Losses) -> Request:
        """A request that is only to be read, so it may lack what an answer needs, or ask what is
        not served here. Raises fields.Rejected and jsonio.NotJson."""
        return (self.parse_countable or self.parse_request)(body, losses)


class ReplyContext(Struct, frozen=True, kw_only=True):
    """What a writer must know of the request that it answers.

    `model` is the name the client asked for and reads back. `new_id("msg_")` gives a fresh id
    with that prefix. `created` is Unix seconds. `input_estimate` stands in the first stream event
    until the upstream's own figure comes. `show_reasoning` False keeps reasoning text out of sight
    (it still travels in the seal). `include_usage` is a Chat client's wish for the usage chunk;
    `legacy_functions` says that it declared `functions` and waits for one `function_call`.
    `answer_tool` is the tool whose call holds the text of the answer; `echo` is raw JSON
    that a Responses answer repeats. `request_id` goes into error bodies. `relayed` are the last
    of the upstream's own events that the client has got, for an error behind them."""

    model: str
    new_id: Callable[[str], str]
    created: int = 0
    request_id: str = ""
    input_estimate: int = 0
    show_reasoning: bool = True
    include_usage: bool = False
    legacy_functions: bool = False
    answer_tool: str | None = None
    echo: str | None = None
    relayed: bytes = b""
    family: str = "upstream"


_ILLEGAL_IN_ID: Final = re.compile("[^a-zA-Z0-9_-]+")


def message_id(prefix: str, upstream_id: str, context: ReplyContext) -> str:
    """The upstream's id under the client dialect's prefix, so that both sides' logs meet in it."""
    tail = upstream_id
    for known in ("msg_", "chatcmpl-", "resp_"):
        tail = tail.removeprefix(known)
    legal = _ILLEGAL_IN_ID.sub("", tail)
    return prefix + legal if legal else context.new_id(prefix)

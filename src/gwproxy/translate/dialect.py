"""The shape that every dialect's folder has: five files, the same names in each.

    blocks.py    wire pieces <-> hub blocks, for history and answers alike
    request.py   parse(body, losses) -> Request              raises fields.Rejected
                 render(request, manners, losses) -> bytes   raises fields.Rejected
    reply.py     lay_out(body, manners) -> list[Event]       a whole body as the stream it would be
                 build(reply, asked) -> bytes                 the folded answer as a whole body
    stream.py    Reader(manners).feed(chunk) / .finish() -> list[Event]
                 Writer(asked).write(events) -> bytes, .ping() -> bytes
    failure.py   parse(status, headers, body) -> Failure
                 render(failure, request_id) -> (status, body)

*Readers absorb*: they emit a stream that satisfies `events.Grammar` whatever the upstream does, in
any chunking; an upstream that stops without its terminator, or sends what cannot be understood,
ends in Fail. After End or Fail they emit nothing. Blocks may interleave.

*Writers guarantee*: given a sequential stream they emit what a strict client accepts. They name
the model as the client asked (`Asked.model`), close what is open before an error, and never end a
failed stream like a finished one. `ping()` is legal at any time, also before Start, and then opens
the stream; the Start that comes later is swallowed.

`failure.parse` headers are lower-case. Dialects never import each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from gwproxy.translate.answer import Asked
from gwproxy.translate.events import Event
from gwproxy.translate.hub import Failure, Reply, Request
from gwproxy.translate.losses import Losses
from gwproxy.translate.manners import Manners


class Reader(Protocol):
    def feed(self, chunk: bytes) -> list[Event]: ...

    def finish(self) -> list[Event]: ...


class Writer(Protocol):
    def write(self, events: Iterable[Event]) -> bytes: ...

    def ping(self) -> bytes: ...


class RequestCodec(Protocol):
    def parse(self, body: bytes, losses: Losses) -> Request: ...

    def render(self, request: Request, manners: Manners, losses: Losses) -> bytes: ...


class ReplyCodec(Protocol):
    def lay_out(self, body: bytes, manners: Manners) -> list[Event]: ...

    def build(self, reply: Reply, asked: Asked) -> bytes: ...


class FailureCodec(Protocol):
    def parse(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure: ...

    def render(self, failure: Failure, request_id: str) -> tuple[int, bytes]: ...

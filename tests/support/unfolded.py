"""The inverse of `fold`: an answer as the stream that it would have been."""

from __future__ import annotations

from collections.abc import Iterator

from gwproxy.translate.events import (
    Close,
    Delta,
    End,
    Event,
    Finish,
    GrammarError,
    Open,
    Start,
    UsageUpdate,
    pieces,
)
from gwproxy.translate.hub import Block, Call, Opaque, Reasoning, Refusal, Reply, Text


def unfold(reply: Reply) -> Iterator[Event]:
    """The stream that `reply` would have been, texts cut into readable pieces."""
    yield Start(reply.id, reply.model, reply.created)
    for index, block in enumerate(reply.blocks):
        yield from _unfold_block(index, block)
    yield UsageUpdate(reply.usage)
    yield Finish(reply.stop)
    yield End()


def _unfold_block(index: int, block: Block) -> Iterator[Event]:
    match block:
        case Text(text=text):
            yield Open(index, "text")
            yield from (Delta(index, piece) for piece in pieces(text))
            yield Close(index)
        case Refusal(text=text):
            yield Open(index, "refusal")
            yield from (Delta(index, piece) for piece in pieces(text))
            yield Close(index)
        case Reasoning():
            yield Open(index, "reasoning")
            yield from (Delta(index, piece) for piece in pieces(block.text))
            yield Close(index, block.seal, block.foreign_signature, block.hidden)
        case Call():
            yield Open(index, "call", block.id, block.name, block.custom, block.namespace)
            if block.arguments:
                yield Delta(index, block.arguments)
            yield Close(index)
        case Opaque():
            yield Open(index, "opaque", native=block)
            yield Close(index)
        case _:
            raise GrammarError(f"{type(block).__name__} cannot stand in an answer")

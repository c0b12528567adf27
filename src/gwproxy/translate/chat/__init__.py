"""OpenAI Chat Completions, both directions."""

from __future__ import annotations

from typing import Final

from gwproxy.translate.chat import failure, relay, reply, request, stream
from gwproxy.translate.dialect import Codec
from gwproxy.translate.hub import Dialect

CODEC: Final = Codec(
    Dialect.CHAT,
    request.parse,
    request.render,
    reply.lay_out,
    reply.build,
    stream.Reader,
    stream.Writer,
    relay.Tap,
    failure.parse,
    failure.render,
)

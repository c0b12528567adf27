"""Anthropic Messages: what Claude Code and the Anthropic SDKs speak.

    wire      the shapes of requests and content blocks, as Structs
    blocks    content blocks <-> hub blocks; hosted says server tools in words
    request   parse and render; with history (order of turns), tools, schemas, settings
              (thinking, sampling, format) and marks (prompt cache)
    reply     whole answers; ending has stop reasons and token counts
    stream    Reader and Writer; relay reads a stream whose bytes pass
    failure   the error envelope

https://docs.claude.com/en/api/messages
"""

from __future__ import annotations

from typing import Final

from gwproxy.translate.anthropic import failure, relay, reply, request, stream
from gwproxy.translate.dialect import Codec
from gwproxy.translate.hub import Dialect

CODEC: Final = Codec(
    Dialect.ANTHROPIC,
    request.parse,
    request.render,
    reply.lay_out,
    reply.build,
    stream.Reader,
    stream.Writer,
    relay.Tap,
    failure.parse,
    failure.render,
    request.parse_countable,
)

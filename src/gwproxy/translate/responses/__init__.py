"""The OpenAI Responses dialect.

blocks.py     content parts <-> hub blocks
items.py      single items <-> hub blocks; hosted.py: those that only this dialect has
turns.py      the items of an input <-> turns
tools.py      tools and the choice among them
request.py    whole requests; state.py: what they expect a server to remember
record.py     what there is to remember of an answer; replay.py: that answer as a stream again
output.py     the response object and its items, as a client gets them; echo.py: what of the
              request is repeated in it; drafts.py: items that grow in a stream
frames.py     an upstream's events, typed; assembly.py: how they become items
ending.py     how an answer ends: reason to stop and usage, both ways
reply.py      whole answers; stream.py: streamed ones, relay.py: those whose bytes pass;
              failure.py: errors
"""

from __future__ import annotations

from typing import Final

from gwproxy.translate.dialect import Codec
from gwproxy.translate.hub import Dialect
from gwproxy.translate.responses import failure, relay, reply, request, stream

CODEC: Final = Codec(
    dialect=Dialect.RESPONSES,
    parse_request=request.parse,
    render_request=request.render,
    lay_out_reply=reply.lay_out,
    build_reply=reply.build,
    reader=stream.Reader,
    writer=stream.Writer,
    tap=relay.Tap,
    parse_failure=failure.parse,
    render_failure=failure.render,
    parse_countable=request.parse_countable,
    promises=reply.promises,
)

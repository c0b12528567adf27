"""The pure core: bytes and values in, bytes and values out.

Three dialects meet in one neutral hub (`hub.py`): three parsers and three renderers, never six
translators. A whole answer is defined as the fold of its event stream (`events.py`), so there are
four ways through and no fifth:

    stream → stream     Writer ∘ stages ∘ sequencer ∘ Reader
    whole  → whole      build ∘ fold ∘ … ∘ Reader.whole
    whole  → stream     Writer ∘ … ∘ Reader.whole       the upstream cannot stream
    stream → whole      build ∘ fold ∘ … ∘ Reader       the upstream only streams

Who absorbs what: *readers* hide every disorder of an upstream, the sequencer makes interleaved
blocks follow one another, `stages.calls` gives calls the ids, names and arguments that the client
can take, *writers* guarantee the client's grammar. Requests go the other way: parse,
`names.inward`, the `passes` that the upstream's `Quirks` ask for, render. What cannot be carried
is a named loss or a 400 that names the field; what breaks is a `Failure`, and never looks finished.

    wire/      what all wires share: JSON, server-sent events, shapes, seals, tool arguments
    passes/    a request on its way up: what it may be sent, and the only place of repairs
    stages/    an answer on its way down
    errors/    a refusal: what it says, and what to do about it
    anthropic/ chat/ responses/    the same files in each; `codec.py` says which and what they give

The same dialect on both sides is passthrough: bytes as they came (`relay.py`), unless the
upstream's quirks say that it refuses what today's clients send.

Nothing here may touch a socket, the clock, randomness, files, the environment or a log. Ids and
time come in as values or callables, so that the same input gives the same bytes. `bridge.py` is
the only door; behind it a request goes up (`outgoing.py`), says what its answer must be told
(`expected.py`), and the answer comes down translated (`streams.py`) or as it is (`relay.py`).
"""

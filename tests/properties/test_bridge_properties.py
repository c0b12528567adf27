"""Every pair of dialects, whole and streamed, under any chunking: one answer, one meaning.

The upstream's bytes are made by our own writers out of generated answers; each dialect's writer is
held to the vendor's accumulator in its own tests. What the client got is read back by the reader
of its dialect, behind that dialect's strict grammar.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from gwproxy.translate.bridge import CODECS, Bridge
from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.events import Event, fold
from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    Failure,
    Reasoning,
    Reply,
    Stop,
    StopReason,
    Text,
    Usage,
)
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS
from support.bridges import bridge_of
from support.generated import ARGUMENTS, CALL_IDS, COUNTS, TEXTS, TOOL_NAMES
from support.reading import checked as in_grammar
from support.unfolded import unfold

pytestmark = pytest.mark.fuzz

PAIRS = list(itertools.product(DIALECTS, DIALECTS))
ASKED_MODEL, MODEL = "asked-for", "the-model"
VISIBLE = TEXTS.filter(lambda text: bool(text.strip()))


@st.composite
def answers(draw: st.DrawFn) -> Reply:
    """What a model really answers: thoughts first, then text, then calls; each part optional."""
    blocks: list[Block] = []
    if draw(st.booleans()):
        blocks.append(Reasoning(draw(VISIBLE)))
    if draw(st.booleans()):
        blocks.append(Text(draw(VISIBLE)))
    ids = draw(st.lists(CALL_IDS, unique=True, max_size=3))
    blocks += [Call(id, draw(TOOL_NAMES), draw(ARGUMENTS)) for id in ids]
    if not blocks:
        blocks.append(Text("."))
    ends = [StopReason.TOOL_USE] if ids else [StopReason.END, StopReason.MAX_TOKENS]
    fresh, output = draw(st.integers(1, 10**6)), draw(st.integers(1, 10**6))
    usage = Usage(fresh=fresh, cache_read=draw(COUNTS), output=output)
    return Reply("msg_1", MODEL, tuple(blocks), Stop(draw(st.sampled_from(ends))), usage)


def bridge_for(client: Dialect, upstream: Dialect, *, stream: bool, rebuild: bool) -> Bridge:
    quirks = Quirks(rebuild=rebuild, family="kimi")
    bridge = bridge_of(client, upstream, quirks, stream=stream, asked=ASKED_MODEL, model=MODEL)
    bridge.request(REQUESTS[client].replace(b"STREAM", b"true" if stream else b"false"))
    return bridge


REQUESTS = {
    Dialect.ANTHROPIC: b'{"model":"asked-for","max_tokens":9,"stream":STREAM,'
    b'"messages":[{"role":"user","content":"hi"}]}',
    Dialect.CHAT: b'{"model":"asked-for","stream":STREAM,"stream_options":{"include_usage":true},'
    b'"messages":[{"role":"user","content":"hi"}]}',
    Dialect.RESPONSES: b'{"model":"asked-for","stream":STREAM,"input":"hi",'
    b'"reasoning":{"summary":"auto"}}',
}


def upstream_context() -> ReplyContext:
    numbers = itertools.count()
    return ReplyContext(
        model=MODEL,
        new_id=lambda prefix: f"{prefix}up{next(numbers)}",
        created=1_700_000_000,
        include_usage=True,
        family="kimi",
    )


def streamed(dialect: Dialect, reply: Reply) -> bytes:
    return CODECS[dialect].writer(upstream_context()).write(list(unfold(reply)))


def whole(dialect: Dialect, reply: Reply) -> bytes:
    return CODECS[dialect].build_reply(reply, upstream_context())


def read_stream(dialect: Dialect, data: bytes) -> Reply | Failure:
    reader = CODECS[dialect].reader(Quirks(family="kimi"))
    return checked(reader.feed(data) + reader.finish())


def read_whole(dialect: Dialect, data: bytes) -> Reply | Failure:
    return checked(CODECS[dialect].reader(Quirks(family="kimi")).whole(data))


def checked(events: Iterable[Event]) -> Reply | Failure:
    return fold(in_grammar(events))


def meaning(result: Reply | Failure) -> object:
    """What a client acts upon; seals, raw words and ids of the answer itself apart."""
    assert isinstance(result, Reply), result
    blocks = tuple(
        structs.replace(block, seal=None, foreign_signature=None)
        if isinstance(block, Reasoning)
        else block
        for block in result.blocks
    )
    usage = (result.usage.input_total, result.usage.output)
    return blocks, result.stop.reason, usage, result.model


def expected(reply: Reply, *, relayed: bool = False) -> object:
    """The same answer after the way through, under the asked name: with ids the client may see, or,
    where its request is relayed the next time too, with the upstream's own."""
    from gwproxy.translate.passes.names import escape_id

    blocks = tuple(
        structs.replace(block, id=escape_id(block.id))
        if isinstance(block, Call) and not relayed
        else block
        for block in reply.blocks
    )
    return meaning(structs.replace(reply, blocks=blocks, model=ASKED_MODEL))


def fed(bridge: Bridge, data: bytes, cuts: list[int]) -> bytes:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    stream = bridge.stream()
    out = b"".join(stream.feed(data[a:b]) for a, b in itertools.pairwise(edges))
    return out + stream.finish()


CUTS = st.lists(st.integers(0, 10**6), max_size=8)
EVERY_PAIR = pytest.mark.parametrize(("client", "upstream"), PAIRS)


@EVERY_PAIR
@given(reply=answers(), cuts=CUTS)
@settings(max_examples=60)
def test_a_stream_means_the_same_in_any_chunking(
    client: Dialect, upstream: Dialect, reply: Reply, cuts: list[int]
) -> None:
    bridge = bridge_for(client, upstream, stream=True, rebuild=True)
    out = fed(bridge, streamed(upstream, reply), cuts)
    assert meaning(read_stream(client, out)) == expected(reply)
    assert bridge.tally.usage.input_total == reply.usage.input_total
    assert bridge.tally.usage.output == reply.usage.output


@EVERY_PAIR
@given(reply=answers())
@settings(max_examples=60)
def test_a_whole_answer_means_the_same(client: Dialect, upstream: Dialect, reply: Reply) -> None:
    bridge = bridge_for(client, upstream, stream=False, rebuild=True)
    out = bridge.reply(whole(upstream, reply))
    assert isinstance(out, bytes)
    assert meaning(read_whole(client, out)) == expected(reply)


@EVERY_PAIR
@given(reply=answers())
@settings(max_examples=60)
def test_a_whole_answer_becomes_a_stream(client: Dialect, upstream: Dialect, reply: Reply) -> None:
    for rebuild in (True, False):
        stream = bridge_for(client, upstream, stream=True, rebuild=rebuild).stream()
        out = stream.whole(whole(upstream, reply))
        assert stream.over
        relayed = client == upstream and not rebuild
        assert meaning(read_stream(client, out)) == expected(reply, relayed=relayed)


@EVERY_PAIR
@given(reply=answers(), cuts=CUTS)
@settings(max_examples=60)
def test_a_stream_becomes_a_whole_answer(
    client: Dialect, upstream: Dialect, reply: Reply, cuts: list[int]
) -> None:
    data = streamed(upstream, reply)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for rebuild in (True, False):
        collector = bridge_for(client, upstream, stream=False, rebuild=rebuild).collect()
        for a, b in itertools.pairwise(edges):
            collector.feed(data[a:b])
        out = collector.finish()
        assert isinstance(out, bytes)
        relayed = client == upstream and not rebuild
        assert meaning(read_whole(client, out)) == expected(reply, relayed=relayed)


@EVERY_PAIR
@given(reply=answers(), cut=st.integers(0, 10**6), rebuild=st.booleans())
@settings(max_examples=60)
def test_a_cut_stream_never_ends_as_a_success(
    client: Dialect, upstream: Dialect, reply: Reply, cut: int, rebuild: bool
) -> None:
    data = streamed(upstream, reply)
    data = data[: cut % len(data)]
    out = fed(bridge_for(client, upstream, stream=True, rebuild=rebuild), data, [])
    result = read_stream(client, out)
    if isinstance(result, Reply):  # only the upstream's very last words were missing
        asked = reply if client is not upstream or rebuild else None
        assert b"stop" in data or b"finish" in data or b"response." in data
        assert asked is None or meaning(result)[:2] == expected(reply)[:2]  # type: ignore[index]


@EVERY_PAIR
@given(reply=answers(), cuts=CUTS)
@settings(max_examples=30)
def test_the_same_bytes_in_give_the_same_bytes_out(
    client: Dialect, upstream: Dialect, reply: Reply, cuts: list[int]
) -> None:
    data = streamed(upstream, reply)
    first = fed(bridge_for(client, upstream, stream=True, rebuild=True), data, cuts)
    assert fed(bridge_for(client, upstream, stream=True, rebuild=True), data, cuts) == first


@pytest.mark.parametrize("dialect", list(DIALECTS))
@given(reply=answers(), cuts=CUTS)
@settings(max_examples=60)
def test_passthrough_is_byte_faithful(dialect: Dialect, reply: Reply, cuts: list[int]) -> None:
    data = streamed(dialect, reply)
    bridge = bridge_for(dialect, dialect, stream=True, rebuild=False)
    renamed = data.replace(b'"model":"the-model"', b'"model":"asked-for"')
    assert fed(bridge, data, cuts) == renamed
    assert bridge.faithful


@pytest.mark.parametrize("client", list(DIALECTS))
def test_pings_are_legal_at_any_time(client: Dialect) -> None:
    reply = Reply("x", MODEL, (Text("hello"),), Stop(StopReason.END), Usage(fresh=1, output=1))
    upstream = Dialect.CHAT if client is not Dialect.CHAT else Dialect.ANTHROPIC
    data = streamed(upstream, reply)
    stream = bridge_for(client, upstream, stream=True, rebuild=True).stream()
    out = stream.ping() + stream.ping()
    for start in range(0, len(data), 11):
        out += stream.feed(data[start : start + 11]) + stream.ping()
    out += stream.finish()
    assert meaning(read_stream(client, out)) == expected(reply)
    assert stream.ping() == b""


@pytest.mark.parametrize(
    ("client", "upstream", "here"),
    [
        (Dialect.ANTHROPIC, Dialect.CHAT, True),
        (Dialect.ANTHROPIC, Dialect.ANTHROPIC, False),
        (Dialect.CHAT, Dialect.ANTHROPIC, False),
        (Dialect.CHAT, Dialect.RESPONSES, True),
    ],
)
def test_stop_sequences_work_on_every_upstream(
    client: Dialect, upstream: Dialect, here: bool
) -> None:
    """Matched here where the upstream has none, or would not say which one it was."""
    bridge = bridge_for(client, upstream, stream=True, rebuild=True)
    field = b'"stop_sequences":["END"]' if client is Dialect.ANTHROPIC else b'"stop":["END"]'
    body = REQUESTS[client].replace(b"STREAM", b"true").replace(b"{", b"{" + field + b",", 1)
    sent = bridge.request(body)
    assert (b"END" in sent) is not here
    answer = Reply("x", MODEL, (Text("abENDxyz"),), Stop(StopReason.END), Usage(1, output=1))
    result = read_stream(client, fed(bridge, streamed(upstream, answer), [70, 150, 151, 152]))
    assert isinstance(result, Reply)
    assert result.blocks == (Text("ab" if here else "abENDxyz"),)
    if here and client is Dialect.ANTHROPIC:
        assert (result.stop.reason, result.stop.sequence) == (StopReason.STOP_SEQUENCE, "END")

"""Structured output by a tool, and by the prompt: what the upstream makes of it the client reads as
the answer."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from gwproxy.translate.bridge import CODECS, Bridge, request_head
from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.events import Close, Delta, End, Event, Finish, Open, Start, fold
from gwproxy.translate.hub import Block, Call, Dialect, Reply, Stop, StopReason, Text
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS
from gwproxy.translate.wire import jsonio
from support.bridges import bridge_of

MANNERS = Quirks(rebuild=True, json_schema="tool")
PROMPT = Quirks(json_schema="prompt")
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}}
TITLE = '{"title":"x"}'
CONTEXT = ReplyContext(model="m", new_id=lambda prefix: f"{prefix}1")
ANSWERED = Call("c1", "respond_json", TITLE)
LOOKED_UP = Call("c2", "f", "{}")


def request_of(client: Dialect, tool: str | None, *, stream: bool) -> bytes:
    """One that wants a title as JSON and offers `tool`."""
    said = "input" if client is Dialect.RESPONSES else "messages"
    body: dict[str, Any] = {"model": "m", "stream": stream}
    body[said] = [{"role": "user", "content": "hi"}]
    function: dict[str, Any] = {"name": tool, "parameters": {"type": "object", "properties": {}}}
    if client is Dialect.ANTHROPIC:
        body |= {"max_tokens": 99, "output_format": {"type": "json_schema", "schema": SCHEMA}}
        function = {"name": tool, "input_schema": {"type": "object", "properties": {}}}
    elif client is Dialect.CHAT:
        wanted = {"type": "json_schema", "json_schema": {"name": "t", "schema": SCHEMA}}
        body["response_format"] = wanted
        function = {"type": "function", "function": function}
    else:
        body["text"] = {"format": {"type": "json_schema", "name": "t", "schema": SCHEMA}}
        function = {"type": "function", **function}
    return jsonio.dumps(body | ({"tools": [function]} if tool else {}))


def bridge_for(
    client: Dialect, upstream: Dialect, body: bytes, quirks: Quirks, streams: bool | None = None
) -> Bridge:
    stream = request_head(body).stream
    bridge = bridge_of(client, upstream, quirks, stream=stream, streams=streams, model="m")
    bridge.request(body)
    return bridge


def events_of(reply: Reply) -> list[Event]:
    events: list[Event] = [Start("1", "m")]
    for index, block in enumerate(reply.blocks):
        assert isinstance(block, Call | Text)
        opened, text = Open(index, "text"), getattr(block, "text", "")
        if isinstance(block, Call):
            opened, text = Open(index, "call", block.id, block.name), block.arguments
        events.append(opened)
        events += [Delta(index, half) for half in (text[:4], text[4:])]
        events.append(Close(index))
    return [*events, Finish(reply.stop), End()]


def read_by(client: Dialect, bridge: Bridge, reply: Reply, *, stream: bool, streams: bool) -> Reply:
    """What the client reads where the upstream `streams`, or not, that it answers `reply`."""
    upstream, reader = CODECS[bridge.upstream], CODECS[client].reader(Quirks())
    sent = upstream.build_reply(reply, CONTEXT)
    if streams:
        sent = upstream.writer(CONTEXT).write(events_of(reply))
    if stream:
        answer = bridge.stream()
        received = answer.feed(sent) + answer.finish() if streams else answer.whole(sent)
        read = fold(itertools.chain(reader.feed(received), reader.finish()))
    else:
        collector = bridge.collect()
        if streams:
            collector.feed(sent)
        whole = collector.finish() if streams else bridge.reply(sent)
        assert isinstance(whole, bytes)
        read = fold(reader.whole(whole))
    assert isinstance(read, Reply)
    return read


def told(
    client: Dialect, upstream: Dialect, body: bytes, *calls: Call, quirks: Quirks = MANNERS
) -> tuple[list[Block], StopReason]:
    """What the client reads where the upstream made these calls."""
    bridge, stream = bridge_for(client, upstream, body, quirks), request_head(body).stream
    reply = Reply("1", "m", calls, Stop(StopReason.TOOL_USE))
    read = read_by(client, bridge, reply, stream=stream, streams=stream)
    return list(read.blocks), read.stop.reason


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
def test_the_answer_given_by_a_tool_is_text(
    client: Dialect, upstream: Dialect, stream: bool
) -> None:
    body = request_of(client, None, stream=stream)
    assert told(client, upstream, body, ANSWERED) == ([Text(TITLE)], StopReason.END)
    body = request_of(client, "f", stream=stream)
    blocks, stop = told(client, upstream, body, ANSWERED, LOOKED_UP)
    assert blocks[0] == Text(TITLE)
    assert isinstance(blocks[1], Call) and blocks[1].name == "f"
    assert stop is StopReason.TOOL_USE


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("upstream", DIALECTS)
def test_a_tool_of_the_clients_stays_one(upstream: Dialect, stream: bool) -> None:
    """By the same name, beside a wanted format or without any."""
    body = request_of(Dialect.CHAT, "respond_json", stream=stream)
    second = Call("c2", "respond_json_2", TITLE)
    blocks, stop = told(Dialect.CHAT, upstream, body, ANSWERED, second)
    assert {type(block) for block in blocks} == {Call, Text}  # Chat has words before calls
    assert stop is StopReason.TOOL_USE
    native = Quirks(rebuild=True)
    blocks, _ = told(Dialect.CHAT, upstream, body, ANSWERED, quirks=native)
    assert [type(block) for block in blocks] == [Call]


@pytest.mark.parametrize("streams", [False, True], ids=["whole-upstream", "streaming-upstream"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("client", "upstream", "rebuild"),
    [(a, b, True) for a in DIALECTS for b in DIALECTS] + [(a, a, False) for a in DIALECTS],
)
def test_the_answer_to_a_prompt_is_made_to_fit(
    client: Dialect, upstream: Dialect, rebuild: bool, stream: bool, streams: bool
) -> None:
    """By one name for what was done, whatever the dialects call it; relayed or not."""
    prompt = Quirks(rebuild=rebuild, json_schema="prompt")
    for said, heard, losses in (
        (f"```json\n{TITLE}\n```", TITLE, ["emu:response_format"]),
        ("I cannot.", "I cannot.", ["emu:response_format", "drop:response_format"]),
        (
            '{"title":1}',
            '{"title":1}',
            ["emu:response_format", "drop:response_format.schema.properties.title.type"],
        ),
    ):
        body = request_of(client, None, stream=stream)
        bridge = bridge_for(client, upstream, body, prompt, streams)
        reply = Reply("1", "m", (Text(said),), Stop(StopReason.END))
        read = read_by(client, bridge, reply, stream=stream, streams=streams)
        assert read.blocks == (Text(heard),)
        assert list(bridge.tally.losses) == losses


@pytest.mark.parametrize("client", DIALECTS)
def test_a_host_that_keeps_the_format_is_believed(client: Dialect) -> None:
    """What it says is what the client gets, fence and all: the fault is to be seen."""
    fenced = f"```json\n{TITLE}\n```"
    for quirks in (Quirks(rebuild=True), Quirks()):
        bridge = bridge_for(client, client, request_of(client, None, stream=True), quirks)
        reply = Reply("1", "m", (Text(fenced),), Stop(StopReason.END))
        read = read_by(client, bridge, reply, stream=True, streams=True)
        assert read.blocks == (Text(fenced),)


SAID = b'"messages" : [%b{"role":"user","content":"hi"}], "novelty": {"n":1.10}}'
FORM = b'{ "type":"json_schema","name":"t","schema":{"type":"object","x":1.10}}'
WORDS = jsonio.text(
    "Answer with one JSON object and nothing else, without code fences. It must match this JSON "
    'Schema:\n{"type":"object","x":1.10}'
)
AFTER_S = b'"s\\n\\n' + WORDS[1:]
BLOCK = b'{"type":"text","text":%b}'
LINE = b'{"role":"%b","content":%b},'


@pytest.mark.parametrize(
    ("dialect", "came", "goes"),
    [
        (
            Dialect.ANTHROPIC,
            b'{"output_config":{"effort":"low","format":%b},"system":"s",' % FORM + SAID % b"",
            b'{"output_config":{"effort":"low"},"system":%b,' % AFTER_S + SAID % b"",
        ),
        (
            Dialect.ANTHROPIC,
            b'{"output_format":%b,"system":[ %b ],' % (FORM, BLOCK % b'"s"') + SAID % b"",
            b'{"system":[ %b,%b ],' % (BLOCK % b'"s"', BLOCK % WORDS) + SAID % b"",
        ),
        (
            Dialect.ANTHROPIC,
            b'{"output_config": {"format":%b},' % FORM + SAID % b"",
            b'{"system":[%b],' % (BLOCK % WORDS) + SAID % b"",
        ),
        (
            Dialect.CHAT,
            b'{"response_format":{"type":"json_schema","json_schema":%b},'
            % FORM.replace(b' "type":"json_schema",', b"")
            + SAID % (LINE % (b"developer", b'"s"')),
            b"{" + SAID % (LINE % (b"developer", b'"s"') + LINE % (b"developer", WORDS)),
        ),
        (
            Dialect.CHAT,
            b'{"response_format":{"type":"json_object"},' + SAID % b"",
            b"{" + SAID % (LINE % (b"system", WORDS.split(b" It must")[0] + b'"')),
        ),
        (
            Dialect.RESPONSES,
            b'{"text":{"verbosity":"low","format":%b},"instructions":"s","input":"hi"}' % FORM,
            b'{"text":{"verbosity":"low"},"instructions":%b,"input":"hi"}' % AFTER_S,
        ),
        (
            Dialect.RESPONSES,
            b'{"text":{"format":%b},"input":"hi"}' % FORM,
            b'{"instructions":%b,"input":"hi"}' % WORDS,
        ),
    ],
)
def test_a_relayed_request_changes_in_its_format_alone(
    dialect: Dialect, came: bytes, goes: bytes
) -> None:
    """An instruction more stands behind the leading ones, and every other byte stays."""
    bridge = bridge_of(dialect, dialect, PROMPT, stream=False, model="m")
    named = b'{"model":"m",'
    sent = bridge.request(came.replace(b"{", named, 1))
    assert sent.replace(b'"model":"m",', b"") == goes
    assert list(bridge.tally.losses) == ["emu:response_format"]
    assert bridge.relays and not bridge.faithful


@pytest.mark.parametrize("format_", [b'{"type":"grammar"}', b"7", b'{"schema":{}}'])
def test_a_format_that_nobody_knows_is_the_upstreams_to_judge(format_: bytes) -> None:
    for dialect, member in (
        (Dialect.ANTHROPIC, b'{"output_config":{"format":%b},'),
        (Dialect.CHAT, b'{"response_format":%b,'),
        (Dialect.RESPONSES, b'{"text":{"format":%b},'),
    ):
        body = b'{"model":"m",' + member[1:] % format_ + SAID % b""
        bridge = bridge_of(dialect, dialect, PROMPT, stream=False, model="m")
        assert bridge.request(body) == body
        assert bridge.faithful


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_request_without_a_format_is_relayed_as_it_came(dialect: Dialect) -> None:
    said = b'"input":"hi"}' if dialect is Dialect.RESPONSES else SAID % b""
    body = b'{"model":"m","text":{"format":{"type":"text"}},' + said
    bridge = bridge_of(dialect, dialect, PROMPT, stream=False, model="m")
    assert bridge.request(body) is body
    assert bridge.faithful

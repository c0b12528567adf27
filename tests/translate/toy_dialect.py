"""A fourth dialect, as small as one can be: what a folder must bring, and nothing else.

A request is `{"model", "stream", "turns": [[role, [piece, …]], …], "tools": [{"name", "schema"}],
"forced", "effort", "stop": […]}`; a piece is `{"text"}`, `{"call": [id, name, arguments]}` or
`{"result": [id, text]}`. An answer is a list of `{"model"}`, pieces, `{"usage": [in, out]}` and
`{"end"}` or `{"error"}`, streamed one by one; a whole one is `{"model", "said": […]}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from gwproxy.translate import events as ev
from gwproxy.translate import hub
from gwproxy.translate.codec import Codec, ReplyContext
from gwproxy.translate.dialect_facts import BEARER, Dialect, DialectFacts
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio, sse
from gwproxy.translate.wire.fields import get_object, get_string
from support.unfolded import unfold

TOY = Dialect("toy")
FACTS = DialectFacts(
    name=TOY,
    base="openai_url",
    paths=MappingProxyType({"toys": "/toys"}),
    auth=BEARER,
    prefixes=("/v1",),
    preference=9,
    request_id="x-toy-id",
    id_length=32,
    name_length=32,
    arguments="json",
)


def parse_request(body: bytes, losses: Losses) -> hub.Request:
    value = get_object(jsonio.loads(body), "")
    return hub.Request(
        get_string(value.get("model"), "model"),
        tuple(hub.Turn(role, tuple(map(_block, pieces))) for role, pieces in value["turns"]),
        tuple(hub.Tool(one["name"], schema=one["schema"]) for one in value.get("tools", ())),
        hub.ToolChoice("tool", value["forced"]) if "forced" in value else None,
        stop=tuple(value.get("stop", ())),
        thinking=hub.Thinking("on" if "effort" in value else None, value.get("effort")),
        stream=bool(value.get("stream")),
    )


def _block(piece: dict[str, Any]) -> hub.Block:
    if "call" in piece:
        return hub.Call(*piece["call"])
    if "result" in piece:
        call_id, text = piece["result"]
        return hub.Result(call_id, (hub.Text(text),))
    return hub.Text(piece["text"])


def render_request(request: hub.Request, quirks: Quirks, losses: Losses) -> bytes:
    asked: dict[str, Any] = {"model": request.model, "stream": request.stream, "stop": request.stop}
    asked["turns"] = [[turn.role, list(map(_piece, turn.blocks))] for turn in request.turns]
    asked["tools"] = [{"name": tool.name, "schema": tool.schema} for tool in request.tools]
    if request.tool_choice is not None and request.tool_choice.mode == "tool":
        asked["forced"] = request.tool_choice.name
    if request.thinking.effort is not None:
        asked["effort"] = request.thinking.effort
    return jsonio.dumps(asked)


def _piece(block: hub.Block) -> dict[str, Any]:
    match block:
        case hub.Call(id=call_id, name=name, arguments=arguments):
            return {"call": [call_id, name, arguments]}
        case hub.Result(call_id=call_id, blocks=blocks):
            return {"result": [call_id, "".join(b.text for b in blocks if isinstance(b, hub.Text))]}
        case hub.Text(text=text):
            return {"text": text}
    raise AssertionError(block)


class Reader:
    thinks_in = ""

    def __init__(self, quirks: Quirks) -> None:
        self.decoder = sse.Decoder()
        self.over = False
        self._blocks = 0

    def feed(self, chunk: bytes) -> list[ev.Event]:
        return self.read(self.decoder.feed(chunk))

    def read(self, frames: list[sse.Frame]) -> list[ev.Event]:
        return self.said([jsonio.loads(data) for _, data in frames])

    def finish(self) -> list[ev.Event]:
        events = self.read(self.decoder.finish())
        return events if self.over else [*events, ev.Fail(ev.truncated())]

    def whole(self, body: bytes) -> list[ev.Event]:
        value = jsonio.loads(body)
        return self.said([{"model": value["model"]}, *value["said"]])

    def closing(self) -> bytes:
        return b""

    def said(self, items: list[dict[str, Any]]) -> list[ev.Event]:
        return [event for item in items if not self.over for event in self._events(item)]

    def _events(self, item: dict[str, Any]) -> list[ev.Event]:
        if "model" in item:
            return [ev.Start(model=item["model"])]
        if "usage" in item:
            fresh, output = item["usage"]
            return [ev.UsageUpdate(hub.Usage(fresh=fresh, output=output))]
        if "end" in item:
            self.over = True
            return [ev.Finish(hub.Stop(hub.StopReason(item["end"]), item["end"])), ev.End()]
        if "error" in item:
            self.over = True
            return [ev.Fail(parse_failure(500, {}, jsonio.dumps(item)))]
        index, self._blocks = self._blocks, self._blocks + 1
        if "text" in item:
            return [ev.Open(index, "text"), ev.Delta(index, item["text"]), ev.Close(index)]
        call_id, name, arguments = item["call"]
        return [ev.Open(index, "call", call_id, name), ev.Delta(index, arguments), ev.Close(index)]


class Writer:
    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._open = ev.Open(0, "text")
        self._text = ""

    def write(self, events: Iterable[ev.Event]) -> bytes:
        return b"".join(b"data: %b\n\n" % jsonio.dumps(item) for item in self.items(events))

    def ping(self) -> bytes:
        return sse.comment("ping")

    def items(self, events: Iterable[ev.Event]) -> Iterable[dict[str, Any]]:
        for event in events:
            match event:
                case ev.Start():
                    yield {"model": self._context.model}
                case ev.Open():
                    self._open, self._text = event, ""
                case ev.Delta(text=text):
                    self._text += text
                case ev.Close() if self._open.kind == "call":
                    yield {"call": [self._open.id, self._open.name, self._text]}
                case ev.Close() if self._open.kind == "text":
                    yield {"text": self._text}
                case ev.UsageUpdate(usage=usage):
                    yield {"usage": [usage.input_total, usage.output]}
                case ev.Finish(stop=stop):
                    yield {"end": stop.reason}
                case ev.Fail(failure=failure):
                    yield {"error": failure.message}


def build_reply(reply: hub.Reply, context: ReplyContext) -> bytes:
    _, *said = Writer(context).items(unfold(reply))
    return jsonio.dumps({"model": context.model, "said": said})


def parse_failure(status: int, headers: Mapping[str, str], body: bytes) -> hub.Failure:
    return hub.Failure(hub.FailureKind.INTERNAL, jsonio.loads(body)["error"], status)


def render_failure(failure: hub.Failure, request_id: str) -> tuple[int, bytes]:
    return failure.status, jsonio.dumps({"error": failure.message})


def plain_question(question: str, limit: int, quirks: Quirks) -> dict[str, Any]:
    return {"turns": [["user", [{"text": question}]]]}


CODEC = Codec(
    facts=FACTS,
    parse_request=parse_request,
    render_request=render_request,
    build_reply=build_reply,
    reader=Reader,
    writer=Writer,
    tap=Reader,
    parse_failure=parse_failure,
    render_failure=render_failure,
    plain_question=plain_question,
    open_seals=lambda body, _quirks, _losses: body,
)

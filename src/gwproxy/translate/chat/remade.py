"""A relayed answer in its other form: a whole one as a stream, a stream as a whole one.

Not by way of the hub, so that unknown members stay, of the answer, its choices, messages, calls and
usage: `citations`, `reasoning_details`, `extra_content`, `stop_reason`.

https://platform.openai.com/docs/api-reference/chat/streaming
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw

from gwproxy.translate.chat.calls import Calls, OpenCall
from gwproxy.translate.chat.frames import CallPiece
from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.events import pieces
from gwproxy.translate.wire import jsonio, sse
from gwproxy.translate.wire.fields import count_of
from gwproxy.translate.wire.growing import Growing, elements_of, is_torn, members_of, says

_SPOKEN: Final = ("reasoning_content", "reasoning", "reasoning_text", "content", "refusal")
# Members of the answer that every chunk repeats.
_REPEATED: Final = ("id", "created", "system_fingerprint", "service_tier")
_piece: Final = msgspec.json.Decoder(CallPiece).decode


def unfold(body: bytes, context: ReplyContext) -> bytes:
    """The whole answer `body` as a stream. Raises jsonio.NotJson where it is no answer, or has half
    a call."""
    answer = members_of(jsonio.one_line(body))
    usage = answer.pop("usage", None)
    choices = elements_of(bytes(answer.pop("choices", b"")))
    kind = {"object": "chat.completion.chunk", "model": context.model}
    head = {name: answer.pop(name) for name in _REPEATED if name in answer} | kind
    first = {**answer, **head}
    counted = {"usage": None} if context.include_usage else {}
    out = []
    for told in choices:
        for choice in _unfolded(members_of(bytes(told))):
            out.append(_chunk({**first, "choices": [choice], **counted}))
            first = head
    if context.include_usage and usage is not None:
        out.append(_chunk({**head, "choices": [], "usage": usage}))
    return b"".join((*out, b"data: [DONE]\n\n"))


def _chunk(members: dict[str, Any]) -> bytes:
    return sse.encode("", jsonio.dumps(members))


def _unfolded(choice: dict[str, Raw]) -> Iterator[dict[str, Any]]:
    place = {"index": choice.pop("index", 0)}
    message = members_of(bytes(choice.pop("message", b"")))
    reason = choice.pop("finish_reason", None)
    for delta in _deltas(message):
        yield {**place, "delta": delta, "finish_reason": None}
    yield {**place, "delta": {}, "finish_reason": reason, **choice}


def _deltas(message: dict[str, Raw]) -> Iterator[dict[str, Any]]:
    given = message.pop("tool_calls", None)
    calls = elements_of(bytes(given)) if given is not None and says(given) else []
    spoken = {n: message.pop(n) for n in _SPOKEN if bytes(message.get(n, b""))[:1] == b'"'}
    begun: dict[str, Any] = {"role": "assistant", **message}
    if "content" in spoken:
        begun["content"] = ""
    yield begun
    for name, text in spoken.items():
        for piece in pieces(jsonio.loads(bytes(text))):
            yield {name: piece}
    for index, told in enumerate(calls):
        yield from _called(index, members_of(bytes(told)))


def _called(index: int, call: dict[str, Raw]) -> Iterator[dict[str, Any]]:
    """The deltas of a call: of a function in pieces, of a free-form tool in one, as SDKs want
    it."""
    place: dict[str, Any] = {"index": index}
    if "function" not in call:
        yield {"tool_calls": [{**call, **place}]}
        return
    function: dict[str, Any] = {**members_of(bytes(call["function"]))}
    arguments = _text(function.get("arguments"))
    members_of(arguments)
    yield {"tool_calls": [{**call, **place, "function": {**function, "arguments": ""}}]}
    for piece in pieces(arguments):
        yield {"tool_calls": [{**place, "function": {"arguments": piece}}]}


def _text(value: Raw | None) -> str:
    """Arguments as text; some servers send them as an object."""
    if value is None or bytes(value)[:1] != b'"':
        return jsonio.raw(value or b"")
    return str(jsonio.loads(bytes(value)))


class Folding:
    """Collects a stream's chunks into a whole answer. What is no chunk is ignored; whether the
    answer is complete, the reader says."""

    def __init__(self) -> None:
        self._decoder = sse.Decoder()
        self._answer: dict[str, Raw] = {}
        self._choices: dict[int, _Choice] = {}
        self._torn = False

    def feed(self, chunk: bytes) -> None:
        """Takes a piece of the stream."""
        for _, data in self._decoder.feed(chunk):
            self._add(data)

    def finish(self, model: str) -> bytes:
        """The whole answer's body. Raises jsonio.NotJson where its calls are not complete."""
        for _, data in self._decoder.finish():
            self._add(data)
        if self._torn:
            raise jsonio.NotJson("an emoji in halves")
        choices = [self._choices[index].whole(index) for index in sorted(self._choices)]
        kind = {"object": "chat.completion", "model": model}
        answer: dict[str, Any] = {**self._answer, **kind, "choices": choices}
        if not says(answer.get("usage")):  # Moonshot's place for it
            answer["usage"] = next((one["usage"] for one in choices if "usage" in one), None)
        return jsonio.dumps({name: value for name, value in answer.items() if value is not None})

    def _add(self, data: bytes) -> None:
        self._torn = self._torn or is_torn(data)
        try:
            chunk = members_of(data)
            if "choices" not in chunk and "usage" not in chunk:
                return
            given = chunk.pop("choices", None)
            told = elements_of(bytes(given)) if given is not None and says(given) else []
            choices = [members_of(bytes(one)) for one in told]
        except jsonio.NotJson:
            return
        for name, value in chunk.items():
            if name not in self._answer or says(value):
                self._answer[name] = value
        for choice in choices:
            index = count_of(jsonio.loads(bytes(choice.pop("index", b"0")))) or 0
            self._choices.setdefault(index, _Choice()).add(choice)


class _Choice:
    """One choice of a whole answer; `_strange`: its chunks cannot be put together."""

    def __init__(self) -> None:
        self._members = Growing(joins=False)
        self._message = Growing()
        self._calls = Calls()
        self._extras: dict[int, Growing] = {}  # the unknown members of each call, by its identity
        self._strange = False

    def add(self, choice: dict[str, Raw]) -> None:
        delta = choice.pop("delta", None)
        self._strange |= "message" in choice
        try:
            self._members.add(Raw(jsonio.dumps(choice)))
            told = members_of(bytes(delta)) if delta is not None and says(delta) else {}
            given = told.pop("tool_calls", None)
            self._message.add(Raw(jsonio.dumps(told)))
            if given is not None and says(given):
                self._call(elements_of(bytes(given)))
        except (jsonio.NotJson, msgspec.MsgspecError, UnicodeDecodeError):
            self._strange = True

    def _call(self, given: list[Raw]) -> None:
        for position, raw in enumerate(given):
            call, _ = self._calls.take(_piece(raw), position, len(given) == 1)
            extra = _less(raw, "index", "id", "type")
            for kind in ("function", "custom"):
                if kind in extra:
                    rest = _less(extra[kind], "name", "arguments", "input")
                    extra[kind] = Raw(jsonio.dumps(rest))
            self._extras.setdefault(id(call), Growing()).add(Raw(jsonio.dumps(extra)))

    def whole(self, index: int) -> dict[str, Any]:
        if self._strange:
            raise jsonio.NotJson("a choice of another shape")
        message = {"role": "assistant", "content": None, **(self._message.value or {})}
        if self._calls.all:
            message["tool_calls"] = [self._called(call) for call in self._calls.all]
        return {"index": index, "message": message, **(self._members.value or {})}

    def _called(self, call: OpenCall) -> dict[str, Any]:
        said = jsonio.mend("".join(call.texts))
        kind, member = ("custom", "input") if call.custom else ("function", "arguments")
        if not call.id:
            raise jsonio.NotJson("a call without an id")
        if not call.custom:
            members_of(said)
        extra = self._extras[id(call)].value
        inner = {"name": call.name, member: said, **extra.get(kind, {})}
        return {"id": call.id, "type": kind, **extra, kind: inner}


def _less(raw: Raw, *names: str) -> dict[str, Raw]:
    members = members_of(bytes(raw))
    return {name: value for name, value in members.items() if name not in names}

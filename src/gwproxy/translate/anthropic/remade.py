"""A relayed answer in its other form: a whole one as a stream, a stream as a whole one.

Not by way of the hub, so that unknown members stay: `container`, `safeguard_results`,
`context_management` with its `applied_edits`.

https://docs.claude.com/en/docs/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw

from gwproxy.translate.anthropic.frames import (
    MESSAGE_STOP,
    block_start,
    block_stop,
    encode,
)
from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.events import pieces
from gwproxy.translate.wire import jsonio, sse
from gwproxy.translate.wire.growing import elements_of, is_torn, members_of

_LATE: Final = ("stop_reason", "stop_sequence", "stop_details", "container", "safeguard_results")
"""The members in the `delta` of `message_delta`; beside it stand usage and applied edits."""

_SPOKEN: Final = ("text", "thinking", "signature")


def unfold(body: bytes, context: ReplyContext) -> bytes:
    """The whole answer `body` as a stream. Raises jsonio.NotJson."""
    message = members_of(jsonio.one_line(body))
    content = elements_of(bytes(message.pop("content", b"")))
    late = {name: message.pop(name) for name in _LATE if name in message}
    beside = {"usage": message["usage"]} if "usage" in message else {}
    if "context_management" in message:
        beside["context_management"] = message.pop("context_management")
    begun = {"stop_reason": None, "stop_sequence": None}
    out = [
        encode("message_start", message={**message, "model": context.model, "content": [], **begun})
    ]
    for index, block in enumerate(content):
        out += _unfolded(index, members_of(bytes(block)))
    out += (encode("message_delta", delta=late, **beside), MESSAGE_STOP)
    return b"".join(out)


def _unfolded(index: int, block: dict[str, Raw]) -> Iterator[bytes]:
    start: dict[str, Any] = dict(block)
    deltas: list[dict[str, Any]] = []
    for name in _SPOKEN:
        if bytes(block.get(name, b""))[:1] == b'"':
            start[name] = ""
            said = jsonio.loads(bytes(block[name]))
            parts = pieces(said) if name != "signature" else [said]
            deltas += [{"type": f"{name}_delta", name: part} for part in parts if part]
    if "input" in block:
        start["input"] = {}
        deltas.append({"type": "input_json_delta", "partial_json": jsonio.raw(block["input"])})
    yield block_start(index, jsonio.dumps(start))
    for delta in deltas:
        yield encode("content_block_delta", index=index, delta=delta)
    yield block_stop(index)


class Folding:
    """Collects a stream's events into a whole answer. What is no event is ignored; whether the
    answer is complete, the reader says."""

    def __init__(self) -> None:
        self._decoder = sse.Decoder()
        self._message: dict[str, Any] = {}
        self._usage: dict[str, Raw] = {}
        self._content: dict[int, dict[str, Any]] = {}
        self._strange = False  # blocks that cannot be put together piece by piece
        self._inputs: dict[int, list[str]] = {}

    def feed(self, chunk: bytes) -> None:
        """Takes a piece of the stream."""
        for _, data in self._decoder.feed(chunk):
            self._add(data)

    def finish(self, model: str) -> bytes:
        """The whole answer's body. Raises jsonio.NotJson where blocks or inputs do not fit."""
        for _, data in self._decoder.finish():
            self._add(data)
        if self._strange:
            raise jsonio.NotJson("blocks in disorder")
        for index, parts in self._inputs.items():
            text = "".join(parts)
            members_of(text)
            self._content[index]["input"] = Raw(text.encode())
        content = [self._content[index] for index in sorted(self._content)]
        usage = {"usage": self._usage} if self._usage else {}
        return jsonio.dumps({**self._message, "model": model, "content": content, **usage})

    def _add(self, data: bytes) -> None:
        self._strange |= is_torn(data)
        try:
            event = members_of(data)
            kind = jsonio.loads(bytes(event.pop("type", b'""')))
            index = int(bytes(event.pop("index", b"0")))
            if kind == "message_start":
                self._begin(members_of(bytes(event["message"])))
            elif kind == "content_block_start":
                self._strange |= index in self._content
                self._content[index] = dict(members_of(bytes(event["content_block"])))
            elif kind == "content_block_delta":
                self._grow(index, members_of(bytes(event["delta"])))
            elif kind == "message_delta":
                self._message |= members_of(bytes(event.pop("delta", b"{}")))
                self._count(event.pop("usage", None))
                self._message |= event
        except (jsonio.NotJson, KeyError, ValueError, msgspec.DecodeError):
            return

    def _begin(self, message: dict[str, Raw]) -> None:
        self._count(message.pop("usage", None))
        given = elements_of(bytes(message.pop("content", b"[]")))
        self._content = {n: dict(members_of(bytes(raw))) for n, raw in enumerate(given)}
        self._message = dict(message)

    def _count(self, usage: Raw | None) -> None:
        if usage is not None:
            told = members_of(bytes(usage))
            self._usage |= {name: value for name, value in told.items() if bytes(value) != b"null"}

    def _grow(self, index: int, delta: dict[str, Raw]) -> None:
        self._strange |= index not in self._content
        block = self._content.setdefault(index, {})
        for name, value in delta.items():
            self._strange |= name in ("text", "thinking") and name not in block
            if name == "type":
                continue
            if name == "partial_json":
                self._inputs.setdefault(index, []).append(_text(value))
            elif name == "citation":
                before = block.get("citations")
                block["citations"] = [*(before if isinstance(before, list) else ()), value]
            elif name in _SPOKEN:
                block[name] = _text(block.get(name)) + _text(value)
            else:
                block[name] = value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return jsonio.loads(bytes(value)) if value is not None and bytes(value)[:1] == b'"' else ""

"""Writes hub events as a Messages stream for a client.

One `message_start` with an estimate of the input, then blocks one after another, numbered without
gaps; one signature just before the stop of a thinking block, never empty; tool input as
`input_json_delta` only; complete usage in `message_delta`. Nothing after an error, above all no
`message_stop`.

https://docs.claude.com/en/docs/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Raw, structs

from gwproxy.translate.anthropic import failure, hosted
from gwproxy.translate.anthropic.blocks import carried_redaction, carried_signature
from gwproxy.translate.anthropic.ending import output_estimate, stop_members, usage_object
from gwproxy.translate.anthropic.frames import (
    DELTA_END,
    MESSAGE_STOP,
    PING,
    SHAPES,
    SIGNATURE,
    block_start,
    block_stop,
    delta_prefix,
    encode,
)
from gwproxy.translate.codec import ReplyContext, message_id
from gwproxy.translate.events import (
    BlockKind,
    Close,
    Delta,
    End,
    Event,
    Fail,
    Finish,
    Open,
    Ping,
    Start,
    UsageUpdate,
)
from gwproxy.translate.hub import UNTOLD, Dialect, Failure, Opaque, Stop
from gwproxy.translate.wire import arguments, jsonio, sse
from gwproxy.translate.wire.growing import members_of


class Writer:
    """Gives the bytes of a sequential stream as Claude Code and the official SDKs accept them."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._out: list[bytes] = []
        self._begun: Start | None = None
        self._open_stream = False
        self._over = False
        self._index = -1
        self._kind: BlockKind | None = None
        self._prefix: bytes | None = None  # of the open block's deltas; None until it is begun
        self._held: list[str] | None = None  # deltas that are held back until the block's end
        self._characters = 0
        self._usage = UNTOLD
        self._stop: Stop | None = None

    def write(self, events: Iterable[Event]) -> bytes:
        """The bytes for these events."""
        out = self._out
        for event in events:
            if self._over:
                break
            kind = type(event)
            if kind is Delta:
                text = event.text  # type: ignore[union-attr]
                if self._prefix is None or self._held is not None:
                    self._delta(text)
                else:
                    self._characters += len(text)
                    out += (self._prefix, jsonio.text(text), DELTA_END)
            elif kind is UsageUpdate:
                self._usage = self._usage.merged(event.usage)  # type: ignore[union-attr]
            else:
                self._other(event)
        # Only now, so that usage which came along with the start is in it.
        if self._begun is not None and not self._over:
            self._ensure_start()
        return self._take()

    def ping(self) -> bytes:
        """The bytes of a ping, or of `message_start` where none was sent; none after the end."""
        if not self._over:
            self._ping()
        return self._take()

    def _ping(self) -> None:
        if self._open_stream:
            self._out.append(PING)
        else:
            self._ensure_start()

    def _take(self) -> bytes:
        data = b"".join(self._out)
        self._out.clear()
        return data

    def _other(self, event: Event) -> None:
        match event:
            case Start():
                self._begun = event
            case Open():
                self._ensure_start()
                self._open(event)
            case Close():
                self._close(event)
            case Finish(stop=stop):
                self._stop = stop
            case Ping():
                self._ping()
            case End():
                self._ensure_start()
                self._end()
            case Fail(failure=what):
                self._fail(what)

    # --- the message -----------------------------------------------------------------------------

    def _ensure_start(self) -> None:
        if self._open_stream:
            return
        self._open_stream = True
        begun = self._begun or Start()
        known = structs.replace(self._usage, output=None, reasoning=None)
        message: dict[str, Any] = {
            "id": message_id("msg_", begun.id, self._context),
            "type": "message",
            "role": "assistant",
            "model": self._context.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_object(known, self._context.input_estimate, 0),
        }
        self._out += (encode("message_start", message=message), PING)

    def _end(self) -> None:
        self._over = True
        assert self._stop is not None
        estimate = output_estimate(self._characters)
        usage = usage_object(self._usage, self._context.input_estimate, estimate)
        self._out += (
            encode("message_delta", delta=stop_members(self._stop), usage=usage),
            MESSAGE_STOP,
        )

    def _fail(self, what: Failure) -> None:
        self._over = True
        # Claude Code runs a call whose block was stopped, and does not look at the error.
        if self._prefix is not None and self._kind != "call":
            self._stop_block()
        _, body = failure.render(what, self._context.request_id)
        self._out.append(sse.encode("error", body))

    # --- blocks ----------------------------------------------------------------------------------

    def _open(self, event: Open) -> None:
        self._kind = event.kind
        self._prefix = self._held = None
        if event.kind == "call":
            self._held = [] if event.custom else None
            head = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
            self._begin_block(jsonio.dumps(head))
        elif event.kind == "reasoning":
            self._held = None if self._context.show_reasoning else []
        elif event.kind == "opaque" and event.native is not None:
            self._write_native(event.native)

    def _delta(self, text: str) -> None:
        """Writes a delta that is held back, or that begins its block."""
        if self._prefix is None:
            if not text:
                return
            self._begin_block(SHAPES[self._kind or "text"][0])
        self._characters += len(text)
        if self._held is not None:
            self._held.append(text)
        else:
            self._out += (self._prefix, jsonio.text(text), DELTA_END)  # type: ignore[arg-type]

    def _close(self, event: Close) -> None:
        text = "".join(self._held or ())
        if self._kind == "reasoning":
            self._close_reasoning(event, text)
        elif self._held is not None and text:
            self._out += (self._prefix or b"", jsonio.text(arguments.wrap_input(text)), DELTA_END)
        if self._prefix is not None:
            self._stop_block()
        self._held = self._kind = None

    def _close_reasoning(self, event: Close, text: str) -> None:
        """Writes the signature of a thinking block; an empty block without a signature is left
        out."""
        sealed, foreign = event.seal, event.foreign_signature
        if event.hidden and self._prefix is None:
            data = carried_redaction(sealed, foreign, self._context.family)
            self._begin_block(jsonio.dumps({"type": "redacted_thinking", "data": data}))
            return
        if self._prefix is None:
            if sealed is None and foreign is None:
                return
            self._begin_block(SHAPES["reasoning"][0])
        signature = carried_signature(
            text, sealed, foreign, self._context.family, hide_text=self._held is not None
        )
        prefix = delta_prefix(self._index, SIGNATURE)
        self._out += (prefix, jsonio.text(signature), DELTA_END)

    def _write_native(self, native: Opaque) -> None:
        """Writes a block of a server's tool; its input comes as a delta, like any tool's."""
        if native.dialect is Dialect.ANTHROPIC:
            self._write_whole(members_of(native.native))
        elif native.search is not None and native.search.done:
            for number, block in enumerate(hosted.written(native.search)):
                if number:
                    self._stop_block()
                self._write_whole(members_of(jsonio.dumps(block)))

    def _write_whole(self, members: dict[str, Raw]) -> None:
        given = members.get("input")
        if given is not None:
            members["input"] = Raw(b"{}")
        self._begin_block(jsonio.dumps(members))
        if given is not None:
            prefix = delta_prefix(self._index, SHAPES["call"][1])
            self._out += (prefix, jsonio.text(jsonio.raw(given)), DELTA_END)

    def _begin_block(self, head: bytes) -> None:
        self._index += 1
        shape = SHAPES.get(self._kind or "")
        self._prefix = delta_prefix(self._index, b"" if shape is None else shape[1])
        self._out.append(block_start(self._index, head))

    def _stop_block(self) -> None:
        self._prefix = None
        self._out.append(block_stop(self._index))

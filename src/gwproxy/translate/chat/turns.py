"""Chat's messages → the hub's turns.

One turn a message, where it stands; tool messages that follow one another are one user turn of
results. What a message carries beside its content (reasoning, seals, the calls of ten years of API)
becomes blocks in the order in which the model made them: thoughts, words, calls.

https://platform.openai.com/docs/api-reference/chat/create (messages)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Raw, Struct

from gwproxy.translate.chat.blocks import (
    Part,
    RefusalPart,
    TextPart,
    parse_content,
    parse_reasoning,
)
from gwproxy.translate.fields import Malformed, Unsupported
from gwproxy.translate.hub import Block, Call, Refusal, Result, Turn
from gwproxy.translate.losses import Losses


class SystemMessage(Struct, forbid_unknown_fields=True, tag_field="role", tag="system"):
    content: str | list[Part] | None = None
    name: str | None = None


class DeveloperMessage(SystemMessage, tag="developer"):
    pass


class UserMessage(Struct, forbid_unknown_fields=True, tag_field="role", tag="user"):
    content: str | list[Part] | None
    name: str | None = None


class _Function(Struct, forbid_unknown_fields=True):
    name: str
    arguments: str | None = None


class _Custom(Struct, forbid_unknown_fields=True):
    name: str
    input: str = ""


class _ToolCall(Struct, forbid_unknown_fields=True):
    id: str
    type: str | None = None
    function: _Function | None = None
    custom: _Custom | None = None
    index: int | None = None  # left over where a client collected a stream


class AssistantMessage(Struct, forbid_unknown_fields=True, tag_field="role", tag="assistant"):
    content: str | list[TextPart | RefusalPart] | None = None
    refusal: str | None = None
    name: str | None = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_seal: str | None = None  # ours
    partial: bool | None = None
    audio: Raw = Raw()
    annotations: Raw = Raw()


class ToolMessage(Struct, forbid_unknown_fields=True, tag_field="role", tag="tool"):
    tool_call_id: str
    content: str | list[Part] | None = None
    name: str | None = None


class FunctionMessage(Struct, forbid_unknown_fields=True, tag_field="role", tag="function"):
    name: str
    content: str | None = None


Message: TypeAlias = (
    SystemMessage
    | DeveloperMessage
    | UserMessage
    | AssistantMessage
    | ToolMessage
    | FunctionMessage
)


def parse_messages(messages: Sequence[Message], losses: Losses) -> tuple[Turn, ...]:
    """Raises Malformed and Unsupported."""
    reader = _HistoryReader(losses)
    for index, message in enumerate(messages):
        reader.read(message, f"messages[{index}]")
    return reader.turns()


class _HistoryReader:
    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._turns: list[Turn] = []
        self._results: list[Block] = []
        self._free_form: set[str] = set()  # ids of calls to free-form tools
        self._legacy: dict[str, str] = {}  # name: the id that we gave its latest call

    def turns(self) -> tuple[Turn, ...]:
        self._end_results()
        return tuple(self._turns)

    def read(self, message: Message, path: str) -> None:
        kind = type(message)
        if kind is ToolMessage or kind is FunctionMessage:
            self._results.append(self._result(message, path))  # type: ignore[arg-type]
            return
        self._end_results()
        if message.name is not None:
            self._losses.drop("messages.name")
        if kind is AssistantMessage:
            blocks = self._assistant(message, path)  # type: ignore[arg-type]
            self._turns.append(Turn("assistant", tuple(blocks)))
        else:
            blocks = parse_content(message.content, f"{path}.content")
            self._turns.append(Turn("user" if kind is UserMessage else "system", tuple(blocks)))

    def _end_results(self) -> None:
        if self._results:
            self._turns.append(Turn("user", tuple(self._results)))
            self._results = []

    def _result(self, message: ToolMessage | FunctionMessage, path: str) -> Result:
        blocks = tuple(parse_content(message.content, f"{path}.content"))
        if isinstance(message, FunctionMessage):
            return Result(self._legacy.get(message.name, message.name), blocks)
        call_id = message.tool_call_id
        return Result(call_id, blocks, custom=call_id in self._free_form)

    def _assistant(self, message: AssistantMessage, path: str) -> list[Block]:
        if message.audio and bytes(message.audio) != b"null":
            raise Unsupported(f"{path}.audio", "audio answers cannot be translated")
        if message.partial:
            self._losses.drop("messages.partial")
        visible = message.reasoning_content or message.reasoning or ""
        blocks: list[Block] = [*parse_reasoning(visible, message.reasoning_seal or "")]
        blocks += parse_content(message.content, f"{path}.content")
        if message.refusal:
            blocks.append(Refusal(message.refusal))
        for number, call in enumerate(message.tool_calls or ()):
            blocks.append(self._call(call, f"{path}.tool_calls[{number}]"))
        if message.function_call is not None:
            blocks.append(self._legacy_call(message.function_call))
        return blocks

    def _call(self, call: _ToolCall, path: str) -> Call:
        if call.function is not None:
            return Call(call.id, call.function.name, call.function.arguments or "")
        if call.custom is None:
            raise Malformed(f"{path}.function", "field required")
        self._free_form.add(call.id)
        return Call(call.id, call.custom.name, call.custom.input, custom=True)

    def _legacy_call(self, function: _Function) -> Call:
        call_id = self._legacy[function.name] = f"call_{len(self._turns)}"
        return Call(call_id, function.name, function.arguments or "")

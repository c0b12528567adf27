"""The messages of a Chat request from and to the hub's turns.

The passes have put the turns in order (`passes/history.py`): each turn is one message, and each
tool result one more. A message never depends on what follows it, so that a longer history has the
bytes of the shorter one as its prefix, and prompt caches hold.

https://platform.openai.com/docs/api-reference/chat/create (messages)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gwproxy.translate.chat.blocks import (
    GAP,
    joined,
    parse_content,
    parse_reasoning,
    render_call,
    render_parts,
    text_part,
)
from gwproxy.translate.chat.thoughts import ReturnedReasoning
from gwproxy.translate.chat.wire import (
    AssistantMessage,
    FunctionMessage,
    Message,
    ToolCall,
    ToolMessage,
    UserMessage,
    _Function,
)
from gwproxy.translate.hub import (
    Block,
    Call,
    Media,
    Reasoning,
    Refusal,
    Result,
    Text,
    ToolReference,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire.fields import Malformed, Unsupported
from gwproxy.translate.wire.shapes import arguments_of, present

_ERROR: Final = "[tool error] "


def _leading_systems(turns: Sequence[Turn]) -> int:
    return next((n for n, turn in enumerate(turns) if turn.role != "system"), len(turns))


def render_messages(
    turns: tuple[Turn, ...], quirks: Quirks, losses: Losses
) -> list[dict[str, Any]]:
    """The `messages` member. Raises Unsupported for content that no message can have."""
    leading = _leading_systems(turns)
    messages = _leading_messages(turns[:leading], quirks)
    writer = _HistoryWriter(quirks, losses)
    for turn in turns[leading:]:
        messages += writer.turn(turn)
    return messages


def _leading_messages(turns: Sequence[Turn], quirks: Quirks) -> list[dict[str, Any]]:
    """The system messages at the beginning; one only, for hosts that refuse later ones."""
    if quirks.mid_system == "wrap":
        turns = [Turn("system", tuple(block for turn in turns for block in turn.blocks))]
    return [
        {"role": _role(quirks), "content": content}
        for turn in turns
        if (content := _prose(turn.blocks, quirks))
    ]


def _role(quirks: Quirks) -> str:
    return quirks.system_role or "system"


def _prose(blocks: Sequence[Block], quirks: Quirks) -> str | list[dict[str, Any]]:
    texts = [block.text for block in blocks if isinstance(block, Text) and block.text]
    if quirks.text_parts == "parts" and len(texts) > 1:
        return [text_part(text) for text in texts]
    return GAP.join(texts)


class _HistoryWriter:
    def __init__(self, quirks: Quirks, losses: Losses) -> None:
        self._quirks = quirks
        self._losses = losses

    def turn(self, turn: Turn) -> list[dict[str, Any]]:
        match turn.role:
            case "assistant":
                return [self._assistant(turn)]
            case "user":
                return self._user(turn)
            case "system":
                content = _prose(turn.blocks, self._quirks)
                return [{"role": _role(self._quirks), "content": content}]

    # --- assistant

    def _assistant(self, turn: Turn) -> dict[str, Any]:
        kinds = set(map(type, turn.blocks))
        if Refusal in kinds:
            self._losses.rename("messages.refusal")
        text = joined(turn.blocks, Text, Refusal)
        message: dict[str, Any] = {"role": "assistant", "content": text or None}
        calls: list[dict[str, Any]] = []
        if Call in kinds:
            calls = [render_call(block) for block in turn.blocks if type(block) is Call]
        if Reasoning in kinds:
            thoughts = ReturnedReasoning(turn.blocks, self._quirks)
            self._add_thoughts(message, calls, thoughts, text)
            if thoughts.lost:
                self._losses.drop("messages.thinking")
        if calls:
            message["tool_calls"] = calls
        return message

    def _add_thoughts(
        self,
        message: dict[str, Any],
        calls: list[dict[str, Any]],
        thoughts: ReturnedReasoning,
        text: str,
    ) -> None:
        if thoughts.parts:
            message["content"] = [*thoughts.parts, *([text_part(text)] if text else ())]
        message |= thoughts.members
        for number, call in enumerate(calls):
            call |= thoughts.of_call(number)

    # --- tool results

    def _tool_message(self, result: Result) -> dict[str, Any]:
        content = self._result_content(result)
        return {"role": "tool", "tool_call_id": result.call_id, "content": content}

    def _result_content(self, result: Result) -> str | list[dict[str, Any]]:
        if len(result.blocks) == 1 and type(result.blocks[0]) is Text and not result.is_error:
            return result.blocks[0].text  # nearly all
        lines = []
        parts: list[dict[str, Any]] = []
        for block in result.blocks:
            if isinstance(block, Media):
                parts += render_parts(block)
            else:
                lines.append(self._result_text(block))
        text = "\n".join(lines)
        if result.is_error:
            text = _ERROR + text if text else _ERROR.rstrip()
        return [text_part(text), *parts] if parts and text else parts or text

    def _result_text(self, block: Block) -> str:
        match block:
            case Text(text=text) | Refusal(text=text):
                return text
            case ToolReference(name=name):
                return f"[found the tool {name}: it can be called now]"
        raise Unsupported("messages", f"a {type(block).__name__} cannot stand in a tool result")

    # --- user

    def _user(self, turn: Turn) -> list[dict[str, Any]]:
        """A message for each tool result, then one for the rest of the turn."""
        if len(turn.blocks) == 1 and type(turn.blocks[0]) is Text:  # nearly all
            return [{"role": "user", "content": turn.blocks[0].text}]
        messages: list[dict[str, Any]] = []
        parts: list[dict[str, Any]] = []
        for block in turn.blocks:
            if type(block) is Result:
                messages.append(self._tool_message(block))
            else:
                parts += render_parts(block)
        if parts:
            messages.append({"role": "user", "content": self._user_content(parts)})
        return messages

    def _user_content(self, parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
        texts = [part["text"] for part in parts if part["type"] == "text"]
        if len(texts) < len(parts) or (self._quirks.text_parts == "parts" and len(parts) > 1):
            return parts
        return GAP.join(texts)


def parse_messages(messages: Sequence[Message], losses: Losses) -> tuple[Turn, ...]:
    """The hub's turns. Raises Malformed and Unsupported."""
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
        if present(message.audio):
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
            blocks.append(self._legacy_call(message.function_call, f"{path}.function_call"))
        return blocks

    def _call(self, call: ToolCall, path: str) -> Call:
        if call.function is not None:
            return self._function_call(call.id, call.function, f"{path}.function")
        if call.custom is None:
            raise Malformed(f"{path}.function", "field required")
        self._free_form.add(call.id)
        return Call(call.id, call.custom.name, call.custom.input, custom=True)

    def _legacy_call(self, function: _Function, path: str) -> Call:
        call_id = self._legacy[function.name] = f"call_{len(self._turns)}"
        return self._function_call(call_id, function, path)

    def _function_call(self, call_id: str, function: _Function, path: str) -> Call:
        text = arguments_of(function.arguments, f"{path}.arguments")
        return Call(call_id, function.name, text)

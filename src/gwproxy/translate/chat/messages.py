"""The hub's turns → Chat's messages.

The order of things is kept, except that tool results stand directly after the message that made
the calls, in the order of the calls, as every server demands: a call without a result gets one
that says so, a result without a call becomes the user's words. What a message looks like never
depends on anything behind the next assistant message, so that a longer history has the bytes of
the shorter one as its prefix, and prompt caches hold.

https://platform.openai.com/docs/api-reference/chat/create (messages)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, structs

from gwproxy.translate import arguments
from gwproxy.translate.chat.blocks import GAP, joined, render_part, text_part
from gwproxy.translate.fields import Unsupported
from gwproxy.translate.hub import (
    Block,
    Call,
    Media,
    Opaque,
    Reasoning,
    Refusal,
    Result,
    Text,
    ToolReference,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.manners import Manners

_NO_RESULT: Final = "[no result recorded]"
_ERROR: Final = "[tool error] "
NO_CONTENT: Final = "(no content)"

_object: Final = msgspec.json.Decoder(dict[str, Raw])


def system_turn_appended(turns: tuple[Turn, ...], words: str) -> tuple[Turn, ...]:
    """`turns` with one more instruction at the end of the leading ones."""
    leading = _leading_systems(turns)
    return (*turns[:leading], Turn("system", (Text(words),)), *turns[leading:])


def _leading_systems(turns: Sequence[Turn]) -> int:
    return next((n for n, turn in enumerate(turns) if turn.role != "system"), len(turns))


def render_messages(
    turns: tuple[Turn, ...], manners: Manners, losses: Losses
) -> list[dict[str, Any]]:
    """Raises Unsupported for content that the upstream cannot read."""
    leading = _leading_systems(turns)
    messages = _leading_messages(turns[:leading], manners)
    writer = _HistoryWriter(manners, losses)
    for assistant, following in _exchanges(turns[leading:]):
        messages += writer.exchange(assistant, following)
    return messages


def without_old_reasoning(turns: tuple[Turn, ...], keep_turns: int) -> tuple[Turn, ...]:
    """`turns` less the reasoning from before the last `keep_turns` + 1 things the user said."""
    said = [
        index
        for index, turn in enumerate(turns)
        if turn.role == "user" and not all(isinstance(block, Result) for block in turn.blocks)
    ]
    start = said[-keep_turns - 1] if len(said) > keep_turns else 0
    return tuple(
        structs.replace(turn, blocks=tuple(b for b in turn.blocks if not isinstance(b, Reasoning)))
        if index < start
        else turn
        for index, turn in enumerate(turns)
    )


def _leading_messages(turns: Sequence[Turn], manners: Manners) -> list[dict[str, Any]]:
    """The prompt. Hosts that refuse later instructions take one such message only."""
    if manners.mid_system == "wrap":
        turns = [Turn("system", tuple(block for turn in turns for block in turn.blocks))]
    return [
        {"role": manners.system_role, "content": content}
        for turn in turns
        if (content := _prose(turn.blocks, manners))
    ]


def _prose(blocks: Sequence[Block], manners: Manners) -> str | list[dict[str, Any]]:
    texts = [block.text for block in blocks if isinstance(block, Text) and block.text]
    if manners.text_parts == "parts" and len(texts) > 1:
        return [text_part(text) for text in texts]
    return GAP.join(texts)


def _exchanges(turns: Sequence[Turn]) -> Iterator[tuple[Turn | None, list[Turn]]]:
    """Each assistant turn with the turns up to the next one; first those before any."""
    assistant: Turn | None = None
    following: list[Turn] = []
    for turn in turns:
        if turn.role != "assistant":
            following.append(turn)
        elif assistant is not None and not following and _calls(assistant):
            # One answer in two turns: the results of the first half's calls come after both.
            assistant = Turn("assistant", assistant.blocks + turn.blocks)
        else:
            if assistant is not None or following:
                yield assistant, following
            assistant, following = turn, []
    if assistant is not None or following:
        yield assistant, following


def _calls(turn: Turn | None) -> list[Call]:
    return [] if turn is None else [block for block in turn.blocks if type(block) is Call]


class _HistoryWriter:
    def __init__(self, manners: Manners, losses: Losses) -> None:
        self._manners = manners
        self._losses = losses

    def exchange(self, assistant: Turn | None, following: list[Turn]) -> list[dict[str, Any]]:
        calls = _calls(assistant)
        results = self._results(calls, following)
        messages: list[dict[str, Any]] = []
        if assistant is not None and (message := self._assistant(assistant, calls)) is not None:
            messages.append(message)
        messages += [self._tool_message(call, results.get(call.id)) for call in calls]
        for turn in following:
            message = self._system(turn) if turn.role == "system" else self._user(turn, results)
            if message is not None:
                messages.append(message)
        return messages

    def _results(self, calls: list[Call], following: list[Turn]) -> dict[str, Result]:
        """By call id; of several for one call the last (a client that ran it twice)."""
        known = {call.id for call in calls}
        results: dict[str, Result] = {}
        other = False
        for turn in following:
            for block in turn.blocks:
                if not isinstance(block, Result):
                    other = True
                elif block.call_id in known:
                    if block.call_id in results:
                        self._losses.drop("messages.tool_result")
                    if other:
                        self._losses.reorder("messages.tool_result")
                    results[block.call_id] = block
        return results

    # --- assistant

    def _assistant(self, turn: Turn, calls: list[Call]) -> dict[str, Any] | None:
        kinds = {type(block) for block in turn.blocks}
        blocks = self._worded(turn.blocks) if Opaque in kinds else turn.blocks
        text = joined(blocks, Text, Refusal)
        if Refusal in kinds:
            self._losses.rename("messages.refusal")
        if not text or text.isspace():
            if not calls:
                # "the message … with role 'assistant' must not be empty" (Moonshot); an answer
                # broken off while thinking leaves such turns behind.
                self._losses.drop("messages.empty_assistant")
                return None
            text = ""
        message: dict[str, Any] = {"role": "assistant", "content": text or None}
        if reasoning := self._reasoning(turn if Reasoning in kinds else None, calls):
            message[self._manners.reasoning_field] = reasoning
        if calls:
            message["tool_calls"] = [self._tool_call(call) for call in calls]
        return message

    def _worded(self, blocks: Sequence[Block]) -> Iterator[Block]:
        """The blocks, with native ones of another dialect put into words, a gap around each."""
        for block in blocks:
            yield block
            if isinstance(block, Opaque):
                self._losses.drop(f"messages.{block.type}")
                if block.text is not None:
                    yield Text(block.text)
                    yield block

    def _reasoning(self, turn: Turn | None, calls: list[Call]) -> str:
        """What this upstream gets back of its thoughts: text only. Another family's seals say
        nothing to it, and what was hidden has no words."""
        manners = self._manners
        if manners.reasoning_in == "none" or (manners.reasoning_in == "tool_turns" and not calls):
            return ""
        text = joined(turn.blocks, Reasoning) if turn is not None else ""
        if not text and calls and manners.reasoning_placeholder:
            self._losses.synthesize(manners.reasoning_field)
            return manners.reasoning_placeholder
        return text

    def _tool_call(self, call: Call) -> dict[str, Any]:
        if call.custom:
            custom = {"name": call.name, "input": call.arguments}
            return {"id": call.id, "type": "custom", "custom": custom}
        function = {"name": call.name, "arguments": _as_object(call.arguments)}
        return {"id": call.id, "type": "function", "function": function}

    # --- tool results

    def _tool_message(self, call: Call, result: Result | None) -> dict[str, Any]:
        content: str | list[dict[str, Any]] = _NO_RESULT
        if result is None:
            self._losses.synthesize("messages.tool_result")
        else:
            content = self._result_content(result)
        return {"role": "tool", "tool_call_id": call.id, "content": content}

    def _result_content(self, result: Result) -> str | list[dict[str, Any]]:
        inline = self._manners.tool_media
        lines = []
        parts: list[dict[str, Any]] = []
        media = 0
        for block in result.blocks:
            if isinstance(block, Media) and _has_part(block):
                media += 1
                if inline:
                    parts.append(render_part(block, self._manners, self._losses))
                    continue
                lines.append(f"{_media_label(media, result.call_id)[:-1]}: next user message]")
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
            case Opaque(text=text, native=native):
                return native if text is None else text
            case Media():
                part = render_part(block, self._manners, self._losses)
                return str(part["text"])
        raise Unsupported("messages", f"a {type(block).__name__} cannot stand in a tool result")

    def _result_media(self, result: Result) -> list[dict[str, Any]]:
        """The pictures of a result, each after its label, for the next user message."""
        if self._manners.tool_media:
            return []
        media = [block for block in result.blocks if isinstance(block, Media) and _has_part(block)]
        return [
            part
            for number, block in enumerate(media, 1)
            for part in (
                text_part(_media_label(number, result.call_id)),
                render_part(block, self._manners, self._losses),
            )
        ]

    # --- user and system

    def _user(self, turn: Turn, results: dict[str, Result]) -> dict[str, Any] | None:
        media: list[dict[str, Any]] = []
        parts: list[dict[str, Any]] = []
        only_results = bool(turn.blocks)
        for block in turn.blocks:
            if not isinstance(block, Result):
                only_results = False
                parts += self._user_parts(block)
            elif results.get(block.call_id) is block:
                media += self._result_media(block)
            elif block.call_id not in results:
                parts += self._orphan(block)
        if media or parts:
            return {"role": "user", "content": self._user_content(media + parts)}
        if only_results:
            return None
        # "text content is empty" (Moonshot)
        self._losses.synthesize("messages.content")
        return {"role": "user", "content": NO_CONTENT}

    def _user_parts(self, block: Block) -> list[dict[str, Any]]:
        match block:
            case Text(text=text):
                return [] if not text or text.isspace() else [text_part(text)]
            case Opaque(text=str(text), type=kind):
                self._losses.rename(f"messages.{kind}")
                return [text_part(text)]
        return [render_part(block, self._manners, self._losses)]

    def _orphan(self, result: Result) -> list[dict[str, Any]]:
        self._losses.rename("messages.tool_result")
        content = self._result_content(structs.replace(result, is_error=False))
        text = content if isinstance(content, str) else ""
        parts = [] if isinstance(content, str) else content
        label = f"[result of unknown call {result.call_id}] {text}"
        return [text_part(label.rstrip()), *parts, *self._result_media(result)]

    def _user_content(self, parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
        texts = [part["text"] for part in parts if part["type"] == "text"]
        if len(texts) < len(parts) or (self._manners.text_parts == "parts" and len(parts) > 1):
            return parts
        return GAP.join(texts)

    def _system(self, turn: Turn) -> dict[str, Any] | None:
        content = _prose(turn.blocks, self._manners)
        if not content:
            return None
        if self._manners.mid_system == "native":
            return {"role": self._manners.system_role, "content": content}
        words = joined(turn.blocks, Text)
        reminder = f"<system-reminder>\n{words}\n</system-reminder>"
        return {"role": "user", "content": reminder}


def _has_part(media: Media) -> bool:
    """Whether it needs a content part of its own; a document of plain text does not."""
    return media.source != "text"


def _media_label(number: int, call_id: str) -> str:
    return f"[media {number} of tool result {call_id}]"


def _as_object(text: str) -> str:
    """Arguments that every server can decode to an object; untouched where they are one."""
    try:
        _object.decode(text)
    except msgspec.DecodeError:
        return arguments.as_object(text)
    return text

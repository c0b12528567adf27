"""Opens our envelopes in a relayed history, and puts back what a client has lost of the reasoning.

A Chat host takes reasoning as text, and beside it what it made itself; it cannot read an envelope.

https://platform.openai.com/docs/api-reference/chat/create (messages)
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Raw, Struct

from gwproxy.translate.chat.blocks import joined, parse_reasoning
from gwproxy.translate.chat.thoughts import ReturnedReasoning
from gwproxy.translate.hub import Reasoning, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio, seal
from gwproxy.translate.wire.shapes import present
from gwproxy.translate.wire.splice import Edit, edited, found, has, omit, renamed, with_member

_MESSAGES: Final = ("messages", None)
_NAMES: Final = ("reasoning_content", "reasoning")
_NOTHING: Final = (b"", b'""', b"[]")


class _Head(Struct):
    role: str = ""


class _Told(_Head):
    """The reasoning of an assistant message, and whether it has anything else (`says_more`)."""

    reasoning_seal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    content: Raw = Raw()
    refusal: Raw = Raw()
    tool_calls: Raw = Raw()
    function_call: Raw = Raw()

    @property
    def says_more(self) -> bool:
        members = (self.content, self.refusal, self.tool_calls, self.function_call)
        return any(present(one) and bytes(one) not in _NOTHING for one in members)


_head: Final = jsonio.decoder(_Head)
_told: Final = jsonio.decoder(_Told)


def open_seals(body: bytes, quirks: Quirks, losses: Losses) -> bytes:
    """`body` with our envelopes opened and taken out. Raises jsonio.NotJson."""

    def message(text: bytes) -> bytes | None:
        told = _told(text) if seal.is_in(text) else _Told()
        if told.role != "assistant" or not (told.reasoning_seal or "").startswith(seal.MARK):
            return text
        visible = told.reasoning_content or told.reasoning or ""
        thoughts = parse_reasoning(visible, told.reasoning_seal or "")
        words = joined(thoughts, Reasoning)
        if any(not t.text and not t.is_state_of(quirks.family) for t in thoughts):
            losses.drop("messages.thinking")
        if not words and not told.says_more:
            return None
        rest = _with_state(
            edited(text, [omit("reasoning_seal")]), ReturnedReasoning(thoughts, quirks)
        )
        if words == visible:
            return rest
        name = quirks.reasoning_field
        if told.reasoning is not None or told.reasoning_content is not None:
            name = "reasoning" if told.reasoning_content is None else "reasoning_content"
        return with_member(rest, name, jsonio.text(words))

    return edited(body, [Edit(_MESSAGES, message)])


def put_back(body: bytes, answers: Sequence[Turn | None], name: str, quirks: Quirks) -> bytes:
    """`body` with the reasoning details that its assistant messages have lost, the nth of them out
    of the nth of `answers`; reasoning is renamed to `name`, where one is given. Raises
    jsonio.NotJson."""
    left = iter(answers)

    def message(text: bytes) -> bytes:
        if _head(text).role != "assistant":
            return text
        for other in _NAMES:
            # OpenCode sends `reasoning_content` whatever name it received.
            if name in _NAMES and other != name and has(text, (other,)):
                text = text if has(text, (name,)) else renamed(text, other, name)
        answer = next(left, None)
        return (
            text if answer is None else _with_state(text, ReturnedReasoning(answer.blocks, quirks))
        )

    return edited(body, [Edit(_MESSAGES, message)])


def _with_state(text: bytes, thoughts: ReturnedReasoning) -> bytes:
    """The message with the reasoning details that it and its calls lack."""
    text = _with_members(text, thoughts.of_call(None))
    for (_, number), _call in found(text, ("tool_calls", None)):
        if isinstance(number, int) and (members := thoughts.of_call(number)):
            change = functools.partial(_with_members, members=members)
            text = edited(text, [Edit(("tool_calls", number), change)])
    return text


def _with_members(text: bytes, members: dict[str, Any]) -> bytes:
    for name, value in members.items():
        if not has(text, (name,)):
            text = with_member(text, name, jsonio.dumps(value))
    return text

"""Our envelopes in a history that is relayed: taken out of the messages that bear them.

A Chat host takes thoughts as words alone, so that an envelope says nothing to any, its maker
included; what it hid from the client goes beside the words that the client has.

https://platform.openai.com/docs/api-reference/chat/create (messages)
"""

from __future__ import annotations

from typing import Final

from msgspec import Raw, Struct

from gwproxy.translate.chat.blocks import joined, parse_reasoning
from gwproxy.translate.hub import Reasoning
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio, seal
from gwproxy.translate.wire.shapes import present
from gwproxy.translate.wire.splice import Edit, edited, omit, with_member

_MESSAGES: Final = ("messages", None)
_NOTHING: Final = (b"", b'""', b"[]")


class _Told(Struct):
    """What an assistant's message has of thoughts, and whether it has anything else."""

    role: str = ""
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


_told: Final = jsonio.decoder(_Told)


def open_seals(body: bytes, quirks: Quirks, losses: Losses) -> bytes:
    """`body` without an envelope of ours. Raises jsonio.NotJson."""

    def message(text: bytes) -> bytes | None:
        told = _told(text) if seal.is_in(text) else _Told()
        if told.role != "assistant" or not (told.reasoning_seal or "").startswith(seal.MARK):
            return text
        visible = told.reasoning_content or told.reasoning or ""
        thoughts = parse_reasoning(visible, told.reasoning_seal or "")
        words = joined(thoughts, Reasoning)
        if any(not thought.text for thought in thoughts):
            losses.drop("messages.thinking")
        if not words and not told.says_more:
            return None
        rest = edited(text, [omit("reasoning_seal")])
        if words == visible:
            return rest
        name = quirks.reasoning_field
        if told.reasoning is not None or told.reasoning_content is not None:
            name = "reasoning" if told.reasoning_content is None else "reasoning_content"
        return with_member(rest, name, jsonio.text(words))

    return edited(body, [Edit(_MESSAGES, message)])

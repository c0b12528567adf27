"""Opens our envelopes in a relayed history for the upstream that made the reasoning, and takes away
those of others.

An upstream would take an envelope for a bad signature. Every other byte stays: signatures of the
other thinking blocks cover them.

https://docs.claude.com/en/docs/build-with-claude/extended-thinking
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from gwproxy.translate.anthropic.blocks import read_content, write_reasoning
from gwproxy.translate.anthropic.wire import RedactedThinkingBlock, ThinkingBlock
from gwproxy.translate.hub import Reasoning
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio, seal
from gwproxy.translate.wire.splice import Edit, edited, found, has, path_of, put

_MESSAGES: Final = ("messages", None)
_BLOCKS: Final = ("content", None)
_THINKS: Final = ("thinking", "redacted_thinking")


class _Head(Struct):
    type: str = ""


class _Turn(Struct):
    role: str = ""
    content: str | list[_Head] = ""

    def has(self, kind: str) -> bool:
        return isinstance(self.content, list) and any(one.type == kind for one in self.content)


_head: Final = jsonio.decoder(_Head)
_turn: Final = jsonio.decoder(_Turn)
_thought: Final = jsonio.decoder(ThinkingBlock)
_redacted: Final = jsonio.decoder(RedactedThinkingBlock)


def open_seals(body: bytes, quirks: Quirks, losses: Losses) -> bytes:
    """`body` with our envelopes opened or taken away. Raises jsonio.NotJson."""
    taken = Losses()

    def block(text: bytes) -> bytes | None:
        kind = _head(text).type if seal.is_in(text) else ""
        if kind not in _THINKS:
            return text
        own = _reopened((_thought if kind == "thinking" else _redacted)(text), quirks)
        if own is None:
            taken.drop("messages.thinking")
        return own

    def message(text: bytes) -> bytes | None:
        if not seal.is_in(text):
            return text
        rest = edited(text, [Edit(_BLOCKS, block)])
        return rest if rest is text or has(rest, _BLOCKS) else None

    after = edited(body, [Edit(_MESSAGES, message)])
    for _ in taken:
        losses.drop("messages.thinking")
        if quirks.signed_thinking and asks_for_thoughts(after):
            # "Expected `thinking`, but found `tool_use`" (farion1231/cc-switch)
            losses.drop("thinking")
            after = edited(after, [put("thinking", b'{"type":"disabled"}')])
    return after


def _reopened(block: ThinkingBlock | RedactedThinkingBlock, quirks: Quirks) -> bytes | None:
    (thought,) = read_content([block], Losses())
    assert isinstance(thought, Reasoning)
    if thought.seal is None or thought.seal.family != quirks.family:
        return None
    written = write_reasoning(thought, quirks)
    return None if written is None else jsonio.dumps(written)


def asks_for_thoughts(body: bytes) -> bool:
    """Whether a tool call of the running loop lacks the thinking block that Anthropic demands there
    while thinking is enabled with a budget."""
    kinds = [_string(text) for _, text in found(body, path_of("thinking.type"))]
    if kinds != ["enabled"]:
        return False
    lacks = False
    for _, text in reversed(list(found(body, _MESSAGES))):
        turn = _turn(text)
        if turn.role == "assistant" and isinstance(turn.content, list) and turn.has("tool_use"):
            lacks = turn.content[0].type not in _THINKS
        elif turn.role == "user" and not turn.has("tool_result"):
            break
    return lacks


def _string(text: bytes) -> str:
    return jsonio.loads(text.decode()) if text[:1] == b'"' else ""

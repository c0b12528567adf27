"""Passes for the reasoning of earlier turns: which of it is sent back.

Genuine reasoning is always preferred; none is made up unless a host's quirks have a placeholder,
which is learned from that host's own error ("thinking is enabled but
reasoning_content is missing in assistant tool call message", anomalyco/opencode#10996). Moonshot
asked for the opposite as the rule (farion1231/cc-switch c82624761).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import Call, Reasoning, Refusal, Request, Result, Text, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.effort import can_switch_off, switched_off
from gwproxy.translate.quirks import Quirks


def keep_turns(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Drops reasoning of turns that the client asked to forget (`Thinking.keep_turns`).

    Hosts that demand reasoning on every tool-call turn get it there all the same.
    """
    keep = request.thinking.keep_turns
    if keep is None:
        return request
    first_kept = _first_kept(request.turns, keep)
    demanded = (
        quirks.thinking_switch == "thinking"
        or quirks.thinking_always
        or bool(quirks.reasoning_placeholder)
    )
    turns = tuple(
        turn if index >= first_kept or (demanded and _has_call(turn)) else _forgotten(turn, quirks)
        for index, turn in enumerate(request.turns)
    )
    if all(new is old for new, old in zip(turns, request.turns, strict=True)):
        return request
    losses.emulate("messages.thinking")
    return structs.replace(request, turns=turns)


def _first_kept(turns: Sequence[Turn], keep: int) -> int:
    """The index of the first turn whose reasoning is kept: the user's last message but `keep`. A
    turn with tool results is no message of the user, nor is what Claude Code adds to it
    (reminders)."""
    said = [
        index
        for index, turn in enumerate(turns)
        if turn.role == "user" and not any(isinstance(block, Result) for block in turn.blocks)
    ]
    return said[-1 - keep] if keep < len(said) else 0


def _has_call(turn: Turn) -> bool:
    return any(type(block) is Call for block in turn.blocks)


def _forgotten(turn: Turn, quirks: Quirks) -> Turn:
    """The turn without its reasoning; the state of its calls stays, as Gemini demands it."""
    if turn.role != "assistant" or not any(type(block) is Reasoning for block in turn.blocks):
        return turn
    blocks = tuple(
        b for b in turn.blocks if type(b) is not Reasoning or b.is_state_of(quirks.family)
    )
    return turn if len(blocks) == len(turn.blocks) else structs.replace(turn, blocks=blocks)


def replay(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Drops reasoning that the host does not take (`reasoning_in`, `signed_thinking`)."""
    turns = []
    for turn in request.turns:
        if turn.role == "assistant":
            kept = _replayed(turn, facts, quirks)
            if kept is not turn:
                losses.drop("messages.thinking")
            turn = kept
        turns.append(turn)
    if any(new is not old for new, old in zip(turns, request.turns, strict=True)):
        request = structs.replace(request, turns=tuple(turns))
    mode = request.thinking.mode
    manual = mode == "budget" or (mode == "on" and not quirks.adaptive_thinking)
    lacking = quirks.signed_thinking and manual and _loop_lacks(request)
    if lacking and can_switch_off(facts, quirks):
        # "Expected `thinking`, but found `tool_use`" (farion1231/cc-switch, thinking rectifier)
        losses.drop("thinking")
        request = structs.replace(request, thinking=switched_off(request.thinking, facts, quirks))
    return request


def _replayed(turn: Turn, facts: DialectFacts, quirks: Quirks) -> Turn:
    wanted = quirks.reasoning_in == "all" or (
        quirks.reasoning_in == "tool_turns" and _has_call(turn)
    )
    if not wanted:
        return _forgotten(turn, quirks)
    if facts.reasoning_items:
        turn = _led_on(turn)
    if not quirks.signed_thinking:
        return turn
    blocks = tuple(
        block for block in turn.blocks if type(block) is not Reasoning or _is_own(block, quirks)
    )
    return turn if len(blocks) == len(turn.blocks) else structs.replace(turn, blocks=blocks)


def _led_on(turn: Turn) -> Turn:
    """The turn without reasoning that nothing follows: a reasoning item "provided without its
    required following item" is a 400 at OpenAI."""
    said = [at for at, block in enumerate(turn.blocks) if isinstance(block, Text | Refusal | Call)]
    last = said[-1] if said else -1
    if not any(type(block) is Reasoning for block in turn.blocks[last + 1 :]):
        return turn
    rest = tuple(block for block in turn.blocks[last + 1 :] if type(block) is not Reasoning)
    return structs.replace(turn, blocks=(*turn.blocks[: last + 1], *rest))


def _is_own(block: Reasoning, quirks: Quirks) -> bool:
    if block.foreign_signature is not None:
        return True
    seal = block.seal
    return (
        seal is not None and seal.family == quirks.family and seal.kind in ("signature", "redacted")
    )


def _loop_lacks(request: Request) -> bool:
    """Whether the first call of the running tool loop lacks the reasoning before it."""
    for turn in request.turns[_first_kept(request.turns, 0) :]:
        if turn.role == "assistant" and _has_call(turn):
            return type(turn.blocks[0]) is not Reasoning
    return False


def fill_reasoning(
    request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses
) -> Request:
    """Puts the quirks' placeholder on turns with calls that have no reasoning."""
    placeholder = quirks.reasoning_placeholder
    off = request.thinking.mode == "off" or quirks.reasoning_in == "none"
    if not placeholder or off or quirks.signed_thinking or facts.reasoning_items:
        return request
    turns = []
    changed = False
    for turn in request.turns:
        if turn.role == "assistant" and _has_call(turn) and not _reads_any(turn, facts, quirks):
            changed = True
            others = tuple(b for b in turn.blocks if type(b) is not Reasoning or b.hidden)
            turn = structs.replace(turn, blocks=(Reasoning(placeholder), *others))
        turns.append(turn)
    if not changed:
        return request
    losses.synthesize("messages.thinking")
    return structs.replace(request, turns=tuple(turns))


def _reads_any(turn: Turn, facts: DialectFacts, quirks: Quirks) -> bool:
    """Whether the host finds reasoning in a turn: text, or a signature."""
    for block in turn.blocks:
        if type(block) is not Reasoning or block.hidden:
            continue
        signed = bool(block.foreign_signature) or _is_own(block, quirks)
        if block.text.strip() or block.text == quirks.reasoning_placeholder:
            return True
        if signed and facts.signatures:
            return True
    return False

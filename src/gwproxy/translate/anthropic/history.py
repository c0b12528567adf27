"""The order of a conversation that the Messages API accepts, out of any order of turns.

    system text, then [user, assistant, user, assistant …], the first of them a user's
    a user's message: the results of the calls just before it, each exactly once; then the rest
    an assistant's message: thoughts and text; then its calls

Position is meaning, so nothing else is moved: no system text is hoisted, no turn dropped that says
something. Each rule depends on what came before it alone, so a longer conversation keeps the
shorter one's bytes. What had to be changed is a named loss.

https://docs.claude.com/en/api/messages; the ordering rules are those the API's 400s name
(BerriAI/litellm#24361).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Raw, structs

from gwproxy.translate.anthropic.blocks import write_block
from gwproxy.translate.anthropic.wire import (
    Draft,
    KnownBlock,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from gwproxy.translate.hub import Block, Call, Dialect, Opaque, Reasoning, Request, Result, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.manners import Manners

EMPTY_TURN: Final = "(no content)"
CONTINUE: Final = "Continue."
NO_RESULT: Final = "[no result recorded]"
_REMINDER: Final = "<system-reminder>\n{}\n</system-reminder>"
# The id by which results name a call → the ids under which the calls of that id are sent.
_Pending: TypeAlias = dict[str, list[str]]


def system_text(request: Request, manners: Manners, losses: Losses) -> list[TextBlock]:
    """The prompt: the leading system turns, block by block."""
    written: list[TextBlock] = []
    for turn in _leading(request.turns):
        for block in turn.blocks:
            wire = write_block(block, manners, losses)
            if isinstance(wire, TextBlock):
                written.append(wire)
    return written


def _leading(turns: Sequence[Turn]) -> Sequence[Turn]:
    count = next((i for i, turn in enumerate(turns) if turn.role != "system"), len(turns))
    return turns[:count]


def messages(request: Request, manners: Manners, losses: Losses) -> list[Draft]:
    """The conversation after the prompt. Raises Unsupported for content that cannot be sent."""
    turns = request.turns[len(_leading(request.turns)) :]
    merged = _merged(turns, request, manners, losses)
    if not merged or merged[0].role == "assistant":
        losses.synthesize("messages")
        merged.insert(0, Draft("user", [TextBlock(EMPTY_TURN)]))
    ordered = _ordered(merged, losses)
    _finish(ordered, request.client is Dialect.ANTHROPIC, losses)
    return ordered


# --- turns into messages -------------------------------------------------------------------------


def _merged(
    turns: Sequence[Turn], request: Request, manners: Manners, losses: Losses
) -> list[Draft]:
    """Messages with no two of a role in a row; system turns in place where they may stand."""
    drafts: list[Draft] = []
    kept_from = _first_kept_thought(turns, request.thinking.keep_turns)
    for position, turn in enumerate(turns):
        if turn.role == "system":
            native = manners.mid_system == "native" and _may_stand(drafts, turns, position)
            _append(drafts, "system" if native else "user", _system(turn, native, manners, losses))
            continue
        content: list[KnownBlock | Raw] = []
        for block in _thoughts_in_reach(turn, manners, position >= kept_from, losses):
            wire = write_block(block, manners, losses)
            if wire is not None:
                content.append(wire)
        if turn.role == "assistant" and request.thinking.mode != "off":
            _hold_place(content, manners, losses)
        if not content and turn.role == "user":
            content.append(TextBlock(EMPTY_TURN))
        _append(drafts, turn.role, content)
    return drafts


def _append(
    drafts: list[Draft],
    role: Literal["user", "assistant", "system"],
    blocks: list[KnownBlock | Raw],
) -> None:
    if not blocks:
        return
    if drafts and drafts[-1].role == role:
        drafts[-1].blocks.extend(blocks)
    else:
        drafts.append(Draft(role, blocks))


def _may_stand(drafts: list[Draft], turns: Sequence[Turn], position: int) -> bool:
    """A system message follows a user's, and is the last or followed by an assistant's."""
    following = next((turn.role for turn in turns[position:] if turn.role != "system"), None)
    return bool(drafts) and drafts[-1].role != "assistant" and following != "user"


def _system(turn: Turn, native: bool, manners: Manners, losses: Losses) -> list[KnownBlock | Raw]:
    """Wrapped, it is a reminder in the user's words, as Claude Code writes its own."""
    written: list[KnownBlock | Raw] = []
    for block in turn.blocks:
        if isinstance(block, Opaque):
            losses.drop(block.type)
        wire = None if isinstance(block, Opaque) else write_block(block, manners, losses)
        if not isinstance(wire, TextBlock):
            continue
        text = wire.text.strip()
        whole = text.startswith("<system-reminder>") and text.endswith("</system-reminder>")
        if not native and not whole:
            wire.text = _REMINDER.format(wire.text)
        written.append(wire)
    return written


# --- thoughts ----------------------------------------------------------------------------------


def _first_kept_thought(turns: Sequence[Turn], keep_turns: int | None) -> int:
    """Where the turns begin whose reasoning goes along; a turn begins with words of the user."""
    if keep_turns is None:
        return 0
    begins = [
        position
        for position, turn in enumerate(turns)
        if turn.role == "user" and not any(isinstance(block, Result) for block in turn.blocks)
    ]
    return begins[-1 - keep_turns] if keep_turns < len(begins) else 0


def _thoughts_in_reach(turn: Turn, manners: Manners, kept: bool, losses: Losses) -> Iterable[Block]:
    called = any(isinstance(block, Call) for block in turn.blocks)
    wanted = manners.reasoning_in == "all" or (manners.reasoning_in == "tool_turns" and called)
    if kept and wanted:
        return turn.blocks
    others = [block for block in turn.blocks if not isinstance(block, Reasoning)]
    if not wanted and len(others) < len(turn.blocks):
        losses.drop("thinking")
    return others


def _hold_place(content: list[KnownBlock | Raw], manners: Manners, losses: Losses) -> None:
    """A placeholder for a lost thought, where the upstream refuses calls without one."""
    if not manners.reasoning_placeholder or manners.reasoning_in == "none":
        return
    called = any(isinstance(block, ToolUseBlock) for block in content)
    if called and not any(isinstance(block, ThinkingBlock) for block in content):
        losses.synthesize("thinking")
        content.insert(0, ThinkingBlock(manners.reasoning_placeholder, ""))


def loop_lost_its_thought(conversation: Sequence[Draft]) -> bool:
    """Whether the calls now being answered came without a thought before them: with manual
    thinking that is a 400 ("Expected `thinking`, but found `tool_use`")."""
    last = next((m for m in reversed(conversation) if m.role == "assistant"), None)
    if last is None or last is conversation[-1]:
        return False
    called = any(isinstance(block, ToolUseBlock) for block in last.blocks)
    return called and not isinstance(last.blocks[0], ThinkingBlock | RedactedThinkingBlock)


# --- calls and results ---------------------------------------------------------------------------


def _ordered(drafts: list[Draft], losses: Losses) -> list[Draft]:
    """Each call answered once, right after it; calls last, results first."""
    ordered: list[Draft] = []
    used: set[str] = set()
    pending: _Pending = {}
    for draft in drafts:
        if draft.role != "user" and pending:
            ordered.append(Draft("user", _results_first([], pending, losses)))
            pending = {}
        if draft.role == "assistant":
            pending = _calls_last(draft, used, losses)
        elif draft.role == "user":
            draft = Draft("user", _results_first(draft.blocks, pending, losses))
            pending = {}
        ordered.append(draft)
    if pending:
        ordered.append(Draft("user", _results_first([], pending, losses)))
    return ordered


def _calls_last(draft: Draft, used: set[str], losses: Losses) -> _Pending:
    """Moves text before the calls of its message, and gives calls ids that are new."""
    calls = [block for block in draft.blocks if isinstance(block, ToolUseBlock)]
    others = [block for block in draft.blocks if not isinstance(block, ToolUseBlock)]
    if calls and draft.blocks[: len(others)] != others:
        losses.reorder("messages.content")
    draft.blocks = [*others, *calls]
    pending: _Pending = {}
    for call in calls:
        named = call.id
        number = 2
        while call.id in used:  # models restart their numbering, but ids must be unique
            call.id = f"{named}_{number}"
            number += 1
        used.add(call.id)
        pending.setdefault(named, []).append(call.id)
    return pending


def _results_first(
    blocks: Sequence[KnownBlock | Raw], pending: _Pending, losses: Losses
) -> list[KnownBlock | Raw]:
    results: dict[str, ToolResultBlock] = {}
    rest: list[KnownBlock | Raw] = []
    for block in blocks:
        if not isinstance(block, ToolResultBlock):
            rest.append(block)
        elif block.tool_use_id in pending:
            if rest:
                losses.reorder("messages.content")
            sent = _answered(pending[block.tool_use_id], results, losses)
            results[sent] = structs.replace(block, tool_use_id=sent)
        else:
            rest.extend(_orphan(block, losses))
    for sent in (sent for ids in pending.values() for sent in ids if sent not in results):
        losses.synthesize("tool_result")
        results[sent] = ToolResultBlock(sent, NO_RESULT, True)
    return [*results.values(), *rest]


def _answered(ids: Sequence[str], results: dict[str, ToolResultBlock], losses: Losses) -> str:
    """The first of `ids` without a result; where all have one, the last result of all counts."""
    for sent in ids:
        if sent not in results:
            return sent
    losses.drop("tool_result")
    del results[ids[-1]]
    return ids[-1]


def _orphan(block: ToolResultBlock, losses: Losses) -> list[KnownBlock | Raw]:
    """A result without its call, as the text that it is."""
    losses.emulate("tool_result")
    head = f"[result of unknown call {block.tool_use_id}]"
    if not isinstance(block.content, list):
        return [TextBlock(f"{head} {block.content or ''}".rstrip())]
    return [TextBlock(head), *block.content]


# --- the end -----------------------------------------------------------------------------------


def _finish(ordered: list[Draft], prefills: bool, losses: Losses) -> None:
    """The last message. Begun by an assistant it is a beginning that the model continues, which
    an Anthropic client means; OpenAI clients do not."""
    last = ordered[-1]
    if last.role != "assistant":
        return
    if not prefills:
        losses.synthesize("messages")
        ordered.append(Draft("user", [TextBlock(CONTINUE)]))
        return
    text = last.blocks[-1]
    if isinstance(text, TextBlock):  # "final assistant content cannot end with trailing whitespace"
        text.text = text.text.rstrip()

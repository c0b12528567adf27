"""Passes for a history that every upstream takes: no empty turns, every call followed by its
result.

Interrupted sessions, compaction and careless clients leave turns that agents do not notice and
hosts refuse: "the message at position N with role 'assistant' must not be empty"
(MoonshotAI/kimi-code#1985), "text content is empty" (MoonshotAI/kimi-cli#1663), "tool_call_ids did
not have response messages" (lidge-jun/opencodex#4726).

The repair of a turn depends only on the turns before it and on those up to the next answer of the
model with content, which are all there when a request is made. So the repaired history of one
request begins the repaired history of the next, and prompt caches hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import is_
from typing import Final

from msgspec import structs

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import (
    Block,
    Call,
    Reasoning,
    Refusal,
    Request,
    Result,
    Text,
    ToolReference,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire.arguments import whole_object
from gwproxy.translate.wire.fields import Unsupported

NO_CONTENT: Final = "(no content)"
_CONTINUE: Final = "Continue."
NO_RESULT: Final = "[no result recorded]"
_REMINDER: Final = "<system-reminder>\n{}\n</system-reminder>"


def drop_blank(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Drops blank text, and assistant turns without text or call; fills empty user turns."""
    turns: list[Turn] = []
    for turn in request.turns:
        blocks = _without_blank(turn.blocks)
        if turn.role == "assistant" and all(isinstance(block, Reasoning) for block in blocks):
            losses.drop("messages.empty_assistant")
            continue
        if not blocks and turn.role == "system":
            losses.drop("messages.empty_text")
            continue
        if not blocks:
            losses.synthesize("messages.empty_user")
            blocks = (Text(NO_CONTENT),)
        elif blocks is not turn.blocks:
            losses.drop("messages.empty_text")
        turns.append(turn if blocks is turn.blocks else structs.replace(turn, blocks=blocks))
    return _with_turns(request, turns)


def _without_blank(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    if not any(map(_has_blank, blocks)):
        return blocks
    return tuple(
        structs.replace(block, blocks=_without_blank(block.blocks))
        if isinstance(block, Result)
        else block
        for block in blocks
        if isinstance(block, Result) or not _has_blank(block)
    )


def _has_blank(block: Block) -> bool:
    """Whether a block is blank text, or a result with some."""
    kind = type(block)
    if kind is Text or kind is Refusal:
        return not block.text or block.text.isspace()  # type: ignore[union-attr]
    return kind is Result and any(map(_has_blank, block.blocks))  # type: ignore[union-attr]


def _with_turns(request: Request, turns: list[Turn]) -> Request:
    """The request with these turns; the same request when they are its own."""
    if len(turns) == len(request.turns) and all(map(is_, turns, request.turns)):
        return request
    return structs.replace(request, turns=tuple(turns))


def whole_arguments(
    request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses
) -> Request:
    """The request with the arguments of each function call as one JSON object: of broken ones,
    which agents keep after a cut answer, the members that are whole."""
    return _with_turns(request, [_with_objects(turn, losses) for turn in request.turns])


def _with_objects(turn: Turn, losses: Losses) -> Turn:
    if turn.role != "assistant":
        return turn
    blocks: list[Block] = []
    for block in turn.blocks:
        if type(block) is Call and not block.custom:
            arguments, has_all = whole_object(block.arguments)
            if not has_all:
                losses.drop("messages.arguments")
            if arguments is not block.arguments:
                block = structs.replace(block, arguments=arguments)
        blocks.append(block)
    if all(map(is_, blocks, turn.blocks)):
        return turn
    return structs.replace(turn, blocks=tuple(blocks))


def begin_and_end(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Adds user turns so that a history begins with one and has something to answer, where turns
    are strict: a last assistant turn would be continued, which not every client means. Raises
    Unsupported."""
    turns = request.turns
    first = next((at for at, turn in enumerate(turns) if turn.role != "system"), len(turns))
    strict = facts.strict_turns
    if not turns or (strict and (first == len(turns) or turns[first].role == "assistant")):
        losses.synthesize("messages")
        turns = (*turns[:first], Turn("user", (Text(NO_CONTENT),)), *turns[first:])
    begins = request.client is not None and request.client.begins_answers
    if turns[-1].role == "assistant" and begins and not quirks.allow(facts.continues):
        raise Unsupported("messages", "this upstream cannot continue an answer that was begun")
    if strict and turns[-1].role == "assistant" and not begins:
        losses.synthesize("messages")
        turns = (*turns, Turn("user", (Text(_CONTINUE),)))
    return request if turns is request.turns else structs.replace(request, turns=turns)


def wrap_system(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Turns a system turn in mid-conversation into a reminder in a user turn, where the host takes
    none there. It is never moved to the beginning: order and cache would be lost."""
    turns: list[Turn] = []
    leading = True
    for position, turn in enumerate(request.turns):
        leading = leading and turn.role == "system"
        if turn.role == "system" and not leading:
            native = quirks.mid_system == "native"
            if native and facts.strict_turns:
                native = _may_stand(turns[-1], request.turns[position:])
            if not native:
                losses.emulate("messages.system")
                turn = Turn("user", tuple(map(_reminding, turn.blocks)))
        turns.append(turn)
    return _with_turns(request, turns)


def alternate(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Joins turns of one side that follow each other, where the host's template refuses them."""
    if not quirks.alternate_turns:
        return request
    turns: list[Turn] = []
    for turn in request.turns:
        if turns and turn.role != "system" and turn.role == turns[-1].role:
            before = turns.pop()
            turn = structs.replace(turn, blocks=(*before.blocks, *map(_apart, turn.blocks)))
        turns.append(turn)
    return _with_turns(request, turns)


def _apart(block: Block) -> Block:
    return structs.replace(block, apart=True) if type(block) is Text else block


def _may_stand(before: Turn, following: Sequence[Turn]) -> bool:
    """Whether the Messages API takes a system message here: behind a user's, as the last or before
    an assistant's (https://docs.claude.com/en/api/messages)."""
    after = next((turn.role for turn in following if turn.role != "system"), None)
    return before.role != "assistant" and after != "user"


def _reminding(block: Block) -> Block:
    return structs.replace(block, text=reminder(block.text)) if isinstance(block, Text) else block


def reminder(text: str) -> str:
    """Instructions as text of a user message, wrapped as Claude Code's own reminders, which stay as
    they are."""
    bare = text.strip()
    if bare.startswith("<system-reminder>") and bare.endswith("</system-reminder>"):
        return text
    return _REMINDER.format(text)


def answer_calls(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Puts exactly one result directly behind each call, in the calls' order, by which some hosts
    pair them.

    Results are looked for up to the next assistant turn; one that comes later, or answers no call,
    becomes text in its place. A call without a result gets one that says so, as no host takes it
    without. Several results of one call become one: Codex reports progress so (`notify`), and any
    of them might be the one that counts.
    """
    if _is_settled(request.turns):
        return request
    turns: list[Turn] = []
    calls: list[Call] = []
    given = _joined(request.turns, losses)
    start = 0
    while start < len(given):
        turn = given[start]
        if turn.role == "assistant":
            turns.append(turn)
            calls = [block for block in turn.blocks if type(block) is Call]
            start += 1
        end = start
        while end < len(given) and given[end].role != "assistant":
            end += 1
        turns += _answered(calls, given[start:end], losses)
        start = end
    return _with_turns(request, turns)


def _is_settled(turns: tuple[Turn, ...]) -> bool:
    """Whether calls and results are in order already, as in nearly all requests; False where a
    closer look is needed."""
    waiting: list[str] = []
    for turn in turns:
        if turn.role == "assistant":
            if waiting:
                return False
            waiting = [block.id for block in turn.blocks if type(block) is Call]
            continue
        answered = [block.call_id for block in turn.blocks if type(block) is Result]
        if answered != waiting:
            return False
        if waiting and not all(type(block) is Result for block in turn.blocks[: len(waiting)]):
            return False
        waiting = []
    return not waiting


def _joined(turns: tuple[Turn, ...], losses: Losses) -> tuple[Turn, ...]:
    """The turns with assistant turns that follow one with calls joined to it, so that the results
    come behind both."""
    out: list[Turn] = []
    for turn in turns:
        before = out[-1] if out else None
        if (
            before is not None
            and before.role == turn.role == "assistant"
            and any(type(block) is Call for block in before.blocks)
        ):
            losses.reorder("messages.assistant")
            out[-1] = structs.replace(before, blocks=(*before.blocks, *turn.blocks))
        else:
            out.append(turn)
    return turns if len(out) == len(turns) else tuple(out)


def _answered(calls: list[Call], span: tuple[Turn, ...], losses: Losses) -> Iterable[Turn]:
    """The turns between two answers of the model, results first."""
    given = [any(type(block) is Result for block in turn.blocks) for turn in span]
    if (not calls and not any(given)) or _in_order(calls, span):
        return span
    results = _Results(calls, losses)
    left = [(turn, results.take(turn)) for turn in span]
    taken = results.complete()
    out: list[Turn] = []
    if given and given[0] and span[0].role == "user":
        turn, others = left[0]
        left[0] = turn, (*taken, *others)
    elif taken:
        out.append(Turn("user", taken))
    out += [
        turn if blocks == turn.blocks else structs.replace(turn, blocks=blocks)
        for turn, blocks in left
        if blocks
    ]
    return out


def _in_order(calls: list[Call], span: tuple[Turn, ...]) -> bool:
    """Whether the first turn begins with one result for each call, and there are no others."""
    count = len(calls)
    if not span or span[0].role != "user":
        return False
    blocks = span[0].blocks
    given = [block.call_id for block in blocks[:count] if type(block) is Result]
    if given != [call.id for call in calls]:
        return False
    return not any(type(b) is Result for b in blocks[count:]) and not any(
        type(b) is Result for turn in span[1:] for b in turn.blocks
    )


class _Results:
    """Assigns the results between two answers to their calls."""

    def __init__(self, calls: list[Call], losses: Losses) -> None:
        self._calls = calls
        self._open = [call.id for call in calls]
        self._taken: list[Result] = []
        self._losses = losses
        self._turns = 0

    def take(self, turn: Turn) -> tuple[Block, ...]:
        """Takes the turn's results; returns its other blocks."""
        self._turns += 1
        others: list[Block] = []
        for block in turn.blocks:
            if type(block) is not Result:
                others.append(block)
                continue
            if self._turns > 1 or others:
                self._losses.reorder("messages.tool_result")
            if block.call_id in self._open:
                self._open.remove(block.call_id)
                self._taken.append(block)
            elif not self._merge(block):
                self._losses.rename("messages.orphan_tool_result")
                others += as_text(block)
        return tuple(others)

    def _merge(self, result: Result) -> bool:
        """Adds a further result to an answered call's (openai/codex's `notify`); False for no such
        call."""
        for index, known in enumerate(self._taken):
            if known.call_id == result.call_id:
                if known.blocks != result.blocks:
                    blocks = (*known.blocks, *result.blocks)
                    self._taken[index] = structs.replace(
                        known, blocks=blocks, is_error=result.is_error
                    )
                self._losses.rename("messages.duplicate_tool_result")
                return True
        return False

    def complete(self) -> tuple[Block, ...]:
        """One result for each call, in the calls' order; missing ones are made up."""
        out: list[Result] = []
        for call in self._calls:
            ids = [result.call_id for result in self._taken]
            if call.id in ids:
                place = ids.index(call.id)
                if place:
                    self._losses.reorder("messages.tool_result")
                out.append(self._taken.pop(place))
            else:
                self._losses.synthesize("messages.tool_result")
                made_up = (Text(NO_RESULT),)
                out.append(Result(call.id, made_up, is_error=True, custom=call.custom))
        return tuple(out)


def as_text(result: Result) -> list[Block]:
    """A result that answers no call, as content of a user turn."""
    said = f"[result of unknown call {result.call_id}]"
    out: list[Block] = []
    for block in result.blocks:
        if isinstance(block, Text):
            said += f" {block.text}"
        elif isinstance(block, ToolReference):
            said += f" {block.name}"
        else:
            out.append(block)
    return [Text(said), *out]


def calls_last(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Moves calls to the end of assistant turns, where hosts refuse text behind them
    (BerriAI/litellm#24361)."""
    if not facts.strict_turns:
        return request
    return _with_turns(request, [_with_calls_last(turn, losses) for turn in request.turns])


def _with_calls_last(turn: Turn, losses: Losses) -> Turn:
    kinds = list(map(type, turn.blocks))
    if turn.role != "assistant" or Call not in kinds:
        return turn
    first = kinds.index(Call)
    others = tuple(block for block in turn.blocks[first:] if type(block) is not Call)
    if not others:
        return turn
    losses.reorder("messages.text_after_tool_use")
    calls = (block for block in turn.blocks if type(block) is Call)
    return structs.replace(turn, blocks=(*turn.blocks[:first], *others, *calls))


def distinct_ids(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Renames repeated call ids, where the upstream pairs calls and results by id alone.

    Kimi counts anew in each answer (`functions.ls:0`). Where they are paired by place the ids stay
    as the model was trained to see them, unless one answer repeats its own.
    """
    ids = [block.id for turn in request.turns for block in turn.blocks if type(block) is Call]
    if len(set(ids)) == len(ids):
        return request
    used: set[str] = set()
    renamed: dict[str, list[str]] = {}
    turns: list[Turn] = []
    for turn in request.turns:
        blocks: list[Block] = []
        if turn.role == "assistant":
            renamed = {}
            used = set() if facts.pairs_by_place else used
        for block in turn.blocks:
            if type(block) is Call:
                unique = _unused(block.id, used)
                used.add(unique)
                renamed.setdefault(block.id, []).append(unique)
                block = block if unique == block.id else structs.replace(block, id=unique)
            elif type(block) is Result and renamed.get(block.call_id):
                unique = renamed[block.call_id].pop(0)
                same = unique == block.call_id
                block = block if same else structs.replace(block, call_id=unique)
            blocks.append(block)
        if not all(map(is_, blocks, turn.blocks)):
            losses.rename("messages.tool_call_id")
            turn = structs.replace(turn, blocks=tuple(blocks))
        turns.append(turn)
    return _with_turns(request, turns)


def _unused(call_id: str, used: set[str]) -> str:
    if call_id not in used:
        return call_id
    # The strictest dialect takes forty characters.
    stem = call_id[:34]
    number = 2
    while f"{stem}_{number}" in used:
        number += 1
    return f"{stem}_{number}"

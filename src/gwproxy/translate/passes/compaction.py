"""The request for a summary of the conversation, for hosts that know no order to compact.

The history is sent as text alone: hosts that get no tools may refuse calls and results (AWS
Bedrock: "The toolConfig field must be defined when using toolUse and toolResult content blocks"),
and the model is not to go on with them. The order comes when the window is full, so room is made
for the summary: the oldest tool results go first, then the arguments of the oldest calls, then the
oldest turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import structs

from gwproxy.translate.hub import (
    Block,
    Call,
    Failure,
    Media,
    Opaque,
    Reasoning,
    Refusal,
    Request,
    Result,
    Text,
    ToolReference,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import tokens
from gwproxy.translate.quirks import Quirks

ORDER: Final = """\
Stop here: this conversation is full, and everything above will be taken away. Write the summary \
with which somebody who has read none of it can go on at once. Answer with the summary alone; call \
no tool, and do not go on with the work itself.

Tell, as exactly as it was said above:
1. what the user wants: every instruction, limit and preference;
2. what was done and found out, and what was decided and why, with the paths, names, commands, \
figures and error messages that still matter, word for word;
3. how things stand: what works, what does not, what is half done;
4. what comes next, and what is still open.
Where a summary of an earlier part stands above, take over all of it that still counts."""

_ROOM: Final = 8_192
"""Tokens for the summary and the reasoning before it; of a small window, a quarter of it."""

_ESTIMATE_MARGIN: Final = 1.1
"""How far an estimate may be below the upstream's own count."""

_LESS: Final = 0.7
"""The part of a history that is sent after a refusal without figures."""

_OUTPUT_GONE: Final = "[left out: it did not fit]"
_TURNS_GONE: Final = "[The beginning of the conversation is left out: it did not fit.]"


def most_tokens(quirks: Quirks) -> int:
    """The tokens that a history to be summarised may have."""
    return int((quirks.context_window - _room(quirks.context_window)) / _ESTIMATE_MARGIN)


def fewer_tokens(sent: int, failure: Failure) -> int:
    """The tokens to send after a refusal of `sent` tokens, both by our estimate."""
    needed, limit = failure.context_tokens, failure.context_limit
    if not needed or not limit or limit >= needed:
        return int(sent * _LESS)
    return int(min(sent * (limit - _room(limit)) / needed / _ESTIMATE_MARGIN, sent * 0.9))


def _room(window: int) -> int:
    return min(_ROOM, window // 4)


def summarising(request: Request, most: float, losses: Losses) -> Request:
    """The request for a summary, of at most `most` tokens where that is possible."""
    losses.emulate("compaction")
    turns = list(request.turns)
    total: float = tokens.estimate(structs.replace(request, tools=(), output_format=None))
    for kind in (Result, Call):
        total = _without(kind, turns, total, most, losses)
    turns = _shortened(turns, total, most, losses)
    names = {b.id: b.name for turn in turns for b in turn.blocks if type(b) is Call}
    worded = [_in_words(turn, names, losses) for turn in turns]
    said = (*(turn for turn in worded if turn.blocks), Turn("user", (Text(ORDER),)))
    request = structs.replace(
        request, turns=said, tools=(), tool_choice=None, output_format=None, stop=()
    )
    return structs.replace(request, estimate=tokens.estimate(request))


def _without(
    kind: type[Result] | type[Call], turns: list[Turn], total: float, most: float, losses: Losses
) -> float:
    """The tokens left after the oldest blocks of `kind` were emptied, as many as necessary."""
    for place, turn in enumerate(turns):
        if total <= most:
            break
        blocks = []
        for block in turn.blocks:
            if type(block) is kind and total > most:
                before, block = tokens.of_block(block), _emptied(block)
                total -= max(before - tokens.of_block(block), 0)
                losses.drop(
                    "messages.oldest_outputs" if kind is Result else "messages.oldest_calls"
                )
            blocks.append(block)
        turns[place] = structs.replace(turn, blocks=tuple(blocks))
    return total


def _emptied(block: Block) -> Block:
    match block:
        case Result():
            return structs.replace(block, blocks=(Text(_OUTPUT_GONE),))
        case Call():
            return structs.replace(block, arguments=_OUTPUT_GONE)
    return block


def _shortened(turns: list[Turn], total: float, most: float, losses: Losses) -> list[Turn]:
    """The turns without the oldest, as many as necessary; instructions and the last one stay."""
    gone = 0
    for place, turn in enumerate(turns[:-1]):
        if total <= most:
            break
        if turn.role != "system":
            total -= sum(map(tokens.of_block, turn.blocks))
            gone = place + 1
    if not gone:
        return turns
    losses.drop("messages.oldest_turns")
    kept = [turn for turn in turns[:gone] if turn.role == "system"]
    return [*kept, Turn("user", (Text(_TURNS_GONE),)), *turns[gone:]]


def _in_words(turn: Turn, names: dict[str, str], losses: Losses) -> Turn:
    """A turn with its calls and results as text, and without reasoning."""
    said: list[Block] = []
    for block in turn.blocks:
        match block:
            case Reasoning():
                continue
            case Call(name=name, arguments=arguments):
                said.append(Text(f"[called {name}]\n{arguments}", apart=True))
            case Result(call_id=call_id):
                words = "\n".join(_words(block))
                head = f"[{names.get(call_id, 'a tool')} gave back]"
                said.append(Text(f"{head}\n{words}", apart=True))
            case ToolReference(name=name):
                said.append(Text(name, apart=True))
            case Opaque(text=None, needed=None, type=kind):
                losses.drop(f"messages.{kind}")
            case _:
                said.append(block)
    return structs.replace(turn, blocks=tuple(said))


def _words(result: Result) -> Iterator[str]:
    for block in result.blocks:
        match block:
            case Text(text=text) | Refusal(text=text):
                yield text
            case Media(kind=kind):
                yield f"[{kind}]"
            case ToolReference(name=name):
                yield name
            case Opaque(native=native, text=text):
                yield native if text is None else text

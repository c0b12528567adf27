"""Reasoning: which of it goes back, whether the model thinks now, and how hard.

Genuine reasoning is always preferred; it is never invented unless a host's manners hold a
placeholder, which is data learned from that host's own error ("thinking is enabled but
reasoning_content is missing in assistant tool call message", anomalyco/opencode#10996). Moonshot
asked for the opposite as the rule (farion1231/cc-switch c82624761).
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import structs

from gwproxy.translate.hub import (
    Call,
    Dialect,
    Reasoning,
    Refusal,
    Request,
    Text,
    Thinking,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.manners import Manners
from gwproxy.translate.thinking import effort_of, first_kept_turn, nearest_effort

# An effort as a budget of tokens where a host knows only budgets. Vendors publish no table; these
# are the steps at which their own clients draw the line
# (https://docs.claude.com/en/docs/build-with-claude/extended-thinking).
_BUDGETS: Final = {
    "minimal": 1_024,
    "low": 4_096,
    "medium": 12_288,
    "high": 24_576,
    "xhigh": 49_152,
    "max": 63_999,
}
_DEFAULT_BUDGET: Final = _BUDGETS["high"]
# Anthropic: budget_tokens is at least 1024 and less than max_tokens; the answer needs room, too.
_LEAST_BUDGET: Final = 1_024
_ROOM_FOR_ANSWER: Final = 1_024

_CALL_THIS: Final = "Answer by calling the tool `{}`."
_CALL_ANY: Final = "Answer by calling one of the tools."
# What each dialect's clients know an effort as.
_EFFORT_FIELD: Final = {
    Dialect.ANTHROPIC: "output_config.effort",
    Dialect.CHAT: "reasoning_effort",
    Dialect.RESPONSES: "reasoning.effort",
}


# --- reasoning of earlier turns ------------------------------------------------------------------


def keep_turns(request: Request, upstream: Dialect, manners: Manners, losses: Losses) -> Request:
    """Leaves out reasoning that the client asked to forget (`Thinking.keep_turns`).

    Hosts that demand reasoning on every tool-call turn get it there all the same.
    """
    keep = request.thinking.keep_turns
    if keep is None:
        return request
    first_kept = first_kept_turn(request.turns, keep)
    demanded = (
        manners.thinking_switch == "thinking"
        or manners.thinking_always
        or bool(manners.reasoning_placeholder)
    )
    turns = tuple(
        turn if index >= first_kept or (demanded and _has_call(turn)) else _forgotten(turn)
        for index, turn in enumerate(request.turns)
    )
    if all(new is old for new, old in zip(turns, request.turns, strict=True)):
        return request
    losses.emulate("thinking.keep")
    return structs.replace(request, turns=turns)


def _has_call(turn: Turn) -> bool:
    return any(type(block) is Call for block in turn.blocks)


def _forgotten(turn: Turn) -> Turn:
    if turn.role != "assistant" or not any(type(block) is Reasoning for block in turn.blocks):
        return turn
    return structs.replace(turn, blocks=tuple(b for b in turn.blocks if type(b) is not Reasoning))


def replay(request: Request, upstream: Dialect, manners: Manners, losses: Losses) -> Request:
    """Sends back the reasoning that the host takes (`reasoning_in`, `signed_thinking`)."""
    turns = []
    for turn in request.turns:
        if turn.role == "assistant":
            kept = _replayed(turn, upstream, manners)
            if kept is not turn:
                losses.drop("messages.thinking")
            turn = kept
        turns.append(turn)
    if all(new is old for new, old in zip(turns, request.turns, strict=True)):
        return request
    request = structs.replace(request, turns=tuple(turns))
    manual = manners.signed_thinking and request.thinking.mode == "budget"
    if manual and _loop_lacks(request) and _can_stop(upstream, manners):
        # "Expected `thinking`, but found `tool_use`" (farion1231/cc-switch, thinking rectifier)
        losses.drop("thinking")
        request = structs.replace(request, thinking=Thinking(mode="off"))
    return request


def _replayed(turn: Turn, upstream: Dialect, manners: Manners) -> Turn:
    wanted = manners.reasoning_in == "all" or (
        manners.reasoning_in == "tool_turns" and _has_call(turn)
    )
    if not wanted:
        return _forgotten(turn)
    if upstream is Dialect.RESPONSES:
        turn = _led_on(turn)
    if not manners.signed_thinking:
        return turn
    blocks = tuple(
        block for block in turn.blocks if type(block) is not Reasoning or _is_own(block, manners)
    )
    return turn if len(blocks) == len(turn.blocks) else structs.replace(turn, blocks=blocks)


def _led_on(turn: Turn) -> Turn:
    """The turn less the thoughts that led to nothing: a reasoning item "provided without its
    required following item" is a 400 at OpenAI's."""
    said = [at for at, block in enumerate(turn.blocks) if isinstance(block, Text | Refusal | Call)]
    last = said[-1] if said else -1
    if not any(type(block) is Reasoning for block in turn.blocks[last + 1 :]):
        return turn
    rest = tuple(block for block in turn.blocks[last + 1 :] if type(block) is not Reasoning)
    return structs.replace(turn, blocks=(*turn.blocks[: last + 1], *rest))


def _is_own(block: Reasoning, manners: Manners) -> bool:
    if block.foreign_signature is not None:
        return True
    seal = block.seal
    return (
        seal is not None
        and seal.family == manners.family
        and seal.kind in ("signature", "redacted")
    )


def _loop_lacks(request: Request) -> bool:
    """Whether a call of the running tool loop stands without the thinking that led to it."""
    for turn in request.turns[first_kept_turn(request.turns, 0) :]:
        if turn.role == "assistant" and _has_call(turn):
            return type(turn.blocks[0]) is not Reasoning
    return False


def fill_reasoning(
    request: Request, upstream: Dialect, manners: Manners, losses: Losses
) -> Request:
    """Puts the placeholder, where the manners have one, on tool-call turns that lost theirs."""
    placeholder = manners.reasoning_placeholder
    off = request.thinking.mode == "off" or manners.reasoning_in == "none"
    # Responses upstreams take no thought but their own, by its id.
    if not placeholder or off or manners.signed_thinking or upstream is Dialect.RESPONSES:
        return request
    turns = []
    changed = False
    for turn in request.turns:
        if turn.role == "assistant" and _has_call(turn) and not _reads_any(turn, upstream, manners):
            changed = True
            others = tuple(b for b in turn.blocks if type(b) is not Reasoning or b.hidden)
            turn = structs.replace(turn, blocks=(Reasoning(placeholder), *others))
        turns.append(turn)
    if not changed:
        return request
    losses.synthesize("messages.thinking")
    return structs.replace(request, turns=tuple(turns))


def _reads_any(turn: Turn, upstream: Dialect, manners: Manners) -> bool:
    """Whether the host finds a thought there: words, or in Anthropic's dialect a signature."""
    for block in turn.blocks:
        if type(block) is not Reasoning or block.hidden:
            continue
        signed = bool(block.foreign_signature) or _is_own(block, manners)
        if block.text.strip() or block.text == manners.reasoning_placeholder:
            return True
        if signed and upstream is Dialect.ANTHROPIC:
            return True
    return False


# --- thinking now --------------------------------------------------------------------------------


def force_tools(request: Request, upstream: Dialect, manners: Manners, losses: Losses) -> Request:
    """A forced tool call and thinking do not go together at some hosts: the forced call wins.

    "tool_choice 'required' is incompatible with thinking enabled" (can1357/oh-my-pi#1077),
    "Thinking may not be enabled when tool_choice forces tool use" (can1357/oh-my-pi#341).
    """
    request = _alone(request, manners, losses)
    choice = request.tool_choice
    if manners.forced_tools == "allow" or choice is None or choice.mode not in ("any", "tool"):
        return request
    thinking = request.thinking
    if manners.forced_tools == "no_thinking" and _can_stop(upstream, manners):
        asked = thinking.mode in ("on", "budget") or thinking.effort not in (None, "none")
        if thinking.mode == "off" or not (asked or manners.thinking_switch == "thinking"):
            return request
        if asked:
            losses.drop("thinking")
        else:
            losses.emulate("tool_choice")
        return structs.replace(request, thinking=Thinking(mode="off", show=thinking.show))
    if thinking.mode == "off" and _can_stop(upstream, manners):
        return request
    losses.emulate("tool_choice")
    words, tools = _CALL_ANY, request.tools
    if choice.mode == "tool":
        words = _CALL_THIS.format(choice.name)
        tools = tuple(tool for tool in tools if tool.name == choice.name) or tools
    return structs.replace(
        request,
        tools=tools,
        tool_choice=structs.replace(choice, mode="auto", name=None),
        # A turn of its own, at the end: what was sent before stays as it was.
        turns=(*request.turns, Turn("user", (Text(words),))),
    )


def _alone(request: Request, manners: Manners, losses: Losses) -> Request:
    """A tool that is forced by name, as the only one of which any must be called."""
    choice = request.tool_choice
    if manners.named_tool or choice is None or choice.mode != "tool":
        return request
    tools = tuple(tool for tool in request.tools if tool.name == choice.name) or request.tools
    losses.emulate("tool_choice")
    choice = structs.replace(choice, mode="any", name=None)
    return structs.replace(request, tools=tools, tool_choice=choice)


def _can_stop(upstream: Dialect, manners: Manners) -> bool:
    """Whether the host can be told not to think."""
    if manners.thinking_always or manners.thinking_switch == "none":
        return False
    by_object = upstream is Dialect.ANTHROPIC or manners.thinking_switch == "thinking"
    return by_object or "none" in manners.efforts


def set_thinking(request: Request, upstream: Dialect, manners: Manners, losses: Losses) -> Request:
    """Thinking and effort in the one form that the host has for them.

    Hosts refuse both at once ("cannot specify both 'thinking' and 'reasoning_effort'",
    HKUDS/nanobot#3939) and efforts they do not know (liliMozi/openhanako#2092).
    """
    asked = request.thinking
    wanted = _as_off(asked)
    if wanted.mode is None and wanted.effort is None:
        return request if wanted == asked else structs.replace(request, thinking=wanted)
    if manners.thinking_switch == "none":
        wanted = _unsaid(asked)
    elif wanted.mode == "off":
        wanted = _stopped(wanted, upstream, manners)
    elif upstream is Dialect.ANTHROPIC:
        wanted = _for_anthropic(wanted, manners)
    elif manners.thinking_switch == "thinking" and upstream is Dialect.CHAT:
        wanted = structs.replace(wanted, mode="on", effort=None, budget_tokens=None)
    else:
        effort = nearest_effort(effort_of(wanted) or "high", manners)
        effort = None if wanted.effort is None and wanted.budget_tokens is None else effort
        wanted = structs.replace(wanted, mode="on", effort=effort, budget_tokens=None)
    if wanted == asked:
        return request
    _name_losses(asked, wanted, _EFFORT_FIELD[upstream], losses)
    return structs.replace(request, thinking=wanted)


def _as_off(thinking: Thinking) -> Thinking:
    """An effort of none is thinking switched off."""
    if thinking.effort != "none" or thinking.mode == "off":
        return thinking
    return structs.replace(thinking, mode="off", budget_tokens=None)


def _unsaid(thinking: Thinking) -> Thinking:
    return structs.replace(thinking, mode=None, effort=None, budget_tokens=None)


def _stopped(wanted: Thinking, upstream: Dialect, manners: Manners) -> Thinking:
    if manners.thinking_always:
        return _unsaid(wanted)
    if upstream is Dialect.ANTHROPIC or manners.thinking_switch == "thinking":
        return structs.replace(wanted, effort=None, budget_tokens=None)
    least = nearest_effort("none", manners)
    if least is None:
        return _unsaid(wanted)
    mode: Literal["off", "on"] = "off" if least == "none" else "on"
    return structs.replace(wanted, mode=mode, effort=least, budget_tokens=None)


def _for_anthropic(wanted: Thinking, manners: Manners) -> Thinking:
    if manners.adaptive_thinking:
        effort = wanted.effort and nearest_effort(wanted.effort, manners)
        return structs.replace(wanted, mode=wanted.mode or "on", effort=effort)
    budget = wanted.budget_tokens
    if wanted.mode != "budget" or budget is None:
        budget = _BUDGETS.get(wanted.effort or "", _DEFAULT_BUDGET)
    return structs.replace(wanted, mode="budget", effort=None, budget_tokens=budget)


def _name_losses(asked: Thinking, got: Thinking, field: str, losses: Losses) -> None:
    if asked.mode == "off" or asked.effort == "none":
        if got.mode == "on":
            losses.clamp(field, got.effort)
        elif got.mode is None:
            losses.drop("thinking")
    elif got.mode is None:
        losses.drop("thinking")
    elif got.effort is not None:
        if got.effort != effort_of(asked):
            losses.clamp(field, got.effort)
    elif asked.effort is not None and got.budget_tokens is None:
        losses.drop(field)
    elif asked.budget_tokens is not None and got.budget_tokens is None:
        losses.drop("thinking.budget_tokens")


def fit_budget(request: Request, upstream: Dialect, manners: Manners, losses: Losses) -> Request:
    """A thinking budget below the output limit, as Anthropic's dialect has it; without room for
    the least budget there is no thinking."""
    thinking = request.thinking
    limit = request.max_tokens
    if upstream is not Dialect.ANTHROPIC or thinking.mode != "budget" or limit is None:
        return request
    asked = thinking.budget_tokens or _DEFAULT_BUDGET
    room = min(max(limit - _ROOM_FOR_ANSWER, _LEAST_BUDGET), limit - 1)
    budget = asked if _LEAST_BUDGET <= asked < limit else min(max(asked, _LEAST_BUDGET), room)
    if budget == thinking.budget_tokens:
        return request
    if budget >= _LEAST_BUDGET:
        losses.clamp("thinking.budget_tokens", budget)
        return structs.replace(request, thinking=structs.replace(thinking, budget_tokens=budget))
    losses.drop("thinking")
    stopped = _unsaid(thinking)
    if not manners.thinking_always:
        stopped = structs.replace(stopped, mode="off")
    return structs.replace(request, thinking=stopped)

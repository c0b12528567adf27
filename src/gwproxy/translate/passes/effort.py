"""Passes for thinking and effort of this turn, and for forced tools, which may exclude thinking.

One rule for each question: `nearest_effort` for an effort that the host does not know,
`can_switch_off` for thinking that is to be switched off.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import structs

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import EFFORTS, Request, Text, Thinking, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks

# The largest thinking budget, in tokens, of each effort.
_EFFORT_OF_BUDGET: Final = ((4096, "low"), (16_384, "medium"), (65_535, "high"))
# The budget in tokens of each effort, where a host knows only budgets. Vendors publish no table;
# these are the steps of their own clients
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

_USUAL: Final = ("low", "medium", "high")

_CALL_THIS: Final = "Answer by calling the tool `{}`."
_CALL_ANY: Final = "Answer by calling one of the tools."


def effort_of(thinking: Thinking) -> str | None:
    """The effort asked for, by name or by a budget; None where the upstream decides."""
    if thinking.mode == "off":
        return "none"
    if thinking.effort is not None or thinking.budget_tokens is None:
        return thinking.effort
    budget = thinking.budget_tokens
    return next((effort for most, effort in _EFFORT_OF_BUDGET if budget <= most), "xhigh")


def nearest_effort(effort: str, quirks: Quirks) -> str | None:
    """The accepted effort nearest to `effort`, of two the stronger; None where none is taken.

    Kimi's own clients ask K3, which takes low, high and max, for high when medium is wanted and for
    max when xhigh is (liliMozi/openhanako#2092).

    Where nobody knows which are taken, those are assumed that every host with efforts has known.

    `none` is never chosen for another effort, and an upstream that cannot switch thinking off gets
    its least effort.
    """
    if quirks.thinking_switch != "effort":
        return None
    efforts = _USUAL if quirks.efforts is None else quirks.efforts
    if effort == "none" and "none" in efforts and not quirks.thinking_always:
        return effort
    wanted = _rank(effort)
    return min(
        (one for one in efforts if one != "none"),
        key=lambda one: (abs(_rank(one) - wanted), -_rank(one)),
        default=None,
    )


def _rank(effort: str) -> int:
    return EFFORTS.index(effort) if effort in EFFORTS else len(EFFORTS)


def can_switch_off(facts: DialectFacts, quirks: Quirks) -> bool:
    """Whether thinking can be switched off: by a `thinking` object, or by an effort of none."""
    if quirks.thinking_always or quirks.thinking_switch == "none":
        return False
    return _has_object(facts, quirks) or nearest_effort("none", quirks) == "none"


def _has_object(facts: DialectFacts, quirks: Quirks) -> bool:
    """Whether the host has a `thinking` object."""
    by_switch = facts.thinking == "switch" and quirks.thinking_switch == "thinking"
    return by_switch or facts.thinking == "budget"


# --- a forced tool -------------------------------------------------------------------------------


def force_tools(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Switches thinking off for a forced tool call where a host refuses both: the forced call is
    the client's explicit choice, and most requests have thinking by habit.

    "tool_choice 'required' is incompatible with thinking enabled" (can1357/oh-my-pi#1077),
    "Thinking may not be enabled when tool_choice forces tool use" (can1357/oh-my-pi#341). A model
    whose thinking cannot be switched off gets the forced tool alone, and an instruction to call it.
    Real Claude thinks only when asked; others may think unasked (deepseek-ai/DeepSeek-V3#1376).
    """
    request = _alone(request, quirks, losses)
    choice = request.tool_choice
    if quirks.forced_tools == "allow" or choice is None or choice.mode not in ("any", "tool"):
        return request
    # Not as the client asked, but as the host will get it.
    sent = set_thinking(request, facts, quirks, Losses()).thinking
    asked = sent.mode in ("on", "budget")
    stops = can_switch_off(facts, quirks)
    if (quirks.signed_thinking and not asked) or (stops and sent.mode == "off"):
        return request
    if quirks.forced_tools == "no_thinking" and stops:
        if asked:
            losses.drop("thinking")
        else:
            losses.emulate("tool_choice")
        return structs.replace(request, thinking=switched_off(sent, facts, quirks))
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


def _alone(request: Request, quirks: Quirks, losses: Losses) -> Request:
    """The request with a tool forced by name as its only tool, for hosts that cannot name it."""
    choice = request.tool_choice
    if quirks.named_tool or choice is None or choice.mode != "tool":
        return request
    tools = tuple(tool for tool in request.tools if tool.name == choice.name) or request.tools
    losses.emulate("tool_choice")
    choice = structs.replace(choice, mode="any", name=None)
    return structs.replace(request, tools=tools, tool_choice=choice)


# --- thinking and effort -------------------------------------------------------------------------


def set_thinking(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Puts thinking and effort into the one form that the host has for them.

    Hosts refuse both at once ("cannot specify both 'thinking' and 'reasoning_effort'",
    HKUDS/nanobot#3939) and efforts they do not know (liliMozi/openhanako#2092).
    """
    asked = request.thinking
    wanted = _as_off(asked)
    if wanted.mode is None and wanted.effort is None:
        return request
    if quirks.thinking_switch == "none":
        wanted = _unsaid(asked)
    elif wanted.mode == "off":
        wanted = switched_off(wanted, facts, quirks)
    elif facts.thinking == "budget":
        wanted = _for_budget(wanted, quirks)
    elif _has_object(facts, quirks):
        wanted = structs.replace(wanted, mode="on", effort=None, budget_tokens=None)
    else:
        effort = effort_of(wanted)
        effort = None if effort is None else nearest_effort(effort, quirks)
        wanted = structs.replace(wanted, mode="on", effort=effort, budget_tokens=None)
    if wanted == asked:
        return request
    _name_losses(asked, wanted, losses)
    return structs.replace(request, thinking=wanted)


def _as_off(thinking: Thinking) -> Thinking:
    """The thinking with an effort of none as mode "off"."""
    if thinking.effort != "none" or thinking.mode == "off":
        return thinking
    return structs.replace(thinking, mode="off", budget_tokens=None)


def _unsaid(thinking: Thinking) -> Thinking:
    return structs.replace(thinking, mode=None, effort=None, budget_tokens=None)


def switched_off(wanted: Thinking, facts: DialectFacts, quirks: Quirks) -> Thinking:
    """Thinking switched off in the host's form, or its least thinking where that is impossible."""
    if quirks.thinking_always:
        return _unsaid(wanted)
    if _has_object(facts, quirks):
        adaptive = facts.thinking == "budget" and quirks.adaptive_thinking
        effort = wanted.effort if adaptive and wanted.effort != "none" else None
        effort = effort and nearest_effort(effort, quirks)
        return structs.replace(wanted, mode="off", effort=effort, budget_tokens=None)
    least = nearest_effort("none", quirks)
    if least is None:
        return _unsaid(wanted)
    mode: Literal["off", "on"] = "off" if least == "none" else "on"
    return structs.replace(wanted, mode=mode, effort=least, budget_tokens=None)


def _for_budget(wanted: Thinking, quirks: Quirks) -> Thinking:
    """The effort for a host with budgets: the nearest where thinking is adaptive; else kept for
    `set_budget` only where thinking is on, as an effort alone is about the answer as a whole."""
    if wanted.mode == "budget" and not quirks.thinking_budgets:
        effort = effort_of(wanted)
        wanted = structs.replace(wanted, mode="on", effort=effort, budget_tokens=None)
    effort = wanted.effort
    if quirks.adaptive_thinking:
        effort = effort and nearest_effort(effort, quirks)
    elif wanted.mode != "on":
        effort = None
    return structs.replace(wanted, effort=effort)


def _name_losses(asked: Thinking, got: Thinking, losses: Losses) -> None:
    off = asked.mode == "off" or asked.effort == "none"
    if off and got.mode == "on":
        losses.clamp("reasoning_effort", got.effort)
        return
    said = asked.effort not in (None, "none")
    became_effort = got.effort is not None and not said
    if got.mode is None and (off or asked.mode is not None):
        losses.drop("thinking")
    elif asked.budget_tokens is not None and got.budget_tokens is None and not became_effort:
        losses.drop("thinking.budget_tokens")
    if got.effort is None:
        if said:
            losses.drop("reasoning_effort")
    elif got.effort != (asked.effort if said else effort_of(asked)):
        losses.clamp("reasoning_effort", got.effort)


def set_budget(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Sets a thinking budget below the output limit, where a host needs one; without room for the
    least budget thinking is switched off. A client's budget stays if it is legal; ours leaves room
    for an answer."""
    thinking = request.thinking
    by_budget = thinking.mode == "budget" or (
        thinking.mode == "on" and not quirks.adaptive_thinking
    )
    if facts.thinking != "budget" or not by_budget:
        return request
    limit = quirks.max_output if request.max_tokens is None else request.max_tokens
    own = thinking.budget_tokens if thinking.mode == "budget" else None
    asked = _BUDGETS.get(thinking.effort or "", _DEFAULT_BUDGET) if own is None else own
    budget = asked
    if own is None or not _LEAST_BUDGET <= own < limit:
        room = min(max(limit - _ROOM_FOR_ANSWER, _LEAST_BUDGET), limit - 1)
        budget = min(max(asked, _LEAST_BUDGET), room)
    if budget < _LEAST_BUDGET:
        losses.drop("thinking")
        return structs.replace(request, thinking=switched_off(thinking, facts, quirks))
    if own not in (None, budget):
        raised = own is not None and budget > own
        (losses.lift if raised else losses.clamp)("thinking.budget_tokens", budget)
    effort = thinking.effort if quirks.adaptive_thinking else None
    wanted = structs.replace(thinking, mode="budget", effort=effort, budget_tokens=budget)
    return request if wanted == thinking else structs.replace(request, thinking=wanted)
